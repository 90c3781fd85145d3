import { seed } from "./seed.ts";

/**
 * One in `stride` of many similar cases, beginning with another one each time, and all in the long run (`npm run
 * stress`).
 */
export function sample<T>(cases: readonly T[], stride: number): readonly T[] {
  if (process.env["VARVE_STRESS"] !== undefined) return cases;
  return cases.filter((_, index) => index % stride === seed % stride);
}
