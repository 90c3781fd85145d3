import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-diff-"));
const table = join(folder, "orders");
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(async () => {
  const before = file("before.csv", "id,name,amount\n1,a,10\n2,b,20\n3,c,30\n3,c,30\n4,,40\n");
  const after = file("after.csv", "id,name,amount\n1,a,10\n2,b,21\n3,c,30\n4,,40\n5,e,50\n");
  const many = Array.from({ length: 1500 }, (_, id) => `${id + 100},x,1`).join("\n");
  expect(await varve("create", table, "--from", before)).toMatchObject({ code: 0 });
  expect(await varve("overwrite", table, after)).toMatchObject({ code: 0 });
  expect(await varve("append", table, file("many.csv", `id,name,amount\n${many}\n`))).toMatchObject({
    code: 0,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const diff = (...args: readonly string[]) => varve("diff", table, ...args);

const lines = [
  '{"_change":"removed","id":2,"name":"b","amount":20}',
  '{"_change":"added","id":2,"name":"b","amount":21}',
  '{"_change":"removed","id":3,"name":"c","amount":30}',
  '{"_change":"added","id":5,"name":"e","amount":50}',
];

describe("diff --rows prints the rows that two versions do not share", () => {
  it("as JSON lines, with each copy of a repeated row", async () => {
    const { code, stdout } = await diff("0", "1", "--rows", "--format", "jsonl");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${lines.join("\n")}\n` });
  });

  it("as CSV, and as a Parquet file", async () => {
    const { stdout } = await diff("0", "1", "--rows", "--format", "csv");
    expect(stdout).toBe(
      "_change,id,name,amount\nremoved,2,b,20\nadded,2,b,21\nremoved,3,c,30\nadded,5,e,50\n",
    );
    const output = join(folder, "changed.parquet");
    expect(await diff("0", "1", "--rows", "--output", output)).toMatchObject({ code: 0, stdout: "" });
    expect(readFileSync(output).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("as JSON, beside the other differences", async () => {
    const { stdout } = await diff("0", "1", "--rows", "--format", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      from: 0,
      to: 1,
      rows: { added: 2, removed: 2 },
      changes: lines.map((line) => JSON.parse(line) as unknown),
    });
    const none = JSON.parse((await diff("1", "1", "--rows", "--format", "json")).stdout) as object;
    expect(none).toMatchObject({ rows: { added: 0, removed: 0 }, changes: [] });
  });

  it("as a table below the other differences", async () => {
    const { stdout } = await diff("0", "1", "--rows");
    expect(stdout).toMatch(/^what +name/);
    expect(stdout).toMatch(/\n\n_change +id +name +amount\nremoved +2 +b +20\n/);
    expect((await diff("1", "1", "--rows")).stdout).not.toContain("_change");
  });

  it("before and after, where --key tells which rows are the same one", async () => {
    const { stdout } = await diff("0", "1", "--rows", "--key", "id", "--format", "json");
    const result = JSON.parse(stdout) as { readonly rows: object; readonly changes: readonly object[] };
    expect(result.rows).toEqual({ added: 1, removed: 1, changed: 1 });
    expect(result.changes.slice(0, 2)).toEqual([
      { _change: "before", id: 2, name: "b", amount: 20 },
      { _change: "after", id: 2, name: "b", amount: 21 },
    ]);
  });

  it("not under a key that several of them share, or a column that is not there", async () => {
    const shared = await diff("1", "2", "--rows", "--key", "name,amount");
    expect(shared.code).toBe(2);
    expect(shared.stderr).toContain("Several rows have the same name, amount, so this key does not say");
    expect((await diff("1", "2", "--rows", "--key", "nmae")).stderr).toContain("Unknown column nmae");
  });

  it("of which a table shows 20 and says so, and other formats all", async () => {
    const { stdout } = await diff("1", "2", "--rows");
    expect(stdout.match(/^added /gm)).toHaveLength(20);
    expect(stdout).toContain("20 of 1,500 rows");
    expect((await diff("1", "2", "--rows", "--limit", "3")).stdout).toContain("3 of 1,500 rows");
    expect((await diff("1", "2", "--rows", "--format", "csv")).stdout.split("\n")).toHaveLength(1502);
    const text = join(folder, "changed.txt");
    await diff("1", "2", "--rows", "--output", text);
    expect(readFileSync(text, "utf8").match(/^added /gm)).toHaveLength(1500);
  });
});

describe("diff without --rows", () => {
  it("prints lists in every text format, also to a file", async () => {
    expect((await diff("0", "1", "--format", "csv")).stdout).toMatch(/^what,name,before,after\nfiles,/);
    const output = join(folder, "diff.json");
    await diff("0", "1", "--output", output);
    expect(JSON.parse(readFileSync(output, "utf8"))).toMatchObject({ from: 0, to: 1 });
  });

  it("refuses what is for rows", async () => {
    for (const args of [
      ["--key", "id"],
      ["--limit", "1"],
      ["--format", "parquet"],
    ]) {
      const { code, stderr } = await diff("0", "1", ...args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toContain("Add --rows");
    }
  });
});
