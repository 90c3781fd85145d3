import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as arrow from "apache-arrow";
import type { EngineRow, OpenSession } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { VarveError } from "../../src/errors.ts";
import { sql } from "../../src/sql/sql.ts";
import type { FuzzOutcome } from "./cases.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

/** Sources of Arrow by name; those that apache-arrow can read are compared with what it reads. */
interface ArrowSeed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isPlain: boolean;
}

const fixtures = new URL("../fixtures/arrow/", import.meta.url);
const casesPerSession = 50;
/** Seconds of processor time that no case of a few kilobytes takes. */
const mostSeconds = 20;

/** Damaged Arrow files and streams, staged by an engine of their own. */
export class ArrowCases {
  readonly #seeds = arrowSeeds();
  readonly #folder: string;
  #session: OpenSession | undefined;
  #cases = 0;
  #descriptors: number | undefined;

  /** @param folder is empty, and holds nothing but the case's file afterwards */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Damages one source and stages it. @throws anything but a typed error: what fuzzing looks for */
  async run(random: Random): Promise<FuzzOutcome> {
    if (this.#cases++ % casesPerSession === 0) await this.#renew();
    const seed = random.pick(this.#seeds);
    const damaged = damagedArrow(seed.bytes, random);
    const before = process.cpuUsage();
    const outcome = await this.#stage(seed, damaged, random);
    const { user, system } = process.cpuUsage(before);
    if (user + system > mostSeconds * 1_000_000)
      throw new Error(`${seed.name}: took ${(user + system) / 1_000_000} s of processor time`);
    return outcome;
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }

  /** A session of its own for some cases, after which neither descriptors nor files are left. */
  async #renew(): Promise<void> {
    await this.close();
    const files = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    if (files.some(({ name }) => name !== "source.arrow"))
      throw new Error(`left behind: ${files.map(({ name }) => name).join(", ")}`);
    const descriptors = readdirSync("/proc/self/fd").length;
    // The first sessions warm the pool up.
    if (this.#cases > 2 * casesPerSession) this.#descriptors ??= descriptors;
    if (this.#descriptors !== undefined && descriptors > this.#descriptors)
      throw new Error(`${descriptors} descriptors are open, ${this.#descriptors} were before`);
    this.#session = await openSession({
      memoryLimit: 512 * 1024 * 1024,
      threads: 1,
      temporaryFolder: this.#folder,
    });
  }

  async #stage(seed: ArrowSeed, damaged: Buffer, random: Random): Promise<FuzzOutcome> {
    const session = this.#session;
    if (session === undefined) throw new Error("no session");
    try {
      const relation = await session.stage(this.#source(damaged, random));
      const rows = await session.rows(sql`SELECT * FROM (${relation.sql}) LIMIT 2000`);
      if (seed.isPlain) compare(seed, damaged, rows);
      return { what: seed.name, outcome: "answered" };
    } catch (error) {
      const codes = ["SOURCE_UNREADABLE", "SCHEMA_MISMATCH"];
      if (error instanceof VarveError && codes.includes(error.code))
        return { what: seed.name, outcome: "refused" };
      throw new Error(`${seed.name}: ${error instanceof Error ? error.stack : String(error)}`, {
        cause: error,
      });
    }
  }

  #source(bytes: Buffer, random: Random): Parameters<OpenSession["stage"]>[0] {
    const kind = random.below(3);
    if (kind === 0) return { kind: "arrow-ipc", stream: bytes };
    if (kind === 1) return { kind: "arrow-ipc", stream: pieces(bytes, 1 + random.below(500)) };
    const file = join(this.#folder, "source.arrow");
    writeFileSync(file, bytes);
    return { kind: "arrow-file", file };
  }
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
      bytes: arrow.tableToIPC(table, format),
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

/**
 * What varve reads is what apache-arrow reads, where that reads anything. @throws where both read other values
 */
function compare(seed: ArrowSeed, bytes: Buffer, rows: readonly EngineRow[]): void {
  let table: arrow.Table;
  try {
    table = arrow.tableFromIPC(bytes);
  } catch {
    return;
  }
  const others = [...table.slice(0, 2000)].map((row) => row.toJSON() as Record<string, unknown>);
  const [ours, theirs] = [rows, others].map((list) => list.map((row) => text(row)));
  const index = ours?.findIndex((row, at) => row !== theirs?.[at]) ?? -1;
  if (ours?.length !== theirs?.length)
    throw new Error(`${seed.name}: ${ours?.length} rows, not ${theirs?.length}`);
  if (index >= 0) throw new Error(`${seed.name}: row ${index} is ${ours?.[index]}, not ${theirs?.[index]}`);
}

/** Values of both readers as one text. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === "bigint") return String(item);
    if (typeof item === "number" && Number.isFinite(item)) return String(item);
    return item instanceof arrow.Vector ? [...item] : item;
  });
}
