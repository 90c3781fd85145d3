import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";
import { varve, varveReading } from "../support/cli.ts";

async function orders() {
  const folder = freshFolder();
  const path = join(folder, "orders");
  const table = await createTable(path, {
    source: [
      { id: 1, state: "open", amount: 1.5 },
      { id: 2, state: "paid", amount: 2.5 },
      { id: 3, state: "open", amount: 3.5 },
    ],
  });
  await table.settled();
  const batch = join(folder, "batch.csv");
  writeFileSync(batch, "id,state,amount\n1,paid,10\n4,new,4\n");
  return { folder, path, table, batch };
}

async function sorted(table: Table): Promise<readonly unknown[]> {
  await table.refresh();
  return (await rowsOf(table)).map(({ id, state, amount }) => [id, state, amount]).sort();
}

const upsert = ["--key", "id", "--update-all", "--insert-all"];

describe("varve merge", () => {
  it("counts first, merges then, and says what it did", async () => {
    const { path, table, batch } = await orders();
    const dry = await varve("merge", path, batch, ...upsert, "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toMatch(
      /^version 0 would have 1 row updated, 1 inserted, 0 deleted; nothing was written\n {2}1 of 3 rows of part-/,
    );
    const done = await varve("merge", path, batch, ...upsert, "-m", "request 4711", "--batch-id", "b1");
    expect(done).toMatchObject({
      code: 0,
      stdout:
        "version 1: 1 row updated, 1 inserted, 0 deleted (1 file removed, 1 file added, 2 rows copied)\n",
    });
    expect(await sorted(table)).toEqual([
      [1n, "paid", 10],
      [2n, "paid", 2.5],
      [3n, "open", 3.5],
      [4n, "new", 4],
    ]);
    expect((await table.history({ limit: 1 }))[0]).toMatchObject({
      operation: "MERGE",
      userMetadata: "request 4711",
    });
    expect(await varve("merge", path, batch, ...upsert, "--batch-id", "b1")).toMatchObject({
      code: 0,
      stdout: "nothing changed: this change was already committed (version 1 or earlier)\n",
    });
    const none = await varve("merge", path, batch, "--on", "target.id = source.id + 100", "--update-all");
    expect(none).toMatchObject({ code: 0, stdout: "nothing changed: no clause acts on a row (version 1)\n" });
  });

  it("takes conditions, values, the rows that are missing, and another table as its source", async () => {
    const { folder, path, table, batch } = await orders();
    const other = join(folder, "other");
    await varve("create", other, "--from", batch, "-q");
    const flags = [
      ["--on", "target.id = source.id", "--delete-when", "source.amount > 100"],
      ["--set", "amount=target.amount + source.amount", "--set", "state=upper(source.state)"],
      ["--update-when", "source.amount > 1", "--insert-all", "--insert-when", "id > 4"],
      ["--delete-missing", "--delete-missing-when", "amount > 3", "--json"],
    ].flat();
    const { stdout, code } = await varve("merge", path, other, ...flags);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "committed",
      version: 1,
      sourceRows: 2,
      rowsUpdated: 1,
      rowsInserted: 0,
      rowsDeleted: 1,
    });
    expect(await sorted(table)).toEqual([
      [1n, "PAID", 11.5],
      [2n, "paid", 2.5],
    ]);
  });

  it("reads standard input, and adds columns where it may", async () => {
    const { path, table } = await orders();
    const source = '{"id": 1, "note": "n"}\n{"id": 9, "note": "m"}\n';
    const flags = ["--input-format", "ndjson", ...upsert];
    const refused = await varveReading(source, "merge", path, "-", ...flags);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("The source has no column state");
    const done = await varveReading(source, "merge", path, "-", ...flags, "--merge-schema");
    expect(done).toMatchObject({ code: 0 });
    await table.refresh();
    expect((await rowsOf(table)).map(({ id, note }) => [id, note]).sort()).toEqual([
      [1n, "n"],
      [2n, null],
      [3n, null],
      [9n, "m"],
    ]);
  });

  it("ends with 3 where the tests reject the rows", async () => {
    const { folder, path, table, batch } = await orders();
    const suite = join(folder, "suite.json");
    const params = { column: "amount", max_value: 5 };
    writeFileSync(
      suite,
      JSON.stringify({ checks: [{ kind: "expect_column_values_to_be_between", params, onFail: "reject" }] }),
    );
    const rejected = await varve("merge", path, batch, ...upsert, "--suite", suite, "--json");
    expect(rejected).toMatchObject({ code: 3 });
    expect(JSON.parse(rejected.stdout)).toMatchObject({ outcome: "rejected" });
    expect(await sorted(table)).toHaveLength(3);
    expect((await varve("history", path, "--rejected")).stdout).toContain("amount must be at most 5");
  });

  it("says which checks failed, and how to bring rows in that no resubmission takes", async () => {
    const { folder, path, batch } = await orders();
    const suite = join(folder, "suite.json");
    const params = { column: "amount", max_value: 5 };
    const check = { kind: "expect_column_values_to_be_between", params, onFail: "quarantine" };
    writeFileSync(suite, JSON.stringify({ checks: [check] }));
    const merged = await varve("merge", path, batch, ...upsert, "--suite", suite);
    expect(merged.stdout).toMatch(
      /^version 1: 0 rows updated, 1 inserted, .*\n {2}quarantine: amount must be at most 5 \(1 of 2 rows\)\n {2}1 row quarantined/,
    );
    const resubmitted = await varve("quarantine", "resubmit", path, "--all");
    expect(resubmitted.stderr).toContain("1 open row is of a merge's source; only a merge can");
    expect(resubmitted.stderr).toContain("orders/_quarantine, where needs_merge is true");
  });

  it("names the option for sources that lack columns", async () => {
    const { folder, path, table } = await orders();
    const narrow = join(folder, "narrow.csv");
    writeFileSync(narrow, "id,state\n1,paid\n4,new\n");
    const refused = await varve("merge", path, narrow, ...upsert);
    expect(refused.stderr).toMatch(/has no column amount, .* write with --merge-schema, which leaves/);
    expect(await varve("merge", path, narrow, ...upsert, "--merge-schema")).toMatchObject({ code: 0 });
    expect((await sorted(table)).slice(0, 1)).toEqual([[1n, "paid", 1.5]]);
    const untyped = await varve("merge", path, narrow, "--key", "id", "--set", "amount=source.state");
    expect(untyped.stderr).toContain("amount is a double, and its new value is a string. Cast the value.");
  });

  it.each([
    [[], "give --key COLUMNS, or --on CONDITION"],
    [["--key", "id", "--on", "true", "--update-all"], "give --key or --on, not both"],
    [["--key", "id"], "give what to do"],
    [["--key", "id", "--update-all", "--set", "a=1"], "--update-all or --set, not both"],
    [["--key", "id", "--insert-all", "--update-when", "true"], "--update-when needs --update-all or --set"],
    [["--key", "id", "--update-all", "--insert-when", "true"], "--insert-when needs --insert-all"],
    [["--key", "id", "--update-all", "--delete-missing-when", "true"], "needs --delete-missing"],
    [["--key", "id", "--set", "a=1", "--set", "a=2"], "--set names a column twice"],
  ])("wants to know which rows match, and what to do: %s", async (flags, message) => {
    const { path, batch } = await orders();
    expect(await varve("merge", path, batch, ...flags)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message) as unknown,
    });
  });
});
