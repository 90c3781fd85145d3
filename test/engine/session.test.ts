import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let folder: string;
let session: OpenSession;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "engine test "));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
});

afterEach(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("rows", () => {
  it("keep columns and fields named __proto__ or by a number as any other", async () => {
    const sql = `SELECT 1 AS a, {'x': 2} AS "__proto__", 3 AS constructor`;
    const streamed = [];
    for await (const row of session.rowStream(unchecked(sql))) streamed.push(row);
    for (const [row] of [await session.rows(unchecked(sql)), streamed]) {
      expect(Object.entries(row ?? {})).toEqual([
        ["a", 1],
        ["__proto__", { x: 2 }],
        ["constructor", 3],
      ]);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    }
    const nested = `SELECT [{'b': 1, '__proto__': {'x': 2}}] AS c, MAP {'k': {'__proto__': NULL, 'varve:b': '2024-01-31'::DATE}} AS m,
      {'9': 'nine', '1': union_value(one := 1)} AS n, {'varve:x': 1} AS v`;
    const nestedRows = [];
    for await (const row of session.rowStream(unchecked(nested))) nestedRows.push(row);
    for (const [row] of [await session.rows(unchecked(nested)), nestedRows])
      expect(JSON.stringify(row)).toBe(
        '{"c":[{"b":1,"__proto__":{"x":2}}],"m":[["k",{"__proto__":null,"varve:b":"2024-01-31"}]],"n":{"1":{"one":1},"9":"nine"},"v":{"varve:x":1}}',
      );
  });

  it("gives every type as a plain value without losing a digit", async () => {
    const [row] = await session.rows(sql`SELECT
      true AS bool, 1::TINYINT AS tiny, 2::INTEGER AS int, 9007199254740993::BIGINT AS big, sum(9223372036854775807::BIGINT) AS huge,
      1.5::DOUBLE AS dbl, 12345678901234567890123456789012345.678::DECIMAL(38,3) AS dec, 'é' AS text, '\\x00\\xFF'::BLOB AS blob,
      DATE '2024-01-31' AS date, TIMESTAMPTZ '2024-01-31 10:00:00.000001+02' AS tz, TIMESTAMP '1969-12-31 23:59:59.999999' AS ntz,
      {'a': 1, 'b': [1::BIGINT, NULL]} AS nested, MAP {1: 'x', 2: NULL} AS map, NULL AS nothing, '00000000-0000-0000-0000-000000000001'::UUID AS id`);
    expect(row).toEqual({
      bool: true,
      tiny: 1,
      int: 2,
      big: 9007199254740993n,
      huge: 9223372036854775807n,
      dbl: 1.5,
      dec: "12345678901234567890123456789012345.678",
      text: "é",
      blob: Uint8Array.of(0, 255),
      date: "2024-01-31",
      tz: "2024-01-31T08:00:00.000001Z",
      ntz: "1969-12-31T23:59:59.999999",
      nested: { a: 1, b: [1n, null] },
      map: [
        [1, "x"],
        [2, null],
      ],
      nothing: null,
      id: "00000000-0000-0000-0000-000000000001",
    });
  });

  it("binds parameters of each kind, integers exactly", async () => {
    const bytes = Uint8Array.of(1, 2);
    const rows = await session.rows(
      sql`SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g`,
      [null, true, 7, 2n ** 62n, "it's", bytes, ["x", "y"]],
    );
    expect(rows).toEqual([{ a: null, b: true, c: 7n, d: 2n ** 62n, e: "it's", f: bytes, g: ["x", "y"] }]);
  });

  it("dates far outside of what a Date holds stay exact", async () => {
    const rows = await session.rows(
      sql`SELECT DATE '0001-01-01' AS a, DATE '9999-12-31' AS b, TIMESTAMP '12024-02-29 00:00:00' AS c`,
    );
    expect(rows).toEqual([{ a: "0001-01-01", b: "9999-12-31", c: "+012024-02-29T00:00:00.000000" }]);
  });
});

describe("describe", () => {
  it("names columns and their types without running the query", async () => {
    expect(
      await session.describe(sql`SELECT 1::DECIMAL(10,2) AS a, {'x': [1]} AS b FROM range(1000000000000)`),
    ).toEqual([
      { name: "a", type: "DECIMAL(10,2)" },
      { name: "b", type: "STRUCT(x INTEGER[])" },
    ]);
  });
});

describe("settings", () => {
  it("reads times in UTC whatever the machine's zone, and loads no extension by itself", async () => {
    const rows = await session.rows(
      sql`SELECT current_setting('TimeZone') AS zone, current_setting('autoload_known_extensions') AS load, current_setting('preserve_insertion_order') AS kept`,
    );
    expect(rows).toEqual([{ zone: "UTC", load: false, kept: true }]);
  });

  it("leaves its temporary folder's parent as it found it", async () => {
    const file = join(folder, "numbers.csv");
    writeFileSync(file, "a\n1\n");
    await session.stage({ kind: "sql", callerSql: `SELECT * FROM '${file}'`, files: [file] });
    expect(readdirSync(folder)).toHaveLength(2);
    await session.close();
    expect(readdirSync(folder)).toEqual(["numbers.csv"]);
  });
});

describe("failures", () => {
  const queried = async (text: string) => (await fenceOf(session)()).callerQuery(text);

  it("a caller's SQL that does not parse is SQL_FAILED with line and column", async () => {
    const failure = queried("SELECT a,\n  b frm c FROM (SELECT 1 AS a)");
    await expect(failure).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 2, column: 9 },
    });
  });

  it.each([
    ["what does not parse", "FROM FROM"],
    ["a name", ", nope FROM (SELECT 1 AS a)"],
  ])("a mistake behind letters of several bytes is shown at its place: %s", async (_what, rest) => {
    const text = `SELECT 'é€😀' ${rest}`;
    const column = text.lastIndexOf(rest === "FROM FROM" ? "FROM" : "nope") + 1;
    await expect(queried(text)).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 1, column },
    });
  });

  it("a missing column is SQL_FAILED and shows the place in a caller's SQL, and nothing of varve's own", async () => {
    await expect(queried("SELECT foo FROM (SELECT 1 AS a)")).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("^"),
    });
    await expect(session.rows(sql`SELECT bar FROM (SELECT 2 AS b)`)).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.not.stringMatching(/\^|SELECT/),
    });
  });

  it("a file that is no Parquet is DATA_FILE_CORRUPT naming it", async () => {
    const file = join(folder, "broken.parquet");
    writeFileSync(file, "this is not a Parquet file at all");
    await expect(session.rows(unchecked(`SELECT * FROM read_parquet('${file}')`))).rejects.toMatchObject({
      code: "DATA_FILE_CORRUPT",
      data: { file },
    });
  });

  it("a file that is not there is DATA_FILE_MISSING naming it", async () => {
    const file = join(folder, "absent.parquet");
    await expect(session.rows(unchecked(`SELECT * FROM read_parquet('${file}')`))).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      data: { file },
    });
  });

  it("running out of memory says what to change", async () => {
    const small = await openSession({ temporaryFolder: folder, threads: 1, memoryLimit: 30_000_000 });
    try {
      const failure = small.rows(sql`SELECT list(i || 'x' ORDER BY i) AS l FROM range(2000000) t(i)`);
      await expect(failure).rejects.toMatchObject({
        code: "MEMORY_LIMIT_TOO_SMALL",
        message: expect.stringContaining("How much would be enough is not known here"),
        data: { memoryLimit: 30_000_000, nextLimit: 64 * 1024 ** 2 },
      });
    } finally {
      await small.close();
    }
  });
});

