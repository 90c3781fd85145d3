import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readQuarantine } from "../../src/quarantine/quarantine-read.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, idsOf, runKilled } from "./kill-steps.ts";
import { badId, createQuarantined, firstIds, landingIds, resubmitAll } from "./resubmit-job.ts";

describe("a resubmission that is killed at every step", () => {
  it("lands each row exactly once when it is repeated, and leaves the quarantine true", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createQuarantined(join(folder, "base"));
      const undisturbed = await runKilled(
        "resubmit-process.ts",
        folder,
        "undisturbed",
        Number.MAX_SAFE_INTEGER,
      );
      const changes: readonly string[] = JSON.parse(undisturbed.output);
      const commits = changes.filter((change) => /^link .*\d{20}\.json$/.test(change));
      expect(commits, "claim, batch, mark").toHaveLength(3);
      const landed = await mapBounded(chosenSteps([...changes.keys()]), 2, (index) =>
        killedAndRepeated(folder, index + 1),
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

async function killedAndRepeated(folder: string, beforeCall: number): Promise<boolean> {
  const { root, signal, errors } = await runKilled(
    "resubmit-process.ts",
    folder,
    `killed ${beforeCall}`,
    beforeCall,
  );
  const step = `change ${beforeCall}`;
  expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
  const before = await idsOf(root);
  const landed = before.length > firstIds.length;
  expect(before, step).toEqual(landed ? sorted([...firstIds, ...landingIds]) : firstIds);
  await resubmitAll(root);
  expect(await idsOf(root), step).toEqual(sorted([...firstIds, ...landingIds]));
  const context = await openContext(root);
  const open = await readQuarantine(context);
  expect(
    open.map((row) => JSON.parse(String(row["payload"])).id),
    step,
  ).toEqual([badId]);
  const resubmitted = await readQuarantine(context, { status: "resubmitted" });
  expect(sorted(resubmitted.map((row) => JSON.parse(String(row["payload"])).id)), step).toEqual(landingIds);
  expect(new Set(resubmitted.map((row) => row["resolved_version"])), step).toEqual(new Set([2n]));
  expect(await readQuarantine(context, { status: "claimed" }), step).toEqual([]);
  await rm(root, { recursive: true });
  return landed;
}

function sorted(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b);
}
