import type { DriftRecord } from "../drift/comparison/drift-record.ts";
import type { Metric } from "./metrics/metric.ts";

/**
 * What made a model's data or performance move. `data_broken`: a column is gone, new, of another type, or suddenly null.
 * `relation`: outcomes follow from the inputs otherwise than before (concept drift). `inputs`: other rows come.
 * `target_mix`: other outcomes come, and the inputs are quiet. `none`: nothing moved.
 */
export type DriftCauseName = "none" | "data_broken" | "relation" | "inputs" | "target_mix";

/** What a comparison, and where they are known the outcomes, say. */
export interface DriftEvidence {
  /** Columns of a comparison; those of slices and windows are left out. */
  readonly columns: readonly Pick<DriftRecord, "column" | "role" | "verdict" | "slice" | "window">[];
  /** A metric as it was reached and as it was estimated without outcomes, on the same rows. */
  readonly performance?:
    | {
        readonly metric: string;
        readonly realised: Pick<Metric, "value" | "low" | "high">;
        readonly estimated: Pick<Metric, "value" | "low" | "high"> & {
          /** Standard error of the calibrator. */
          readonly calibrationError?: number | null | undefined;
        };
      }
    | undefined;
  /** `calibration_slope` on the baseline and now. */
  readonly calibration?:
    | {
        readonly baseline: Pick<Metric, "value" | "low" | "high">;
        readonly current: Pick<Metric, "value" | "low" | "high">;
      }
    | undefined;
}

/** One cause, and what speaks for it. */
export interface DriftCause {
  readonly cause: DriftCauseName;
  readonly because: readonly string[];
  /** The cause in one sentence. */
  readonly text: string;
}

/**
 * Names exactly one cause of drift, the first that applies: broken data, another relation of inputs and outcomes, other
 * inputs, another mix of outcomes, none (spec/model-performance.md).
 *
 * @example
 * ```ts
 * import { drift, driftCause } from "varve";
 *
 * const before = Array.from({ length: 500 }, (_, id) => ({ amount: id % 100, country: "DE" }));
 * const { columns } = await drift(before, before.map((row) => ({ ...row, amount: row.amount + 50 })));
 * console.log(driftCause({ columns }).text); // Other inputs: amount moved.
 * ```
 */
export function driftCause(evidence: DriftEvidence): DriftCause {
  const whole = evidence.columns.filter(({ slice, window }) => slice === null && window === null);
  const named = (verdict: DriftRecord["verdict"], isOf: (role: DriftRecord["role"]) => boolean) =>
    whole.filter((record) => record.verdict === verdict && isOf(record.role)).map(({ column }) => column);
  const broken = named("broken", () => true);
  if (broken.length > 0) return caused("data_broken", [`${list(broken)} broke`]);
  const features = named("drift", (role) => role === "feature");
  const relation = relationMoved(evidence, features.length === 0);
  if (relation.length > 0) return caused("relation", relation);
  if (features.length > 0) return caused("inputs", [`${list(features)} moved`]);
  const target = named("drift", (role) => role === "target");
  if (target.length > 0) return caused("target_mix", [`${list(target)} moved`, "no feature did"]);
  const scores = named("drift", (role) => role === "score" || role === "prediction");
  if (scores.length === 0) return caused("none", []);
  return caused("inputs", [
    `${list(scores)} moved`,
    "no watched feature did: a feature that is not watched, several together, or another model",
  ]);
}

/** What says that outcomes follow from inputs otherwise than before. */
function relationMoved({ performance, calibration }: DriftEvidence, isQuiet: boolean): readonly string[] {
  const because: string[] = [];
  if (performance !== undefined) {
    const { metric, realised, estimated } = performance;
    const doubt = 1.96 * (estimated.calibrationError ?? 0);
    const expected = intervalOf(estimated);
    const found = intervalOf(realised);
    if (expected !== null && found !== null) {
      const isApart = found.high < expected.low - doubt || found.low > expected.high + doubt;
      if (isApart)
        because.push(
          `${metric} is ${figure(realised.value)} where the scores promise ${figure(estimated.value)}, beyond both errors`,
        );
    }
  }
  if (calibration !== undefined && isQuiet) {
    const [before, now] = [intervalOf(calibration.baseline), intervalOf(calibration.current)];
    if (before !== null && now !== null && (now.high < before.low || now.low > before.high))
      because.push(
        `the slope of calibration is ${figure(calibration.current.value)}, was ${figure(calibration.baseline.value)}, and the features are quiet`,
      );
  }
  return because;
}

function intervalOf({
  low,
  high,
}: Pick<Metric, "low" | "high">): { readonly low: number; readonly high: number } | null {
  return low === null || high === null ? null : { low, high };
}

const words: Readonly<Record<DriftCauseName, string>> = {
  none: "Nothing moved",
  data_broken: "Broken data",
  relation: "The relation between inputs and outcomes changed",
  inputs: "The inputs changed",
  target_mix: "The mix of outcomes changed",
};

function caused(cause: DriftCauseName, because: readonly string[]): DriftCause {
  const reasons = because.length === 0 ? "" : `: ${because.join(", ")}`;
  return { cause, because, text: `${words[cause]}${reasons}.` };
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function figure(value: number | null): string {
  return value === null ? "-" : String(Number(value.toPrecision(3)));
}
