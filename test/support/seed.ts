/**
 * What decides everything that the tests draw: `VARVE_SEED`, else another number in each run, which the run
 * prints (`print-seed.ts`).
 */
export const seed = Number(process.env["VARVE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
