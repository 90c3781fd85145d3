import { describe, expect, it } from "vitest";
import type { AddAction } from "../../src/protocol/actions.ts";
import { commitChange, type TableChange } from "../../src/table/commit/table-change.ts";
import { add, contextOf, freshMemoryStore, metadata, protocol, replay } from "../support/commit-tools.ts";

const created: TableChange = {
  operation: "CREATE TABLE",
  operationParameters: { mode: "new" },
  definition: [protocol(), metadata()],
  files: { adds: [add("old", { size: 7 })], rows: { written: 3 } },
};

/** Commits a change upon a table that holds the file `old`; gives its actions by kind. */
async function committed(change: Partial<TableChange>) {
  const context = contextOf(freshMemoryStore());
  await commitChange({ context }, created);
  const before = await replay(context);
  await commitChange(
    { context, snapshot: before },
    { operation: "WRITE", operationParameters: { mode: "Append" }, ...change },
  );
  const { commits } = await replay(context);
  const [first = [], second = []] = commits;
  const infoOf = (actions: typeof first) =>
    actions.flatMap((action) => (action.kind === "commitInfo" ? [action.info] : []))[0];
  return { first, second, created: infoOf(first), info: infoOf(second) };
}

const old: AddAction = add("old", { size: 7 });

describe("a change of a table", () => {
  it("creates it with its definition before its files", async () => {
    const { first, created: info } = await committed({});
    expect(first.map(({ kind }) => kind)).toEqual(["commitInfo", "protocol", "metaData", "add"]);
    expect(info).toMatchObject({
      operation: "CREATE TABLE",
      operationParameters: { mode: "new" },
      operationMetrics: { numFiles: "1", numOutputRows: "3", numOutputBytes: "7" },
    });
  });

  it("is committed with every action: definition, removes, adds and marks", async () => {
    const { second, info } = await committed({
      definition: [metadata({ "delta.checkpointInterval": "5" })],
      files: { adds: [add("new")], removes: [old], rows: { written: 1 } },
      marks: ["a", "b"],
      txn: { appId: "c", version: 4n },
      userMetadata: "why",
      commitInfo: { more: 1 },
    });
    const named = second.map((action) =>
      action.kind === "txn"
        ? `txn ${action.appId} ${action.version} ${action.lastUpdated !== undefined}`
        : action.kind === "add" || action.kind === "remove"
          ? `${action.kind} ${action.path} ${action.dataChange}`
          : action.kind,
    );
    expect(named.slice(1).sort()).toEqual([
      "add new true",
      "metaData",
      "remove old true",
      "txn a 1 true",
      "txn b 1 true",
      "txn c 4 true",
    ]);
    expect(info).toMatchObject({
      operation: "WRITE",
      operationParameters: { mode: "Append" },
      userMetadata: "why",
      more: 1,
    });
  });

  it.each([
    [
      "added rows",
      { adds: [add("new", { size: 4 }), add("new2", { size: 5 })], rows: { written: 8 } },
      { numFiles: "2", numOutputRows: "8", numOutputBytes: "9" },
    ],
    [
      "rewritten rows, which are no output",
      {
        adds: [add("new", { size: 4 })],
        removes: [{ ...old, stats: '{"numRecords":7}' }],
        rows: { written: 8, copied: 6 },
      },
      {
        numFiles: "1",
        numOutputRows: "2",
        numOutputBytes: "4",
        numRemovedFiles: "1",
        numCopiedRows: "6",
        numDeletedRows: "1",
      },
    ],
    [
      "removed files alone",
      { adds: [], removes: [{ ...old, stats: '{"numRecords":7}' }], rows: { written: 0 } },
      {
        numFiles: "0",
        numOutputRows: "0",
        numOutputBytes: "0",
        numRemovedFiles: "1",
        numCopiedRows: "0",
        numDeletedRows: "7",
      },
    ],
    [
      "removed files whose statistics do not count their rows",
      { adds: [], removes: [{ ...old, stats: undefined }], rows: { written: 0 } },
      { numFiles: "0", numOutputRows: "0", numOutputBytes: "0", numRemovedFiles: "1", numCopiedRows: "0" },
    ],
    ["files that are only described anew", { adds: [add("old", { dataChange: false })] }, undefined],
  ])("counts for history: %s", async (_what, files, metrics) => {
    expect((await committed({ files })).info?.["operationMetrics"]).toEqual(metrics);
  });

  it.each([
    ["a blind append", { files: { adds: [add("new")], rows: { written: 1 } } }, true, "WriteSerializable"],
    [
      "an append that the table's rows judged",
      { files: { adds: [add("new")], rows: { written: 1 } }, judgedByTable: true },
      false,
      "Serializable",
    ],
    [
      "a rewrite",
      { files: { adds: [add("new")], removes: [old], rows: { written: 1 } } },
      false,
      "WriteSerializable",
    ],
  ])("says whether it looked at the table: %s", async (_what, change, blind, level) => {
    const { info } = await committed(change);
    expect(info).toMatchObject({ isBlindAppend: blind, isolationLevel: level });
  });

  it("conflicts with a blind append where the table's rows judged it", async () => {
    const context = contextOf(freshMemoryStore());
    await commitChange({ context }, created);
    const before = await replay(context);
    const change = (path: string, more: Partial<TableChange> = {}) =>
      commitChange(
        { context, snapshot: before },
        {
          operation: "WRITE",
          operationParameters: {},
          files: { adds: [add(path)], rows: { written: 1 } },
          ...more,
        },
      );
    await change("theirs");
    await expect(change("ours", { judgedByTable: true })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    expect(await change("blind")).toMatchObject({ outcome: "committed", version: 2 });
  });
});

describe("a change on a table with row tracking", () => {
  const tracked: TableChange = {
    ...created,
    definition: [
      protocol(["rowTracking", "domainMetadata"]),
      metadata({ "delta.enableRowTracking": "true" }),
    ],
  };

  it.each([
    ["new rows", { written: 1 }, true],
    ["copied rows with their ids", { written: 1, copied: 1, idsKept: true }, true],
    ["copied rows without their ids", { written: 1, copied: 1 }, false],
  ])("says whether row ids are kept: %s", async (_what, rows, kept) => {
    const context = contextOf(freshMemoryStore());
    await commitChange({ context }, tracked);
    await commitChange(
      { context, snapshot: await replay(context) },
      { operation: "WRITE", operationParameters: {}, files: { adds: [add("new")], removes: [old], rows } },
    );
    const { commits } = await replay(context);
    const info = commits[1]?.find((action) => action.kind === "commitInfo");
    expect(JSON.stringify(info)).toContain(`"delta.rowTracking.preserved":"${kept}"`);
  });
});
