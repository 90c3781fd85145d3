import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import type { VacuumPlan } from "../../../src/vacuum/contract.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";
import { daysAgo, makeOlder } from "./aged-table.ts";

const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("v");

/** Versions: 1 and 2 append, 3 deletes a row. */
async function changed(folder: string, properties: Readonly<Record<string, string>> = {}): Promise<Table> {
  const table = await createTable(folder, { schema: columns, properties });
  await table.append([
    { id: 1, v: "a" },
    { id: 2, v: "b" },
  ]);
  await table.append([{ id: 3, v: "c" }]);
  await table.delete("id = 1");
  return table;
}

const ranges = (found: readonly { readonly from: number; readonly to: number }[]) =>
  found.map(({ from, to }) => `${from}-${to}`).join(" ");

const ids = async (source: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of source.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

/** Files of a table without its log. */
const filesOf = (folder: string) => filesBelow(folder).filter((path) => !path.startsWith("_delta_log"));

describe("a vacuum", () => {
  it("deletes what only earlier versions need, and names the versions that cannot be read any more", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = dataFiles(folder);
    const plan = await table.vacuum({ ...now, dryRun: true });
    expect(plan).toMatchObject({ outcome: "dryRun", version: 3 });
    expect(dataFiles(folder)).toEqual(before);
    expect(ranges(plan.unreadableVersions)).toBe("1-2");
    expect(plan.unreadableVersions[0]?.fromTime).toEqual((await table.at(1)).timestamp);
    const result = await table.vacuum(now);
    expect(result).toMatchObject({ outcome: "deleted", version: 5, files: plan.files, bytes: plan.bytes });
    expect(dataFiles(folder)).toEqual(before.filter((file) => !plan.files.includes(file)));
    expect(await ids(table)).toEqual([2, 3]);
    await expect(ids(await table.at(2))).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      message: expect.stringContaining("vacuum"),
    });
    expect((await table.history()).map(({ operation, readable }) => `${operation} ${readable.ok}`)).toEqual([
      "VACUUM END true",
      "VACUUM START true",
      "DELETE true",
      "WRITE false",
      "WRITE false",
      "CREATE TABLE true",
    ]);
    const { findings } = await fsck(folder, { deep: true });
    expect(findings.map(({ code, version }) => `${code} ${version}`)).toEqual(["HISTORY_VACUUMED 2"]);
  });

  it("records what it does as Spark does", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const { bytes } = await table.vacuum({ ...now, userMetadata: "weekly" });
    expect(actionsOf(folder, 4, "commitInfo")).toMatchObject([
      {
        operation: "VACUUM START",
        operationParameters: {
          retentionCheckEnabled: "false",
          defaultRetentionMillis: "604800000",
          specifiedRetentionMillis: "0",
        },
        operationMetrics: { numFilesToDelete: "1", sizeOfDataToDelete: String(bytes) },
        isBlindAppend: true,
        userMetadata: "weekly",
      },
    ]);
    expect(actionsOf(folder, 5, "commitInfo")).toMatchObject([
      {
        operation: "VACUUM END",
        operationParameters: { status: "COMPLETED" },
        operationMetrics: { numDeletedFiles: "1", numVacuumedDirectories: "1" },
      },
    ]);
  });

  it("commits nothing where there is nothing to delete", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([{ id: 1, v: "a" }]);
    expect(await table.vacuum(now)).toMatchObject({ outcome: "unchanged", version: 1, files: [] });
    expect(table.snapshot().version).toBe(1);
  });

  it("deletes vectors and change files too, and names the versions whose changes are lost", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder, {
      "delta.enableDeletionVectors": "true",
      "delta.enableChangeDataFeed": "true",
    });
    await table.update({ set: { v: "'z'" }, where: "id = 2" });
    await table.optimize();
    const result = await table.vacuum(now);
    expect(ranges(result.unreadableVersions)).toBe("1-4");
    expect(ranges(result.unreadableChanges)).toMatch(/4-4$/);
    expect(result.files.some((path) => path.startsWith("_change_data/"))).toBe(true);
    expect(result.files.some((path) => path.endsWith(".bin"))).toBe(true);
    expect(dataFiles(folder)).toHaveLength(1);
    expect(await rowsOf(table)).toEqual([
      { id: 2n, v: "z" },
      { id: 3n, v: "c" },
    ]);
  });

  it("keeps what the retention keeps: young removals, and young files of writers that have not committed", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    writeFileSync(join(folder, "young.parquet"), "a writer is about to commit this");
    makeOlder(folder, 30);
    writeFileSync(join(folder, "young.parquet"), "a writer is about to commit this");
    writeFileSync(join(folder, "old.parquet"), "nobody commits this");
    const old = Date.now() / 1000 - 8 * 86_400;
    utimesSync(join(folder, "old.parquet"), old, old);
    expect(await table.vacuum()).toMatchObject({
      outcome: "deleted",
      files: ["old.parquet"],
      unreadableVersions: [],
    });
    expect(existsSync(join(folder, "young.parquet"))).toBe(true);
    expect(await ids(await table.at(2))).toEqual([1, 2, 3]);
  });

  it("deletes what was removed longer ago than the table's retention", async () => {
    const folder = join(freshFolder(), "t");
    {
      await using table = await createTable(folder, { schema: columns, world: daysAgo(30) });
      await table.append([{ id: 1, v: "a" }]);
      await table.overwrite([{ id: 2, v: "b" }]);
      makeOlder(folder, 30);
    }
    await using table = await openTable(folder);
    await table.overwrite([{ id: 3, v: "c" }]);
    const { files, unreadableVersions } = await table.vacuum();
    expect(files).toHaveLength(1);
    expect(ranges(unreadableVersions)).toBe("1-1");
    expect(await ids(await table.at(2))).toEqual([2]);
  });

  it("keeps what a longer retention keeps, although a checkpoint has forgotten the removal", async () => {
    const folder = join(freshFolder(), "t");
    {
      await using table = await createTable(folder, { schema: columns, world: daysAgo(10) });
      await table.append([{ id: 1, v: "a" }]);
      await table.overwrite([{ id: 2, v: "b" }]);
    }
    makeOlder(folder, 40);
    await using table = await openTable(folder);
    await table.log.checkpoint();
    await using again = await openTable(folder);
    expect(await again.vacuum({ retainHours: 20 * 24 })).toMatchObject({ outcome: "unchanged", files: [] });
    expect((await again.vacuum()).files).toHaveLength(1);
  });

  it("removes what killed writers and vacuums left, but not what a writer may be at", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const names = ["_delta_log/.varve-clock-1", "_delta_log/.varve-tmp-2", ".varve-tmp-3"];
    const old = Date.now() / 1000 - 2 * 86_400;
    for (const name of names) {
      writeFileSync(join(folder, name), "");
      utimesSync(join(folder, name), old, old);
    }
    writeFileSync(join(folder, "_delta_log/.varve-tmp-4"), "");
    await table.vacuum();
    expect(filesBelow(folder).filter((path) => path.includes(".varve-"))).toHaveLength(4);
    await table.vacuum(now);
    expect(filesBelow(folder).filter((path) => path.includes(".varve-"))).toEqual([
      "_delta_log/.varve-tmp-4",
    ]);
  });

  it("refuses a retention below the table's own, unless the check is switched off", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = filesOf(folder);
    await expect(table.vacuum({ retainHours: 0 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("delta.deletedFileRetentionDuration"),
    });
    await expect(table.vacuum({ retainHours: Number.NaN })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(filesOf(folder)).toEqual(before);
    await table.alter({ set: { "delta.deletedFileRetentionDuration": "interval 0 hours" } });
    expect((await table.vacuum({ retainHours: 0 })).files).toHaveLength(1);
  });

  it("asks before it deletes, with what would be lost", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = filesOf(folder);
    const asked: string[] = [];
    const confirm = (answer: boolean) => (plan: VacuumPlan) => {
      asked.push(ranges(plan.unreadableVersions));
      return answer;
    };
    expect(await table.vacuum({ ...now, confirm: confirm(false) })).toMatchObject({ outcome: "declined" });
    expect(filesOf(folder)).toEqual(before);
    expect(await table.vacuum({ ...now, confirm: confirm(true) })).toMatchObject({ outcome: "deleted" });
    expect(asked).toEqual(["1-2", "1-2"]);
    await table.vacuum({ ...now, confirm: confirm(false) });
    expect(asked).toHaveLength(2);
  });
});

