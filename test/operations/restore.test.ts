import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { varve } from "../support/cli.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const ids = async (table: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

async function changed(folder: string, properties: Readonly<Record<string, string>> = {}) {
  const table = await createTable(folder, { schema: schema().long("id").string("v"), properties });
  await table.append([
    { id: 1, v: "a" },
    { id: 2, v: "b" },
  ]);
  await table.append([{ id: 3, v: "c" }]);
  await table.delete("id = 1");
  await table.append([{ id: 4, v: "d" }]);
  return table;
}

describe.each([
  ["whose files were written again", {}],
  ["with deletion vectors", { "delta.enableDeletionVectors": "true" }],
])("restoring a table %s", (_, properties) => {
  it("gives it the rows of an earlier version again, and keeps those in between", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder, { ...properties, "delta.enableChangeDataFeed": "true" });
    const files = dataFiles(folder).length;
    expect(await table.restore(2, { userMetadata: "oops" })).toMatchObject({
      outcome: "committed",
      version: 5,
      restoredVersion: 2,
      filesRestored: 1,
      filesRemoved: 2,
    });
    expect(await ids(table)).toEqual([1, 2, 3]);
    expect(await ids(await table.at(4))).toEqual([2, 3, 4]);
    expect(dataFiles(folder)).toHaveLength(files);
    const feed: string[] = [];
    for await (const row of (await table.changes({ from: 5 })).rows())
      feed.push(`${String(row["_change_type"])} ${String(row["id"])}`);
    const copied = properties === undefined || !("delta.enableDeletionVectors" in properties);
    expect(feed.sort()).toEqual(
      copied ? ["delete 2", "delete 4", "insert 1", "insert 2"] : ["delete 4", "insert 1"],
    );
    await table.restore("v4");
    expect(await ids(table)).toEqual([2, 3, 4]);
    const [{ operation, operationParameters } = {}] = await table.history({ limit: 1 });
    expect({ operation, operationParameters }).toMatchObject({
      operation: "RESTORE",
      operationParameters: { version: "4" },
    });
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("brings back the ids of rows, and gives none of them twice", async () => {
    await using table = await changed(join(freshFolder(), "t"), {
      ...properties,
      "delta.enableRowTracking": "true",
    });
    const tracked = async (source: Pick<Table, "rows">) => {
      const rows: string[] = [];
      for await (const { id, _metadata: own } of source.rows({ rowTracking: true }))
        rows.push(
          `${String(id)} ${String(Object(own)["row_id"])} ${String(Object(own)["row_commit_version"])}`,
        );
      return rows.sort();
    };
    const before = await tracked(await table.at(2));
    await table.restore(2);
    expect(await tracked(table)).toEqual(before);
    await table.append([{ id: 5, v: "e" }]);
    const rowIds = (await tracked(table)).map((row) => row.split(" ")[1]);
    expect(new Set(rowIds).size).toBe(4);
    expect(Math.max(...rowIds.map(Number))).toBeGreaterThan(3);
  });
});

