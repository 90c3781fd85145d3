import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { VarveError } from "../../src/errors.ts";
import { checkpointPath, commitPath } from "../../src/log/segment/file-names.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { CommitOutcomeUnknownError } from "../../src/table/commit/commit-outcome.ts";
import type { CommitRequest } from "../../src/table/commit/commit-request.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import {
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

async function table(actions: CommitRequest["actions"] = [protocol(), metadata()]) {
  const store = freshMemoryStore();
  const context = contextOf(store);
  await createTable(context, actions);
  return { store, context, old: await replay(context) };
}

const infoOf = async (context: ReturnType<typeof contextOf>, version: number) => {
  const first = (await replay(context)).commits[version]?.[0];
  return first?.kind === "commitInfo" ? first.info : {};
};

describe("a transaction that lost a version", () => {
  it("meets a file by any spelling of its path", async () => {
    const { context, old } = await table();
    await commitTransaction(old, append("a b.parquet"));
    const read = await replay(context);
    await commitTransaction(read, { actions: [remove("a%20b.parquet")], operation: "DELETE" });
    const late = commitTransaction(read, { actions: [remove("./a%20%62.parquet")], operation: "DELETE" });
    await expect(late).rejects.toMatchObject({ code: "CONFLICT_CONCURRENT_DELETE_DELETE" });
  });

  it("is built upon the metadata and features that the winner left", async () => {
    const stamps = { "delta.enableInCommitTimestamps": "true" };
    const { context, old } = await table([protocol(["appendOnly", "inCommitTimestamp"]), metadata()]);
    await commitTransaction(old, { actions: [metadata(stamps)], operation: "SET TBLPROPERTIES" });
    await commitTransaction(old, append("other.parquet"));
    const result = await commitTransaction(old, append("mine.parquet"));
    expect(result).toMatchObject({
      outcome: "committed",
      version: 3,
      state: { metadata: { configuration: stamps } },
    });
    expect(typeof (await infoOf(context, 3))["inCommitTimestamp"]).toBe("number");
  });

  it("is checked against the winner in hand where the listing does not show it yet", async () => {
    const { store, old } = await table();
    await commitTransaction(old, append("rival.parquet"));
    const lagging: ObjectStore = {
      ...store,
      list: async function* (prefix, options) {
        for await (const file of store.list(prefix, options)) if (file.path !== commitPath(1)) yield file;
      },
    };
    const snapshot = { ...old, context: contextOf(lagging) };
    const strict = { reads: { wholeTable: true }, isolation: "Serializable" } as const;
    await expect(commitTransaction(snapshot, append("mine.parquet", strict))).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    expect(await commitTransaction(snapshot, append("mine.parquet"))).toMatchObject({
      outcome: "committed",
      version: 2,
    });
  });

  it.each([
    ["goes up with a gap", [1, 3]],
    ["begins beyond the next version", [2, 3]],
  ])("does not go on over a log that %s", async (_, versions) => {
    const { store, context, old } = await table();
    for (const name of ["a", "b", "c"]) await commitTransaction(await replay(context), append(name));
    for (const version of [1, 2, 3]) if (!versions.includes(version)) await store.delete(commitPath(version));
    // Somebody else had the next version when we tried it.
    const late: ObjectStore = {
      ...store,
      putIfAbsent: async (path, bytes, options) =>
        path === commitPath(1) ? "exists" : store.putIfAbsent(path, bytes, options),
      get: async (path, options) => store.get(path === commitPath(1) ? commitPath(3) : path, options),
    };
    await expect(
      commitTransaction({ ...old, context: contextOf(late) }, append("mine")),
    ).rejects.toMatchObject({ code: "LOG_GAP" });
    expect(await store.head(commitPath(4))).toBeUndefined();
  });

  it("may still be tried as often as it was allowed, and no more", async () => {
    const { store, context, old } = await table();
    let tries = 0;
    const racing: ObjectStore = {
      ...store,
      putIfAbsent: async (path, bytes, options) => {
        tries++;
        await commitTransaction(await replay(context), append(`rival ${tries}`));
        return store.putIfAbsent(path, bytes, options);
      },
    };
    const snapshot = { ...old, context: contextOf(racing) };
    await expect(
      commitTransaction(snapshot, append("mine", { retry: { attempts: 3 } })),
    ).rejects.toMatchObject({
      code: "COMMIT_RETRIES_EXHAUSTED",
      data: { attempts: 3, version: 3 },
    });
    expect(tries).toBe(3);
  });
});

describe("a table's isolation level", () => {
  it.each([
    [undefined, "WriteSerializable"],
    ["WriteSerializable", "WriteSerializable"],
    ["SnapshotIsolation", "WriteSerializable"],
    ["Serializable", "Serializable"],
    ["serializable", "Serializable"],
    ["Linearizable", "Serializable"],
  ])("%s is checked as %s", async (level, expected) => {
    const { context, old } = await table([
      protocol(),
      metadata(level === undefined ? {} : { "delta.isolationLevel": level }),
    ]);
    await commitTransaction(old, append("a"));
    expect((await infoOf(context, 1))["isolationLevel"]).toBe(expected);
  });
});

