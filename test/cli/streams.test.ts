import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { ended, startVarve, varve, varveReading } from "../support/cli.ts";

async function newTable(): Promise<string> {
  const folder = join(freshFolder(), "t");
  await using _table = await createTable(folder, {
    schema: schema().long("id").string("v"),
    properties: { "delta.enableChangeDataFeed": "true" },
  });
  return folder;
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `{"id":${from + index},"v":"a"}\n`).join("");

async function ids(folder: string): Promise<number[]> {
  await using table = await openTable(folder);
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
}

describe("varve append --every", () => {
  it("commits JSON lines of standard input batch by batch", async () => {
    const folder = await newTable();
    const run = await varveReading(`${lines(1, 5)}\n{"id":6}`, "append", folder, "-", "--every-rows", "2");
    expect(run.stderr).toContain("version 3: 2 rows");
    expect(run.code).toBe(0);
    expect(await ids(folder)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("commits what has come after a time, while its input stays open", async () => {
    const folder = await newTable();
    const child = startVarve(["append", folder, "-", "--every", "50ms"], { stdin: "pipe" });
    const run = ended(child);
    child.stdin?.write(lines(1, 2));
    await new Promise<void>((resolve) => child.stderr?.once("data", () => resolve()));
    expect(await ids(folder)).toEqual([1, 2]);
    child.stdin?.end();
    expect((await run).code).toBe(0);
  });

  it("commits the lines that it has read when a signal ends it", async () => {
    const folder = await newTable();
    const flags = ["--every", "1h", "--every-rows", "2"];
    const child = startVarve(["append", folder, "-", ...flags], { stdin: "pipe" });
    const run = ended(child);
    // One piece of input, so that the third line is read when the first two are committed.
    child.stdin?.write(lines(1, 3));
    await new Promise<void>((resolve) => child.stderr?.once("data", () => resolve()));
    child.kill("SIGTERM");
    await run;
    expect(await ids(folder)).toEqual([1, 2, 3]);
  });

  it("passes over lines that have landed under the same application id", async () => {
    const folder = await newTable();
    const flags = ["--every-rows", "3", "--app-id", "loader"];
    await varveReading(lines(1, 4), "append", folder, "-", ...flags);
    const run = await varveReading(lines(1, 7), "append", folder, "-", ...flags);
    expect(run.code).toBe(0);
    expect(await ids(folder)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("keeps the lines that it could not commit, and says where", async () => {
    const folder = await newTable();
    const temporary = freshFolder();
    const child = startVarve(["append", folder, "-", "--every-rows", "2"], {
      stdin: "pipe",
      folder: temporary,
    });
    child.stdin?.end(`${lines(1, 2)}{"id":"x"}\n{"id":4}\n`);
    const run = await ended(child);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain("SCHEMA_MISMATCH");
    const kept = /kept in (\S+)/.exec(run.stderr)?.[1] ?? "";
    expect(readFileSync(kept, "utf8")).toBe(`{"id":"x"}\n{"id":4}\n`);
    expect(await ids(folder)).toEqual([1, 2]);
  });

  it("keeps every line that it had read when a batch failed", async () => {
    const folder = await newTable();
    const child = startVarve(["append", folder, "-", "--every-rows", "2"], { stdin: "pipe" });
    child.stdin?.end(`{"id":"x"}\n${lines(2, 9)}{"id":10}`);
    const run = await ended(child);
    expect(run.code).not.toBe(0);
    const kept = /kept in (\S+)/.exec(run.stderr)?.[1] ?? "";
    expect(readFileSync(kept, "utf8")).toBe(`{"id":"x"}\n${lines(2, 9)}{"id":10}\n`);
    rmSync(kept);
    expect(await ids(folder)).toEqual([]);
  });

  it("commits what had been read when a signal comes, without half a line", async () => {
    const folder = await newTable();
    const child = startVarve(["append", folder, "-", "--every-rows", "1"], { stdin: "pipe" });
    const run = ended(child);
    child.stdin?.write(lines(1, 8));
    await new Promise<void>((resolve) => child.stderr?.once("data", () => resolve()));
    child.stdin?.write(`${lines(9, 10)}{"id":11`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGTERM");
    await run;
    expect(await ids(folder)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("names the failure, and the lines, if these cannot be kept either", async () => {
    const folder = await newTable();
    const temporary = freshFolder();
    const child = startVarve(["append", folder, "-", "--every-rows", "2"], {
      stdin: "pipe",
      folder: temporary,
    });
    const run = ended(child);
    child.stdin?.write(lines(1, 2));
    await new Promise<void>((resolve) => child.stderr?.once("data", () => resolve()));
    rmSync(temporary, { recursive: true });
    child.stdin?.end(lines(3, 5));
    const { code, stderr } = await run;
    expect(code).toBe(2);
    expect(stderr).toContain("3 lines of standard input are not in the table, and could not be kept");
    expect(stderr).toMatch(/^varve: Cannot write .*TMPDIR. \[INVALID_ARGUMENT\]$/m);
    expect(await ids(folder)).toEqual([1, 2]);
  });

  it.each([
    [["rows.ndjson", "--every", "1s"], "the only file must be -"],
    [["-", "--every", "1s", "--input-format", "csv"], "not csv"],
    [["-", "--every", "1s", "--batch-id", "b"], "use --app-id"],
    [["-", "--app-id", "a"], "add --every"],
    [["-", "--every", "soon"], "500ms, 10s"],
    [["-", "--every-rows", "0"], "at least 1"],
  ])("refuses %j", async (args, text) => {
    const run = await varve("append", await newTable(), ...args);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain(text);
  });
});

describe("varve tail", () => {
  it("prints the rows of each version, and goes on where it stopped", async () => {
    const folder = await newTable();
    await varveReading(lines(1, 4), "append", folder, "-", "--every-rows", "2");
    const position = join(freshFolder(), "seen.json");
    const first = await varve("tail", folder, "--from", "0", "--position", position);
    expect(first.stdout.split("\n").map((line) => line.slice(0, 8))).toEqual([
      '{"id":1,',
      '{"id":2,',
      '{"id":3,',
      '{"id":4,',
      "",
    ]);
    expect((await varve("tail", folder, "--position", position)).stdout).toBe("");
    await varveReading(lines(5, 5), "append", folder, "-", "--input-format", "ndjson");
    expect((await varve("tail", folder, "--position", position)).stdout).toBe('{"id":5,"v":"a"}\n');
    writeFileSync(position, "{}");
    const bad = await varve("tail", folder, "--position", position);
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("Cannot read a position")]);
  });

  it("follows until a signal, and prints changes", async () => {
    const folder = await newTable();
    const child = startVarve(["tail", folder, "-f", "--changes", "--from", "latest", "--poll", "20ms"], {
      stdin: "ignore",
    });
    const run = ended(child);
    const output: string[] = [];
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk.toString()));
    while (output.length === 0) {
      await varveReading(lines(1, 1), "append", folder, "-", "--input-format", "ndjson");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill("SIGTERM");
    expect((await run).stderr).not.toContain("Error");
    expect(output.join("")).toContain('"_change_type":"insert"');
  });
});
