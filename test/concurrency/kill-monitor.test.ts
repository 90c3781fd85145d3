import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { query } from "../../src/index.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { chosenSteps, runKilled } from "./kill-steps.ts";
import { startProcess, untilEnd } from "./writers.ts";

/** A table of `batches` appends with the monitor `m`, whose last batch drifts. */
async function monitoredTable(uri: string, batches: number): Promise<void> {
  const rows = (count: number, from: number) =>
    Array.from({ length: count }, (_, n) => ({ amount: from + ((n * 37) % 101), place: n % 3 }));
  await using table = await createTable(uri, { source: rows(600, 0) });
  await table.monitors.create({ name: "m", baseline: { version: 0 } });
  for (let batch = 1; batch <= batches; batch++) await table.append(rows(200, batch === batches ? 60 : 0));
}

/** Rows of a store of `_drift` by version that are about a run, a baseline or all rows of a version. */
async function keptRows(uri: string, store: string, where: string): Promise<unknown[]> {
  const result = await query(
    `SELECT CAST(version AS INTEGER) AS v, CAST(count(*) AS INTEGER) AS n FROM s WHERE ${where} GROUP BY 1 ORDER BY 1`,
    { tables: { s: `${uri}/_drift/${store}` } },
  );
  const rows: unknown[] = [];
  for await (const { v, n } of result.rows()) rows.push([v, n]);
  return rows;
}

const once = (versions: readonly number[]) => versions.map((version) => [version, 1]);

describe("a backfill that is killed at every step", () => {
  it("is finished by the next one, and has each version once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await monitoredTable(join(folder, "base", "t"), 2);
      const unharmed = await runKilled("monitor-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER);
      const changes: readonly string[] = JSON.parse(unharmed.output);
      const chosen = chosenSteps([...changes.keys()], true);
      await mapBounded(chosen, 2, async (index) => {
        const step = `killed before ${changes[index] ?? ""}`;
        const killed = await runKilled("monitor-process.ts", folder, `killed ${index}`, index + 1);
        expect(killed.signal, `${step}: ${killed.errors}`).toBe("SIGKILL");
        const uri = join(killed.root, "t");
        await using table = await openTable(uri);
        const { recorded, known, drifted } = await table.monitors.backfill("m");
        expect([...recorded, ...known].sort(), step).toEqual([0, 2, 3]);
        expect(drifted, step).toEqual([3]);
        expect(await keptRows(uri, "results", `"column" IS NULL`), step).toEqual(once([0, 2, 3]));
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("many processes that backfill at once", () => {
  it("record each version, its counts and the bins once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-many-"));
    try {
      const uri = join(folder, "t");
      await monitoredTable(uri, 5);
      const processes = Array.from({ length: 4 }, () =>
        startProcess("monitor-process.ts", { uri: folder }, folder),
      );
      await Promise.all(
        processes.map(async (child) => {
          const [, ended] = await Promise.all([text(child.stdout), untilEnd(child)]);
          expect(ended.code, ended.errors).toBe(0);
        }),
      );
      const versions = [0, 2, 3, 4, 5, 6];
      expect(await keptRows(uri, "results", `"column" IS NULL`)).toEqual(once(versions));
      const counts = `"position" = 0 AND version IS NOT NULL`;
      expect(await keptRows(uri, "profiles", counts)).toEqual(once(versions));
      const bins = await query("SELECT CAST(count(DISTINCT bins_id) AS INTEGER) AS n FROM s", {
        tables: { s: `${uri}/_drift/bins` },
      });
      for await (const row of bins.rows()) expect(row).toEqual({ n: 1 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
