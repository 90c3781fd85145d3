import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, idsOf, runKilled } from "./kill-steps.ts";

const now = { retainHours: 0, retentionCheck: false } as const;

describe("a vacuum that is killed at every step", () => {
  it("leaves the newest version whole, and another one deletes the rest", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createRewritten(join(folder, "base"));
      const unharmed = await runKilled("vacuum-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER);
      const changes: readonly string[] = JSON.parse(unharmed.output);
      const left = await mapBounded(chosenSteps([...changes.keys()]), 2, (index) =>
        killedAndRepeated(folder, index + 1),
      );
      console.log(`killed before ${left.length} of ${changes.length} changes`);
      expect(Math.max(...left), "some died before a file was deleted").toBe(5);
      expect(Math.min(...left), "some died after the last one").toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** A table with files, vectors and change files that only earlier versions need. */
async function createRewritten(uri: string): Promise<void> {
  await using table = await createTable(uri, {
    threads: 1,
    schema: schema().long("id"),
    properties: { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" },
  });
  await table.append([{ id: 1 }, { id: 2 }]);
  await table.append([{ id: 3 }, { id: 4 }]);
  await table.update({ set: { id: "id + 100" }, where: "id % 2 = 0" });
  await table.optimize();
}

/** Kills one vacuum before its n-th change, and runs another; returns the number of files that were left to it. */
async function killedAndRepeated(folder: string, beforeCall: number): Promise<number> {
  const { root, signal, errors } = await runKilled(
    "vacuum-process.ts",
    folder,
    `killed ${beforeCall}`,
    beforeCall,
  );
  const step = `change ${beforeCall}`;
  expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
  expect(await idsOf(root), step).toEqual([1, 3, 102, 104]);
  const { findings } = await fsck(root);
  expect(
    findings.filter(({ severity }) => severity !== "info"),
    step,
  ).toEqual([]);
  await using table = await openTable(root, { threads: 1 });
  const { files } = await table.vacuum(now);
  expect(await idsOf(root), step).toEqual([1, 3, 102, 104]);
  const data = (await readdir(root, { recursive: true })).filter((file) =>
    /^[^.].*\.(parquet|bin)$/.test(file),
  );
  expect(data, step).toHaveLength(1);
  await rm(root, { recursive: true });
  return files.length;
}
