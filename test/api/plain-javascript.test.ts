import { join } from "node:path";
import { expect, it } from "vitest";
import {
  check,
  convertTable,
  createTable,
  fsck,
  mapOf,
  metricValue,
  metricValues,
  openTable,
  parseJson,
  query,
  schema,
  serializeSchema,
  stringifyJson,
  suite,
  summarizeVerdict,
  type Table,
  typeText,
} from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** What a caller without types may give. */
const given = (value: unknown): never => value as never;

const verbs: Readonly<Record<string, (table: Table, value: never) => Promise<unknown>>> = {
  openTable: (_, value) => openTable(value),
  createTable: (_, value) => createTable(value, { schema: schema().long("id") }),
  "createTable's options": (table, value) => createTable(`${table.uri}/other`, value),
  fsck: (_, value) => fsck(value),
  query: (_, value) => query(value, { tables: {} }),
  "query's options": (_, value) => query("SELECT 1", value),
  "query's tables": (_, value) => query("SELECT 1", { tables: value }),
  at: (table, value) => table.at(value),
  diff: (table, value) => table.diff(value),
  diffRows: (table, value) => table.diffRows(value),
  "diffRows' key": async (table, value) =>
    table.diffRows(0, 0, { key: value === undefined ? given(1) : value }),
  changes: (table, value) => table.changes(value),
  "changes from": (table, value) => table.changes({ from: value }),
  alter: (table, value) => table.alter(value),
  staged: (table, value) => table.staging.get(value),
  publishStaged: (table, value) => table.staging.publish(value),
  sql: (table, value) => table.snapshot().sql(value),
};

it.each(Object.keys(verbs).flatMap((name) => [undefined, null, true].map((value) => [name, value] as const)))(
  "%s refuses %s by INVALID_ARGUMENT",
  async (name, value) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const error: unknown = await verbs[name]?.(table, given(value)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "VarveError", code: "INVALID_ARGUMENT" });
    await table.close();
  },
);

const wrong: readonly unknown[] = [null, 5, 5n, [5], {}, Promise.resolve(1), Symbol("s"), () => 1];
const files = (source: (value: never) => never) => (table: Table, value: never) =>
  table.append(source(value));
const options: Readonly<Record<string, (table: Table, value: never) => Promise<unknown>>> = {
  "a CSV source": files((csv) => given({ csv })),
  "an NDJSON source": files((ndjson) => given({ ndjson })),
  "a Parquet source": files((parquet) => given({ parquet })),
  "an SQL source": files((sql) => given({ sql })),
  "a table's properties": (table, properties) =>
    createTable(`${table.uri}/other`, { schema: schema().long("id"), properties }),
  "the value of a property": (table, value) =>
    createTable(`${table.uri}/other`, {
      schema: schema().long("id"),
      properties: { "delta.appendOnly": value },
    }),
  "a description": (table, description) => table.alter({ description }),
  "changed properties": (table, value) => table.alter({ set: { own: value } }),
  "removed properties": (table, value) => table.alter({ unset: [value] }),
  "a constraint": (table, value) => table.alter({ addConstraints: { c: value } }),
  "a message": (table, userMetadata) => table.append([{ id: 1 }], { userMetadata }),
  mergeSchema: (table, mergeSchema) => table.append([{ id: 1 }], { mergeSchema }),
  "the signal of a write": (table, signal) => table.append([{ id: 1 }], { signal }),
  "the signal of a list": (table, signal) => table.history({ signal }),
  "a quarantine": (table, quarantine) => table.append([{ id: 1 }], { quarantine }),
  "the batch of a list": (table, batch) => table.history({ batch }),
};

it.each(Object.keys(options))("%s refuses what is of another kind, by INVALID_ARGUMENT", async (name) => {
  await using table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
  for (const value of wrong) {
    if (name === "a table's properties" && typeof value === "object" && Object.keys(value ?? {}).length === 0)
      if (value !== null) continue;
    const error: unknown = await options[name]?.(table, given(value)).catch((caught: unknown) => caught);
    expect([String(value), error]).toMatchObject([
      String(value),
      { name: "VarveError", code: "INVALID_ARGUMENT" },
    ]);
  }
  expect((await table.refresh()).version).toBe(0);
});

