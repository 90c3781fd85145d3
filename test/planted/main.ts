import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../fuzz/random.ts";
import { changedFiles, defaultBase } from "../mutation/changed-files.ts";
import { seed } from "../support/seed.ts";
import { listFaults, type Mistake } from "./mistake.ts";
import { mistakes } from "./mistakes.ts";
import { Planter } from "./run-planted.ts";

/**
 * Plants each mistake of the list, one at a time, and runs the test that must see it:
 * `npm run planted -- [--only TEXT] [--minutes M] [--verbose]`.
 *
 * A mistake is put into the source as it is loaded, so no file changes. The tests have to pass without it,
 * too. Within `minutes` go as many as can be planted in that time: first those of sources and tests that differ
 * from the main branch (on it: from the commit before), else in an order of test files that `VARVE_SEED` decides.
 */
const root = resolve(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    minutes: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const only = values.only?.toLowerCase();
const end =
  values.minutes === undefined
    ? Number.POSITIVE_INFINITY
    : performance.now() + Number(values.minutes) * 60_000;
const isChosen = ({ what, file, test }: Mistake) =>
  only === undefined || `${what} ${file} ${test}`.toLowerCase().includes(only);

const random = new Random(seed);
const base = Number.isFinite(end) ? defaultBase() : undefined;
const changed = base === undefined ? [] : ["src", "test"].flatMap((part) => changedFiles(base, part));
const isChanged = (ending: string) => changed.some((path) => path.endsWith(`/${ending}`));
const touched = new Set(
  mistakes.filter(({ file, test }) => isChanged(file) || isChanged(test)).map(({ test }) => test),
);
// By test file, so that a file is run without mistakes once.
const ranks = new Map(
  mistakes.map(({ test }) => [test, Number.isFinite(end) ? random.next() - Number(touched.has(test)) : 0]),
);
const chosen = mistakes
  .filter(isChosen)
  .sort(
    (a, b) =>
      (ranks.get(a.test) ?? 0) - (ranks.get(b.test) ?? 0) || (a.test < b.test ? -1 : a.test > b.test ? 1 : 0),
  );
let plantedCount = 0;
const faults = listFaults(mistakes, root);
const planter = await Planter.open(root);
try {
  for (const [index, mistake] of chosen.entries()) {
    if (performance.now() > end) break;
    plantedCount++;
    const { test } = mistake;
    if (test !== chosen[index - 1]?.test) {
      const names = chosen.filter((other) => other.test === test).map(({ name }) => `(?:${name})`);
      const { failed, error } = await planter.run({ test, name: names.join("|") }, undefined);
      for (const failure of failed) faults.push(`${test} fails without any mistake: ${failure}`);
      if (error !== undefined) faults.push(`${test} cannot be run: ${error}`);
    }
    const { failed, ran, error } = await planter.run(mistake, mistake);
    console.log(`${index + 1}/${chosen.length} ${failed.length > 0 ? "seen  " : "MISSED"} ${mistake.what}`);
    if (values.verbose) for (const failure of failed) console.log(`      ${failure}`);
    if (failed.length === 0)
      faults.push(
        `${mistake.what} (${mistake.file}): ${error ?? `all ${ran} tests of ${test} named /${mistake.name}/ pass in spite of it`}.`,
      );
  }
} finally {
  await planter.close();
}
for (const fault of faults) console.log(`FAULT: ${fault}`);
const left =
  chosen.length === plantedCount
    ? ""
    : `, ${chosen.length - plantedCount} were not reached in ${values.minutes} minutes`;
console.log(`${plantedCount} mistakes planted${left}, ${faults.length} faults.`);
process.exit(faults.length === 0 ? 0 : 1);
