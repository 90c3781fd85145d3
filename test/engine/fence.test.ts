import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/contract.ts";
import { openSession } from "../../src/engine/session.ts";
import { VarveError } from "../../src/errors.ts";

let folder: string;
let data: string;
let secret: string;
let session: Session;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fence-test-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
  data = join(folder, "table.parquet");
  secret = join(folder, "secret.csv");
  writeFileSync(secret, "password\nhunter2\n");
  await session.execute(`COPY (SELECT i AS id, 'row ' || i AS name FROM range(10) t(i)) TO '${data}' (FORMAT parquet)`);
  await session.execute(`CREATE VIEW flights AS SELECT * FROM read_parquet(['${data}'])`);
  await session.execute("CREATE TABLE __varve_staged_9 AS SELECT 1 AS hidden");
  mkdirSync(join(folder, "out"));
  await session.fence({ files: [data], writableFolders: [join(folder, "out")] });
});

afterEach(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a caller's text the whole way, as the query layer does. */
async function attack(sql: string): Promise<unknown> {
  const text = sql.replaceAll("$DATA", data).replaceAll("$SECRET", secret).replaceAll("$FOLDER", folder);
  const relation = await session.callerQuery(text);
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
    const relation = await session.callerQuery("SELECT id, name FROM flights");
    expect(relation.columns).toEqual([
      { name: "id", type: "BIGINT" },
      { name: "name", type: "VARCHAR" },
    ]);
  });

  it.each([
    ["read_csv of another file", "SELECT * FROM read_csv('$SECRET')"],
    ["read_text of a system file", "SELECT * FROM read_text('/etc/passwd')"],
    ["read_blob", "SELECT * FROM read_blob('$SECRET')"],
    ["read_parquet of the table's own file, past the table", "SELECT * FROM read_parquet('$DATA')"],
    ["a sub-query that reads a file", "SELECT (SELECT content FROM read_text('$SECRET')) AS c FROM flights"],
    ["a common table that reads a file", "WITH x AS (SELECT * FROM read_csv('$SECRET')) SELECT * FROM x"],
    ["a lateral join on a file", "SELECT * FROM flights, LATERAL (SELECT * FROM read_text('$SECRET'))"],
    ["a file behind UNION", "SELECT name FROM flights UNION ALL SELECT content FROM read_text('$SECRET')"],
    ["a file name as table", "SELECT * FROM '/etc/passwd'"],
    ["a CSV name as table", "FROM '$SECRET'"],
    ["the table's own file as table", "FROM '$DATA'"],
    ["a path that climbs out", "FROM '$FOLDER/out/../secret.csv'"],
    ["a remote file", "FROM 'https://example.com/x.parquet'"],
    ["glob", "SELECT * FROM glob('/etc/*')"],
    ["glob as a function", "SELECT glob('/etc/*')"],
    ["ATTACH", "ATTACH '$FOLDER/x.db' AS x"],
    ["COPY to a new file", "COPY (SELECT 1) TO '$FOLDER/out/new.parquet'"],
    ["COPY over a data file", "COPY (SELECT 1) TO '$DATA' (FORMAT parquet, USE_TMP_FILE false)"],
    ["EXPORT", "EXPORT DATABASE '$FOLDER/out'"],
    ["INSTALL", "INSTALL httpfs"],
    ["LOAD", "LOAD httpfs"],
    ["SET", "SET memory_limit = '1GB'"],
    ["RESET", "RESET memory_limit"],
    ["PRAGMA", "PRAGMA database_list"],
    ["CALL", "CALL pragma_version()"],
    ["CREATE TABLE", "CREATE TABLE x AS SELECT 1"],
    ["CREATE SECRET", "CREATE SECRET s (TYPE s3)"],
    ["CREATE MACRO", "CREATE MACRO f(x) AS x"],
    ["INSERT", "INSERT INTO __varve_staged_9 VALUES (2)"],
    ["DELETE", "DELETE FROM __varve_staged_9"],
    ["DROP", "DROP VIEW flights"],
    ["PREPARE", "PREPARE p AS SELECT 1"],
    ["EXPLAIN", "EXPLAIN ANALYZE SELECT 1"],
    ["CHECKPOINT", "CHECKPOINT"],
    ["two statements", "SELECT 1; SELECT 2"],
    ["a statement smuggled behind a query", "SELECT 1; COPY (SELECT 1) TO '$DATA'"],
    ["a parenthesis that closes too early", "SELECT 1) TO '$DATA' (FORMAT parquet); --"],
    ["environment variables", "SELECT getenv('HOME')"],
    ["settings", "SELECT current_setting('temp_directory')"],
    ["settings as a table", "SELECT * FROM duckdb_settings()"],
    ["secrets", "SELECT * FROM duckdb_secrets()"],
    ["logging to a file", "SELECT * FROM enable_logging('QueryLog', storage := 'file', storage_path := '$FOLDER/out')"],
    ["profiling to a file", "SELECT * FROM enable_profiling(save_location := '$FOLDER/out/p')"],
    ["checkpoint as a function", "SELECT * FROM checkpoint()"],
    ["SQL inside SQL", "SELECT * FROM query('SELECT * FROM read_text(''$SECRET'')')"],
    ["a table named at run time", "SELECT * FROM query_table('__varve_staged_9')"],
    ["SQL as JSON", "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))"],
    ["an internal table", "SELECT * FROM __varve_staged_9"],
    ["the catalogue", "SELECT * FROM information_schema.tables"],
    ["a catalogue view", "SELECT * FROM duckdb_tables()"],
    ["SHOW TABLES", "SHOW TABLES"],
    ["DESCRIBE inside a query", "SELECT * FROM (DESCRIBE flights)"],
    ["SUMMARIZE", "SUMMARIZE flights"],
    ["parameters", "SELECT $1"],
    ["Parquet metadata", "SELECT * FROM parquet_metadata('$DATA')"],
    ["sniff_csv", "SELECT * FROM sniff_csv('$SECRET')"],
    ["another database file", "SELECT * FROM read_duckdb('$FOLDER/x.db')"],
  ])("%s is refused", async (_name, sql) => {
    const before = readFileSync(data);
    const failure = await attack(sql).then(
      (rows) => ({ rows }),
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(VarveError);
    expect(["SQL_REFUSED", "SQL_FAILED"]).toContain(failure instanceof VarveError ? failure.code : undefined);
    expect(String(failure)).not.toContain("hunter2");
    expect(readFileSync(data).equals(before)).toBe(true);
    expect(existsSync(join(folder, "out", "new.parquet"))).toBe(false);
  });

  it("a syntax error is SQL_FAILED with its place in the caller's own text", async () => {
    await expect(session.callerQuery("SELECT id\nFROM flights WHER id = 1")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 2, column: 19 },
    });
  });

  it("an unknown column is SQL_FAILED with its place", async () => {
    await expect(session.callerQuery("SELECT id,\n  nope FROM flights")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 2, column: 3 },
    });
  });

  it("an unknown table is SQL_FAILED and tells which there are", async () => {
    await expect(session.callerQuery("SELECT * FROM flihgts")).rejects.toMatchObject({ code: "SQL_FAILED", data: { tables: ["flights"] } });
  });
});

