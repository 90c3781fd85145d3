import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, FencedSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

const columns: readonly EngineColumn[] = [
  { name: "id", type: "BIGINT" },
  { name: "s", type: "VARCHAR" },
  { name: "l", type: "INTEGER[]" },
];

let session: FencedSession;

beforeAll(async () => {
  const open = await openSession({ threads: 1 });
  await open.execute(sql`CREATE VIEW Flights AS SELECT 1 AS id, 'x' AS s; CREATE TABLE kept AS SELECT 2 AS id;
    CREATE SCHEMA Other; CREATE VIEW Other.Away AS SELECT 3 AS id; CREATE TABLE __varve_hidden AS SELECT 'hunter2' AS s`);
  session = await open.fence({ files: [] });
});
afterAll(() => session.close());

async function rowsOf(sql: string): Promise<unknown[]> {
  const relation = await session.callerQuery(sql);
  return session.rows(relation.sql);
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "taken",
    (error: unknown) => error,
  );
}

describe("a caller's query", () => {
  it.each([
    ["a table in other letters", "SELECT id FROM FLIGHTS", [{ id: 1 }]],
    ["a table that is no view", "SELECT id FROM kept", [{ id: 2 }]],
    ["a table with its schema", "SELECT id FROM main.flights", [{ id: 1 }]],
    ["a table of another schema", "SELECT id FROM OTHER.away", [{ id: 3 }]],
    ["a function in capitals", 'SELECT ABS(-1) AS a FROM "RANGE"(1)', [{ a: 1 }]],
    ["every kind of join", "SELECT a.id FROM flights a, flights b CROSS JOIN flights c", [{ id: 1 }]],
    ["joins on conditions", "SELECT id FROM flights a SEMI JOIN kept b ON a.id < b.id", [{ id: 1 }]],
    ["a common table", "WITH a AS (SELECT 1 AS id) SELECT id FROM a", [{ id: 1 }]],
    ["VALUES as a table", "SELECT a FROM (VALUES (1), (2)) v(a)", [{ a: 1 }, { a: 2 }]],
    ["a pivot", "SELECT x FROM flights PIVOT (sum(id) FOR s IN ('x'))", [{ x: 1n }]],
    ["an unpivot", "SELECT n, v FROM flights UNPIVOT (v FOR n IN (id))", [{ n: "id", v: 1 }]],
    ["the same alone", "UNPIVOT flights ON id", [{ s: "x", name: "id", value: 1 }]],
    ["a query in parentheses", "(SELECT 1 AS a)", [{ a: 1 }]],
    ["TABLE", "TABLE kept", [{ id: 2 }]],
    ["semicolons and spaces at its end", "SELECT 1 AS a ; ;\n\t ", [{ a: 1 }]],
    ["a comment at its end", "SELECT 1 AS a -- ;", [{ a: 1 }]],
    ["an aggregate by name", "SELECT [1, 2].list_aggregate('sum') AS a", [{ a: 3n }]],
    ["one that draws lots", "SELECT list_aggregate([7], 'reservoir_quantile', 0.5) AS a", [{ a: 7 }]],
  ])("has %s", async (_name, sql, expected) => {
    expect(JSON.stringify(await rowsOf(sql), asNumber)).toBe(JSON.stringify(expected, asNumber));
  });

  it.each([
    ["alone", "DESCRIBE flights"],
    ["in a join", "FROM flights a JOIN (DESCRIBE flights) b ON true"],
    ["in a sub-query", "SELECT (SELECT count(*) FROM (SHOW TABLES))"],
    ["in a common table", "WITH a AS (FROM (SUMMARIZE flights)) FROM a"],
    ["under a pivot", "FROM (DESCRIBE flights) PIVOT (count(*) FOR column_name IN ('id'))"],
  ])("that describes tables is refused: %s", async (_where, sql) => {
    expect(await failureOf(session.callerQuery(sql))).toMatchObject({
      code: "SQL_REFUSED",
      data: { reason: "it describes tables instead of reading them" },
    });
  });

  it.each([
    "FROM flights JOIN __varve_hidden ON true",
    "FROM __varve_hidden JOIN flights ON true",
    "FROM flights WHERE s IN (FROM __VARVE_hidden)",
    "FROM __varve_hidden PIVOT (count(*) FOR s IN ('x'))",
    "FROM main.__varve_hidden",
    'FROM "main"."__varve_hidden"',
    "FROM flights UNION ALL FROM __varve_hidden",
    "SELECT (SELECT max(s) FROM __varve_hidden)",
    "FROM flights ORDER BY (SELECT max(s) FROM __varve_hidden)",
    "FROM flights LIMIT (SELECT len(max(s)) FROM __varve_hidden)",
    "FROM flights WHERE id < ALL (SELECT len(s) FROM __varve_hidden)",
    "SELECT list_transform([1], lambda x: (SELECT max(s) FROM __varve_hidden))",
    "SELECT count(*) FILTER (EXISTS (FROM __varve_hidden)) FROM flights",
    "SELECT sum(id) OVER (ORDER BY (SELECT max(s) FROM __varve_hidden)) FROM flights",
    "SELECT CASE WHEN true THEN (SELECT max(s) FROM __varve_hidden) END",
    "FROM range((SELECT len(max(s)) FROM __varve_hidden))",
  ])("reads no table of the session's own: %s", async (sql) => {
    expect(await failureOf(session.callerQuery(sql))).toMatchObject({
      code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/),
      data: {
        table: expect.stringMatching(/^__varve_hidden$/i),
        tables: expect.arrayContaining(["flights", "kept", "away"]),
      },
    });
  });

  it.each([
    ["nothing", "SQL_FAILED"],
    ["nowhere.flights", "SQL_REFUSED"],
    ["main.away", "SQL_REFUSED"],
    ["away", undefined],
    ['"a/b"', "SQL_REFUSED"],
    ['"a\\b"', "SQL_REFUSED"],
    ['"a.csv"', "SQL_REFUSED"],
    ['"c:a"', "SQL_REFUSED"],
    ['"a*"', "SQL_REFUSED"],
  ])("FROM %s is %s: what looks like a file is refused, else the name is wrong", async (name, code) => {
    const failure = await failureOf(session.callerQuery(`FROM ${name}`));
    if (code !== undefined) expect(failure).toMatchObject({ code, data: { tables: expect.any(Array) } });
    // The schema is not on the path: the engine says so.
    else expect(failure).toMatchObject({ code: "SQL_FAILED", message: expect.stringContaining("away") });
  });

  it("may hold any number of spaces, and end in them", async () => {
    const spaces = " ".repeat(1_000_000);
    expect(await rowsOf(`SELECT 1${spaces}AS a ; ${spaces}`)).toEqual([{ a: 1 }]);
  });

  it("of no tables says that there are none", async () => {
    const bare = await openSession({ threads: 1 });
    await bare.execute(sql`CREATE TABLE __varve_hidden AS SELECT 1 AS a`);
    const fenced = await bare.fence({ files: [] });
    expect(await failureOf(fenced.callerQuery("FROM nothing"))).toMatchObject({
      message: "Unknown table nothing. The query's tables are: none.",
      data: { table: "nothing", tables: [] },
    });
    await bare.close();
  });

  it.each([
    ["nothing", "", "it has 0 statements"],
    ["a comment", "-- SELECT 1", "it has 0 statements"],
    ["three statements", "SELECT 1; SELECT 2; SELECT 3", "it has 3 statements"],
    ["a parameter by position", "SELECT ?", "it has parameters"],
    ["a parameter by name", "FROM flights WHERE id = $a", "it has parameters"],
    [
      "an aggregate that is no text",
      "SELECT list_aggregate([1], s) FROM flights",
      "it calls list_aggregate() without an aggregate's name in quotes",
    ],
    [
      "no aggregate",
      "SELECT [1].array_aggr('getenv')",
      "it calls array_aggr() without an aggregate's name in quotes",
    ],
    [
      "an aggregate after a qualifier",
      "SELECT flights.aggregate(s, 'sum') FROM flights",
      "it calls aggregate() without an aggregate's name in quotes",
    ],
    [
      "a reader of files without files",
      "FROM read_csv('/etc/passwd')",
      "it calls the table function read_csv",
    ],
    ["a reader in capitals", "FROM READ_TEXT('/etc/passwd')", "it calls the table function read_text"],
  ])("of %s is refused", async (_name, sql, reason) => {
    expect(await failureOf(session.callerQuery(sql))).toMatchObject({
      code: "SQL_REFUSED",
      data: { reason },
    });
  });

  it.each([
    ["behind a semicolon", "SELECT 1; -- the end", 1, 9],
    ["in the second line", "SELECT 1\n+;", 2, 2],
    ["after letters of several bytes", "SELECT 'äöü€😀'\n, '€😀' + + AS ", 2, 13],
    ["at a name", "SELECT 1 FROM (FROM flights\nWHER 1)", 2, 6],
  ])("with a syntax error %s shows its place", async (_where, sql, line, column) => {
    const failure = await failureOf(session.callerQuery(sql));
    expect(failure).toMatchObject({ code: "SQL_FAILED", data: { line, column } });
    const shown = String((failure as Error).message).split("\n");
    expect(shown.at(-2)).toBe(`line ${line}: ${sql.split("\n")[line - 1]}`);
    expect(shown.at(-1)).toBe(`${" ".repeat(`line ${line}: `.length + column - 1)}^`);
  });
});

