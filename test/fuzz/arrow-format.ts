import { readdirSync, readFileSync } from "node:fs";
import * as arrow from "apache-arrow";
import type { EngineRow, EngineSource } from "../../src/engine/core/contract.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import type { SourceFormat, Trial } from "./source-format.ts";

/** Sources of Arrow by name; those that apache-arrow can read are compared with what it reads. */
interface ArrowSeed {
  readonly name: string;
  readonly bytes: Buffer;
  readonly isPlain: boolean;
}

const fixtures = new URL("../fixtures/arrow/", import.meta.url);

/** Arrow files and streams, judged by apache-arrow. */
export function arrowFormat(): SourceFormat {
  const seeds = arrowSeeds();
  return {
    ending: "arrow",
    whole: (file) =>
      seeds
        .filter(({ isPlain }) => isPlain)
        .map((seed) => () => trialOf(seed, seed.bytes, { kind: "arrow-file", file })),
    trial(file, random) {
      const seed = random.pick(seeds);
      const damaged = damagedArrow(seed.bytes, random);
      return trialOf(seed, damaged, sourceOf(file, damaged, random));
    },
  };
}

function trialOf(seed: ArrowSeed, bytes: Buffer, source: EngineSource): Trial {
  return {
    what: seed.name,
    bytes,
    source,
    judge: ({ rows }) => (seed.isPlain ? difference(bytes, rows) : undefined),
  };
}

function sourceOf(file: string, bytes: Buffer, random: Random): EngineSource {
  const kind = random.below(3);
  if (kind === 0) return { kind: "arrow-ipc", stream: bytes };
  if (kind === 1) return { kind: "arrow-ipc", stream: pieces(bytes, 1 + random.below(500)) };
  return { kind: "arrow-file", file };
}

async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

/** As {@link mutate}, and numbers anywhere: metadata is numbers in four or eight bytes. */
function damagedArrow(bytes: Uint8Array, random: Random): Buffer {
  if (random.below(3) === 0) return mutate(bytes, random, false);
  const damaged = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times--) {
    const width = random.pick([1, 2, 4, 8]);
    const offset = random.below(Math.max(1, Math.floor(damaged.length / width))) * width;
    const number = BigInt(
      random.pick([0, 1, 2, 3, 7, 8, -1, -8, 127, 0x7fffffff, -0x80000000, 2 ** 40, bytes.length]),
    );
    for (let part = 0; part < width && offset + part < damaged.length; part++)
      damaged[offset + part] = Number(BigInt.asUintN(8, number >> BigInt(8 * part)));
  }
  return damaged;
}

function arrowSeeds(): ArrowSeed[] {
  const stored = readdirSync(fixtures)
    .filter((name) => !name.endsWith(".json"))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(new URL(name, fixtures)), isPlain: false }));
  const made = Object.entries(madeTables()).flatMap(([name, table]) =>
    (["file", "stream"] as const).map((format) => ({
      name: `${name} (${format})`,
      bytes: Buffer.from(arrow.tableToIPC(table, format)),
      isPlain: true,
    })),
  );
  return [...stored, ...made];
}

function madeTables(): Record<string, arrow.Table> {
  const rows = Array.from({ length: 40 }, (_, index) => index);
  const some = <T>(values: readonly T[]) => values.map((value, index) => (index % 5 === 0 ? null : value));
  const of = (values: readonly unknown[], type: arrow.DataType) =>
    arrow.vectorFromArray([...values] as never[], type as never);
  const struct = new arrow.Struct([
    new arrow.Field("a", new arrow.Int32()),
    new arrow.Field("b", new arrow.Utf8()),
  ]);
  const list = new arrow.List(new arrow.Field("element", new arrow.Int32()));
  const flat = {
    i: of(some(rows), new arrow.Int32()),
    l: of(some(rows.map(BigInt)), new arrow.Int64()),
    d: of(some(rows.map((row) => row / 4)), new arrow.Float64()),
    b: of(some(rows.map((row) => row % 3 === 0)), new arrow.Bool()),
    t: of(some(rows.map((row) => "é".repeat(row % 20))), new arrow.Utf8()),
  };
  const nested = {
    s: of(some(rows.map((row) => ({ a: row, b: `text ${row}` }))), struct),
    l: of(some(rows.map((row) => rows.slice(0, row % 4))), list),
    k: of(
      some(rows.map((row) => `value ${row % 3}`)),
      new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
    ),
    v: of(some(rows.map((row) => "x".repeat(row))), new arrow.Utf8View()),
  };
  return { flat: new arrow.Table(flat), nested: new arrow.Table(nested) };
}

/** Where varve reads other values than apache-arrow does, in what apache-arrow can read. */
function difference(bytes: Buffer, rows: readonly EngineRow[]): string | undefined {
  let table: arrow.Table;
  try {
    table = arrow.tableFromIPC(bytes);
  } catch {
    return undefined;
  }
  const others = [...table.slice(0, 5000)].map((row) => row.toJSON() as Record<string, unknown>);
  if (rows.length !== others.length) return `${rows.length} rows, not ${others.length}`;
  const [ours, theirs] = [rows, others].map((list) => list.map((row) => text(row)));
  const index = ours?.findIndex((row, at) => row !== theirs?.[at]) ?? -1;
  return index < 0 ? undefined : `row ${index} is ${ours?.[index]}, not ${theirs?.[index]}`;
}

/** Values of both readers as one text. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === "bigint") return String(item);
    if (typeof item === "number" && Number.isFinite(item)) return String(item);
    return item instanceof arrow.Vector ? [...item] : item;
  });
}