describe("a session for work that only reads", () => {
  it("stops queries and statements when its signal aborts", async () => {
    const controller = new AbortController();
    await using reading = await openSession({ threads: 1, signal: controller.signal, stopsQueries: true });
    const endless = reading.rows(sql`SELECT count(*) FROM range(300000000) r(i) WHERE i % 7 = 3`);
    controller.abort(new Error("enough"));
    await expect(endless).rejects.toMatchObject({ code: "CANCELLED", cause: { message: "enough" } });
    await expect(reading.rows(sql`SELECT 1`)).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(reading.execute(sql`SELECT 1`)).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a session that is closed while calls run", () => {
  it("lets them end, and refuses others", async () => {
    const counts = [3, 5, 7].map((n) =>
      session.rows(unchecked(`SELECT count(*) AS n FROM range(500000) r(i) WHERE i % ${n} = 0`)),
    );
    const streamed = session.rowStream(sql`SELECT i FROM range(5000) r(i)`)[Symbol.asyncIterator]();
    expect(await streamed.next()).toMatchObject({ value: { i: 0n } });
    await session.close();
    expect(await Promise.all(counts)).toEqual([[{ n: 166_667n }], [{ n: 100_000n }], [{ n: 71_429n }]]);
    await expect(session.rows(sql`SELECT 1`)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await streamed.return?.();
  });
});