describe("restore", () => {
  it("brings back schema and properties, keeps the protocol, and gives no number twice", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema()
        .long("k", { identity: { start: 10, step: 10 } })
        .string("v"),
      properties: { "delta.columnMapping.mode": "name", "my.key": "before" },
    });
    await table.append([{ v: "a" }]);
    await table.append([{ v: "b", extra: 1 }], { mergeSchema: true });
    await table.alter({
      set: { "my.key": "after", "delta.enableDeletionVectors": "true" },
      upgradeProtocol: true,
    });
    await table.restore(1);
    const { log } = table.snapshot();
    expect(log.schema.fields.map(({ name }) => name)).toEqual(["k", "v"]);
    expect(log.metadata.configuration["my.key"]).toBe("before");
    expect(log.protocol.writerFeatures).toContain("deletionVectors");
    await table.append([{ v: "c", another: 1 }], { mergeSchema: true });
    const rows = await rowsOf(table);
    expect(rows.map(({ k }) => Number(k)).sort()).toEqual([10, 30]);
    const columnIds = new Set<unknown>();
    for (const version of [2, 5])
      for (const { schemaString } of actionsOf(folder, version, "metaData") as { schemaString: string }[])
        for (const { name, metadata } of JSON.parse(schemaString).fields as {
          name: string;
          metadata: Record<string, unknown>;
        }[])
          if (name === "extra" || name === "another") columnIds.add(metadata["delta.columnMapping.id"]);
    expect(columnIds.size).toBe(2);
  });

  it("names the files that are gone before it writes anything", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder, { "delta.enableDeletionVectors": "true" });
    await table.restore(2);
    await table.settled();
    const before = filesBelow(folder);
    const [vector] = readdirSync(folder).filter((name) => name.endsWith(".bin"));
    rmSync(join(folder, String(vector)));
    await expect(table.restore(4)).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      data: { version: 4, missing: [vector] },
    });
    expect(filesBelow(folder)).toEqual(before.filter((file) => file !== vector));
  });

  it("restores a version whose files are gone where the caller says so, and names them", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.settled();
    const [added] = actionsOf(folder, 1, "add") as { path: string }[];
    const path = String(added?.path);
    const bytes = readFileSync(join(folder, path));
    rmSync(join(folder, path));
    const options = { ignoreMissingFiles: true } as const;
    expect(await table.restore(2, { ...options, dryRun: true })).toMatchObject({
      outcome: "dryRun",
      missingFiles: [path],
    });
    await expect(table.restore(2)).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      message: expect.stringContaining("ignoreMissingFiles (--ignore-missing-files)") as unknown,
    });
    expect(await table.restore(2, options)).toMatchObject({
      outcome: "committed",
      version: 5,
      filesRestored: 1,
      missingFiles: [path],
    });
    await expect(ids(table)).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    // Once the file is back, so are its rows.
    writeFileSync(join(folder, path), bytes);
    expect(await ids(table)).toEqual([1, 2, 3]);
    const complete = await table.restore(4, options);
    expect(complete).not.toHaveProperty("missingFiles");
  });

  it("ignores missing files from SQL and the command line too, which say so", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.settled();
    const [added] = actionsOf(folder, 1, "add") as { path: string }[];
    const path = String(added?.path);
    rmSync(join(folder, path));
    const statement = "RESTORE TABLE t TO VERSION AS OF 2";
    await expect(table.sql(statement, {})).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    expect(await table.sql(statement, { ignoreMissingFiles: true })).toMatchObject([
      { version: 5, metrics: { filesRestored: 1, filesMissing: 1 } },
    ]);
    await table.restore(4);
    const refused = await varve("restore", folder, "2");
    expect(refused.stderr).toContain("--ignore-missing-files");
    const done = await varve("restore", folder, "2", "--ignore-missing-files");
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/^version 7: the table is as at version 2 \(/);
    expect(done.stderr).toContain(`1 file of version 2 is missing: ${path}`);
    const run = await varve("sql", "RESTORE t TO VERSION AS OF 4", "-t", `t=${folder}`);
    expect(run).toMatchObject({ code: 0, stdout: "RESTORE TABLE t: version 8, as version 4\n" });
    const again = await varve("sql", statement, "-t", `t=${folder}`, "--ignore-missing-files");
    expect(again).toMatchObject({
      code: 0,
      stdout: "RESTORE TABLE t: version 9, as version 2, 1 file missing\n",
    });
  });

  it("says what it would do in a dry run, does nothing for the newest version, and refuses others", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    expect(await table.restore(0, { dryRun: true })).toMatchObject({
      outcome: "dryRun",
      filesRestored: 0,
      filesRemoved: 3,
    });
    expect(await table.restore(4)).toMatchObject({ outcome: "unchanged", version: 4 });
    await expect(table.restore(9)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    await expect(table.restore("1999-01-01")).rejects.toMatchObject({ code: "TIMESTAMP_OUT_OF_RANGE" });
    await expect(table.restore("soon")).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
    await expect(table.restore("so on")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.alter({ set: { "delta.appendOnly": "true" } });
    await expect(table.restore(1)).rejects.toMatchObject({ code: "TABLE_APPEND_ONLY" });
  });

  it("yields to whatever lands meanwhile, even to an append", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await using other = await openTable(folder);
    const { restore } = await import("../../src/operations/restore.ts");
    const { log } = table.snapshot();
    await other.append([{ id: 9, v: "x" }]);
    await expect(restore(log, { version: 1 })).rejects.toBeInstanceOf(ConflictError);
    expect(await ids(await openTable(folder))).toContain(9);
  });

  it("is a command, which says what it did", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.settled();
    const dry = await varve("restore", folder, "2", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toMatch(
      /^version 2 would be restored: 1 file \(\d+ bytes\) restored, 2 files .* removed; nothing was written\n$/,
    );
    const done = await varve("restore", folder, "2");
    expect(done.stdout).toMatch(/^version 5: the table is as at version 2 \(/);
    expect(await varve("restore", folder, "99")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("VERSION_NOT_FOUND") as unknown,
    });
    await table.refresh();
    expect(await ids(table)).toEqual([1, 2, 3]);
  });
});
