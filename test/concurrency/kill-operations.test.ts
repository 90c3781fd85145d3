import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { sample } from "../support/sample.ts";
import { chosenSteps, runKilled } from "./kill-steps.ts";
import { createBase, operations, runOperation, stateOf, tablesOf } from "./operation-job.ts";

type State = Awaited<ReturnType<typeof stateOf>>;

describe("an operation that is killed at every step", () => {
  it.each(sample(Object.keys(operations), 6))(
    "leaves the old or the new version, a second run ends the work, and nothing is left: %s",
    async (operation) => {
      const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
      try {
        await createBase(join(folder, "base"), operation);
        const before = await stateOf(join(folder, "base"), operation);
        const run = (name: string, beforeCall: number) =>
          runKilled("operation-process.ts", folder, name, beforeCall, { operation });
        const unharmed = await run("unharmed", Number.MAX_SAFE_INTEGER);
        const after = await stateOf(unharmed.root, operation);
        expect(after).not.toEqual(before);
        const changes: readonly string[] = JSON.parse(unharmed.output);
        const chosen = chosenSteps([...changes.keys()], true);
        const landed = await mapBounded(chosen, 2, async (index) => {
          const step = `${operation}, killed before ${changes[index] ?? ""}`;
          const { root, signal, errors } = await run(`killed ${index}`, index + 1);
          expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
          const found = await stateOf(root, operation);
          requireBetween(found, { before, after }, step);
          await runOperation(root, operation);
          const { rows, content } = await stateOf(root, operation);
          expect({ rows, content }, step).toEqual({ rows: after.rows, content: after.content });
          await leavesNothing(root, operation, step);
          await rm(root, { recursive: true });
          return JSON.stringify(found) === JSON.stringify(after);
        });
        if (chosen.length === changes.length) expect(new Set(landed)).toEqual(new Set([true, false]));
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

/** The old state or the new one, or one of the versions between them where the operation makes several. */
function requireBetween(
  found: State,
  { before, after }: { readonly before: State; readonly after: State },
  step: string,
): void {
  if (after.version - before.version <= 1) {
    expect([before, after], step).toContainEqual(found);
    return;
  }
  // Those that make several versions move rows, or change the definition.
  expect(found.rows, step).toEqual(after.rows);
  expect(found.version, step).toBeGreaterThanOrEqual(before.version);
  expect(found.version, step).toBeLessThanOrEqual(after.version);
  if (found.version === before.version) expect(found, step).toEqual(before);
  if (found.version === after.version) expect(found, step).toEqual(after);
}

/** Once leftovers are a few days old, they are removed, and nothing is left but the tables' files. */
async function leavesNothing(folder: string, operation: string, step: string): Promise<void> {
  const tables = tablesOf(folder, operation);
  for (const uri of tables) {
    const { findings } = await fsck(uri, { data: true, orphans: true, deep: true });
    expect(
      findings.filter(({ severity }) => severity !== "info"),
      step,
    ).toEqual([]);
  }
  await age(folder);
  for (const uri of tables) {
    await using table = await openTable(uri, { threads: 1 });
    // A pin is only read, through its folder too.
    if (table.pin === undefined) {
      await table.log.removeLeftovers();
      await table.vacuum({ retainHours: 0, retentionCheck: false });
    }
    const left = await fsck(uri, { data: true, orphans: true });
    expect(
      left.findings.filter(({ code, severity }) => severity !== "info" || code === "ORPHAN_FILE"),
      step,
    ).toEqual([]);
  }
  const hidden = (await readdir(folder, { recursive: true })).filter((name) => /(?:^|\/)\.[^/]+$/.test(name));
  expect(hidden, step).toEqual([]);
}

/** Sets the times of everything but the logs' own files back by three days, as if nothing had happened since. */
async function age(folder: string): Promise<void> {
  const then = new Date(Date.now() - 3 * 24 * 3_600_000);
  const names = (await readdir(folder, { recursive: true })).sort((a, b) => b.length - a.length);
  for (const name of names)
    if (!/(?:^|\/)_delta_log(?:\/[^./][^/]*)?$/.test(name)) await utimes(join(folder, name), then, then);
}
