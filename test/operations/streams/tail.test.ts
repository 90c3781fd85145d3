import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import type { TailOptions, TailPosition } from "../../../src/index.ts";
import { schema } from "../../../src/schema/builder.ts";
import { memoryStore } from "../../../src/store.ts";
import { type CountingStore, countCalls } from "../../support/counting-store.ts";
import { freshFolder } from "../table-folder.ts";

const columns = schema().long("id").string("v");

async function newTable(properties: Readonly<Record<string, string>> = {}): Promise<Table> {
  return createTable(join(freshFolder(), "t"), { schema: columns, properties });
}

/** Each batch as its version and the ids (with the change's type) of its rows. */
async function read(table: Table, options: TailOptions = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { version, result, whole } of table.tail({ follow: false, ...options })) {
    const ids: string[] = [];
    for await (const row of result.rows())
      ids.push(`${row["id"]}${row["_change_type"] === undefined ? "" : ` ${String(row["_change_type"])}`}`);
    found.push(`${whole ? "whole " : ""}${version}: ${ids.sort().join(", ")}`);
  }
  return found;
}

const rows = (...ids: number[]) => ids.map((id) => ({ id, v: `v${id}` }));

describe("a tail of added rows", () => {
  it("gives the newest version whole, or the rows of each version from one on", async () => {
    await using table = await newTable();
    await table.append(rows(1, 2));
    await table.append(rows(3));
    expect(await read(table)).toEqual(["whole 2: 1, 2, 3"]);
    expect(await read(table, { from: 0 })).toEqual(["1: 1, 2", "2: 3"]);
    expect(await read(table, { from: "v2" })).toEqual(["2: 3"]);
    expect(await read(table, { from: new Date(0) })).toEqual(["1: 1, 2", "2: 3"]);
    expect(await read(table, { from: "latest" })).toEqual([]);
  });

  it("waits for versions that another writer adds, and ends when it is cancelled", async () => {
    await using table = await newTable();
    await using other = await openTable(table.uri);
    const controller = new AbortController();
    const seen: bigint[] = [];
    const reading = (async () => {
      for await (const { result } of table.tail({ pollMilliseconds: 5, signal: controller.signal }))
        for await (const row of result.rows()) {
          seen.push(row["id"] as bigint);
          if (seen.length === 3) controller.abort();
        }
    })();
    const ended = expect(reading).rejects.toMatchObject({ code: "CANCELLED" });
    await other.append(rows(1));
    await other.append(rows(2, 3));
    await ended;
    expect([...seen].sort()).toEqual([1n, 2n, 3n]);
  });

  it("lists only the new commits of the log when it looks again", async () => {
    const stores: CountingStore[] = [];
    const openStore = (uri: string) => {
      if (!uri.startsWith("ram://")) return undefined;
      const store = countCalls(memoryStore(`tail-${uri.slice("ram://".length)}`));
      stores.push(store);
      return store;
    };
    const listed = () => stores.reduce((sum, store) => sum + store.counts().listed, 0);
    await using table = await createTable("ram://followed", { schema: columns, openStore });
    for (let id = 0; id < 30; id++) await table.append(rows(id));
    const tail = table.tail({ from: 30, pollMilliseconds: 1 });
    await tail.next();
    const costs: number[] = [];
    for (let id = 30; id < 33; id++) {
      await table.append(rows(id));
      await table.settled();
      const before = listed();
      expect(await tail.next()).toMatchObject({ value: { version: id + 1 } });
      costs.push(listed() - before);
    }
    await tail.return(undefined);
    for (const cost of costs) expect(cost).toBeLessThan(30);
  });

  it("goes on from a position that was kept as JSON, within a version too", async () => {
    await using table = await newTable();
    for (const id of [1, 2, 3]) await table.append(rows(id));
    for (const from of [undefined, 1]) {
      let position: TailPosition | undefined;
      const found: bigint[] = [];
      for (let part = 0; part < 3; part++) {
        const start = position === undefined ? from : (JSON.parse(JSON.stringify(position)) as TailPosition);
        for await (const batch of table.tail({ from: start, maxFiles: 1, follow: false })) {
          for await (const row of batch.result.rows()) found.push(row["id"] as bigint);
          ({ position } = batch);
          break;
        }
      }
      expect(found.sort()).toEqual([1n, 2n, 3n]);
      expect(await read(table, { from: position })).toEqual([]);
    }
  });

  it("refuses a version that removes rows, unless it may pass over it", async () => {
    await using table = await newTable();
    await table.append(rows(1, 2));
    await table.delete("id = 1");
    await table.append(rows(3));
    await expect(read(table, { from: 0 })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
      data: { version: 2 },
    });
    // The file was written again with the row that stays, which may be told only once.
    await expect(read(table, { from: 0, ignoreDeletes: true })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
    });
    expect(await read(table, { from: 0, skipChangeCommits: true })).toEqual(["1: 1, 2", "3: 3"]);
    await table.delete("true");
    expect(await read(table, { from: 3, ignoreDeletes: true })).toEqual(["3: 3"]);
  });

  it("passes over rows that a deletion vector removes", async () => {
    await using table = await newTable({ "delta.enableDeletionVectors": "true" });
    await table.append(rows(1, 2));
    await table.delete("id = 1");
    await table.append(rows(3));
    expect(await read(table, { from: 0, ignoreDeletes: true })).toEqual(["1: 1, 2", "3: 3"]);
  });

  it("does not tell of rows that were only rearranged", async () => {
    await using table = await newTable();
    await table.append(rows(1));
    await table.append(rows(2));
    await table.optimize();
    await table.append(rows(3));
    expect(await read(table, { from: 2 })).toEqual(["2: 2", "4: 3"]);
  });

  it("reads each version under its own schema", async () => {
    await using table = await newTable();
    await table.append(rows(1));
    await table.append([{ id: 2, v: "b", more: 1.5 }], { mergeSchema: true });
    const names: string[][] = [];
    for await (const { result } of table.tail({ from: 1, follow: false }))
      names.push(result.columns.map(({ name }) => name));
    expect(names).toEqual([
      ["id", "v"],
      ["id", "v", "more"],
    ]);
  });

  it("says which version is gone, instead of leaving out its rows", async () => {
    await using table = await newTable();
    let kept: TailPosition | undefined;
    for (const id of [1, 2, 3]) await table.append(rows(id));
    for await (const { position } of table.tail({ from: 0, follow: false })) {
      kept = position;
      break;
    }
    await table.log.checkpoint();
    rmSync(join(table.uri.replace("file://", ""), "_delta_log", "00000000000000000002.json"));
    rmSync(join(table.uri.replace("file://", ""), "_delta_log", "00000000000000000001.json"));
    rmSync(join(table.uri.replace("file://", ""), "_delta_log", "00000000000000000000.json"));
    await expect(read(table, { from: kept })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
      data: { version: 2 },
    });
  });

  it("refuses a position in another table, and one that is none", async () => {
    await using table = await newTable();
    await table.append(rows(1));
    await using other = await newTable();
    const positions: TailPosition[] = [];
    for await (const { position } of table.tail({ follow: false })) positions.push(position);
    await expect(read(other, { from: positions[0] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const bad of [{ tableId: 3 }, { ...positions[0], version: -1 }, { ...positions[0], files: "1" }])
      await expect(read(table, { from: bad as unknown as TailPosition })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    await expect(read(table, { from: 9 })).rejects.toMatchObject({ code: "CHANGES_RANGE_INVALID" });
    await expect(read(table, { maxFiles: 0 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("closes the rows of a batch that nobody read", async () => {
    await using table = await newTable();
    await table.append(rows(1));
    await table.append(rows(2));
    const results = [];
    for await (const { result } of table.tail({ from: 0, follow: false })) results.push(result);
    expect(results).toHaveLength(2);
    await expect(results[0]?.rows()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("a tail of changes", () => {
  it("tells of every change, and of the whole start as insertions", async () => {
    await using table = await newTable({ "delta.enableChangeDataFeed": "true" });
    await table.append(rows(1, 2));
    await table.update({ set: { v: "'x'" }, where: "id = 1" });
    await table.delete("id = 2");
    const all = await read(table, { from: 0, changes: true });
    expect(all).toEqual(["1: 1 insert, 2 insert", "2: 1 update_postimage, 1 update_preimage", "3: 2 delete"]);
    expect(await read(table, { changes: true })).toEqual(["whole 3: 1 insert"]);
  });

  it("is refused for versions without the feed", async () => {
    await using table = await newTable();
    await table.append(rows(1));
    await expect(read(table, { from: 1, changes: true })).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
    });
  });
});
