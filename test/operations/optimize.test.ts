import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { optimize } from "../../src/operations/optimize.ts";
import { schema } from "../../src/schema/builder.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { varve } from "../support/cli.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder } from "./table-folder.ts";

const all = {
  "delta.enableDeletionVectors": "true",
  "delta.enableChangeDataFeed": "true",
  "delta.enableRowTracking": "true",
  "delta.columnMapping.mode": "name",
};

async function manyFiles(
  folder: string,
  properties: Readonly<Record<string, string>> = {},
  partitionBy?: string[],
) {
  const table = await createTable(folder, {
    schema: schema().long("id").string("p").double("x"),
    properties,
    partitionBy,
  });
  for (const from of [0, 10, 20])
    await table.append({
      sql: `SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE 'p' || (i % 3) END AS p, i / 7 AS x FROM range(${from}, ${from + 10}) AS r(i)`,
    });
  return table;
}

const texts = async (source: Pick<Table, "rows">, rowTracking = false) => {
  const rows: string[] = [];
  for await (const row of source.rows({ rowTracking: rowTracking ? true : undefined }))
    rows.push(
      JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
    );
  return rows.sort();
};

describe("optimizing a table", () => {
  it.each([
    ["plain", {}, undefined, 3, 1],
    ["with every feature that rows can have", all, undefined, 3, 1],
    ["in partitions", {}, ["p"], 9, 3],
    ["in partitions, with every feature", all, ["p"], 9, 3],
  ])(
    "writes small files together and changes no row: %s",
    async (_, properties, partitionBy, removed, added) => {
      const folder = join(freshFolder(), "t");
      await using table = await manyFiles(folder, properties, partitionBy);
      const tracks = "delta.enableRowTracking" in properties;
      if (tracks) await table.delete("id % 2 = 1");
      const before = await texts(table, tracks);
      const { version } = table.snapshot();
      const result = await table.optimize();
      expect(result).toMatchObject({ outcome: "committed", version: version + 1, filesAdded: added });
      expect(result).toMatchObject({ filesRemoved: removed, rowsPurged: tracks ? 15 : 0 });
      expect(await texts(table, tracks)).toEqual(before);
      expect(await texts(await table.at(version))).toEqual(await texts(table));
      for (const kind of ["add", "remove"])
        for (const action of actionsOf(folder, version + 1, kind))
          expect(action).toMatchObject({ dataChange: false });
      if (tracks) {
        const changes: unknown[] = [];
        for await (const row of (await table.changes({ from: version + 1 })).rows()) changes.push(row);
        expect(changes).toEqual([]);
      }
      expect((await table.history({ limit: 1 }))[0]).toMatchObject({ operation: "OPTIMIZE", rowsAdded: 0 });
      expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
      expect(await table.optimize()).toMatchObject({ outcome: "unchanged", version: version + 1 });
    },
  );

  it("looks only at the partitions of a condition, and refuses others", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await manyFiles(folder, {}, ["p"]);
    const before = await texts(table);
    expect(await table.optimize({ where: "p IS NULL OR p = 'p1'" })).toMatchObject({
      filesConsidered: 6,
      filesRemoved: 6,
      filesAdded: 2,
    });
    expect(await texts(table)).toEqual(before);
    for (const where of ["id = 1", "nope = 1"])
      await expect(table.optimize({ where }), where).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const where of ["nope(p)", "p = 'p1' LIMIT 1", "p", "p = = 'p1'"])
      await expect(table.optimize({ where }), where).rejects.toMatchObject({ code: "SQL_FAILED" });
    await using plain = await manyFiles(join(freshFolder(), "t"));
    await expect(plain.optimize({ where: "p = 'p1'" })).rejects.toThrow("leave the condition out");
  });

  it("fetches no file to choose partitions", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await manyFiles(folder, {}, ["p"]);
    for (const file of dataFiles(folder)) rmSync(join(folder, file));
    expect(await table.optimize({ where: "p = 'p1'", dryRun: true })).toMatchObject({
      filesRemoved: 3,
      filesAdded: 1,
    });
    await expect(table.optimize({ where: "p = 'p1'" })).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
  });

  it("keeps to the sizes that it is given", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await manyFiles(folder);
    const sizes = actionsOf(folder, 1, "add").map(({ size }) => Number(size));
    const one = sizes[0] ?? 0;
    expect(await table.optimize({ minFileBytes: one - 50 })).toMatchObject({ outcome: "unchanged" });
    expect(await table.optimize({ targetFileBytes: one * 2 + 50, dryRun: true })).toMatchObject({
      outcome: "dryRun",
      filesRemoved: 2,
      filesAdded: 1,
    });
    const before = filesBelow(folder).filter((file) => file.endsWith(".parquet"));
    expect(await table.optimize({ targetFileBytes: one * 2 + 50 })).toMatchObject({
      filesRemoved: 2,
      filesAdded: 1,
    });
    expect(filesBelow(folder).filter((file) => file.endsWith(".parquet"))).toHaveLength(before.length + 1);
  });

  it("yields to a change of its files, and not to appends", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await manyFiles(folder);
    await using other = await openTable(folder);
    const { log } = table.snapshot();
    await other.append([{ id: 99, p: "new", x: 0 }]);
    const { version } = await optimize(log);
    expect(version).toBe(5);
    const { log: next } = (await openTable(folder)).snapshot();
    await other.refresh();
    await other.delete("id = 99");
    await expect(optimize(next)).rejects.toBeInstanceOf(ConflictError);
    await other.refresh();
    expect(await other.count()).toBe(30);
  });

  it("is a command, which says what it did", async () => {
    const folder = join(freshFolder(), "t");
    const table = await manyFiles(folder);
    await table.close();
    const dry = await varve("optimize", folder, "--dry-run");
    expect(dry.stdout).toMatch(/^3 files \([\d.]+ kB\) would become 1 file; nothing was written\n$/);
    const done = await varve("optimize", folder);
    expect(done).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^version 4: 3 files \([\d.]+ kB\) became 1 file \(\d+ bytes\)\n$/,
      ) as string,
    });
    const again = await varve("optimize", folder);
    expect(again.stdout).toBe("nothing changed: of 1 file, no two can be one\n");
  });
});
