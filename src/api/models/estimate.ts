import { VarveError } from "../../errors.ts";
import type { Estimate, EstimateRequest } from "../../performance/estimate.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { toWriteSource } from "../shared/source.ts";
import type { Source } from "../shared/table-options.ts";
import { requireRequest } from "./evaluate.ts";

/** What is estimated, from which baseline, and how tables that are named are opened. */
export interface EstimateOptions extends EstimateRequest, ContextOptions {
  /** Rows with scores and outcomes. */
  readonly baseline: Source;
  /** Cancels the estimate, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

const estimateKeys = {
  ...contextKeys,
  baseline: true,
  signal: true,
  target: true,
  prediction: true,
  score: true,
  positive: true,
  cutoff: true,
  window: true,
  value: true,
  method: true,
  key: true,
} satisfies OptionKeys<EstimateOptions>;

/**
 * Estimates how well a binary classifier does on rows that have no outcomes yet, from scores that are calibrated on a
 * labelled baseline (CBPE), by window, with thresholds from the baseline's windows (spec/model-performance.md).
 *
 * It holds while outcomes follow the scores as in the baseline: `cannotSee` says so, and `unreliable` what speaks
 * against it.
 *
 * @throws `ESTIMATE_UNSUPPORTED` for a baseline of one class, or of fewer than 300 labelled rows; `SCORE_INVALID`,
 * `COLUMN_NOT_FOUND`, `INVALID_ARGUMENT`, `SOURCE_UNREADABLE`
 *
 * @example
 * ```ts
 * import { estimate } from "varve";
 *
 * const scored = (id: number) => ({ id, risk: (id % 10) / 10 });
 * const baseline = Array.from({ length: 500 }, (_, id) => ({ ...scored(id), late: id % 10 > id % 7 }));
 * const today = Array.from({ length: 100 }, (_, id) => scored(1000 + id));
 * const { windows } = await estimate(today, { baseline, score: "risk", target: "late" });
 * console.log(windows[0]?.metrics.roc_auc?.value);
 * ```
 */
export async function estimate(source: Source, options: EstimateOptions): Promise<Estimate> {
  const { baseline, signal, ...known } = knownOptions("estimate", options, estimateKeys);
  const { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes, ...request } =
    known;
  requireRequest("estimate", { ...request, problem: "binary" });
  const { method } = request;
  if (method !== undefined && method !== "cbpe" && method !== "nannyml.cbpe")
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option method of estimate must be cbpe or nannyml.cbpe, not ${JSON.stringify(method)}.`,
      { option: "method", value: method },
    );
  const [{ duckdbEngine }, { estimateSource }, { sourceAccess }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../performance/evaluate-source.ts"),
    import("../../table/definition/open-context.ts"),
  ]);
  return estimateSource(
    duckdbEngine,
    {
      baseline: toWriteSource(baseline),
      current: toWriteSource(source),
      session: { memoryLimit, threads, temporaryFolder },
      access: sourceAccess({ s3, openStore, world, cache, allowedPrefixes }),
      signal,
    },
    request,
  );
}
