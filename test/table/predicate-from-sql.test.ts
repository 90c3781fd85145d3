import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { schemaFromJson } from "../../src/schema/schema-json.ts";
import type { StructType } from "../../src/schema/types.ts";
import { predicateFromSql } from "../../src/table/scan/predicate-from-sql.ts";

const column = (name: string, type: string | object) => ({ name, type, nullable: true, metadata: {} });
const schema: StructType = schemaFromJson({
  type: "struct",
  fields: [
    column("i", "integer"),
    column("l", "long"),
    column("d", "double"),
    column("f", "float"),
    column("m", "decimal(10,2)"),
    column("s", "string"),
    column("b", "boolean"),
    column("day", "date"),
    column("ts", "timestamp"),
    column("ntz", "timestamp_ntz"),
    column("v", "variant"),
    column("o", { type: "struct", fields: [column("x", "integer"), column("t", "string")] }),
    column("t", { type: "struct", fields: [column("i", "integer")] }),
  ],
} as never);

let session: Session;
beforeAll(async () => {
  session = await openSession();
});
afterAll(() => session.close());

/** The predicate in one line, `?` for what is not understood. */
function text(predicate: Predicate): string {
  switch (predicate.op) {
    case "and":
    case "or":
      return `(${predicate.args.map(text).join(` ${predicate.op} `)})`;
    case "not":
      return `not ${text(predicate.arg)}`;
    case "constant":
      return String(predicate.value);
    case "unknown":
      return "?";
    case "isNull":
    case "isNotNull":
      return `${predicate.column.join(".")} ${predicate.op}`;
    case "startsWith":
      return `${predicate.column.join(".")} startsWith ${predicate.prefix}`;
    case "in":
      return `${predicate.column.join(".")} in`;
    default:
      return `${predicate.column.join(".")} ${predicate.op} ${String(predicate.value.value)}`;
  }
}

describe("a condition's SQL as a predicate for leaving files out", () => {
  it.each([
    ["i = 5", "i eq 5"],
    ["5 < I", "i gt 5"],
    ["t2.i = 5", "?"],
    ["i <> -3", "i ne -3"],
    ["i BETWEEN 1 AND 10", "(i ge 1 and i le 10)"],
    ["i NOT BETWEEN 1 AND 10", "(i lt 1 or i gt 10)"],
    ["i BETWEEN 1 AND l", "?"],
    ["i IN (1, 2, NULL)", "(i eq 1 or i eq 2 or null)"],
    ["i NOT IN (1, 2)", "(i ne 1 and i ne 2)"],
    ["i IN (SELECT 1)", "?"],
    ["i > 2.5", "i gt 2.5"],
    ["i = '5'", "?"],
    ["i = CAST('5' AS INTEGER)", "?"],
    ["i = 5::BIGINT", "i eq 5"],
    ["CAST(i AS BIGINT) = 5", "i eq 5"],
    ["CAST(l AS INTEGER) = 5", "?"],
    ["CAST(i AS VARCHAR) = '5'", "?"],
    ["i + 1 = 5", "?"],
    ["abs(i) = 5", "?"],
    ["i = 1e3", "?"],
    ["l = 9007199254740993", "l eq 9007199254740993"],
    ["m >= 12.5", "m ge 12.5"],
    ["m = 1e2", "?"],
    ["m = 12345678.12", "m eq 12345678.12"],
    ["l = 9007199254740993", "l eq 9007199254740993"],
    ["l = 9223372036854775807", "l eq 9223372036854775807"],
    ["d < 1e999", "?"],
    ["d > -1e999", "?"],
    ["s = ':Infinity,\"a\\' AND i = 1", '(s eq :Infinity,"a\\ and i eq 1)'],
    ["s = '1234567890123456789' AND i = 1", "(s eq 1234567890123456789 and i eq 1)"],
    [`i = 1 AND ${"NOT ".repeat(600)} l = 2`, "(i eq 1 and l eq 2)"],
    [`i = 1 AND l = 0${"+0".repeat(900)}`, "(i eq 1 and ?)"],
    ["d < 0.5", "d lt 0.5"],
    ["d > 0.5", "?"],
    ["NOT d <= 0.5", "?"],
    ["f <= 0.1", "?"],
    ["f <= 0.25", "f le 0.25"],
    ["s = 'it''s'", "s eq it's"],
    ["s LIKE 'ab%'", "s startsWith ab"],
    ["s LIKE 'ab_d'", "s startsWith ab"],
    ["s LIKE 'ab'", "s eq ab"],
    ["s LIKE '%b'", "s isNotNull"],
    ["s LIKE 'a\\%b'", "s startsWith a"],
    ["s NOT LIKE 'ab%'", "?"],
    ["NOT s LIKE 'ab%'", "?"],
    ["s ILIKE 'ab%'", "?"],
    ["starts_with(s, 'ab')", "s startsWith ab"],
    ["s = 'x' COLLATE NOCASE", "?"],
    ["b", "b eq true"],
    ["NOT b", "b eq false"],
    ["b = false", "b eq false"],
    ["b IS TRUE", "b eq true"],
    ["b IS NOT TRUE", "(b ne true or b isNull)"],
    ["day = DATE '2024-02-29'", "day eq 2024-02-29"],
    ["day = '2024-02-29'", "day eq 2024-02-29"],
    ["day = '2024-02-30'", "?"],
    ["day < TIMESTAMP '2024-02-29 12:00:00'", "?"],
    ["ts < TIMESTAMPTZ '2024-01-01 00:00:00+02'", "ts lt 2023-12-31 22:00:00.000000"],
    ["ts < '2024-01-01'", "ts lt 2024-01-01 00:00:00.000000"],
    ["ntz < TIMESTAMP '2024-01-01 00:00:00'", "ntz lt 2024-01-01 00:00:00.000000"],
    ["ntz < '2024-01-01 00:00:00+02'", "?"],
    ["i IS NULL", "i isNull"],
    ["NOT i IS NULL", "i isNotNull"],
    ["v IS NULL", "?"],
    ["i IS DISTINCT FROM 3", "(i ne 3 or i isNull)"],
    ["i IS NOT DISTINCT FROM NULL", "i isNull"],
    ["i IS NOT DISTINCT FROM 3", "i eq 3"],
    ["o.x = 1", "o.x eq 1"],
    ["o.nothing = 1", "?"],
    // `t.i` may be the column i of the table t, or the field i of the column t.
    ["t.i = 1", "?"],
    ["NOT (i = 1 AND l = 2)", "(i ne 1 or l ne 2)"],
    ["NOT (i = 1 OR abs(l) = 2)", "(i ne 1 and ?)"],
    ["i = NULL", "null"],
    ["NULL", "null"],
    ["true", "true"],
    ["i = 1 OR true", "(i eq 1 or true)"],
    ["random() < 0.5", "?"],
    ["i = 1 LIMIT 5; DROP TABLE t", "?"],
    ["nonsense ((", "?"],
    ["i = 1 UNION SELECT 2 FROM t WHERE l = 3", "?"],
  ])("%s", async (sql, expected) => {
    expect(text(await predicateFromSql(session, sql, schema))).toBe(expected);
  });

  it("qualified names are understood where they are clear", async () => {
    const plain: StructType = { type: "struct", fields: schema.fields.filter((field) => field.name !== "t") };
    expect(text(await predicateFromSql(session, "t.i = 1 AND T.o.x = 2", plain))).toBe(
      "(i eq 1 and o.x eq 2)",
    );
  });
});
