import { describe, expect, it } from "vitest";
import { mistakeNames } from "./mistake-names.ts";
import { runSeed } from "./run-seed.ts";

/** Fewer where the same tests run once for each mutant of the code. */
const seeds = Number(process.env["VARVE_SIMULATION_SEEDS"] ?? 1500);

describe("simulation", () => {
  it(`holds every invariant over ${seeds} seeds`, async () => {
    let commits = 0;
    for (let seed = 0; seed < seeds; seed++) commits += (await run(seed)).commits;
    expect(commits).toBeGreaterThan(6 * seeds);
  });

  it("replays a seed exactly", async () => {
    expect(await runSeed(4711)).toEqual(await runSeed(4711));
  });

  it.each(mistakeNames)("catches the mistake %s within 300 seeds", async (mistake) => {
    for (let seed = 0; seed < 300; seed++) {
      try {
        await runSeed(seed, mistake);
      } catch {
        return;
      }
    }
    throw new Error(`no seed caught ${mistake}`);
  });
});

async function run(seed: number) {
  try {
    return await runSeed(seed);
  } catch (error) {
    throw new Error(`seed ${seed} failed; replay it with: npm run simulate -- --seeds 1 --start ${seed}`, {
      cause: error,
    });
  }
}
