import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, matchingRows, versionRows } from "./varve.ts";
import { writtenCases } from "./written-cases.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

describe("tables that varve writes", () => {
  for (const [n, { name, create, write, conditions = [], notInDeltalake }] of writtenCases.entries()) {
    test(`${name}: Spark and deltalake read every version as varve does`, async () => {
      const path = join(folder, `case ${n}`);
      await using table = await createTable(path, create);
      await write(table);
      const { version: latest } = await table.refresh();
      const asked = notInDeltalake === undefined ? (["spark", "deltalake"] as const) : (["spark"] as const);
      if (notInDeltalake !== undefined)
        console.log(`deltalake is not asked about "${name}": ${notInDeltalake}`);
      for (let version = 0; version <= latest; version++) {
        const { rows, schema } = await versionRows(path, version);
        const ours = canonicalRows(rows, schema);
        for (const peer of asked) {
          const theirs = await peers.read(peer, path, version);
          expect(canonicalRows(theirs.rows, schema), `version ${version} in ${peer}`).toEqual(ours);
        }
      }
      for (const condition of conditions) {
        const { rows, schema } = await matchingRows(path, condition);
        for (const peer of asked) {
          const theirs = await peers.rows(peer, "where", { path, condition });
          expect(canonicalRows(theirs.rows, schema), `${condition} in ${peer}`).toEqual(
            canonicalRows(rows, schema),
          );
        }
      }
    });
  }
});
