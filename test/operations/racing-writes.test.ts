import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import { overwrite } from "../../src/operations/overwrite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const keys = suite("keys", [check.unique("id", { acrossTable: true })]);
const refusing = suite("refusing", [check.between("id", { max: 0 })]);

/** A table with one row in each of the partitions a, b and null, and the snapshot that slow writers hold. */
async function table(
  properties: Record<string, string> = {},
): Promise<{ folder: string; old: LogSnapshot; newest: () => Promise<LogSnapshot> }> {
  const folder = join(freshFolder(), "t");
  const created = await createTable(folder, {
    schema: schema().long("id").string("part"),
    partitionBy: ["part"],
    properties,
  });
  await created.append([
    { id: 1, part: "a" },
    { id: 2, part: "b" },
    { id: 3, part: null },
  ]);
  await created.close();
  const context = await openContext(folder);
  const newest = () => openLog(context);
  return { folder, old: await newest(), newest };
}

const ids = async (folder: string) => (await rowsOf(await openTable(folder))).map((row) => Number(row["id"]));
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "committed",
    (error: unknown) =>
      typeof error === "object" && error !== null && "code" in error ? error.code : String(error),
  );

/**
 * What others may do meanwhile: rows that nobody can tell from a decision (blind), or rows that were compared
 * with the table first.
 */
const blind = (part: string | null) => (snapshot: LogSnapshot) => append(snapshot, [{ id: 9, part }]);
const compared = (part: string | null) => (snapshot: LogSnapshot) =>
  append(snapshot, [{ id: 9, part }], { gate: keys });
const removal = (part: string) => (snapshot: LogSnapshot) =>
  overwrite(snapshot, [{ id: 9, part }], { replaceWhere: `part = '${part}'` });

type Write = (snapshot: LogSnapshot) => Promise<unknown>;
const whole: Write = (snapshot) => overwrite(snapshot, [{ id: 7, part: "a" }]);
const condition: Write = (snapshot) =>
  overwrite(snapshot, [{ id: 7, part: "a" }], { replaceWhere: "part = 'a'" });
const byRow: Write = (snapshot) => overwrite(snapshot, [{ id: 1, part: "a" }], { replaceWhere: "id < 2" });
const dynamic: Write = (snapshot) => overwrite(snapshot, [{ id: 7, part: "a" }], { dynamicPartitions: true });
const dynamicNull: Write = (snapshot) =>
  overwrite(snapshot, [{ id: 7, part: null }], { dynamicPartitions: true });
const gated: Write = (snapshot) => append(snapshot, [{ id: 9, part: "a" }], { gate: keys });
const doubled: Write = (snapshot) =>
  append(snapshot, { sql: "SELECT id + 10 AS id, part FROM x", tables: { x: snapshot } });
const plain: Write = (snapshot) => append(snapshot, [{ id: 7, part: "a" }]);

describe("a write that began before another one landed", () => {
  it.each<[string, string, string, Write, Write]>([
    ["a plain append", "rows added", "committed", plain, compared("a")],
    ["an append of its own rows", "rows removed", "CONFLICT_CONCURRENT_APPEND", doubled, removal("b")],
    ["an append of its own rows", "rows added blindly", "committed", doubled, blind("b")],
    [
      "an append compared with the table",
      "rows added blindly",
      "CONFLICT_CONCURRENT_APPEND",
      gated,
      blind("a"),
    ],
    ["an append compared with the table", "rows added", "CONFLICT_CONCURRENT_APPEND", gated, compared("b")],
    ["an append compared with the table", "rows removed", "CONFLICT_CONCURRENT_APPEND", gated, removal("b")],
    ["an overwrite", "rows added", "CONFLICT_CONCURRENT_APPEND", whole, compared("b")],
    ["an overwrite", "rows added blindly", "committed", whole, blind("b")],
    ["an overwrite", "rows removed", "CONFLICT_CONCURRENT_APPEND", whole, removal("b")],
    [
      "an overwrite of a partition",
      "rows added there",
      "CONFLICT_CONCURRENT_APPEND",
      condition,
      compared("a"),
    ],
    ["an overwrite of a partition", "rows added elsewhere", "committed", condition, compared("b")],
    [
      "an overwrite of a partition",
      "rows removed there",
      "CONFLICT_CONCURRENT_APPEND",
      condition,
      removal("a"),
    ],
    ["an overwrite of a partition", "rows removed elsewhere", "committed", condition, removal("b")],
    ["an overwrite of some rows", "other rows added", "committed", byRow, compared("a")],
    ["a dynamic overwrite", "rows added there", "CONFLICT_CONCURRENT_APPEND", dynamic, compared("a")],
    ["a dynamic overwrite", "rows added elsewhere", "committed", dynamic, compared("b")],
    ["a dynamic overwrite", "rows added to the partition null", "committed", dynamic, compared(null)],
    [
      "a dynamic overwrite of the partition null",
      "rows added there",
      "CONFLICT_CONCURRENT_APPEND",
      dynamicNull,
      compared(null),
    ],
    [
      "a dynamic overwrite of the partition null",
      "rows added elsewhere",
      "committed",
      dynamicNull,
      compared("a"),
    ],
  ])("%s meets %s: %s", async (_, __, expected, write, rival) => {
    const { folder, old, newest } = await table();
    await rival(await newest());
    const before = [...(await ids(folder))];
    const files = dataFiles(folder);
    expect(await outcome(write(old))).toBe(expected);
    if (expected === "committed") return;
    expect(await ids(folder)).toEqual(before);
    expect(dataFiles(folder)).toEqual(files);
  });
});

