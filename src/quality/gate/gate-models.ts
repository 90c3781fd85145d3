import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { isVarveError } from "../../errors.ts";
import { type Evaluation, evaluateRelation } from "../../performance/evaluation/evaluate.ts";
import { nearestName } from "../../util/nearest-name.ts";
import type { Judgement, ModelFigure, ModelPlan } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import type { GateContext } from "./gate-context.ts";
import { noTable } from "./gate-drift.ts";
import { scopedRows } from "./gate-groups.ts";
import { wholeRelation } from "./whole-relation.ts";

/**
 * Judges a check of a model by its metric on the batch, and on the baseline if it has one.
 *
 * @throws `SUITE_INVALID` for an unknown metric; `SCORE_INVALID`, errors of the baseline
 */
export async function modelJudgement(
  session: Session,
  { check, scope }: PlannedCheck,
  plan: ModelPlan,
  staged: StagedRelation,
  { baselines }: Pick<GateContext, "baselines">,
): Promise<Judgement> {
  const { select, columns } = wholeRelation(staged, scopedRows(staged, scope));
  const evaluation = await evaluateRelation(session, { sql: select, columns }, plan.request).catch(
    (error) => {
      throw requestError(error, check.path);
    },
  );
  const current = figureOf(evaluation, plan, check.path);
  const { baseline } = plan;
  if (baseline === undefined) return plan.judge(current, undefined);
  if (typeof baseline === "number")
    return plan.judge(current, {
      value: baseline,
      low: null,
      high: null,
      labelled: Number.POSITIVE_INFINITY,
    });
  if (baseline.kind === "profile") throw noTable(check.path);
  if (baselines === undefined) throw noTable(check.path);
  const before = await baselines.evaluation(baseline, plan.request, check.where);
  return plan.judge(current, before === undefined ? undefined : figureOf(before, plan, check.path));
}

/** What the request itself has wrong is a fault of the suite. */
function requestError(error: unknown, path: string): unknown {
  if (!isVarveError(error, "INVALID_ARGUMENT", "COLUMN_NOT_FOUND", "SCHEMA_MISMATCH")) return error;
  return invalidSuite(`${path}.params`, error.message.replace(/\.$/, ""), "Correct the check", error);
}

function figureOf(evaluation: Evaluation, { metric }: ModelPlan, path: string): ModelFigure {
  const { metrics, labelled, unscored } = evaluation;
  const figure = Object.hasOwn(metrics, metric) ? metrics[metric] : undefined;
  if (figure === undefined) {
    const names = Object.keys(metrics);
    const nearest = nearestName(metric, names);
    throw invalidSuite(
      `${path}.params.metric`,
      `unknown metric "${metric}" of a ${evaluation.problem} problem`,
      `${nearest === undefined ? "" : `Did you mean ${nearest}? `}The metrics are ${names.join(", ")}`,
    );
  }
  const { value, low, high, reason } = figure;
  return { value, low, high, reason, labelled: labelled - unscored };
}
