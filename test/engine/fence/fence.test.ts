import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FencedSession, OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { VarveError } from "../../../src/errors.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let folder: string;
let data: string;
let secret: string;
let session: OpenSession;
let fenced: FencedSession;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fence-test-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
  data = join(folder, "table.parquet");
  secret = join(folder, "secret.csv");
  writeFileSync(secret, "password\nhunter2\n");
  await session.execute(
    unchecked(`COPY (SELECT i AS id, 'row ' || i AS name FROM range(10) t(i)) TO '${data}' (FORMAT parquet)`),
  );
  await session.execute(unchecked(`CREATE VIEW flights AS SELECT * FROM read_parquet(['${data}'])`));
  await session.execute(sql`CREATE TABLE __varve_staged_9 AS SELECT 1 AS hidden`);
  mkdirSync(join(folder, "out"));
  fenced = await session.fence({ files: [data], writableFolders: [join(folder, "out")] });
});

afterEach(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a caller's text the whole way, as the query layer does. */
async function attack(sql: string): Promise<unknown> {
  const text = sql.replaceAll("$DATA", data).replaceAll("$SECRET", secret).replaceAll("$FOLDER", folder);
  const relation = await fenced.callerQuery(text);
  return session.rows(relation.sql);
}

describe("a caller's query", () => {
  it.each([
    ["a plain query", "SELECT count(*) AS n FROM flights", [{ n: 10n }]],
    ["a trailing semicolon and a comment", "SELECT max(id) AS m FROM flights -- all\n ; ", [{ m: 9n }]],
    [
      "common tables, joins, sub-queries and windows",
      "WITH a AS (SELECT id FROM flights WHERE id < 2) SELECT a.id, row_number() OVER (ORDER BY a.id) AS r FROM a JOIN flights f USING (id) WHERE EXISTS (SELECT 1) ORDER BY 1",
      [
        { id: 0n, r: 1n },
        { id: 1n, r: 2n },
      ],
    ],
    ["FROM first", "FROM flights SELECT min(id) AS m", [{ m: 0n }]],
    ["VALUES", "VALUES (1)", [{ col0: 1 }]],
    ["rows made from nothing", "SELECT sum(range) AS s FROM range(4)", [{ s: 6n }]],
    ["a text that only looks like a comment", "SELECT 'a -- b' AS t", [{ t: "a -- b" }]],
    ["set operations", "SELECT 1 AS a UNION ALL SELECT 2", [{ a: 1 }, { a: 2 }]],
  ])("%s runs", async (_name, sql, expected) => {
    expect(await attack(sql)).toEqual(expected);
  });

  it("names its columns and types", async () => {
    const relation = await fenced.callerQuery("SELECT id, name FROM flights");
    expect(relation.columns).toEqual([
      { name: "id", type: "BIGINT" },
      { name: "name", type: "VARCHAR" },
    ]);
  });

  it.each([
    [
      "read_csv of another file",
      "SELECT * FROM read_csv('$SECRET')",
      "SQL_REFUSED",
      "it calls the table function read_csv",
    ],
    [
      "read_text of a system file",
      "SELECT * FROM read_text('/etc/passwd')",
      "SQL_REFUSED",
      "it calls the table function read_text",
    ],
    [
      "read_blob",
      "SELECT * FROM read_blob('$SECRET')",
      "SQL_REFUSED",
      "it calls the table function read_blob",
    ],
    [
      "read_parquet of the table's own file, past the table",
      "SELECT * FROM read_parquet('$DATA')",
      "SQL_REFUSED",
      "it calls the table function read_parquet",
    ],
    [
      "a sub-query that reads a file",
      "SELECT (SELECT content FROM read_text('$SECRET')) AS c FROM flights",
      "SQL_REFUSED",
      "it calls the table function read_text",
    ],
    [
      "a common table that reads a file",
      "WITH x AS (SELECT * FROM read_csv('$SECRET')) SELECT * FROM x",
      "SQL_REFUSED",
      "it calls the table function read_csv",
    ],
    [
      "a lateral join on a file",
      "SELECT * FROM flights, LATERAL (SELECT * FROM read_text('$SECRET'))",
      "SQL_REFUSED",
      "it calls the table function read_text",
    ],
    [
      "a file behind UNION",
      "SELECT name FROM flights UNION ALL SELECT content FROM read_text('$SECRET')",
      "SQL_REFUSED",
      "it calls the table function read_text",
    ],
    ["a file name as table", "SELECT * FROM '/etc/passwd'", "SQL_REFUSED", "Unknown table /etc/passwd"],
    ["a CSV name as table", "FROM '$SECRET'", "SQL_REFUSED", "Unknown table "],
    ["the table's own file as table", "FROM '$DATA'", "SQL_REFUSED", "Unknown table "],
    ["a path that climbs out", "FROM '$FOLDER/out/../secret.csv'", "SQL_REFUSED", "Unknown table "],
    [
      "a remote file",
      "FROM 'https://example.com/x.parquet'",
      "SQL_REFUSED",
      "Unknown table https://example.com/x.parquet",
    ],
    ["glob", "SELECT * FROM glob('/etc/*')", "SQL_REFUSED", "it calls the table function glob"],
    [
      "a function that ends in an error of the engine itself",
      "SELECT is_histogram_other_bin(id) FROM flights",
      "SQL_REFUSED",
      "it calls is_histogram_other_bin(), which is not on the list of allowed functions",
    ],
    [
      "glob as a function",
      "SELECT glob('/etc/*')",
      "SQL_REFUSED",
      "it calls glob(), which is not on the list of allowed functions",
    ],
    ["ATTACH", "ATTACH '$FOLDER/x.db' AS x", "SQL_REFUSED", "it is not a SELECT"],
    [
      "COPY to a new file",
      "COPY (SELECT 1) TO '$FOLDER/out/new.parquet'",
      "SQL_REFUSED",
      "it is not a SELECT",
    ],
    [
      "COPY over a data file",
      "COPY (SELECT 1) TO '$DATA' (FORMAT parquet, USE_TMP_FILE false)",
      "SQL_REFUSED",
      "it is not a SELECT",
    ],
    ["EXPORT", "EXPORT DATABASE '$FOLDER/out'", "SQL_REFUSED", "it is not a SELECT"],
    ["INSTALL", "INSTALL httpfs", "SQL_REFUSED", "it is not a SELECT"],
    ["LOAD", "LOAD httpfs", "SQL_REFUSED", "it is not a SELECT"],
    ["SET", "SET memory_limit = '1GB'", "SQL_REFUSED", "it is not a SELECT"],
    ["RESET", "RESET memory_limit", "SQL_REFUSED", "it is not a SELECT"],
    ["PRAGMA", "PRAGMA database_list", "SQL_REFUSED", "it is not a SELECT"],
    ["CALL", "CALL pragma_version()", "SQL_REFUSED", "it is not a SELECT"],
    ["CREATE TABLE", "CREATE TABLE x AS SELECT 1", "SQL_REFUSED", "it is not a SELECT"],
    ["CREATE SECRET", "CREATE SECRET s (TYPE s3)", "SQL_REFUSED", "it is not a SELECT"],
    ["CREATE MACRO", "CREATE MACRO f(x) AS x", "SQL_REFUSED", "it is not a SELECT"],
    ["INSERT", "INSERT INTO __varve_staged_9 VALUES (2)", "SQL_REFUSED", "it is not a SELECT"],
    ["DELETE", "DELETE FROM __varve_staged_9", "SQL_REFUSED", "it is not a SELECT"],
    ["DROP", "DROP VIEW flights", "SQL_REFUSED", "it is not a SELECT"],
    ["PREPARE", "PREPARE p AS SELECT 1", "SQL_REFUSED", "it is not a SELECT"],
    ["EXPLAIN", "EXPLAIN ANALYZE SELECT 1", "SQL_REFUSED", "it is not a SELECT"],
    ["CHECKPOINT", "CHECKPOINT", "SQL_REFUSED", "it is not a SELECT"],
    ["two statements", "SELECT 1; SELECT 2", "SQL_REFUSED", "it has 2 statements"],
    [
      "a statement smuggled behind a query",
      "SELECT 1; COPY (SELECT 1) TO '$DATA'",
      "SQL_REFUSED",
      "it is not a SELECT",
    ],
    [
      "a parenthesis that closes too early",
      "SELECT 1) TO '$DATA' (FORMAT parquet); --",
      "SQL_FAILED",
      'Syntax error: syntax error at or near ")"',
    ],
    ["environment variables", "SELECT getenv('HOME')", "SQL_FAILED", "Unknown function getenv"],
    [
      "settings",
      "SELECT current_setting('temp_directory')",
      "SQL_REFUSED",
      "it calls current_setting(), which is not on the list of allowed functions",
    ],
    [
      "settings as a table",
      "SELECT * FROM duckdb_settings()",
      "SQL_REFUSED",
      "it calls the table function duckdb_settings",
    ],
    [
      "secrets",
      "SELECT * FROM duckdb_secrets()",
      "SQL_REFUSED",
      "it calls the table function duckdb_secrets",
    ],
    [
      "logging to a file",
      "SELECT * FROM enable_logging('QueryLog', storage := 'file', storage_path := '$FOLDER/out')",
      "SQL_REFUSED",
      "it calls the table function enable_logging",
    ],
    [
      "profiling to a file",
      "SELECT * FROM enable_profiling(save_location := '$FOLDER/out/p')",
      "SQL_REFUSED",
      "it calls the table function enable_profiling",
    ],
    [
      "checkpoint as a function",
      "SELECT * FROM checkpoint()",
      "SQL_REFUSED",
      "it calls the table function checkpoint",
    ],
    [
      "SQL inside SQL",
      "SELECT * FROM query('SELECT * FROM read_text(''$SECRET'')')",
      "SQL_REFUSED",
      "it calls the table function query",
    ],
    [
      "a table named at run time",
      "SELECT * FROM query_table('__varve_staged_9')",
      "SQL_REFUSED",
      "it calls the table function query_table",
    ],
    [
      "SQL as JSON",
      "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
      "SQL_REFUSED",
      "it calls the table function json_execute_serialized_sql",
    ],
    ["an internal table", "SELECT * FROM __varve_staged_9", "SQL_FAILED", "Unknown table __varve_staged_9"],
    ["the catalogue", "SELECT * FROM information_schema.tables", "SQL_REFUSED", "Unknown table tables"],
    [
      "a catalogue view",
      "SELECT * FROM duckdb_tables()",
      "SQL_REFUSED",
      "it calls the table function duckdb_tables",
    ],
    ["SHOW TABLES", "SHOW TABLES", "SQL_REFUSED", "it describes tables instead of reading them"],
    [
      "DESCRIBE inside a query",
      "SELECT * FROM (DESCRIBE flights)",
      "SQL_REFUSED",
      "it describes tables instead of reading them",
    ],
    ["SUMMARIZE", "SUMMARIZE flights", "SQL_REFUSED", "it describes tables instead of reading them"],
    ["parameters", "SELECT $1", "SQL_REFUSED", "it has parameters"],
    [
      "Parquet metadata",
      "SELECT * FROM parquet_metadata('$DATA')",
      "SQL_REFUSED",
      "it calls the table function parquet_metadata",
    ],
    [
      "sniff_csv",
      "SELECT * FROM sniff_csv('$SECRET')",
      "SQL_REFUSED",
      "it calls the table function sniff_csv",
    ],
    [
      "another database file",
      "SELECT * FROM read_duckdb('$FOLDER/x.db')",
      "SQL_REFUSED",
      "it calls the table function read_duckdb",
    ],
  ])("%s is refused, with the reason", async (_name, sql, code, reason) => {
    const before = readFileSync(data);
    const failure = await attack(sql).then(
      (rows) => ({ rows }),
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(VarveError);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(reason) });
    expect(String(failure)).not.toContain("hunter2");
    expect(readFileSync(data).equals(before)).toBe(true);
    expect(existsSync(join(folder, "out", "new.parquet"))).toBe(false);
  });

  it.each([
    [
      "the time",
      "SELECT now() > TIMESTAMPTZ '2020-01-01' AND today() > DATE '2020-01-01' AND current_date = today() AS x",
    ],
    ["chance", "SELECT random() < 2 AND uuid() IS NOT NULL AS x"],
    [
      "macros of the moment",
      "SELECT ago(INTERVAL 1 DAY) < now() AND age(TIMESTAMP '2020-01-01') > INTERVAL 1 DAY AS x",
    ],
    ["the engine's version", "SELECT version() LIKE 'v%' AS x"],
    ["an aggregate by name", "SELECT list_aggregate([1, 2], 'sum') = 3 AND list_sum([1, 2]) = 3 AS x"],
    ["a sample", "SELECT count(*) <= 10 AS x FROM (SELECT * FROM flights USING SAMPLE 5)"],
  ])("%s may be asked, because a query is asked once", async (_name, sql) => {
    expect(await attack(sql)).toEqual([{ x: true }]);
  });

  it.each([
    ["a function that waits", "SELECT sleep_ms(1)", "sleep_ms"],
    ["a macro that waits", "SELECT pg_sleep(1)", "pg_sleep"],
    ["a function that writes to the log", "SELECT write_log('x')", "write_log"],
    ["the seed of chance", "SELECT setseed(0.5)", "setseed"],
    ["statistics of a column", "SELECT stats(id) FROM flights", "stats"],
    ["the text of the query", "SELECT current_query()", "current_query"],
    ["the same through another schema", "SELECT pg_catalog.current_query()", "current_query"],
    ["the same in quotes and capitals", 'SELECT system.main."CURRENT_Query"()', "current_query"],
    ["a macro over the catalogue", "SELECT get_block_size('memory')", "get_block_size"],
    [
      "a table macro over a table named at run time",
      "SELECT * FROM histogram_values('__varve_staged_9', hidden)",
      "histogram_values",
    ],
    [
      "an inner function of the engine",
      "SELECT __internal_compress_integral_utinyint(id, 0::BIGINT) FROM flights",
      "__internal_compress_integral_utinyint",
    ],
    [
      "a setting in a lambda",
      "SELECT list_transform([1], lambda x: current_setting('threads'))",
      "current_setting",
    ],
    [
      "a setting in the order",
      "SELECT id FROM flights ORDER BY current_setting('threads')",
      "current_setting",
    ],
    [
      "a setting in an argument of a table function",
      "SELECT * FROM range(current_setting('threads')::BIGINT)",
      "current_setting",
    ],
    ["a plan of SQL", "SELECT json_serialize_plan('FROM flights')", "json_serialize_plan"],
  ])("%s is refused by the function's name", async (_name, sql, name) => {
    await expect(attack(sql)).rejects.toMatchObject({ code: "SQL_REFUSED", data: { function: name } });
  });

  it("an aggregate named by an expression is refused", async () => {
    await expect(attack("SELECT list_aggregate([1, 2], 'su' || 'm')")).rejects.toMatchObject({
      code: "SQL_REFUSED",
    });
  });

  it("an unknown function is SQL_FAILED with its place", async () => {
    await expect(fenced.callerQuery("SELECT id,\n  rondom() FROM flights")).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("Unknown function rondom"),
      data: { line: 2, column: 3 },
    });
  });

  it("a syntax error is SQL_FAILED with its place in the caller's own text", async () => {
    await expect(fenced.callerQuery("SELECT id\nFROM flights WHER id = 1")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 2, column: 19 },
    });
  });

  it("an unknown column is SQL_FAILED with its place", async () => {
    await expect(fenced.callerQuery("SELECT id,\n  nope FROM flights")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 2, column: 3 },
    });
  });

  it("an unknown table is SQL_FAILED and tells which there are", async () => {
    await expect(fenced.callerQuery("SELECT * FROM flihgts")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { tables: ["flights"] },
    });
  });
});

