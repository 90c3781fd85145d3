import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { TableSink } from "../../../src/api/table-sink.ts";
import type { SourceRow } from "../../../src/engine/core/contract.ts";
import { check, suite } from "../../../src/index.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { append } from "../../../src/operations/append.ts";
import { schema } from "../../../src/schema/builder.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { freshFolder } from "../table-folder.ts";

const columns = schema().long("id").string("v");
const newTable = () => createTable(join(freshFolder(), "t"), { schema: columns });
const rows = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ id: from + index, v: "v" }));
const ids = async (table: Table) => {
  await table.refresh();
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe("a sink", () => {
  it("commits by rows, and the rest when it ends", async () => {
    await using table = await newTable();
    const commits: unknown[] = [];
    const sink = table.sink({ everyRows: 4, onCommit: ({ version, rows }) => commits.push([version, rows]) });
    await pipeline(Readable.from(rows(1, 10)), sink);
    expect(commits).toEqual([
      [1, 4],
      [2, 4],
      [3, 2],
    ]);
    expect(sink.rowsCommitted).toBe(10);
    expect(await ids(table)).toEqual(upTo(10));
  });

  it("commits by bytes", async () => {
    await using table = await newTable();
    const sink = table.sink({ everyBytes: 10_000 });
    await pipeline(Readable.from([1, 2, 3].map((id) => ({ id, v: "x".repeat(6000) }))), sink);
    expect(table.snapshot().version).toBe(3);
  });

  it("commits by time while no further row comes", async () => {
    await using table = await newTable();
    let sink = table.sink();
    await new Promise<void>((resolve) => {
      sink = table.sink({ everyMilliseconds: 20, onCommit: () => resolve() });
      sink.write({ id: 1, v: "a" });
    });
    expect(await ids(table)).toEqual([1]);
    sink.end();
    await new Promise((resolve) => sink.once("close", resolve));
    expect(table.snapshot().version).toBe(1);
  });

  it("makes its writer wait while a batch is committed and another is complete", async () => {
    await using table = await newTable();
    const sink = table.sink({ everyRows: 1 });
    let most = 0;
    const source = async function* () {
      for (const row of rows(1, 300)) {
        most = Math.max(most, row.id - sink.rowsCommitted);
        yield row;
      }
    };
    await pipeline(Readable.from(source(), { highWaterMark: 1 }), sink);
    // One batch is committed, one is complete, and the streams between hold a row each.
    expect(most).toBeLessThan(8);
    expect(await ids(table)).toEqual(upTo(300));
  });

  it("lands each row once, however often the stream is begun again", async () => {
    await using table = await newTable();
    const offset = (row: object) => Number(Reflect.get(row, "id"));
    let commits = 0;
    const failing = async function* () {
      yield* rows(1, 7);
      while (commits < 2) await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error("the source broke");
    };
    const first = table.sink({ appId: "s", offset, everyRows: 3, onCommit: () => commits++ });
    await expect(pipeline(Readable.from(failing()), first)).rejects.toThrow("the source broke");
    expect(await ids(table)).toEqual(upTo(6));
    expect(await table.transactionVersion("s")).toBe(6n);
    const second = table.sink({ appId: "s", offset, everyRows: 100 });
    await pipeline(Readable.from(rows(4, 12)), second);
    expect(await ids(table)).toEqual(upTo(12));
    expect([second.rowsSkipped, second.rowsCommitted]).toEqual([3, 6]);
    const again = table.sink({ appId: "s", offset: "count" });
    await pipeline(Readable.from(rows(1, 13)), again);
    expect(await ids(table)).toEqual(upTo(13));
  });

  it("fails with the error of a batch, after which nothing lands", async () => {
    await using table = await newTable();
    const gate = suite("s", [check.between("id", { max: 5 })]);
    const sink = table.sink({ everyRows: 3, gate });
    await expect(pipeline(Readable.from(rows(1, 12)), sink)).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    expect(await ids(table)).toEqual([1, 2, 3]);
  });

  it("prepares a batch again that conflicts with a change of the table", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns });
    const context = await openContext(folder);
    const old = await openLog(context);
    await table.alter({ set: { "delta.appendOnly": "true" } });
    const snapshots = [old];
    const codes: unknown[] = [];
    const host = {
      append: async (batch: readonly SourceRow[], options: object) => {
        try {
          return await append(snapshots.pop() ?? (await openLog(context)), [...batch], options);
        } catch (error) {
          codes.push(Object(error).code);
          throw error;
        }
      },
      landed: (appId: string) => table.transactionVersion(appId),
      world: context.world,
    };
    const sink = TableSink.of(host, { appId: "s", offset: "count", everyRows: 2 });
    await pipeline(Readable.from(rows(1, 3)), sink);
    expect(codes).toEqual(["CONFLICT_METADATA_CHANGED"]);
    expect(await ids(table)).toEqual(upTo(3));
    expect(await table.transactionVersion("s")).toBe(3n);
  });

  it("takes a Web stream", async () => {
    await using table = await newTable();
    const web = Writable.toWeb(table.sink());
    const writer = web.getWriter();
    for (const row of rows(1, 3)) await writer.write(row);
    await writer.close();
    expect(await ids(table)).toEqual([1, 2, 3]);
  });

  it("refuses offsets that do not grow, and options that do not fit together", async () => {
    await using table = await newTable();
    const sink = table.sink({ appId: "s", offset: () => 5 });
    await expect(pipeline(Readable.from(rows(1, 2)), sink)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await ids(table)).toEqual([]);
    for (const options of [
      { appId: "s" },
      { offset: "count" as const },
      { appId: "s", offset: 3 as never },
      { everyRows: 0 },
      { everyRow: 1 } as never,
    ])
      expect(() => table.sink(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    const odd = table.sink({ appId: "s", offset: () => 1.5 });
    await expect(pipeline(Readable.from(rows(1, 1)), odd)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("feeds a tail of another reader", async () => {
    await using table = await newTable();
    await using reader = await openTable(table.uri);
    const controller = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { result } of reader.tail({ pollMilliseconds: 5, signal: controller.signal })) {
        for await (const row of result.rows()) seen.push(Number(row["id"]));
        if (seen.length === 50) controller.abort();
      }
    })();
    const ended = expect(reading).rejects.toMatchObject({ code: "CANCELLED" });
    await pipeline(Readable.from(rows(1, 50)), table.sink({ everyRows: 10 }));
    await ended;
    expect(seen.sort((a, b) => a - b)).toEqual(upTo(50));
  });
});
