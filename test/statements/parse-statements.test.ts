import { describe, expect, it } from "vitest";
import { parseStatements } from "../../src/dialects/statements/parse-statements.ts";
import type { StatementBody } from "../../src/dialects/statements/syntax.ts";
import { isVarveError } from "../../src/errors.ts";

function only(text: string): StatementBody {
  const [statement, ...more] = parseStatements(text);
  if (statement === undefined || more.length > 0) throw new Error("one statement expected");
  return statement.body;
}

function refusal(text: string) {
  try {
    parseStatements(text);
  } catch (error) {
    if (isVarveError(error, "SQL_FAILED")) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
}

const bound = (name: string, start: number) => ({ kind: "bound", name, start });

describe("statements are read", () => {
  it("several of them, with comments, strings and semicolons in them, each as its own text", () => {
    const text =
      "-- first; not a statement\nDELETE FROM t WHERE v = 'a;b' /* ; */ AND `c;d` = \";\";;\n update t set v = 1 ; SELECT ';'";
    expect(parseStatements(text).map(({ body, source }) => [body.kind, source.text])).toEqual([
      ["DELETE", "DELETE FROM t WHERE v = 'a;b' /* ; */ AND `c;d` = \";\""],
      ["UPDATE", "update t set v = 1"],
      ["SELECT", "SELECT ';'"],
    ]);
    expect(parseStatements(" ; -- nothing\n")).toEqual([]);
  });

  it("with the place of each expression in the text", () => {
    const text = "UPDATE t SET a.b = CASE WHEN x THEN 1, 2 END, `c d` = DEFAULT WHERE n > (SELECT 1)";
    expect(() => only(text.replace("1, 2", "1"))).not.toThrow();
    const update = only(text.replace("1, 2", "1"));
    expect(update).toMatchObject({
      kind: "UPDATE",
      target: { table: bound("t", 7) },
      set: [
        { path: ["a", "b"], value: { text: "CASE WHEN x THEN 1 END", start: 19 } },
        { path: ["c d"], value: "default" },
      ],
      where: { text: "n > (SELECT 1)" },
    });
  });

  it.each<readonly [string, object]>([
    [
      "DELETE FROM delta.`./a b` AS x WHERE true",
      { target: { table: { kind: "path", path: "./a b" }, alias: "x" } },
    ],
    ["DELETE FROM t", { where: undefined }],
    [
      "INSERT INTO t PARTITION (p = 'a', q) (x, y) VALUES (1, DEFAULT), (f(2, 3), 'it''s')",
      {
        overwrite: false,
        partition: [
          { column: "p", value: { text: "'a'" } },
          { column: "q", value: undefined },
        ],
        columns: ["x", "y"],
        source: {
          rows: [
            [{ text: "1" }, "default"],
            [{ text: "f(2, 3)" }, { text: "'it''s'" }],
          ],
        },
      },
    ],
    [
      "INSERT OVERWRITE TABLE t BY NAME SELECT 1 AS a, x'00' AS b",
      {
        overwrite: true,
        columns: "name",
        source: { kind: "query", query: { text: "SELECT 1 AS a, x'00' AS b" } },
      },
    ],
    ["INSERT INTO t REPLACE WHERE p IN ('a') AND n > 1 (SELECT * FROM s)", { kind: "INSERT" }],
    [
      "INSERT INTO t REPLACE WHERE n > 1 SELECT * FROM s",
      {
        replace: { kind: "where", condition: { text: "n > 1" } },
        source: { query: { text: "SELECT * FROM s" }, items: undefined },
      },
    ],
    ["INSERT WITH SCHEMA EVOLUTION INTO t TABLE s", { evolves: true }],
    [
      "ALTER TABLE t ADD COLUMNS (a.b ARRAY<STRUCT<x: INT, y: MAP<STRING, DECIMAL(5,2)>>> COMMENT 'c' FIRST, d VARCHAR(3) NOT NULL DEFAULT 'x' AFTER a)",
      {
        change: {
          change: "ADD COLUMNS",
          columns: [
            { path: ["a", "b"], comment: "c", position: "first", nullable: true },
            {
              path: ["d"],
              typeText: "VARCHAR(3)",
              nullable: false,
              default: { text: "'x'" },
              position: { after: "a" },
            },
          ],
        },
      },
    ],
    ["ALTER TABLE t RENAME COLUMN a.b TO c", { change: { path: ["a", "b"], name: "c" } }],
    [
      "ALTER TABLE t DROP COLUMNS IF EXISTS (a, b.c)",
      { change: { paths: [["a"], ["b", "c"]], ifExists: true } },
    ],
    [
      "ALTER TABLE t ALTER COLUMN a TYPE BIGINT",
      { change: { columns: [{ path: ["a"], changes: [{ set: "type", type: "long" }] }] } },
    ],
    [
      "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1 + 2",
      { change: { columns: [{ changes: [{ set: "default", expression: { text: "1 + 2" } }] }] } },
    ],
    [
      "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
      { change: { columns: [{ changes: [{ set: "nullable", nullable: true }] }] } },
    ],
    [
      "ALTER TABLE t ALTER COLUMN a SYNC IDENTITY",
      { change: { columns: [{ changes: [{ set: "identity" }] }] } },
    ],
    [
      "ALTER TABLE t ALTER COLUMN a SET DEFAULT coalesce(1, 2), b.c COMMENT 'x'",
      {
        change: {
          columns: [
            { path: ["a"], changes: [{ set: "default", expression: { text: "coalesce(1, 2)" } }] },
            { path: ["b", "c"], changes: [{ set: "comment", comment: "x" }] },
          ],
        },
      },
    ],
    [
      "ALTER TABLE t CHANGE COLUMN a b INT COMMENT 'c' FIRST",
      {
        change: {
          columns: [
            {
              changes: [{ set: "name", name: "b" }, { set: "type" }, { set: "comment" }, { set: "position" }],
            },
          ],
        },
      },
    ],
    [
      "ALTER TABLE t SET TBLPROPERTIES ('a' = 'b', c.d = 1, e = true)",
      { change: { properties: { a: "b", "c.d": "1", e: "true" } } },
    ],
    [
      "ALTER TABLE t UNSET TBLPROPERTIES IF EXISTS ('a', b)",
      { change: { keys: ["a", "b"], ifExists: true } },
    ],
    [
      "ALTER TABLE t ADD CONSTRAINT c CHECK (n IN (1, 2) OR (n = 3))",
      { change: { name: "c", condition: { text: "n IN (1, 2) OR (n = 3)" } } },
    ],
    [
      "ALTER TABLE t DROP FEATURE deletionVectors TRUNCATE HISTORY",
      { change: { feature: "deletionVectors", truncatesHistory: true } },
    ],
    ["ALTER TABLE t CLUSTER BY (a, b.c)", { change: { columns: [["a"], ["b", "c"]] } }],
    ["ALTER TABLE t CLUSTER BY NONE", { change: { columns: [] } }],
    [
      "OPTIMIZE t WHERE p = 'a' ZORDER BY (a, b.c)",
      { where: { text: "p = 'a'" }, zorderBy: [["a"], ["b", "c"]], full: false },
    ],
    ["OPTIMIZE t FULL", { full: true }],
    ["REORG TABLE t WHERE p = 1 APPLY (PURGE)", { where: { text: "p = 1" } }],
    ["VACUUM t LITE RETAIN 0.5 HOURS DRY RUN", { mode: "lite", retainHours: 0.5, dryRun: true }],
    [
      "VACUUM t USING INVENTORY (SELECT path FROM s) RETAIN 1 HOURS",
      { inventory: { query: { text: "SELECT path FROM s" } }, retainHours: 1 },
    ],
    ["VACUUM t USING INVENTORY inv DRY RUN", { inventory: { table: { name: "inv" } }, dryRun: true }],
    ["VACUUM '/data/t'", { target: { table: { kind: "path", format: "delta", path: "/data/t" } } }],
    ["OPTIMIZE '/data/t'", { target: { table: { kind: "path", path: "/data/t" } } }],
    ["DESCRIBE DETAIL '/data/t'", { target: { table: { kind: "path", path: "/data/t" } } }],
    ["RESTORE TABLE t TO VERSION AS OF 12", { to: { version: 12 } }],
    ["RESTORE t TO TIMESTAMP AS OF '2024-06-01'", { to: { timestamp: "2024-06-01" } }],
    [
      "CREATE OR REPLACE TABLE c SHALLOW CLONE t@v3 TBLPROPERTIES ('a' = 'b') LOCATION '/x'",
      {
        depth: "shallow",
        orReplace: true,
        source: { point: { version: 3 } },
        properties: { a: "b" },
        location: "/x",
      },
    ],
    [
      "CREATE TABLE IF NOT EXISTS c DEEP CLONE t TIMESTAMP AS OF '2024-06-01'",
      { depth: "deep", ifNotExists: true, source: { point: { timestamp: "2024-06-01" } } },
    ],
    [
      "CONVERT TO DELTA parquet.`/x` NO STATISTICS PARTITIONED BY (d DATE, k INT)",
      {
        statistics: false,
        partitionedBy: [
          { name: "d", type: "date" },
          { name: "k", type: "integer" },
        ],
      },
    ],
    ["DESC HISTORY t LIMIT 3", { kind: "DESCRIBE HISTORY", limit: 3 }],
    ["DESCRIBE DETAIL delta.`/x`", { kind: "DESCRIBE DETAIL" }],
    ["DESCRIBE t", { kind: "DESCRIBE TABLE", extended: false }],
    ["DESC TABLE EXTENDED delta.`/x`", { kind: "DESCRIBE TABLE", extended: true }],
    ["GENERATE symlink_format_manifest FOR TABLE t", { mode: "symlink_format_manifest" }],
    ["WITH q AS (SELECT 1), r(a) AS (SELECT 2) SELECT * FROM q, r", { kind: "SELECT" }],
    ["(SELECT 1) UNION ALL SELECT 2", { kind: "SELECT" }],
  ])("%s", (text, shape) => {
    expect(only(text)).toMatchObject(shape);
  });

  it("MERGE with every kind of clause, a subquery and common tables", () => {
    const merge = only(`WITH q AS (SELECT * FROM s) MERGE WITH SCHEMA EVOLUTION INTO t AS x
      USING (SELECT * FROM q) AS y ON x.id = y.id
      WHEN MATCHED AND y.n = 1 THEN DELETE
      WHEN MATCHED THEN UPDATE SET x.v = y.v, n = DEFAULT
      WHEN NOT MATCHED BY TARGET AND CASE WHEN y.n > 1 THEN true END THEN INSERT (id, v) VALUES (y.id, DEFAULT)
      WHEN NOT MATCHED THEN INSERT *
      WHEN NOT MATCHED BY SOURCE AND x.n > 3 THEN UPDATE SET v = 'orphan'
      WHEN NOT MATCHED BY SOURCE THEN DELETE`);
    expect(merge).toMatchObject({
      kind: "MERGE",
      evolves: true,
      common: { text: "WITH q AS (SELECT * FROM s)" },
      source: { query: { text: "SELECT * FROM q" }, alias: "y" },
      on: { text: "x.id = y.id" },
      clauses: [
        { when: "matched", condition: { text: "y.n = 1" }, action: { kind: "delete" } },
        { when: "matched", action: { kind: "update", set: [{ path: ["x", "v"] }, { value: "default" }] } },
        {
          when: "not matched",
          action: { kind: "insert", columns: [["id"], ["v"]], values: [{}, "default"] },
        },
        { when: "not matched", action: { kind: "insert", columns: "*" } },
        { when: "not matched by source", condition: { text: "x.n > 3" }, action: { kind: "update" } },
        { when: "not matched by source", action: { kind: "delete" } },
      ],
    });
  });
});

describe("a statement that is not understood is refused with its place", () => {
  it.each<readonly [string, number, number, string, string | undefined]>([
    ["DELETE FROM t LIMIT 1", 1, 15, "LIMIT", "WHERE"],
    ["DELETE t", 1, 8, "t", "FROM"],
    ["UPDATE t\nSET arr[0] = 1", 2, 8, "[", "="],
    ["UPDATE t SET a = ", 1, 18, "the end of the text", "a value"],
    ["INSERT INTO t (a) VALUES (1", 1, 28, "the end of the text", ")"],
    ["INSERT INTO t", 1, 14, "the end of the text", "one of VALUES, SELECT, TABLE and WITH"],
    ["MERGE INTO t USING s ON t.id = s.id", 1, 36, "the end of the text", "WHEN"],
    ["MERGE INTO t USING s AS q(a) ON true WHEN MATCHED THEN DELETE", 1, 26, "(", "ON"],
    ["RESTORE t TO VERSION AS OF -1", 1, 28, "-", "a version"],
    ["DROP TABLE t", 1, 1, "DROP", undefined],
    ["ALTER TABLE t REPLACE COLUMNS (a INT)", 1, 15, "REPLACE", undefined],
    ["SELECT 1; DELETE\n  FROM", 2, 7, "the end of the text", "a table's name"],
    ["VACUUM t RETAIN 7 DAYS", 1, 19, "DAYS", "HOURS"],
    ["VACUUM t DRY RUN USING INVENTORY s", 1, 18, "USING", undefined],
    ["ALTER TABLE t ADD COLUMN a FOO", 1, 28, "FOO", "a type"],
  ])("%s", (text, line, column, found, expected) => {
    const { data } = refusal(text);
    expect(data).toMatchObject({ line, column, found, ...(expected === undefined ? {} : { expected }) });
  });

  it.each([
    ["a string without its end", "SELECT 'a"],
    ["a quoted name without its end", "SELECT `a"],
    ["a comment without its end", "SELECT /* a"],
    [
      "only the last WHEN MATCHED clause",
      "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE WHEN MATCHED THEN DELETE",
    ],
    ["must precede", "MERGE INTO t USING s ON true WHEN NOT MATCHED THEN INSERT * WHEN MATCHED THEN DELETE"],
    [
      "names 2 columns and has 1 values",
      "MERGE INTO t USING s ON true WHEN NOT MATCHED THEN INSERT (a, b) VALUES (1)",
    ],
  ])("%s", (problem, text) => {
    expect(refusal(text).message).toContain(problem);
  });

  it("a text that is too long is not read", () => {
    expect(refusal(`SELECT ${"1,".repeat(2_000_001)}1`).data).toMatchObject({ most: 4_000_000 });
  });
});
