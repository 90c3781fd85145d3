import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { CommitOutcomeUnknownError } from "../../src/table/commit/commit-outcome.ts";
import type { CommitRequest } from "../../src/table/commit/commit-request.ts";
import { commitNewTable, commitTransaction } from "../../src/table/commit/transaction.ts";
import {
  add,
  append,
  contextOf,
  createTable,
  freshMemoryStore,
  hastyWorld,
  metadata,
  type PutScript,
  protocol,
  remove,
  replay,
  scriptedStore,
} from "../support/commit-tools.ts";

// PROTOCOL.md "Creation of New Log Entries", "Transaction Identifiers", "In-Commit Timestamps", "Writer
// Requirements for In-Commit Timestamps", "Row IDs", "Writer Requirements for Row Tracking" and "Type Change
// Metadata".

async function table(actions = [protocol(), metadata()] as CommitRequest["actions"]) {
  const store = freshMemoryStore();
  const context = contextOf(store);
  await createTable(context, actions);
  return { store, context };
}

async function pathsOf(context: ReturnType<typeof contextOf>): Promise<string[]> {
  return (await replay(context)).commits
    .flat()
    .flatMap((action) => (action.kind === "add" ? [action.path] : []));
}

describe("commitTransaction", () => {
  it("writes commitInfo first, with a txnId, a truthful isBlindAppend and text parameters", async () => {
    const { context } = await table();
    const snapshot = await replay(context);
    const result = await commitTransaction(
      snapshot,
      append("a.parquet", { operationParameters: { mode: "Append", partitionBy: ["part"] } }),
    );
    expect(result).toMatchObject({ outcome: "committed", version: 1, attempts: 1 });
    const [info, file] = (await replay(context)).commits[1] ?? [];
    expect(info).toMatchObject({
      kind: "commitInfo",
      info: {
        operation: "WRITE",
        operationParameters: { mode: "Append", partitionBy: '["part"]' },
        isBlindAppend: true,
        readVersion: 0,
        isolationLevel: "WriteSerializable",
        engineInfo: "varve",
      },
    });
    if (result.outcome === "committed") expect(info).toMatchObject({ info: { txnId: result.txnId } });
    expect(file).toEqual(add("a.parquet"));
  });

  it.each([
    ["a read predicate", { reads: { predicates: [{ op: "unknown" }] } }],
    ["read files", { reads: { files: ["x"] } }],
    ["the whole table read", { reads: { wholeTable: true } }],
    ["a removal", { actions: [add("a.parquet"), remove("b.parquet")] }],
    ["files without data change", { actions: [add("a.parquet", { dataChange: false })] }],
  ] satisfies [string, Partial<CommitRequest>][])(
    "does not call itself a blind append with %s",
    async (_, change) => {
      const { context } = await table();
      await commitTransaction(await replay(context), append("a.parquet", change));
      expect((await replay(context)).commits[1]?.[0]).toMatchObject({ info: { isBlindAppend: false } });
    },
  );

  it("rebases a blind append over others' appends", async () => {
    const { context } = await table();
    const old = await replay(context);
    await commitTransaction(old, append("a.parquet"));
    await commitTransaction(old, append("b.parquet"));
    const third = await commitTransaction(old, append("c.parquet"));
    expect(third).toMatchObject({ version: 3, attempts: 2 });
    if (third.outcome === "committed") expect(third.winners.map(({ version }) => version)).toEqual([1, 2]);
    expect(await pathsOf(context)).toEqual(["a.parquet", "b.parquet", "c.parquet"]);
  });

  it("many writers on one table land each commit exactly once", async () => {
    const { context } = await table();
    const old = await replay(context);
    const names = Array.from({ length: 40 }, (_, at) => `f${at}.parquet`);
    const results = await Promise.all(names.map((name) => commitTransaction(old, append(name))));
    expect(new Set(results.map((result) => result.version)).size).toBe(40);
    expect((await pathsOf(context)).sort()).toEqual([...names].sort());
  });

  it("refuses to create a table where one is", async () => {
    const { context } = await table();
    await expect(
      commitNewTable(context, { actions: [protocol(), metadata()], operation: "CREATE TABLE" }),
    ).rejects.toMatchObject({
      code: "TABLE_EXISTS",
    });
  });

  it("gives up after the allowed attempts and has committed nothing", async () => {
    const { store, context } = await table();
    const other = await replay(context);
    const rivals: PutScript[] = ["r1", "r2", "r3"].map((name) => async () => {
      await commitTransaction(other, append(`${name}.parquet`));
    });
    const snapshot = await replay(contextOf(scriptedStore(store, rivals)));
    await expect(
      commitTransaction(snapshot, append("mine.parquet", { retry: { attempts: 3 } })),
    ).rejects.toMatchObject({
      code: "COMMIT_RETRIES_EXHAUSTED",
    });
    expect(await pathsOf(context)).toEqual(["r1.parquet", "r2.parquet", "r3.parquet"]);
  });

  it("refuses a snapshot whose next version was cleaned up, instead of writing into the past", async () => {
    const { store, context } = await table();
    const old = await replay(context);
    for (const name of ["a", "b", "c"]) await commitTransaction(await replay(context), append(name));
    await store.delete(commitPath(1));
    const later = contextOf(store, { ...hastyWorld, now: () => Date.now() + 3_600_000 });
    await expect(commitTransaction({ ...old, context: later }, append("mine"))).rejects.toMatchObject({
      code: "LOG_GAP",
    });
    expect(await store.head(commitPath(1))).toBeUndefined();
  });

  it("does not take a late commit into the cleaned-up past for the version that was there", async () => {
    const { store, context } = await table();
    const old = await replay(context);
    for (const name of ["a", "b", "c"]) await commitTransaction(await replay(context), append(name));
    const late = await store.get(commitPath(3));
    // Cleaned up behind a checkpoint of version 2; then a writer that had stood still puts its version 1.
    for (const version of [0, 1]) await store.delete(commitPath(version));
    await store.put(commitPath(1), late);
    const later = contextOf(store, { ...hastyWorld, now: () => Date.now() + 3_600_000 });
    // By the version that is missing: the files' times alone refuse it only where they differ.
    const refusal = { code: "LOG_GAP", data: { missing: 0, found: 1 } };
    await expect(commitTransaction({ ...old, context: later }, append("mine"))).rejects.toMatchObject(
      refusal,
    );
    expect(await store.head(commitPath(4))).toBeUndefined();
  });

  it("says so when a version is removed between its listing and its reading", async () => {
    const { store, context } = await table();
    const old = await replay(context);
    for (const name of ["a", "b"]) await commitTransaction(await replay(context), append(name));
    const get: typeof store.get = async (path, options) => {
      if (path === commitPath(2)) await store.delete(path);
      return store.get(path, options);
    };
    const late = { ...old, context: contextOf({ ...store, uri: store.uri, get }) };
    await expect(commitTransaction(late, append("mine"))).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { missing: 2 },
    });
  });

  it("does not trust commits whose files are out of order when it has not looked for long", async () => {
    const { store, context } = await table();
    const old = await replay(context);
    for (const name of ["a", "b"]) await commitTransaction(await replay(context), append(name));
    const again = await store.get(commitPath(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.delete(commitPath(1));
    await store.put(commitPath(1), again);
    const later = contextOf(store, { ...hastyWorld, now: () => Date.now() + 3_600_000 });
    await expect(commitTransaction({ ...old, context: later }, append("late"))).rejects.toMatchObject({
      code: "LOG_GAP",
    });
    expect(await commitTransaction(old, append("soon"))).toMatchObject({ outcome: "committed", version: 3 });
  });

  async function pausedTable() {
    const clock = { now: Date.now() };
    const world = { ...hastyWorld, now: () => clock.now };
    const store = memoryStore(`paused-${randomUUID()}`, "", world);
    const context = contextOf(store, world);
    await createTable(context, [protocol(), metadata()]);
    return { clock, world, store, other: await replay(context) };
  }

  it("a writer that paused while its version was cleaned up is told that its commit is not part of the table", async () => {
    const { clock, world, store, other } = await pausedTable();
    const pause = async () => {
      for (const name of ["a", "b", "c"]) await commitTransaction(other, append(name));
      // A cleanup that was cut short leaves the version before ours.
      for (const version of [1, 2]) await store.delete(commitPath(version));
      clock.now += 2 * 3_600_000;
    };
    const snapshot = await replay(contextOf(scriptedStore(store, [pause]), world));
    await expect(commitTransaction(snapshot, append("mine"))).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { version: 1 },
    });
  });

  it.each([
    ["nothing", false],
    ["another's late commit", true],
  ])(
    "a writer whose commit landed unanswered and was cleaned up, with %s in its place, is told that nobody knows, not that it failed",
    async (_, replaced) => {
      const { clock, world, store, other } = await pausedTable();
      const inner = scriptedStore(store, ["lost after landing"]);
      const paused = {
        ...inner,
        get: async (path: string): Promise<Uint8Array> => {
          if (clock.now < Date.now() + 3_600_000) {
            for (const name of ["a", "b"]) await commitTransaction(other, append(name));
            const another = await store.get(commitPath(2));
            for (const version of [0, 1, 2]) await store.delete(commitPath(version));
            clock.now += 5 * 3_600_000;
            if (replaced) await store.put(commitPath(1), another);
          }
          return inner.get(path);
        },
      };
      const snapshot = await replay(contextOf(inner, world));
      const late = contextOf({ ...paused, uri: inner.uri }, world);
      await expect(commitTransaction({ ...snapshot, context: late }, append("mine"))).rejects.toMatchObject({
        code: "COMMIT_OUTCOME_UNKNOWN",
        data: { version: 1 },
      });
    },
  );

  it("a writer that paused after its commit landed, and whose version is cleaned up since, is told that nobody knows", async () => {
    const { clock, world, store, other } = await pausedTable();
    const putIfAbsent: typeof store.putIfAbsent = async (path, bytes, options) => {
      const answer = await store.putIfAbsent(path, bytes, options);
      for (const name of ["a", "b"]) await commitTransaction(other, append(name));
      for (const version of [0, 1, 2]) await store.delete(commitPath(version));
      clock.now += 5 * 3_600_000;
      return answer;
    };
    const paused = contextOf({ ...store, uri: store.uri, putIfAbsent }, world);
    const error: unknown = await commitTransaction({ ...other, context: paused }, append("mine")).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "COMMIT_OUTCOME_UNKNOWN", data: { version: 1 } });
    // Nothing is left to look at, so asking again tells no more.
    if (!(error instanceof CommitOutcomeUnknownError)) throw new Error("must be unknown");
    await expect(error.recover()).rejects.toMatchObject({
      code: "COMMIT_OUTCOME_UNKNOWN",
      data: { version: 1 },
    });
  });

  it("a writer that paused after its commit landed learns that it landed, though the version before is cleaned up since", async () => {
    const { clock, world, store, other } = await pausedTable();
    const inner = scriptedStore(store, ["lost after landing"]);
    const head: typeof inner.head = async (path, options) => {
      if (clock.now < Date.now() + 3_600_000) {
        clock.now += 2 * 3_600_000;
        for (const name of ["a", "b"]) await commitTransaction(other, append(name));
        await store.delete(commitPath(0));
      }
      return inner.head(path, options);
    };
    const get = async (path: string): Promise<Uint8Array> => {
      await head(path);
      return inner.get(path);
    };
    const paused = { ...inner, head, get };
    const snapshot = await replay(contextOf(inner, world));
    const result = await commitTransaction(
      { ...snapshot, context: contextOf({ ...paused, uri: inner.uri }, world) },
      append("mine"),
    );
    expect(result).toMatchObject({ outcome: "committed", version: 1 });
  });

  it("is cancelled before it tried anything", async () => {
    const { context } = await table();
    const signal = AbortSignal.abort();
    await expect(commitTransaction(await replay(context), append("a", { signal }))).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(await pathsOf(context)).toEqual([]);
  });

  it("is cancelled while it waits to try again, by an error of its own", async () => {
    const { store, context } = await table();
    const other = await replay(context);
    const cancel = new AbortController();
    const rival = (name: string) => async () => {
      await commitTransaction(other, append(name));
    };
    const world = {
      ...hastyWorld,
      sleep: async (_: number, signal?: AbortSignal) => {
        cancel.abort(new Error("enough"));
        signal?.throwIfAborted();
      },
    };
    const snapshot = await replay(contextOf(scriptedStore(store, [rival("a"), rival("b")]), world));
    await expect(
      commitTransaction(snapshot, append("mine", { signal: cancel.signal })),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await pathsOf(context)).toEqual(["a", "b"]);
  });

  it.each([
    ["two metaData", [metadata(), metadata()]],
    ["one path added twice", [add("a"), add("a")]],
    ["a commitInfo of the caller's", [{ kind: "commitInfo", info: {} }]],
  ] satisfies [string, CommitRequest["actions"]][])("refuses a request with %s", async (_, actions) => {
    const { context } = await table();
    await expect(
      commitTransaction(await replay(context), { actions, operation: "WRITE" }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("unknown outcomes", () => {
  const scripts: [string, PutScript[]][] = [
    ["lost after landing", ["lost after landing"]],
    ["lost before landing", ["lost before landing"]],
    [
      "lost before landing twice, then after",
      ["lost before landing", "lost before landing", "lost after landing"],
    ],
  ];
  it.each(scripts)("an append whose answer was %s is in the table exactly once", async (_, script) => {
    const { store, context } = await table();
    const snapshot = await replay(contextOf(scriptedStore(store, [...script])));
    const result = await commitTransaction(snapshot, append("mine"));
    expect(result).toMatchObject({ outcome: "committed", version: 1 });
    expect(await pathsOf(context)).toEqual(["mine"]);
  });

  it("an answer lost before landing, while another takes the version, is lost and rebased", async () => {
    const { store, context } = await table();
    const other = await replay(context);
    const rival = async () => {
      await commitTransaction(other, append("rival"));
    };
    let first = true;
    const flaky = scriptedStore(store, []);
    const snapshot = await replay(
      contextOf({
        ...flaky,
        putIfAbsent: async (path, bytes) => {
          if (!first) return store.putIfAbsent(path, bytes);
          first = false;
          await rival();
          return "unknown";
        },
      }),
    );
    expect(await commitTransaction(snapshot, append("mine"))).toMatchObject({ version: 2 });
    expect(await pathsOf(context)).toEqual(["rival", "mine"]);
  });

  it("an `exists` that is our own late request counts as won", async () => {
    const { store, context } = await table();
    const snapshot = await replay(
      contextOf({
        ...store,
        putIfAbsent: async (path, bytes) => {
          await store.putIfAbsent(path, bytes);
          return "exists";
        },
      }),
    );
    expect(await commitTransaction(snapshot, append("mine"))).toMatchObject({ version: 1, attempts: 1 });
    expect(await pathsOf(context)).toEqual(["mine"]);
  });

  it("says so when the version cannot be read back, and recover() settles it", async () => {
    const { store, context } = await table();
    const failing = { gets: 0 };
    const snapshot = await replay(contextOf(scriptedStore(store, ["lost after landing"], failing)));
    failing.gets = 100;
    const error = await commitTransaction(snapshot, append("mine")).catch((thrown: unknown) => thrown);
    if (!(error instanceof CommitOutcomeUnknownError)) throw new Error("expected an unknown outcome");
    expect(error).toMatchObject({ code: "COMMIT_OUTCOME_UNKNOWN", version: 1 });
    await expect(error.recover()).rejects.toBeInstanceOf(CommitOutcomeUnknownError);
    failing.gets = 0;
    expect(await error.recover()).toMatchObject({ outcome: "committed", version: 1, txnId: error.txnId });
    expect(await error.recover()).toMatchObject({ outcome: "committed", version: 1 });
    expect(await pathsOf(context)).toEqual(["mine"]);
  });

  it("recover() commits what had not landed, over what others committed meanwhile", async () => {
    const { store, context } = await table();
    const failing = { gets: 0 };
    const snapshot = await replay(contextOf(scriptedStore(store, ["lost before landing"], failing)));
    failing.gets = 100;
    const error = await commitTransaction(snapshot, append("mine")).catch((thrown: unknown) => thrown);
    failing.gets = 0;
    await commitTransaction(await replay(context), append("other"));
    if (!(error instanceof CommitOutcomeUnknownError)) throw new Error("expected an unknown outcome");
    expect(await error.recover()).toMatchObject({ version: 2 });
    expect(await pathsOf(context)).toEqual(["other", "mine"]);
  });

  it("a refusal after an unknown answer stays unknown: the first request may have landed", async () => {
    const { store } = await table();
    const failing = { gets: 0 };
    const snapshot = await replay(
      contextOf(
        scriptedStore(store, ["lost before landing", ...Array<PutScript>(20).fill("refused")], failing),
      ),
    );
    await expect(commitTransaction(snapshot, append("mine"))).rejects.toMatchObject({
      code: "COMMIT_OUTCOME_UNKNOWN",
    });
  });

  it("a first refusal is definite", async () => {
    const { store, context } = await table();
    const snapshot = await replay(contextOf(scriptedStore(store, ["refused"])));
    await expect(commitTransaction(snapshot, append("mine"))).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(await pathsOf(context)).toEqual([]);
  });

  it("a commit cancelled after it landed is reported as committed", async () => {
    const { store, context } = await table();
    const cancel = new AbortController();
    const script: PutScript[] = ["lost after landing"];
    const inner = scriptedStore(store, script);
    const snapshot = await replay(
      contextOf({
        ...inner,
        putIfAbsent: async (path, bytes) => {
          const answer = await inner.putIfAbsent(path, bytes);
          cancel.abort();
          return answer;
        },
      }),
    );
    expect(await commitTransaction(snapshot, append("mine", { signal: cancel.signal }))).toMatchObject({
      version: 1,
    });
    expect(await pathsOf(context)).toEqual(["mine"]);
  });
});

describe("idempotent transactions", () => {
  const txn = { appId: "loader", version: 7n };

  it("land once and say so afterwards", async () => {
    const { context } = await table();
    expect(await commitTransaction(await replay(context), append("a", { txn }))).toMatchObject({
      outcome: "committed",
    });
    expect(await commitTransaction(await replay(context), append("b", { txn }))).toEqual({
      outcome: "alreadyApplied",
      appId: "loader",
      appliedVersion: 7n,
      version: 1,
    });
    expect(await pathsOf(context)).toEqual(["a"]);
  });

  it("that race on old snapshots land once", async () => {
    const { context } = await table();
    const old = await replay(context);
    const results = await Promise.all(
      ["a", "b", "c"].map((name) => commitTransaction(old, append(name, { txn }))),
    );
    expect(results.map(({ outcome }) => outcome).sort()).toEqual([
      "alreadyApplied",
      "alreadyApplied",
      "committed",
    ]);
    expect(await pathsOf(context)).toHaveLength(1);
  });

  it("with a later batch meet an earlier one of the same application as a conflict", async () => {
    const { context } = await table();
    const old = await replay(context);
    await commitTransaction(old, append("a", { txn }));
    await expect(
      commitTransaction(old, append("b", { txn: { appId: "loader", version: 8n } })),
    ).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_TRANSACTION",
      data: { winningVersion: 1, appId: "loader" },
    });
  });
});

describe("in-commit timestamps", () => {
  const enabled = { "delta.enableInCommitTimestamps": "true" };

  it("grow with each version even when the clock stands still or goes back", async () => {
    const store = freshMemoryStore();
    let clock = 5_000;
    const context = contextOf(store, { ...hastyWorld, now: () => clock });
    await createTable(context, [protocol(["inCommitTimestamp"]), metadata(enabled)]);
    const old = await replay(context);
    await commitTransaction(old, append("a"));
    clock = 4_000;
    await commitTransaction(old, append("b"));
    const stamps = (await replay(context)).commits.map(([info]) =>
      info?.kind === "commitInfo" ? info.info["inCommitTimestamp"] : undefined,
    );
    expect(stamps).toEqual([5_000, 5_001, 5_002]);
  });

  it("record where they were enabled on an existing table, at the version that really landed", async () => {
    const { store, context } = await table([protocol(["inCommitTimestamp", "appendOnly"]), metadata()]);
    const old = await replay(context);
    await commitTransaction(old, append("a"));
    const result = await commitTransaction(old, {
      actions: [metadata(enabled)],
      operation: "SET TBLPROPERTIES",
    });
    if (result.outcome !== "committed") throw new Error("must commit");
    const { configuration } = (await replay(context)).metadata;
    expect(configuration["delta.inCommitTimestampEnablementVersion"]).toBe("2");
    expect(configuration["delta.inCommitTimestampEnablementTimestamp"]).toBe(String(result.timestamp));
    expect(result.timestamp).toBeGreaterThan(
      (await store.head(commitPath(1)))?.modified ?? Number.POSITIVE_INFINITY,
    );
  });
});

describe("in-commit timestamps that only lack their feature", () => {
  it("are enabled, and that is written down, when the feature is listed", async () => {
    const { context } = await table([
      protocol(["appendOnly"]),
      metadata({ "delta.enableInCommitTimestamps": "true" }),
    ]);
    await commitTransaction(await replay(context), append("a"));
    await commitTransaction(await replay(context), {
      actions: [protocol(["appendOnly", "inCommitTimestamp"])],
      operation: "UPGRADE PROTOCOL",
    });
    expect((await replay(context)).metadata.configuration["delta.inCommitTimestampEnablementVersion"]).toBe(
      "2",
    );
  });
});

describe("the preview of type widening", () => {
  const widened = (tableVersion?: number) => ({
    fromType: "integer",
    toType: "long",
    ...(tableVersion === undefined ? {} : { tableVersion }),
  });
  const schemaOf = (...changes: readonly unknown[]) =>
    JSON.stringify({
      type: "struct",
      fields: [
        { name: "id", type: "long", nullable: true, metadata: { "delta.typeChanges": changes } },
        { name: "part", type: "string", nullable: true, metadata: {} },
      ],
    });

  it("has each type change named by the version that it landed in, past every winner, and older ones left alone", async () => {
    const { context } = await table([protocol(["appendOnly"], ["typeWidening-preview"]), metadata()]);
    const old = await replay(context);
    for (const name of ["a", "b"]) await commitTransaction(old, append(name));
    const change = metadata({}, { schemaString: schemaOf(widened(1), widened()) });
    await commitTransaction(old, { actions: [change], operation: "CHANGE COLUMN" });
    expect((await replay(context)).metadata.schemaString).toBe(schemaOf(widened(1), widened(3)));
  });

  it("leaves the final feature's type changes without a version", async () => {
    const { context } = await table([protocol(["appendOnly"], ["typeWidening"]), metadata()]);
    const change = metadata({}, { schemaString: schemaOf(widened()) });
    await commitTransaction(await replay(context), { actions: [change], operation: "CHANGE COLUMN" });
    expect((await replay(context)).metadata.schemaString).toBe(schemaOf(widened()));
  });
});

describe("row tracking", () => {
  it("assigns row ids above the high-water mark, again after each lost race", async () => {
    const { context } = await table([protocol(["rowTracking", "domainMetadata"]), metadata()]);
    const old = await replay(context);
    await commitTransaction(old, append("a"));
    await commitTransaction(old, { actions: [add("b"), add("c")], operation: "WRITE" });
    const { commits } = await replay(context);
    const files = commits
      .flat()
      .flatMap((action) =>
        action.kind === "add" ? [[action.path, action.baseRowId, action.defaultRowCommitVersion]] : [],
      );
    expect(files).toEqual([
      ["a", 0n, 1n],
      ["b", 10n, 2n],
      ["c", 20n, 2n],
    ]);
    expect((await (await replay(context)).domainMetadata()).get("delta.rowTracking")?.configuration).toBe(
      '{"rowIdHighWaterMark":29}',
    );
  });

  it("keeps the row ids of recommitted files", async () => {
    const { context } = await table([protocol(["rowTracking", "domainMetadata"]), metadata()]);
    await commitTransaction(await replay(context), append("a"));
    const again = add("a", { baseRowId: 0n, defaultRowCommitVersion: 1n, dataChange: false });
    await commitTransaction(await replay(context), { actions: [again], operation: "STATS" });
    expect((await replay(context)).commits[2]?.slice(1)).toEqual([again]);
  });

  it("goes on above the ids that were given out before it was suspended", async () => {
    const features = protocol(["rowTracking", "domainMetadata"]);
    const { context } = await table([features, metadata(), add("a")]);
    await commitTransaction(await replay(context), {
      actions: [metadata({ "delta.rowTrackingSuspended": "true" })],
      operation: "SET TBLPROPERTIES",
    });
    await commitTransaction(await replay(context), append("b"));
    await commitTransaction(await replay(context), { actions: [metadata(), add("c")], operation: "WRITE" });
    const { commits } = await replay(context);
    const ids = commits
      .flat()
      .flatMap((action) => (action.kind === "add" ? [[action.path, action.baseRowId]] : []));
    expect(ids).toEqual([
      ["a", 0n],
      ["b", undefined],
      ["c", 10n],
    ]);
  });

  it("assigns nothing while suspended, and asks for numRecords otherwise", async () => {
    const suspended = await table([
      protocol(["rowTracking", "domainMetadata"]),
      metadata({ "delta.rowTrackingSuspended": "true" }),
    ]);
    await commitTransaction(await replay(suspended.context), append("a"));
    expect((await replay(suspended.context)).commits[1]?.[1]).toEqual(add("a"));
    const tracked = await table([protocol(["rowTracking", "domainMetadata"]), metadata()]);
    for (const stats of [
      undefined,
      "{}",
      "[]",
      "{",
      ...[-5, 1.5, '"7"', 2 ** 53, null].map((rows) => `{"numRecords":${rows}}`),
    ])
      await expect(
        commitTransaction(await replay(tracked.context), append("b", { actions: [add("b", { stats })] })),
        stats,
      ).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { path: "b" } });
    expect((await replay(tracked.context)).version).toBe(0);
  });
});
