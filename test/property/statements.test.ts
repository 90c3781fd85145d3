import { describe, expect, it } from "vitest";
import { engineText } from "../../src/dialects/statements/engine-text.ts";
import { parseStatements } from "../../src/dialects/statements/parse-statements.ts";
import { isVarveError } from "../../src/errors.ts";
import fc from "../support/fast-check.ts";

const words =
  "DELETE FROM UPDATE SET WHERE MERGE INTO USING ON WHEN MATCHED NOT BY SOURCE TARGET AND THEN INSERT OVERWRITE TABLE VALUES SELECT WITH AS CASE END DEFAULT ALTER ADD COLUMN COLUMNS CONSTRAINT CHECK DROP FEATURE TBLPROPERTIES OPTIMIZE ZORDER FULL REORG APPLY PURGE VACUUM LITE RETAIN HOURS DRY RUN RESTORE TO VERSION OF TIMESTAMP CREATE OR REPLACE SHALLOW DEEP CLONE LOCATION CONVERT DELTA PARTITIONED PARTITION DESCRIBE HISTORY DETAIL GENERATE LIMIT NAME SCHEMA EVOLUTION INT ARRAY STRUCT MAP DECIMAL delta parquet t s a b".split(
    " ",
  );
const marks =
  "( ) [ ] { } , ; . * = <=> < > @v3 @ : -> => + - 'x' \"y\" `z` ' \" ` 1 0.5 12L -- /* */ \\ \n \u0000 é 😀".split(
    " ",
  );

/** Reads a text, and everything that was made of it again: what may fail is a refusal with its place. */
function readWhole(text: string): void {
  try {
    for (const { body, source } of parseStatements(text)) {
      expect(text.slice(source.start, source.start + source.text.length)).toBe(source.text);
      // A statement is read alike by itself.
      expect(parseStatements(source.text).map((one) => one.body.kind)).toEqual([body.kind]);
      if (body.kind === "SELECT") engineText(body.query);
    }
  } catch (error) {
    if (!isVarveError(error, "SQL_FAILED")) throw error;
    expect(error.data).toMatchObject({ line: expect.any(Number), column: expect.any(Number) });
  }
}

describe("a text of statements, whatever it is", () => {
  it("of the grammar's own words is read or refused with its place", () => {
    const token = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...words) }, fc.constantFrom(...marks));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (tokens) => readWhole(tokens.join(" "))),
      { numRuns: 3000 },
    );
  });

  it("of any characters is read or refused with its place", () => {
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 200 }), (word, rest) =>
        readWhole(`${word} ${rest}`),
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["open parentheses", `SELECT ${"(".repeat(500_000)}`],
    ["closed parentheses", `SELECT 1 ${")".repeat(500_000)}`],
    ["CASE", `DELETE FROM t WHERE ${"CASE ".repeat(200_000)}`],
    ["quotes that are escaped", `SELECT ${"\\'".repeat(500_000)}`],
    ["quotes that alternate", `SELECT ${"'\"`".repeat(300_000)}`],
    ["comments without an end", `SELECT ${"/* ".repeat(300_000)}`],
    ["nested types", `ALTER TABLE t ADD COLUMN a ${"ARRAY<".repeat(300_000)}`],
    ["semicolons", ";".repeat(1_000_000)],
    ["letters before a quote", `SELECT ${"r".repeat(500_000)}'`],
    ["clauses", `MERGE INTO t USING s ON true ${"WHEN MATCHED AND a THEN DELETE ".repeat(50_000)}`],
  ])("made to be read in many ways (%s) is done with at once", (_, text) => {
    readWhole(text);
  });
});
