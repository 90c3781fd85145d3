import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction } from "../../src/protocol/actions.ts";
import type { Literal, Predicate } from "../../src/protocol/predicate.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import fc from "../support/fast-check.ts";
import { add, contextOf } from "../support/log-tables.ts";

const runs = Number(process.env["VARVE_RUNS"] ?? 8);

const decimal: DeltaType = { type: "decimal", precision: 12, scale: 2 };
const text = fc.oneof(
  fc.constantFrom("", "a", "ab", "a'b", '"', "\\", "é", "\uFFFD", "\u{1F600}", "zz", "a\u0000b", "%"),
  fc.string({ maxLength: 4, unit: "binary" }),
);
const integer = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.constantFrom("9223372036854775807", "-9223372036854775808", "9007199254740993"),
);
const float = fc.oneof(
  fc.integer({ min: -9, max: 9 }).map((n) => String(n / 4)),
  fc.constantFrom("0.1", "-0.7", "1e300", "NaN", "Infinity", "-Infinity"),
);
const money = fc.integer({ min: -2000, max: 2000 }).map((n) => (n / 100).toFixed(2));
const moment = fc.integer({ min: 0, max: 3000 }).map((ms) => new Date(1_600_000_000_000 + ms).toISOString());
const day = fc
  .integer({ min: -400, max: 400 })
  .map((n) => new Date(n * 86_400_000 * 30).toISOString().slice(0, 10));

/** Each column with values as the engine writes them, and how statistics write those in JSON. */
const columns = [
  { name: "n", type: "long", values: integer, json: (value: string) => value },
  { name: "s", type: "string", values: text, json: (value: string) => JSON.stringify(value) },
  {
    name: "x",
    type: "double",
    values: float,
    json: (value: string) => (/N|I/.test(value) ? JSON.stringify(value) : value),
  },
  {
    name: "f",
    type: "float",
    values: float,
    json: (value: string) => (/N|I/.test(value) ? JSON.stringify(value) : value),
  },
  { name: "money", type: decimal, values: money, json: (value: string) => value },
  { name: "t", type: "timestamp", values: moment, json: (value: string) => JSON.stringify(value) },
  { name: "day", type: "date", values: day, json: (value: string) => JSON.stringify(value) },
  {
    name: "p",
    type: "integer",
    values: fc.integer({ min: 0, max: 5 }).map(String),
    json: (value: string) => value,
  },
  { name: "q", type: "string", values: text, json: (value: string) => JSON.stringify(value) },
] as const;

const schemaString = JSON.stringify({
  type: "struct",
  fields: columns.map(({ name, type }) => ({
    name,
    type: typeof type === "string" ? type : "decimal(12,2)",
    nullable: true,
    metadata: {},
  })),
});

const file: fc.Arbitrary<AddAction> = fc
  .record({
    bounds: fc.tuple(...columns.map(({ values }) => fc.option(fc.tuple(values, values), { freq: 4 }))),
    nulls: fc.tuple(...columns.map(() => fc.constantFrom(undefined, 0, 3, 10))),
    p: fc.option(fc.integer({ min: 0, max: 5 }).map(String)),
    q: fc.option(text),
    damage: fc.constantFrom(...Array<string>(60).fill(""), "{", '"x"'),
  })
  .map(({ bounds, nulls, p, q, damage }) => {
    const part = (value: (index: number) => string | undefined): string =>
      columns
        .flatMap(({ name }, index) =>
          value(index) === undefined ? [] : [`${JSON.stringify(name)}:${value(index)}`],
        )
        .join(",");
    const side = (at: 0 | 1) =>
      part((index) => (bounds[index] == null ? undefined : columns[index]?.json(bounds[index][at])));
    const stats = `{"numRecords":10,"minValues":{${side(0)}},"maxValues":{${side(1)}},"nullCount":{${part((index) => nulls[index]?.toString())}}}`;
    return add("f", { partitionValues: { p, q }, stats: damage === "" ? stats : damage });
  });

const leaf: fc.Arbitrary<Predicate> = fc.constantFrom(...columns).chain(({ name, type, values }) => {
  const column = [name];
  const value: fc.Arbitrary<Literal> = fc
    .option(values, { freq: 9 })
    .map((found) => ({ type, value: found }));
  return fc.oneof(
    fc.record({
      op: fc.constantFrom(
        "eq" as const,
        "ne" as const,
        "lt" as const,
        "le" as const,
        "gt" as const,
        "ge" as const,
        "nullSafeEq" as const,
      ),
      column: fc.constant(column),
      value,
    }),
    fc.record({
      op: fc.constant("in" as const),
      column: fc.constant(column),
      values: fc.array(value, { maxLength: 3 }),
    }),
    fc.record({ op: fc.constantFrom("isNull" as const, "isNotNull" as const), column: fc.constant(column) }),
    fc.record({
      op: fc.constant("startsWith" as const),
      column: fc.constantFrom(["s"], ["q"]),
      prefix: text,
    }),
  );
});

const predicate: fc.Arbitrary<Predicate> = fc.letrec<{ any: Predicate }>((tie) => ({
  any: fc.oneof(
    { weight: 4, arbitrary: leaf },
    fc.record({
      op: fc.constantFrom("and" as const, "or" as const),
      args: fc.array(tie("any"), { maxLength: 3 }),
    }),
    fc.record({ op: fc.constant("not" as const), arg: tie("any") }),
    fc.constant({ op: "unknown" } as const),
  ),
})).any;

describe("pruning in the engine", () => {
  it("keeps the same files as pruning of objects, from commits and from a checkpoint with struct statistics", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { minLength: 5, maxLength: 40 }),
        fc.array(predicate, { minLength: 20, maxLength: 20 }),
        comparePruning,
      ),
      { numRuns: runs, endOnFailure: true },
    );
  });
});

async function comparePruning(files: readonly AddAction[], predicates: readonly Predicate[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  const store = localDiskStore(folder);
  const small = contextOf(store);
  const large = { ...small, fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
  try {
    const metadata = {
      id: "x",
      format: { provider: "parquet", options: {} },
      schemaString,
      partitionColumns: ["p", "q"],
      configuration: { "delta.checkpoint.writeStatsAsStruct": "true" },
    };
    const actions: Action[] = [
      { kind: "protocol", minReaderVersion: 1, minWriterVersion: 2 },
      { kind: "metaData", ...metadata },
    ];
    await store.put(
      commitPath(0),
      serializeActions([...actions, ...files.map((each, index) => ({ ...each, path: `f${index}` }))]),
    );
    const wanted = await kept(small, predicates);
    expect(await kept(large, predicates)).toEqual(wanted);
    // Damaged statistics have no struct form.
    if (files.some(({ stats = "" }) => !stats.endsWith("}"))) return;
    await writeCheckpoint(await openLog(small));
    expect(await kept(large, predicates)).toEqual(wanted);
  } finally {
    await closeLogSession(small);
    await closeLogSession(large);
    await rm(folder, { recursive: true, force: true });
  }
}

async function kept(
  context: ReturnType<typeof contextOf>,
  predicates: readonly Predicate[],
): Promise<unknown[]> {
  const files = await (await openLog(context)).files();
  const found: unknown[] = [];
  for (const each of predicates) {
    const pruned = await files.prune(each);
    found.push([JSON.stringify(each), pruned.files.map(({ path }) => path).sort(), pruned.skipped]);
  }
  return found;
}
