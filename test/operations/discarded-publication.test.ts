import { join } from "node:path";
import { expect, it } from "vitest";
import { check, createTable, openTable, schema, suite } from "../../src/index.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { freshFolder, rowsOf } from "./table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
  onMisfit: "quarantine",
});

it("a staged batch that is discarded after its publication was killed leaves no open rows", async () => {
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, { schema: schema().long("id") });
  await table.append([{ id: -9 }], { gate, batchId: "other" });
  await table.staging.stage([{ id: 1 }, { id: -1 }, { id: "x" }] as never, { id: "june", gate });
  const store = await openStore(folder);
  const dead = {
    ...store,
    putIfAbsent: (path: string, ...rest: [Uint8Array]) =>
      /^_delta_log\/0{19}2/.test(path)
        ? Promise.reject(new Error("the process died"))
        : store.putIfAbsent(path, ...rest),
  };
  await using dying = await openTable("slow://t", { openStore: () => dead });
  await expect(dying.staging.publish("june")).rejects.toThrow("died");
  expect(await table.quarantine.read()).toHaveLength(3);
  await table.staging.discard("june");
  expect((await table.quarantine.read()).map(({ batch_id }) => batch_id)).toEqual(["other"]);
  const discarded = await table.quarantine.read({ status: "discarded" });
  expect(discarded.map(({ note }) => note)).toEqual([
    "its staged batch was discarded while it was being published",
    "its staged batch was discarded while it was being published",
  ]);
  expect(await table.quarantine.reopen({ all: true })).toBe(2);
  expect(await rowsOf(table)).toEqual([]);
});
