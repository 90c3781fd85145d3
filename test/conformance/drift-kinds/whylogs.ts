import { expect } from "vitest";
import type { PeerType } from "../../../src/drift/peers/peer-column.ts";
import { type WhylogsMethod, whylogsAnswer } from "../../../src/drift/peers/whylogs.ts";
import type { JsonValue } from "../../../src/util/json.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";
import { ownNumericFigures } from "./own-figures.ts";

/** Kind `drift` by whylogs. */
export function compareWhylogs(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, method, tolerance, right } = item;
  const column = {
    type: params["type"] as PeerType,
    baseline: series(inputs["reference"]),
    current: series(inputs["current"]),
  };
  const answer = whylogsAnswer(column, method as WhylogsMethod, {
    most: optionalNumber(params["max_hist_buckets"]),
    rows: optionalNumber(params["hist_avg_number_per_bucket"]),
  });
  if (item.expected === null) {
    expect(answer).toMatch(/\w/);
    return;
  }
  const { algorithm: _, thresholds: __, ...expected } = objectOf(item.expected, "expected");
  if (typeof answer === "string") throw new Error(`no answer: ${answer}`);
  expectClose({ ...answer, p_value: answer.p }, expected, tolerance);
  if (right !== undefined) expectClose(ownNumericFigures(method, column), right, 1e-9, "right");
}

function optionalNumber(value: JsonValue | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
