import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordBatchReader, tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mainFile } from "../support/cli.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-output-"));
const table = join(folder, "numbers");
const inFolder = (name: string): string => join(folder, name);
const rows = 12_345;
const longWord = `${"long word ".repeat(30)}end`;
const suite = inFolder("suite.json");

beforeAll(async () => {
  const source = inFolder("numbers.csv");
  writeFileSync(
    source,
    `id,word\n${Array.from({ length: rows }, (_, at) => `${at},${at === 0 ? longWord : at}`).join("\n")}\n`,
  );
  expect(await varve("create", table, "--from", source)).toMatchObject({ code: 0 });
  writeFileSync(
    suite,
    JSON.stringify({
      maxBadShare: 1,
      checks: [
        {
          kind: "expect_column_values_to_be_between",
          params: { column: "id", min_value: 0 },
          onFail: "quarantine",
        },
      ],
    }),
  );
  const bad = inFolder("bad.csv");
  writeFileSync(bad, `id,word\n${Array.from({ length: 150 }, (_, at) => `-${at + 1},w`).join("\n")}\n`);
  expect(await varve("append", table, bad, "--suite", suite, "--batch-id", "bad")).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ["show", "rows.csv"],
  ["show", "_delta_log/rows.parquet"],
  ["history", "history.json"],
  ["check", "report.html"],
])("a file in a table's folder is refused: %s --output %s", async (command, name) => {
  const file = join(table, name);
  const link = inFolder("link-to-table");
  if (!existsSync(link)) symlinkSync(table, link);
  for (const output of [file, join(link, name)]) {
    const source = command === "check" ? [suite, table] : [table];
    const run = await varve(command, ...source, "--output", output);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/inside the Delta table at .*numbers, whose files only commits may add/);
    expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  expect(existsSync(file)).toBe(false);
  expect(await varve("fsck", table)).toMatchObject({ code: 0, stdout: "" });
});

