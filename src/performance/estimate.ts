import type { Relation, Session } from "../engine/core/contract.ts";
import { estimateBinary } from "./estimate-binary.ts";
import { estimateMulticlass } from "./estimate-multiclass.ts";
import { estimateRegression } from "./estimate-regression.ts";
import { equalWindows, problemOf } from "./estimate-windows.ts";
import type { Estimate, EstimateRequest } from "./estimation.ts";

/**
 * Estimates the performance of a model on rows without outcomes: from calibrated scores (CBPE) of classifiers, from
 * learnt losses (DLE) of regressions.
 *
 * @throws `ESTIMATE_UNSUPPORTED` for a baseline that lacks a class, or of fewer than 300 labelled rows;
 * `SCORE_INVALID`; otherwise as `evaluateRelation`
 */
export async function estimateRelation(
  session: Session,
  baseline: Relation,
  current: Relation,
  request: EstimateRequest,
): Promise<Estimate> {
  const window = request.window ?? (await equalWindows(session, baseline, current));
  const input = { baseline, current, request, window };
  switch (problemOf(request).problem) {
    case "binary":
      return await estimateBinary(session, input);
    case "multiclass":
      return await estimateMulticlass(session, input);
    case "regression":
      return await estimateRegression(session, input);
  }
}
