import { describe, expect, it } from "vitest";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { CommitRequest, CommittedResult } from "../../src/table/commit/commit-request.ts";
import { tidyTable } from "../../src/table/commit/log-maintenance.ts";
import { nameRowTrackingColumns } from "../../src/table/commit/row-ids.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import {
  add,
  append,
  contextOf,
  createTable,
  freshMemoryStore,
  hastyWorld,
  metadata,
  protocol,
  remove,
  replay,
} from "../support/commit-tools.ts";

// PROTOCOL.md "Commit Provenance Information". PROTOCOL.md "Row Tracking", "Row IDs" and "Row Commit
// Versions": base row ids and the high-water mark.

async function table(actions: readonly Action[] = [protocol(), metadata()], store = freshMemoryStore()) {
  const context = contextOf(store);
  await createTable(context, actions);
  return context;
}

async function commit(
  context: ReturnType<typeof contextOf>,
  request: CommitRequest,
): Promise<CommittedResult> {
  const result = await commitTransaction(await replay(context), request);
  if (result.outcome !== "committed") throw new Error("must commit");
  return result;
}

function infoOf({ actions }: CommittedResult): Readonly<Record<string, unknown>> {
  const [info] = actions;
  if (info?.kind !== "commitInfo") throw new Error("commitInfo must come first");
  return info.info;
}

describe("commitInfo", () => {
  it.each([
    "timestamp",
    "inCommitTimestamp",
    "operation",
    "isBlindAppend",
    "txnId",
    "readVersion",
    "isolationLevel",
  ])("cannot have its field %s replaced by a caller", async (field) => {
    const context = await table();
    await expect(commit(context, append("a", { commitInfo: { [field]: 1 } }))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect((await replay(context)).version).toBe(0);
  });

  it("carries a caller's own fields, metrics as text, and words", async () => {
    const info = infoOf(
      await commit(
        await table(),
        append("a", {
          commitInfo: { gate: { bad: 1 } },
          operationMetrics: { numFiles: 1 },
          userMetadata: "june",
          engineInfo: "loader/2",
        }),
      ),
    );
    expect(info).toMatchObject({
      gate: { bad: 1 },
      operationMetrics: { numFiles: "1" },
      userMetadata: "june",
      engineInfo: "loader/2",
    });
  });

  it("leaves out what was not given, and the read version of a new table", async () => {
    const context = await table();
    const [[created]] = (await replay(context)).commits as [[Action]];
    expect(created.kind === "commitInfo" && "readVersion" in created.info).toBe(false);
    const info = infoOf(await commit(context, append("a")));
    expect(Object.keys(info)).not.toContain("operationMetrics");
    expect(Object.keys(info)).not.toContain("userMetadata");
    expect(Object.keys(info)).not.toContain("tags");
    expect(Object.keys(info)).not.toContain("inCommitTimestamp");
  });
});

describe("a commit that a version cannot hold", () => {
  it.each<[string, Partial<CommitRequest>]>([
    ["the same file twice", { actions: [add("a"), add("a")] }],
    ["the same domain twice", { actions: [domain("d"), domain("d")] }],
    ["two metadata actions", { actions: [metadata(), metadata()] }],
    ["a commitInfo of the caller's", { actions: [{ kind: "commitInfo", info: {} }] }],
    [
      "an application's progress twice",
      { actions: [{ kind: "txn", appId: "x", version: 1n }], txn: { appId: "x", version: 2n } },
    ],
  ])("is refused: %s", async (_, change) => {
    const context = await table();
    await expect(commit(context, append("a", change))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await replay(context)).version).toBe(0);
  });

  it("is none where different things have one name", async () => {
    const context = await table([protocol(["domainMetadata"]), metadata()]);
    const txn: Action = { kind: "txn", appId: "a", version: 1n };
    const result = await commit(context, {
      actions: [add("a"), remove("a"), domain("a"), txn],
      operation: "WRITE",
    });
    expect(result.actions.map(({ kind }) => kind)).toEqual([
      "commitInfo",
      "txn",
      "domainMetadata",
      "remove",
      "add",
    ]);
  });
});

