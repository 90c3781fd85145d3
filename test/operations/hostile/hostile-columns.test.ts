import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Table as ArrowTable, Int64, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Source } from "../../../src/api/shared/table-options.ts";
import type { Table } from "../../../src/api/table.ts";
import type { CheckJson, SuiteJson } from "../../../src/quality/model/suite.ts";
import { schema } from "../../../src/schema/builder.ts";
import { quoteName } from "../../../src/sql/sql-text.ts";
import { sample } from "../../support/sample.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";
import { enginePlaces, hidingNames } from "./hiding-names.ts";

type Row = Readonly<Record<string, bigint | null>>;

/** Values of a column under attack: none, one for all, and places of other rows. */
const fillings: Readonly<Record<string, (at: number, rows: number) => bigint | null>> = {
  null: () => null,
  equal: () => 0n,
  reversed: (at, rows) => BigInt(rows - 1 - at),
  "half null": (at) => (at % 2 === 0 ? null : 1n),
};

/** Ten rows; the amount of every third is negative. */
function rowsWith(names: readonly string[], filling: string): Row[] {
  const fill = fillings[filling] ?? (() => null);
  return Array.from({ length: 10 }, (_, at) => ({
    id: BigInt(at),
    amount: at % 3 === 0 ? BigInt(-at - 1) : BigInt(at),
    ...Object.fromEntries(names.map((name) => [name, fill(at, 10)])),
  }));
}

const columnsOf = (rows: readonly Row[]) => Object.keys(rows[0] ?? {});
const csvOf = (rows: readonly Row[]) =>
  [columnsOf(rows), ...rows.map((row) => columnsOf(rows).map((name) => row[name] ?? ""))]
    .map((cells) => `${cells.join(",")}\n`)
    .join("");
const jsonOf = (rows: readonly Row[]) =>
  rows
    .map(
      (row) =>
        `${JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value))}\n`,
    )
    .join("");
const arrowOf = (rows: readonly Row[]) =>
  new ArrowTable(
    Object.fromEntries(
      columnsOf(rows).map((name) => [
        name,
        vectorFromArray(
          rows.map((row) => row[name] ?? null),
          new Int64(),
        ),
      ]),
    ),
  );
const valuesSql = (rows: readonly Row[]) =>
  `SELECT * FROM (VALUES ${rows
    .map(
      (row) =>
        `(${columnsOf(rows)
          .map((name) => (row[name] === null ? "CAST(NULL AS BIGINT)" : `CAST(${row[name]} AS BIGINT)`))
          .join(", ")})`,
    )
    .join(", ")}) AS t(${columnsOf(rows).map(quoteName).join(", ")})`;