describe("versions of 2^31 and more", () => {
  it("are committed, lost and rebased like others", async () => {
    const { store, context, old } = await table();
    const version = 2 ** 31 - 1;
    await store.put(commitPath(version), await store.get(commitPath(0)));
    const snapshot = { ...old, version };
    for (const [at, path] of ["a", "b", "c"].entries()) {
      expect(await commitTransaction(snapshot, append(path))).toMatchObject({
        outcome: "committed",
        version: version + 1 + at,
      });
    }
    expect(await context.store.head(commitPath(2 ** 31 + 2))).toBeDefined();
  });
});

describe("a transaction that cannot learn how it ended", () => {
  it("says so where a version that it may have put is said to exist, and is gone", async () => {
    const { store, old } = await table();
    const answers = ["unknown", "exists"] as const;
    let at = 0;
    const vanishing: ObjectStore = {
      ...store,
      putIfAbsent: async () => answers[Math.min(at++, 1)] ?? "exists",
    };
    const work = commitTransaction({ ...old, context: contextOf(vanishing) }, append("mine"));
    await expect(work).rejects.toMatchObject({ code: "COMMIT_OUTCOME_UNKNOWN", data: { version: 1 } });
  });

  it("says so where the first answer was that the version exists, and it is gone: it may have been its own, sent twice on the way", async () => {
    const { store, old } = await table();
    const vanishing: ObjectStore = { ...store, putIfAbsent: async () => "exists" };
    const work = commitTransaction({ ...old, context: contextOf(vanishing) }, append("mine"));
    await expect(work).rejects.toMatchObject({ code: "COMMIT_OUTCOME_UNKNOWN", data: { version: 1 } });
  });

  async function paused(change: (store: ObjectStore, clock: { now: number }) => Partial<ObjectStore>) {
    const clock = { now: hastyWorld.now() };
    const world = { ...hastyWorld, now: () => clock.now };
    const store = memoryStore(`rebase-${randomUUID()}`, "", world);
    await createTable(contextOf(store, world), [protocol(), metadata()]);
    const snapshot = await replay(contextOf(store, world));
    return {
      clock,
      store,
      late: { ...snapshot, context: contextOf({ ...store, ...change(store, clock) }, world) },
      other: snapshot,
    };
  }

  it.each([
    ["the store is away", new VarveError("STORE_UNAVAILABLE", "planned")],
    ["it may not be read", new VarveError("STORE_REFUSED", "planned")],
    ["of a failure of another kind", new TypeError("planned")],
  ])(
    "says so where the log cannot be looked at after a long pause because %s, and recovers",
    async (_, failure) => {
      let looks = 0;
      const { late, store } = await paused((inner, clock) => ({
        putIfAbsent: async (path, bytes, options) => {
          const answer = await inner.putIfAbsent(path, bytes, options);
          clock.now += 3_600_000;
          return answer;
        },
        head: async (path, options) => {
          if (looks++ === 0) throw failure;
          return inner.head(path, options);
        },
      }));
      const error = await commitTransaction(late, append("mine")).catch((reason: unknown) => reason);
      if (!(error instanceof CommitOutcomeUnknownError))
        throw new Error(`expected an unknown outcome: ${String(error)}`);
      expect(await error.recover()).toMatchObject({ outcome: "committed", version: 1 });
      expect(await store.head(commitPath(2))).toBeUndefined();
    },
  );

  it("creates no version anew that had landed, and was cleaned up before it could be looked at", async () => {
    let looks = 0;
    let puts = 0;
    const { late, store } = await paused((inner, clock) => ({
      putIfAbsent: async (path, bytes, options) => {
        const answer = await inner.putIfAbsent(path, bytes, options);
        if (puts++ > 0) return answer;
        await inner.put(checkpointPath(1), new Uint8Array([1]));
        for (const version of [0, 1]) await inner.delete(commitPath(version));
        clock.now += 3_600_000;
        return answer;
      },
      head: async (path, options) => {
        if (looks++ === 0) throw new VarveError("STORE_UNAVAILABLE", "planned");
        return inner.head(path, options);
      },
    }));
    const error = await commitTransaction(late, append("mine")).catch((reason: unknown) => reason);
    if (!(error instanceof CommitOutcomeUnknownError))
      throw new Error(`expected an unknown outcome: ${String(error)}`);
    await expect(error.recover()).rejects.toMatchObject({
      code: "COMMIT_OUTCOME_UNKNOWN",
      data: { version: 1 },
    });
    expect(await store.head(commitPath(1))).toBeUndefined();
  });

  it("is told that its version was cleaned up where only an older checkpoint of that version is left", async () => {
    const { late, other } = await paused((inner, clock) => ({
      putIfAbsent: async (path, bytes, options) => {
        if (path === commitPath(1) && clock.now < hastyWorld.now() + 3_600_000) {
          await commitTransaction(other, append("rival"));
          await inner.put(checkpointPath(1), new Uint8Array([1]));
          for (const version of [0, 1]) await inner.delete(commitPath(version));
          clock.now += 2 * 3_600_000;
        }
        return inner.putIfAbsent(path, bytes, options);
      },
    }));
    await expect(commitTransaction(late, append("mine"))).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { version: 1 },
    });
  });
});
