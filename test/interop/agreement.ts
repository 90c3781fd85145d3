import { expect } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { type PeerName, sharedPeers } from "./peer.ts";
import { canonicalRows, changedRows, latestVersion, versionRows } from "./varve.ts";

/** What is compared of a table, besides its rows. */
interface AgreementOptions {
  /** The first version to compare; the first of the table by default. */
  readonly from?: number;
  /** Who reads beside varve; Spark alone by default. */
  readonly by?: readonly PeerName[];
}

/**
 * Expects every version of a table, or those from one on, to have the same rows in varve and the peers; the newest
 * version also the same row ids, and the range the same change feed, where the table has them.
 */
export async function expectAgreement(
  path: string,
  { from = 0, by = ["spark"] }: AgreementOptions = {},
): Promise<void> {
  const peers = sharedPeers();
  const latest = await latestVersion(path);
  for (let version = latest; version >= from; version--) {
    const ours = await versionRows(path, version);
    for (const peer of by) {
      const theirs = await peers.read(peer, path, version);
      expect(canonicalRows(theirs.rows, ours.schema), `version ${version} in ${peer}`).toEqual(
        canonicalRows(ours.rows, ours.schema),
      );
    }
  }
  const properties = await propertiesOf(path);
  if (properties["delta.enableChangeDataFeed"] === "true") {
    const ours = await changedRows(path, from, latest);
    const theirs = await peers.rows("spark", "changes", { path, start: from, end: latest });
    expect(canonicalRows(theirs.rows, ours.schema), "the change feed").toEqual(
      canonicalRows(ours.rows, ours.schema),
    );
  }
  if (properties["delta.enableRowTracking"] === "true") {
    const tracked =
      "SELECT id, _metadata.row_id AS row, _metadata.row_commit_version AS version FROM {table}";
    const { rows } = await peers.sql(path, tracked);
    expect(numbers(rows.map((row) => [row["id"], row["row"], row["version"]])), "row ids").toEqual(
      await trackedRows(path),
    );
  }
}

async function propertiesOf(path: string): Promise<Readonly<Record<string, string>>> {
  await using table = await openTable(path);
  return table.snapshot().properties;
}

/** The ids of rows by their column `id`. */
async function trackedRows(path: string): Promise<number[][]> {
  await using table = await openTable(path);
  const rows: unknown[][] = [];
  for await (const { id, _metadata: ids } of table.rows({ columns: ["id"], rowTracking: true }))
    rows.push([id, Object(ids)["row_id"], Object(ids)["row_commit_version"]]);
  return numbers(rows);
}

function numbers(rows: readonly (readonly unknown[])[]): number[][] {
  return rows.map((row) => row.map(Number)).sort(([a = 0], [b = 0]) => a - b);
}
