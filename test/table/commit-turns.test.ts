import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { takeTurn } from "../../src/table/commit/commit-turns.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import {
  add,
  append,
  contextOf,
  createTable,
  freshMemoryStore,
  metadata,
  protocol,
  replay,
} from "../support/commit-tools.ts";
import { countCalls } from "../support/counting-store.ts";

let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "commit turns "));
  await createTable(context(), [protocol(), metadata()]);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A context of its own on the same table, as each writer of a process may have. */
function context(change: (store: ObjectStore) => Partial<ObjectStore> = () => ({})): TableContext {
  const store = localDiskStore(folder);
  return contextOf({ ...store, ...change(store) }, realWorld);
}

/** A world in which nobody loses patience. */
const patient: World = {
  ...realWorld,
  sleep: (_, signal) =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
    ),
};

async function paths(): Promise<string[]> {
  return (await replay(context())).commits
    .flat()
    .flatMap((action) => (action.kind === "add" ? [action.path] : []));
}

it("sixteen transactions of one process land at once each, and those that waited read nothing back", async () => {
  // However long the disk takes: patience for a turn does not end.
  const writers = Array.from({ length: 16 }, (_, at) => ({
    path: `${at}.parquet`,
    store: countCalls(localDiskStore(folder)),
  }));
  const snapshots: LogSnapshot[] = [];
  for (const { store } of writers) {
    snapshots.push(await openLog(contextOf(store, patient)));
    store.reset();
  }
  const results = await Promise.all(
    snapshots.map((snapshot, at) => commitTransaction(snapshot, append(writers[at]?.path ?? ""))),
  );
  expect(results.map((result) => result.version).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 16 }, (_, at) => at + 1),
  );
  expect(results.map((result) => (result.outcome === "committed" ? result.attempts : 0))).toEqual(
    Array.from({ length: 16 }, () => 1),
  );
  for (const { store } of writers) {
    const { get, list, putIfAbsent } = store.counts().calls;
    expect({ get, list, putIfAbsent }).toEqual({ get: 0, list: 0, putIfAbsent: 1 });
  }
  expect((await paths()).sort()).toEqual(writers.map(({ path }) => path).sort());
});

it("a transaction whose put hangs does not hold up the others for good", async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = context((store) => ({
    putIfAbsent: async (path, bytes, options) => {
      await held;
      return store.putIfAbsent(path, bytes, options);
    },
  }));
  const first = commitTransaction(await openLog(slow), append("slow.parquet"));
  const second = await commitTransaction(await openLog(context()), append("quick.parquet"));
  expect(second).toMatchObject({ outcome: "committed", version: 1 });
  release();
  expect(await first).toMatchObject({ outcome: "committed", version: 2, attempts: 2 });
});

it("one that is cancelled while it waits commits nothing, and those behind it go on", async () => {
  const controller = new AbortController();
  let started: () => void = () => undefined;
  const isHeld = new Promise<void>((resolve) => {
    started = resolve;
  });
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = context((store) => ({
    putIfAbsent: async (path, bytes, options) => {
      started();
      await held;
      return store.putIfAbsent(path, bytes, options);
    },
  }));
  const first = commitTransaction(await openLog(slow), append("first.parquet"));
  await isHeld;
  const cancelled = commitTransaction(
    await openLog(context()),
    append("cancelled.parquet", { signal: controller.signal }),
  );
  const outcome = cancelled.catch((error: unknown) => error);
  const last = commitTransaction(await openLog(context()), append("last.parquet"));
  controller.abort();
  expect(isVarveError(await outcome, "CANCELLED")).toBe(true);
  release();
  await first;
  expect(await last).toMatchObject({ outcome: "committed", version: 2 });
  expect(await paths()).toEqual(["first.parquet", "last.parquet"]);
});

it("one that is cancelled while its turn begins passes the turn on, however the two interleave", async () => {
  const outcomes = new Set<string>();
  for (let ticks = 0; ticks < 10; ticks++) {
    const store = { ...freshMemoryStore(), identity: `interleaved ${ticks}` };
    const controller = new AbortController();
    const first = await takeTurn(store, patient);
    const second = takeTurn(store, patient, controller.signal).then(
      (turn) => {
        turn?.end([]);
        return "began";
      },
      () => "cancelled",
    );
    const third = takeTurn(store, patient);
    controller.abort(new Error("enough"));
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    first?.end([]);
    outcomes.add(await second);
    const last = await third;
    expect(last?.landed).toEqual([]);
    expect(last?.isAwaited).toBe(false);
    last?.end([]);
  }
  expect([...outcomes].sort()).toEqual(["began", "cancelled"]);
});

it("one that fails gives its turn on, with what it has read of others", async () => {
  const stale = await openLog(context());
  await commitTransaction(stale, append("other.parquet"));
  const changed = commitTransaction(stale, {
    ...append("refused.parquet"),
    actions: [metadata({}, { description: "changed" }), add("refused.parquet")],
    reads: { wholeTable: true },
  });
  const behind = commitTransaction(stale, append("behind.parquet"));
  await expect(changed).rejects.toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
  expect(await behind).toMatchObject({ outcome: "committed", version: 2 });
  expect(await paths()).toEqual(["other.parquet", "behind.parquet"]);
});

it("one that stood still after it had its turn does not trust what it was told before", async () => {
  const late = { hours: 0 };
  const raw = localDiskStore(folder);
  // Of a process that sleeps once its first transaction has landed, while others go on and clean up behind
  // them.
  const holder = context((store) => ({
    putIfAbsent: async (path, bytes, options) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const answer = await store.putIfAbsent(path, bytes, options);
      if (!path.endsWith(".json")) return answer;
      const others = contextOf({ ...raw, identity: "elsewhere" }, realWorld);
      for (const other of ["two.parquet", "three.parquet"])
        await commitTransaction(await openLog(others), append(other));
      for (const version of [0, 1, 2]) await raw.delete(commitPath(version));
      late.hours = 5;
      return answer;
    },
  }));
  const world = { ...patient, now: () => realWorld.now() + late.hours * 3_600_000 };
  const first = commitTransaction(await openLog(holder), append("first.parquet"));
  const waiting = commitTransaction(
    await openLog(contextOf(localDiskStore(folder), world)),
    append("waiting.parquet"),
  );
  const refused = expect(waiting).rejects.toMatchObject({ code: "LOG_GAP" });
  expect(await first).toMatchObject({ outcome: "committed", version: 1 });
  await refused;
  expect(await raw.head(commitPath(2))).toBeUndefined();
});

it("one whose batch landed while it waited has been applied already, and writes nothing", async () => {
  const snapshots = await Promise.all([0, 1, 2].map(() => openLog(context())));
  const txn = { appId: "batch", version: 7n };
  const results = await Promise.all(
    snapshots.map((snapshot, at) => commitTransaction(snapshot, append(`${at}.parquet`, { txn }))),
  );
  expect(results.map(({ outcome, version }) => `${outcome} ${version}`)).toEqual([
    "committed 1",
    "alreadyApplied 1",
    "alreadyApplied 1",
  ]);
  expect(await paths()).toEqual(["0.parquet"]);
});
