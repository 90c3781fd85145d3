/** What decides which samples are drawn: `VARVE_SEED`, else another number in each run. */
export const sampleSeed = Number(process.env["VARVE_SEED"] ?? Math.floor(Math.random() * 1000));

/**
 * One in `stride` of many similar cases, beginning with another one each time, and all in the long run (`npm run
 * stress`).
 */
export function sample<T>(cases: readonly T[], stride: number): readonly T[] {
  if (process.env["VARVE_STRESS"] !== undefined) return cases;
  return cases.filter((_, index) => index % stride === sampleSeed % stride);
}
