import { utimesSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { type ChangesOptions, readChanges } from "../../src/operations/changes/changes.ts";
import { field, HandMadeTable, newSession } from "../table/hand-made-table.ts";

// PROTOCOL.md "Change Data Files", "Add CDC File", "Reader Requirements for AddCDCFile" and "Writer
// Requirements for AddCDCFile".

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
});

afterEach(async () => {
  await session.close();
  table.remove();
});

const feed = { configuration: { "delta.enableChangeDataFeed": "true" } };

async function changes(options: ChangesOptions): Promise<string[]> {
  const found: string[] = [];
  for await (const row of readChanges(await table.context(), options)) {
    found.push(`${String(row["_commit_version"])} ${String(row["_change_type"])} ${String(row["id"])}`);
  }
  return found.sort();
}

/**
 * Versions 1 to 3, committed an hour apart: an insert, a removal of the file, an update with a change file.
 */
async function makeTable(): Promise<void> {
  table.create([field("id", "long")], feed);
  const first = await table.add(session, "first.parquet", "SELECT range AS id FROM range(2)");
  table.commit(first);
  table.commit({
    remove: {
      path: first.add.path,
      deletionTimestamp: 1,
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues: {},
      size: 1,
    },
  });
  const second = await table.add(session, "second.parquet", "SELECT 8::BIGINT AS id");
  const cdc = await table.add(
    session,
    "_change_data/c.parquet",
    "SELECT 7::BIGINT AS id, 'update_preimage' AS _change_type UNION ALL SELECT 8, 'update_postimage'",
  );
  table.commit(second, {
    cdc: { path: cdc.add.path, partitionValues: {}, size: cdc.add.size, dataChange: false },
  });
  for (let version = 0; version < 4; version++) {
    const seconds = 1_700_000_000 + version * 3600;
    utimesSync(
      join(table.folder, "_delta_log", `${String(version).padStart(20, "0")}.json`),
      seconds,
      seconds,
    );
  }
}

const at = (hours: number): Date => new Date((1_700_000_000 + hours * 3600) * 1000);

describe("row changes", () => {
  it("come from change files where a version has them, else from its adds and removes", async () => {
    await makeTable();
    expect(await changes({ from: 0 })).toEqual([
      "1 insert 0",
      "1 insert 1",
      "2 delete 0",
      "2 delete 1",
      "3 update_postimage 8",
      "3 update_preimage 7",
    ]);
    expect(await changes({ from: 2, to: 2 })).toEqual(["2 delete 0", "2 delete 1"]);
  });

  it("of a range of times are those committed within it", async () => {
    await makeTable();
    expect(await changes({ from: at(0.5), to: at(1) })).toEqual(["1 insert 0", "1 insert 1"]);
    expect(await changes({ from: at(2), to: at(2.9) })).toEqual(["2 delete 0", "2 delete 1"]);
    expect(await changes({ from: at(-100), to: at(1) })).toHaveLength(2);
  });

  it("carry the time of their commit", async () => {
    await makeTable();
    const times = new Set<unknown>();
    for await (const row of readChanges(await table.context(), { from: 2, to: 2 }))
      times.add(row["_commit_timestamp"]);
    expect([...times]).toEqual([`${at(2).toISOString().slice(0, 19)}.000000Z`]);
  });

  it.each<[string, ChangesOptions, string]>([
    ["starts after the latest version", { from: 4 }, "CHANGES_RANGE_INVALID"],
    ["ends after the latest version", { from: 1, to: 9 }, "CHANGES_RANGE_INVALID"],
    ["is reversed", { from: 3, to: 1 }, "CHANGES_RANGE_INVALID"],
    ["starts at no version", { from: -1 }, "CHANGES_RANGE_INVALID"],
    ["starts after the latest commit", { from: at(50) }, "CHANGES_RANGE_INVALID"],
    ["ends before the first commit", { from: at(-9), to: at(-5) }, "CHANGES_RANGE_INVALID"],
    ["lies between two commits", { from: at(1.2), to: at(1.4) }, "CHANGES_RANGE_INVALID"],
    ["has no valid time", { from: new Date(Number.NaN) }, "CHANGES_RANGE_INVALID"],
  ])("a range that %s is refused", async (_, options, code) => {
    await makeTable();
    await expect(changes(options)).rejects.toMatchObject({ code });
  });

  it("a range with a version that was made without the feed is refused, naming the version", async () => {
    table.create([field("id", "long")]);
    table.commit(await table.add(session, "a.parquet", "SELECT 1::BIGINT AS id"));
    await expect(changes({ from: 0 })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
      data: { version: 0 },
    });
  });

  it("commits that only rearrange rows change nothing", async () => {
    table.create([field("id", "long")], feed);
    table.commit(await table.add(session, "a.parquet", "SELECT 1::BIGINT AS id"));
    const moved = await table.add(session, "b.parquet", "SELECT 1::BIGINT AS id", { dataChange: false });
    table.commit(moved, { remove: { path: "a.parquet", deletionTimestamp: 1, dataChange: false } });
    expect(await changes({ from: 1 })).toEqual(["1 insert 1"]);
  });

  it("of a removed file without partition values take them from the version before", async () => {
    table.create([field("id", "long"), field("p", "string")], { ...feed, partitionColumns: ["p"] });
    table.commit(
      await table.add(session, "a.parquet", "SELECT 1::BIGINT AS id", { partitionValues: { p: "x" } }),
    );
    table.commit({ remove: { path: "a.parquet", deletionTimestamp: 1, dataChange: true } });
    const rows = [];
    for await (const row of readChanges(await table.context(), { from: 2 })) rows.push(row);
    expect(rows).toMatchObject([{ id: 1n, p: "x", _change_type: "delete" }]);
  });

  it("under a schema that the last version cannot show are refused, added columns read as null", async () => {
    const schema = (type: string): object => ({
      metaData: {
        id: "11111111-1111-4111-8111-111111111111",
        format: { provider: "parquet", options: {} },
        schemaString: JSON.stringify({
          type: "struct",
          fields: [field("id", type), field("added", "string")],
        }),
        partitionColumns: [],
        ...feed,
      },
    });
    table.create([field("id", "long")], feed);
    table.commit(await table.add(session, "a.parquet", "SELECT 1::BIGINT AS id"));
    table.commit(
      schema("long"),
      await table.add(session, "b.parquet", "SELECT 2::BIGINT AS id, 'x' AS added"),
    );
    expect(await changes({ from: 0 })).toEqual(["1 insert 1", "2 insert 2"]);
    table.commit(schema("string"), await table.add(session, "c.parquet", "SELECT '3' AS id, 'x' AS added"));
    await expect(changes({ from: 2 })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
      data: { version: 2 },
    });
    expect(await changes({ from: 3 })).toEqual(["3 insert 3"]);
  });
});
