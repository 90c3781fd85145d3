import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { query } from "../../src/api/query.ts";
import type { QueryResult } from "../../src/query/query-result.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/tables/${name}`, import.meta.url));

async function rowsOf(result: QueryResult): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of result.rows()) rows.push(row);
  return rows;
}

describe("SQL over tables at versions", () => {
  it("reads several versions of one table in one query, in both spellings", async () => {
    await using table = await openTable(fixture("app-transactions"));
    const result = await query(
      "SELECT (SELECT count(*) FROM t VERSION AS OF 0) AS a, (SELECT count(*) FROM t AT (VERSION => 1)) AS b, (SELECT count(*) FROM t) AS c",
      { tables: { t: table } },
    );
    expect(await rowsOf(result)).toEqual([{ a: 1n, b: 2n, c: 3n }]);
  });

  it("joins versions and filters by what changed between them", async () => {
    const result = await query("SELECT count(*) AS n FROM now ANTI JOIN before USING (id)", {
      tables: { now: fixture("app-transactions"), before: `${fixture("app-transactions")}@v0` },
    });
    expect(await rowsOf(result)).toEqual([{ n: 0n }]);
  });

  it("takes table names without regard to case and gives CTEs precedence", async () => {
    const tables = { Things: fixture("app-transactions") };
    expect(await rowsOf(await query("SELECT count(*) AS n FROM THINGS", { tables }))).toEqual([{ n: 3n }]);
    expect(
      await rowsOf(await query("WITH things AS (SELECT 7 AS id) SELECT id FROM things", { tables })),
    ).toEqual([{ id: 7 }]);
  });

  it.each([
    ["a common table", "WITH few AS (FROM t LIMIT 2) SELECT count(*) AS n FROM few", 2n],
    [
      "one that reads another",
      "WITH a AS (FROM t), b AS (FROM a LIMIT 1) SELECT count(*) AS n FROM b, a",
      3n,
    ],
    [
      "a recursive one",
      "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 4) SELECT count(*) AS n FROM r",
      4n,
    ],
    ["one in a sub-query", "SELECT (WITH one AS (SELECT 1 AS i) SELECT count(*) FROM one) AS n", 1n],
    ["one table in several spellings", 'SELECT count(*) AS n FROM T a, t b, "T" c', 27n],
  ])("reads %s", async (_, sql, n) => {
    const tables = { t: fixture("app-transactions") };
    expect(await rowsOf(await query(sql, { tables }))).toEqual([{ n }]);
  });

  it("refuses a common table where the query does not see it", async () => {
    const sql = "SELECT * FROM (WITH a AS (SELECT 1 AS i) FROM a) x, a";
    const reading = query(sql, { tables: { t: fixture("app-transactions") } });
    await expect(reading).rejects.toMatchObject({ code: "SQL_FAILED", data: { table: "a", tables: [] } });
  });

  it("reads a table that one text spells in several ways, and tells apart what the engine does", async () => {
    const tables = { t: fixture("app-transactions"), Ä: fixture("app-transactions") };
    const counts = async (text: string) =>
      Object.values((await rowsOf(await query(text, { tables })))[0] ?? {});
    expect(await counts("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM T WHERE id < 0)")).toEqual([
      3n,
      0n,
    ]);
    expect(
      await counts(
        "SELECT (SELECT count(*) FROM t VERSION AS OF 0), (SELECT count(*) FROM T VERSION AS OF 0)",
      ),
    ).toEqual([1n, 1n]);
    expect(await counts("SELECT (SELECT count(*) FROM Ä), (SELECT count(*) FROM ä)")).toEqual([3n, 3n]);
  });

  it("names what is bound when the text names something else", async () => {
    await expect(
      query("SELECT * FROM other", { tables: { t: fixture("app-transactions") } }),
    ).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { table: "other", bound: ["t"] },
    });
  });

  it("will not travel with a table that is bound to one version", async () => {
    const tables = { t: `${fixture("app-transactions")}@v1` };
    await expect(query("SELECT * FROM t VERSION AS OF 0", { tables })).rejects.toThrowError(
      /bound to one version/,
    );
  });

  it.each(["INSERT INTO t VALUES (1)", "DELETE FROM t", "CREATE TABLE u AS SELECT 1"])(
    "refuses a statement that changes something, and says what does: %s",
    async (statement) => {
      await expect(query(statement, { tables: {} })).rejects.toMatchObject({
        code: "SQL_REFUSED",
        message:
          "A query must be one SELECT statement. Statements that change tables run with runSql() or table.sql(text, {}), and on the command line with varve sql.",
      });
    },
  );

  it("refuses a text that is long to parse before it looks for what the text names", async () => {
    const comments = `SELECT 1 ${"/*".repeat(200)}${"*/".repeat(200)} FROM nowhere`;
    await expect(query(comments, { tables: {} })).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { limit: 200 },
    });
  });

  it("takes numbers beyond doubles, and conditions as deeply nested as the fence lets them be", async () => {
    const tables = { t: fixture("app-transactions") };
    const tooDeep = `${"NOT ".repeat(600)} id IS NOT NULL`;
    await expect(query(`SELECT count(*) AS n FROM t WHERE ${tooDeep}`, { tables })).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { limit: 100 },
    });
    const conditions = ["id < 1e999 AND id > -1e999", `${"NOT ".repeat(90)} id IS NOT NULL`];
    for (const condition of conditions) {
      expect(await rowsOf(await query(`SELECT count(*) AS n FROM t WHERE ${condition}`, { tables }))).toEqual(
        [{ n: 3n }],
      );
    }
    await using table = await openTable(fixture("app-transactions"));
    const version = await table.at(2);
    for (const where of conditions) {
      let rows = 0;
      for await (const batch of version.batches({ where })) rows += batch.numRows;
      expect(rows).toBe(3);
    }
  });

  it("points at the caller's own text when the engine refuses it", async () => {
    const sql = "SELECT nope FROM t VERSION AS OF 1";
    const failure = query(sql, { tables: { t: fixture("app-transactions") } });
    await expect(failure).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { position: sql.indexOf("nope") },
    });
  });

  it("points at the caller's own text where it does not parse", async () => {
    const sql = "SELECT '😀€' FROM t VERSION AS OF 1 FROM";
    await expect(query(sql, { tables: { t: fixture("app-transactions") } })).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { position: sql.lastIndexOf("FROM") },
    });
  });

  it("frees the engine when a loop over rows ends early, and gives a result out once", async () => {
    const result = await query("SELECT * FROM range(100000)", { tables: {} });
    for await (const row of result.rows()) {
      expect(row).toEqual({ range: 0n });
      break;
    }
    await expect(rowsOf(result)).rejects.toThrowError(/already closed/);
  });
});

