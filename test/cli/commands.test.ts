import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve as varveProcess } from "../support/cli.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/tables/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "varve-test-cli-"));
const table = join(folder, "orders with space");
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const may = file("may.csv", "id,customer,amount\n1,acme,12.50\n2,zenith,7.25\n");
const june = file(
  "june.ndjson",
  '{"id":3,"customer":"acme","amount":1.5}\n{"id":4,"customer":null,"amount":-9}\n',
);
const suite = file(
  "suite.json",
  JSON.stringify({
    checks: [
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "amount", min_value: 0 },
        onFail: "quarantine",
      },
    ],
  }),
);
const strict = file(
  "strict.json",
  JSON.stringify({
    checks: [
      { kind: "expect_column_values_to_not_be_null", params: { column: "customer" }, onFail: "reject" },
    ],
  }),
);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("maintenance that fails after a commit", () => {
  it("is a warning of the commands that commit, which have done their work", async () => {
    const warned = join(folder, "warned");
    // a folder that is not empty cannot be replaced by a checkpoint
    const obstruct = (version: number) =>
      mkdirSync(join(warned, "_delta_log", `${String(version).padStart(20, "0")}.checkpoint.parquet`, "x"), {
        recursive: true,
      });
    const created = await varve("create", warned, "--from", may, "--property", "delta.checkpointInterval=1");
    expect(created.stderr).toBe("");
    const commands = [
      ["append", warned, may],
      ["overwrite", warned, may],
      ["suite", "set", warned, suite],
      ["suite", "remove", warned],
      ["staged", "publish", warned, "next"],
    ];
    for (const [index, command] of commands.entries()) {
      const version = index + 1;
      obstruct(version);
      if (command[0] === "staged") await varve("stage", warned, may, "--id", "next");
      const { code, stdout, stderr } = await varve(...command);
      expect(stdout).toContain(`version ${version}`);
      expect([command[0], stderr]).toEqual([
        command[0],
        expect.stringMatching(
          new RegExp(`^warning: After version ${version} was committed, its checkpoint`, "m"),
        ),
      ]);
      expect(code).toBe(0);
    }
  });
});

