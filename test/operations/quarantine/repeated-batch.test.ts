import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { commitTransaction } from "../../../src/table/commit/transaction.ts";
import { dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

const atMost = (max: number) =>
  suite(`at most ${max}`, [check.between("delay", { max }, { onFail: "quarantine" })], { maxBadShare: 1 });
const flights = [5, 50, 500, 5000].map((delay, id) => ({ id, delay }));

async function carrying(max: number): Promise<Table> {
  const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").long("delay") });
  await table.suite.set(atMost(max));
  return openTable(table.uri);
}

/** The rows of a batch, while which are read the table gets another suite: its commit comes too late. */
async function* overtaken(table: Table, max: number | null) {
  yield* flights;
  const { suite } = await openTable(table.uri);
  await (max === null ? suite.unset() : suite.set(atMost(max)));
}

async function outcome(table: Table) {
  const landed = (await rowsOf(await openTable(table.uri)))
    .map((row) => Number(row["delay"]))
    .sort((a, b) => a - b);
  const aside = (await table.quarantine.list()).length === 0 ? [] : await table.quarantine.read();
  return {
    landed,
    aside: aside.map((row) => [Number(JSON.parse(String(row["payload"])).delay), row["suite"]]),
  };
}

/** Appends the batch to the newest version. */
async function again(table: Table) {
  return (await openTable(table.uri)).append(flights, { batchId: "b" });
}

describe("a batch that comes again after the table's suite changed", () => {
  it.each([
    ["a milder suite", 1000, [5, 50, 500], [5000]],
    ["a stricter suite", 10, [5], [50, 500, 5000]],
    ["another suite with the same outcome", 200, [5, 50], [500, 5000]],
    ["no suite", null, [5, 50, 500, 5000], []],
  ])("is judged by %s alone, and each of its rows is in one place", async (_, max, landed, aside) => {
    const table = await carrying(100);
    const first = table.append(overtaken(table, max), { batchId: "b" });
    await expect(first).rejects.toMatchObject({ code: "CONFLICT_METADATA_CHANGED" });
    expect(await outcome(table)).toEqual({
      landed: [],
      aside: [500, 5000].map((delay) => [delay, "at most 100"]),
    });
    expect(await again(table)).toMatchObject({ outcome: "committed", rows: landed.length });
    const settled = { landed, aside: aside.map((delay) => [delay, `at most ${max}`]) };
    expect(await outcome(table)).toEqual(settled);
    expect(await again(table)).toMatchObject({ outcome: "alreadyApplied" });
    expect(await outcome(table)).toEqual(settled);
  });

  it("leaves the rows of other batches where they are", async () => {
    const table = await carrying(100);
    await table.append([{ id: 9, delay: 900 }], { batchId: "a" });
    await expect(table.append(overtaken(table, null), { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    await again(table);
    expect(await outcome(table)).toEqual({ landed: [5, 50, 500, 5000], aside: [[900, "at most 100"]] });
  });

  it("has nothing to do with the later batches of its application, whose rows are set aside as ever", async () => {
    const table = await carrying(100);
    const batch = (version: number) => ({ txn: { appId: "etl", version } });
    await expect(table.append(overtaken(table, 200), batch(1))).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    const now = await openTable(table.uri);
    for (const version of [1, 2, 3]) {
      expect(await now.append(flights, batch(version))).toMatchObject({
        outcome: "committed",
        rows: 2,
        quarantine: { rows: 2 },
      });
      expect(await now.append(flights, batch(version))).toMatchObject({ outcome: "alreadyApplied" });
    }
    const { landed, aside } = await outcome(table);
    expect([landed.length, aside.length, new Set(aside.map(([, by]) => by))]).toEqual([
      6,
      6,
      new Set(["at most 200"]),
    ]);
  });

  it("is overtaken again and again, and lands once in the end", async () => {
    const table = await carrying(100);
    for (const max of [1000, 10, 200])
      await expect(
        (await openTable(table.uri)).append(overtaken(table, max), { batchId: "b" }),
      ).rejects.toMatchObject({
        code: "CONFLICT_METADATA_CHANGED",
      });
    await again(table);
    expect(await outcome(table)).toEqual({
      landed: [5, 50],
      aside: [500, 5000].map((delay) => [delay, "at most 200"]),
    });
  });

  it("is judged by the new suite where the version of its first try was cleaned up", async () => {
    const table = await carrying(100);
    await expect(table.append(overtaken(table, 1000), { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    const now = await openTable(table.uri);
    await now.append([{ id: 9, delay: 9 }]);
    await now.log.checkpoint();
    for (const version of [0, 1, 2])
      rmSync(new URL(`${table.uri}/_delta_log/${String(version).padStart(20, "0")}.json`));
    expect(await again(table)).toMatchObject({ outcome: "committed", rows: 3 });
    expect(await outcome(table)).toEqual({ landed: [5, 9, 50, 500], aside: [[5000, "at most 1000"]] });
  });

  it("is a conflict from a version that is older than the try whose rows are in quarantine", async () => {
    const table = await carrying(100);
    await expect(table.append(overtaken(table, 1000), { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    await again(table);
    await expect(table.append(flights, { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    expect(await outcome(table)).toEqual({ landed: [5, 50, 500], aside: [[5000, "at most 1000"]] });
  });

  it("is refused where rows of its first try were given up meanwhile", async () => {
    const table = await carrying(100);
    await expect(table.append(overtaken(table, 1000), { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
    });
    const [row] = await table.quarantine.read();
    await table.quarantine.discard({ ids: [String(row?.["quarantine_id"])] });
    await expect(again(table)).rejects.toMatchObject({ code: "QUARANTINE_INVALID", data: { resolved: 1 } });
    expect((await outcome(table)).landed).toEqual([]);
    expect(
      dataFiles(join(table.uri.replace("file://", ""))).filter((file) => !file.startsWith("_quarantine")),
    ).toEqual([]);
  });

  it("is refused where only the caller's own tests changed: the first try may still land", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").long("delay") });
    const stop = new AbortController();
    const first = table.append(flights, {
      gate: atMost(100),
      batchId: "b",
      signal: stop.signal,
      onProgress: ({ phase }) => phase === "committing" && stop.abort(),
    });
    await expect(first).rejects.toMatchObject({ code: "CANCELLED" });
    for (const gate of [atMost(1000), atMost(1_000_000)])
      await expect(table.append(flights, { gate, batchId: "b" })).rejects.toMatchObject({
        code: "QUARANTINE_INVALID",
      });
    await expect(table.append(flights, { batchId: "b" })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
    expect(await table.append(flights, { gate: atMost(100), batchId: "b" })).toMatchObject({
      outcome: "committed",
      rows: 2,
    });
  });
});

describe("rows of a staged batch that are set aside twice over, by staging and by the gate", () => {
  it("have ids of their own, and are resubmitted each", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").long("delay") });
    await table.suite.set(
      suite("s", [check.between("delay", { max: 100 }, { onFail: "quarantine" })], {
        maxBadShare: 1,
        onMisfit: "quarantine",
      }),
    );
    const staged = await (await openTable(table.uri)).staging.stage([
      { id: 0, delay: "late" },
      { id: 1, delay: 900 },
      { id: 2, delay: 9 },
    ]);
    await staged.publish();
    const ids = (await table.quarantine.read()).map((row) => row["quarantine_id"]);
    expect([ids.length, new Set(ids).size]).toEqual([2, 2]);
    const now = await openTable(table.uri);
    expect(await now.quarantine.repair({ all: true }, { delay: "7" })).toBe(2);
    expect(await now.quarantine.resubmit({ all: true })).toMatchObject({ landed: 2, stillBad: 0 });
    expect((await rowsOf(await openTable(table.uri))).map((row) => row["id"])).toEqual([0n, 1n, 2n]);
  });
});

describe("a batch that landed and comes again", () => {
  it("is in the table already, whatever the table's partitions or suite became since", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").long("delay"),
      partitionBy: ["id"],
    });
    const overwrite = { batchId: "o", dynamicPartitions: true };
    await table.overwrite(flights, overwrite);
    await table.append(flights, { batchId: "a" });
    await table.overwrite(flights, { overwriteSchema: true, partitionBy: [] });
    await commitProperty(
      table,
      "varve.suite",
      '{"name":"of a later varve","checks":[{"check":"unheard_of"}]}',
    );
    const now = await openTable(table.uri);
    expect(await now.overwrite(flights, overwrite)).toMatchObject({ outcome: "alreadyApplied", rows: 0 });
    expect(await now.append(flights, { batchId: "a" })).toMatchObject({ outcome: "alreadyApplied", rows: 0 });
    await expect(now.append(flights, { batchId: "new" })).rejects.toMatchObject({ code: "SUITE_INVALID" });
  });
});

/** Sets a table property as another writer might, which does not look at its value. */
async function commitProperty(table: Table, name: string, value: string): Promise<void> {
  const { log } = (await openTable(table.uri)).snapshot();
  const configuration = { ...log.metadata.configuration, [name]: value };
  await commitTransaction(log, {
    actions: [{ ...log.metadata, configuration }],
    operation: "SET TBLPROPERTIES",
  });
}
