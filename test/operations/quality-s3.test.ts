import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { VarveError } from "../../src/errors.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { publishStaged } from "../../src/staging/publish-staged.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { rowsOf } from "./table-folder.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server.close());

const range = suite("range", [check.between("amount", { min: 0 }, { id: "amount", onFail: "quarantine" })], {
  maxBadShare: 1,
});
const keys = suite("keys", [check.unique("id", { acrossTable: true })]);
const orders = () => schema().long("id").double("amount");
const opened = (name: string) => openTable(`s3://bucket/${name}`, { s3: server.options });

async function created(name: string) {
  const table = await createTable(`s3://bucket/${name}`, { s3: server.options, schema: orders() });
  await table.append([{ id: 1, amount: 1 }]);
  return table;
}

describe("data tests on S3", () => {
  it("guard what a table carries, set rows aside, repair and resubmit them, purge them and keep metrics", async () => {
    const table = await created("carried");
    await table.suite.set(range);
    expect(
      await table.append(
        [
          { id: 2, amount: -2 },
          { id: 3, amount: 3 },
        ],
        { batchId: "b" },
      ),
    ).toMatchObject({
      rows: 1,
      quarantine: { rows: 1 },
    });
    const elsewhere = await opened("carried");
    expect(await elsewhere.quarantine.repair({ batchId: "b" }, { amount: "-amount" })).toBe(1);
    expect(await elsewhere.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    expect((await rowsOf(elsewhere)).map((row) => row["amount"])).toEqual([1, 2, 3]);
    expect(await elsewhere.quarantine.purge({ before: new Date(Date.now() + 60_000) })).toBe(1);
    await elsewhere.metrics.record();
    expect(
      (await elsewhere.metrics.series()).find(({ name }) => name === "row_count")?.points.at(-1)?.value,
    ).toBe(3);
    await Promise.all([table.close(), elsewhere.close()]);
  });

  it("go with staged batches from process to process, and publish them once", async () => {
    const table = await created("staged");
    await table.staging.stage([{ id: 2, amount: 2 }], { id: "b", gate: keys });
    const elsewhere = await opened("staged");
    const staged = await elsewhere.staging.get("b");
    expect(await staged.audit(range)).toMatchObject({ accepted: true });
    const both = await Promise.all([table.staging.publish("b"), elsewhere.staging.publish("b")]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(["alreadyApplied", "committed"]);
    await table.staging.stage([{ id: 1, amount: 2 }], { id: "twice", gate: keys });
    await expect(table.staging.publish("twice")).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    await (await table.staging.get("twice")).discard();
    expect(await table.staging.list()).toEqual([]);
    expect((await rowsOf(await opened("staged"))).map((row) => row["id"])).toEqual([1n, 2n]);
    await Promise.all([table.close(), elsewhere.close()]);
  });

  it("go with the rows of staged batches that do not fit, and set them aside once", async () => {
    const table = await created("misfits");
    const gate = { ...range.json, onMisfit: "quarantine" as const };
    const rows = [
      { id: 2, amount: 2 },
      { id: 3, amount: "many" },
      { id: 4, amount: -4 },
    ];
    expect(await table.staging.stage(rows, { id: "b", gate })).toMatchObject({ rows: 2, misfits: 1 });
    const elsewhere = await opened("misfits");
    expect(await (await elsewhere.staging.get("b")).audit()).toMatchObject({
      accepted: true,
      rows: 3,
      quarantined: 2,
    });
    await Promise.all([table.staging.publish("b"), elsewhere.staging.publish("b")]);
    const later = await opened("misfits");
    expect(
      (await later.quarantine.read()).map(({ payload }) => JSON.parse(String(payload)).id).sort(),
    ).toEqual([3, 4]);
    expect((await rowsOf(later)).map((row) => row["id"])).toEqual([1n, 2n]);
    await Promise.all([table.close(), elsewhere.close(), later.close()]);
  });

  it.each([
    ["landed", true],
    ["did not land", false],
  ])("tell an outcome that is unknown from one that is not, when the commit %s", async (_, lands) => {
    const name = `unknown-${lands}`;
    const table = await created(name);
    await table.staging.stage([{ id: 2, amount: 2 }], { id: "b" });
    const context = silent(await openContext(`s3://bucket/${name}`, { s3: server.options }), lands);
    await expect(publishStaged(await openLog(context, {}), "b")).rejects.toMatchObject({
      code: "COMMIT_OUTCOME_UNKNOWN",
    });
    expect((await (await opened(name)).staging.list()).map(({ id }) => id)).toEqual(["b"]);
    const again = await (await opened(name)).staging.publish("b");
    expect(again.outcome).toBe(lands ? "alreadyApplied" : "committed");
    expect((await rowsOf(await opened(name))).map((row) => row["id"])).toEqual([1n, 2n]);
    await table.close();
  });
});

/**
 * A store that answers nothing definite about commits: neither whether the put landed, nor what lies there.
 */
function silent(context: TableContext, lands: boolean): TableContext {
  const { store } = context;
  const asked = new Set<string>();
  const isCommit = (path: string) => /^_delta_log\/\d{20}\.json$/.test(path);
  return {
    ...context,
    world: { ...context.world, sleep: async () => undefined },
    store: {
      uri: store.uri,
      getRange: (path, start, length, options) => store.getRange(path, start, length, options),
      head: (path, options) => store.head(path, options),
      put: (path, bytes, options) => store.put(path, bytes, options),
      putFile: (path, file, options) => store.putFile(path, file, options),
      delete: (path, options) => store.delete(path, options),
      stagingFolder: () => store.stagingFolder(),
      get: async (path, options) => {
        if (asked.has(path)) throw new VarveError("STORE_UNAVAILABLE", "no answer", { path });
        return store.get(path, options);
      },
      list: (prefix, options) => store.list(prefix, options),
      putIfAbsent: async (path, bytes, options) => {
        if (!isCommit(path)) return store.putIfAbsent(path, bytes, options);
        if (lands && !asked.has(path)) await store.putIfAbsent(path, bytes, options);
        asked.add(path);
        return "unknown";
      },
    },
  };
}