describe("the main job on the command line", () => {
  beforeAll(async () => {
    expect(
      await varve("create", table, "--from", may, "--partition-by", "customer", "-m", "first batch"),
    ).toMatchObject({ code: 0 });
    expect(await varve("append", table, june, "--suite", suite, "--batch-id", "june")).toMatchObject({
      code: 0,
    });
  });

  it("append says what was committed and what was set aside, and does nothing the second time", async () => {
    const again = await varve("append", table, june, "--suite", suite, "--batch-id", "june", "--json");
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: "alreadyApplied" });
  });

  it("a batch that its tests reject ends with code 3 and writes nothing", async () => {
    const before = readdirSync(join(table, "_delta_log"));
    const rejected = await varve("append", table, june, "--suite", strict);
    expect(rejected.code).toBe(3);
    expect(rejected.stderr).toContain("BATCH_REJECTED");
    expect(readdirSync(join(table, "_delta_log"))).toEqual(before);
  });

  it("show --row-ids prints the stable ids of rows, and says so of a table without", async () => {
    const expected = JSON.parse(
      readFileSync(fileURLToPath(new URL("../fixtures/expected/row-tracking.json", import.meta.url)), "utf8"),
    );
    const shown = await varve("show", fixture("row-tracking"), "--row-ids", "--format", "json");
    const rows: { _metadata: object }[] = JSON.parse(shown.stdout);
    const flat = rows.map(({ _metadata, ...row }) => JSON.stringify({ ...row, ..._metadata })).sort();
    expect(flat).toEqual(expected.rowTracking.map((row: object) => JSON.stringify(row)).sort());
    expect(await varve("show", table, "--row-ids")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("does not track rows"),
    });
  });

  it("show prints any version in every format", async () => {
    expect(
      (await varve("show", table, "--format", "jsonl", "-c", "id,amount", "-w", "id > 1")).stdout
        .trim()
        .split("\n")
        .sort(),
    ).toEqual(['{"id":2,"amount":7.25}', '{"id":3,"amount":1.5}']);
    expect(JSON.parse((await varve("show", `${table}@v0`, "--format", "json")).stdout)).toHaveLength(2);
    expect((await varve("show", `${table}@v0`, "--format", "csv", "-c", "id")).stdout).toMatch(
      /^id\r?\n[12]\r?\n[12]\r?\n$/,
    );
    expect((await varve("show", `${table}@v0`)).stdout).toMatch(/^id +customer +amount/m);
    expect(tableFromIPC((await varveProcess("show", table, "--format", "arrow")).bytes).numRows).toBe(3);
    const parquet = join(folder, "export.parquet");
    expect(await varve("show", table, "--format", "parquet", "-o", parquet)).toMatchObject({
      code: 0,
      stdout: "",
    });
    expect(readFileSync(parquet).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("query joins versions named in the text", async () => {
    const run = await varve(
      "query",
      "SELECT count(*) AS n FROM o ANTI JOIN o VERSION AS OF 0 USING (id)",
      "-t",
      `o=${table}`,
      "--format",
      "jsonl",
    );
    expect(run).toMatchObject({ code: 0, stdout: '{"n":1}\n' });
  });

  it("history tells what each version did and what its tests said", async () => {
    const run = await varve("history", table, "--format", "json");
    const [june, may] = JSON.parse(run.stdout);
    expect(june).toMatchObject({
      version: 1,
      operation: "WRITE",
      rowsAdded: 1,
      gate: { quarantined: 1, clean: 1 },
      readable: { ok: true },
    });
    expect(may).toMatchObject({ version: 0, rowsAdded: 2, userMetadata: "first batch" });
    expect((await varve("history", table)).stdout).toContain("1 quarantined");
  });

  it("describe, schema and diff", async () => {
    expect(JSON.parse((await varve("describe", table, "--format", "json")).stdout)).toMatchObject({
      version: 1,
      columns: 3,
      partitionColumns: ["customer"],
    });
    expect((await varve("schema", table)).stdout).toMatch(/customer +string +yes +yes/);
    expect(JSON.parse((await varve("schema", table, "--format", "json")).stdout)).toMatchObject({
      type: "struct",
    });
    expect(
      JSON.parse((await varve("diff", table, "0", "1", "--rows", "--format", "json")).stdout),
    ).toMatchObject({
      files: { added: 1, removed: 0 },
      rows: { added: 1, removed: 0 },
    });
  });

  it("quarantine lists, shows, repairs, resubmits and discards rows", async () => {
    const own = join(folder, "repaired");
    await varve("create", own, "--from", may);
    await varve("append", own, june, "--suite", suite, "--batch-id", "june");
    expect(JSON.parse((await varve("quarantine", "list", own, "--format", "json")).stdout)).toMatchObject([
      { batchId: "june", rows: 1, open: 1 },
    ]);
    expect((await varve("quarantine", "show", own)).stdout).toMatch(
      /june +2 +open +amount must be at least 0/,
    );
    expect(JSON.parse((await varve("quarantine", "show", own, "--format", "jsonl")).stdout)).toMatchObject({
      source_row: 1,
    });
    expect(JSON.parse((await varve("quarantine", "export", own)).stdout)).toMatchObject({
      batch_id: "june",
      status: "open",
    });
    expect((await varve("quarantine", "resubmit", own, "--all", "--suite", suite)).stdout).toContain(
      "0 rows appended; 1 still fails",
    );
    expect(
      await varve("quarantine", "repair", own, "--batch", "june", "--set", "amount=-amount"),
    ).toMatchObject({ code: 0 });
    expect((await varve("quarantine", "resubmit", own, "--all", "--suite", suite)).stdout).toMatch(
      /1 row appended in version \d+; 0 still fail/,
    );
    expect((await varve("show", own, "-w", "id = 4", "--format", "jsonl")).stdout).toBe(
      '{"id":4,"customer":null,"amount":9.0}\n',
    );
    expect((await varve("quarantine", "discard", own, "--all")).stdout).toBe("0 rows discarded\n");
    expect((await varve("quarantine", "purge", own)).stdout).toBe("0 rows removed\n");
    expect((await varve("quarantine", "purge", own, "--older-than", "0m", "--dry-run")).stdout).toBe(
      "1 row would be removed\n",
    );
    expect((await varve("quarantine", "purge", own, "--older-than", "soon")).code).toBe(2);
  });

  it("stages rows, audits and queries them, and publishes or discards them", async () => {
    const own = join(folder, "staged");
    await varve("create", own, "--from", may);
    expect((await varve("stage", own, june, "--id", "june")).stdout).toContain("staged june: 2 rows");
    expect(JSON.parse((await varve("staged", "list", own, "--format", "json")).stdout)).toMatchObject([
      { id: "june", rows: 2, baseVersion: 0 },
    ]);
    expect(
      (await varve("staged", "show", own, "june", "-w", "id = 3", "--format", "jsonl")).stdout,
    ).toContain('"customer":"acme"');
    expect(
      (
        await varve(
          "staged",
          "query",
          own,
          "june",
          "SELECT count(*) AS n FROM staged ANTI JOIN t USING (id)",
          "-f",
          "jsonl",
        )
      ).stdout,
    ).toBe('{"n":2}\n');
    const refused = await varve("staged", "audit", own, "june", "--suite", strict);
    expect(refused).toMatchObject({ code: 3, stdout: expect.stringContaining("customer") });
    expect(await varve("staged", "publish", own, "june")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("BATCH_REJECTED"),
    });
    expect(
      JSON.parse((await varve("staged", "audit", own, "june", "--suite", suite, "--format", "json")).stdout),
    ).toMatchObject({
      clean: 1,
    });
    const published = await varve("staged", "publish", own, "june");
    expect(published).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/version 1: 1 row in 1 file\b[\s\S]*1 row quarantined/),
    });
    expect((await varve("staged", "publish", own, "june")).stdout).toContain("nothing written");
    await varve("stage", own, june, "--id", "again");
    expect(await varve("staged", "discard", own, "again")).toMatchObject({ code: 0 });
    expect(await varve("staged", "publish", own, "again")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("STAGED_INVALID"),
    });
  });

  it("overwrite replaces all rows, or those of a condition", async () => {
    const only = file("acme.csv", "id,customer,amount\n9,acme,1\n");
    expect(await varve("overwrite", table, only, "--where", "customer = 'acme'")).toMatchObject({ code: 0 });
    expect(
      (await varve("show", table, "--format", "jsonl", "-c", "id")).stdout.trim().split("\n").sort(),
    ).toEqual(['{"id":2}', '{"id":9}']);
    expect(await varve("overwrite", table, may)).toMatchObject({ code: 0 });
    expect(
      (await varve("show", table, "--format", "jsonl", "-c", "id")).stdout.trim().split("\n").sort(),
    ).toEqual(['{"id":1}', '{"id":2}']);
  });

  it("leaves no temporary folders behind in the table", () => {
    expect(
      readdirSync(table).filter((name) => !/^(_delta_log|_quarantine|_rejections|customer=.+)$/.test(name)),
    ).toEqual([]);
  });
});

