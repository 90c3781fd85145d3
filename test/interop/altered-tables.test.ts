import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

describe("a table whose definition varve changed", () => {
  test("binds Spark by the constraints that varve added, and no longer when varve dropped them and their feature", async () => {
    const path = join(folder, "constraints");
    await using table = await createTable(path, { schema: schema().long("id").string("v") });
    await table.append([{ id: 1, v: "a" }]);
    await table.alter({ addConstraints: { Positive: "id > 0", named: "v <> ''" }, upgradeProtocol: true });
    await expect(peers.sql(path, "INSERT INTO {table} VALUES (-1, 'b')")).rejects.toThrow(/positive/i);
    await peers.sql(path, "INSERT INTO {table} VALUES (2, 'b')", "ALTER TABLE {table} DROP CONSTRAINT named");
    await table.refresh();
    await expect(table.append([{ id: -2, v: "" }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { constraint: "positive" },
    });
    await table.append([{ id: 3, v: "" }]);
    await table.alter({ dropConstraints: ["positive"], dropFeatures: ["checkConstraints"] });
    await peers.sql(path, "INSERT INTO {table} VALUES (-4, 'd')");
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });

  test("is read and continued by Spark after features were dropped", async () => {
    const path = join(folder, "features");
    const properties = {
      "delta.appendOnly": "true",
      "delta.enableInCommitTimestamps": "true",
      "delta.enableChangeDataFeed": "true",
      "delta.feature.vacuumProtocolCheck": "supported",
      "delta.feature.domainMetadata": "supported",
    };
    await using table = await createTable(path, { schema: schema().long("id"), properties });
    await table.append([{ id: 1 }]);
    const off = { "delta.appendOnly": "false", "delta.enableInCommitTimestamps": "false", "delta.enableChangeDataFeed": "false" };
    const dropFeatures = ["inCommitTimestamp", "changeDataFeed", "vacuumProtocolCheck", "domainMetadata"];
    await table.alter({ set: off, dropFeatures });
    await peers.sql(path, "INSERT INTO {table} VALUES (2)", "DELETE FROM {table} WHERE id = 1");
    await table.refresh();
    await table.append([{ id: 3 }]);
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });
});

async function expectAgreement(path: string): Promise<void> {
  for (let version = await latestVersion(path); version >= 0; version--) {
    const ours = await versionRows(path, version);
    const theirs = await peers.read("spark", path, version);
    expect(canonicalRows(theirs.rows, ours.schema), `version ${version}`).toEqual(canonicalRows(ours.rows, ours.schema));
  }
}
