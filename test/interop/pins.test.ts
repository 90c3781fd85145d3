import { utimesSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { realWorld } from "../../src/util/world.ts";
import { filesBelow } from "../operations/table-folder.ts";
import { cephSkipReason, cephTools, startCeph } from "../support/ceph.ts";
import { startS3Server } from "../support/s3-server.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

test.each([
  ["a plain table", {}, ["deltalake", "spark"]],
  [
    "a table with vectors and row ids",
    { "delta.enableDeletionVectors": "true", "delta.enableRowTracking": "true" },
    ["spark"],
  ],
] as const)(
  "a pin of %s outlives the vacuums of all engines and a log cleanup, and all read it as a table",
  async (name, properties, readers) => {
    const path = join(folder, name);
    await using table = await createTable(path, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { ...properties, "delta.logRetentionDuration": "interval 0 days" },
    });
    const values = ["a", "x y", "100%", "b/c=d", "ü'\"", null];
    await table.append(Array.from({ length: 40 }, (_, id) => ({ id, p: values[id % 6] ?? null })));
    await table.delete("id % 10 = 3");
    const { fingerprint } = await table.snapshot().contentFingerprint();
    await table.pins.add("model-7");
    await table.overwrite([{ id: 1, p: "x y" }]);
    await table.settled();
    for (const file of filesBelow(path).filter((each) => /\.(?:parquet|bin)$/.test(each)))
      utimesSync(join(path, file), 1_700_000_000, 1_700_000_000);
    if (readers.some((reader) => reader === "deltalake"))
      await peers.call("deltalake", "vacuum", { path, full: true });
    await peers.sql(path, "VACUUM {table} RETAIN 0 HOURS");
    await table.refresh();
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const later = () => Date.now() + 10 * 24 * 3_600_000;
    await using cleaned = await openTable(path, { world: { ...realWorld, now: later } });
    await cleaned.log.checkpoint();
    await cleaned.log.clean();
    await expect(cleaned.at(2)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    expect(filesBelow(path).filter((each) => /^[^_].*\.parquet$/.test(each))).toHaveLength(1);
    await using pinned = await openTable(`${path}@model-7`);
    expect((await pinned.snapshot().contentFingerprint()).fingerprint).toBe(fingerprint);
    await expectAgreement(join(path, "_pins/model-7"), { by: readers });
    expect(await table.pins.check()).toMatchObject([{ state: "sound" }]);
  },
);

const stores = [
  ["the S3 server of the test folder", onServer, undefined],
  ["Ceph", onCeph, cephTools() === undefined ? cephSkipReason : undefined],
] as const;

for (const [name, start, skipped] of stores)
  test.skipIf(skipped !== undefined)(
    `a pin on ${name} outlives a vacuum${skipped === undefined ? "" : ` (${skipped})`}`,
    async () => {
      const { s3, stop } = await start();
      try {
        const path = `s3://bucket/pins-${process.pid}/a table`;
        await using table = await createTable(path, {
          source: { sql: "SELECT i AS id, 'p ' || (i % 3) AS p FROM range(30) AS r(i)" },
          partitionBy: ["p"],
          s3,
        });
        const { fingerprint } = await table.snapshot().contentFingerprint();
        expect(await table.pins.add("model-7")).toMatchObject({ outcome: "pinned", filesCopied: 3 });
        await table.overwrite([{ id: 1, p: "q" }]);
        expect(await table.vacuum({ retainHours: 0, retentionCheck: false })).toMatchObject({
          outcome: "deleted",
          pinnedVersions: [{ version: 0, pins: ["model-7"] }],
        });
        await using pinned = await openTable(`${path}@model-7`, { s3 });
        expect((await pinned.snapshot().contentFingerprint()).fingerprint).toBe(fingerprint);
        expect(await table.pins.check()).toMatchObject([{ state: "sound" }]);
        expect(await table.pins.remove("model-7")).toMatchObject({ outcome: "removed", files: 3 });
      } finally {
        await stop();
      }
    },
  );

interface Place {
  readonly s3: S3Options;
  readonly stop: () => Promise<void>;
}

async function onServer(): Promise<Place> {
  const server = await startS3Server();
  return { s3: server.options, stop: () => server.close() };
}

async function onCeph(): Promise<Place> {
  const ceph = await startCeph(cephTools() ?? "");
  return { s3: ceph.options, stop: () => ceph.stop() };
}