describe("reading tables of other engines", () => {
  it("prints all types without loss, as the collection's expected rows have them", async () => {
    const expected = JSON.parse(
      readFileSync(
        fileURLToPath(new URL("../fixtures/expected/partition-types.json", import.meta.url)),
        "utf8",
      ),
    );
    const lines = (await varve("show", fixture("partition-types"), "--format", "jsonl")).stdout
      .trim()
      .split("\n");
    const rows = lines.map((line) => JSON.parse(line)).sort((a, b) => a.id - b.id);
    const single = (row: Record<string, unknown>) => ({
      ...row,
      p_f: typeof row["p_f"] === "number" ? Math.fround(row["p_f"]) : row["p_f"],
    });
    expect(rows.map(single)).toEqual(expected.rowData.map(single));
    expect(lines.join("")).toContain("9223372036854775807");
  });

  it("prints the change data feed of a range", async () => {
    const run = await varve("changes", fixture("change-feed"), "--from", "3", "--format", "jsonl");
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('"_change_type":"insert"');
  });
});

describe("data tests without a table, and tests that a table carries", () => {
  it("check prints a report as text, JSON, JUnit XML and HTML, of files and of a version", async () => {
    const text = await varve("check", suite, june);
    expect(text).toMatchObject({ code: 0, stdout: expect.stringContaining("amount must be at least 0") });
    expect(text.stdout).toMatch(/^accepted with 1 failing check: /);
    expect(await varve("check", suite, june, "--strict")).toEqual({ ...text, code: 3 });
    expect(await varve("check", suite, may, "--strict")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^accepted: /),
    });
    expect(JSON.parse((await varve("check", suite, june, "--format", "json")).stdout)).toMatchObject({
      accepted: true,
      rows: 2,
      quarantined: 1,
    });
    expect((await varve("check", suite, june, "--format", "junit")).stdout).toContain("<testsuite");
    const page = join(folder, "report.html");
    expect(await varve("check", suite, `${table}@v0`, "--format", "html", "-o", page)).toMatchObject({
      code: 0,
      stdout: "",
    });
    expect(readFileSync(page, "utf8")).toMatch(/^<!doctype html>/i);
    expect((await varve("check", strict, june)).code).toBe(3);
  });

  it("check tells a rejection by its exit code though the reader of the report closes the pipe", async () => {
    const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
    const child = spawn(process.execPath, [main, "check", strict, june], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout.destroy();
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(3);
  });

  it("check says where its report cannot be written, without a stack", async () => {
    const run = await varve("check", suite, june, "--output", join(folder, "no", "such", "folder.txt"));
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/^varve: Cannot write .*folder\.txt: .*\[INVALID_ARGUMENT\]\n$/);
  });

  it.each(["table", "jsonl", "csv", "parquet"])(
    "show says where %s cannot be written, without a stack",
    async (format) => {
      const output = join(folder, "no", "such", "folder.txt");
      const run = await varve("show", table, "--format", format, "--output", output);
      expect(run).toMatchObject({ code: 2, stdout: "" });
      expect(run.stderr).toMatch(/^varve: Cannot write .*folder\.txt: .*\[INVALID_ARGUMENT\]\n$/);
    },
  );

  it("suite show prints integers beyond doubles as they are", async () => {
    const wide = "9007199254740997";
    const params = `{"column":"id","max_value":${wide}}`;
    const tests = file(
      "wide.json",
      `{"checks":[{"kind":"expect_column_values_to_be_between","params":${params}}]}`,
    );
    const carrying = join(folder, "wide");
    await varve("create", carrying, "--from", may);
    expect(await varve("suite", "set", carrying, tests)).toMatchObject({ code: 0 });
    const shown = await varve("suite", "show", carrying);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toContain(`"max_value": ${wide}`);
  });

  it("check compares files with the batches of a table that is named", async () => {
    const metric = { metric: "row_count", rule: "relative_change", max_increase: 3 };
    const rule = file(
      "grown.json",
      JSON.stringify({ checks: [{ kind: "expect_metric_to_be_normal", params: metric }] }),
    );
    const many = file("many.csv", `id,customer,amount\n${"7,acme,1.5\n".repeat(50)}`);
    expect(await varve("check", rule, many, "--history", table)).toMatchObject({ code: 3 });
    expect((await varve("check", rule, many)).stdout).toContain("too few to judge");
  });

  it("profile and suggest look at files and versions, and what suggest prints is a suite", async () => {
    const profile = JSON.parse((await varve("profile", may, "--format", "json")).stdout);
    expect(profile).toMatchObject([
      { name: "id", rows: 2, completeness: 1 },
      { name: "customer" },
      { name: "amount", min: 7.25, max: 12.5 },
    ]);
    expect((await varve("profile", `${table}@v0`, "-c", "customer")).stdout).toMatch(
      /customer +string +100 %/,
    );
    const suggested = join(folder, "suggested.json");
    expect(await varve("suggest", may, "-o", suggested)).toMatchObject({ code: 0, stdout: "" });
    const suite = JSON.parse(readFileSync(suggested, "utf8"));
    expect(suite).toMatchObject({
      name: "may",
      checks: expect.arrayContaining([expect.objectContaining({ id: "id:unique" })]),
    });
    expect(suite.checks[0].description).toBe("id must not be null (no row lacks a value)");
    expect((await varve("check", suggested, may)).code).toBe(0);
    expect((await varve("suggest", `${table}@v0`, "--format", "table")).stdout).toContain(
      "no row lacks a value",
    );
  });

  it("metrics lists what was measured of each version, and writes nothing when told so", async () => {
    const own = join(folder, "measured");
    await varve("create", own, "--from", may);
    await varve("append", own, june);
    expect((await varve("metrics", own, "--no-record")).stdout).toBe("nothing to show\n");
    expect(existsSync(join(own, "_metrics"))).toBe(false);
    for (const wrong of ["row_counts", "maximum(amount)", "row_count(amount)", "max"])
      expect(await varve("metrics", own, "--metric", wrong)).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining(wrong),
      });
    const rows = await varve("metrics", own, "--metric", "row_count,max(amount)", "--format", "jsonl");
    expect(
      rows.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .map(({ version, metric, value }) => [version, metric, value]),
    ).toEqual([
      [1, "row_count", 4],
      [1, "max(amount)", 12.5],
      [0, "row_count", 2],
      [0, "max(amount)", 12.5],
    ]);
    expect((await varve("metrics", own, "--scope", "batch", "-n", "1", "--format", "csv")).stdout).toContain(
      "completeness(customer),0.5",
    );
  });

  it("a suite that makes no sense is refused by its path", async () => {
    const bad = file(
      "bad-suite.json",
      JSON.stringify({ checks: [{ kind: "expect_column_values_to_be_betwen", params: {} }] }),
    );
    const run = await varve("check", bad, june);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("checks[0]") });
  });

  it("every append to a table that carries a suite is tested with it", async () => {
    const own = join(folder, "carries");
    await varve("create", own, "--from", may);
    expect(await varve("suite", "set", own, strict)).toMatchObject({ code: 0 });
    expect(JSON.parse((await varve("suite", "show", own)).stdout).checks).toHaveLength(1);
    expect((await varve("append", own, june)).code).toBe(3);
    expect(await varve("suite", "remove", own)).toMatchObject({ code: 0 });
    expect((await varve("append", own, june)).code).toBe(0);
  });

  it("suite set says which checks other engines hold to as well", async () => {
    const own = join(folder, "registered");
    const file = join(folder, "mixed.json");
    writeFileSync(
      file,
      JSON.stringify({
        name: "mixed",
        checks: [
          {
            kind: "expect_column_value_lengths_to_be_between",
            id: "short",
            params: { column: "code", max_value: 9 },
          },
          {
            kind: "expect_column_values_to_be_unique",
            id: "unique",
            params: { column: "code" },
          },
        ],
      }),
    );
    writeFileSync(join(folder, "codes.csv"), "code\nc1\n");
    await varve("create", own, "--from", join(folder, "codes.csv"));
    const { code, stdout } = await varve("suite", "set", own, file, "--constraints");
    expect({ code, lines: stdout.trimEnd().split("\n").slice(1) }).toEqual({
      code: 0,
      lines: ["CHECK constraints, which other engines enforce too: short", "enforced by varve only: unique"],
    });
  });
});

