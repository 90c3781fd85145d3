import type { JsonObject } from "../../util/json.ts";
import { sumOf } from "../../util/sum.ts";
import { baselineText } from "../model/baseline.ts";
import type { ColumnDrift, DriftPlan, Expectation, Judgement } from "../model/expectation.ts";
import { number, type ParamSpecs, text } from "../model/params.ts";
import { baselineOf, driftBaselineParam, refuseBaseline } from "./baseline-param.ts";
import { columnParam } from "./common.ts";

const ruleParams: ParamSpecs = {
  baseline: driftBaselineParam,
  threshold: {
    type: "number",
    about: "the smallest effect that is drift, above 0 and at most 1; default 0.1",
  },
  alpha: { type: "number", about: "adjusted p-values below it are no noise; between 0 and 1, default 0.01" },
  min_rows: { type: "integer", min: 1, about: "the rows that each side needs to be compared; default 30" },
};

/** What no specification of one parameter says. */
function refuse(params: JsonObject) {
  const [threshold, alpha, share] = ["threshold", "alpha", "share"].map((name) => number(params, name));
  if (threshold !== undefined && !(threshold > 0 && threshold <= 1))
    return {
      param: "threshold",
      problem: `must be above 0 and at most 1, found ${threshold}`,
      advice: "Pass an effect; 0.1 is a shift of a quarter of a deviation, 0.2 of half of one",
    };
  if (alpha !== undefined && !(alpha > 0 && alpha < 1))
    return {
      param: "alpha",
      problem: `must be above 0 and below 1, found ${alpha}`,
      advice: "Pass a probability such as 0.01",
    };
  if (share !== undefined && !(share > 0 && share <= 1))
    return {
      param: "share",
      problem: `must be above 0 and at most 1, found ${share}`,
      advice: "Pass a share of the columns such as 0.2",
    };
  return refuseBaseline(params, "profile");
}

function ruleOf(params: JsonObject): Omit<DriftPlan, "kind" | "columns" | "exclude" | "judge"> {
  const baseline = baselineOf(params);
  if (typeof baseline === "number")
    throw new Error("varve internal error: a baseline of drift is a number. Please report this.");
  return {
    baseline,
    threshold: number(params, "threshold") ?? 0.1,
    alpha: number(params, "alpha") ?? 0.01,
    minRows: number(params, "min_rows") ?? 30,
  };
}

function comparedWith(params: JsonObject): string {
  const { baseline } = ruleOf(params);
  return baselineText(baseline);
}

const noBaseline: Judgement = {
  success: true,
  observed: null,
  details: { insufficient: true, text: "There is no table yet to compare with." },
};

/** Columns with a verdict of their own: those that drift or are broken before the others, by effect. */
function ranked(columns: readonly ColumnDrift[]): ColumnDrift[] {
  const order = ({ verdict }: ColumnDrift) => (verdict === "broken" ? 0 : verdict === "drift" ? 1 : 2);
  return columns.toSorted((a, b) => order(a) - order(b) || (b.effect ?? -1) - (a.effect ?? -1));
}

function hasMoved({ verdict }: ColumnDrift): boolean {
  return verdict === "drift" || verdict === "broken";
}

function judgeColumn(columns: readonly ColumnDrift[] | undefined): Judgement {
  if (columns === undefined) return noBaseline;
  const [first] = ranked(columns);
  if (first === undefined)
    throw new Error("varve internal error: a column without a comparison. Please report this.");
  const { verdict, reason, effect, p, rowsNeeded, rows } = first;
  const isCompared = columns.some((column) => column.verdict === "none" || hasMoved(column));
  return {
    success: !columns.some(hasMoved),
    observed: effect,
    details: {
      verdict,
      ...(reason === null ? {} : { reason }),
      ...(p === null ? {} : { p_adjusted: p }),
      ...(isCompared ? {} : { insufficient: true }),
      ...(rowsNeeded === null ? {} : { rows_needed: rowsNeeded }),
      rows: { ...rows },
      text: first.text,
    },
  };
}

/** Columns that are named in a verdict. */
const mostNamed = 20;

function judgeShare(params: JsonObject, columns: readonly ColumnDrift[] | undefined): Judgement {
  if (columns === undefined) return noBaseline;
  const byName = new Map<string, ColumnDrift[]>();
  for (const column of columns) byName.set(column.column, [...(byName.get(column.column) ?? []), column]);
  const worst = [...byName.values()].flatMap((parts) => ranked(parts).slice(0, 1));
  const tested = worst.filter((column) => column.verdict === "none" || hasMoved(column));
  const moved = ranked(tested.filter(hasMoved));
  const insufficient = sumOf(worst, ({ verdict }) => (verdict === "insufficient" ? 1 : 0));
  const observed = tested.length === 0 ? null : moved.length / tested.length;
  const named = moved.slice(0, mostNamed).map(({ text: sentence }) => sentence);
  return {
    success: observed === null || observed < (number(params, "share") ?? 1),
    observed,
    details: {
      tested: tested.length,
      drifted: moved.length,
      insufficient_columns: insufficient,
      ...(observed === null ? { insufficient: true } : {}),
      columns: moved.slice(0, mostNamed).map(({ column }) => column),
      text:
        observed === null
          ? "No column has enough rows to be compared."
          : `${moved.length} of ${tested.length} columns drifted${named.length === 0 ? "" : `: ${named.join(" ")}`}`,
    },
  };
}

/** Checks that a batch looks like its table, or like any version of it (spec/drift.md). */
export const drift: readonly Expectation[] = [
  {
    kind: "expect_column_drift_to_be_below",
    level: "aggregate",
    engine: "duckdb",
    summary:
      "The column does not drift from the baseline: its effect is below `threshold`, or the difference is noise. Null is a value. Too few rows, or no table yet, is no failure; the result says so.",
    params: { column: columnParam, ...ruleParams },
    refuse,
    message: (params) =>
      `drift of ${text(params, "column")} from ${comparedWith(params)} must be below ${number(params, "threshold") ?? 0.1}`,
    plan: (use) => ({
      kind: "drift",
      ...ruleOf(use.check.params),
      columns: [use.column("column").name],
      exclude: [],
      judge: judgeColumn,
    }),
  },
  {
    kind: "expect_table_drift_share_to_be_below",
    level: "aggregate",
    engine: "duckdb",
    summary:
      "Less than `share` of the columns drift from the baseline. Columns with too few rows do not count; the result says how many they are.",
    params: {
      share: { type: "number", required: true, about: "the share of columns, above 0 and at most 1" },
      column_list: {
        type: "columns",
        atLeast: 1,
        about: "the columns to compare; default: all of the baseline",
      },
      exclude: { type: "columns", about: "columns to leave out" },
      ...ruleParams,
    },
    refuse,
    message: (params) =>
      `share of columns that drift from ${comparedWith(params)} must be below ${number(params, "share")}`,
    plan: (use) => {
      const named = use.check.params["column_list"] === undefined ? [] : use.columnList("column_list");
      const exclude = use.check.params["exclude"] === undefined ? [] : use.columnList("exclude");
      return {
        kind: "drift",
        ...ruleOf(use.check.params),
        columns: named.map(({ name }) => name),
        exclude: exclude.map(({ name }) => name),
        judge: (columns) => judgeShare(use.check.params, columns),
      };
    },
  },
];
