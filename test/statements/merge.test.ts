import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError, type VarveError } from "../../src/errors.ts";
import { mergeRows } from "../../src/operations/merge/merge-rows.ts";
import { schema } from "../../src/schema/builder.ts";
import { parseSchema } from "../../src/schema/schema-json.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

interface Both {
  readonly t: Table;
  readonly s: Table;
}

async function tables(): Promise<Both> {
  const folder = freshFolder();
  const t = await createTable(join(folder, "t"), {
    schema: schema().integer("id").string("v").integer("n").build(),
  });
  const s = await createTable(join(folder, "s"), {
    schema: schema().integer("id").string("v").long("n").build(),
  });
  await runSql(
    "INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30); INSERT INTO s VALUES (1, 'A', 100), (4, 'D', 400)",
    { tables: { t, s } },
  );
  return { t, s };
}

async function rows(table: Table): Promise<readonly unknown[]> {
  await table.refresh();
  return (await rowsOf(table)).map(({ id, v, n }) => [id, v, n]).sort();
}

async function failing(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isVarveError(error)) return error;
  throw error ?? new Error("nothing failed");
}

const upsert = "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *";
const merged = [
  [1, "A", 100],
  [2, "b", 20],
  [3, "c", 30],
  [4, "D", 400],
];

