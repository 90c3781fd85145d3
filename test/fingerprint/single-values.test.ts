import { describe, expect, it } from "vitest";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { rowHashSql } from "../../src/fingerprint/row-hash.ts";
import { addSums, contentFingerprintOf, noRows, sumRelation } from "../../src/fingerprint/row-sum.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { type SqlExpression, sql } from "../../src/sql/sql.ts";
import { readTypeText } from "../../src/table/scan/read-type.ts";

/** Values of a type, all different, from a whole number `i` below `count`. */
interface Values {
  readonly type: Parameters<ReturnType<typeof schema>["column"]>[1];
  readonly value: SqlExpression;
  readonly count: number;
  /** Further values at the edges, also different. */
  readonly edges: readonly SqlExpression[];
}

const text = sql`(chr(i % 97) || CASE WHEN i % 2 = 0 THEN 'ü' ELSE '' END || chr(1 + i // 97) || repeat(chr(0), i % 3))`;
const kinds: Readonly<Record<string, Values>> = {
  long: {
    type: "long",
    value: sql`(i::BIGINT * 92233720368547 - 4611686018427387904)`,
    count: 12_000,
    edges: [sql`9223372036854775807`, sql`-9223372036854775808`, sql`0`, sql`1`, sql`-1`, sql`256`],
  },
  integer: {
    type: "integer",
    value: sql`CAST(i - 6000 AS INTEGER)`,
    count: 12_000,
    edges: [sql`2147483647`, sql`-2147483648`],
  },
  short: {
    type: "short",
    value: sql`CAST(i - 6000 AS SMALLINT)`,
    count: 12_000,
    edges: [sql`32767`, sql`-32768`],
  },
  byte: { type: "byte", value: sql`CAST(i - 128 AS TINYINT)`, count: 256, edges: [] },
  boolean: { type: "boolean", value: sql`(i = 1)`, count: 2, edges: [] },
  double: {
    type: "double",
    value: sql`(CAST(i - 6000 AS DOUBLE) / 7 + 0.05)`,
    count: 12_000,
    edges: [
      sql`0.0`,
      sql`'-0.0'::DOUBLE`,
      sql`'NaN'::DOUBLE`,
      sql`'Infinity'::DOUBLE`,
      sql`'-Infinity'::DOUBLE`,
      sql`5e-324`,
      sql`-5e-324`,
      sql`1.7976931348623157e308`,
      sql`0.1`,
      sql`0.30000000000000004`,
      sql`0.3`,
    ],
  },
  float: {
    type: "float",
    value: sql`CAST((i - 6000) / 7 + 0.05 AS FLOAT)`,
    count: 12_000,
    edges: [sql`0.0`, sql`'-0.0'::FLOAT`, sql`'NaN'::FLOAT`, sql`'Infinity'::FLOAT`, sql`1e-45`, sql`3.4e38`],
  },
  string: {
    type: "string",
    value: text,
    count: 12_000,
    edges: [
      sql`''`,
      sql`'a'`,
      sql`'A'`,
      sql`'a '`,
      sql`' a'`,
      sql`'ä'`,
      sql`'a' || chr(776)`,
      sql`'NULL'`,
      sql`chr(1114111)`,
    ],
  },
  binary: {
    type: "binary",
    value: sql`encode(${text})`,
    count: 12_000,
    edges: [
      sql`''::BLOB`,
      sql`'\\xFF'::BLOB`,
      sql`'\\xFF\\x00'::BLOB`,
      sql`'\\x01\\x01'::BLOB`,
      sql`'\\x01\\x01\\x01'::BLOB`,
    ],
  },
  date: {
    type: "date",
    value: sql`(DATE '1960-01-01' + CAST(i AS INTEGER))`,
    count: 8_000,
    edges: [sql`DATE '0001-01-01'`, sql`DATE '9999-12-31'`],
  },
  timestamp: {
    type: "timestamp",
    value: sql`make_timestamptz(1700000000000000 + i)`,
    count: 8_000,
    edges: [sql`make_timestamptz(-1)`, sql`make_timestamptz(0)`, sql`TIMESTAMPTZ '0001-01-01 00:00:00Z'`],
  },
  ntz: {
    type: "timestamp_ntz",
    value: sql`make_timestamp(i - 4000)`,
    count: 8_000,
    edges: [sql`TIMESTAMP '9999-12-31 23:59:59.999999'`],
  },
  decimal: {
    type: { type: "decimal", precision: 38, scale: 10 },
    value: sql`CAST((i - 2000) / 8 AS DECIMAL(38, 10))`,
    count: 8_000,
    edges: [
      sql`9999999999999999999999999999.9999999999`,
      sql`-9999999999999999999999999999.9999999999`,
      sql`0.0000000001`,
    ],
  },
  list: {
    type: arrayOf("string"),
    value: sql`string_split(${text} || '|' || repeat('x|', i % 2), '|')`,
    count: 6_000,
    edges: [
      sql`[]::VARCHAR[]`,
      sql`[NULL]::VARCHAR[]`,
      sql`[NULL, NULL]::VARCHAR[]`,
      sql`['']`,
      sql`['', '']`,
      sql`['a', 'b']`,
      sql`['b', 'a']`,
      sql`['ab']`,
      sql`['a', NULL, 'b']`,
    ],
  },
  nested: {
    type: arrayOf(arrayOf("double")),
    value: sql`[[CAST(i AS DOUBLE)], [CAST(i % 2 AS DOUBLE), NULL]]`,
    count: 6_000,
    edges: [
      sql`[]::DOUBLE[][]`,
      sql`[[]]::DOUBLE[][]`,
      sql`[[], []]::DOUBLE[][]`,
      sql`[NULL]::DOUBLE[][]`,
      sql`[[0.0]]`,
      sql`[['-0.0'::DOUBLE]]`,
      sql`[['NaN'::DOUBLE]]`,
      sql`[[NULL]]::DOUBLE[][]`,
      sql`[[1], [2, 3]]::DOUBLE[][]`,
      sql`[[1, 2], [3]]::DOUBLE[][]`,
      sql`[[1, 2, 3]]::DOUBLE[][]`,
    ],
  },
  struct: {
    type: schema().string("a").string("b").float("x").build(),
    value: sql`{a: 'a' || i // 2, b: CASE WHEN i % 2 = 0 THEN 'b' END, x: CAST(0 AS FLOAT)}`,
    count: 6_000,
    edges: [
      sql`{a: NULL, b: NULL, x: NULL}`,
      sql`{a: 'ab', b: '', x: NULL}`,
      sql`{a: '', b: 'ab', x: NULL}`,
      sql`{a: 'a', b: 'b', x: NULL}`,
      sql`{a: NULL, b: '', x: NULL}`,
      sql`{a: '', b: NULL, x: NULL}`,
      sql`{a: NULL, b: NULL, x: CAST('-0.0' AS FLOAT)}`,
      sql`{a: NULL, b: NULL, x: CAST(0 AS FLOAT)}`,
    ],
  },
  plainStruct: {
    type: schema().integer("a").column("b", schema().integer("c").build()).build(),
    value: sql`{a: CAST(i AS INTEGER), b: {c: CAST(i % 3 AS INTEGER)}}`,
    count: 6_000,
    edges: [
      sql`{a: NULL::INTEGER, b: {c: NULL::INTEGER}}`,
      sql`{a: NULL::INTEGER, b: NULL::STRUCT(c INTEGER)}`,
      sql`{a: NULL::INTEGER, b: {c: 0}}`,
    ],
  },
  map: {
    type: mapOf("string", "double"),
    value: sql`map {'k' || i // 3: CAST(i % 3 AS DOUBLE), 'other': NULL}`,
    count: 6_000,
    edges: [
      sql`map {}`,
      sql`map {'a': NULL}`,
      sql`map {'a': 0.0}`,
      sql`map {'a': '-0.0'::DOUBLE}`,
      sql`map {'': 1.0}`,
      sql`map {'a': 1.0, 'b': 2.0}`,
      sql`map {'a': 2.0, 'b': 1.0}`,
      sql`map {'ab': 1.0}`,
    ],
  },
  variant: {
    type: "variant",
    value: sql`CAST('{"a":' || i // 4 || ['', ',"b":null', ',"b":"1"', ',"b":1'][1 + i % 4] || '}' AS JSON)`,
    count: 4_000,
    edges: [
      sql`'null'`,
      sql`'true'`,
      sql`'"true"'`,
      sql`'1'`,
      sql`'"1"'`,
      sql`'-0.0'`,
      sql`'0'`,
      sql`'[]'`,
      sql`'{}'`,
      sql`'[null]'`,
      sql`'[[]]'`,
      sql`'[[],[]]'`,
      sql`'10'`,
      sql`'[1,0]'`,
      sql`'0.1'`,
      sql`'100000000000000000001'`,
      sql`'100000000000000000000'`,
      sql`'{"":1}'`,
      sql`'{"a":{"b":1}}'`,
      sql`'{"a":[{"b":1}]}'`,
      sql`'{"__proto__":1}'`,
      sql`'{"__proto__":2}'`,
      sql`'"a,b"'`,
      sql`'["a","b"]'`,
      sql`'"[1]"'`,
      sql`'[1]'`,
      sql`'"\\\\\\\\"'`,
      sql`'"\\\\\\""'`,
    ],
  },
};

