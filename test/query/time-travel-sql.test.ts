import { describe, expect, it } from "vitest";
import { rewriteTravelSql } from "../../src/query/time-travel-sql.ts";

describe("time travel in SQL text", () => {
  it("reads Delta's spelling", () => {
    const { sql, references } = rewriteTravelSql(
      "SELECT * FROM t VERSION AS OF 3 a JOIN t TIMESTAMP AS OF '2024-06-01' b USING (id)",
    );
    expect(sql).toBe('SELECT * FROM "t@v3" a JOIN "t@2024-06-01" b USING (id)');
    expect(references.map((reference) => reference.point)).toEqual([
      { version: 3 },
      { timestamp: "2024-06-01" },
    ]);
  });

  it("reads DuckDB's spelling and FOR", () => {
    expect(rewriteTravelSql("FROM t AT (VERSION => 3)").sql).toBe('FROM "t@v3"');
    expect(rewriteTravelSql("FROM t AT (TIMESTAMP => TIMESTAMP '2024-01-01')").sql).toBe(
      'FROM "t@2024-01-01"',
    );
    expect(rewriteTravelSql("FROM `my t` FOR SYSTEM_VERSION AS OF 0").sql).toBe('FROM "my t@v0"');
  });

  it("leaves strings, comments, quoted names and columns called version alone", () => {
    const text =
      "SELECT 't VERSION AS OF 3', version, \"t VERSION AS OF 3\" -- t VERSION AS OF 3\nFROM t /* t AT (VERSION => 1) */ WHERE x AT TIME ZONE 'UTC' > y";
    expect(rewriteTravelSql(text)).toMatchObject({ sql: text, references: [] });
  });

  it("leaves comments inside comments alone, and reads on behind them", () => {
    const comment = "/* a /* b */ t VERSION AS OF x, it's */";
    expect(rewriteTravelSql(`${comment} FROM t VERSION AS OF 3`).sql).toBe(`${comment} FROM "t@v3"`);
    expect(rewriteTravelSql("-- it's\rFROM t VERSION AS OF 3").sql).toBe('-- it\'s\rFROM "t@v3"');
  });

  it("maps positions of the rewritten text back", () => {
    const text = "SELECT * FROM t VERSION AS OF 12 WHERE nope";
    const { sql, originalOffset } = rewriteTravelSql(text);
    expect(originalOffset(sql.indexOf("nope"))).toBe(text.indexOf("nope"));
    expect(originalOffset(sql.indexOf("@v12"))).toBe(text.indexOf("t VERSION"));
  });

  it("refuses a version that is no whole number", () => {
    expect(() => rewriteTravelSql("FROM t VERSION AS OF -1")).toThrowError(/non-negative integer/);
    expect(() => rewriteTravelSql("FROM t VERSION AS OF 1.5")).toThrowError(/non-negative integer/);
    expect(() => rewriteTravelSql("FROM t TIMESTAMP AS OF 5")).toThrowError(/quoted time/);
  });
});
