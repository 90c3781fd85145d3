import { describe, expect, it } from "vitest";
import { VarveError } from "../../src/errors.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { checksumPath, lastCheckpointPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import type { CommitRequest, CommittedResult } from "../../src/table/commit/commit-request.ts";
import {
  checkpointTable,
  type MaintenanceOutcome,
  maintainLog,
} from "../../src/table/commit/log-maintenance.ts";
import { commitNewTable, commitTransaction } from "../../src/table/commit/transaction.ts";
import {
  add,
  contextOf,
  createTable,
  freshMemoryStore,
  metadata,
  protocol,
  remove,
} from "../support/commit-tools.ts";
import { countCalls } from "../support/counting-store.ts";

async function table(
  configuration: Record<string, string> = {},
  store: ObjectStore = freshMemoryStore(),
): Promise<TableContext> {
  const context = contextOf(store);
  await createTable(context, [
    protocol(["appendOnly", "domainMetadata"], ["v2Checkpoint"]),
    metadata({ "delta.checkpointPolicy": "v2", ...configuration }),
  ]);
  return context;
}

async function commit(context: TableContext, request: Partial<CommitRequest>): Promise<MaintenanceOutcome> {
  const snapshot = await openLog(context);
  const result = await commitTransaction(snapshot, { actions: [], operation: "WRITE", ...request });
  if (result.outcome !== "committed") throw new Error("must commit");
  return maintainLog(context, result, { base: snapshot });
}

/** The commit of version 0 as its writer saw it. */
async function recreated(context: TableContext): Promise<CommittedResult> {
  const { protocol: before, metadata: given, timestamp } = await openLog(context, { version: 0 });
  const state = { version: 0, timestamp, protocol: before, metadata: given };
  return {
    outcome: "committed",
    version: 0,
    txnId: "",
    timestamp,
    attempts: 1,
    actions: [before, given],
    winners: [],
    state,
  };
}

async function created(context: TableContext): Promise<CommittedResult> {
  const result = await commitNewTable(context, {
    actions: [protocol(), metadata(), add("a", { size: 5 })],
    operation: "CREATE TABLE",
  });
  if (result.outcome !== "committed") throw new Error("must commit");
  return result;
}

async function checksum(context: TableContext, version: number): Promise<Record<string, unknown>> {
  return JSON.parse(new TextDecoder().decode(await context.store.get(checksumPath(version))));
}

