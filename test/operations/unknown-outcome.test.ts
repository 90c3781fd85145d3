import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { VarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import { overwrite } from "../../src/operations/overwrite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { resubmit } from "../../src/quarantine/resubmit.ts";
import { schema } from "../../src/schema/builder.ts";
import { discardStaged, publishStaged } from "../../src/staging/publish-staged.ts";
import { stageBatch } from "../../src/staging/stage.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { CommitOutcomeUnknownError } from "../../src/table/commit/commit-outcome.ts";
import { commitOrWithdraw } from "../../src/table/data-files/publish-data-files.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld } from "../../src/util/world.ts";
import { dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

/** What a store does with the commits that it does not answer. */
interface Deafness {
  /** Commits that match are put, or not, without an answer, and cannot be read back. */
  to: RegExp | undefined;
  readonly lands: boolean;
}

function deafStore(store: ObjectStore, deafness: Deafness): ObjectStore {
  const meets = (path: string) => deafness.to?.test(path) === true;
  return {
    ...store,
    putIfAbsent: async (path, bytes, options) => {
      if (!meets(path)) return store.putIfAbsent(path, bytes, options);
      if (deafness.lands) await store.putIfAbsent(path, bytes, options);
      return "unknown";
    },
    get: async (path, options) => {
      if (meets(path)) throw new VarveError("STORE_UNAVAILABLE", "nobody answers");
      return store.get(path, options);
    },
  };
}

async function deafTable(
  lands: boolean,
): Promise<{ folder: string; context: TableContext; deafness: Deafness }> {
  const folder = join(freshFolder(), "t");
  const created = await createTable(folder, { schema: schema().long("id").double("amount") });
  await created.append([{ id: 1, amount: 1 }]);
  await created.close();
  const deafness: Deafness = { to: undefined, lands };
  const open = await openContext(folder, { world: { ...realWorld, sleep: async () => undefined } });
  return { folder, context: { ...open, store: deafStore(open.store, deafness) }, deafness };
}

async function unknown(work: Promise<unknown>): Promise<CommitOutcomeUnknownError> {
  const error = await work.catch((reason: unknown) => reason);
  if (error instanceof CommitOutcomeUnknownError) return error;
  throw new Error(`its outcome is not unknown: ${String(error)}`);
}

const ids = async (folder: string) => (await rowsOf(await openTable(folder))).map((row) => Number(row["id"]));
const gate = suite("amounts", [check.between("amount", { min: 0 }, { onFail: "quarantine" })]);
const ofTable = /^_delta_log\/\d{20}\.json$/;
const ofQuarantine = /^_quarantine\/_delta_log\/0{19}1\.json$/;

const verbs: readonly (readonly [string, readonly number[], (snapshot: LogSnapshot) => Promise<unknown>])[] =
  [
    ["an append", [1, 2], (snapshot) => append(snapshot, [{ id: 2, amount: 2 }])],
    [
      "a gated append",
      [1, 2],
      (snapshot) =>
        append(
          snapshot,
          [
            { id: 2, amount: 2 },
            { id: 3, amount: -1 },
          ],
          { gate },
        ),
    ],
    ["an overwrite", [2], (snapshot) => overwrite(snapshot, [{ id: 2, amount: 2 }])],
    ["a publication", [1, 2], (snapshot) => publishStaged(snapshot, "next")],
  ];

describe("files of a commit whose outcome is unknown stay", () => {
  it.each(verbs)("after %s that landed: the table reads whole", async (name, expected, verb) => {
    const { folder, context, deafness } = await deafTable(true);
    const snapshot = await openLog(context);
    if (name === "a publication") await stageBatch(snapshot, [{ id: 2, amount: 2 }], { id: "next" });
    deafness.to = ofTable;
    await unknown(verb(snapshot));
    expect(await ids(folder)).toEqual(expected);
  });

  it.each(verbs)("after %s that did not land: recovering commits them", async (name, expected, verb) => {
    const { folder, context, deafness } = await deafTable(false);
    const snapshot = await openLog(context);
    if (name === "a publication") await stageBatch(snapshot, [{ id: 2, amount: 2 }], { id: "next" });
    deafness.to = ofTable;
    const error = await unknown(verb(snapshot));
    deafness.to = undefined;
    expect(await error.recover()).toMatchObject({ outcome: "committed", version: 2 });
    expect(await ids(folder)).toEqual(expected);
  });

  it.each([true, false])(
    "in the quarantine too, whether its commit landed (%s) or not: the repeated batch sets its rows aside once",
    async (lands) => {
      const { folder, context, deafness } = await deafTable(lands);
      const snapshot = await openLog(context);
      deafness.to = ofQuarantine;
      const batch = [
        { id: 2, amount: 2 },
        { id: 3, amount: -1 },
      ];
      await expect(append(snapshot, batch, { gate, batchId: "b" })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        message: expect.stringMatching(/^The quarantine at .* commit of version 1\b/),
        data: { version: 1 },
      });
      deafness.to = undefined;
      const quarantined = dataFiles(join(folder, "_quarantine"));
      expect(quarantined).toHaveLength(1);
      await append(await openLog(context), batch, { gate, batchId: "b" });
      const table = await openTable(folder);
      expect(await table.quarantine.read()).toHaveLength(1);
      expect(await ids(folder)).toEqual([1, 2]);
    },
  );

  it.each([true, false])(
    "of a side table that is being created (%s) too: nothing passes for the batch's own commit",
    async (lands) => {
      const { folder, context, deafness } = await deafTable(lands);
      deafness.to = /^_quarantine\/_delta_log\/0{20}\.json$/;
      const batch = [
        { id: 2, amount: 2 },
        { id: 3, amount: -1 },
      ];
      const error = await append(await openLog(context), batch, { gate, batchId: "b" }).catch(
        (e: unknown) => e,
      );
      expect(error).not.toBeInstanceOf(CommitOutcomeUnknownError);
      expect(error).toMatchObject({ code: "STORE_UNAVAILABLE" });
      deafness.to = undefined;
      expect(await ids(folder)).toEqual([1]);
      await append(await openLog(context), batch, { gate, batchId: "b" });
      expect(await ids(folder)).toEqual([1, 2]);
      expect(await (await openTable(folder)).quarantine.read()).toHaveLength(1);
    },
  );

  it("of the quarantine's version that claims rows too: the repeated resubmission lands each once", async () => {
    const { folder, context, deafness } = await deafTable(true);
    await append(await openLog(context), [{ id: 3, amount: -1 }], { gate, batchId: "b" });
    deafness.to = /^_quarantine\/_delta_log\/0{19}2\.json$/;
    await expect(resubmit(await openLog(context), { untested: true })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    deafness.to = undefined;
    expect(await resubmit(await openLog(context), { untested: true })).toMatchObject({
      landed: 1,
      stillBad: 0,
    });
    expect(await ids(folder)).toEqual([1, 3]);
  });

  it.each([true, false])(
    "of the quarantine's version that marks landed rows (it landed: %s) too: they are told as landed",
    async (lands) => {
      const { folder, context, deafness } = await deafTable(lands);
      await append(await openLog(context), [{ id: 3, amount: -1 }], { gate, batchId: "b" });
      deafness.to = /^_quarantine\/_delta_log\/0{19}3\.json$/;
      expect(await resubmit(await openLog(context), { untested: true })).toMatchObject({
        landed: 1,
        version: 3,
        unmarked: [{ version: 3, cause: { code: "STORE_UNAVAILABLE" } }],
      });
      deafness.to = undefined;
      await resubmit(await openLog(context), { untested: true });
      expect(await ids(folder)).toEqual([1, 3]);
      const { quarantine } = await openTable(folder);
      expect(await quarantine.read({ status: "resubmitted" })).toHaveLength(1);
    },
  );

  it("of a publication, though the batch is discarded afterwards", async () => {
    const { folder, context, deafness } = await deafTable(true);
    const snapshot = await openLog(context);
    await stageBatch(snapshot, [{ id: 2, amount: 2 }], { id: "next" });
    deafness.to = ofTable;
    await unknown(publishStaged(snapshot, "next"));
    deafness.to = undefined;
    await expect(discardStaged(snapshot, "next")).rejects.toMatchObject({ code: "STAGED_INVALID" });
    expect(await ids(folder)).toEqual([1, 2]);
  });

  it("of a publication that did not land yet, though the batch is discarded afterwards: it may land still", async () => {
    const { folder, context, deafness } = await deafTable(false);
    const snapshot = await openLog(context);
    await stageBatch(snapshot, [{ id: 2, amount: 2 }], { id: "next" });
    deafness.to = ofTable;
    const error = await unknown(publishStaged(snapshot, "next"));
    deafness.to = undefined;
    expect(await discardStaged(snapshot, "next")).toEqual({ filesDeleted: false });
    expect(await error.recover()).toMatchObject({ outcome: "committed", version: 2 });
    expect(await ids(folder)).toEqual([1, 2]);
  });

  it("and those of a batch of which a file cannot be moved go, all of them", async () => {
    const folder = join(freshFolder(), "t");
    await (
      await createTable(folder, { schema: schema().long("id").string("part"), partitionBy: ["part"] })
    ).close();
    const context = await openContext(folder);
    let moves = 0;
    const full: ObjectStore = {
      ...context.store,
      putFile: async (path, file, options) => {
        if (++moves === 3) throw new VarveError("STORE_REFUSED", "the disk is full");
        await context.store.putFile(path, file, options);
      },
    };
    const rows = ["a", "b", "c"].map((part, id) => ({ id, part }));
    await expect(append(await openLog({ ...context, store: full }), rows)).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(moves).toBe(3);
    expect(dataFiles(folder)).toEqual([]);
  });

  it("and those of a commit that certainly did not happen go", async () => {
    const { folder, context } = await deafTable(true);
    const before = filesBelow(folder);
    const refusing: ObjectStore = {
      ...context.store,
      putIfAbsent: async (path, bytes, options) => {
        if (ofTable.test(path)) throw new VarveError("STORE_REFUSED", "read-only");
        return context.store.putIfAbsent(path, bytes, options);
      },
    };
    await expect(
      append(await openLog({ ...context, store: refusing }), [{ id: 2, amount: 2 }]),
    ).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(filesBelow(folder)).toEqual(before);
  });

  it("where the commit lies in a past that was cleaned up: its file stays in the log, and names them", async () => {
    const { folder, context } = await deafTable(true);
    await context.store.put("data.parquet", new Uint8Array([1]));
    const staged = { files: [{ path: "data.parquet" }], rows: 1, bytes: 1, discard: async () => undefined };
    const failing = (code: "LOG_GAP" | "CANCELLED") =>
      commitOrWithdraw(context, staged as never, () => Promise.reject(new VarveError(code, "planned")));
    await expect(failing("LOG_GAP")).rejects.toMatchObject({ code: "LOG_GAP" });
    expect(existsSync(join(folder, "data.parquet"))).toBe(true);
    await expect(failing("CANCELLED")).rejects.toMatchObject({ code: "CANCELLED" });
    expect(existsSync(join(folder, "data.parquet"))).toBe(false);
  });
});
