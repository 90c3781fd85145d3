const given = process.env["VARVE_SEED"];

/**
 * What decides everything that the tests draw: `VARVE_SEED`, else another number in each run, which the run
 * prints (`print-seed.ts`).
 */
export const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
if (!Number.isSafeInteger(seed) || seed < 0)
  throw new Error(`VARVE_SEED must be a whole number of at least 0, not ${given}.`);
