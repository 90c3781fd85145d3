import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { type AnomalyRule, findAnomalies, onlineStates } from "../../src/quality/measures/anomaly.ts";
import { deviationThresholds, waldInterval, wilsonInterval } from "../../src/quality/measures/intervals.ts";
import { fenceOf } from "../support/fence-of.ts";
import { compareAnalyzer } from "./quality-analyzer-cases.ts";
import { casesFile, casesFound, type QualityCase, readCases } from "./quality-cases.ts";
import { compareCase, otherChoice, runCase } from "./quality-check-cases.ts";
import { compareDrift, otherDrift } from "./quality-drift-cases.ts";
import { compareModelMetric } from "./quality-model-cases.ts";
import { compareRows } from "./quality-row-cases.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

const compareKind: Readonly<Record<string, (item: QualityCase) => Promise<void> | void>> = {
  check: compareCheck,
  analyzer: (item) => compareAnalyzer(session, item),
  row_level: (item) => compareRows(session, item),
  anomaly: compareAnomaly,
  interval: compareInterval,
  threshold: compareThreshold,
  drift: compareDrift,
  drift_dataset: compareDrift,
  numeric: compareNumeric,
  model_metric: compareModelMetric,
};

const cases = readCases();

describe("what other projects' own tests assert of their checks", () => {
  it("finds the file of cases", ({ skip }) => {
    if (!casesFound && process.env["CI"] === undefined)
      skip(`no file of cases: ${casesFile} (name it in VARVE_QUALITY_CASES)`);
    expect(cases.length, casesFile).toBeGreaterThan(0);
    expect(
      cases.filter(({ kind }) => compareKind[kind] === undefined).map(({ id, kind }) => `${id}: ${kind}`),
    ).toEqual([]);
  });

  for (const item of cases) {
    const compare = compareKind[item.kind];
    if (compare === undefined) continue;
    const why = otherDrift[item.id] ?? otherDrift[item.method];
    it.skipIf(why !== undefined)(why === undefined ? item.id : `${item.id}: ${why}`, () => compare(item));
  }
});

async function compareCheck(item: QualityCase): Promise<void> {
  const result = await runCase(session, item);
  const choice = otherChoice(item);
  if (choice?.instead === "anything") return;
  if (choice?.instead === "refused") expect(result, choice.why).toBe("refused");
  else if (choice?.instead === "passes") expect(result, choice.why).toMatchObject({ success: true });
  else if (choice?.instead === "fails") expect(result, choice.why).toMatchObject({ success: false });
  else if (item.expected["error"] !== undefined) expect(result).toBe("refused");
  else if (result !== "refused") compareCase(result, item);
  else if (choice === undefined) expect.fail("the suite was refused");
}

function ruleOf({ method, params }: QualityCase): AnomalyRule {
  const pick = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(names).flatMap(([from, to]) => (params[from] === undefined ? [] : [[to, params[from]]])),
    );
  const change = { maxRateDecrease: "max_decrease", maxRateIncrease: "max_increase", order: "order" };
  const factors = {
    lower: "lower_factor",
    upper: "upper_factor",
    lowerDeviationFactor: "lower_factor",
    upperDeviationFactor: "upper_factor",
    ignoreStartPercentage: "ignore_start",
    ignoreAnomalies: "ignore_anomalies",
    includeInterval: "include_searched",
  };
  switch (method) {
    case "SimpleThreshold":
      return { rule: "threshold", ...pick({ lowerBound: "lower", upperBound: "upper" }) };
    case "AbsoluteChange":
      return { rule: "absolute_change", ...pick(change) };
    case "RelativeRateOfChange":
      return { rule: "relative_change", ...pick(change) };
    case "BatchNormal":
      return { rule: "batch_normal", ...pick(factors) };
    case "OnlineNormal":
      return { rule: "online_normal", ...pick(factors) };
    default:
      throw new Error(`no rule for ${method}`);
  }
}

function compareAnomaly(item: QualityCase): void {
  const series = item.current as number[];
  const search = item.params["search"] as number[] | undefined;
  const rule = ruleOf(item);
  for (const [name, value] of Object.entries(item.expected)) {
    if (name === "anomaly_indices") {
      const searched =
        search === undefined ? undefined : { from: search[0] ?? 0, to: search[1] ?? series.length };
      expect(findAnomalies(series, rule, searched).map(({ index }) => index)).toEqual(value);
    } else if (rule.rule === "online_normal" && (name === "last_mean" || name === "last_std")) {
      const last = onlineStates(series, rule).at(-1);
      expect(name === "last_mean" ? last?.mean : last?.deviation).toBeCloseTo(Number(value), 12);
    } else throw new Error(`the case expects ${name}, which no rule gives`);
  }
}

function compareInterval({ method, params, expected }: QualityCase): void {
  const interval = method.startsWith("wald") ? waldInterval : wilsonInterval;
  expect(interval(Number(params["p_hat"]), Number(params["n"]), Number(params["confidence"]))).toEqual(
    expected,
  );
}

/** Steps of rules are not public: a rule shows what it computes by which value it calls an anomaly. */
function compareNumeric(item: QualityCase): void {
  const { method, params, current, expected } = item;
  if (method !== "nth_difference" && method !== "lag_ratio") {
    compareDrift(item);
    return;
  }
  const order = Number(params["order"]);
  const series = current as number[];
  for (const [index, change] of (expected["values"] as number[]).entries()) {
    const last = series.slice(0, index + order + 1);
    const isAnomaly = (low: number, high: number) => {
      const bounds = { max_decrease: low, max_increase: high, order };
      const rule = method === "lag_ratio" ? "relative_change" : "absolute_change";
      const found = findAnomalies(last, { rule, ...bounds }, { from: last.length - 1, to: last.length });
      return found.length > 0;
    };
    expect(isAnomaly(change, change), `${change} is the change`).toBe(false);
    expect(isAnomaly(change + 1e-9, change + 1), `the change is not more than ${change}`).toBe(true);
    expect(isAnomaly(change - 1, change - 1e-9), `the change is not less than ${change}`).toBe(true);
  }
}

function compareThreshold({ params, reference, expected, tolerance }: QualityCase): void {
  const { std_lower_multiplier: lower, std_upper_multiplier: upper, offset_from: from } = params;
  const thresholds = deviationThresholds(reference as number[], {
    from: from as "mean",
    ddof: params["ddof"] === 1 ? 1 : 0,
    ...(typeof lower === "number" ? { lowerFactor: lower } : {}),
    ...(typeof upper === "number" ? { upperFactor: upper } : {}),
  });
  for (const [name, value] of Object.entries(expected))
    expect(Math.abs(Number(thresholds[name as "lower"]) - Number(value))).toBeLessThanOrEqual(
      Math.max(tolerance, 1e-12),
    );
}
