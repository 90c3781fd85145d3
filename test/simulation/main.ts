import { parseArgs } from "node:util";
import type { Mistake } from "./mistake-names.ts";
import { runSeed, type Tally } from "./run-seed.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    start: { type: "string", default: "0" },
    mistake: { type: "string" },
  },
});

// Outages are errors by the thousand; their stacks say nothing and cost a tenth of the time. A single seed
// keeps them.
if (values.seeds !== "1") Error.stackTraceLimit = 0;
const seeds = Number(values.seeds);
const start = Number(values.start);
const sum: Record<string, number> = {};
const began = process.cpuUsage();

function addUp(tally: Tally): void {
  for (const [name, value] of [...Object.entries(tally), ...Object.entries(tally.errors)]) {
    if (typeof value === "number") sum[name] = (sum[name] ?? 0) + value;
  }
}

function figures(done: number): string {
  const { user, system } = process.cpuUsage(began);
  return `${done} seeds, ${((user + system) / 1e6).toFixed(0)} CPU s, ${JSON.stringify(sum)}`;
}

for (let seed = start; seed < start + seeds; seed++) {
  try {
    addUp(await runSeed(seed, values.mistake as Mistake | undefined));
  } catch (error) {
    console.error(`seed ${seed} failed; replay it with: npm run simulate -- --seeds 1 --start ${seed}`);
    console.error(error);
    console.error(figures(seed - start));
    process.exit(1);
  }
  if ((seed - start + 1) % 5_000 === 0) console.log(figures(seed - start + 1));
}
console.log(`all held: ${figures(seeds)}`);
