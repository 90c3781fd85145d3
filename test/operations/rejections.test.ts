import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { Table } from "../../src/api/table.ts";
import { isVarveError, VarveError } from "../../src/errors.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { dataFiles, filesBelow, freshFolder } from "./table-folder.ts";

const gate = suite("amounts", [
  check.positive("amount", { id: "above-zero", onFail: "reject" }),
  check.notNull("id", { id: "identified", onFail: "quarantine" }),
]);
const bad = [
  { id: 1, amount: -1 },
  { id: 2, amount: 2 },
];
const good = [{ id: 3, amount: 3 }];

let folder: string;
let table: Table;

const orders = () => schema().long("id").double("amount");

beforeEach(async () => {
  folder = join(freshFolder(), "t");
  table = await createTable(folder, { schema: orders() });
  return () => table.close();
});

/** The code of the error of a call that must fail. */
async function refusal(work: Promise<unknown>): Promise<VarveError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isVarveError(error)) throw new Error("the call did not fail as expected", { cause: error });
  return error;
}

const record = () => join(folder, "_rejections");

describe("a rejected batch leaves a trace", () => {
  it("of what was tested, against which version, by which tests, and why it was rejected", async () => {
    const file = join(folder, "..", "june.csv");
    writeFileSync(file, "id,amount\n1,-1\n2,2\n,4\n");
    const { version } = await table.append(good);
    const about = { gate, batchId: "june", userMetadata: "Files of June" };
    const error = await refusal(table.append({ csv: file }, about));
    expect(error).toMatchObject({ code: "BATCH_REJECTED", data: { gate: { rows: 3 } } });
    expect(error.data).not.toHaveProperty("unrecorded");
    const [entry, ...more] = await table.rejections.list();
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      batchId: "june",
      userMetadata: "Files of June",
      operation: "WRITE",
      baseVersion: version,
      sources: [file],
      code: "BATCH_REJECTED",
      reasons: error.data["reasons"],
      suite: { name: "amounts", fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
      rows: 3,
      quarantined: 1,
      dropped: 0,
      failedChecks: ["above-zero", "identified"],
      gate: error.data["gate"],
    });
    expect(Math.abs(Date.now() - Number(entry?.rejectedAt))).toBeLessThan(60_000);
    expect((await table.refresh()).version).toBe(version);
  });

  it("for each attempt, the newest first, and none for the attempt that lands", async () => {
    for (const userMetadata of ["first", "second"])
      await refusal(table.append(bad, { gate, batchId: "june", userMetadata }));
    await table.append(good, { gate, batchId: "june" });
    await table.append(bad, { gate, batchId: "june" });
    const entries = await table.rejections.list();
    expect(entries.map(({ userMetadata }) => userMetadata)).toEqual(["second", "first"]);
    expect(await table.count()).toBe(1);
  });

  it("whether it was appended, published or replaced rows, and whoever carries the tests", async () => {
    await refusal(table.overwrite(bad, { gate, batchId: "whole" }));
    await table.suite.set(gate);
    await refusal(table.append(bad));
    const { id } = await table.staging.stage(bad, { id: "staged-1", userMetadata: "from staging" });
    await refusal(table.staging.publish(id));
    await refusal(table.append(bad, { txn: { appId: "app", version: 7n } }));
    expect((await table.rejections.list()).map(({ batchId }) => batchId)).toEqual([
      "app:7",
      "staged-1",
      null,
      "whole",
    ]);
    expect(await table.rejections.list({ batch: "staged-1" })).toMatchObject([
      { userMetadata: "from staging", failedChecks: ["above-zero"], suite: { name: "amounts" } },
    ]);
  });

  it("if too large a share of it is bad, it does not fit, or it breaks a constraint", async () => {
    await table.alter({ addConstraints: { small: "amount < 100" }, upgradeProtocol: true });
    const aside = suite("aside", [check.positive("amount", { onFail: "quarantine" })], { maxBadShare: 0.1 });
    await refusal(table.append(bad, { gate: aside }));
    await refusal(table.append([{ id: "x", amount: 1 }], { gate }));
    const broken = await refusal(table.append([{ id: 1, amount: 1000 }], { gate }));
    expect(await table.rejections.list()).toMatchObject([
      { code: "CONSTRAINT_VIOLATED", reasons: [broken.message], rows: null, gate: null, failedChecks: [] },
      { code: "SCHEMA_MISMATCH", suite: { name: "amounts" } },
      { code: "BATCH_REJECTED", reasons: [expect.stringContaining("maxBadShare")], quarantined: 1, rows: 2 },
    ]);
  });

  it("unless it has no tests, its table is only being created, or its rows are quarantined already", async () => {
    await refusal(table.append([{ id: "x" }]));
    const elsewhere = join(freshFolder(), "new");
    await refusal(createTable(elsewhere, { source: bad, gate }));
    expect(filesBelow(elsewhere)).toEqual([]);
    await table.append([{ id: null, amount: 1 }, ...good, ...good], { gate, batchId: "aside" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 1 });
    expect(existsSync(record())).toBe(false);
    expect(await table.rejections.list()).toEqual([]);
  });

  it("once, if many writers are rejected at the same time", async () => {
    const tables = await Promise.all(Array.from({ length: 6 }, () => openTable(folder)));
    await Promise.all(tables.map((each, at) => refusal(each.append(bad, { gate, batchId: `b${at}` }))));
    const batches = (await table.rejections.list()).map(({ batchId }) => batchId).sort();
    expect(batches).toEqual(["b0", "b1", "b2", "b3", "b4", "b5"]);
    expect((await fsck(record())).findings).toEqual([]);
    await Promise.all(tables.map((each) => each.close()));
  });

  it("without what may be secret in the addresses of its files", async () => {
    const { rejectionLog } = await import("../../src/rejections/rejection-log.ts");
    const { sourceFiles } = await import("../../src/write/plan/fetched-source.ts");
    const address = "https://user:secret@example.com/in/june.csv?token=secret";
    const error = new VarveError("BATCH_REJECTED", "rejected");
    const log = rejectionLog(table.snapshot().log);
    const sources = sourceFiles({ csv: [address, "s3://bucket/in/*.csv", "local.csv"] });
    await log.record({ batch: {}, operation: "WRITE", sources, suite: undefined, error });
    expect(await table.rejections.list()).toMatchObject([
      { sources: ["https://example.com/in/june.csv", "s3://bucket/in/*.csv", "local.csv"], suite: null },
    ]);
  });
});

