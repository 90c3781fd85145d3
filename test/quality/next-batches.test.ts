import { expect, it } from "vitest";
import { freshFolder } from "../operations/table-folder.ts";
import { smallSets, writeBatches } from "../support/monthly-batches.ts";
import { testNextBatches } from "../support/next-batches.ts";

it("suites that batches of real data suggest hold for the next batches: at most 3 % of the checks fail, and no batch is refused", async () => {
  let [runs, failed] = [0, 0];
  for (const data of smallSets) {
    const result = await testNextBatches(await writeBatches(data, freshFolder()), 4);
    expect(result.refused, data.name).toBe(0);
    expect(result.runs, data.name).toBeGreaterThan(10);
    runs += result.runs;
    failed += [...result.failed.values()].reduce((sum, count) => sum + count, 0);
  }
  expect(failed / runs).toBeLessThanOrEqual(0.03);
}, 300_000);
