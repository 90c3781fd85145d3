import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, idsOf, runKilled } from "./kill-steps.ts";
import { createNumbers, idsAfter, idsBefore, moveEvenIds } from "./rewrite-job.ts";

describe("an update that is killed at every step", () => {
  it("changes all of its rows or none, its feed is whole, and fsck names what it left", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createNumbers(join(folder, "base"));
      const unharmed = await runKilled("rewrite-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER);
      const changes: readonly string[] = JSON.parse(unharmed.output);
      const landed = await mapBounded(chosenSteps([...changes.keys()]), 2, (index) =>
        killedAndRepeated(folder, index + 1),
      );
      console.log(`killed before ${landed.length} of ${changes.length} changes`);
      expect(new Set(landed)).toEqual(new Set([true, false]));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function killedAndRepeated(folder: string, beforeCall: number): Promise<boolean> {
  const name = `killed ${beforeCall}`;
  const { root, signal, errors } = await runKilled("rewrite-process.ts", folder, name, beforeCall);
  const step = `change ${beforeCall}`;
  expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
  const before = await idsOf(root);
  const landed = before.includes(102);
  expect(before, step).toEqual(landed ? idsAfter : idsBefore);
  expect((await moveEvenIds(root)).outcome, step).toBe(landed ? "alreadyApplied" : "committed");
  expect(await idsOf(root), step).toEqual(idsAfter);
  expect(await feedOf(root), step).toEqual([
    "update_postimage 102",
    "update_postimage 104",
    "update_preimage 2",
    "update_preimage 4",
  ]);
  await namesLeftovers(root, step, landed);
  await rm(root, { recursive: true });
  return landed;
}

async function feedOf(uri: string): Promise<string[]> {
  await using table = await openTable(uri);
  const { version } = table.snapshot();
  const texts: string[] = [];
  for await (const { id, _change_type: type } of (await table.changes({ from: version, to: version })).rows())
    texts.push(`${String(type)} ${String(id)}`);
  return texts.sort();
}

/** The files of the change that did not land, of which each is an orphan, and nothing else is found. */
async function namesLeftovers(root: string, step: string, landed: boolean): Promise<void> {
  const { findings } = await fsck(root, { deep: true });
  const orphans = findings.filter(({ code }) => code === "ORPHAN_FILE").map(({ path }) => path);
  expect(
    findings.filter(({ severity }) => severity !== "info"),
    step,
  ).toEqual([]);
  // Staging folders and temporary files have hidden names; fsck reports them after a day.
  const files = (await readdir(root, { recursive: true })).filter((file) =>
    /^[^.].*\.(parquet|bin)$/.test(file),
  );
  // Two data files, and one of each kind by the update.
  expect(
    files.length - orphans.filter((path) => path !== undefined && files.includes(path)).length,
    step,
  ).toBe(5);
  if (landed)
    expect(
      orphans.filter((path) => /\.(parquet|bin)$/.test(path ?? "")),
      step,
    ).toEqual([]);
}
