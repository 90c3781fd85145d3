import type { Relation, Session } from "../../engine/core/contract.ts";
import { type FairnessGap, fairnessGaps } from "../metrics/fairness.ts";
import { evaluateBinary } from "./evaluate-binary.ts";
import { evaluateMulticlass } from "./evaluate-multiclass.ts";
import { evaluateRanking } from "./evaluate-ranking.ts";
import { evaluateRegression } from "./evaluate-regression.ts";
import type { PartEvaluation, ToldPart } from "./evaluation.ts";
import { evaluationSentence } from "./evaluation-text.ts";
import type { OutcomeJoin } from "./outcomes.ts";
import type { EvaluationRequest, Label, Problem } from "./request.ts";

/** A version of a table that an evaluation read. */
export interface EvaluatedVersion {
  readonly uri: string;
  readonly version: number;
}

/** How well a model did, as a whole and by part. */
export interface Evaluation extends Omit<PartEvaluation, "kind" | "column" | "name"> {
  readonly problem: Problem;
  /** Share of the rows with a known outcome; null without any row. */
  readonly labelledShare: number | null;
  /** The class that counts as positive, of a binary problem. */
  readonly positive?: Label | undefined;
  /** Scores from here on count as predicted positive, if there is no column of predictions. */
  readonly cutoff?: number | undefined;
  readonly slices: readonly ToldPart[];
  readonly windows: readonly ToldPart[];
  readonly fairness: readonly FairnessGap[];
  readonly outcomes?: OutcomeJoin | undefined;
  /** The versions of the tables that predictions and outcomes come from, where these come from elsewhere. */
  readonly asOf?:
    | {
        readonly predictions?: EvaluatedVersion | undefined;
        readonly outcomes?: EvaluatedVersion | undefined;
      }
    | undefined;
  /** One sentence about the whole. */
  readonly text: string;
}

/**
 * Evaluates a model on the rows of a relation.
 *
 * @throws `SCORE_INVALID`, `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `LIMIT_EXCEEDED`
 */
export async function evaluateRelation(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
  outcomes?: OutcomeJoin | undefined,
): Promise<Evaluation> {
  const { parts, ...about } = await evaluatedParts(session, relation, request);
  const [whole, ...others] = parts;
  if (whole === undefined)
    throw new Error("varve internal error: an evaluation without the whole. Please report this.");
  const { kind: _kind, column: _column, name: _name, ...rest } = whole;
  const told = others.map((part) => ({
    ...part,
    text: evaluationSentence({ ...part, problem: request.problem }),
  }));
  const slices = told.filter(({ kind }) => kind === "slice");
  const judged = slices.map((slice) => ({ ...slice, judged: slice.labelled - slice.unscored }));
  const evaluation = {
    problem: request.problem,
    ...about,
    ...rest,
    labelledShare: rest.rows === 0 ? null : rest.labelled / rest.rows,
    slices,
    windows: told.filter(({ kind }) => kind === "window"),
    fairness: fairnessGaps(judged, request.minRows ?? 30),
    outcomes,
  };
  return { ...evaluation, text: evaluationSentence(evaluation) };
}

async function evaluatedParts(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<{
  readonly parts: readonly PartEvaluation[];
  readonly positive?: Label;
  readonly cutoff?: number | undefined;
}> {
  switch (request.problem) {
    case "binary":
      return evaluateBinary(session, relation, request);
    case "multiclass": {
      const { parts } = await evaluateMulticlass(session, relation, request);
      return { parts };
    }
    case "regression":
      return { parts: await evaluateRegression(session, relation, request) };
    case "ranking":
      return { parts: await evaluateRanking(session, relation, request) };
  }
}
