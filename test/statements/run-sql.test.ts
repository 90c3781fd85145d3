import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError, type VarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

const threeColumns = () => schema().integer("id").string("v").integer("n").build();

async function filled(): Promise<Table> {
  const table = await createTable(join(freshFolder(), "t"), { schema: threeColumns() });
  await table.sql("INSERT INTO t VALUES (1, 'a', 10), (2, 'b', NULL)", {});
  return table;
}

async function failing(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isVarveError(error)) return error;
  throw error ?? new Error("nothing failed");
}

describe("statements on tables", () => {
  it("are commits of their own, each on the version before it", async () => {
    await using table = await filled();
    const results = await table.sql(
      "INSERT INTO t (n, id) VALUES (30, 3); SELECT count(*) AS rows, sum(n) AS n FROM t; INSERT OVERWRITE t SELECT id, upper(v), n FROM t WHERE id < 3",
      {},
    );
    expect(results).toMatchObject([
      {
        statement: "INSERT",
        outcome: "committed",
        table: "t",
        version: 2,
        metrics: { rows: 1, filesAdded: 1 },
      },
      { statement: "SELECT", outcome: "read", rows: [{ rows: 3n, n: 40n }] },
      { statement: "INSERT", outcome: "committed", version: 3, metrics: { rows: 2, filesRemoved: 2 } },
    ]);
    expect(await rowsOf(table)).toEqual([
      { id: 1, v: "A", n: 10 },
      { id: 2, v: "B", n: null },
    ]);
  });

  it("see what other writers committed meanwhile", async () => {
    await using table = await filled();
    await using other = await openTable(table.uri);
    await other.append([{ id: 9, v: "other", n: 90 }]);
    const [counted] = await table.sql("SELECT count(*) AS n FROM t", {});
    expect(counted?.rows).toEqual([{ n: 3n }]);
  });

  it("name tables by their binding in any case, by path, and at versions", async () => {
    await using table = await filled();
    const path = table.uri.replace("file://", "");
    await table.sql("INSERT INTO t VALUES (3, 'c', 3)", {});
    const [, counted] = await runSql(
      `INSERT INTO delta.\`${path}\` SELECT id + 10, v, n FROM Orders@v1;
       SELECT (SELECT count(*) FROM orders) AS now, (SELECT count(*) FROM delta.\`${path}\` VERSION AS OF 1) AS before`,
      { tables: { orders: table } },
    );
    expect(counted?.rows).toEqual([{ now: 5n, before: 2n }]);
  });

  it("are spelled as Spark spells them: names, strings and numbers", async () => {
    await using table = await filled();
    const [row] = await table.sql(
      `SELECT \`id\`, "it's" AS a, 'it''s' AS b, 'a\\tb' AS c, 7L AS d, X'6162' AS e, 7 div 2 AS f FROM t WHERE v == 'a' AND n <=> 10`,
      {},
    );
    expect(row?.rows).toEqual([
      { id: 1, a: "it's", b: "it's", c: "a\tb", d: 7n, e: new Uint8Array([97, 98]), f: 3 },
    ]);
  });

  it("are all read before any of them is run", async () => {
    await using table = await filled();
    const insert = "INSERT INTO t VALUES (3, 'c', 3)";
    expect(await failing(table.sql(`${insert}; DELETE t`, {}))).toMatchObject({
      code: "SQL_FAILED",
      data: { line: 1, column: 42, found: "t", expected: "FROM" },
    });
    expect((await table.refresh()).version).toBe(1);
  });

  it("that fail leave those before them done, and say so", async () => {
    await using table = await filled();
    const error = await failing(
      table.sql("INSERT INTO t VALUES (3, 'c', 3); INSERT INTO nowhere VALUES (1)", {}),
    );
    expect(error).toMatchObject({
      code: "SQL_FAILED",
      data: { statement: 1, table: "nowhere", bound: ["t"] },
    });
    expect(error.message).toContain("Statement 2 of 2 (INSERT) failed");
    expect((await table.refresh()).version).toBe(2);
  });

  it("read a version that is bound, and do not write it", async () => {
    await using table = await filled();
    const tables = { t: table, old: await table.at(0) };
    const [counted] = await runSql("SELECT count(*) AS n FROM old", { tables });
    expect(counted?.rows).toEqual([{ n: 0n }]);
    expect(await failing(runSql("INSERT INTO old VALUES (1, 'a', 1)", { tables }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { name: "old", version: 0 },
    });
  });

  it("hand their rows over as they go, if the caller takes them", async () => {
    await using table = await filled();
    const seen: unknown[] = [];
    const results = await table.sql(
      "SELECT id FROM t ORDER BY id; INSERT INTO t VALUES (3, 'c', 3); SELECT 1 AS one",
      {
        onResult: async ({ statement }, rows) => {
          const ids: unknown[] = [];
          if (rows !== undefined) for await (const row of rows.rows()) ids.push(row);
          seen.push([statement, ids]);
        },
      },
    );
    expect(seen).toEqual([
      ["SELECT", [{ id: 1 }, { id: 2 }]],
      ["INSERT", []],
      ["SELECT", [{ one: 1 }]],
    ]);
    expect(results[0]?.rows).toBeUndefined();
  });

  it("can read nothing but tables", async () => {
    await using table = await filled();
    for (const text of [
      "SELECT * FROM read_csv('/etc/passwd')",
      "INSERT INTO t SELECT 1, content, 1 FROM read_text('/etc/passwd')",
      "INSERT INTO t SELECT * FROM '/etc/passwd'",
    ])
      expect((await failing(table.sql(text, {}))).code).toMatch(/^SQL_/);
    expect((await table.refresh()).version).toBe(1);
  });
});

describe("what is inserted", () => {
  it.each([
    ["a text that is no number", "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 'x')", "n", "'x'", 1],
    ["a number that is too big", "INSERT INTO t VALUES (3000000000, 'a', 1)", "id", "3000000000", 0],
    [
      "one of a query",
      "INSERT INTO t SELECT id, v, 3000000000 + id FROM t ORDER BY id",
      "n",
      "3000000001",
      0,
    ],
    [
      "one that is computed",
      "INSERT INTO t SELECT CAST(id AS BIGINT) << 40, v, n FROM t",
      "id",
      "1099511627776",
      0,
    ],
  ])("is refused by column, value and row: %s", async (_, text, column, found, row) => {
    await using table = await filled();
    const error = await failing(table.sql(text, {}));
    expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: [column], found, row } });
    expect((await table.refresh()).version).toBe(1);
  });

  it.each([
    ["INSERT INTO t VALUES (1, 'a')", "SCHEMA_MISMATCH"],
    ["INSERT INTO t SELECT 1, 'a' FROM t", "SCHEMA_MISMATCH"],
    ["INSERT INTO t (id, ID) VALUES (1, 2)", "INVALID_ARGUMENT"],
    ["INSERT INTO t (id, nope) VALUES (1, 2)", "COLUMN_NOT_FOUND"],
    ["INSERT INTO t BY NAME SELECT 1 AS id, 2 AS nope", "COLUMN_NOT_FOUND"],
    ["INSERT INTO t VALUES (1, 'a', DATE '2024-01-01')", "SCHEMA_MISMATCH"],
    ["INSERT INTO t VALUES (1, 'a', rand())", "UNSUPPORTED_FEATURE"],
    ["INSERT INTO t PARTITION (id = 1) VALUES ('a', 1)", "INVALID_ARGUMENT"],
    ["INSERT INTO t REPLACE USING (id) SELECT * FROM t", "UNSUPPORTED_FEATURE"],
  ])("%s is refused", async (text, code) => {
    await using table = await filled();
    expect((await failing(table.sql(text, {}))).code).toBe(code);
    expect((await table.refresh()).version).toBe(1);
  });

  it("is nothing, where the query has no rows: no commit", async () => {
    await using table = await filled();
    expect(await table.sql("INSERT INTO t SELECT * FROM t WHERE false", {})).toMatchObject([
      { outcome: "unchanged", version: 1 },
    ]);
    expect(await table.sql("INSERT OVERWRITE t SELECT * FROM t WHERE false", {})).toMatchObject([
      { outcome: "committed", version: 2, metrics: { filesRemoved: 1 } },
    ]);
  });

  it("by name, with columns left out and columns added", async () => {
    await using table = await filled();
    await table.sql("INSERT WITH SCHEMA EVOLUTION INTO t BY NAME SELECT 5 AS n, 7 AS id, true AS fresh", {});
    await table.sql("INSERT INTO t VALUES (8, 'h', 80, false, 1.5)", { mergeSchema: true }).then(
      () => expect.unreachable("VALUES have no names"),
      () => undefined,
    );
    expect(await rowsOf(table)).toContainEqual({ id: 7, v: null, n: 5, fresh: true });
  });

  it("replaces the partitions that a clause or its rows name, or all", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), {
      schema: schema().integer("id").string("p").build(),
      partitionBy: ["p"],
    });
    const refill = () => table.sql("INSERT OVERWRITE t VALUES (1, 'a'), (2, 'b'), (3, '')", {});
    await refill();
    expect(await rowsOf(table)).toContainEqual({ id: 3, p: null });
    await table.sql("INSERT OVERWRITE t PARTITION (p = 'a') SELECT 9", {});
    expect(await rowsOf(table)).toEqual([
      { id: 2, p: "b" },
      { id: 3, p: null },
      { id: 9, p: "a" },
    ]);
    await table.sql("INSERT OVERWRITE t PARTITION (p = NULL) SELECT 8", {});
    expect(await rowsOf(table)).toContainEqual({ id: 8, p: null });
    await refill();
    await table.sql("INSERT OVERWRITE t SELECT 7, 'b' FROM t LIMIT 1", { dynamicPartitions: true });
    expect(await rowsOf(table)).toEqual([
      { id: 1, p: "a" },
      { id: 3, p: null },
      { id: 7, p: "b" },
    ]);
    await table.sql("INSERT INTO t REPLACE WHERE p = 'a' OR p IS NULL VALUES (6, 'a')", {});
    expect(await rowsOf(table)).toEqual([
      { id: 6, p: "a" },
      { id: 7, p: "b" },
    ]);
  });
});

