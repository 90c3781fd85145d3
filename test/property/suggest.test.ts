import { expect, it } from "vitest";
import { suggest } from "../../src/api/profile.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import { explainedSuite } from "../../src/quality/profile/suggest.ts";
import { parseSuite } from "../../src/quality/suite/define.ts";
import { stringifyJson, toJsonValue } from "../../src/util/json.ts";
import fc from "../support/fast-check.ts";

/**
 * Values of every type as SQL texts, the awkward ones among them; `few` makes columns of few different
 * values.
 */
const values: Readonly<Record<string, readonly string[]>> = {
  BOOLEAN: ["true", "false"],
  TINYINT: ["-128", "0", "127"],
  INTEGER: ["-2147483648", "0", "3", "2147483647"],
  BIGINT: ["9223372036854775807", "-9223372036854775808", "9007199254740993", "9007199254740992", "1"],
  "DECIMAL(38,10)": [
    "0.1",
    "1234567890123456789012345678.0123456789",
    "-1234567890123456789012345678.0123456789",
    "0.0000000001",
  ],
  "DECIMAL(20,0)": ["99999999999999999999", "12345678901234567890", "7"],
  FLOAT: ["0.1", "nan", "inf", "-inf", "3.4028235e38", "-0.0"],
  DOUBLE: ["0.1", "nan", "inf", "-inf", "1.7e308", "-1.7e308", "5e-324", "-0.0", "1"],
  VARCHAR: ["a", "", "b'", "x\ny", "\u0001", "ü", "😀", "'; --", "%_", " ", "NULL"],
  DATE: ["2020-01-01", "1900-01-01", "9999-12-31"],
  TIMESTAMP: ["2020-01-01 00:00:00", "1969-12-31 23:59:59.999999"],
  "TIMESTAMP WITH TIME ZONE": ["2020-01-01 00:00:00+00", "1900-01-01 00:00:00.5+00"],
  BLOB: ["a", "\\x00\\xFF"],
  "INTEGER[]": ["[]", "[1]", "[1,NULL]"],
  "STRUCT(a INTEGER, b VARCHAR)": ["{'a':1,'b':'x'}", "{'a':NULL,'b':NULL}"],
};

/** Texts that read as other types, or nearly so. */
const readable: readonly (readonly string[])[] = [
  ["1", "2"],
  ["007", "8"],
  ["99999999999999999999", "1"],
  ["1.5", "2"],
  [".", "1.5"],
  ["-", "+ 1"],
  ["true", "false"],
  ["true", "1"],
];

const column = fc.constantFrom(...Object.keys(values)).chain((type) =>
  fc.record({
    type: fc.constant(type),
    from:
      type === "VARCHAR"
        ? fc.constantFrom(values["VARCHAR"] ?? [], ...readable)
        : fc.constant(values[type] ?? []),
    name: fc.constantFrom("c", "a b", 'quo"te', "it's", "ü.x", "<b>"),
    nulls: fc.constantFrom(0, 0, 0.3, 0.9, 1),
  }),
);

const relation = fc.record({
  columns: fc.array(column, { minLength: 1, maxLength: 6 }),
  rows: fc.constantFrom(0, 1, 2, 3, 20, 90),
  seed: fc.nat(),
});

type Given = typeof relation extends fc.Arbitrary<infer T> ? T : never;

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

function sqlOf({ columns, rows, seed }: Given): string {
  let state = seed % 2147483647;
  const below = (bound: number) => {
    state = (state * 48271 + 11) % 2147483647;
    return state % bound;
  };
  const cell = ({ type, from, nulls }: (typeof columns)[number]) =>
    below(100) < nulls * 100
      ? `CAST(NULL AS ${type})`
      : `CAST(${text(from[below(from.length)] ?? "")} AS ${type})`;
  const names = columns.map(({ name }, at) => `"${`${name}${at}`.replaceAll('"', '""')}"`);
  const select = (cells: readonly string[]) =>
    `SELECT ${cells.map((sql, at) => `${sql} AS ${names[at]}`).join(", ")}`;
  if (rows === 0) return `${select(columns.map(({ type }) => `CAST(NULL AS ${type})`))} WHERE false`;
  return Array.from({ length: rows }, () => select(columns.map(cell))).join(" UNION ALL ");
}

it("a suggested suite can be written, read and defined, and the rows that it came from pass every check of it", async () => {
  await fc.assert(
    fc.asyncProperty(relation, fc.boolean(), async (given, extended) => {
      const source = { sql: sqlOf(given) };
      const suggested = await suggest(source, { extended });
      const written = parseSuite(stringifyJson(toJsonValue(explainedSuite(suggested))));
      const report = await runSuite(written, source);
      expect(
        report.checks.filter(({ success }) => !success).map(({ id, message }) => `${id} ${message}`),
      ).toEqual([]);
      expect(report).toMatchObject({ accepted: true, quarantined: 0, dropped: 0 });
      if (given.rows === 0) expect(written.checks).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
