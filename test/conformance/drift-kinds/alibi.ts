import { expect } from "vitest";
import { type AlibiMethod, alibiColumn, alibiDecision } from "../../../src/drift/peers/alibi.ts";
import type { PeerColumn } from "../../../src/drift/peers/peer-column.ts";
import type { KsAlternative } from "../../../src/statistics/kolmogorov.ts";
import type { JsonObject } from "../../../src/util/json.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

const methods: Readonly<Record<string, AlibiMethod>> = {
  KSDrift: "ks",
  CVMDrift: "cvm",
  ChiSquareDrift: "chi2",
  FETDrift: "fet",
};

/** Kind `drift` by alibi-detect. */
export function compareAlibi(
  { inputs, params, expected, method, tolerance }: DriftCase,
  series: SeriesByName,
): void {
  const name = methods[method];
  if (name === undefined) throw new Error(`no method of alibi-detect is named ${method}`);
  const alternative = (params["alternative"] ?? "two-sided") as KsAlternative;
  const column = alibiColumn(columnOf(inputs, series), name, alternative);
  if (objectOf(expected, "expected")["error"] !== undefined) {
    expect(column.p, "no p-value where the peer raised").toBeNull();
    return;
  }
  const level = Number(params["p_val"]);
  const got = {
    is_drift: (column.p ?? 1) < level ? 1 : 0,
    p_val: [column.p],
    distance: [column.distance],
    threshold: level,
  };
  expectClose(got, expected, tolerance);
}

/** Kind `drift_multivariate`, tests of each column: rows beyond the shortest column of a side are cut off. */
export function compareAlibiColumns(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, expected, tolerance } = item;
  const categorical = new Set((params["categorical"] ?? []) as readonly string[]);
  const columns = equallyLong(inputs, series, categorical);
  const alternative = (params["alternative"] ?? "two-sided") as KsAlternative;
  const answers = columns.map(({ column }) => {
    const method = column.type === "categorical" ? "chi2" : (methods[item.method] ?? "ks");
    return alibiColumn(column, method, alternative);
  });
  const decision = alibiDecision(answers, {
    level: Number(params["p_val"]),
    correction: params["correction"] === "fdr" ? "fdr" : "bonferroni",
  });
  const got = {
    is_drift: decision.drifted ? 1 : 0,
    p_val: answers.map(({ p }) => p),
    distance: answers.map(({ distance }) => distance),
    threshold: decision.threshold,
  };
  expectClose(got, expected, tolerance);
}

/** Columns without missing and infinite values, each side cut to its shortest column. */
export function equallyLong(
  inputs: JsonObject,
  series: SeriesByName,
  categorical: ReadonlySet<string>,
): readonly { readonly name: string; readonly column: PeerColumn }[] {
  const columns = Object.entries(objectOf(inputs["columns"], "columns")).map(([name, given]) => {
    const { baseline, current } = columnOf(objectOf(given, name), series);
    const known = (values: PeerColumn["baseline"]) =>
      values.filter((value) => value !== null && (typeof value !== "number" || Number.isFinite(value)));
    return { name, baseline: known(baseline), current: known(current) };
  });
  const rows = (side: "baseline" | "current") => Math.min(...columns.map((column) => column[side].length));
  const [n, m] = [rows("baseline"), rows("current")];
  expect(columns.length).toBeGreaterThan(0);
  return columns.map(({ name, baseline, current }) => {
    const type = categorical.has(name) ? "categorical" : "numeric";
    return { name, column: { type, baseline: baseline.slice(0, n), current: current.slice(0, m) } };
  });
}

function columnOf(input: JsonObject, series: SeriesByName): PeerColumn {
  return { type: "numeric", baseline: series(input["reference"]), current: series(input["current"]) };
}
