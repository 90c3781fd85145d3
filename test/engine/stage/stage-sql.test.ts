import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenSession, Relation } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let folder: string;
let session: OpenSession;
let csv: string;
let parquet: string;
let secret: string;
let tables: Readonly<Record<string, Relation>>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "stage-sql-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
  csv = join(folder, "data.csv");
  parquet = join(folder, "data.parquet");
  secret = join(folder, "secret.csv");
  writeFileSync(csv, "a,b\n1,x\n2,y\n");
  writeFileSync(secret, "password\nhunter2\n");
  await session.execute(unchecked(`COPY (SELECT i AS a FROM range(5) t(i)) TO '${parquet}'`));
  tables = {
    flights: { sql: sql`SELECT i AS id FROM range(10) t(i)`, columns: [{ name: "id", type: "BIGINT" }] },
  };
});

afterEach(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(sql: string, files?: readonly string[]) {
  const callerSql = sql
    .replaceAll("$CSV", csv)
    .replaceAll("$PARQUET", parquet)
    .replaceAll("$SECRET", secret)
    .replaceAll("$FOLDER", folder);
  const staged = await session.stage({
    kind: "sql",
    callerSql,
    tables,
    ...(files === undefined ? {} : { files }),
  });
  return {
    columns: staged.columns.map((column) => `${column.name} ${column.type}`),
    rows: await session.rows(staged.sql),
    staged,
  };
}

describe("a caller's SQL as source", () => {
  it("reads named relations, and keeps its sums for a table to test", async () => {
    expect(await run("SELECT sum(id) AS total, count(*) AS n FROM flights WHERE id > 2;")).toMatchObject({
      columns: ["total HUGEINT", "n BIGINT"],
      rows: [{ total: 42n, n: 7n }],
    });
  });

  it("reads named files and relations together", async () => {
    const { rows } = await run(
      "SELECT f.id, c.b, p.a FROM flights f JOIN '$CSV' c ON c.a = f.id JOIN read_parquet('$PARQUET') p ON p.a = f.id ORDER BY 1",
      [csv, parquet],
    );
    expect(rows).toEqual([
      { id: 1n, b: "x", a: 1n },
      { id: 2n, b: "y", a: 2n },
    ]);
  });

  it("keeps its rows: each scan gives the same, with positions", async () => {
    for (const files of [undefined, [parquet]]) {
      const { staged } = await run("SELECT random() AS r, id FROM flights", files);
      const { row } = staged.positionColumns;
      const first = await session.rows(unchecked(`SELECT * FROM (${staged.positionedSql})`));
      expect(await session.rows(unchecked(`SELECT * FROM (${staged.positionedSql})`))).toEqual(first);
      expect(first.map((one) => one[row])).toEqual(Array.from({ length: 10 }, (_, at) => BigInt(at)));
    }
  });

  it("stays readable after the session is fenced", async () => {
    const { staged } = await run("SELECT a FROM '$PARQUET'", [parquet]);
    await session.fence({ files: [] });
    expect(await session.rows(unchecked(`SELECT count(*) AS n FROM (${staged.sql})`))).toEqual([{ n: 5n }]);
  });

  it.each([
    ["a file that was not named", "SELECT * FROM '$SECRET'"],
    ["a file that was not named, by a function", "SELECT * FROM read_csv('$SECRET')"],
    ["a list with a file that was not named", "SELECT * FROM read_csv(['$CSV', '$SECRET'])"],
    ["a pattern", "SELECT * FROM read_csv('$FOLDER/*.csv')"],
    ["a reader of nothing", "SELECT * FROM read_csv()"],
    ["a name made at run time", "SELECT * FROM read_csv('$FOLDER/' || 'secret.csv')"],
    ["a text file reader", "SELECT * FROM read_text('$CSV')"],
    ["a system file", "SELECT * FROM read_csv('/etc/passwd')"],
    ["an unknown table", "SELECT * FROM nothing"],
    ["a write", "COPY (SELECT 1) TO '$FOLDER/new.parquet'"],
    ["a write over a named file", "COPY (SELECT 1) TO '$PARQUET'"],
    ["several statements", "SELECT 1; SELECT 2"],
    ["a setting", "SELECT current_setting('temp_directory')"],
    ["an internal table of the session", "SELECT * FROM __varve_staged_0"],
  ])("%s is refused, with and without files", async (_name, sql) => {
    for (const files of [undefined, [csv, parquet]]) {
      await expect(run(sql, files)).rejects.toMatchObject({
        code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/),
      });
    }
    expect(existsSync(join(folder, "new.parquet"))).toBe(false);
    expect(await session.rows(unchecked(`SELECT count(*) AS n FROM '${parquet}'`))).toEqual([{ n: 5n }]);
  });

  it("a reader of an empty list reads no named file", async () => {
    await expect(run("SELECT * FROM read_csv([])", [csv])).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: "read_csv" },
    });
  });

  it("a named file that is absent is SOURCE_UNREADABLE", async () => {
    await expect(run("SELECT 1 AS one", [join(folder, "absent.csv")])).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
  });
});