describe("the fence below the checks", () => {
  it.each([
    ["another file", "SELECT * FROM read_csv('$SECRET')"],
    ["a system file by its path", "SELECT * FROM read_text('/etc/hosts')"],
    ["a path that climbs out of a writable folder", "SELECT * FROM read_text('$FOLDER/out/../secret.csv')"],
    ["a link out of a writable folder", "SELECT * FROM read_text('$FOLDER/out/link')"],
    ["a new file beside the table", "COPY (SELECT 1) TO '$FOLDER/new.parquet'"],
    ["ATTACH", "ATTACH '$FOLDER/x.db' AS x"],
    ["INSTALL", "INSTALL httpfs"],
    ["SET", "SET enable_external_access = true"],
    ["RESET", "RESET lock_configuration"],
    ["a folder more", "SET allowed_directories = ['/']"],
  ])("%s is refused even as varve's own statement", async (_name, sql) => {
    symlinkSync(secret, join(folder, "out", "link"));
    const text = sql.replaceAll("$SECRET", secret).replaceAll("$FOLDER", folder);
    await expect(session.rows(text)).rejects.toBeInstanceOf(VarveError);
    expect(existsSync(join(folder, "new.parquet"))).toBe(false);
  });

  it("varve itself still writes below the writable folder, and spills", async () => {
    const out = join(folder, "out");
    const files = await session.writeParquet("SELECT * FROM flights ORDER BY id DESC", { folder: out });
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
    const safe = await session.callerExpression(text, columns);
    expect(await session.rows(`SELECT count(*)::INTEGER AS n FROM flights WHERE ${safe}`)).toEqual([{ n: expected }]);
  });

  it.each([
    ["a sub-query", "(SELECT count(*) FROM flights) > 1"],
    ["a file in a sub-query", "EXISTS (FROM read_text('/etc/hosts'))"],
    ["a foreign column", "secret > 1"],
    ["a qualified foreign column", "__varve_staged_9.hidden = 1"],
    ["two expressions", "id, name"],
    ["a trailing comma", "id,"],
    ["an alias", "id AS x"],
    ["a clause", "id FROM flights"],
    ["a parenthesis that closes too early", "id) OR (true"],
    ["a comment that hides the rest", "id > 1) FROM flights --"],
    ["a second statement", "1; DROP VIEW flights"],
    ["an aggregate", "sum(id) > 1"],
    ["a window", "row_number() OVER () = 1"],
    ["DISTINCT", "DISTINCT id"],
    ["a star", "*"],
    ["columns by pattern", "COLUMNS(*) IS NULL"],
    ["a parameter", "id = $1"],
    ["a setting", "current_setting('temp_directory') = name"],
    ["the environment", "getenv('HOME') = name"],
    ["a variable", "getvariable('x') = name"],
    ["a sequence", "nextval('s') > 1"],
    ["nothing", ""],
    ["a syntax error", "id >"],
  ])("%s is refused", async (_name, text) => {
    const failure = await session.callerExpression(text, columns).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(VarveError);
    expect(["SQL_REFUSED", "SQL_FAILED"]).toContain(failure instanceof VarveError ? failure.code : undefined);
  });
});
