import type { CreateTableOptions } from "../../src/api/shared/table-options.ts";
import type { Table } from "../../src/api/table.ts";
import type { DeltaType, StructField, StructType } from "../../src/schema/types.ts";

/** One table that varve writes for the peers to read. */
export interface WrittenCase {
  readonly name: string;
  readonly create: CreateTableOptions;
  /** What varve then does to it; every version is compared. */
  readonly write: (table: Table) => Promise<unknown>;
  /**
   * Conditions whose answers a peer must find with the statistics that varve stored, in SQL that Spark and
   * deltalake both read.
   */
  readonly conditions?: readonly string[];
  /** Why deltalake is not asked. */
  readonly notInDeltalake?: string;
}

/** A nullable column. */
export function column(name: string, type: DeltaType, nullable = true): StructField {
  return { name, type, nullable, metadata: {} };
}

export function struct(...fields: readonly StructField[]): StructType {
  return { type: "struct", fields };
}

function decimal(precision: number, scale: number): DeltaType {
  return { type: "decimal", precision, scale };
}

function array(elementType: DeltaType): DeltaType {
  return { type: "array", elementType, containsNull: true };
}

function map(keyType: DeltaType, valueType: DeltaType): DeltaType {
  return { type: "map", keyType, valueType, valueContainsNull: true };
}

const everyType = struct(
  column("id", "integer", false),
  column("b", "byte"),
  column("s", "short"),
  column("l", "long"),
  column("f", "float"),
  column("d", "double"),
  column("dec4", decimal(4, 2)),
  column("dec18", decimal(18, 6)),
  column("dec38", decimal(38, 10)),
  column("str", "string"),
  column("bin", "binary"),
  column("flag", "boolean"),
  column("day", "date"),
  column("ts", "timestamp"),
  column("ntz", "timestamp_ntz"),
  column("st", struct(column("a", "integer"), column("deep", struct(column("leaf", "string"))))),
  column("arr", array("long")),
  column("arr_st", array(struct(column("x", "double"), column("y", decimal(10, 2))))),
  column("m", map("string", "integer")),
  column("m_nested", map("date", array(struct(column("z", "timestamp"))))),
  column("Ünï cødé `q`", "string"),
);

const everyTypeRows = [
  `SELECT 1 AS id, -128 AS b, -32768 AS s, -9223372036854775808 AS l, 0.1::FLOAT AS f, 'NaN'::DOUBLE AS d, -99.99 AS dec4,
   -999999999999.999999 AS dec18, -9999999999999999999999999999.9999999999 AS dec38, 'Zürich — 東京 🦆' AS str, '\\x00\\xFF'::BLOB AS bin,
   true AS flag, DATE '1900-01-01' AS day, TIMESTAMPTZ '1900-06-15 01:02:03.000004+00' AS ts, TIMESTAMP '2024-02-29 12:34:56.789012' AS ntz,
   {'a': 1, 'deep': {'leaf': 'x'}} AS st, [1, NULL, 9223372036854775807] AS arr, [{'x': 1.5, 'y': 2.25}, NULL] AS arr_st,
   MAP {'k': 1, 'n': NULL} AS m, MAP {DATE '2020-01-01': [{'z': TIMESTAMPTZ '2024-01-01 00:00:00+00'}]} AS m_nested, 'name' AS "Ünï cødé \`q\`"`,
  `SELECT 2 AS id, 127 AS b, 32767 AS s, 9223372036854775807 AS l, 'Infinity'::FLOAT AS f, -0.0::DOUBLE AS d, 99.99 AS dec4,
   999999999999.999999 AS dec18, 9999999999999999999999999999.9999999999 AS dec38, '' AS str, ''::BLOB AS bin,
   false AS flag, DATE '2200-12-31' AS day, TIMESTAMPTZ '2200-12-31 23:59:59.999999+00' AS ts, TIMESTAMP '1969-12-31 23:59:59.999999' AS ntz,
   {'a': NULL, 'deep': NULL} AS st, [] AS arr, [] AS arr_st, MAP {} AS m, MAP {} AS m_nested, '' AS "Ünï cødé \`q\`"`,
  "SELECT 3 AS id",
];

const simple = struct(column("id", "long"), column("name", "string"), column("score", "double"));

function simpleRows(from: number, to: number): { readonly sql: string } {
  return { sql: `SELECT i AS id, 'name ' || i AS name, i / 4 AS score FROM range(${from}, ${to}) AS r(i)` };
}

