import { type AnomalyRule, findAnomalies } from "../../src/quality/measures/anomaly.ts";

/** A rule that learns what is normal, and how the level of a clean series moves for it. */
export interface LearningRule {
  readonly name: string;
  readonly rule: AnomalyRule;
  /** Level of a value by its index, in deviations. */
  readonly level: (index: number) => number;
}

/** The rules as a check uses them by default. */
export const learningRules: readonly LearningRule[] = [
  { name: "batch_normal", rule: { rule: "batch_normal", limits: "student" }, level: () => 100 },
  { name: "seasonal", rule: { rule: "seasonal", period: 7 }, level: (index) => 100 + 20 * (index % 7) },
];

/** Shares of batches. */
export interface AlarmRates {
  /** Of batches that are as normal as those before them, after four values of their kind or more. */
  readonly falseAlarms: number;
  /** Of jumps by ten deviations, after twelve values of their kind or more. */
  readonly found: number;
  /** The same after earlier such jumps in a tenth of the batches of the same kind. */
  readonly foundAgain: number;
}

/** Runs a rule as a gate does, on the newest batch of series of normal values. */
export function simulate(
  { rule, level }: LearningRule,
  { seed, series }: { readonly seed: number; readonly series: number },
): AlarmRates {
  const normal = normalValues(seed);
  const period = rule.rule === "seasonal" ? rule.period : 1;
  const counts = { batches: 0, alarms: 0, jumps: 0, found: 0, foundAgain: 0 };
  for (let run = 0; run < series; run++) {
    const length = period * (4 + (run % 27));
    const past = Array.from({ length }, (_, index) => level(index) + normal());
    const current = level(length) + normal();
    counts.batches++;
    if (isAlarm([...past, current], rule)) counts.alarms++;
    if (length < 12 * period) continue;
    counts.jumps++;
    if (isAlarm([...past, current + 10], rule)) counts.found++;
    const isJump = (index: number) => (length - index) % (10 * period) === 3 * period;
    const jumped = past.map((value, index) => (isJump(index) ? value + 10 : value));
    if (isAlarm([...jumped, current + 10], rule)) counts.foundAgain++;
  }
  return {
    falseAlarms: counts.alarms / counts.batches,
    found: counts.found / counts.jumps,
    foundAgain: counts.foundAgain / counts.jumps,
  };
}

function isAlarm(series: readonly number[], rule: AnomalyRule): boolean {
  return findAnomalies(series, rule, { from: series.length - 1, to: series.length }).length > 0;
}

/** Standard normal values from a seed, by Box and Muller. */
function normalValues(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