describe("the fence below the checks", () => {
  it.each([
    ["another file", "SELECT * FROM read_csv('$SECRET')", "SQL_REFUSED", "Cannot access file"],
    [
      "a system file by its path",
      "SELECT * FROM read_text('/etc/hosts')",
      "SQL_REFUSED",
      "Cannot access file",
    ],
    [
      "a path that climbs out of a writable folder",
      "SELECT * FROM read_text('$FOLDER/out/../secret.csv')",
      "SQL_REFUSED",
      "Cannot access file",
    ],
    [
      "a link out of a writable folder",
      "SELECT * FROM read_text('$FOLDER/out/link')",
      "SQL_REFUSED",
      "Cannot access file",
    ],
    [
      "a new file beside the table",
      "COPY (SELECT 1) TO '$FOLDER/new.parquet'",
      "SQL_REFUSED",
      "Cannot access file",
    ],
    ["ATTACH", "ATTACH '$FOLDER/x.db' AS x", "SQL_REFUSED", "Cannot access file"],
    ["INSTALL", "INSTALL httpfs", "SQL_REFUSED", "Cannot access directory"],
    [
      "SET",
      "SET enable_external_access = true",
      "SQL_FAILED",
      'Cannot change configuration option "enable_external_access" - the configuration has been locked',
    ],
    [
      "RESET",
      "RESET lock_configuration",
      "SQL_FAILED",
      'Cannot change configuration option "lock_configuration" - the configuration has been locked',
    ],
    [
      "a folder more",
      "SET allowed_directories = ['/']",
      "SQL_FAILED",
      'Cannot change configuration option "allowed_directories" - the configuration has been locked',
    ],
  ])("%s is refused even as varve's own statement", async (_name, sql, code, reason) => {
    symlinkSync(secret, join(folder, "out", "link"));
    const text = sql.replaceAll("$SECRET", secret).replaceAll("$FOLDER", folder);
    await expect(session.rows(unchecked(text))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(reason),
    });
    expect(existsSync(join(folder, "new.parquet"))).toBe(false);
  });

  it("opens what it was given and no more", async () => {
    const settings = `SELECT current_setting('allowed_paths') AS paths,
      list_filter(current_setting('allowed_directories'), lambda f: NOT contains(f, '/varve-vm-')) AS folders`;
    const out = join(folder, "out");
    const [given] = await session.rows(unchecked(settings));
    expect(given?.["paths"]).toEqual([data]);
    expect(new Set(given?.["folders"] as string[])).toEqual(new Set([`${out}/`]));
    const other = await openSession({ temporaryFolder: folder, threads: 1 });
    await other.fence({ files: [] });
    expect(await other.rows(unchecked(settings))).toEqual([{ paths: [], folders: [] }]);
    await other.close();
  });

  it("varve itself still writes below the writable folder, and spills", async () => {
    const out = join(folder, "out");
    const files = await session.writeParquet(sql`SELECT * FROM flights ORDER BY id DESC`, { folder: out });
    expect(files).toMatchObject([{ rows: 10, partitionValues: [] }]);
  });
});

