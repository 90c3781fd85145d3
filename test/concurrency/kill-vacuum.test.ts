import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, idsOf, runKilled } from "./kill-steps.ts";

type Mode = "full" | "lite";

describe("a vacuum that is killed at every step", () => {
  it.each(["full", "lite"] as const)(
    "leaves the newest version whole, and another one deletes the rest: %s",
    async (mode) => {
      const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
      try {
        await createRewritten(join(folder, "base"));
        const unharmed = await runKilled("vacuum-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER, {
          mode,
        });
        const changes: readonly string[] = JSON.parse(unharmed.output);
        const chosen = chosenSteps([...changes.keys()], true);
        const left = await mapBounded(chosen, 2, (index) => killedAndRepeated(folder, mode, index + 1));
        if (chosen.length < changes.length) return;
        expect(Math.max(...left), "some died before a file was deleted").toBe(5);
        expect(Math.min(...left), "some died after the last one").toBe(0);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
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
async function killedAndRepeated(folder: string, mode: Mode, beforeCall: number): Promise<number> {
  const { root, signal, errors } = await runKilled(
    "vacuum-process.ts",
    folder,
    `killed ${beforeCall}`,
    beforeCall,
    { mode },
  );
  const step = `${mode}, change ${beforeCall}`;
  expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
  expect(await idsOf(root), step).toEqual([1, 3, 102, 104]);
  const { findings } = await fsck(root);
  expect(
    findings.filter(({ severity }) => severity !== "info"),
    step,
  ).toEqual([]);
  await age(root);
  await using table = await openTable(root, { threads: 1 });
  const { files } = await table.vacuum({ mode, retainHours: 0, retentionCheck: false });
  expect(await idsOf(root), step).toEqual([1, 3, 102, 104]);
  const names = await readdir(root, { recursive: true });
  expect(
    names.filter((file) => /^[^.].*\.(parquet|bin)$/.test(file)),
    step,
  ).toHaveLength(1);
  expect(
    names.filter((file) => hidden.test(file)),
    step,
  ).toEqual([]);
  await rm(root, { recursive: true });
  return files.length;
}

const hidden = /(?:^|\/)\.[^/]+$/;

/** Makes what the killed vacuum left, and only that, three days old. */
async function age(root: string): Promise<void> {
  const then = new Date(Date.now() - 3 * 24 * 3_600_000);
  for (const name of await readdir(root, { recursive: true }))
    if (hidden.test(name)) await utimes(join(root, name), then, then);
}
