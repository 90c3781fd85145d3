import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-results-"));
const at = (name: string) => join(folder, name);
const orders = at("orders");

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,customer,amount\n1,acme,10.5\n2,acme,20\n3,bolt,5\n");
  writeFileSync(at("june.csv"), "id,customer,amount\n2,acme,25\n5,dyno,99.5\n");
  expect(await varve("create", orders, "--from", at("may.csv"))).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a command that changes a table", () => {
  it.each([
    ["merge", [orders, at("june.csv"), "--key", "id", "--update-all", "--dry-run"]],
    ["delete", [orders, "--where", "id = 1", "--dry-run"]],
    ["update", [orders, "--set", "amount=0", "--all", "--dry-run"]],
    ["restore", [orders, "0", "--dry-run"]],
    ["optimize", [orders, "--dry-run"]],
    ["alter", [orders, "--unset-property", "none"]],
    ["vacuum", [orders]],
    ["generate", [orders]],
    ["fingerprint", [orders, "--content", "--record"]],
    ["verify", [orders]],
    ["append", [orders, at("june.csv"), "--batch-id", "june"]],
    ["clone", [orders, at("copy")]],
  ] as const)("%s prints its result as JSON with --format json", async (command, args) => {
    const { stdout, code } = await varve(command, ...args, "--format", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty("version");
  });

  it("prints sizes below a megabyte in smaller units", async () => {
    const { stdout } = await varve("clone", orders, at("small"));
    expect(stdout).toMatch(/\(\d files?, [\d.]+ (?:bytes|kB)\)/);
  });
});

describe("varve sql", () => {
  it("says what each statement did", async () => {
    const script = `MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *;
      GENERATE symlink_format_manifest FOR TABLE t; VACUUM t DRY RUN; CREATE TABLE c SHALLOW CLONE t;
      SELECT count(*) AS n FROM c`;
    for (const [name, file] of [
      ["t", "may.csv"],
      ["s", "june.csv"],
    ] as const)
      await varve("create", at(name), "--from", at(file));
    const bound = ["t", "s", "c"].flatMap((name) => ["--table", `${name}=${at(name)}`]);
    const { stdout, stderr } = await varve("sql", script, ...bound);
    expect(stderr).toBe("");
    expect(stdout).toContain(
      "MERGE t: version 1, 0 rows updated, 1 inserted, 1 deleted, files +1 -1\n" +
        "GENERATE t: 1 manifest of 1 file of version 1\n" +
        "VACUUM DRY RUN: no file would be deleted\n" +
        "CREATE TABLE CLONE c: version 0, as version 1 of its source, 1 file\n",
    );
  });

  it("names a table that is missing before it runs anything", async () => {
    const { stderr, stdout } = await varve(
      "sql",
      "DELETE FROM t WHERE false; DELETE FROM u",
      ...["--table", `t=${orders}`, "--table", `u=${at("nowhere")}`],
    );
    expect(stdout).toBe("");
    expect(stderr).toMatch(/No Delta table at .*nowhere/);
  });

  it("names the options as the command line does", async () => {
    const { stderr } = await varve("sql", "VACUUM t RETAIN 0 HOURS", "--table", `t=${orders}`);
    expect(stderr).toContain("switch the check off with --no-retention-check if");
  });
});

describe("a mistake with a verb", () => {
  it.each([
    [
      ["merge", orders, at("june.csv"), "--key", "idd", "--update-all"],
      /Unknown column idd.*The columns are: id/,
    ],
    [
      ["merge", orders, at("june.csv"), "--key", "id", "--on", "true", "--update-all"],
      /--key or --on, not both/,
    ],
    [["update", orders, "--all"], /required option '--set <column=value>'/],
    [["optimize", orders, "--zorder", "idd"], /Unknown column idd\. The columns are: id, customer, amount\./],
    [
      ["alter", orders, "--add-column", "x FOO"],
      /column definition "x FOO" at column 3: found FOO, where a type/,
    ],
    [["alter", orders, "--set-default", "amount=0"], /to accept that, pass --upgrade-protocol\./],
    [["tail", `${orders}@v0`], /opened at version 0, and tail reads newer ones/],
    [["convert", folder, "--partition-by", "day"], /columns "day" at column 4: found the end of the text/],
    [["convert", at("may.csv")], /it must be that of a folder/],
    [["convert", at("csvs")], /convert makes tables of Parquet files only/],
    [["sql", "ALTER TABLE t RENAME TO u", "--table", `t=${orders}`], /found TO, where COLUMN is expected/],
  ])("%j says what to change", async (args, message) => {
    mkdirSync(at("csvs"), { recursive: true });
    writeFileSync(join(at("csvs"), "a.csv"), "id\n1\n");
    const { stderr, code } = await varve(...args);
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it("a clustered table is not partitioned, and says so", async () => {
    await varve("create", at("clustered"), "--from", at("may.csv"));
    await varve("alter", at("clustered"), "--cluster-by", "id", "--upgrade-protocol");
    const { stderr } = await varve("alter", at("clustered"), "--partition-by", "customer");
    expect(stderr).toContain("Cannot partition the table: it is clustered by id");
  });
});

describe("varve append --every", () => {
  it("prints each commit as a line of JSON, and names the kept file in errors", async () => {
    const good = '{"id":7,"customer":"x","amount":1}\n';
    const { stdout, stderr } = await varveReading(
      `${good}{"id":"abc"}\n`,
      ...["append", orders, "-", "--every-rows", "1", "--json"],
    );
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "committed", rows: 1 });
    const kept = /1 line of standard input is not in the table, and kept in (\S+\.ndjson)/.exec(stderr)?.[1];
    expect(kept).toBeDefined();
    expect(stderr).toContain(`line 1 of ${kept}`);
    expect(stderr).not.toContain("lines.ndjson");
  });
});