describe("a table that tracks rows", () => {
  const features = ["rowTracking", "domainMetadata"];

  it("says in each commit whether the ids of rows were preserved", async () => {
    const context = await table([protocol(features), metadata()]);
    const preserved = async (request: CommitRequest) => infoOf(await commit(context, request))["tags"];
    expect(await preserved(append("a"))).toEqual({ "delta.rowTracking.preserved": "true" });
    expect(await preserved({ actions: [remove("a"), add("b")], operation: "WRITE" })).toEqual({
      "delta.rowTracking.preserved": "false",
    });
    expect(
      await preserved({ actions: [remove("b"), add("c")], operation: "OPTIMIZE", rowIdsPreserved: true }),
    ).toEqual({
      "delta.rowTracking.preserved": "true",
    });
  });

  it("hands out the mark that a commit left, and keeps it in a commit without new rows", async () => {
    const context = await table([protocol(features), metadata()]);
    expect((await commit(context, append("a"))).state.rowIdHighWaterMark).toBe(9n);
    expect(
      (await commit(context, { actions: [remove("a")], operation: "DELETE" })).state.rowIdHighWaterMark,
    ).toBe(9n);
  });

  it("has no mark where rows are not tracked", async () => {
    const { state } = await commit(await table(), append("a"));
    expect(state.rowIdHighWaterMark).toBeUndefined();
  });

  it("goes on above an earlier mark when the feature is listed again", async () => {
    const context = await table([protocol(["domainMetadata"]), metadata()]);
    await commit(context, {
      actions: [domain("delta.rowTracking", '{"rowIdHighWaterMark":41}')],
      operation: "WRITE",
    });
    const { actions } = await commit(context, {
      actions: [protocol(features), add("a")],
      operation: "UPGRADE PROTOCOL",
    });
    expect(actions.find(({ kind }) => kind === "add")).toMatchObject({
      baseRowId: 42n,
      defaultRowCommitVersion: 2n,
    });
  });

  it("names columns for moved rows once, and keeps names that there are", () => {
    const world = { uuid: () => "u" };
    const names = {
      "delta.rowTracking.materializedRowIdColumnName": "_row-id-col-u",
      "delta.rowTracking.materializedRowCommitVersionColumnName": "_row-commit-version-col-u",
    };
    expect(nameRowTrackingColumns({ x: "1" }, world)).toEqual({ ...names, x: "1" });
    const kept = { "delta.rowTracking.materializedRowIdColumnName": "mine" };
    expect(nameRowTrackingColumns(kept, world)).toEqual({ ...names, ...kept });
  });
});

describe("tidying a table", () => {
  const day = 24 * 60 * 60 * 1000;

  async function cutOff(
    configuration: Readonly<Record<string, string>>,
    dryRun: boolean,
  ): Promise<{ removed: number; age?: number }> {
    const ages: number[] = [];
    const store = {
      ...freshMemoryStore(),
      removeAbandoned: async (before: number) => {
        ages.push(5 * day * 100 - before);
        return 3;
      },
    };
    const context = contextOf(store, { ...hastyWorld, now: () => 5 * day * 100 });
    await createTable(context, [protocol(), metadata(configuration)]);
    const { abandonedRemoved } = await tidyTable(await openLog(context), { dryRun });
    return { removed: abandonedRemoved, ...(ages[0] === undefined ? {} : { age: ages[0] }) };
  }

  it("removes what writers left longer ago than the table's retention", async () => {
    expect(await cutOff({ "delta.deletedFileRetentionDuration": "interval 3 days" }, false)).toEqual({
      removed: 3,
      age: 3 * day,
    });
  });

  it("waits a day at least", async () => {
    expect(await cutOff({ "delta.deletedFileRetentionDuration": "interval 1 hour" }, false)).toEqual({
      removed: 3,
      age: day,
    });
  });

  it("looks for nothing in a dry run", async () => {
    expect(await cutOff({}, true)).toEqual({ removed: 0 });
  });

  it("removes nothing from a store that cannot look", async () => {
    const context = await table();
    expect((await tidyTable(await openLog(context))).abandonedRemoved).toBe(0);
  });
});

function domain(name: string, configuration = "1"): Action {
  return { kind: "domainMetadata", domain: name, configuration, removed: false };
}

describe("the row-id mark", () => {
  const tracking = protocol(["rowTracking", "domainMetadata"]);
  const marked = (configuration: string): Action => ({
    kind: "domainMetadata",
    domain: "delta.rowTracking",
    configuration,
    removed: false,
  });

  it("is the field of that name, whatever numbers stand before it", async () => {
    const context = await table([tracking, metadata()]);
    const text = '{"formatVersion":7,"rowIdHighWaterMark":9007199254740993}';
    const { state } = await commit(context, { actions: [marked(text)], operation: "RESTORE" });
    expect(state.rowIdHighWaterMark).toBe(9007199254740993n);
  });

  it.each([
    "{}",
    "not JSON",
    '{"rowIdHighWaterMark":"9"}',
    '{"rowIdHighWaterMark":1.5}',
    '{"note":"\\"rowIdHighWaterMark\\":3"}',
  ])("refuses the write where it cannot be read, because row ids would repeat: %s", async (text) => {
    const context = await table([tracking, metadata(), marked('{"rowIdHighWaterMark":41}')]);
    await commitRaw(context, marked(text));
    await expect(commit(context, append("a", { actions: [add("a")] }))).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      data: { domain: "delta.rowTracking", configuration: text },
    });
  });
});

/** A commit of another writer, unchecked. */
async function commitRaw({ store }: ReturnType<typeof contextOf>, action: Action): Promise<void> {
  await store.putIfAbsent(commitPath(1), serializeActions([action]));
}