describe("every change of a single value", () => {
  it("gives a row another hash, in more than 100,000 tries over all types and edges", async () => {
    await using session = await duckdbEngine.open();
    session.enableVariants();
    let tried = 0;
    for (const [name, { type, value, count, edges }] of Object.entries(kinds)) {
      const own = schema().column("before", "string").column("v", type).column("after", "string").build();
      const column = own.fields[1];
      if (column === undefined) throw new Error("no column");
      const all = [
        sql`SELECT CAST(${value} AS ${readTypeText(column.type)}) AS v FROM (SELECT CAST(range AS INTEGER) AS i FROM range(${count}))`,
        sql`SELECT NULL`,
        ...edges.map((edge) => sql`SELECT CAST(${edge} AS ${readTypeText(column.type)})`),
      ];
      const rows = all
        .slice(1)
        .reduce((select, one) => sql`${select} UNION ALL ${one}`, all[0] ?? sql`SELECT 1`);
      const [result] = await session.rows(
        sql`SELECT count(*) AS n, count(DISTINCT hash) AS hashes
            FROM (SELECT v, ${rowHashSql(own)} AS hash FROM (SELECT 'a' AS "before", v, 'b' AS "after" FROM (${rows})))`,
      );
      const repeated = Number(result?.["n"]) - Number(result?.["hashes"]);
      expect(repeated, `${name}: rows with the hash of another one`).toBe(0);
      tried += Number(result?.["n"]);
    }
    expect(tried).toBeGreaterThan(100_000);
  });

  it("gives rows another hash when a value moves to the neighbouring column or row", async () => {
    await using session = await duckdbEngine.open();
    const pair = schema().string("a").string("b").build();
    const of = async (rows: SqlExpression) => {
      const relation = { sql: sql`SELECT * FROM (VALUES ${rows}) AS t(a, b)`, columns: [] };
      return contentFingerprintOf(pair, await sumRelation(session, relation, pair));
    };
    const different = [
      await of(sql`('a', 'b')`),
      await of(sql`('b', 'a')`),
      await of(sql`('ab', '')`),
      await of(sql`('', 'ab')`),
      await of(sql`('ab', NULL)`),
      await of(sql`(NULL, 'ab')`),
      await of(sql`('a', 'b'), ('c', 'd')`),
      await of(sql`('a', 'd'), ('c', 'b')`),
      await of(sql`('a', 'b'), ('a', 'b')`),
      await of(sql`('a', 'b'), ('a', 'b'), ('a', 'b')`),
      await of(sql`(NULL, NULL)`),
    ];
    expect(new Set(different).size).toBe(different.length);
    expect(await of(sql`('c', 'd'), ('a', 'b')`)).toBe(different[6]);
  });

  it("sums of parts add up to the sum of the whole", async () => {
    await using session = await duckdbEngine.open();
    const own = schema().long("i").build();
    const sum = (from: number, to: number) =>
      sumRelation(session, { sql: sql`SELECT range AS i FROM range(${from}, ${to})`, columns: [] }, own);
    expect(addSums(addSums(await sum(0, 10), await sum(10, 5_000)), noRows)).toEqual(await sum(0, 5_000));
  });
});
