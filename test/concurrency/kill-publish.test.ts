import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, idsOf, runKilled } from "./kill-steps.ts";
import {
  type BadRows,
  badId,
  batchId,
  createStaged,
  firstIds,
  landingIds,
  misfitId,
  publishAll,
} from "./publish-job.ts";

describe("the publication of a staged batch that is killed at every step", () => {
  it.each([
    ["as it was staged", { failing: false, misfit: false }],
    ["written anew, with a row for the quarantine", { failing: true, misfit: false }],
    ["as it was staged, beside a row that does not fit", { failing: false, misfit: true }],
    [
      "written anew, with a row for the quarantine and one that does not fit",
      { failing: true, misfit: true },
    ],
  ])("lands each row exactly once when it is repeated: %s", async (_, bad) => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createStaged(join(folder, "base"), bad);
      const undisturbed = await runKilled(
        "publish-process.ts",
        folder,
        "undisturbed",
        Number.MAX_SAFE_INTEGER,
      );
      const changes: readonly string[] = JSON.parse(undisturbed.output);
      const landed = await mapBounded(chosenSteps([...changes.keys()]), 2, (index) =>
        killedAndRepeated(folder, index + 1, bad),
      );
      console.log(
        `killed before ${landed.length} of ${changes.length} changes: ${landed.filter(Boolean).length} had landed, the others had not`,
      );
      expect(new Set(landed)).toEqual(new Set([true, false]));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function killedAndRepeated(folder: string, beforeCall: number, bad: BadRows): Promise<boolean> {
  const { root, signal, errors } = await runKilled(
    "publish-process.ts",
    folder,
    `killed ${beforeCall}`,
    beforeCall,
  );
  const step = `change ${beforeCall}`;
  expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
  const all = [...firstIds, ...landingIds];
  const before = await idsOf(root);
  const landed = before.length > firstIds.length;
  expect(before, step).toEqual(landed ? all : firstIds);
  expect((await publishAll(root)).outcome, step).toBe(landed ? "alreadyApplied" : "committed");
  expect((await publishAll(root)).outcome, step).toBe("alreadyApplied");
  expect(await idsOf(root), step).toEqual(all);
  const aside = (await (await openTable(root)).quarantine.read()).map(
    (row) => JSON.parse(String(row["payload"])).id,
  );
  expect(aside.sort(), step).toEqual([...(bad.failing ? [badId] : []), ...(bad.misfit ? [misfitId] : [])]);
  // a temporary file of the store may stay, nothing of the batch does
  const left = existsSync(join(root, "_staged"))
    ? readdirSync(join(root, "_staged")).filter((name) => name.startsWith(batchId))
    : [];
  expect(left, step).toEqual([]);
  await rm(root, { recursive: true });
  return landed;
}
