import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { TableContext } from "../../../src/log/contract.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { append } from "../../../src/operations/append.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { resubmit } from "../../../src/quarantine/resubmit.ts";
import { schema } from "../../../src/schema/builder.ts";
import { publishStaged } from "../../../src/staging/publish-staged.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const atMost = (max: number) =>
  suite(`at most ${max}`, [check.between("delay", { max }, { onFail: "quarantine" })], { maxBadShare: 1 });
const flights = [5, 50, 500, 5000].map((delay, id) => ({ id, delay }));
const tableCommit = /^_delta_log\/\d{20}\.json$/;
const quarantineCommit = /^_quarantine\/_delta_log\/\d{20}\.json$/;

/** Steps of another writer, made once, before or after a file of a matching name is put. */
interface Pause {
  readonly path: RegExp;
  readonly before?: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

/** A table's connections of one writer, which is paused at one place. */
async function paused(folder: string, pause: Pause): Promise<TableContext> {
  const context = await openContext(folder);
  let due = true;
  const store = new Proxy(context.store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key !== "putIfAbsent") return typeof value === "function" ? value.bind(target) : value;
      return async (path: string, bytes: Uint8Array) => {
        const now = due && pause.path.test(path);
        if (now) due = false;
        if (now) await pause.before?.();
        const outcome = await target.putIfAbsent(path, bytes);
        if (now) await pause.after?.();
        return outcome;
      };
    },
  });
  return { ...context, store };
}

const newest = async (folder: string) => openLog(await openContext(folder));

async function made(): Promise<string> {
  const folder = join(freshFolder(), "t");
  await createTable(folder, { schema: schema().long("id").long("delay") });
  return folder;
}

/** A try of the batch that sets rows aside and dies before it lands. */
async function diesAfterQuarantine(folder: string): Promise<void> {
  const stop = new AbortController();
  const onProgress = ({ phase }: { readonly phase: string }) => phase === "committing" && stop.abort();
  const died = append(await newest(folder), flights, {
    gate: atMost(100),
    batchId: "b",
    signal: stop.signal,
    onProgress,
  });
  await expect(died).rejects.toMatchObject({ code: "CANCELLED" });
}

async function outcome(folder: string) {
  const table = await openTable(folder);
  const landed = (await rowsOf(table)).map((row) => Number(row["delay"])).sort((a, b) => a - b);
  const aside = (await table.quarantine.list()).length === 0 ? [] : await table.quarantine.read();
  const open = aside.filter((row) => row["status"] === "open" || row["status"] === "claimed");
  return {
    landed,
    open: open.map((row) => Number(JSON.parse(String(row["payload"])).delay)).sort((a, b) => a - b),
  };
}

const whole = { landed: [5, 50, 500, 5000], open: [] };

describe("two tries of a batch at once, whose tests differ", () => {
  it.each(["a resubmission", "the repeated batch"])(
    "leave each row in one place once %s came",
    async (next) => {
      const folder = await made();
      const context = await paused(folder, { path: tableCommit, before: () => diesAfterQuarantine(folder) });
      expect(await append(await openLog(context), flights, { batchId: "b" })).toMatchObject({
        outcome: "committed",
        rows: 4,
      });
      const table = await openTable(folder);
      if (next === "a resubmission")
        expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 0 });
      else
        expect(await table.append(flights, { gate: atMost(100), batchId: "b" })).toMatchObject({
          outcome: "alreadyApplied",
        });
      expect(await outcome(folder)).toEqual(whole);
      const rows = await table.quarantine.read({ status: "discarded" });
      expect(
        rows.map((row) => [row["status"], String(row["note"]).includes("the table has this row")]),
      ).toEqual([
        ["discarded", true],
        ["discarded", true],
      ]);
    },
  );

  it("go by an application's own ids as well", async () => {
    const folder = await made();
    const dies = async () => {
      const stop = new AbortController();
      const onProgress = ({ phase }: { readonly phase: string }) => phase === "committing" && stop.abort();
      const options = {
        gate: atMost(100),
        txn: { appId: "stream:1", version: 7 },
        signal: stop.signal,
        onProgress,
      };
      await expect(append(await newest(folder), flights, options)).rejects.toMatchObject({
        code: "CANCELLED",
      });
    };
    const context = await paused(folder, { path: tableCommit, before: dies });
    await append(await openLog(context), flights, { txn: { appId: "stream:1", version: 7 } });
    await (await openTable(folder)).quarantine.resubmit({ all: true });
    expect(await outcome(folder)).toEqual(whole);
  });

  it("keep what the one that landed set aside, and it can be resubmitted", async () => {
    const folder = await made();
    const table = await openTable(folder);
    await table.append(flights, { gate: atMost(100), batchId: "b" });
    await table.append([{ id: 9, delay: 900 }], { gate: atMost(100), txn: { appId: "app", version: 1 } });
    await table.append([{ id: 10, delay: 901 }], { gate: atMost(100), txn: { appId: "app", version: 2 } });
    await table.append([{ id: 11, delay: 902 }], { gate: atMost(100) });
    expect((await outcome(folder)).open).toEqual([500, 900, 901, 902, 5000]);
    await table.append(flights, { gate: atMost(100), batchId: "b" });
    expect(await table.quarantine.resubmit({ all: true, gate: atMost(1000) })).toMatchObject({
      landed: 4,
      stillBad: 1,
    });
    expect(await outcome(folder)).toEqual({ landed: [5, 50, 500, 900, 901, 902], open: [5000] });
  });

  it("conflict where rows of the one were resubmitted before the other lands", async () => {
    const folder = await made();
    const before = async () => {
      await diesAfterQuarantine(folder);
      expect(
        await (await openTable(folder)).quarantine.resubmit({ all: true, gate: atMost(1000) }),
      ).toMatchObject({
        landed: 1,
        stillBad: 1,
      });
    };
    const context = await paused(folder, { path: tableCommit, before });
    await expect(append(await openLog(context), flights, { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_TRANSACTION",
    });
    await expect(append(await newest(folder), flights, { batchId: "b" })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
    expect(await append(await newest(folder), flights, { gate: atMost(100), batchId: "b" })).toMatchObject({
      outcome: "committed",
    });
    expect(await outcome(folder)).toEqual({ landed: [5, 50, 500], open: [5000] });
  });

  it("double nothing where the other lands between claim and landing of a resubmission", async () => {
    const folder = await made();
    let landed: Promise<unknown> = Promise.resolve();
    let resubmitted: Promise<unknown> = Promise.resolve();
    const before = async () => {
      await diesAfterQuarantine(folder);
      await new Promise<void>((reached, failed) => {
        const landing = {
          path: tableCommit,
          before: () => {
            reached();
            return landed;
          },
        };
        resubmitted = paused(folder, landing).then(async (context) =>
          resubmit(await openLog(context), { untested: true }),
        );
        resubmitted.catch(failed);
      });
    };
    const context = await paused(folder, { path: tableCommit, before });
    landed = append(await openLog(context), flights, { batchId: "b" });
    expect(await landed).toMatchObject({ outcome: "committed", rows: 4 });
    expect(await resubmitted).toMatchObject({ landed: 0 });
    expect(await outcome(folder)).toEqual(whole);
  });
});

