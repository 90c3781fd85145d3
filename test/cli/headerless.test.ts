import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-headerless-"));
const inFolder = (name: string): string => join(folder, name);
const text = "1,ada,2024-06-01\n2,grace,2024-06-02\n";
const source = inFolder("people.csv");
writeFileSync(source, text);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function rowsOf(table: string): Promise<readonly unknown[]> {
  const { stdout } = await varve("show", table, "--format", "jsonl");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("a CSV file without a header", () => {
  it("keeps its first row, under names that are given or numbered", async () => {
    const named = inFolder("named");
    expect(await varve("create", named, "--from", source, "--names", "id,name,day")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(await rowsOf(named)).toEqual([
      { id: 1, name: "ada", day: "2024-06-01" },
      { id: 2, name: "grace", day: "2024-06-02" },
    ]);
    const more = await varveReading(
      text,
      "append",
      named,
      "-",
      "--input-format",
      "csv",
      "--names",
      "id,name,day",
    );
    expect(more).toMatchObject({ code: 0, stdout: expect.stringContaining("2 rows") });
    const numbered = inFolder("numbered");
    expect(await varve("create", numbered, "--from", source, "--no-header")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect((await rowsOf(numbered))[0]).toEqual({ column0: 1, column1: "ada", column2: "2024-06-01" });
  });

  it("whose first row is taken for a header causes a warning", async () => {
    const warning = /^warning: the first line gave a column the name "1", .* use --no-header or --names\.\n$/;
    expect(await varve("create", inFolder("lost"), "--from", source)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(warning),
    });
    expect((await varve("profile", source)).stderr).toMatch(warning);
    const named = inFolder("warned");
    expect(await varve("create", named, "--from", source, "--names", "id,name,day")).toMatchObject({
      stderr: "",
    });
    const append = await varve("append", named, source);
    expect(append.code).toBe(1);
    expect(append.stderr).toMatch(/^warning: the first line gave a column the name "1", .*\nvarve: /);
    expect((await varve("append", named, source, "--no-header")).stderr).not.toContain("warning");
    expect((await varve("overwrite", named, source, "--overwrite-schema")).stderr).toMatch(warning);
    expect((await varve("profile", source, "--no-header")).stderr).toBe("");
  });

  it("is refused with another number of names than of cells, naming both", async () => {
    const run = await varve("create", inFolder("few"), "--from", source, "--names", "id,name");
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/Line 1 of .*people\.csv has 3 cells, but 2 names .*\[SOURCE_UNREADABLE\]/);
  });

  it.each([["--no-header"], ["--names", "a,b"]])("has options of CSV alone: %s", async (...flags) => {
    const lines = inFolder("lines.ndjson");
    writeFileSync(lines, '{"a":1}\n');
    const run = await varve("profile", lines, ...flags);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining("applies to CSV files only") });
  });
});