describe("INSERT OVERWRITE with a PARTITION clause on a text column", () => {
  it.each([
    ["p = 1", "1", ["2 01", "3 abc", "4 null", "9 1"]],
    ["p = '01'", "01", ["1 1", "3 abc", "4 null", "9 01"]],
    ["p = ''", "null", ["1 1", "2 01", "3 abc", "9 null"]],
    ["p = DATE '2020-01-01'", "2020-01-01", ["1 1", "2 01", "3 abc", "4 null", "9 2020-01-01"]],
  ])("%s replaces the partition %s, and no other", async (clause, _, left) => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("id").string("p"),
      partitionBy: ["p"],
    });
    await table.append([
      { id: 1, p: "1" },
      { id: 2, p: "01" },
      { id: 3, p: "abc" },
      { id: 4, p: null },
    ]);
    await table.sql(`INSERT OVERWRITE t PARTITION (${clause}) VALUES (9)`, {});
    expect((await rowsOf(table)).map(({ id, p }) => `${String(id)} ${String(p)}`).sort()).toEqual(left);
  });
});

describe("ALTER TABLE and DESCRIBE", () => {
  it("change properties and constraints, and say when there is nothing to do", async () => {
    await using table = await filled();
    const results = await table.sql(
      "ALTER TABLE t SET TBLPROPERTIES ('my.key' = 'x'); ALTER TABLE t UNSET TBLPROPERTIES ('my.key'); ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0); ALTER TABLE t DROP CONSTRAINT IF EXISTS nope",
      { upgradeProtocol: true, userMetadata: "why" },
    );
    expect(results).toMatchObject([
      { statement: "ALTER TABLE SET TBLPROPERTIES", version: 2 },
      { statement: "ALTER TABLE UNSET TBLPROPERTIES", version: 3 },
      { statement: "ALTER TABLE ADD CONSTRAINT", version: 4 },
      { statement: "ALTER TABLE DROP CONSTRAINT", outcome: "unchanged", version: 4 },
    ]);
    expect((await failing(table.sql("INSERT INTO t VALUES (-1, 'a', 1)", {}))).code).toBe(
      "CONSTRAINT_VIOLATED",
    );
    expect((await failing(table.sql("ALTER TABLE t DROP CONSTRAINT nope", {}))).code).toBe(
      "INVALID_ARGUMENT",
    );
    const [history, detail] = await table.sql("DESCRIBE HISTORY t LIMIT 1; DESCRIBE DETAIL t", {});
    expect(history?.rows).toMatchObject([{ version: 4, operation: "ADD CONSTRAINT", userMetadata: "why" }]);
    expect(detail?.rows).toMatchObject([
      { format: "delta", numFiles: 1, properties: { "delta.constraints.positive": "id > 0" } },
    ]);
  });

  it("show columns, partitioning, clustering and details as Spark does", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("name").struct("at", schema().integer("x").array("tags", "string")),
      clusterBy: ["name", "at.x"],
      properties: { "delta.columnMapping.mode": "name", mine: "1" },
    });
    await table.alter({ alterColumns: { id: { comment: "key" } }, renameColumns: { name: "title" } });
    await table.alter({ description: "of a test" });
    const [columns, extended, detail] = await table.sql(
      "DESCRIBE t; DESC TABLE EXTENDED t; DESCRIBE DETAIL t",
      {},
    );
    const texts = (rows: typeof columns) => rows?.rows?.map((row) => Object.values(row).join("|"));
    const wanted = [
      "id|bigint|key",
      "title|string|",
      "at|struct<x:int,tags:array<string>>|",
      "# Clustering Information||",
      "# col_name|data_type|comment",
      "title|string|",
      "at.x|int|",
    ];
    expect(texts(columns)).toEqual(wanted);
    expect(texts(extended)?.slice(0, wanted.length)).toEqual(wanted);
    expect(texts(extended)?.slice(wanted.length)).toEqual([
      "||",
      "# Detailed Table Information||",
      "Name|t|",
      "Comment|of a test|",
      `Location|${table.uri}|`,
      "Provider|delta|",
      expect.stringMatching(/^Table Properties\|\[delta\.columnMapping.*,mine=1\]\|$/),
    ]);
    expect(detail?.rows).toMatchObject([{ clusteringColumns: ["title", "at.x"] }]);
    expect(await table.snapshot().describe()).toMatchObject({ clusteringColumns: ["title", "at.x"] });
  });

  it("show the partition columns of a table", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
    });
    const [columns] = await table.sql("DESCRIBE FORMATTED t", {});
    expect(columns?.rows?.slice(0, 5)).toEqual([
      { col_name: "id", data_type: "bigint", comment: null },
      { col_name: "p", data_type: "string", comment: null },
      { col_name: "# Partition Information", data_type: "", comment: "" },
      { col_name: "# col_name", data_type: "data_type", comment: "comment" },
      { col_name: "p", data_type: "string", comment: null },
    ]);
  });

  it("do not add features to the protocol unless they may", async () => {
    await using table = await filled();
    const text = "ALTER TABLE t SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')";
    expect((await failing(table.sql(text, {}))).code).toBe("UNSUPPORTED_FEATURE");
    expect(await table.sql(text, { upgradeProtocol: true })).toMatchObject([{ outcome: "committed" }]);
  });
});

