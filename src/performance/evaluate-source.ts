import type { Engine, Relation, SessionOptions } from "../engine/core/contract.ts";
import { type FetchServices, withFetchedFiles } from "../write/plan/fetched-source.ts";
import { isSnapshot, stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import { estimateRelation } from "./estimate.ts";
import type { Estimate, EstimateRequest } from "./estimation.ts";
import { type EvaluatedVersion, type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { joinOutcomes, type OutcomesRequest } from "./evaluation/outcomes.ts";
import type { EvaluationRequest } from "./evaluation/request.ts";
import { requireSourceColumn } from "./evaluation/staged-rows.ts";
import { type LedgerSelection, ledgerPredictions, textKeys } from "./ledger-predictions.ts";

/** Outcomes that come from another source than the predictions. */
export interface OutcomesSource extends Omit<OutcomesRequest, "target"> {
  readonly source: WriteSource;
}

/** Where the rows are, and how they are read. */
export interface EvaluationSource {
  readonly source: WriteSource;
  readonly outcomes?: OutcomesSource | undefined;
  /** The rows are those of a prediction ledger. */
  readonly ledger?: LedgerSelection | undefined;
  readonly session?: SessionOptions | undefined;
  readonly access?: FetchServices["access"];
  readonly signal?: AbortSignal | undefined;
}

/** Evaluates a model on the rows of any source. @throws as `evaluateRelation` and `joinOutcomes`; `SOURCE_UNREADABLE` */
export async function evaluateSource(
  engine: Engine,
  { source, outcomes, ledger, session: options, access, signal }: EvaluationSource,
  request: EvaluationRequest,
): Promise<Evaluation> {
  return withFetchedFiles(source, { access, signal }, async (rows) => {
    const evaluate = async (labels: WriteSource | undefined) => {
      await using session = await engine.open({ ...options, signal, stopsQueries: true });
      const { relation } = await stageWriteSource(session, rows.source, { signal });
      if (labels === undefined || outcomes === undefined)
        return await evaluateRelation(session, relation, request);
      const staged = await stageWriteSource(session, labels, { signal });
      const { target } = request;
      const keys = { predictions: Object.keys(outcomes.on), outcomes: Object.values(outcomes.on) };
      const predictions =
        ledger === undefined
          ? relation
          : await ledgerPredictions(session, relation, request, {
              keys: keys.predictions,
              selection: ledger,
            });
      const known =
        ledger === undefined ? staged.relation : await textKeys(session, staged.relation, keys.outcomes);
      const { relation: joined, join } = await joinOutcomes(session, predictions, known, {
        ...outcomes,
        target,
        predictedAt: outcomes.predictedAt ?? (ledger === undefined ? undefined : "at"),
      });
      const evaluation = await evaluateRelation(session, joined, request, join);
      return {
        ...evaluation,
        asOf: { predictions: versionOf(source), outcomes: versionOf(outcomes.source) },
      };
    };
    if (outcomes === undefined) return evaluate(undefined);
    return withFetchedFiles(outcomes.source, { access, signal }, (labels) => evaluate(labels.source));
  });
}

/** The version that a source is; undefined for files, rows and SQL. */
function versionOf(source: WriteSource): EvaluatedVersion | undefined {
  if (typeof source !== "object" || source === null || !isSnapshot(source)) return undefined;
  return { uri: source.context.store.uri, version: source.version };
}

/** A labelled baseline and rows without outcomes, and how they are read. */
export interface EstimateSource extends Omit<EvaluationSource, "source" | "outcomes"> {
  readonly baseline: WriteSource;
  readonly current: WriteSource;
}

/** Estimates performance on rows of any source. @throws as `estimateRelation`; `SOURCE_UNREADABLE` */
export async function estimateSource(
  engine: Engine,
  { baseline, current, session: options, access, signal }: EstimateSource,
  request: EstimateRequest,
): Promise<Estimate> {
  return withFetchedFiles(baseline, { access, signal }, (before) =>
    withFetchedFiles(current, { access, signal }, async (now) => {
      await using session = await engine.open({ ...options, signal, stopsQueries: true });
      const first = await stageWriteSource(session, before.source, { signal });
      requireBaselineColumns(first.relation, request);
      const second = await stageWriteSource(session, now.source, { signal });
      return await estimateRelation(session, first.relation, second.relation, request);
    }),
  );
}

/** Looks for the columns first, so that the error says on which side one is missing. @throws `COLUMN_NOT_FOUND` */
function requireBaselineColumns(
  relation: Relation,
  { target, score, scores, prediction, features }: EstimateRequest,
): void {
  const names = [target, score, ...Object.values(scores ?? {}), prediction, ...(features ?? [])];
  for (const name of names) if (name !== undefined) requireSourceColumn(relation, name, "baseline");
}
