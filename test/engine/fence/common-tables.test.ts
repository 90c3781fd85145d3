import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { FencedSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { isVarveError } from "../../../src/errors.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sql } from "../../../src/sql/sql.ts";
import fc from "../../support/fast-check.ts";

let folder: string;
let session: FencedSession;
let secret: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "common-tables-"));
  secret = join(folder, "secret.csv");
  writeFileSync(secret, "word\nhunter2\n");
  const open = await openSession({ temporaryFolder: folder, threads: 1 });
  await open.execute(sql`CREATE VIEW t AS SELECT 'held' AS word`);
  await open.execute(sql`CREATE TABLE __varve_a AS SELECT 'hunter2' AS word`);
  session = await open.fence({ files: [secret] });
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

async function words(sql: string): Promise<unknown[]> {
  const relation = await session.callerQuery(sql);
  return (await session.rows(relation.sql)).map((row) => row["word"]);
}

describe("the name of a common table", () => {
  it.each([
    ["in capitals", "WITH __varve_a AS (SELECT 'own' AS word) FROM __VARVE_A", ["own"]],
    [
      "in a later common table",
      "WITH __varve_a AS (SELECT 'own' AS word), b AS (FROM __varve_a) FROM b",
      ["own"],
    ],
    [
      "in a sub-query, a join and an expression below it",
      `WITH __varve_a AS (SELECT 'own' AS word)
        SELECT (SELECT max(word) FROM __varve_a) AS word FROM (FROM __varve_a) x JOIN __varve_a y USING (word)`,
      ["own"],
    ],
    [
      "in both parts of a UNION",
      "WITH __varve_a AS (SELECT 'own' AS word) FROM __varve_a UNION ALL FROM __varve_a",
      ["own", "own"],
    ],
    [
      "in the step of a recursive one",
      `WITH RECURSIVE __varve_a AS (SELECT 'o' AS word UNION ALL SELECT word || 'o' FROM __varve_a
        WHERE len(word) < 3) FROM __varve_a ORDER BY 1`,
      ["o", "oo", "ooo"],
    ],
    [
      "in one that is called the same, further in",
      `WITH __varve_a AS (SELECT 'own' AS word)
        FROM (WITH __varve_a AS (SELECT word || '!' AS word FROM __varve_a) FROM __varve_a)`,
      ["own!"],
    ],
    ["that is also a table's", "WITH t AS (SELECT word || '!' AS word FROM t) FROM t", ["held!"]],
  ])("%s means that", async (_where, sql, expected) => {
    expect(await words(sql)).toEqual(expected);
  });

  it.each([
    ["outside", "SELECT a.word FROM NAME a, (WITH NAME AS (SELECT 1 AS n) FROM NAME) b"],
    ["in its own definition", "WITH NAME AS (FROM NAME) FROM NAME"],
    ["in an earlier one", "WITH a AS (FROM NAME), NAME AS (SELECT 1 AS n) FROM a"],
    ["in an earlier recursive one", "WITH RECURSIVE a AS (FROM NAME), NAME AS (SELECT 1 AS n) FROM a"],
    ["in the start of a recursive one", "WITH RECURSIVE NAME AS (FROM NAME UNION ALL SELECT '') FROM NAME"],
    [
      "after a recursive one further in",
      `SELECT * FROM (WITH RECURSIVE NAME AS (SELECT '' AS word UNION ALL SELECT word || 'a' FROM NAME
        WHERE word = '') FROM NAME) a, NAME b`,
    ],
    ["with a schema", "WITH NAME AS (SELECT 1 AS n) FROM main.NAME"],
  ])("%s lets no other table or file of that name be read", async (_where, text) => {
    for (const name of ["__varve_a", `"${secret}"`])
      await expect(words(text.replaceAll("NAME", name))).rejects.toMatchObject({
        code: expect.stringMatching(/^SQL_(FAILED|REFUSED)$/),
        data: { tables: ["t"] },
      });
  });

  it("opens no file to SQL as a source of rows, which runs before the fence", async () => {
    const table = await createTable(join(folder, "table"), { schema: schema().string("word") });
    const sql = `SELECT a.word FROM '${secret}' a, (WITH "${secret}" AS (SELECT 1 AS n) FROM "${secret}") b`;
    await expect(table.append({ sql })).rejects.toMatchObject({ code: "SQL_REFUSED" });
    await table.close();
  });

  it.each([
    ["a common table", 'WITH "FOLDED" AS (SELECT 1 AS n) FROM "FILE"'],
    [
      "the step of a recursive one",
      `WITH RECURSIVE "FOLDED" AS (SELECT '' AS word UNION SELECT word FROM "FILE") FROM "FOLDED"`,
    ],
  ])("that only Unicode holds equal opens no file: %s", async (_, text) => {
    const file = join(folder, "kept.csv");
    writeFileSync(file, "word\nhunter2\n");
    // the sign of the unit kelvin, whose lower case is k
    const sql = text.replaceAll("FOLDED", join(folder, "\u212aept.csv")).replaceAll("FILE", file);
    const table = await createTable(join(folder, "kelvin"), {
      schema: schema().string("word"),
      ifNotExists: true,
    });
    await expect(table.append({ sql })).rejects.toMatchObject({ code: "SQL_REFUSED" });
    await table.close();
  });

  it("beyond ASCII names the table that is called so", async () => {
    const table = await createTable(join(folder, "beyond"), { schema: schema().string("word") });
    const source = await createTable(join(folder, "source"), { source: [{ word: "held" }] });
    await table.append({ sql: 'SELECT word FROM "ÉTÉ_a"', tables: { ÉTÉ_A: source } });
    expect(await table.count()).toBe(1);
    await Promise.all([table.close(), source.close()]);
  });

  it("in any nesting of WITH shows nothing of what it hides", async () => {
    const name = fc.constantFrom("__varve_a", "t");
    const { query } = fc.letrec<{ query: string; relation: string; definition: string }>((tie) => ({
      relation: fc.oneof(
        { maxDepth: 3 },
        name,
        tie("query").map((sql) => `(${sql})`),
      ),
      definition: fc.oneof(
        { maxDepth: 3 },
        fc.constant("SELECT 'own' AS word"),
        tie("query"),
        fc
          .tuple(tie("query"), name)
          .map(([start, from]) => `(${start}) UNION (SELECT x.word FROM ${from} x, ${from} y LIMIT 2)`),
      ),
      query: fc
        .tuple(
          fc.constantFrom("", "RECURSIVE "),
          fc.uniqueArray(fc.tuple(name, tie("definition")), { maxLength: 2, selector: ([key]) => key }),
          tie("relation"),
          tie("relation"),
        )
        .map(([recursive, common, left, right]) => {
          const list = common.map(([key, sql]) => `${key} AS (${sql})`).join(", ");
          const head = list === "" ? "" : `WITH ${recursive}${list} `;
          return `${head}SELECT coalesce(l.word, r.word) AS word FROM ${left} l, ${right} r LIMIT 9`;
        }),
    }));
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(query, async (sql) => {
        try {
          expect(await words(sql)).not.toContain("hunter2");
          taken++;
        } catch (error) {
          if (!isVarveError(error, "SQL_REFUSED", "SQL_FAILED")) throw error;
        }
      }),
      { numRuns: 150 },
    );
    expect(taken).toBeGreaterThan(30);
  });
});

describe("a table's name with a database before it", () => {
  it("is refused, for it may be another table", async () => {
    const open = await openSession({ temporaryFolder: folder, threads: 1 });
    await open.execute(sql`CREATE VIEW duckdb_views AS SELECT 1 AS a`);
    const own = await open.fence({ files: [] });
    await expect(own.callerQuery("FROM system.main.duckdb_views")).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { table: "duckdb_views" },
    });
    await expect(own.callerQuery("FROM main.duckdb_views")).resolves.toMatchObject({
      columns: [{ name: "a", type: "INTEGER" }],
    });
    await own.close();
  });
});