describe("RESTORE TABLE", () => {
  it("gives the table an earlier version's rows, and makes no commit where it has them", async () => {
    await using table = await filled();
    const results = await table.sql(
      "DELETE FROM t; RESTORE TABLE t TO VERSION AS OF 1; RESTORE t TO VERSION AS OF 3",
      {},
    );
    expect(results).toMatchObject([
      { version: 2 },
      { statement: "RESTORE TABLE", outcome: "committed", version: 3, metrics: { restoredVersion: 1 } },
      { statement: "RESTORE TABLE", outcome: "unchanged", version: 3 },
    ]);
    expect((await rowsOf(table)).map(({ id }) => id)).toEqual([1, 2]);
    for (const point of ["VERSION AS OF 99", "TIMESTAMP AS OF '2000-01-01'"])
      expect((await failing(table.sql(`RESTORE t TO ${point}`, {}))).code).toMatch(/VERSION|TIMESTAMP/);
  });
});

describe("DELETE and UPDATE", () => {
  it("change the rows of their condition, whatever names the table", async () => {
    await using table = await filled();
    const results = await table.sql(
      "UPDATE t AS x SET x.n = x.n + 1, `v` = upper(v) WHERE x.id = 1; DELETE FROM T WHERE t.n IS NULL; DELETE FROM t WHERE id = 99",
      {},
    );
    expect(results).toMatchObject([
      { statement: "UPDATE", outcome: "committed", version: 2, metrics: { rowsUpdated: 1 } },
      { statement: "DELETE", outcome: "committed", version: 3, metrics: { rowsDeleted: 1 } },
      { statement: "DELETE", outcome: "unchanged", version: 3 },
    ]);
    expect(await rowsOf(table)).toEqual([{ id: 1, v: "A", n: 11 }]);
  });

  // The engine lacks these functions, or gives them another meaning; files are chosen by partition values alone.
  it.each([
    "startswith(p, 'a')",
    "substring(p, 0, 1) = 'a'",
    "p LIKE 'a\\\\_1'",
    "isnotnull(p) AND p <> 'b'",
    "nvl(p, 'a_1') = 'a_1'",
  ])("change the partitions of a condition as Spark evaluates it: %s", async (where) => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("id").string("p"),
      partitionBy: ["p"],
    });
    await table.append([
      { id: 1, p: "a_1" },
      { id: 2, p: "b" },
    ]);
    await table.sql(`UPDATE t SET id = id + 10 WHERE ${where}`, {});
    expect((await rowsOf(table)).map(({ id }) => id).sort()).toEqual([11, 2]);
    const [deletion] = await table.sql(`DELETE FROM t WHERE ${where}`, {});
    expect(deletion).toMatchObject({ outcome: "committed", metrics: { rowsDeleted: 1 } });
    expect(await rowsOf(table)).toEqual([{ id: 2, p: "b" }]);
  });

  it("assign as Spark does: ANSI casts, defaults, the old values of the row", async () => {
    await using table = await filled();
    await table.sql(
      "UPDATE t SET id = n, n = id, v = 12 WHERE id = 1; UPDATE t SET n = 2.7, v = DEFAULT WHERE id = 2",
      {},
    );
    expect(await rowsOf(table)).toEqual([
      { id: 2, v: null, n: 2 },
      { id: 10, v: "12", n: 1 },
    ]);
  });

  it.each([
    ["UPDATE t SET n = 3000000000 + id", "SCHEMA_MISMATCH"],
    ["UPDATE t SET n = v", "SCHEMA_MISMATCH"],
    ["UPDATE t SET n = DATE '2024-01-01'", "SCHEMA_MISMATCH"],
    ["UPDATE t SET n = 1, N = 2", "INVALID_ARGUMENT"],
    ["UPDATE t SET nope = 1", "COLUMN_NOT_FOUND"],
    ["UPDATE t SET n = DEFAULT + 1", "SQL_REFUSED"],
    ["DELETE FROM t WHERE id", "SQL_FAILED"],
    ["DELETE FROM t WHERE NULL", "SQL_FAILED"],
    ["DELETE FROM t WHERE id + 2147483647 > 0", "SQL_FAILED"],
    ["DELETE FROM t WHERE random() < 2", "SQL_REFUSED"],
  ])("%s is refused, and nothing changes", async (text, code) => {
    await using table = await filled();
    expect((await failing(table.sql(text, {}))).code).toBe(code);
    expect((await table.refresh()).version).toBe(1);
  });

  it("tell a field from a column with a dot in its name", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { sql: `SELECT {'b': 1, 'c.d': 2} AS a, 3 AS "a.b"` },
    });
    await table.sql("UPDATE t SET a.b = 10, a.`c.d` = 20", {});
    expect(await rowsOf(table)).toEqual([{ a: { b: 10, "c.d": 20 }, "a.b": 3 }]);
    await table.sql("UPDATE t SET `a.b` = 30", {});
    expect(await rowsOf(table)).toEqual([{ a: { b: 10, "c.d": 20 }, "a.b": 30 }]);
    expect((await failing(table.sql("UPDATE t SET `a.c.d` = 1", {}))).code).toBe("COLUMN_NOT_FOUND");
    expect((await failing(table.sql("UPDATE t SET a.b = 1, A.B = 2", {}))).code).toBe("INVALID_ARGUMENT");
  });

  it("name the row whose new value its column cannot take", async () => {
    await using table = await filled();
    const error = await failing(table.sql("UPDATE t SET n = id * 2000000000 WHERE id = 2", {}));
    expect(error.data).toMatchObject({ column: ["n"], expected: "integer" });
    expect(error.message).toContain("'id': 2");
  });
});