describe("a vacuum leaves alone", () => {
  it("hidden names, staged batches, side tables, other tables below, and what links lead to", async () => {
    const root = freshFolder();
    const folder = join(root, "t");
    await using table = await changed(folder);
    writeFileSync(join(root, "outside.parquet"), "elsewhere");
    mkdirSync(join(root, "away"));
    writeFileSync(join(root, "away", "x.parquet"), "elsewhere");
    for (const name of ["_SUCCESS", ".part.crc", "_tmp/x.parquet", "sub/.hidden/x.parquet"]) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), "x");
    }
    await using inner = await changed(join(folder, "inner"));
    await table.staging.stage([{ id: 9, v: "s" }], { id: "later" });
    await table.metrics.record();
    makeOlder(folder, 60);
    const before = filesOf(folder);
    symlinkSync(join(root, "outside.parquet"), join(folder, "link.parquet"));
    symlinkSync(join(root, "away"), join(folder, "linked"));
    const { files } = await table.vacuum(now);
    expect(files).toHaveLength(1);
    expect(readFileSync(join(folder, "linked", "x.parquet"), "utf8")).toBe("elsewhere");
    expect(readFileSync(join(folder, "link.parquet"), "utf8")).toBe("elsewhere");
    rmSync(join(folder, "link.parquet"));
    rmSync(join(folder, "linked"));
    expect(filesOf(folder)).toEqual(before.filter((path) => !files.includes(path)));
    expect(readFileSync(join(root, "outside.parquet"), "utf8")).toBe("elsewhere");
    expect(await ids(inner)).toEqual([2, 3]);
    expect(await ids(await inner.at(2))).toEqual([1, 2, 3]);
    await table.staging.publish("later");
    expect(await ids(table)).toEqual([2, 3, 9]);
  });

  it("a file whose name differs only in case from one that is needed", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns });
    await table.append([{ id: 1, v: "a" }]);
    const [file = ""] = dataFiles(folder);
    writeFileSync(join(folder, file.toUpperCase()), "the same file on some disks");
    makeOlder(folder, 60);
    expect((await table.vacuum()).files).toEqual([]);
  });
});

it("cleans partitions with hostile names, and removes folders that have long been empty", async () => {
  const folder = join(freshFolder(), "t");
  const values = ["a", "x y", "100%", "b/c=d", "ü'\"", "_hidden", ".dot", "..", "%2E"];
  await using table = await createTable(folder, {
    schema: schema().long("id").string("_p"),
    partitionBy: ["_p"],
  });
  await table.append(values.map((value, id) => ({ id, _p: value })));
  await table.overwrite([{ id: 99, _p: "x y" }]);
  makeOlder(folder, 60);
  const { files, foldersRemoved } = await table.vacuum(now);
  expect(files).toHaveLength(values.length);
  expect(foldersRemoved).toBe(0);
  expect(dataFiles(folder)).toHaveLength(1);
  expect(await ids(table)).toEqual([99]);
  makeOlder(folder, 60);
  expect(await table.vacuum()).toMatchObject({
    outcome: "unchanged",
    foldersRemoved: values.length - 1,
  });
  expect(filesBelow(folder).filter((path) => path.startsWith("_p="))).toHaveLength(1);
  await table.append([{ id: 1, _p: "a" }]);
  expect(await ids(table)).toEqual([1, 99]);
});