describe("a change of the table's suite between two tries of a batch at once", () => {
  it("makes the rows that the older one set aside meanwhile give way to those of the newer one", async () => {
    const folder = await made();
    const { suite } = await openTable(folder);
    await suite.set(atMost(100));
    const old = await newest(folder);
    await (await openTable(folder)).suite.set(atMost(1000));
    const before = () =>
      expect(append(old, flights, { batchId: "b" })).rejects.toMatchObject({
        code: "CONFLICT_METADATA_CHANGED",
      });
    const context = await paused(folder, { path: quarantineCommit, before });
    expect(await append(await openLog(context), flights, { batchId: "b" })).toMatchObject({
      outcome: "committed",
      rows: 3,
    });
    expect(await outcome(folder)).toEqual({ landed: [5, 50, 500], open: [5000] });
  });

  it("is a conflict for the older one, whose repetition lands", async () => {
    const folder = await made();
    const { suite } = await openTable(folder);
    await suite.set(atMost(100));
    const before = async () => {
      await (await openTable(folder)).suite.set(atMost(1000));
      const stop = new AbortController();
      const onProgress = ({ phase }: { readonly phase: string }) => phase === "committing" && stop.abort();
      const died = append(await newest(folder), flights, { batchId: "b", signal: stop.signal, onProgress });
      await expect(died).rejects.toMatchObject({ code: "CANCELLED" });
    };
    const context = await paused(folder, { path: quarantineCommit, before });
    await expect(append(await openLog(context), flights, { batchId: "b" })).rejects.toMatchObject({
      code: "CONFLICT_METADATA_CHANGED",
      data: { winningVersion: 2 },
    });
    expect(await append(await newest(folder), flights, { batchId: "b" })).toMatchObject({ rows: 3 });
    expect(await outcome(folder)).toEqual({ landed: [5, 50, 500], open: [5000] });
  });
});

describe("a change of the table's suite meanwhile", () => {
  it.each([
    [null, whole],
    [1000, { landed: [5, 50, 500], open: [5000] }],
    [10, { landed: [5], open: [50, 500, 5000] }],
  ])("makes a publication go by the new one alone, at most %s", async (max, expected) => {
    const folder = await made();
    const table = await openTable(folder);
    await table.suite.set(atMost(100));
    const staged = await (await openTable(folder)).staging.stage(flights);
    const before = async () => {
      const { suite } = await openTable(folder);
      await (max === null ? suite.unset() : suite.set(atMost(max)));
    };
    const context = await paused(folder, { path: tableCommit, before });
    expect(await publishStaged(await openLog(context), staged.id)).toMatchObject({ outcome: "committed" });
    expect(await (await openTable(folder)).staging.publish(staged.id)).toMatchObject({
      outcome: "alreadyApplied",
    });
    expect(await outcome(folder)).toEqual(expected);
    await (await openTable(folder)).quarantine.resubmit({ all: true });
    expect(await outcome(folder)).toEqual(expected);
  });

  it("holds claimed rows to the suite that they land under", async () => {
    const folder = await made();
    const table = await openTable(folder);
    await table.suite.set(atMost(100));
    await table.append(flights, { batchId: "b" });
    await table.suite.set(atMost(10_000));
    const after = async () => (await openTable(folder)).suite.set(atMost(200));
    const context = await paused(folder, { path: quarantineCommit, after });
    await expect(resubmit(await openLog(context))).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    expect(await outcome(folder)).toEqual({ landed: [5, 50], open: [500, 5000] });
  });
});
