/** Every step in continuous integration and in the long run (`VARVE_STRESS`), else every third, beginning with another one each time. */
const stride = process.env["CI"] === "true" || process.env["VARVE_STRESS"] !== undefined ? 1 : 3;
const first = Number(process.env["VARVE_SEED"] ?? Math.floor(Math.random() * stride)) % stride;

/** The steps at which this run kills; says which, so that a failure can be repeated. */
export function chosenSteps<T>(steps: readonly T[]): T[] {
  console.log(`steps ${first}, ${first + stride} … of ${steps.length} (VARVE_SEED=${first})`);
  return steps.filter((_, index) => index % stride === first);
}
