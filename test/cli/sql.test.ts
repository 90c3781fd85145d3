import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-sql-"));
const orders = join(folder, "orders");

beforeAll(async () => {
  const rows = join(folder, "rows.csv");
  writeFileSync(rows, "id,customer\n1,acme\n2,zenith\n");
  await varve("create", orders, "--from", rows);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("varve sql", () => {
  it("runs statements on tables that are bound, and prints what each did", async () => {
    const run = await varve(
      "sql",
      "INSERT INTO t VALUES (3, 'new'); SELECT count(*) AS n FROM t; INSERT INTO t SELECT * FROM t WHERE false",
      "--table",
      `t=${orders}`,
    );
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/^INSERT t: version 1, 1 row, files \+1 -0\n/);
    expect(run.stdout).toMatch(/│ 3 +│|\b3\b/);
    expect(run.stdout).toMatch(/INSERT t: nothing to do, still version 1\n$/);
  });

  it("reads them from a file, with results as one JSON array", async () => {
    const script = join(folder, "script.sql");
    writeFileSync(
      script,
      "-- a correction\nINSERT INTO orders VALUES (9007199254740993, 'big');\nSELECT max(id) AS most FROM orders;",
    );
    const run = await varve(
      "sql",
      "--file",
      script,
      "--table",
      `orders=${orders}`,
      "--format",
      "json",
      "-m",
      "fix 7",
    );
    expect(run.stderr).toBe("");
    expect(run.stdout).toContain('"most": 9007199254740993');
    const results: unknown = JSON.parse(run.stdout);
    expect(results).toMatchObject([
      { statement: "INSERT", outcome: "committed" },
      { statement: "SELECT", rows: [{}] },
    ]);
    expect((await varve("history", orders, "--limit", "1", "--format", "json")).stdout).toContain("fix 7");
  });

  it("reads them from standard input, with tables by their path", async () => {
    const run = await varveReading(`DESCRIBE DETAIL delta.\`${orders}\``, "sql");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain("numFiles");
  });

  it.each([
    [
      "with the place of a mistake",
      ["sql", "DELETE orders"],
      /line 1, column 8: found orders, where FROM is expected/,
    ],
    ["for a table that is not bound", ["sql", "SELECT * FROM orders"], /--table orders=URI/],
    ["for statements given twice", ["sql", "SELECT 1", "--file", "x.sql"], /not both/],
    ["for a file that is not there", ["sql", "--file", "nowhere.sql"], /Cannot read nowhere.sql/],
  ])("fails %s", async (_, args, message) => {
    const run = await varve(...args);
    expect(run.code, run.stderr).toBe(args.includes("x.sql") ? 2 : 1);
    expect(run.stderr).toMatch(message);
  });
});
