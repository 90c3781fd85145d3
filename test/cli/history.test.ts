import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, openTable, schema } from "../../src/index.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-history-"));
const table = join(folder, "orders");
const source = join(folder, "orders.csv");

beforeAll(async () => {
  writeFileSync(source, "id,amount\n1,2.5\n");
  expect(await varve("create", table, "--from", source)).toMatchObject({ code: 0 });
  for (const flags of [
    ["--batch-id", "may", "--message", "First load of May"],
    ["--txn", "loader:7", "--message", "nightly"],
    ["--batch-id", "june"],
  ])
    expect(await varve("append", table, source, ...flags)).toMatchObject({ code: 0 });
  expect(await varve("stage", table, source, "--id", "july")).toMatchObject({ code: 0 });
  expect(await varve("staged", "publish", table, "july")).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function listed(...flags: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const run = await varve("history", table, "--format", "json", ...flags);
  expect(run).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(run.stdout);
}

/** The cells of the first line of CSV. */
const csvHead = (text: string) => text.split("\n")[0]?.split(",");

describe("the history of a table", () => {
  it("has the same columns in every format of a machine, whatever its versions say", async () => {
    const head = csvHead((await varve("history", table, "--format", "csv")).stdout);
    expect(head).toContain("userMetadata");
    for (const flags of [
      ["--limit", "1"],
      ["--batch", "may"],
      ["--batch", "no such batch"],
    ])
      expect(csvHead((await varve("history", table, "--format", "csv", ...flags)).stdout)).toEqual(head);
    const jsonl = await varve("history", table, "--format", "jsonl");
    for (const line of jsonl.stdout.trim().split("\n")) expect(Object.keys(JSON.parse(line))).toEqual(head);
  });

  it("names the batch and the message of each version", async () => {
    expect(await listed()).toMatchObject([
      { version: 4, batchId: "july" },
      { version: 3, batchId: "june" },
      { version: 2, txn: { appId: "loader", version: 7 }, userMetadata: "nightly" },
      { version: 1, batchId: "may", userMetadata: "First load of May" },
      { version: 0 },
    ]);
    const { stdout } = await varve("history", table);
    expect(stdout).toMatch(/^version {2}timestamp +operation +batch +message +rows/);
    expect(stdout).toMatch(/^ *2 .* loader:7 .*nightly/m);
  });

  it.each([
    [["--batch", "may"], [1]],
    [["--batch", "loader:7"], [2]],
    [["--batch", "july"], [4]],
    [["--batch", "august"], []],
    [["--grep", "OF MAY"], [1]],
    [["--grep", ".*"], []],
    [["--grep", "l", "--limit", "1"], [2]],
    [["--grep", "nightly", "--batch", "may"], []],
    [
      ["--limit", "2"],
      [4, 3],
    ],
  ])("is searched by %j", async (flags, versions) => {
    expect((await listed(...flags)).map(({ version }) => version)).toEqual(versions);
  });

  it("says which version a repeated batch has become", async () => {
    for (const [flags, version] of [
      [["--batch-id", "may"], "1"],
      [["--txn", "loader:7"], "2"],
      [["--txn", "loader:6"], "4 or earlier"],
    ] as const)
      expect((await varve("append", table, source, ...flags)).stdout).toBe(
        `nothing written: this batch was already committed (version ${version})\n`,
      );
  });

  it("lists batches that were rejected, found like versions, in every format", async () => {
    const suite = join(folder, "suite.json");
    const checks = [
      {
        id: "large",
        kind: "expect_column_values_to_be_between",
        params: { column: "amount", min_value: 100 },
        onFail: "reject",
      },
    ];
    writeFileSync(suite, JSON.stringify({ name: "large amounts", checks }));
    expect((await varve("history", table, "--rejected")).stdout).toBe("nothing to show\n");
    for (const flags of [["--batch-id", "july-2", "--message", "Late files"], ["--no-record-rejection"], []])
      expect(await varve("append", table, source, "--suite", suite, ...flags)).toMatchObject({ code: 3 });
    const shown = await varve("history", table, "--rejected");
    expect(shown.stdout).toMatch(/^rejected +batch +message +rows +why +files\n/);
    expect(shown.stdout.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z /gm)).toHaveLength(2);
    const found = await listed("--rejected", "--grep", "late");
    expect(found).toMatchObject([
      { batchId: "july-2", rows: 1, sources: [source], failedChecks: ["large"], code: "BATCH_REJECTED" },
    ]);
    expect(await listed("--rejected", "--batch", "july-2")).toEqual(found);
    const csv = await varve("history", table, "--rejected", "--format", "csv", "--batch", "none");
    expect(csvHead(csv.stdout)).toEqual(Object.keys(found[0] ?? {}));
    const purged = await varve("rejections", "purge", table, "--older-than", "0m");
    expect(purged.stdout).toBe("2 records of rejected batches removed\n");
    expect(await listed("--rejected")).toEqual([]);
  });

  it("is found by the library, with readability computed from all newer versions", async () => {
    const orders = await openTable(table);
    expect(await orders.history({ batch: "may" })).toMatchObject([
      { version: 1, batchId: "may", readable: { ok: true } },
    ]);
    expect(await orders.history({ messageContains: "NIGHT" })).toMatchObject([
      { version: 2, txn: { appId: "loader", version: 7n } },
    ]);
  });
});

describe("the rows that a version tells of", () => {
  it("are new ones, told apart from those updated, deleted or restored", async () => {
    const uri = join(folder, "changed");
    {
      await using changed = await createTable(uri, { schema: schema().long("id").string("v") });
      await changed.append([
        { id: 1, v: "a" },
        { id: 2, v: "b" },
      ]);
      const source = [
        { id: 2, v: "c" },
        { id: 3, v: "d" },
      ];
      await changed
        .merge(source, { on: ["id"] })
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute();
      await changed.restore(1);
    }
    const json = await varve("history", uri, "--format", "json");
    expect(JSON.parse(json.stdout)).toMatchObject([
      { operation: "RESTORE", rowsAdded: null },
      { operation: "MERGE", rowsAdded: 1, rowsUpdated: 1, rowsDeleted: 0 },
      { operation: "WRITE", rowsAdded: 2 },
      { rowsAdded: 0 },
    ]);
    const { stdout } = await varve("history", uri);
    expect(stdout).toMatch(/MERGE +1 added, 1 updated +\+1 -1/);
    expect(stdout).toMatch(/RESTORE +\+1 -1/);
  });
});
