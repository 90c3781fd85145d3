import { gunzipSync, gzipSync } from "node:zlib";
import type { EngineColumn } from "../../src/engine/core/contract.ts";
import { type Given, givenJson, isGiven, WrittenNumber } from "./given-values.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import type { RowsRead, SourceFormat, Trial } from "./source-format.ts";
import { damageText, modes, type StagingMode, stageOptionsOf, valueTokens } from "./text-damage.ts";

interface NdjsonSeed {
  readonly name: string;
  readonly bytes: Buffer;
  /** Types that a caller may give. */
  readonly columns: readonly EngineColumn[];
}

/** Files of JSON lines, judged by `JSON.parse`. */
export const ndjsonFormat: SourceFormat = {
  ending: "ndjson",
  whole: (file) => seeds.flatMap((seed) => modes.map((mode) => () => trialOf(file, seed, seed.bytes, mode))),
  trial(file, random) {
    const seed = random.pick(seeds);
    return trialOf(file, seed, damageJson(seed.bytes, random), random.pick(modes));
  },
};

function trialOf(file: string, seed: NdjsonSeed, bytes: Buffer, mode: StagingMode): Trial {
  return {
    what: `${seed.name}, ${mode}`,
    bytes,
    source: { kind: "ndjson", files: [file] },
    options: stageOptionsOf(mode, seed.columns),
    judge: (read) => judgeLines(bytes, read),
  };
}

function damageJson(bytes: Buffer, random: Random): Buffer {
  const isPlain = bytes[0] !== 0x1f;
  if (!isPlain && random.below(2) === 0) return gzipSync(damageText(gunzipSync(bytes), random, valueTokens));
  return isPlain && random.below(3) > 0
    ? damageText(bytes, random, valueTokens)
    : mutate(bytes, random, isPlain);
}

/** The lines of a file are the rows, in their order, each with the values of `JSON.parse`. */
function judgeLines(bytes: Buffer, { columns, rows, badCells }: RowsRead): string | undefined {
  let row = 0;
  for (const [index, line] of linesOf(bytes).entries()) {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(line);
    if (text.trim() === "") continue;
    const cells = rows[row];
    const bad = badCells[row] ?? [];
    if (cells === undefined) return `line ${index + 1} is no row`;
    row++;
    const parsed = givenJson(text);
    if (bad.some(({ column }) => column === null)) {
      if (parsed !== undefined && isObject(parsed.value)) return `line ${index + 1} was set aside as broken`;
      continue;
    }
    if (parsed === undefined || !isObject(parsed.value))
      return `line ${index + 1} is no object, or repeats a name`;
    const problem = judgeRow(parsed.value, columns, cells, bad);
    if (problem !== undefined) return `line ${index + 1}: ${problem}`;
  }
  return row === rows.length ? undefined : `${rows.length} rows of ${row} lines`;
}

function judgeRow(
  object: { readonly [name: string]: Given },
  columns: RowsRead["columns"],
  cells: RowsRead["rows"][number],
  bad: RowsRead["badCells"][number],
): string | undefined {
  const given = new Map(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]));
  if (given.size !== Object.keys(object).length) return "names differ by case";
  for (const { name, type } of columns) {
    const value = cells[name] ?? null;
    const own = given.get(name.toLowerCase()) ?? null;
    given.delete(name.toLowerCase());
    const isAside = bad.some(({ column }) => column?.toLowerCase() === name.toLowerCase());
    if (isAside ? value !== null : !isGiven(type, value, own))
      return `column ${name} (${type}) is ${shown(value)}, not ${shown(own)}`;
  }
  return given.size === 0 ? undefined : `no column ${[...given.keys()].join(", ")}`;
}

function isObject(value: Given): value is { readonly [name: string]: Given } {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber)
  );
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item)).slice(0, 300);
}

function linesOf(bytes: Buffer): Buffer[] {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  const lines: Buffer[] = [];
  for (let from = 0; from < plain.length; ) {
    const end = plain.indexOf(10, from);
    lines.push(plain.subarray(from, end < 0 ? plain.length : end));
    from = end < 0 ? plain.length : end + 1;
  }
  return lines;
}

function lines(...objects: readonly string[]): Buffer {
  return Buffer.from(objects.map((text) => `${text}\n`).join(""));
}

const numbers = Array.from(
  { length: 40 },
  (_, row) =>
    `{"i":${row % 5 === 0 ? "null" : row - 7},"x":${row / 4},"d":${row}.${String(row).padStart(2, "0")}}`,
);

const seeds: readonly NdjsonSeed[] = [
  {
    name: "flat",
    bytes: lines(
      '{"id":1,"name":"acme","amount":12.5,"open":true}',
      '{"id":2,"name":"Zoë \\"quoted\\", \\\\ back","amount":-0.25,"open":false}',
      '{"id":3,"name":null,"amount":1e3,"open":null}',
      '{"name":"fewer"}',
    ),
    columns: [
      { name: "id", type: "BIGINT" },
      { name: "name", type: "VARCHAR" },
      { name: "amount", type: "DECIMAL(12,2)" },
      { name: "open", type: "BOOLEAN" },
    ],
  },
  {
    name: "nested",
    bytes: lines(
      '{"s":{"a":1,"b":"x"},"l":[1,2,null],"o":[{"k":"a","v":1.5}]}',
      '{"s":null,"l":[],"o":null}',
      '{"s":{"a":null,"b":""},"l":null,"o":[]}',
    ),
    columns: [
      { name: "s", type: 'STRUCT("a" INTEGER, "b" VARCHAR)' },
      { name: "l", type: "SMALLINT[]" },
      { name: "o", type: 'STRUCT("k" VARCHAR, "v" DOUBLE)[]' },
    ],
  },
  {
    name: "moments",
    bytes: lines(
      '{"day":"2024-02-29","at":"2024-02-29T12:30:00.123456Z","local":"2024-02-29 12:30:00","raw":"aGVsbG8=","m":{"a":1,"b":2}}',
      '{"day":null,"at":"2024-01-01T00:00:00+02:00","local":"1969-12-31T23:59:59.999999","raw":"","m":null}',
    ),
    columns: [
      { name: "day", type: "DATE" },
      { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
      { name: "local", type: "TIMESTAMP" },
      { name: "raw", type: "BLOB" },
      { name: "m", type: "MAP(VARCHAR, INTEGER)" },
    ],
  },
  {
    name: "numbers in batches",
    bytes: lines(...numbers),
    columns: [
      { name: "i", type: "TINYINT" },
      { name: "x", type: "FLOAT" },
      { name: "d", type: "DOUBLE" },
    ],
  },
];

(seeds as NdjsonSeed[]).push({
  name: "gzip",
  bytes: gzipSync(lines(...numbers.slice(0, 5))),
  columns: [{ name: "i", type: "BIGINT" }],
});
