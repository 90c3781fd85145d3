import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";
import { varveHere as varve } from "../support/cli-here.ts";

async function orders() {
  const path = join(freshFolder(), "orders");
  const table = await createTable(path, {
    source: [
      { id: 1, state: "open", amount: -1.5 },
      { id: 2, state: "paid", amount: 2.5 },
      { id: 3, state: "open", amount: 3 },
    ],
  });
  await table.settled();
  return { path, table };
}

describe("varve delete", () => {
  it("counts first, deletes then, and says what it did", async () => {
    const { path, table } = await orders();
    const dry = await varve("delete", path, "--where", "state = 'open'", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toMatch(
      /^2 rows would be deleted, in 1 file of version 0; nothing was written\n {2}2 of 3 rows of part-/,
    );
    const done = await varve("delete", path, "--where", "state = 'open'", "-m", "request 4711");
    expect(done).toMatchObject({
      code: 0,
      stdout: "version 1: 2 rows deleted (1 file removed, 1 file added, 1 row copied)\n",
    });
    await table.refresh();
    expect((await rowsOf(table, ["id"])).map(({ id }) => id)).toEqual([2n]);
    expect((await table.history({ limit: 1 }))[0]).toMatchObject({ userMetadata: "request 4711" });
    const history = await varve("history", path);
    expect(history.stdout).toMatch(/ 1 .* DELETE .* request 4711 .* 2 deleted /);
    const none = await varve("delete", path, "--where", "id = 9");
    expect(none).toMatchObject({
      code: 0,
      stdout: "nothing changed: no row of version 1 meets the condition\n",
    });
    const json = await varve("delete", path, "--all", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ outcome: "committed", version: 2, rowsDeleted: 1 });
  });

  it("wants a condition or --all, and refuses what is no condition", async () => {
    const { path, table } = await orders();
    for (const flags of [[], ["--all", "--where", "id = 1"]])
      expect(await varve("delete", path, ...flags)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("give --where CONDITION, or --all for every row") as unknown,
      });
    const wrong = await varve("delete", path, "--where", "id");
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("The condition id is of type long") as unknown,
    });
    await table.refresh();
    expect(await table.count()).toBe(3);
  });
});

describe("varve update", () => {
  it("sets columns by expressions over old values", async () => {
    const { path, table } = await orders();
    const done = await varve(
      "update",
      path,
      "--set",
      "amount=abs(amount)",
      "--set",
      "state = 'was=' || state",
      "--where",
      "amount < 0",
    );
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toBe("version 1: 1 row updated (1 file removed, 1 file added, 2 rows copied)\n");
    await table.refresh();
    expect((await rowsOf(table))[0]).toEqual({ id: 1n, state: "was=open", amount: 1.5 });
  });

  it("says of a dry run without rows what it would do, and prints the verdict of a rejected update", async () => {
    const { path, table } = await orders();
    const none = await varve("update", path, "--set", "amount=1", "--where", "id = 9", "--dry-run");
    expect(none.stdout).toBe("0 rows would be updated, in 0 files of version 0; nothing was written\n");
    const suite = join(path, "..", "suite.json");
    const limit = { kind: "expect_column_values_to_be_between", params: { column: "amount", max_value: 5 } };
    writeFileSync(suite, JSON.stringify({ checks: [limit] }));
    const update = ["update", path, "--all", "--set", "amount=100", "--suite", suite, "--json"];
    const unrecorded = await varve(...update, "--no-record-rejection");
    expect(unrecorded.code).toBe(3);
    expect(await table.rejections.list()).toEqual([]);
    const rejected = await varve(...update, "--batch-id", "b", "-m", "too much");
    expect(rejected.code).toBe(3);
    expect(JSON.parse(rejected.stdout)).toMatchObject({ outcome: "rejected", gate: { accepted: false } });
    expect(await table.rejections.list()).toMatchObject([
      { operation: "UPDATE", batchId: "b", userMetadata: "too much", code: "BATCH_REJECTED", rows: 3 },
    ]);
    await table.refresh();
    expect(table.snapshot().version).toBe(0);
  });

  it("refuses assignments that are none, and types that do not fit", async () => {
    const { path } = await orders();
    for (const set of ["amount", "=1", "amount="])
      expect(await varve("update", path, "--all", "--set", set)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("column=value") as unknown,
      });
    expect(await varve("update", path, "--all")).toMatchObject({ code: 2 });
    const wrong = await varve("update", path, "--all", "--set", "amount='x'");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("SCHEMA_MISMATCH") as unknown });
  });
});