/** What a command writes to a file of this name. */
async function written(name: string, ...command: readonly string[]): Promise<Buffer> {
  const file = inFolder(name);
  expect(await varve(...command, "--output", file)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  return readFileSync(file);
}

const lines = (text: Buffer | string): string[] => text.toString().trimEnd().split("\n");

describe("a file's ending", () => {
  it.each([
    ["CSV", (file: Buffer) => lines(file).length - 1],
    ["json", (file: Buffer) => JSON.parse(file.toString()).length],
    ["jsonl", (file: Buffer) => lines(file).map((line) => JSON.parse(line)).length],
    ["ndjson", (file: Buffer) => lines(file).map((line) => JSON.parse(line)).length],
    ["arrow", (file: Buffer) => tableFromIPC(file).numRows],
    ["arrows", (file: Buffer) => tableFromIPC(file).numRows],
    ["txt", (file: Buffer) => lines(file).length - 1],
  ])("%s names the format of all rows that show writes", async (ending, count) => {
    expect(count(await written(`all.${ending}`, "show", table))).toBe(rows);
  });

  it("parquet names its format too, and an explicit format goes before the ending", async () => {
    expect((await written("all.parquet", "show", table)).subarray(0, 4).toString()).toBe("PAR1");
    expect(lines(await written("lines.csv", "show", table, "--format", "jsonl"))).toHaveLength(rows);
  });

  it("tells an Arrow file, which can be read from any place, from a stream", async () => {
    const kind = async (name: string) =>
      RecordBatchReader.from(await written(name, "show", table, "-n", "2")).isFile();
    expect(await kind("some.arrow")).toBe(true);
    expect(await kind("some.feather")).toBe(true);
    expect(await kind("some.arrows")).toBe(false);
  });

  it("goes for every command that writes a file", async () => {
    const bound = `t=${table}`;
    expect(JSON.parse((await written("q.json", "query", "SELECT 1 AS a", "-t", bound)).toString())).toEqual([
      { a: 1 },
    ]);
    expect(lines(await written("h.csv", "history", table))[0]).toMatch(/^version,timestamp,/);
    expect(lines(await written("m.jsonl", "metrics", table, "--no-record"))).toEqual([""]);
    expect(lines(await written("p.csv", "profile", table))[0]).toMatch(/^column,type,/);
    expect(lines(await written("s.csv", "suggest", table))[0]).toMatch(/^id,kind,/);
    expect(JSON.parse((await written("s.json", "suggest", table)).toString())).toHaveProperty("checks");
    expect((await written("r.html", "check", suite, `${table}@v0`)).toString()).toMatch(/^<!doctype html>/i);
    expect((await written("r.xml", "check", suite, `${table}@v0`)).toString()).toContain("<testsuite");
    expect(JSON.parse((await written("r.json", "check", suite, `${table}@v0`)).toString())).toHaveProperty(
      "accepted",
    );
  });

  it.each([
    ["csv", "show", table],
    ["table", "describe", table],
    ["text", "fingerprint", table],
    ["html", "check", suite, table],
  ])("--json and --format %s of %s contradict each other", async (format, ...command) => {
    const run = await varve(...command, "--json", "--format", format);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain(`error: --json and --format ${format} name two formats. Leave one out.`);
    const twice = await varve(...command, "--json", "--format", "json");
    expect(twice.code).toBe(0);
    expect(JSON.parse(twice.stdout)).toBeTypeOf("object");
  });

  it.each([
    ["x.dat", "show", table],
    ["noending", "show", table],
    ["x.parquet", "history", table],
    ["x.csv", "check", suite, table],
  ])("%s of %s is refused before anything is read or written", async (name, ...command) => {
    const file = inFolder(name);
    const run = await varve(...command, "-o", file);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/^varve: Cannot tell the format of .* Name it with --format \(.*INVALID_ARG/);
    expect(existsSync(file)).toBe(false);
  });
});

describe("a table that does not show all rows", () => {
  it("says of how many", async () => {
    const shown = lines((await varve("show", table)).stdout);
    expect(shown).toHaveLength(22);
    expect(shown.at(-1)).toBe("20 of 12,345 rows; print all of them with --output or another --format");
    const some = lines((await varve("show", table, "--where", "id < 30", "-n", "7")).stdout);
    expect(some.at(-1)).toMatch(/^7 of 30 rows; /);
    const all = lines((await varve("show", table, "--where", "id < 20")).stdout);
    expect(all).toHaveLength(21);
    const queried = lines((await varve("query", "SELECT id FROM t", "-t", `t=${table}`)).stdout);
    expect(queried).toHaveLength(10_002);
    expect(queried.at(-1)).toMatch(/^10,000 of 12,345 rows; /);
  });

  it("shows cells in full once it is written to a file", async () => {
    const text = (await written("wide.txt", "show", table, "-n", "1")).toString();
    expect(text).toContain(`${longWord}\n1 of 12,345 rows`);
  });
});

describe("a sum", () => {
  it("is printed in every format", async () => {
    const command = [
      "query",
      "SELECT sum(id)::HUGEINT AS n, TIME '10:00:00' AS t FROM t",
      "-t",
      `t=${table}`,
    ];
    const run = async (format: string) => (await varve(...command, "--format", format)).stdout;
    const total = String((rows * (rows - 1)) / 2);
    expect(lines(await run("table"))[1]).toMatch(new RegExp(`^ *${total} +10:00:00$`));
    expect(JSON.parse(await run("json"))).toEqual([{ n: Number(total), t: "10:00:00" }]);
    expect(JSON.parse(await run("jsonl"))).toEqual({ n: Number(total), t: "10:00:00" });
    expect(await run("csv")).toBe(`n,t\n${total},10:00:00\n`);
    expect(String(tableFromIPC(await written("sum.arrow", ...command)).schema)).toContain("n: Decimal[38e0]");
    expect((await written("sum.parquet", ...command)).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("with more digits than a decimal has is refused by the binary formats, naming column and value", async () => {
    const wide = "170141183460469231731687303715884105727";
    const command = ["query", `SELECT ${wide}::HUGEINT AS total`];
    const run = await varve(...command, "--output", inFolder("wide.parquet"));
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`^varve: Column total holds ${wide}, .*\\[LIMIT_EXCEEDED\\]`));
    expect((await varve(...command, "--format", "jsonl")).stdout).toBe(`{"total":${wide}}\n`);
  });
});

describe("quarantine show", () => {
  it("cuts nothing but tables, and says so of these", async () => {
    const show = ["quarantine", "show", table];
    for (const format of ["jsonl", "json", "csv"]) {
      const { stdout } = await varve(...show, "--format", format);
      const found =
        format === "json" ? JSON.parse(stdout).length : lines(stdout).length - (format === "csv" ? 1 : 0);
      expect([format, found]).toEqual([format, 150]);
    }
    expect(lines(await written("bad.jsonl", ...show))).toHaveLength(150);
    expect(lines(await written("bad.txt", ...show))).toHaveLength(151);
    expect(lines((await varve(...show, "--format", "jsonl", "-n", "3")).stdout)).toHaveLength(3);
    const shown = lines((await varve(...show)).stdout);
    expect(shown).toHaveLength(52);
    expect(shown.at(-1)).toBe("50 of 150 rows; print all of them with --output or another --format");
    expect(lines((await varve(...show, "-n", "2")).stdout).at(-1)).toMatch(/^2 of 150 rows/);
    expect(lines((await varve(...show, "-n", "150")).stdout)).toHaveLength(151);
  });
});

describe("an output that cannot be written", () => {
  const formats = ["table", "json", "jsonl", "csv", "parquet", "arrow"];
  const failing = "SELECT CASE WHEN id = 12000 THEN error('broken') ELSE id END AS id FROM t";
  const oneLine = /^varve: [^\n]*\n$/;

  it.each(formats)("is one line with a code, and the file that was there stays: %s", async (format) => {
    const file = inFolder(`kept-${format}`);
    writeFileSync(file, "before");
    symlinkSync(file, `${file}-link`);
    const query = ["query", failing, "--table", `t=${table}`, "--format", format, "--output"];
    expect(await varve(...query, `${file}-link`)).toMatchObject({ code: 1, stdout: "" });
    expect(readFileSync(file, "utf8")).toBe("before");
    for (const [output, text] of [
      [folder, /Cannot write .*: EISDIR: illegal operation on a directory. Choose another file/],
      [
        join(folder, "nowhere", "x"),
        /Cannot write .*: ENOENT: no such file or directory. Choose another file/,
      ],
      [join(suite, "x"), /Cannot write .*: ENOTDIR: not a directory. Choose another file/],
    ] as const) {
      const run = await varve("show", table, "--format", format, "--output", output);
      expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(text) });
      expect(run.stderr).toMatch(oneLine);
      expect(run.stderr).toContain("[INVALID_ARGUMENT]");
    }
    expect(await varve("show", table, "--format", format, "--output", `${file}-link`)).toMatchObject({
      code: 0,
    });
    expect(readFileSync(file).length).toBeGreaterThan(6);
    expect(readdirSync(folder).filter((name) => name.endsWith(".unfinished"))).toEqual([]);
  });

  it("is not one whose unfinished file a killed process of the same id left, as in containers", () => {
    const file = inFolder("again.csv");
    writeFileSync(file, "before");
    chmodSync(file, 0o664);
    const command = ["show", table, "--output", file].map((part) => `'${part}'`).join(" ");
    const left = `touch '${folder}'/.again.csv.$$.unfinished`;
    const shell = `umask 022; ${left}; exec '${process.execPath}' '${mainFile}' ${command}`;
    expect(spawnSync("sh", ["-c", shell], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    expect(lines(readFileSync(file))).toHaveLength(rows + 1);
    expect(statSync(file).mode & 0o777).toBe(0o664);
  });

  it.for(formats)("names a full disk, and is a failure: %s", async (format, { skip }) => {
    if (!existsSync("/dev/full")) skip("no /dev/full here");
    const show = ["show", table, "--format", format];
    const run = await varve(...show, "--output", "/dev/full");
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("the disk is full") });
    expect(run.stderr).toContain("[STORE_FULL]");
    expect(run.stderr).toMatch(oneLine);
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
    const shell = [process.execPath, mainFile, ...show].map((part) => `'${part}'`).join(" ");
    const printed = spawnSync("sh", ["-c", `${shell} > /dev/full`], { encoding: "utf8" });
    expect(printed).toMatchObject({ status: 1, stderr: expect.stringMatching(oneLine) });
    expect(printed.stderr).toContain("Cannot write to standard output: ENOSPC");
  });

  it("does not end a write whose notes on standard error nobody can read", ({ skip }) => {
    if (!existsSync("/dev/full")) skip("no /dev/full here");
    const noHeader = inFolder("values.csv");
    writeFileSync(noHeader, "1,2\n3,4\n");
    for (const [name, end] of [
      ["full", "2> /dev/full"],
      ["closed", "2>&1 > /dev/null | true"],
    ] as const) {
      const made = inFolder(`notes-${name}`);
      const create = [process.execPath, mainFile, "create", made, "--from", noHeader];
      spawnSync("sh", ["-c", `${create.map((part) => `'${part}'`).join(" ")} ${end}`]);
      const shown = spawnSync(process.execPath, [mainFile, "show", made, "--format", "jsonl"], {
        encoding: "utf8",
      });
      expect({ name, shown: shown.stdout }).toEqual({ name, shown: '{"1":3,"2":4}\n' });
      const failing = spawnSync("sh", [
        "-c",
        `'${process.execPath}' '${mainFile}' history '${made}-none' 2> /dev/full`,
      ]);
      expect(failing.status).toBe(1);
    }
  });
});