describe("fsck", () => {
  it("finds nothing wrong with what varve wrote", async () => {
    const run = await varve("fsck", table, "--format", "json");
    expect(run.code).toBe(0);
    expect(
      JSON.parse(run.stdout).filter((finding: { severity: string }) => finding.severity !== "info"),
    ).toEqual([]);
  });

  it("ends with code 1 and names the file when one is damaged", async () => {
    const broken = join(folder, "broken");
    await varve("create", broken, "--from", may);
    const data = readdirSync(broken).find((name) => name.endsWith(".parquet")) ?? "";
    writeFileSync(join(broken, data), "no Parquet");
    const run = await varve("fsck", broken);
    expect(run).toMatchObject({ code: 1, stdout: expect.stringContaining("DATA_FILE_CORRUPT") });
  });
});

describe("bad input ends with a clear error and its exit code", () => {
  it.each([
    ["no table", ["show", join(folder, "nothing-here")], 1, "NOT_A_TABLE"],
    ["no such version", ["show", `${fixture("change-feed")}@v99`], 1, "Readable versions: 0 to"],
    [
      "a time before the table",
      ["show", `${fixture("change-feed")}@1999-01-01`],
      1,
      "TIMESTAMP_OUT_OF_RANGE",
    ],
    ["no time at all", ["show", `${fixture("change-feed")}@2024-99-99`], 2, "neither a version nor a time"],
    ["an unknown column", ["show", fixture("change-feed"), "-c", "nope"], 1, "COLUMN_NOT_FOUND"],
    ["an unknown command", ["frobnicate"], 2, "unknown command"],
    ["an unknown format", ["show", fixture("change-feed"), "--format", "xml"], 2, "choices"],
    [
      "SQL that fails",
      ["query", "SELECT nope FROM t", "-t", `t=${fixture("change-feed")}`],
      1,
      "line 1: SELECT nope",
    ],
    ["SQL that writes", ["query", "COPY (SELECT 1) TO 'x'"], 1, "SQL_REFUSED"],
    ["an unknown reader feature", ["show", fixture("unknown-reader-feature")], 1, "UNSUPPORTED_FEATURE"],
  ])("%s", async (_, args, code, text) => {
    const run = await varve(...args);
    expect(run.stderr).toContain(text);
    expect(run.code).toBe(code);
    expect(run.stderr).not.toContain("    at ");
  });

  it.each([
    ["empty.csv", ""],
    ["fields.csv", "id,customer,amount\n1,acme,1,extra\n"],
    ["words.csv", "id,customer,amount\none,acme,1\n"],
    ["cut.parquet", "PAR1 and then nothing"],
    ["encoding.csv", "id,customer,amount\n1,\u00ff\u00fe,1\n"],
    ["broken.ndjson", '{"id": 1, "customer": "acme"\n'],
    ["missing.csv", undefined],
  ])("%s is refused and nothing is written", async (name, text) => {
    const path = join(folder, name);
    if (text !== undefined)
      writeFileSync(path, Buffer.from(text, name === "encoding.csv" ? "latin1" : "utf8"));
    const target = join(folder, `bad-${name}`);
    await varve("create", target, "--from", may);
    const before = readdirSync(target, { recursive: true }).sort();
    const run = await varve("append", target, path);
    expect(run.stderr).toMatch(/varve: .*\[(SOURCE_UNREADABLE|SCHEMA_MISMATCH)\]/s);
    expect(run.code).toBe(1);
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(before);
  });

  it("a table with unknown reader features can still be inspected", async () => {
    expect((await varve("history", fixture("unknown-reader-feature"))).code).toBe(0);
    expect((await varve("schema", fixture("unknown-reader-feature"))).code).toBe(0);
    expect((await varve("describe", fixture("unknown-reader-feature"))).code).toBe(0);
  });

  it("create refuses a folder that holds a table", async () => {
    const run = await varve("create", fixture("change-feed"), "--from", may);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("TABLE_EXISTS") });
    expect(existsSync(join(fixture("change-feed"), "_quarantine"))).toBe(false);
  });
});