describe("the list of rejected batches", () => {
  it("has those of a batch, with a text in their message, and at most as many as wanted", async () => {
    for (const [batchId, userMetadata] of [
      ["a", "Weekly LOAD"],
      ["b", "50% of it"],
      ["a", undefined],
    ] as const)
      await refusal(table.append(bad, { gate, batchId, userMetadata }));
    const batches = async (options: Parameters<Table["rejections"]["list"]>[0]) =>
      (await table.rejections.list(options)).map(({ batchId, userMetadata }) => [batchId, userMetadata]);
    expect(await batches({ batch: "a" })).toEqual([
      ["a", null],
      ["a", "Weekly LOAD"],
    ]);
    expect(await batches({ messageContains: "load" })).toEqual([["a", "Weekly LOAD"]]);
    expect(await batches({ messageContains: "0%" })).toEqual([["b", "50% of it"]]);
    expect(await batches({ batch: "b", messageContains: "load" })).toEqual([]);
    expect(await batches({ limit: 1 })).toEqual([["a", null]]);
  });

  it("has none of another table, which was in this place and was removed", async () => {
    await refusal(table.append(bad, { gate }));
    const { rmSync } = await import("node:fs");
    rmSync(join(folder, "_delta_log"), { recursive: true });
    const anew = await createTable(folder, { schema: orders() });
    expect(await anew.rejections.list()).toEqual([]);
    await anew.close();
  });

  it("loses what was rejected long ago, with the files that held it, when it is purged", async () => {
    await refusal(table.append(bad, { gate, batchId: "old" }));
    expect(await table.rejections.purge()).toBe(0);
    const soon = new Date(Date.now() + 60_000);
    expect(await table.rejections.purge({ before: soon, dryRun: true })).toBe(1);
    expect(await table.rejections.list()).toHaveLength(1);
    expect(await table.rejections.purge({ before: soon })).toBe(1);
    expect(await table.rejections.list()).toEqual([]);
    expect(dataFiles(record())).toEqual([]);
    expect(await table.rejections.purge({ before: soon })).toBe(0);
  });
});