async function parquetOf(rows: readonly Row[]): Promise<string> {
  const file = join(freshFolder(), "rows.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${valuesSql(rows)}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return file;
}

function written(name: string, text: string): string {
  const file = join(freshFolder(), name);
  writeFileSync(file, text);
  return file;
}

async function tableWith(rows: readonly Row[]): Promise<Table> {
  const table = await createTable(join(freshFolder(), "source"), { schema: schemaOf(columnsOf(rows)) });
  await table.append(rows.slice(0, 4));
  await table.append(rows.slice(4));
  return openTable(table.uri);
}

async function* eachRow(rows: readonly Row[]): AsyncGenerator<Row> {
  yield* rows;
}

const sources: Readonly<Record<string, (rows: readonly Row[]) => Promise<Source> | Source>> = {
  "row objects": (rows) => rows,
  "an async iterable": (rows) => eachRow(rows),
  "an Arrow table": arrowOf,
  "Arrow batches": (rows) => ({ arrow: arrowOf(rows).batches }),
  "a CSV file": (rows) => ({ csv: written("rows.csv", csvOf(rows)) }),
  "two CSV files": (rows) => ({
    csv: [written("a.csv", csvOf(rows.slice(0, 6))), written("b.csv", csvOf(rows.slice(6)))],
  }),
  "two NDJSON files": (rows) => ({
    ndjson: [written("a.ndjson", jsonOf(rows.slice(0, 6))), written("b.ndjson", jsonOf(rows.slice(6)))],
  }),
  "a Parquet file": async (rows) => ({ parquet: await parquetOf(rows) }),
  "two Parquet files": async (rows) => ({
    parquet: [await parquetOf(rows.slice(0, 6)), await parquetOf(rows.slice(6))],
  }),
  SQL: (rows) => ({ sql: valuesSql(rows) }),
  "SQL over a file": async (rows) => ({ sql: "SELECT * FROM f", files: { f: await parquetOf(rows) } }),
  "another table": async (rows) => (await tableWith(rows)).snapshot(),
};

function schemaOf(names: readonly string[]) {
  return names.reduce((built, name) => built.long(name), schema());
}

const between = (more: Partial<CheckJson>): CheckJson => ({
  kind: "expect_column_values_to_be_between",
  params: { column: "amount", min_value: 0 },
  ...more,
});
const attacked = (names: readonly string[]) => names[0] ?? "id";

const reactions: Readonly<Record<string, (names: readonly string[]) => SuiteJson>> = {
  warn: () => ({ name: "s", checks: [between({ onFail: "warn" })] }),
  quarantine: () => ({ name: "s", checks: [between({ onFail: "quarantine" })] }),
  "quarantine of all": () => ({
    name: "s",
    checks: [{ kind: "expect_column_values_to_be_null", params: { column: "id" }, onFail: "quarantine" }],
  }),
  drop: () => ({ name: "s", checks: [between({ onFail: "drop" })] }),
  tag: () => ({
    name: "s",
    checks: [
      between({ onFail: "quarantine" }),
      { ...between({ onFail: "tag" }), id: "t", params: { column: "id", max_value: 4 } },
    ],
  }),
  "repair or quarantine": () => ({
    name: "s",
    checks: [
      between({ onFail: "repair", repair: { with: "clip" } }),
      { ...between({ onFail: "quarantine" }), id: "q", params: { column: "id", max_value: 6 } },
    ],
  }),
  "keep the first": (names) => ({
    name: "s",
    checks: [
      {
        kind: "expect_column_values_to_be_unique",
        params: { column: attacked(names), keep: "first" },
        onFail: "quarantine",
      },
    ],
  }),
  "unique in the table": (names) => ({
    name: "s",
    checks: [
      {
        kind: "expect_compound_columns_to_be_unique",
        params: { column_list: [attacked(names), "amount"], across_table: true },
        onFail: "quarantine",
      },
    ],
  }),
  rising: (names) => ({
    name: "s",
    checks: [
      {
        kind: "expect_column_values_to_be_increasing",
        params: { column: attacked(names), strictly: true },
        onFail: "quarantine",
      },
    ],
  }),
  "misfits and quarantine": () => ({
    name: "s",
    onMisfit: "quarantine",
    checks: [between({ onFail: "quarantine" })],
  }),
};

/** Rows as texts that compare, in no order. */
function multiset(rows: readonly Readonly<Record<string, unknown>>[], names: readonly string[]): string[] {
  return rows.map((row) => names.map((name) => `${name}=${String(row[name] ?? null)}`).join(" ")).sort();
}

async function outcome(table: Table, names: readonly string[]) {
  const clean = await rowsOf(await openTable(table.uri));
  const aside = (await table.quarantine.list()).length === 0 ? [] : await table.quarantine.read();
  const payloads = aside.map((row) => JSON.parse(String(row["payload"])) as Record<string, unknown>);
  for (const payload of payloads) expect(Object.keys(payload)).toEqual(names);
  return { clean, payloads };
}

/** Appends the rows, and holds what became of them to what was said of them. */
async function holds(
  source: string,
  reaction: string,
  names: readonly string[],
  filling: string,
): Promise<void> {
  const rows = rowsWith(names, filling);
  const suite = { maxBadShare: 1, ...(reactions[reaction]?.(names) ?? { name: "none", checks: [] }) };
  const all = columnsOf(rows);
  const table = await createTable(join(freshFolder(), "t"), { schema: schemaOf(all) });
  const { gate } = await table.append((await sources[source]?.(rows)) ?? rows, {
    gate: suite,
    mergeSchema: reaction === "tag",
  });
  const { clean, payloads } = await outcome(table, all);
  const text = `${source}, ${reaction}, ${filling}, ${names.slice(0, 3).join(" ")}`;
  expect([clean.length, payloads.length], text).toEqual([gate?.clean, gate?.quarantined]);
  if (reaction === "repair or quarantine") {
    const repaired = rows.map((row) =>
      row["id"] !== null && Number(row["id"]) <= 6 && Number(row["amount"]) < 0
        ? { ...row, amount: 0n }
        : row,
    );
    expect(multiset([...clean, ...payloads], all), text).toEqual(multiset(repaired, all));
  } else if (reaction === "drop")
    expect(multiset(clean, all), text).toEqual(
      multiset(
        rows.filter((row) => Number(row["amount"]) >= 0),
        all,
      ),
    );
  else expect(multiset([...clean, ...payloads], all), text).toEqual(multiset(rows, all));
}

const kinds = Object.keys(sources);

describe("a batch with columns that hide names of the engine", () => {
  const pairs = kinds.flatMap((source, at) =>
    Object.keys(reactions).map((reaction, number) => ({
      source,
      reaction,
      isUpper: (number + at) % 2 === 0,
    })),
  );
  it.each(sample(pairs, 6))(
    "is split and nothing lost, from $source, by $reaction",
    async ({ source, reaction, isUpper }) => {
      const names = isUpper ? hidingNames.map((name) => name.toUpperCase()) : hidingNames;
      await holds(source, reaction, names, isUpper ? "null" : "reversed");
    },
  );

  for (const [at, source] of kinds.entries()) {
    it(`is split and nothing lost, from ${source}, by single names`, async () => {
      const others = hidingNames.filter((_, number) => number % kinds.length === at);
      for (const name of [...enginePlaces, ...sample(others, 6)])
        await holds(source, "keep the first", [name], "half null");
      for (const filling of Object.keys(fillings))
        await holds(source, "quarantine of all", ["rowid", "FILE_ROW_NUMBER", "filename"], filling);
    });
  }
});
