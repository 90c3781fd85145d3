const isWhole = process.env["CI"] === "true" || process.env["VARVE_STRESS"] !== undefined;

/** What decides which samples are drawn: `VARVE_SEED`, else another number in each run. */
export const sampleSeed = Number(process.env["VARVE_SEED"] ?? Math.floor(Math.random() * 1000));

/**
 * All of many similar cases in continuous integration and in the long run (`VARVE_STRESS`), else one in
 * `stride`, beginning with another one each time.
 */
export function sample<T>(cases: readonly T[], stride: number): readonly T[] {
  return isWhole ? cases : cases.filter((_, index) => index % stride === sampleSeed % stride);
}