describe("a caller's expression", () => {
  const columns = [
    { name: "id", type: "BIGINT" },
    { name: "name", type: "VARCHAR" },
  ];

  it.each([
    ["id > 3 AND name IS NOT NULL", 6],
    ["id % 2 = 0 -- even ones", 5],
    ["CASE WHEN id BETWEEN 1 AND 2 THEN true ELSE false END", 2],
    ["regexp_matches(name, '^row [0-4]$')", 5],
    ["list_contains([1, 2, 3], id::INTEGER)", 3],
    ["len(list_filter([1, 2, 3], lambda x: x > id)) > 0", 3],
    ["id IN (1, 2)", 2],
  ])("%s can be embedded", async (text, expected) => {
    const safe = await fenced.callerExpression(text, columns);
    expect(await session.rows(unchecked(`SELECT count(*)::INTEGER AS n FROM flights WHERE ${safe}`))).toEqual(
      [{ n: expected }],
    );
  });

  it.each([
    ["a sub-query", "(SELECT count(*) FROM flights) > 1", "SQL_REFUSED", "it contains a subquery"],
    [
      "a file in a sub-query",
      "EXISTS (FROM read_text('/etc/hosts'))",
      "SQL_REFUSED",
      "it contains a subquery",
    ],
    ["a foreign column", "secret > 1", "SQL_FAILED", 'Referenced column "secret" not found in FROM clause!'],
    [
      "a qualified foreign column",
      "__varve_staged_9.hidden = 1",
      "SQL_FAILED",
      'Referenced table "__varve_staged_9" not found!',
    ],
    ["two expressions", "id, name", "SQL_REFUSED", "it is not one scalar expression"],
    ["a trailing comma", "id,", "SQL_FAILED", 'Syntax error: syntax error at or near ")"'],
    ["an alias", "id AS x", "SQL_FAILED", 'Syntax error: syntax error at or near "AS"'],
    ["a clause", "id FROM flights", "SQL_FAILED", 'Syntax error: syntax error at or near "FROM"'],
    [
      "a parenthesis that closes too early",
      "id) OR (true",
      "SQL_FAILED",
      'Syntax error: syntax error at or near ")"',
    ],
    [
      "a comment that hides the rest",
      "id > 1) FROM flights --",
      "SQL_FAILED",
      'Syntax error: syntax error at or near ")"',
    ],
    ["a second statement", "1; DROP VIEW flights", "SQL_REFUSED", "it is not a SELECT"],
    ["an aggregate", "sum(id) > 1", "SQL_REFUSED", "it calls sum(), which is about more than one row"],
    ["a window", "row_number() OVER () = 1", "SQL_REFUSED", "it contains a window"],
    ["DISTINCT", "DISTINCT id", "SQL_FAILED", 'Syntax error: syntax error at or near "DISTINCT"'],
    ["a star", "*", "SQL_REFUSED", "it contains a star"],
    ["columns by pattern", "COLUMNS(*) IS NULL", "SQL_REFUSED", "it contains a star"],
    ["a parameter", "id = $1", "SQL_REFUSED", "it contains a parameter"],
    [
      "a setting",
      "current_setting('temp_directory') = name",
      "SQL_REFUSED",
      "it calls current_setting(), which is not on the list of allowed functions",
    ],
    ["the environment", "getenv('HOME') = name", "SQL_FAILED", "Unknown function getenv"],
    [
      "a variable",
      "getvariable('x') = name",
      "SQL_REFUSED",
      "it calls getvariable(), which is not on the list of allowed functions",
    ],
    [
      "a sequence",
      "nextval('s') > 1",
      "SQL_REFUSED",
      "it calls nextval(), which is not on the list of allowed functions",
    ],
    ["nothing", "", "SQL_FAILED", "Syntax error: SELECT clause without selection list."],
    ["a syntax error", "id >", "SQL_FAILED", "Syntax error: syntax error at end of input"],
  ])("%s is refused, with the reason", async (_name, text, code, reason) => {
    const failure = await fenced.callerExpression(text, columns).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(VarveError);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(reason) });
  });
});
