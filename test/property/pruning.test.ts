import { afterAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { isVarveError } from "../../src/errors.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { leafFields } from "../../src/schema/fields.ts";
import { isPrimitive } from "../../src/schema/type-names.ts";
import { quoteName, quoteText } from "../../src/sql/sql-text.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { predicateFromSql } from "../../src/table/scan/predicate-from-sql.ts";
import { planScan } from "../../src/table/scan/scan.ts";
import { conformanceFolder, conformanceTables, fixtureTables } from "../conformance/collection.ts";
import fc from "../support/fast-check.ts";
import { unchecked } from "../support/unchecked-sql.ts";

// PROTOCOL.md "Per-file Statistics".

const folder = conformanceFolder();
const tables = [...(folder === undefined ? [] : conformanceTables(folder)), ...fixtureTables()].filter(
  ({ expect: wanted }) =>
    typeof wanted["rows"] === "number" &&
    wanted["rows"] > 0 &&
    wanted["rows"] <= 20_000 &&
    wanted["must_reject"] === undefined,
);
const conditionsATable = Number(process.env["VARVE_RUNS"] ?? 12);

/** A column to compare, and constants that are worth comparing it with, as SQL. */
interface Operand {
  readonly sql: string;
  readonly text: boolean;
  readonly constants: readonly string[];
}

/** Tables whose statistics contradict their rows: no answer can be right there, and `fsck` must say so. */
const wrongStatistics: readonly string[] = ["delta-rs-data--issue_1374"];

let skipped = 0;
let conditions = 0;

describe("leaving files out", () => {
  it.each(tables)(`never changes the answer of a query ($name)`, async ({ name, folder: path }) => {
    const context = await openContext(path);
    if (wrongStatistics.includes(name)) {
      const { findings } = await fsck(context, { orphans: false });
      expect(findings.map((finding) => finding.code)).toContain("STATISTICS_WRONG");
      return;
    }
    const session = await (await context.engine()).open();
    try {
      const snapshot = await openLog(context);
      const whole = await planScan(session, snapshot);
      await session.execute(unchecked(`CREATE TABLE whole_table AS ${whole.sql}`));
      const operands = await operandsOf(session, snapshot);
      if (operands.length === 0) return;
      for (const condition of fc.sample(conditionOf(operands, 2), { numRuns: conditionsATable }))
        await compare(session, snapshot, condition);
    } finally {
      await session.close();
    }
  });

  afterAll(() => {
    expect(skipped, `${conditions} conditions must leave some files out`).toBeGreaterThan(0);
  });
});

async function compare(session: Session, snapshot: LogSnapshot, condition: string): Promise<void> {
  const answer = (from: string): string =>
    `SELECT count(*) AS rows, coalesce(sum(hash(t)), 0)::VARCHAR AS content FROM ${from} AS t WHERE ${condition}`;
  let wanted: unknown;
  try {
    wanted = await session.rows(unchecked(answer("whole_table")));
  } catch (error) {
    // The engine refuses some comparisons, such as a text with a number.
    if (isVarveError(error, "SQL_FAILED")) return;
    throw error;
  }
  const predicate = await predicateFromSql(session, condition, snapshot.schema);
  const scan = await planScan(session, snapshot, { predicate });
  conditions++;
  skipped += scan.report.filesSkipped;
  expect(await session.rows(unchecked(answer(`(${scan.sql})`))), condition).toEqual(wanted);
}

async function operandsOf(session: Session, snapshot: LogSnapshot): Promise<Operand[]> {
  const operands: Operand[] = [];
  for (const { path, field } of leafFields(snapshot.schema)) {
    if (
      isPrimitive(field.type)
        ? field.type === "variant" || field.type === "void" || field.type === "binary"
        : field.type.type !== "decimal"
    )
      continue;
    const sql = path.map(quoteName).join(".");
    const rows = await session.rows(
      unchecked(
        `SELECT DISTINCT CAST(${sql} AS VARCHAR) AS value FROM whole_table AS t WHERE ${sql} IS NOT NULL ORDER BY hash(value) LIMIT 8`,
      ),
    );
    const type = isPrimitive(field.type) ? field.type : "decimal";
    operands.push({
      sql,
      text: type === "string",
      constants: [...rows.map((row) => literal(type, String(row["value"]))), ...(others[type] ?? [])],
    });
  }
  return operands;
}

function literal(type: string, value: string): string {
  if (["byte", "short", "integer", "long", "decimal", "boolean"].includes(type)) return value;
  if (type === "float" || type === "double") return /^-?\d/.test(value) ? value : quoteText(value);
  return type === "date" ? `DATE ${quoteText(value)}` : quoteText(value);
}

const numbers = [
  "0",
  "-1",
  "5",
  "2.5",
  "1e3",
  "127",
  "2147483647",
  "9223372036854775807",
  "CAST(3 AS BIGINT)",
];
const others: Readonly<Record<string, readonly string[]>> = {
  byte: numbers,
  short: numbers,
  integer: numbers,
  long: [...numbers, "9007199254740993"],
  float: [...numbers, "0.1", "CAST(0.1 AS FLOAT)", "'NaN'::DOUBLE"],
  double: [...numbers, "0.1", "'NaN'::DOUBLE", "'Infinity'::DOUBLE"],
  decimal: [...numbers, "0.00001", "123.456"],
  string: ["''", "'a'", "'zzzz'", "'\u{10FFFF}'", "'1'"],
  boolean: ["true", "false"],
  date: ["DATE '1970-01-01'", "'2021-01-01'", "TIMESTAMP '2021-01-01 12:00:00'"],
  timestamp: [
    "TIMESTAMPTZ '2021-01-01 00:00:00+02'",
    "TIMESTAMP '2020-01-01 08:09:10.001'",
    "DATE '2021-01-01'",
    "'1999-01-01 09:00:00'",
  ],
  timestamp_ntz: ["TIMESTAMP '2021-11-18 02:30:00.123456'", "DATE '2013-07-05'", "'2021-01-01 00:00:00'"],
};

function conditionOf(operands: readonly Operand[], depth: number): fc.Arbitrary<string> {
  const simple = fc.constantFrom(...operands).chain((operand) => comparisonOf(operand));
  if (depth === 0) return simple;
  const inner = conditionOf(operands, depth - 1);
  return fc.oneof(
    { weight: 3, arbitrary: simple },
    { weight: 2, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `(${a}) AND (${b})`) },
    { weight: 2, arbitrary: fc.tuple(inner, inner).map(([a, b]) => `(${a}) OR (${b})`) },
    { weight: 2, arbitrary: inner.map((one) => `NOT (${one})`) },
  );
}