describe("a caller's expression", () => {
  it.each([
    "id",
    "7",
    "abs(id)",
    "id IN (1, 2)",
    "CASE id WHEN 1 THEN 2 ELSE 3 END",
    "s::INTEGER",
    "id = 1",
    "id = 1 AND s = 'x'",
    "id BETWEEN 1 AND 2",
    "list_filter(l, lambda x: x > id)",
    "s COLLATE NOCASE",
    "id IS NULL OR NOT id > 1",
    "TRY(id // 0)",
    "{'a': id}.a",
    "l[1]",
    "[x + 1 FOR x IN l IF x > 1]",
    "INTERVAL (id) DAY",
    "id -- a comment",
    "/* one */ id",
    "cast_to_type(s, id)",
  ])("%s is taken, in parentheses", async (text) => {
    const sql = await session.callerExpression(text, columns);
    expect(sql).toBe(`(${text}\n)`);
    await session.rows(unchecked(`SELECT ${sql} AS a FROM (SELECT 1::BIGINT AS id, '1' AS s, [1, 2] AS l)`));
    await session.checkRowExpression(text);
  });

  it.each([
    ["a positional reference", "#1", "it contains a positional reference"],
    ["a default", "DEFAULT", "it contains a default"],
    ["a window", "sum(id) OVER ()", "it contains a window"],
    ["two", "id, s", "it is not one scalar expression"],
    ["a sub-query inside", "id = (FROM kept)", "it contains a subquery"],
    ["a parameter", "id = ?", "it contains a parameter"],
    ["an aggregate", "max(id)", "it calls max(), which is about more than one row"],
    ["rows of a list", "unnest(l)", "it calls unnest(), which is about more than one row"],
    ["a setting", "s = current_setting('x')", expect.stringContaining("not on the list")],
  ])("with %s is refused for every use", async (_name, text, reason) => {
    for (const take of ["callerExpression", "checkRowExpression"] as const)
      expect(await failureOf(session[take](text, columns))).toMatchObject({
        code: "SQL_REFUSED",
        data: { reason },
      });
  });

  it.each([
    ["of the moment", "random() > 0.5", { function: "random" }],
    ["with another name than the columns'", "current_date > s", { function: "current_date" }],
  ])(
    "%s is refused where it decides about rows, and taken where a row is asked once",
    async (_n, text, data) => {
      expect(await failureOf(session.callerExpression(text, columns))).toMatchObject({
        code: "SQL_REFUSED",
        data,
      });
      await session.checkRowExpression(text);
    },
  );

  it("takes the columns of joined relations, by their names or alone where one has them", async () => {
    const relations = [
      {
        relation: "t",
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "s", type: "STRUCT(id BIGINT)" },
        ],
      },
      {
        relation: "s",
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "v", type: "VARCHAR" },
        ],
      },
    ];
    const take = (text: string) => session.callerExpression(text, relations);
    for (const text of ["t.id = S.id AND v > 'a'", "t.s.id = s.id", "list_sum([x + t.id FOR x IN [1]]) = 2"])
      expect(await take(text)).toBe(`(${text}\n)`);
    for (const [text, code] of [
      ["id = 1", "SQL_FAILED"],
      ["t IS NULL", "SQL_REFUSED"],
      ["u.id = 1", "SQL_FAILED"],
      ["t.nope = 1", "SQL_FAILED"],
      ["random() > s.id", "SQL_REFUSED"],
      ["current_date IS NULL", "SQL_REFUSED"],
    ] as const)
      expect(await failureOf(take(text)), text).toMatchObject({ code });
  });

  it("needs no columns, and takes any name of a column", async () => {
    expect(await session.callerExpression("1 = 1", [])).toBe("(1 = 1\n)");
    const odd = [{ name: 'a "b" c', type: "STRUCT(x INTEGER)" }];
    await session.callerExpression('"A ""b"" c".x > 1', odd);
    expect(await failureOf(session.callerExpression('"a ""b"" c".y > 1', odd))).toMatchObject({
      code: "SQL_FAILED",
    });
  });

  it.each([
    ["id;", 1, 3],
    ["id > 0 AND\n nope() = 1", 2, 2],
    ["'€€' = nope()", 1, 8],
    ["id) OR (true", 1, 3],
    ["id AS b", 1, 4],
    ["ALL id", 1, 1],
  ])("%s is a mistake with its place in the caller's own text", async (text, line, column) => {
    for (const take of ["callerExpression", "checkRowExpression"] as const)
      expect(await failureOf(session[take](text, columns))).toMatchObject({
        code: "SQL_FAILED",
        data: { line, column },
      });
  });
});

const asNumber = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value;
