import { VarveError } from "../../errors.ts";
import type { Evaluation } from "../../performance/evaluation/evaluate.ts";
import type { OutcomesRequest } from "../../performance/evaluation/outcomes.ts";
import type { EvaluationRequest, EvaluationWindow } from "../../performance/evaluation/request.ts";
import type { LedgerSelection } from "../../performance/ledger-predictions.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { toWriteSource } from "../shared/source.ts";
import type { Source } from "../shared/table-options.ts";
import { requireText } from "../shared/table-uri.ts";

/** Outcomes that come later than the predictions, from another source. */
export interface LateOutcomes extends Omit<OutcomesRequest, "on" | "target"> {
  /** Rows with the outcomes, such as a version of a table. */
  readonly source: Source;
  /** Columns that both have, or the outcomes' columns by those of the predictions. */
  readonly on: readonly string[] | Readonly<Record<string, string>>;
}

/** What is evaluated, and how tables that are named are opened. */
export interface EvaluateOptions extends EvaluationRequest, ContextOptions {
  readonly outcomes?: LateOutcomes | undefined;
  /**
   * The source is a prediction ledger: columns are members of the output, of the key of an input, or of the features.
   * Needs `outcomes`, which are leaked if they were known before the prediction was made (`at`).
   */
  readonly ledger?: boolean | LedgerSelection | undefined;
  /** Cancels the evaluation, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

const requestKeys = {
  problem: true,
  target: true,
  prediction: true,
  score: true,
  scores: true,
  positive: true,
  cutoff: true,
  by: true,
  minRows: true,
  window: true,
  value: true,
  curvePoints: true,
  shares: true,
  k: true,
  user: true,
  gain: true,
  ties: true,
} satisfies OptionKeys<EvaluationRequest>;

const evaluateKeys = {
  ...contextKeys,
  ...requestKeys,
  outcomes: true,
  ledger: true,
  signal: true,
} satisfies OptionKeys<EvaluateOptions>;

const ledgerKeys = { modelName: true, modelVersion: true } satisfies OptionKeys<LedgerSelection>;

const outcomesKeys = {
  source: true,
  on: true,
  time: true,
  predictedAt: true,
  minLabelled: true,
} satisfies OptionKeys<LateOutcomes>;

/**
 * Says how well a model did on rows with predictions and outcomes: metrics with 95 % intervals, calibration, slices,
 * windows, and what a constant prediction would have reached (spec/model-performance.md). What rows do not define is
 * null, with the reason.
 *
 * Rows without an outcome are left out and counted; outcomes may come from another source (`outcomes`).
 *
 * @throws `SCORE_INVALID` for scores that are no probabilities; `OUTCOMES_LEAKED` for outcomes that were known before
 * the prediction; `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`, `SOURCE_UNREADABLE`
 *
 * @example
 * ```ts
 * import { evaluate } from "varve";
 *
 * const rows = [
 *   { id: 1, risk: 0.9, late: true },
 *   { id: 2, risk: 0.2, late: false },
 *   { id: 3, risk: 0.6, late: false },
 * ];
 * const { metrics, text } = await evaluate(rows, { problem: "binary", score: "risk", target: "late" });
 * console.log(metrics["roc_auc"]?.value, text); // 1
 * ```
 */
export async function evaluate(source: Source, options: EvaluateOptions): Promise<Evaluation> {
  const { outcomes, ledger, signal, ...known } = knownOptions("evaluate", options, evaluateKeys);
  const { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes, ...request } =
    known;
  requireRequest("evaluate", request);
  const selection = toLedger(ledger, outcomes);
  const [{ duckdbEngine }, { evaluateSource }, { sourceAccess }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../performance/evaluate-source.ts"),
    import("../../table/definition/open-context.ts"),
  ]);
  return evaluateSource(
    duckdbEngine,
    {
      source: toWriteSource(source),
      outcomes: outcomes === undefined ? undefined : toOutcomes(outcomes),
      ledger: selection,
      session: { memoryLimit, threads, temporaryFolder },
      access: sourceAccess({ s3, openStore, world, cache, allowedPrefixes }),
      signal,
    },
    request,
  );
}

