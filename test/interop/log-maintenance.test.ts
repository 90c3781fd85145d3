import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { copyFixture, type Fixture, fixtures, scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);

/** Features that deltalake 1.6 says it cannot read. */
const NOT_IN_DELTALAKE = new Set([
  "typeWidening",
  "vacuumProtocolCheck",
  "variantShredding-preview",
  "variantType",
]);

/** deltalake reads INT96 as nanoseconds, which end in 2262: the year 9999 comes out wrong. */
const DELTALAKE_READS_OTHERWISE = new Set(["int96"]);

const readable = fixtures().filter(
  ({ rows, expected, name }) =>
    rows !== undefined && !("must_reject" in expected) && name !== "unknown-writer-feature",
);

describe("a log that varve cut down to its own checkpoint and checksum", () => {
  for (const one of readable) {
    test(`${one.name} reads the same in Spark and deltalake`, async () => {
      const table = copyFixture(one, folder);
      dropMaintenanceOf(table, Number(one.expected["version"]));
      const snapshot = await openLog(await openContext(table));
      await writeCheckpoint(snapshot);
      expect(await writeChecksum(snapshot.context, await checksumOf(snapshot))).toBe(true);
      keepOnlyCheckpoint(table, snapshot.version);
      await expectPeersToRead(one, table, snapshot);
      expect(await sharedPeers().call("spark", "verify_checksum", { path: table })).toEqual([]);
    });
  }
});

describe("a log with varve's compaction file in place of commits", () => {
  for (const one of readable.filter(
    ({ expected }) => Number(expected["version"]) > 1 && hasWholeLog(expected),
  )) {
    test(`${one.name} reads the same in Spark and deltalake`, async () => {
      const table = copyFixture(one, folder, "-compacted");
      const snapshot = await openLog(await openContext(table));
      keepOnlyCommits(table);
      await writeCompaction(snapshot.context, 1, snapshot.version);
      await expectPeersToRead(one, table, snapshot);
    });
  }
});

async function expectPeersToRead(
  { rows = [], expected, name }: Fixture,
  table: string,
  { schema }: LogSnapshot,
): Promise<void> {
  const wanted = canonicalRows(rows, schema);
  const spark = await sharedPeers().read("spark", table);
  expect(canonicalRows(spark.rows, schema)).toEqual(wanted);
  const features = Array.isArray(expected["features"]) ? expected["features"].map(String) : [];
  const unread = features.filter((feature) => NOT_IN_DELTALAKE.has(feature));
  if (unread.length > 0 || DELTALAKE_READS_OTHERWISE.has(name)) {
    console.log(
      `deltalake is not asked about ${name}: ${unread.join(", ") || "it cannot hold these timestamps"}`,
    );
    return;
  }
  const deltalake = await sharedPeers().read("deltalake", table);
  expect(canonicalRows(deltalake.rows, schema)).toEqual(wanted);
}

function hasWholeLog({ rowsByVersion }: Fixture["expected"]): boolean {
  return (
    typeof rowsByVersion === "object" &&
    rowsByVersion !== null &&
    Object.values(rowsByVersion).every((count) => count !== "unavailable")
  );
}

/** Takes away what the other engine did for the latest version beside its commit. */
function dropMaintenanceOf(table: string, version: number): void {
  const log = join(table, "_delta_log");
  const latest = String(version).padStart(20, "0");
  for (const file of readdirSync(log))
    if (file.startsWith(latest) && file !== `${latest}.json`) rmSync(join(log, file));
}

/** Leaves the latest commit, varve's checkpoint of it with its hint, and its checksum. */
function keepOnlyCheckpoint(table: string, version: number): void {
  const log = join(table, "_delta_log");
  const latest = String(version).padStart(20, "0");
  for (const file of readdirSync(log))
    if (/^\d/.test(file) && !file.startsWith(latest)) rmSync(join(log, file));
}

/** Leaves the commits alone: no checkpoint, hint or checksum. */
function keepOnlyCommits(table: string): void {
  const log = join(table, "_delta_log");
  for (const file of readdirSync(log))
    if (!/^\d{20}\.json$/.test(file)) rmSync(join(log, file), { recursive: true });
}