describe("MERGE INTO", () => {
  it.each(["true", "s.id > 0"])("names rows that ON %s matches several times", async (on) => {
    const { t, s } = await tables();
    const merge = `MERGE INTO t USING s ON ${on} WHEN MATCHED THEN UPDATE SET v = s.v`;
    const error = await failing(runSql(merge, { tables: { t, s } }));
    expect(error).toMatchObject({ code: "MERGE_AMBIGUOUS", data: { rows: 3, target: "{'id': 1}" } });
    await runSql(`DELETE FROM s WHERE id = 4; ${merge}`, { tables: { t, s } });
    expect(await rows(t)).toEqual([
      [1, "A", 10],
      [2, "A", 20],
      [3, "A", 30],
    ]);
  });

  it("is one commit, with the counts of its rows", async () => {
    const { t, s } = await tables();
    const [result] = await runSql(`MERGE INTO t USING s ON t.id = s.id ${upsert}`, { tables: { t, s } });
    expect(result).toMatchObject({
      statement: "MERGE",
      outcome: "committed",
      table: "t",
      version: 2,
      metrics: {
        sourceRows: 2,
        rowsUpdated: 1,
        rowsInserted: 1,
        rowsDeleted: 0,
        rowsCopied: 2,
        filesRemoved: 1,
      },
    });
    expect(await rows(t)).toEqual(merged);
    const [again] = await runSql("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.n < 0 THEN DELETE", {
      tables: { t, s },
    });
    expect(again).toMatchObject({ outcome: "unchanged", version: 2 });
  });

  it("takes its source from a table under an alias, a path, a version, a query and common tables", async () => {
    const { s } = await tables();
    const path = s.uri.replace("file://", "");
    for (const text of [
      `MERGE INTO t AS x USING s y ON x.id = y.id ${upsert}`,
      `MERGE INTO t USING delta.\`${path}\` AS p ON t.id = p.id ${upsert}`,
      `MERGE INTO t USING s VERSION AS OF 1 AS old ON t.id = old.id ${upsert}`,
      `MERGE INTO t USING (SELECT id, v, n FROM s) AS q ON t.id = q.id ${upsert}`,
      `WITH q AS (SELECT * FROM s) MERGE INTO t USING q ON t.id = q.id ${upsert}`,
      `WITH q AS (SELECT * FROM s) MERGE INTO t USING (SELECT * FROM q) AS r ON t.id = r.id ${upsert}`,
      `WITH q AS (SELECT 1 AS one) MERGE INTO t USING s@v1 ON t.id = s.id ${upsert}`,
    ]) {
      const { t } = await tables();
      await runSql(text, { tables: { t, s } });
      expect([text, await rows(t)]).toEqual([text, merged]);
    }
  });

  it.each([
    "s.id + CAST('abc' AS INT) = t.id",
    "CAST('abc' AS INT) + t.id = s.id",
    "t.id = s.id AND t.id = CAST('abc' AS INT)",
    "t.id = s.id AND s.n = CAST('abc' AS INT)",
  ])("refuses ON %s, whose constant cannot be computed, for every clause", async (on) => {
    const { t, s } = await tables();
    const clauses = [upsert, "WHEN NOT MATCHED THEN INSERT *", "WHEN NOT MATCHED BY SOURCE THEN DELETE"];
    for (const clause of clauses)
      await expect(
        runSql(`MERGE INTO t USING s ON ${on} ${clause}`, { tables: { t, s } }),
      ).rejects.toMatchObject({
        code: "SQL_FAILED",
        message: expect.stringContaining("cannot be evaluated for some row"),
      });
    expect((await rows(t)).length).toBe(3);
  });

  it.each([
    "t.v <> 'a' AND CAST(t.v AS INT) = s.id",
    "CAST(t.v AS INT) = s.id AND t.v <> 'a'",
    "s.v <> 'A' AND CAST(s.v AS INT) = t.id",
  ])("does not compute a part of ON %s for rows that another part leaves out", async (on) => {
    const { t, s } = await tables();
    await runSql("DELETE FROM t WHERE id <> 1; DELETE FROM s WHERE id <> 1", { tables: { t, s } });
    await runSql("INSERT INTO t VALUES (4, '4', 40); INSERT INTO s VALUES (5, '5', 500)", {
      tables: { t, s },
    });
    await runSql(`MERGE INTO t USING s ON ${on} WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 0`, {
      tables: { t, s },
    });
    expect(await rows(t)).toEqual([
      [1, "a", 0],
      [4, "4", 0],
    ]);
  });

  it("names columns that only one side has without the side, and fields before sides", async () => {
    const folder = freshFolder();
    const t = await createTable(join(folder, "t"), {
      source: { sql: "SELECT 1 AS id, {'a': 1, 'b': 'x'} AS s" },
    });
    const s = await createTable(join(folder, "s"), { source: { sql: "SELECT 1 AS k, 5 AS c, 7 AS a" } });
    await runSql(
      "MERGE INTO t USING s AS q ON id = k WHEN MATCHED AND s.a < c THEN UPDATE SET s.a = c + q.a",
      {
        tables: { t, s },
      },
    );
    await t.refresh();
    expect(await rowsOf(t)).toEqual([{ id: 1, s: { a: 12, b: "x" } }]);
  });

  it("assigns as Spark does: casts, DEFAULT and what a list leaves out", async () => {
    const { t, s } = await tables();
    await runSql("ALTER TABLE t ALTER COLUMN n SET DEFAULT 7", { tables: { t }, upgradeProtocol: true });
    await runSql(
      `MERGE INTO t USING s ON t.id = s.id
       WHEN MATCHED THEN UPDATE SET n = '12', v = s.n
       WHEN NOT MATCHED THEN INSERT (id, n, v) VALUES (s.id, DEFAULT, concat(s.v, '!'))`,
      { tables: { t, s } },
    );
    expect(await rows(t)).toEqual([
      [1, "100", 12],
      [2, "b", 20],
      [3, "c", 30],
      [4, "D!", 7],
    ]);
    await runSql(
      "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE; MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
      { tables: { t, s } },
    );
    expect(await rows(t)).toContainEqual([4, null, 7]);
  });

  it("adds columns WITH SCHEMA EVOLUTION, and where the options say so", async () => {
    for (const [text, mergeSchema] of [
      ["MERGE WITH SCHEMA EVOLUTION INTO t", false],
      ["MERGE INTO t", true],
    ] as const) {
      const { t, s } = await tables();
      const source = "(SELECT id, v, n, n > 100 AS big, 1 AS unused FROM s) AS q";
      await runSql(
        `${text} USING ${source} ON t.id = q.id WHEN MATCHED THEN UPDATE SET big = q.big, v = q.v`,
        {
          tables: { t, s },
          mergeSchema,
        },
      );
      await t.refresh();
      expect(t.snapshot().schema.fields.map(({ name }) => name)).toEqual(["id", "v", "n", "big"]);
      expect((await rowsOf(t)).map(({ big }) => big).sort()).toEqual([false, null, null]);
    }
  });

  it("evaluates subqueries that use nothing of the row around them", async () => {
    const { t, s } = await tables();
    await runSql(
      `MERGE INTO t USING s ON t.id = s.id
       WHEN MATCHED AND t.n < (SELECT avg(n) FROM t) THEN UPDATE SET n = (SELECT max(n) FROM s)
       WHEN NOT MATCHED BY SOURCE AND t.v IN (SELECT lower(chr(67))) THEN DELETE`,
      { tables: { t, s } },
    );
    expect(await rows(t)).toEqual([
      [1, "a", 400],
      [2, "b", 20],
    ]);
  });

  it.each([{}, { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" }])(
    "evaluates subqueries of conditions that use the rows around them, with %j",
    async (set) => {
      const { t, s } = await tables();
      await t.alter({ set, upgradeProtocol: true });
      await runSql("INSERT INTO s VALUES (2, 'B', 200), (5, 'E', 5)", { tables: { t, s } });
      const [result] = await runSql(
        `MERGE INTO t AS k USING s ON k.id = s.id
         WHEN MATCHED AND EXISTS (SELECT 1 FROM t AS x WHERE x.n = k.n + 10 AND x.n * 5 = s.n) THEN DELETE
         WHEN MATCHED AND s.n > (SELECT sum(n) FROM t WHERE t.id <= k.id) THEN UPDATE SET v = 'more'
         WHEN NOT MATCHED AND s.id NOT IN (SELECT x.n / 2 FROM t AS x WHERE x.v < s.v) AND s.n > 5 THEN INSERT *
         WHEN NOT MATCHED BY SOURCE AND k.n = (SELECT max(x.n) FROM t AS x WHERE x.id >= k.id) THEN UPDATE SET n = 0`,
        { tables: { t, s } },
      );
      expect(result?.metrics).toMatchObject({ rowsUpdated: 2, rowsDeleted: 1, rowsInserted: 1 });
      expect(await rows(t)).toEqual([
        [2, "more", 20],
        [3, "c", 0],
        [4, "D", 400],
      ]);
    },
  );

  it("conflicts with other writers if a subquery for each row reads the table, and only then", async () => {
    for (const [read, code] of [
      ["t", "CONFLICT_CONCURRENT_DELETE_DELETE"],
      ["s", undefined],
    ] as const) {
      const { t, s } = await tables();
      await t.alter({ set: { "delta.enableDeletionVectors": "true" }, upgradeProtocol: true });
      const tablesRead = { t: t.snapshot().log, s: s.snapshot().log };
      await t.delete("id = 3");
      const text = `EXISTS (SELECT 1 FROM ${read} AS x WHERE x.id = t.id)`;
      const merge = mergeRows(tablesRead.t, tablesRead.s, {
        names: { target: "t", source: "s" },
        on: { text: "t.id = s.id AND t.id < 5" },
        clauses: [{ when: "matched", condition: { text, hasSubqueries: true }, action: "delete" }],
        assignment: "spark",
        evolves: false,
        upgradeProtocol: false,
        tables: tablesRead,
      });
      if (code === undefined) expect(await merge).toMatchObject({ outcome: "committed", rowsDeleted: 1 });
      else expect(await failing(merge)).toMatchObject({ code });
    }
  });

  it("refuses conditions with subqueries that are not true or false, or read what is not bound", async () => {
    const { t, s } = await tables();
    const run = (condition: string) =>
      failing(
        runSql(`MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND ${condition} THEN DELETE`, {
          tables: { t, s },
        }),
      );
    expect(await run("(SELECT max(x.n) FROM s AS x WHERE x.id = t.id)")).toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("not true or false"),
    });
    expect(await run("EXISTS (SELECT 1 FROM duckdb_settings() WHERE t.id > 0)")).toMatchObject({
      code: "SQL_REFUSED",
    });
    expect(await run("t.id = (SELECT x.id FROM s AS x WHERE x.id >= t.id)")).toMatchObject({
      code: "SQL_FAILED",
    });
    expect(t.snapshot().version).toBe(1);
  });

  it("ends at a row whose condition cannot be evaluated, unless a clause before has taken it", async () => {
    const { t, s } = await tables();
    const fails = "WHEN MATCHED AND CAST(t.v AS INT) = 7 THEN DELETE";
    const run = (clauses: string) =>
      runSql(`MERGE INTO t USING s ON t.id = s.id ${clauses}`, { tables: { t, s } });
    expect(await failing(run(fails))).toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("CAST(t.v AS INT) = 7 cannot be evaluated for some row"),
    });
    await run(`WHEN MATCHED AND t.id = 1 THEN UPDATE SET v = 'taken' ${fails}`);
    expect(await rows(t)).toContainEqual([1, "taken", 10]);
  });

  it.each([
    "s ON t.id = s.id AND t.id IN (SELECT x.id FROM s AS x WHERE x.n > t.n) WHEN MATCHED THEN DELETE",
    "s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = (SELECT max(x.n) FROM s AS x WHERE x.id = t.id)",
    "s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (n) VALUES ((SELECT max(x.n) FROM s AS x WHERE x.id = s.id))",
  ])("refuses a subquery that uses the row around it, with its position: %s", async (clauses) => {
    const { t, s } = await tables();
    const text = `MERGE INTO t USING ${clauses}`;
    const error = await failing(runSql(text, { tables: { t, s } }));
    expect(error).toMatchObject({
      code: "SQL_REFUSED",
      message: expect.stringContaining("Join it to the source"),
      data: { position: text.indexOf("(SELECT") },
    });
    expect(t.snapshot().version).toBe(1);
  });

  it.each([
    [
      "USING s ON id = s.id WHEN MATCHED THEN DELETE",
      "SQL_FAILED",
      /The name id is ambiguous.*t\.id or s\.id/,
    ],
    ["USING s ON t.id = s.id WHEN MATCHED AND n > 1 THEN DELETE", "SQL_FAILED", /ambiguous/],
    ["USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = n", "SQL_FAILED", /ambiguous/],
    ["USING s ON t.id WHEN MATCHED THEN DELETE", "SQL_FAILED", /of type integer, not true or false/],
    ["USING s ON t.nope = s.id WHEN MATCHED THEN DELETE", "SQL_FAILED", /nope/],
    ["USING s ON t.id = s.id WHEN NOT MATCHED AND t.id > 0 THEN INSERT *", "SQL_FAILED", /t/],
    ["USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND s.id > 0 THEN DELETE", "SQL_FAILED", /s/],
    ["USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET nope = 1", "COLUMN_NOT_FOUND", /nope/],
    ["USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET s.v = 'x'", "COLUMN_NOT_FOUND", /s\.v/],
    ["USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 'x', V = 'y'", "INVALID_ARGUMENT", /twice/],
    [
      "USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = s.n * 1000000000",
      "SCHEMA_MISMATCH",
      /100000000000/,
    ],
    [
      "USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, ID) VALUES (1, 2)",
      "INVALID_ARGUMENT",
      /twice/,
    ],
    [
      "USING (SELECT id FROM s) AS q ON t.id = q.id WHEN MATCHED THEN UPDATE SET *",
      "COLUMN_NOT_FOUND",
      /no column v/,
    ],
    ["USING s AS T ON t.id = s.id WHEN MATCHED THEN DELETE", "INVALID_ARGUMENT", /could not tell them apart/],
    ["USING nope ON t.id = nope.id WHEN MATCHED THEN DELETE", "SQL_FAILED", /nope/],
    ["USING s ON t.id = s.id WHEN MATCHED AND rand() < 2 THEN DELETE", "SQL_FAILED", /rand/],
    [
      "USING s ON t.id = s.id WHEN MATCHED AND hash(s.v) <> 5 THEN DELETE",
      "UNSUPPORTED_FEATURE",
      /the function hash otherwise/,
    ],
    ["USING s ON hash(t.id) = hash(s.id) WHEN MATCHED THEN DELETE", "UNSUPPORTED_FEATURE", /hash/],
    [
      "USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (n) VALUES (hash(s.v) % 7)",
      "UNSUPPORTED_FEATURE",
      /hash/,
    ],
    ["USING s ON t.id = s.id WHEN MATCHED AND array(t.n) = t.n THEN DELETE", "SQL_FAILED", /array/],
    ["USING s ON max(s.id) = t.id WHEN MATCHED THEN DELETE", "SQL_REFUSED", /max/],
  ])("is refused, and changes nothing: %s", async (text, code, message) => {
    const { t, s } = await tables();
    const error = await failing(runSql(`MERGE INTO t ${text}`, { tables: { t, s } }));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(t.snapshot().version).toBe(1);
    expect(await rows(t)).toHaveLength(3);
  });

  it("may not write to a table that is bound to a version", async () => {
    const { t, s } = await tables();
    const merge = runSql(`MERGE INTO t USING s ON t.id = s.id ${upsert}`, {
      tables: { t: await t.at(1), s },
    });
    expect((await failing(merge)).code).toBe("INVALID_ARGUMENT");
  });
});

