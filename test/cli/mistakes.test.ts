import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-mistakes-"));
const table = join(folder, "orders");
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const may = file("may.csv", "id,amount\n1,12.5\n2,7.25\n");

beforeAll(async () => {
  expect(await varve("create", table, "--from", may)).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a mistake on the command line", () => {
  it("a schema file that does not exist is named, without a stack", async () => {
    const missing = join(folder, "nope.json");
    const { code, stderr } = await varve("create", join(folder, "new"), "--schema", missing);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `varve: Cannot read the schema ${missing}: ENOENT: no such file or directory, open '${missing}'. [SCHEMA_INVALID]\n`,
    );
  });

  it("a table without columns says which options give them", async () => {
    const { code, stderr } = await varve("create", join(folder, "new"));
    expect(code).toBe(2);
    expect(stderr).toContain("Set --from or --schema.");
  });

  it("a suite that is not JSON is named, with line, column and the parser's reason", async () => {
    const bad = file("bad.json", '{\n"checks": [}');
    const { code, stderr } = await varve("check", bad, may);
    expect(code).toBe(1);
    expect(stderr).toContain(bad);
    expect(stderr).toMatch(/not valid JSON at line 2, column 12 \(Unexpected token/);
  });

  it("a suite with a misspelt column is named with the path inside it", async () => {
    const bad = file(
      "column.json",
      '{"checks":[{"kind":"expect_column_values_to_not_be_null","params":{"column":"idd"}}]}',
    );
    const [checked, odd] = [await varve("check", bad, may), file("kind.json", '{"checks":[{"kind":"x"}]}')];
    expect(checked.stderr).toContain('checks[0].params.column: unknown column "idd"');
    expect((await varve("check", odd, may)).stderr).toContain(`${odd}: The suite at checks[0].kind`);
  });

  it("a misspelt check is told the check that it is nearest to first", async () => {
    const bad = file(
      "kind-name.json",
      '{"checks":[{"kind":"expect_column_values_to_be_betwen","params":{}}]}',
    );
    expect((await varve("check", bad, may)).stderr).toContain(
      'unknown check "expect_column_values_to_be_betwen". Did you mean expect_column_values_to_be_between, ',
    );
  });

  it("a JSON array is told apart from a broken line, on one line or on several", async () => {
    for (const text of ['[{"id":1},{"id":2}]\n', '[\n{"id":1}\n]\n']) {
      const { code, stderr } = await varve("create", join(folder, "array"), "--from", file("a.json", text));
      expect(code).toBe(1);
      expect(stderr).toContain("a.json starts a JSON array, but a line must be one complete object.");
      expect(stderr).toContain("jq -c '.[]'");
      expect(stderr).not.toContain("onMisfit");
    }
  });

  it("what is wrong on standard input is said of standard input, not of a temporary file", async () => {
    const run = (text: string) => varveReading(text, "append", table, "-", "--input-format", "csv");
    expect((await run("id,amount\n3,many\n")).stderr).toContain(
      'Column amount of line 2, row 0 (counted from 0) of standard input holds the text "many"',
    );
    expect((await run("")).stderr).toBe(
      "varve: Standard input is empty. Pass a file with content. [SOURCE_UNREADABLE]\n",
    );
  });

  it("a file in a query is not advised to be bound as a table", async () => {
    const { code, stderr } = await varve("query", `SELECT * FROM '${may}'`, "--table", `orders=${table}`);
    expect(code).toBe(1);
    expect(stderr).toContain("A query reads tables, not files: write the file to a table first");
    expect(stderr).not.toContain("Bind it");
  });

  it("a function that does not take a column's type lists those that it takes on lines of their own", async () => {
    const { stderr } = await varve(
      "query",
      "SELECT sum(CAST(id AS VARCHAR)) FROM t",
      "--table",
      `t=${table}`,
    );
    expect(stderr).toContain("\n    sum(DOUBLE) -> DOUBLE\n");
    expect(stderr).not.toContain("\\t");
  });

  it("a query without --table says how to bind one", async () => {
    const { code, stderr } = await varve("query", "SELECT * FROM orders");
    expect(code).toBe(1);
    expect(stderr).toContain("no table is bound. Bind it with --table orders=URI.");
  });

  it("a column that the table does not have names the option that adds it", async () => {
    const { code, stderr } = await varve("append", table, file("more.csv", "id,channel\n3,web\n"));
    expect(code).toBe(1);
    expect(stderr).toContain("or write with --merge-schema to add it");
  });

  it("a version without its v is told apart from a folder that is missing", async () => {
    const { code, stderr } = await varve("show", `${table}@0`);
    expect(code).toBe(1);
    expect(stderr).toContain("To select a version, write @v0");
    expect((await varve("show", join(folder, "nowhere"))).stderr).not.toContain("select a version");
  });

  it("a metric of a misspelt column is refused, not empty", async () => {
    const { code, stderr } = await varve("metrics", table, "--metric", "mean(amont)", "--no-record");
    expect(code).toBe(1);
    expect(stderr).toContain("Unknown column amont. The columns are: id, amount. [COLUMN_NOT_FOUND]");
    expect((await varve("metrics", table, "--metric", "mean(amount)")).stdout).toContain("9.875");
  });

  it("a line that only a write sets aside fails a check, as its help says", async () => {
    const setAside = file("aside.json", '{"onMisfit":"quarantine","checks":[]}');
    const broken = file("broken.csv", "id,amount\n1,2\n3\n");
    expect(await varve("check", setAside, broken)).toMatchObject({ code: 1 });
    expect(await varve("append", table, broken, "--suite", setAside)).toMatchObject({ code: 0 });
    expect((await varve("check", "--help")).stdout).toContain("onMisfit applies to writes only");
  });

  it("rows are resubmitted under the tests that set them aside, unless --untested says otherwise", async () => {
    const suite = file(
      "suite.json",
      '{"checks":[{"kind":"expect_column_values_to_be_between","params":{"column":"amount","min_value":0},"onFail":"quarantine"}]}',
    );
    const own = join(folder, "own");
    await varve("create", own, "--from", may);
    await varve("append", own, file("june.csv", "id,amount\n3,-1\n4,5\n"), "--suite", suite);
    expect(await varve("quarantine", "resubmit", own, "--all")).toMatchObject({
      code: 0,
      stdout:
        "0 rows appended; 1 still fails and stays open:\n  1: amount must be at least 0 (amount:values_to_be_between)\n",
    });
    expect((await varve("quarantine", "resubmit", own, "--all", "--untested", "--suite", suite)).code).toBe(
      2,
    );
    const { stdout, stderr } = await varve("quarantine", "resubmit", own, "--all", "--untested");
    expect(stdout).toContain("1 row appended");
    expect(stderr).toContain("appended without tests");
  });
});