function comparisonOf({ sql, text, constants }: Operand): fc.Arbitrary<string> {
  const constant = fc.constantFrom(...constants, "NULL");
  const operator = fc.constantFrom(
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "IS DISTINCT FROM",
    "IS NOT DISTINCT FROM",
  );
  const comparison = fc.tuple(operator, constant, fc.boolean());
  return fc.oneof(
    {
      weight: 5,
      arbitrary: comparison.map(([op, value, turned]) =>
        turned ? `${value} ${op} ${sql}` : `${sql} ${op} ${value}`,
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(constant, constant, fc.boolean())
        .map(([a, b, not]) => `${sql}${not ? " NOT" : ""} BETWEEN ${a} AND ${b}`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.array(constant, { minLength: 1, maxLength: 4 }), fc.boolean())
        .map(([list, not]) => `${sql}${not ? " NOT" : ""} IN (${list.join(", ")})`),
    },
    { weight: 1, arbitrary: fc.boolean().map((not) => `${sql} IS ${not ? "NOT " : ""}NULL`) },
    {
      weight: 1,
      arbitrary: constant.map(
        (value) => `CAST(${sql} AS VARCHAR) = ${value === "NULL" ? value : `CAST(${value} AS VARCHAR)`}`,
      ),
    },
    ...(text
      ? [
          {
            weight: 3,
            arbitrary: fc
              .tuple(constant, fc.nat(4), fc.constantFrom("%", "_", "%a", ""))
              .map(([value, length, rest]) => `${sql} LIKE ${prefixOf(value, length, rest)}`),
          },
        ]
      : []),
  );
}

function prefixOf(constant: string, length: number, rest: string): string {
  if (!constant.startsWith("'")) return "NULL";
  const plain = [...constant.slice(1, -1).replaceAll("''", "'")].slice(0, length).join("");
  return quoteText(`${plain}${rest}`);
}