describe("conditions of a query prune files", () => {
  const scanOf = async (sql: string) => {
    await using result = await query(sql, {
      tables: { t: fixture("partition-types"), u: fixture("partition-types") },
    });
    return result.scans;
  };

  it("only where no row of a skipped file can matter", async () => {
    expect((await scanOf("SELECT * FROM t"))["t"]?.filesSkipped).toBe(0);
    expect((await scanOf("SELECT * FROM t WHERE p_s > 1000"))["t"]).toMatchObject({
      filesListed: 2,
      filesRead: 0,
    });
    expect(
      (await scanOf("SELECT * FROM t x JOIN u y USING (id) WHERE x.p_flag AND y.p_s = 300"))["u"]?.filesRead,
    ).toBe(1);
    // An outer join turns skipped rows into nulls, a second reference needs what the first one does not, a
    // sample is of all rows.
    expect(
      (await scanOf("SELECT * FROM t x LEFT JOIN u y USING (id) WHERE y.p_s > 1000"))["u"]?.filesSkipped,
    ).toBe(0);
    expect(
      (await scanOf("SELECT * FROM t WHERE p_s > 1000 UNION ALL SELECT * FROM t"))["t"]?.filesSkipped,
    ).toBe(0);
    expect((await scanOf("SELECT * FROM t TABLESAMPLE 50% WHERE p_s > 1000"))["t"]?.filesSkipped).toBe(0);
    expect(
      (await scanOf("WITH t AS (SELECT * FROM t WHERE p_s > 1000) SELECT * FROM t"))["t"]?.filesSkipped,
    ).toBe(0);
  });
});

describe("attacks through a query's text", () => {
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "FROM glob('/etc/*')",
    "SELECT getenv('HOME')",
    "ATTACH '/tmp/x.db'",
    "COPY (SELECT 1) TO '/tmp/varve-attack.csv'",
    "SELECT 1; SELECT 2",
    "INSTALL httpfs",
    "LOAD json",
    "SET memory_limit = '1GB'",
    "PRAGMA version",
    "EXPORT DATABASE '/tmp/varve-attack'",
    "CREATE TABLE x AS SELECT 1",
    "SELECT * FROM t WHERE id IN (SELECT 1 FROM read_text('/etc/passwd'))",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
  ])("refuses %s", async (sql) => {
    const attempt = query(sql, { tables: { t: fixture("app-transactions") } }).then(rowsOf);
    await expect(attempt).rejects.toMatchObject({
      name: "VarveError",
      code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/),
    });
  });

  it("reads no file beside the table's own, though the table's folder is allowed by its files", async () => {
    const attempt = query(
      `SELECT * FROM read_text('${fixture("app-transactions")}/_delta_log/00000000000000000000.json')`,
      {
        tables: { t: fixture("app-transactions") },
      },
    ).then(rowsOf);
    await expect(attempt).rejects.toMatchObject({ code: "SQL_REFUSED" });
  });
});
