import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { openRuns, recordRun } from "../../src/api/records/runs.ts";
import { isVarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, runKilled } from "./kill-steps.ts";

describe("recording a run that is killed at every step", () => {
  it("leaves no run or a started one, whose pins the same call completes though the table went on", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      const base = await createTable(join(folder, "base", "t"), { schema: schema().long("id") });
      await base.append([{ id: 1 }]);
      const unharmed = await runKilled("run-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER);
      const changes: readonly string[] = JSON.parse(unharmed.output);
      const chosen = chosenSteps([...changes.keys()]);
      await mapBounded(chosen, 2, async (index) => {
        const step = `killed before ${changes[index] ?? ""}`;
        const { root, signal, errors } = await runKilled(
          "run-process.ts",
          folder,
          `killed ${index}`,
          index + 1,
        );
        expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
        const [table, runs] = [join(root, "t"), join(root, "runs")];
        const found = await openRuns(runs).then(
          (opened) => opened.list(),
          (error: unknown) => {
            if (isVarveError(error, "RUN_NOT_FOUND")) return [];
            throw error;
          },
        );
        for (const { status, inputs } of found) {
          expect(["started", "complete"], step).toContain(status);
          expect(inputs, step).toMatchObject([{ version: 1, pin: "run-r-v1" }]);
        }
        // No pin without a record that says which run it is for.
        const pins = await (await openTable(table)).pins.list();
        expect(pins.length, step).toBeLessThanOrEqual(found.length);
        await (await openTable(table)).append([{ id: 2 }]);
        const run = { runId: "r", inputs: table, params: { a: 1 }, metrics: { error: 0.5 } };
        await recordRun(run, { runs });
        const [recorded, ...others] = await (await openRuns(runs)).list();
        expect(others, step).toEqual([]);
        const version = found.length === 0 ? 2 : 1;
        expect(recorded, step).toMatchObject({
          status: "complete",
          inputs: [{ version, pin: `run-r-v${version}` }],
          metrics: { error: 0.5 },
        });
        const kept = await (await openTable(table)).pins.list();
        expect(
          kept.map(({ name }) => name),
          step,
        ).toEqual([`run-r-v${version}`]);
        expect(await (await openTable(table)).pins.check(), step).toMatchObject([{ state: "sound" }]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