it.each<readonly [string, Readonly<Record<string, readonly unknown[]>>]>([
  [
    "optimize",
    {
      where: [5, "", null],
      zorderBy: ["id", [5]],
      full: ["no"],
      purge: [1],
      targetFileBytes: [0, -1, Number.NaN, "1"],
      minFileBytes: [-1, Number.NaN, "1"],
      maxCommitBytes: [0, Number.NaN, "1"],
    },
  ],
  ["alter", { clusterBy: ["id", [5]] }],
  ["clone", { replace: ["no"] }],
  ["convertTable", { statistics: ["no"] }],
  ["tail", { maxFiles: [0, 1.5, "1"], pollMilliseconds: [0, Number.NaN] }],
])("%s refuses options of another kind by INVALID_ARGUMENT naming them", async (verb, values) => {
  await using table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
  const call = async (options: never): Promise<unknown> => {
    if (verb === "convertTable") return convertTable(table.uri, options);
    if (verb === "clone") return table.clone(`${table.uri}-clone`, options);
    if (verb === "alter") return table.alter(options);
    if (verb === "optimize") return table.optimize(options);
    return table.tail(Object.assign({ follow: false }, options)).next();
  };
  for (const [option, wrongValues] of Object.entries(values))
    for (const value of wrongValues) {
      const error: unknown = await call(given({ [option]: value })).catch((caught: unknown) => caught);
      expect([value, error]).toMatchObject([
        value,
        { name: "VarveError", code: "INVALID_ARGUMENT", data: { option } },
      ]);
    }
});

it("the options of writes and reads refuse null", async () => {
  const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
  await expect(table.append([{ id: 1 }], given(null))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(table.snapshot().select(given(null))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(table.snapshot().select({ where: given(5) })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  await table.close();
});

it.each(["60MB", "8", Number.NaN, 0, -1, null])("limits of the engine refuse %j", async (limit) => {
  for (const option of ["memoryLimit", "threads"]) {
    const options = { schema: schema().long("id"), [option]: given(limit) };
    await using table = await createTable(join(freshFolder(), "t"), options);
    await expect(table.append([{ id: 1 }])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(option),
    });
  }
});

const state = { rows: 1, columns: [] };
const calls: Readonly<Record<string, readonly [code: string, call: (value: never) => unknown]>> = {
  "suite's checks": ["SUITE_INVALID", (value) => suite("s", value)],
  "one of suite's checks": ["SUITE_INVALID", (value) => suite("s", [value])],
  "suite's options": ["SUITE_INVALID", (value) => suite("s", [], value)],
  "check.between's range": ["SUITE_INVALID", (value) => check.between("id", value)],
  "check.length's range": ["SUITE_INVALID", (value) => check.length("id", value)],
  "a check's options": ["SUITE_INVALID", (value) => check.notNull("id", value)],
  "check.repairedBy's check": ["SUITE_INVALID", (value) => check.repairedBy("f", () => [1], value)],
  "a column's name": ["SCHEMA_INVALID", (value) => schema().long(value)],
  "a column's options": ["SCHEMA_INVALID", (value) => schema().long("id", value)],
  "a column's type": ["SCHEMA_INVALID", (value) => schema().column("id", value)],
  "the type of elements": ["SCHEMA_INVALID", (value) => schema().array("ids", value)],
  "the type of a map's values": ["SCHEMA_INVALID", (value) => mapOf("string", value)],
  typeText: ["SCHEMA_INVALID", (value) => typeText(value)],
  serializeSchema: ["INVALID_ARGUMENT", (value) => serializeSchema(value)],
  parseJson: ["INVALID_ARGUMENT", (value) => parseJson(value)],
  "metricValue's state": ["INVALID_ARGUMENT", (value) => metricValue(value, "row_count")],
  "metricValue's name": ["INVALID_ARGUMENT", (value) => metricValue(state as never, value)],
  metricValues: ["INVALID_ARGUMENT", (value) => metricValues(value)],
  summarizeVerdict: ["INVALID_ARGUMENT", (value) => summarizeVerdict(value)],
};

it.each(Object.entries(calls))("%s refuses what is of another kind, by %s", (_, [code, call]) => {
  for (const value of [null, 5, true]) expect(() => call(given(value))).toThrow(coded(code));
});

it("JSON has no text for what it cannot say", () => {
  for (const value of [undefined, () => 1, Symbol("s")])
    expect(() => stringifyJson(given(value))).toThrow(coded("INVALID_ARGUMENT"));
});

it.each<readonly [string, (table: Table, value: never) => Promise<unknown>]>([
  ["a table of query", (_, value) => query("SELECT * FROM t", { tables: { t: value } })],
  ["update", (table, value) => table.update(value)],
  ["delete", (table, value) => table.delete(value)],
  ["restore", (table, value) => table.restore(value)],
  ["optimize", (table, value) => table.optimize(value === undefined ? given(null) : value)],
  ["the limit of history", (table, value) => table.history({ limit: value ?? given(-1) })],
  ["suite.check", (table, value) => table.suite.check(value ?? given(null))],
])("%s refuses what is of another kind, by INVALID_ARGUMENT", async (_, call) => {
  await using table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
  for (const value of [undefined, null, true])
    await expect(call(table, given(value))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

/** Matches errors with a code. */
function coded(code: string): Error {
  return expect.objectContaining({ name: "VarveError", code });
}
