import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, runKilled } from "./kill-steps.ts";
import { createBase, operations, runOperation, stateOf } from "./operation-job.ts";

describe("an operation that is killed at every step", () => {
  it.each(Object.keys(operations))(
    "leaves the old or the new version, a second run ends the work, and nothing is left: %s",
    async (operation) => {
      const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
      try {
        await createBase(join(folder, "base"), operation);
        const before = await stateOf(join(folder, "base"));
        const run = (name: string, beforeCall: number) =>
          runKilled("operation-process.ts", folder, name, beforeCall, { operation });
        const unharmed = await run("unharmed", Number.MAX_SAFE_INTEGER);
        const after = await stateOf(unharmed.root);
        expect(after).not.toEqual(before);
        const changes: readonly string[] = JSON.parse(unharmed.output);
        const chosen = chosenSteps([...changes.keys()], true);
        const landed = await mapBounded(chosen, 2, async (index) => {
          const step = `${operation}, killed before ${changes[index] ?? ""}`;
          const { root, signal, errors } = await run(`killed ${index}`, index + 1);
          expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
          const found = await stateOf(root);
          expect([before, after], step).toContainEqual(found);
          await runOperation(root, operation);
          expect((await stateOf(root)).rows, step).toEqual(after.rows);
          await leavesNothing(root, step);
          await rm(root, { recursive: true });
          return found.version === after.version;
        });
        if (chosen.length === changes.length) expect(new Set(landed)).toEqual(new Set([true, false]));
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

/** Once leftovers are a few days old, they are removed, and nothing is left but the table's files. */
async function leavesNothing(root: string, step: string): Promise<void> {
  const { findings } = await fsck(root, { data: true, orphans: true, deep: true });
  expect(
    findings.filter(({ severity }) => severity !== "info"),
    step,
  ).toEqual([]);
  await age(root);
  await using table = await openTable(root, { threads: 1 });
  await table.log.removeLeftovers();
  await table.vacuum({ retainHours: 0, retentionCheck: false });
  const left = await fsck(root, { data: true, orphans: true });
  expect(
    left.findings.filter(({ code, severity }) => severity !== "info" || code === "ORPHAN_FILE"),
    step,
  ).toEqual([]);
  const hidden = (await readdir(root, { recursive: true })).filter((name) => /(?:^|\/)\.[^/]+$/.test(name));
  expect(hidden, step).toEqual([]);
}

/** Sets the times of everything but the log's own files back by three days, as if nothing had happened since. */
async function age(root: string): Promise<void> {
  const then = new Date(Date.now() - 3 * 24 * 3_600_000);
  const names = (await readdir(root, { recursive: true })).sort((a, b) => b.length - a.length);
  for (const name of names)
    if (!/^_delta_log(?:\/[^./][^/]*)?$/.test(name)) await utimes(join(root, name), then, then);
}