/** Appends thrice, so that a log has a tail after each checkpoint of interval 2. */
async function appendThrice(table: Table): Promise<void> {
  await table.append(simpleRows(0, 5));
  await table.append(simpleRows(5, 10));
  await table.append(simpleRows(10, 15));
}

/** A table with these properties through appends and an overwrite. */
function withProperties(
  name: string,
  properties: Readonly<Record<string, string>>,
  notInDeltalake?: string,
): WrittenCase {
  return {
    name,
    create: { schema: simple, properties },
    write: async (table) => {
      await appendThrice(table);
      if (properties["delta.appendOnly"] !== "true") await table.overwrite(simpleRows(100, 103));
      await table.append(simpleRows(200, 202));
    },
    conditions: ["id > 7", "name = 'name 101'"],
    ...(notInDeltalake === undefined ? {} : { notInDeltalake }),
  };
}

/** Columns without values, to which later versions give types: no reader may find the text that they once were. */
const typedLater: WrittenCase = {
  name: "columns without values that get their types later",
  create: { source: [{ id: 1, a: null, t: null, l: null, st: { x: 1, y: null }, empty: {} }] },
  write: async (table) => {
    await table.append([{ id: 2, a: null }]);
    await table.append([{ id: 3, a: 7, st: { x: 2, y: [1.5] } }]);
    await table.append({
      sql: "SELECT 4::BIGINT AS id, TIMESTAMPTZ '2024-01-31 10:00:00+00' AS t, [{'z': DATE '2024-01-31'}] AS l",
    });
    await table.append([{ id: 5, a: 8 }]);
  },
  conditions: ["a > 7", "a IS NULL", "t IS NOT NULL", "st.y IS NULL"],
};

const partitionTypes: readonly (readonly [string, DeltaType, string])[] = [
  ["b", "byte", "-1"],
  ["s", "short", "300"],
  ["i", "integer", "-70000"],
  ["l", "long", "9223372036854775807"],
  ["f", "float", "0.1::FLOAT"],
  ["d", "double", "-1.5e-10"],
  ["dec", decimal(20, 4), "12345.6000"],
  ["str", "string", "'a b=c/d%e?#:ü東京+\"'"],
  ["flag", "boolean", "true"],
  ["day", "date", "DATE '2024-02-29'"],
  ["ts", "timestamp", "TIMESTAMPTZ '2024-02-29 12:34:56.789012+00'"],
  ["ntz", "timestamp_ntz", "TIMESTAMP '2024-02-29 12:34:56.5'"],
];

function partitionedBy([name, type, value]: (typeof partitionTypes)[number]): WrittenCase {
  return {
    name: `partitioned by ${typeof type === "string" ? type : type.type}`,
    create: { schema: struct(column("id", "integer"), column(name, type)), partitionBy: [name] },
    write: async (table) => {
      await table.append({ sql: `SELECT 1 AS id, ${value} AS ${name} UNION ALL SELECT 2, NULL` });
      await table.append({ sql: `SELECT 3 AS id, ${value} AS ${name}` });
    },
    conditions: [`${name} IS NULL`, `${name} IS NOT NULL AND id > 1`],
  };
}

