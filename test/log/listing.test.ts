import { describe, expect, it } from "vitest";
import {
  checkpointPartPath,
  checkpointPath,
  commitPath,
  uuidCheckpointPath,
} from "../../src/log/segment/file-names.ts";
import { listLog } from "../../src/log/segment/listing.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../src/util/world.ts";

// PROTOCOL.md "File Types" and "Checkpoints".

async function listed(paths: readonly string[], from = 0, to?: number) {
  const store = memoryStore(realWorld.uuid());
  for (const path of paths) await store.put(path, new Uint8Array([1]));
  return listLog(store, from, to);
}

const uuid = "00000000-0000-4000-8000-000000000001";

describe("the listing of a log", () => {
  it("prefers, of several checkpoints of a version, the classic one, then one by uuid, then parts", async () => {
    const parts = [1, 2].map((part) => checkpointPartPath(7, part, 2));
    const { checkpoints } = await listed([
      ...parts,
      uuidCheckpointPath(7, uuid, "json"),
      checkpointPath(7),
      checkpointPath(6),
    ]);
    expect(checkpoints.map(({ version, form }) => `${version} ${form}`)).toEqual([
      "6 classic",
      "7 classic",
      "7 uuid",
      "7 multi-part",
    ]);
  });

  it("orders checkpoints by version, as a number", async () => {
    const { checkpoints, latest } = await listed([8, 9, 10, 100].map(checkpointPath));
    expect(checkpoints.map(({ version }) => version)).toEqual([8, 9, 10, 100]);
    expect(latest).toBe(100);
  });

  it("takes parts together that are of the same number of parts only, in their order, when all are there", async () => {
    const two = [2, 1].map((part) => checkpointPartPath(7, part, 2));
    const { checkpoints } = await listed([...two, checkpointPartPath(7, 3, 3), checkpointPartPath(7, 1, 3)]);
    expect(checkpoints.map(({ files }) => files.map(({ path }) => path))).toEqual([[...two].reverse()]);
    const mixed = await listed([
      checkpointPartPath(7, 1, 2),
      checkpointPartPath(7, 2, 3),
      checkpointPartPath(7, 3, 3),
    ]);
    expect(mixed.checkpoints).toEqual([]);
    expect(mixed.latest).toBe(-1);
  });

  it("looks at the versions that were asked for, both ends included", async () => {
    const { commits } = await listed([0, 1, 2, 3, 4].map(commitPath), 1, 3);
    expect([...commits.keys()]).toEqual([1, 2, 3]);
  });
});