describe("maintainLog", () => {
  it("begins the chain of checksums with the first commit", async () => {
    const context = contextOf(freshMemoryStore());
    const created = await commitNewTable(context, {
      actions: [protocol(), metadata(), add("a", { size: 5 })],
      operation: "CREATE TABLE",
    });
    if (created.outcome !== "committed") throw new Error("must commit");
    expect((await maintainLog(context, created)).checksumWritten).toBe(true);
    await commit(context, { actions: [add("b", { size: 7 })] });
    expect(await checksum(context, 0)).toMatchObject({
      tableSizeBytes: 5,
      numFiles: 1,
      txnId: created.txnId,
    });
    expect(await checksum(context, 1)).toMatchObject({ tableSizeBytes: 12, numFiles: 2 });
  });

  it("carries files, bytes, progress and domains from version to version", async () => {
    const context = await table({ "delta.checkpointInterval": "1" });
    await commit(context, {
      actions: [add("a", { size: 5 }), add("b", { size: 7 })],
      txn: { appId: "x", version: 1n },
    });
    await commit(context, {
      actions: [
        remove("a", { size: 5 }),
        add("c", { size: 2 }),
        { kind: "domainMetadata", domain: "d", configuration: "1", removed: false },
      ],
    });
    expect(await checksum(context, 2)).toMatchObject({
      tableSizeBytes: 9,
      numFiles: 2,
      numMetadata: 1,
      numProtocol: 1,
      setTransactions: [{ appId: "x", version: 1 }],
      domainMetadata: [{ domain: "d", configuration: "1", removed: false }],
      metadata: { id: "11111111-2222-4333-8444-555555555555" },
      protocol: { minWriterVersion: 7 },
    });
    await commit(context, {
      actions: [{ kind: "domainMetadata", domain: "d", configuration: "1", removed: true }],
    });
    expect(await checksum(context, 3)).toMatchObject({ numFiles: 2, domainMetadata: [] });
  });

  it("breaks the chain rather than guess, and starts it again at the next checkpoint", async () => {
    const context = await table({ "delta.checkpointInterval": "4" });
    for (const name of ["a", "b", "c"]) await commit(context, { actions: [add(name)] });
    await commit(context, { actions: [add("d")] });
    expect(await checksum(context, 4)).toMatchObject({ numFiles: 4 });
    expect((await commit(context, { actions: [{ ...remove("a") }] })).checksumWritten).toBe(false);
    expect((await commit(context, { actions: [remove("b", { size: 10 })] })).checksumWritten).toBe(false);
    await commit(context, { actions: [add("e")] });
    await commit(context, { actions: [add("f")] });
    expect(await checksum(context, 8)).toMatchObject({ numFiles: 4 });
  });

  it("writes a checkpoint at every tenth version, or as the table says", async () => {
    const context = await table();
    const reports: MaintenanceOutcome[] = [];
    for (let at = 1; at <= 20; at++) reports.push(await commit(context, { actions: [add(`f${at}`)] }));
    expect(
      reports.filter(({ checkpoint }) => checkpoint !== undefined).map(({ version }) => version),
    ).toEqual([10, 20]);
    expect(await context.store.head(lastCheckpointPath)).toBeDefined();
    const often = await table({ "delta.checkpointInterval": "3" });
    for (const [name, expected] of [
      ["a", false],
      ["b", false],
      ["c", true],
    ] as const) {
      expect((await commit(often, { actions: [add(name)] })).checkpoint !== undefined).toBe(expected);
    }
  });

  it("reads no commit again for a checkpoint after the transaction that had read them", async () => {
    const store = countCalls(freshMemoryStore());
    const context = await table({ "delta.checkpointInterval": "4" }, store);
    for (const name of ["a", "b", "c"]) await commit(context, { actions: [add(name)] });
    const base = await openLog(context);
    const result = await commitTransaction(base, { actions: [add("d")], operation: "WRITE" });
    if (result.outcome !== "committed") throw new Error("must commit");
    store.reset();
    expect((await maintainLog(context, result, { base })).checkpoint).toBeDefined();
    expect(store.counts().calls.get).toBe(0);
  });

  it("never fails the commit that has happened: what goes wrong is a warning", async () => {
    const inner = freshMemoryStore();
    let broken = false;
    const store: ObjectStore = {
      ...inner,
      put: async (path, bytes, options) => {
        if (broken) throw new VarveError("STORE_REFUSED", "read-only");
        return inner.put(path, bytes, options);
      },
    };
    const context = await table({ "delta.checkpointInterval": "2" }, store);
    await commit(context, { actions: [add("a")] });
    broken = true;
    const report = await commit(context, { actions: [add("b")] });
    expect(report.version).toBe(2);
    expect(report.warnings.map(({ step, message }) => [step, message])).toEqual([
      ["checkpoint", "After version 2 was committed, its checkpoint failed: read-only"],
    ]);
    expect((await openLog(context)).version).toBe(2);
  });

  it("continues the chain of checksums where another process wrote the last one, and after its own", async () => {
    const store = freshMemoryStore();
    const context = contextOf(store);
    await maintainLog(context, await created(context));
    const other = contextOf(store);
    expect(await commit(other, { actions: [add("b", { size: 7 })] })).toMatchObject({
      checksumWritten: true,
    });
    expect(await commit(context, { actions: [add("c", { size: 9 })] })).toMatchObject({
      checksumWritten: true,
    });
    expect(await checksum(context, 2)).toMatchObject({ numFiles: 3, tableSizeBytes: 21 });
  });

  it("carries what others landed first into the checksum after a lost race", async () => {
    const context = await table();
    const stale = await openLog(context);
    await commitTransaction(stale, { actions: [add("rival", { size: 5 })], operation: "WRITE" });
    const result = await commitTransaction(stale, {
      actions: [add("mine", { size: 7 })],
      operation: "WRITE",
    });
    if (result.outcome !== "committed") throw new Error("must commit");
    // Of version 0, which nobody has kept in memory for this context.
    await maintainLog(context, await recreated(context));
    expect(await maintainLog(context, result, { base: stale })).toMatchObject({
      checksumWritten: true,
      warnings: [],
    });
    expect(await checksum(context, 2)).toMatchObject({ numFiles: 2, tableSizeBytes: 12 });
  });

  it("makes no checkpoint of a table's first version", async () => {
    const context = contextOf(freshMemoryStore());
    const actions = [
      protocol([], ["v2Checkpoint"]),
      metadata({ "delta.checkpointPolicy": "v2", "delta.checkpointInterval": "1" }),
    ];
    const created = await commitNewTable(context, { actions, operation: "CREATE TABLE" });
    if (created.outcome !== "committed") throw new Error("must commit");
    expect((await maintainLog(context, created)).checkpoint).toBeUndefined();
    expect((await commit(context, { actions: [add("a")] })).checkpoint).toMatchObject({ version: 1 });
  });

  it("cleans up only behind a checkpoint that it has written, and where the table lets it", async () => {
    for (const [allowed, writes] of [
      ["true", true],
      ["true", false],
      ["false", true],
    ] as const) {
      const inner = freshMemoryStore();
      const store: ObjectStore = {
        ...inner,
        put: async (path, bytes, options) => {
          if (!writes) throw new VarveError("STORE_REFUSED", "read-only");
          return inner.put(path, bytes, options);
        },
      };
      const context = await table(
        { "delta.checkpointInterval": "2", "delta.enableExpiredLogCleanup": allowed },
        store,
      );
      await commit(context, { actions: [add("a")] });
      const report = await commit(context, { actions: [add("b")] });
      expect(report.cleanup !== undefined, `${allowed} ${writes}`).toBe(allowed === "true" && writes);
    }
  });

  it("refuses a checkpoint on demand of a table that varve does not fully know as a writer", async () => {
    const context = await table();
    const snapshot = await openLog(context);
    const strange = { ...protocol(["appendOnly", "fromTheFuture"], ["v2Checkpoint"]) };
    const seen = Object.create(snapshot, { protocol: { value: strange } });
    await expect(checkpointTable(seen)).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["fromTheFuture"] },
    });
  });
});