describe("a store that fails while a rejection is recorded", { timeout: 0 }, () => {
  /** The table, whose store fails at a call that would write to the record; 0: at none. */
  async function withFault(call: number) {
    let calls = 0;
    const context = await openContext(folder);
    const { store } = context;
    const meets = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
      if (path.startsWith("_rejections/") && ++calls === call)
        throw new VarveError("STORE_FULL", `the disk is full at ${path}`, {});
      return work();
    };
    const faulty: ObjectStore = {
      ...store,
      put: (path, ...rest) => meets(path, () => store.put(path, ...rest)),
      putFile: (path, ...rest) => meets(path, () => store.putFile(path, ...rest)),
      putIfAbsent: (path, ...rest) => meets(path, () => store.putIfAbsent(path, ...rest)),
    };
    return { faulted: Table.of(await openLog({ ...context, store: faulty })), calls: () => calls };
  }

  it("never hides why the batch was rejected, and leaves no half of a record", async () => {
    const { faulted, calls } = await withFault(0);
    const plain = await refusal(faulted.append(bad, { gate }));
    const steps = calls();
    expect(steps).toBeGreaterThan(2);
    for (let step = 1; step <= steps; step++) {
      const { rmSync } = await import("node:fs");
      rmSync(record(), { recursive: true });
      const failing = await withFault(step);
      const error = await refusal(failing.faulted.append(bad, { gate, batchId: `step ${step}` }));
      expect(error.code).toBe("BATCH_REJECTED");
      expect(error.message.startsWith(plain.message)).toBe(true);
      const entries = await table.rejections.list();
      // What follows a commit (a checksum, a checkpoint) may fail without harm.
      if (error.data["unrecorded"] === undefined) expect(entries).toHaveLength(1);
      else {
        expect(error.message).toContain("could not be recorded");
        expect(error.data).toMatchObject({
          unrecorded: { code: "STORE_FULL" },
          reasons: plain.data["reasons"],
        });
        expect(entries).toEqual([]);
      }
      await refusal(table.append(bad, { gate, batchId: "again" }));
      expect(await table.rejections.list({ batch: "again" })).toHaveLength(1);
      expect((await fsck(record(), { orphans: true })).findings).toEqual([]);
      await failing.faulted.close();
    }
    await faulted.close();
  });
});

describe("rejected batches on S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server.close());

  it("are recorded, listed and purged as on disk", async () => {
    const remote = await createTable("s3://bucket/t", { s3: server.options, schema: orders() });
    await refusal(remote.append(bad, { gate, batchId: "june" }));
    await refusal(remote.append(bad, { gate, batchId: "july" }));
    const elsewhere = await openTable("s3://bucket/t", { s3: server.options });
    expect((await elsewhere.rejections.list()).map(({ batchId }) => batchId)).toEqual(["july", "june"]);
    expect(await elsewhere.rejections.purge({ before: new Date(Date.now() + 60_000) })).toBe(2);
    expect(await remote.rejections.list()).toEqual([]);
    await Promise.all([remote.close(), elsewhere.close()]);
  });
});