describe("help", () => {
  it.each([
    "create",
    "append",
    "overwrite",
    "show",
    "query",
    "history",
    "describe",
    "schema",
    "diff",
    "changes",
    "stage",
    "staged",
    "profile",
    "suggest",
    "metrics",
    "suite set",
    "staged publish",
    "quarantine repair",
    "quarantine reopen",
  ])("%s has examples", async (command) => {
    const run = await varve(...command.split(" "), "--help");
    expect(run.code).toBe(0);
    expect(run.stdout).toContain("Examples:");
  });

  it("names the default of an age as it is written", async () => {
    expect((await varve("quarantine", "purge", "--help")).stdout).toContain("(default: 90d)");
  });
});

describe("CSV files in other dialects", () => {
  it("are read as their encoding, delimiter and text for a missing value are named", async () => {
    const target = join(folder, "dialects");
    const source = join(folder, "dialect.csv");
    writeFileSync(source, Buffer.from("id#customer\n1#Ren\u00e9\n2#n/a\n", "latin1"));
    const options = ["--encoding", "latin-1", "--delimiter", "#", "--null-text", "n/a"];
    expect(await varve("create", target, "--from", source, ...options)).toMatchObject({ code: 0 });
    expect((await varve("show", target, "--format", "jsonl")).stdout.trim().split("\n")).toEqual([
      '{"id":1,"customer":"Ren\u00e9"}',
      '{"id":2,"customer":null}',
    ]);
  });

  it("name the option that files of another format do not take", async () => {
    const refused = await varve("append", table, june, "--delimiter", ";");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("delimiter");
  });
});
