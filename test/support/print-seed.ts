import { seed } from "./seed.ts";

/** Gives all processes of a run of the tests one seed, and says which. */
export default function printSeed(): void {
  process.env["VARVE_SEED"] = String(seed);
  console.error(`VARVE_SEED=${seed} repeats what this run draws`);
}