/** Tables of every type, partitioning, feature and checkpoint kind that varve writes. */
export const writtenCases: readonly WrittenCase[] = [
  typedLater,
  {
    name: "every type",
    create: { schema: everyType },
    write: async (table) => {
      await table.append({ sql: everyTypeRows.slice(0, 2).join(" UNION ALL BY NAME ") });
      await table.append({ sql: everyTypeRows[2] ?? "" });
    },
    conditions: [
      "l > 0",
      "str = ''",
      "day >= DATE '2000-01-01'",
      "dec38 < 0",
      "st.a = 1",
      "b IS NULL",
      "flag = true",
    ],
  },
  ...partitionTypes.map(partitionedBy),
  {
    name: "partitioned twice",
    create: {
      schema: struct(...simple.fields, column("p one", "string"), column("q", "date")),
      partitionBy: ["p one", "q"],
    },
    write: async (table) => {
      const values = ["plain", "a b", "a%20b", "a=b", "a/b", "ü", "__HIVE_DEFAULT_PARTITION__x", "..", "'"];
      const rows = values.map(
        (text, n) =>
          `SELECT ${n} AS id, '${text.replaceAll("'", "''")}' AS "p one", DATE '2024-01-01' + ${n % 2} AS q`,
      );
      await table.append({ sql: `${rows.join(" UNION ALL ")} UNION ALL SELECT 99, NULL, NULL` });
    },
  },
  withProperties("classic checkpoints", { "delta.checkpointInterval": "2" }),
  withProperties("classic checkpoints with struct statistics", {
    "delta.checkpointInterval": "2",
    "delta.checkpoint.writeStatsAsStruct": "true",
    "delta.checkpoint.writeStatsAsJson": "false",
  }),
  withProperties("V2 checkpoints", { "delta.checkpointInterval": "2", "delta.checkpointPolicy": "v2" }),
  withProperties("append-only", { "delta.appendOnly": "true" }),
  withProperties("column mapping by name", {
    "delta.columnMapping.mode": "name",
    "delta.checkpointInterval": "3",
  }),
  withProperties("column mapping by id", { "delta.columnMapping.mode": "id" }),
  withProperties("in-commit timestamps", {
    "delta.enableInCommitTimestamps": "true",
    "delta.checkpointInterval": "3",
  }),
  withProperties("row tracking", { "delta.enableRowTracking": "true", "delta.checkpointInterval": "3" }),
  withProperties("change data feed", { "delta.enableChangeDataFeed": "true" }),
  withProperties("deletion vectors", { "delta.enableDeletionVectors": "true" }),
  withProperties("check constraint", { "delta.constraints.positive": "id >= 0" }),
  withProperties("type widening", { "delta.enableTypeWidening": "true" }, "it does not read typeWidening"),
  withProperties(
    "vacuum protocol check",
    { "delta.feature.vacuumProtocolCheck": "supported" },
    "it does not read vacuumProtocolCheck",
  ),
  {
    name: "materialized partition columns",
    create: {
      schema: struct(...simple.fields, column("p", "string")),
      partitionBy: ["p"],
      properties: { "delta.feature.materializePartitionColumns": "supported" },
    },
    write: (table) => table.append({ sql: "SELECT 1 AS id, 'x' AS p UNION ALL SELECT 2, NULL" }),
  },
  {
    name: "columns mapped and nested, partitioned",
    create: {
      schema: struct(...everyType.fields, column("p art", "string")),
      partitionBy: ["p art"],
      properties: { "delta.columnMapping.mode": "name", "delta.checkpointInterval": "2" },
    },
    write: async (table) => {
      await table.append({
        sql: `SELECT *, 'x y' AS "p art" FROM (${everyTypeRows.slice(0, 2).join(" UNION ALL BY NAME ")})`,
      });
      await table.append({ sql: "SELECT 3 AS id" });
    },
  },
  {
    name: "schema that grows and is replaced",
    create: { schema: simple },
    write: async (table) => {
      await table.append(simpleRows(0, 3));
      await table.append(
        { sql: "SELECT 10 AS id, {'a': 1, 'b': [1.5, NULL]} AS extra, DATE '2024-01-01' AS \"new day\"" },
        { mergeSchema: true, upgradeProtocol: true },
      );
      await table.overwrite({ sql: "SELECT 'other' AS \"only\"" }, { overwriteSchema: true });
    },
  },
  {
    name: "statistics near their limits",
    create: {
      schema: struct(
        column("id", "integer"),
        column("str", "string"),
        column("d", "double"),
        column("ts", "timestamp"),
        column("dec", decimal(38, 18)),
      ),
    },
    write: async (table) => {
      await table.append({
        sql: `SELECT 1 AS id, repeat('\u{10FFFF}', 40) AS str, 'NaN'::DOUBLE AS d, TIMESTAMPTZ '2024-01-01 00:00:00.000999+00' AS ts, 0.000000000000000001 AS dec
              UNION ALL SELECT 2, repeat('z', 400), -0.0, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', -99999999999999999999.999999999999999999`,
      });
      await table.append({ sql: "SELECT 3 AS id, repeat('a', 32) AS str, 'Infinity'::DOUBLE AS d" });
      await table.append({ sql: "SELECT 4 AS id, 'NaN'::DOUBLE AS d" });
    },
    conditions: [
      "str > 'zz'",
      "str >= 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
      "d > 1",
      "d = 0",
      "ts > TIMESTAMP '2024-01-01 00:00:00.0005'",
      "ts < TIMESTAMP '1970-01-01 00:00:00'",
      "dec > 0",
      "dec IS NULL",
      "d <> 0",
    ],
  },
];