describe("MERGE into a table with CHAR columns", () => {
  /** A table of two files, whose keys are stored with and without the spaces at their ends. */
  async function codes(): Promise<Table> {
    const text = JSON.stringify({
      type: "struct",
      fields: [
        { name: "k", type: "string", nullable: true, metadata: { __CHAR_VARCHAR_TYPE_STRING: "char(4)" } },
        { name: "v", type: "string", nullable: true, metadata: {} },
      ],
    });
    const table = await createTable(join(freshFolder(), "t"), { schema: parseSchema(text) });
    await table.append([
      { k: "ab", v: "a" },
      { k: "cd  ", v: "c" },
    ]);
    await table.append([{ k: "ef  ", v: "e" }]);
    return table;
  }
  const values = async (table: Table) => {
    await table.refresh();
    return (await rowsOf(table)).map(({ k, v }) => `${String(k)}|${String(v)}`).sort();
  };
  const source =
    "(SELECT * FROM (VALUES ('ab', 'A'), ('cd', 'C'), ('ef', 'E'), ('gh', 'G')) AS v(k, v)) AS s";

  it("compares them with text of the source as if both had their length", async () => {
    await using table = await codes();
    await table.sql(
      `MERGE INTO t USING ${source} ON t.k = s.k
        WHEN MATCHED AND t.k IN ('ef', 'x') THEN UPDATE SET v = t.k
        WHEN MATCHED AND t.k > 'ab' THEN UPDATE SET v = s.v
        WHEN NOT MATCHED AND s.k = 'gh' THEN INSERT *`,
      {},
    );
    expect(await values(table)).toEqual(["ab|a", "cd  |C", "ef  |ef  ", "gh|G"]);
    await table.sql(
      `MERGE INTO t USING ${source} ON t.k = s.k AND t.k = 'ef' WHEN NOT MATCHED BY SOURCE THEN DELETE`,
      {},
    );
    expect(await values(table)).toEqual(["ef  |ef  "]);
  });

  it("and so do keys that the library names", async () => {
    await using table = await codes();
    const rows = ["ab", "cd", "ef", "gh  "].map((k) => ({ k, v: "new" }));
    const result = await table
      .merge(rows, { on: ["k"] })
      .whenMatchedUpdate({ set: { v: "source.v" } })
      .execute();
    expect(result).toMatchObject({ rowsUpdated: 3, sourceRows: 4 });
    expect(await values(table)).toEqual(["ab|new", "cd  |new", "ef  |new"]);
  });
});
