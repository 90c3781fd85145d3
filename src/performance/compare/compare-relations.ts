import type { OpenSession, Relation } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { evaluateRelation } from "../evaluation/evaluate.ts";
import type { EvaluationRequest } from "../evaluation/request.ts";
import type { ModelComparison } from "./comparison.ts";
import { comparisonSentence } from "./comparison-text.ts";
import { judgeChallenger } from "./gate.ts";
import { sumLayouts } from "./paired-metrics.ts";
import { comparedParts } from "./paired-parts.ts";
import {
  type ComparisonRelations,
  dropPairing,
  pairRows,
  type Side,
  sides,
  trainedKeys,
} from "./paired-rows.ts";
import type { ComparisonRequest } from "./request.ts";

/** Rows that models were trained on, where they are known. */
export type TrainedRelations = Readonly<Partial<Record<Side, readonly Relation[]>>>;

/**
 * Compares two models on the same rows.
 *
 * @throws `KEYS_DIFFER`, `ROWS_IN_TRAINING`, `SCORE_INVALID`, `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`
 */
export async function compareRelations(
  session: OpenSession,
  relations: ComparisonRelations,
  trained: TrainedRelations,
  request: ComparisonRequest,
): Promise<ModelComparison> {
  const metrics = metricsOf(request);
  const paired = await pairRows(session, relations, request);
  const overlap = { champion: null, challenger: null } as Record<Side, number | null>;
  for (const side of sides) overlap[side] = await trainedRows(session, relations, { trained, side, request });
  await dropPairing(session, "data");
  const evaluated = async (side: Side) => {
    const { positive, problem } = request;
    const model: EvaluationRequest = { ...paired.models[side], target: paired.target, positive, problem };
    const evaluation = await evaluateRelation(session, paired.relation, model);
    const { name } = request[side];
    const known = {
      name,
      metrics: evaluation.metrics,
      extra: paired.extra[side],
      trainedRows: overlap[side],
    };
    return { model: known, dummy: evaluation.dummy };
  };
  const champion = await evaluated("champion");
  const challenger = await evaluated("challenger");
  const { parts, labelled, unscored, calibration } = await comparedParts(session, paired, request, metrics);
  const gate = judgeChallenger({
    problem: request.problem,
    parts,
    rules: request.rules ?? {},
    calibration,
    challenger: challenger.model.metrics,
    dummy: challenger.dummy,
  });
  const [whole, ...slices] = parts;
  const comparison = {
    problem: request.problem,
    rows: paired.rows,
    labelled,
    unscored,
    champion: champion.model,
    challenger: challenger.model,
    dummy: challenger.dummy,
    metrics: whole?.metrics ?? [],
    slices,
    ...gate,
  };
  return { ...comparison, text: comparisonSentence(comparison) };
}

/** The metrics that are compared. @throws `INVALID_ARGUMENT` for one that is unknown or has no scores */
function metricsOf(request: ComparisonRequest): readonly string[] {
  const { problem, champion, challenger } = request;
  const hasScores =
    problem === "binary"
      ? [champion, challenger].every(({ score }) => score !== undefined)
      : [champion, challenger].every(({ scores }) => scores !== undefined);
  const needScores = new Set(["roc_auc", "log_loss", "brier"]);
  const all = [...(problem === "binary" ? ["roc_auc"] : []), ...Object.keys(sumLayouts[problem].metrics)];
  const known = all.filter((name) => problem === "regression" || hasScores || !needScores.has(name));
  const { metrics = known.slice(0, 1) } = request;
  const unknown = metrics.find((name) => !known.includes(name));
  if (unknown === undefined && metrics.length > 0) return [...new Set(metrics)];
  const reason = unknown !== undefined && all.includes(unknown) ? " Both models need scores for it." : "";
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Models cannot be compared by ${unknown === undefined ? "no metric" : JSON.stringify(unknown)}.${reason} The metrics are: ${known.join(", ")}.`,
    { option: "metrics", value: unknown, metrics: known },
  );
}

/** How many rows a model was trained on. @throws `ROWS_IN_TRAINING` unless that is allowed */
async function trainedRows(
  session: OpenSession,
  { data }: ComparisonRelations,
  {
    trained,
    side,
    request,
  }: { readonly trained: TrainedRelations; readonly side: Side; readonly request: ComparisonRequest },
): Promise<number | null> {
  const relations = trained[side];
  if (relations === undefined || relations.length === 0) return null;
  const { count, keys } = await trainedKeys(session, relations, data, request.on);
  if (count === 0 || request.allowOverlap === true) return count;
  throw new VarveError(
    "ROWS_IN_TRAINING",
    `${count.toLocaleString("en-US")} rows of the data were in the training of the ${side}, so it knows their outcomes: ${keys.join("; ")}. Compare on rows that neither model has seen, or pass { allowOverlap: true }.`,
    { side, count, keys },
  );
}
