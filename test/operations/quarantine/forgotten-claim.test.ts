import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, openTable, schema, suite, VarveError } from "../../../src/index.ts";
import { openStore } from "../../../src/storage/open-store.ts";
import type { ObjectStore } from "../../../src/store.ts";
import { realWorld } from "../../../src/util/world.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })]);
const day = 24 * 60 * 60 * 1000;

/**
 * A table whose resubmission died at a commit, and whose log was cleaned of transactions of that age since.
 */
async function interrupted(at: RegExp) {
  const folder = join(freshFolder(), "t");
  let late = 0;
  const world = { ...realWorld, now: () => realWorld.now() + late };
  const properties = { "delta.setTransactionRetentionDuration": "interval 1 day" };
  await using table = await createTable(folder, { schema: schema().long("id"), properties, world } as never);
  await table.append([{ id: 1 }, { id: -1 }], { gate, batchId: "b" });
  const store = await openStore(folder);
  const dying: ObjectStore = {
    ...store,
    putIfAbsent: async (path, bytes, options) => {
      if (at.test(path)) throw new VarveError("STORE_REFUSED", "the process died", {});
      return store.putIfAbsent(path, bytes, options);
    },
  };
  await using dead = await openTable("dying://t", { openStore: () => dying, world } as never);
  await dead.quarantine.resubmit({ all: true, untested: true }).catch((error: unknown) => error);
  late = 3 * day;
  await using later = await openTable(folder, { world } as never);
  await later.append([{ id: 2 }]);
  await later.log.checkpoint();
  return { folder, world };
}

describe("a claim that the log's transactions no longer tell of", () => {
  it.each([
    ["landed, and lands no more", /^_quarantine\/_delta_log\/0{19}3\.json$/],
    ["had not landed, and lands", /^_delta_log\/0{19}2\.json$/],
  ])("%s", async (_, at) => {
    const { folder, world } = await interrupted(at);
    await using table = await openTable(folder, { world } as never);
    expect(await table.quarantine.resubmit({ all: true, untested: true })).toMatchObject({ landed: 1 });
    expect((await rowsOf(table)).map(({ id }) => Number(id))).toEqual([-1, 1, 2]);
    expect(await table.quarantine.read({ status: "resubmitted" })).toHaveLength(1);
  });

  it("may have landed where commits are gone: its rows stay claimed", async () => {
    const { folder, world } = await interrupted(/^_quarantine\/_delta_log\/0{19}3\.json$/);
    const store = await openStore(folder);
    for (const version of [0, 1, 2])
      await store.delete(`_delta_log/${String(version).padStart(20, "0")}.json`);
    await using table = await openTable(folder, { world } as never);
    await expect(table.quarantine.resubmit({ all: true, untested: true })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
    expect((await rowsOf(table)).map(({ id }) => Number(id))).toEqual([-1, 1, 2]);
    expect(await table.quarantine.read({ status: "claimed" })).toHaveLength(1);
  });
});