/** @throws `INVALID_ARGUMENT` for a ledger without outcomes */
function toLedger(
  ledger: EvaluateOptions["ledger"],
  outcomes: LateOutcomes | undefined,
): LedgerSelection | undefined {
  if (ledger === undefined || ledger === false) return undefined;
  const selection = ledger === true ? {} : knownOptions("evaluate, ledger", ledger, ledgerKeys);
  for (const [option, value] of Object.entries(selection))
    if (value !== undefined) requireText(value, `The option ${option} of the ledger`, option);
  if (outcomes !== undefined) return selection;
  throw new VarveError(
    "INVALID_ARGUMENT",
    "A prediction ledger has no outcomes: name the source that has them, and its key (outcomes).",
    { option: "outcomes" },
  );
}

function toOutcomes(options: LateOutcomes) {
  const { source, on, ...rest } = knownOptions("evaluate, outcomes", options, outcomesKeys);
  const pairs = Array.isArray(on) ? Object.fromEntries(on.map((name: string) => [name, name])) : on;
  if (typeof pairs !== "object" || pairs === null)
    throw new VarveError(
      "INVALID_ARGUMENT",
      'The option on of the outcomes must be an array of column names, such as ["id"], or an object of their columns by those of the predictions.',
      { option: "on" },
    );
  for (const [prediction, outcome] of Object.entries(pairs)) {
    requireText(prediction, "A column of the outcomes' on", "on");
    requireText(outcome, "A column of the outcomes' on", "on");
  }
  return { ...rest, source: toWriteSource(source), on: pairs as Readonly<Record<string, string>> };
}

const problems: ReadonlySet<unknown> = new Set(["binary", "multiclass", "regression", "ranking"]);

/** Checks what does not depend on the rows. @throws `INVALID_ARGUMENT` */
export function requireRequest(verb: string, request: EvaluationRequest): void {
  const {
    problem,
    target,
    cutoff,
    minRows,
    curvePoints,
    shares = [],
    k = [],
    gain,
    ties,
    window,
    value,
  } = request;
  const wrong = (option: string, rule: string, found: unknown) =>
    new VarveError(
      "INVALID_ARGUMENT",
      `The option ${option} of ${verb} must be ${rule}, not ${JSON.stringify(found)}.`,
      {
        option,
        value: found,
      },
    );
  if (!problems.has(problem)) throw wrong("problem", "binary, multiclass, regression or ranking", problem);
  requireText(target, `The target of ${verb}`, "target");
  if (cutoff !== undefined && !Number.isFinite(cutoff)) throw wrong("cutoff", "a number", cutoff);
  if (minRows !== undefined && !(minRows >= 1)) throw wrong("minRows", "at least 1", minRows);
  if (curvePoints !== undefined && !(Number.isInteger(curvePoints) && curvePoints >= 2))
    throw wrong("curvePoints", "a whole number from 2 on", curvePoints);
  const badShare = shares.find(
    (share, index) => !(share > 0 && share <= 1 && share > (shares[index - 1] ?? 0)),
  );
  if (badShare !== undefined) throw wrong("shares", "shares above 0 and up to 1, in ascending order", shares);
  if (k.some((rank) => !(Number.isInteger(rank) && rank >= 1)))
    throw wrong("k", "whole numbers from 1 on", k);
  if (gain !== undefined && gain !== "linear" && gain !== "exponential")
    throw wrong("gain", "linear or exponential", gain);
  if (ties !== undefined && ties !== "average" && ties !== "row") throw wrong("ties", "average or row", ties);
  if (window !== undefined) requireWindow(window, wrong);
  if (value !== undefined && !isMatrix(value))
    throw wrong("value", "[[tn, fp], [fn, tp]] with four numbers", value);
}

function requireWindow(
  window: EvaluationWindow,
  wrong: (option: string, rule: string, found: unknown) => VarveError,
): void {
  if ("rows" in window && !(Number.isInteger(window.rows) && window.rows >= 1))
    throw wrong("window", "rows from 1 on, or a column", window);
  if (!("rows" in window) && typeof window.column !== "string")
    throw wrong("window", "rows or a column", window);
}

function isMatrix(value: unknown): boolean {
  const isPair = (row: unknown) => Array.isArray(row) && row.length === 2 && row.every(Number.isFinite);
  return Array.isArray(value) && value.length === 2 && value.every(isPair);
}