describe("a batch that the table holds already", () => {
  it.each<[string, (snapshot: LogSnapshot, gate: typeof keys) => Promise<{ outcome: string }>]>([
    ["appended", (snapshot, gate) => append(snapshot, [{ id: 9, part: "a" }], { batchId: "b", gate })],
    [
      "appended under a transaction",
      (snapshot, gate) => append(snapshot, [{ id: 9, part: "a" }], { txn: { appId: "x", version: 4 }, gate }),
    ],
    ["overwritten", (snapshot, gate) => overwrite(snapshot, [{ id: 9, part: "a" }], { batchId: "b", gate })],
  ])("is not tested again when it is %s once more, whatever its tests would say by now", async (_, write) => {
    const { folder, newest } = await table();
    expect(await write(await newest(), keys)).toMatchObject({ outcome: "committed" });
    const files = filesBelow(folder);
    for (const gate of [keys, refusing])
      expect(await write(await newest(), gate)).toMatchObject({ outcome: "alreadyApplied" });
    expect(filesBelow(folder).filter((file) => !file.includes("_delta_log"))).toEqual(
      files.filter((file) => !file.includes("_delta_log")),
    );
  });

  it("is told apart from an earlier progress of its application, and from other batches", async () => {
    const { folder, newest } = await table();
    const batches = [4, 3, 4, 5].map((version) => ({ txn: { appId: "x", version } }));
    const outcomes: string[] = [];
    for (const [at, options] of batches.entries())
      outcomes.push((await append(await newest(), [{ id: 10 + at, part: "a" }], options)).outcome);
    expect(outcomes).toEqual(["committed", "alreadyApplied", "alreadyApplied", "committed"]);
    expect((await append(await newest(), [{ id: 20, part: "a" }], { batchId: "4" })).outcome).toBe(
      "committed",
    );
    expect(await ids(folder)).toEqual([1, 2, 3, 10, 13, 20]);
  });

  it("leaves no file when it raced itself", async () => {
    const { folder, old, newest } = await table();
    await append(await newest(), [{ id: 9, part: "a" }], { batchId: "b" });
    const files = dataFiles(folder);
    expect(await append(old, [{ id: 9, part: "a" }], { batchId: "b" })).toMatchObject({
      outcome: "alreadyApplied",
    });
    expect(dataFiles(folder)).toEqual(files);
  });
});

describe("empty text in a partition column, which the log would read as null", () => {
  async function partitioned() {
    const folder = join(freshFolder(), "t");
    const columns = schema().long("id").string("s").binary("b");
    return { folder, table: await createTable(folder, { schema: columns, partitionBy: ["s", "b"] }) };
  }

  it.each([
    ["text", { id: 1, s: "", b: null }, "s"],
    ["bytes", { id: 1, s: "x", b: new Uint8Array() }, "b"],
  ])("is refused, naming column and row: %s", async (_, row, column) => {
    const { folder, table } = await partitioned();
    const rows = [{ id: 0, s: " ", b: new Uint8Array([32]) }, { id: 2, s: null, b: null }, row];
    await expect(table.append(rows)).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: [column], found: "", row: 2 },
    });
    expect(dataFiles(folder)).toEqual([]);
    await table.append(rows.slice(0, 2));
    expect(
      dataFiles(folder)
        .map((file) => file.split("/")[0])
        .sort(),
    ).toEqual(["s=%20", "s=__HIVE_DEFAULT_PARTITION__"]);
    expect((await rowsOf(table)).map((one) => one["s"])).toEqual([" ", null]);
    await table.close();
  });

  it("is set aside where the tests say so, before a test that it is not null looks", async () => {
    const { table } = await partitioned();
    const gate = suite("s", [check.notNull("s", { onFail: "reject" })], { onMisfit: "quarantine" });
    await table.append(
      [
        { id: 1, s: "" },
        { id: 2, s: "x" },
      ],
      { gate },
    );
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([2n]);
    const [aside] = await table.quarantine.read();
    expect(aside?.["errors"]).toMatchObject([
      { message: "s must not be empty, because it partitions the table" },
    ]);
    await table.close();
  });

  it("is refused as well where a repair makes it", async () => {
    const { folder, table } = await partitioned();
    const blank = check.notNull("s", { onFail: "repair", repair: { with: "default", value: "" } });
    await expect(table.append([{ id: 1, s: null }], { gate: suite("s", [blank]) })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["s"], found: "" },
    });
    expect(dataFiles(folder)).toEqual([]);
    await table.close();
  });
});
