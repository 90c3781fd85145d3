import { VarveError } from "../../errors.ts";
import type { Estimate, EstimateRequest } from "../../performance/estimation.ts";
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
  problem: true,
  target: true,
  prediction: true,
  score: true,
  scores: true,
  positive: true,
  cutoff: true,
  window: true,
  value: true,
  method: true,
  key: true,
  features: true,
} satisfies OptionKeys<EstimateOptions>;

const methods: Readonly<Record<string, readonly unknown[]>> = {
  binary: ["cbpe", "nannyml.cbpe"],
  multiclass: ["cbpe", "nannyml.cbpe"],
  regression: ["dle", "nannyml.dle"],
};

/**
 * Estimates how well a model does on rows that have no outcomes yet, by window, with thresholds from the windows of a
 * labelled baseline (spec/model-performance.md): classifiers from scores that the baseline calibrates (CBPE),
 * regressions from losses that are learnt on it (DLE).
 *
 * It holds while outcomes follow the scores, or errors the features, as in the baseline: `cannotSee` says so, and
 * `unreliable` what speaks against it.
 *
 * @throws `ESTIMATE_UNSUPPORTED` for a baseline that lacks a class, or of fewer than 300 labelled rows; `SCORE_INVALID`,
 * `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`, `SOURCE_UNREADABLE`
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
  const { method, problem = "binary", features, key } = request;
  requireRequest("estimate", { ...request, problem });
  const allowed = methods[problem];
  if (allowed === undefined)
    throw invalid("problem", `binary, multiclass or regression, not ${JSON.stringify(problem)}`, problem);
  if (method !== undefined && !allowed.includes(method))
    throw invalid(
      "method",
      `${allowed.join(" or ")} for the problem ${problem}, not ${JSON.stringify(method)}`,
      method,
    );
  for (const [option, names] of Object.entries({ features, key }))
    if (names !== undefined && !isNames(names))
      throw invalid(option, `an array of column names, not ${JSON.stringify(names)}`, names);
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

function invalid(option: string, rule: string, value: unknown): VarveError {
  return new VarveError("INVALID_ARGUMENT", `The option ${option} of estimate must be ${rule}.`, {
    option,
    value,
  });
}

function isNames(names: unknown): boolean {
  return Array.isArray(names) && names.every((name) => typeof name === "string");
}
