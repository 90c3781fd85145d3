import { resolve } from "node:path";
import { listFaults, type Mistake } from "./mistake.ts";
import { mistakes } from "./mistakes.ts";
import { Planter } from "./run-planted.ts";

/**
 * Plants each mistake of the list, one at a time, and runs the test that must see it: `npm run planted -- [--only TEXT] [--verbose]`.
 *
 * A mistake is put into the source as it is loaded, so no file changes. The tests have to pass without it, too.
 */
const root = resolve(import.meta.dirname, "../..");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1]?.toLowerCase() : undefined;
const verbose = process.argv.includes("--verbose");
const isChosen = ({ what, file, test }: Mistake) => only === undefined || `${what} ${file} ${test}`.toLowerCase().includes(only);

// By test file, so that a file is run without mistakes once.
const chosen = mistakes.filter(isChosen).sort((a, b) => (a.test < b.test ? -1 : a.test > b.test ? 1 : 0));
const faults = listFaults(mistakes, root);
const planter = await Planter.open(root);
try {
  for (const [index, mistake] of chosen.entries()) {
    const { test } = mistake;
    if (test !== chosen[index - 1]?.test) {
      const names = chosen.filter((other) => other.test === test).map(({ name }) => `(?:${name})`);
      const { failed, error } = await planter.run({ test, name: names.join("|") }, undefined);
      for (const failure of failed) faults.push(`${test} fails without any mistake: ${failure}`);
      if (error !== undefined) faults.push(`${test} cannot be run: ${error}`);
    }
    const { failed, ran, error } = await planter.run(mistake, mistake);
    console.log(`${index + 1}/${chosen.length} ${failed.length > 0 ? "seen  " : "MISSED"} ${mistake.what}`);
    if (verbose) for (const failure of failed) console.log(`      ${failure}`);
    if (failed.length === 0)
      faults.push(
        `${mistake.what} (${mistake.file}): ${error ?? `all ${ran} tests of ${test} named /${mistake.name}/ pass in spite of it`}.`,
      );
  }
} finally {
  await planter.close();
}
for (const fault of faults) console.log(`FAULT: ${fault}`);
console.log(`${chosen.length} mistakes planted, ${faults.length} faults.`);
process.exit(faults.length === 0 ? 0 : 1);
