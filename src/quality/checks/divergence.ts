import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import { hasNan, nanProbe } from "../measures/measures.ts";
import {
  type AggregatePlan,
  type AggregateValues,
  type CheckUse,
  type ColumnUse,
  type Expectation,
  type Judgement,
  type QueryPlan,
  toNumber,
} from "../model/expectation.ts";
import { boundsText, number, text } from "../model/params.ts";
import {
  columnParam,
  numbers,
  numericBounds,
  ordered,
  refuseBounds,
  shareLimits,
  withinBounds,
} from "./common.ts";

/**
 * A distribution to compare with: shares of values, or of bins (the last one closed) and of the tails outside
 * them.
 */
type Partition =
  | { readonly kind: "values"; readonly values: readonly JsonValue[]; readonly weights: readonly number[] }
  | {
      readonly kind: "bins";
      readonly bins: readonly number[];
      readonly weights: readonly number[];
      readonly tails: readonly number[] | undefined;
    };

function readPartition(params: JsonObject): Partition | string {
  const partition = params["partition_object"];
  if (!isJsonObject(partition)) return "must be an object";
  const weights = Array.isArray(partition["weights"]) ? partition["weights"].map(Number) : [];
  if (weights.length === 0 || weights.some((weight) => !(weight >= 0)))
    return "needs weights, a list of shares";
  const tails = Array.isArray(partition["tail_weights"]) ? partition["tail_weights"].map(Number) : undefined;
  if (Math.abs([...weights, ...(tails ?? [])].reduce((sum, weight) => sum + weight, 0) - 1) > 1e-6)
    return "has weights that do not add up to 1";
  if (Array.isArray(partition["values"]))
    return partition["values"].length === weights.length
      ? { kind: "values", values: partition["values"], weights }
      : "needs one weight a value";
  if (!Array.isArray(partition["bins"])) return "needs bins or values";
  const bins = partition["bins"].map(Number);
  if (bins.length !== weights.length + 1) return "needs one more bin edge than weights";
  if (bins.some((edge, index) => Number.isNaN(edge) || (index > 0 && edge <= (bins[index - 1] ?? edge))))
    return "has bin edges that do not rise";
  if (tails !== undefined && tails.length !== 2) return "needs two tail_weights";
  return { kind: "bins", bins, weights, tails };
}

function refuse(params: JsonObject) {
  const partition = readPartition(params);
  if (typeof partition === "string")
    return { param: "partition_object", problem: partition, advice: "Pass { bins | values, weights }" };
  const holdout = number(params, "tail_weight_holdout") ?? 0;
  if (partition.kind === "values")
    return (number(params, "internal_weight_holdout") ?? 0) > 0
      ? {
          param: "internal_weight_holdout",
          problem: "is given, but shares of values have no bins of weight 0",
          advice: "Leave it out, or use tail_weight_holdout for values that the reference does not have",
        }
      : undefined;
  if (holdout > 0 && partition.tails !== undefined)
    return {
      param: "tail_weight_holdout",
      problem: "cannot be combined with tail_weights",
      advice: "Leave out one of them",
    };
  const [first, last] = [partition.bins[0], partition.bins.at(-1)];
  if (holdout > 0 && first === -Infinity && last === Infinity)
    return {
      param: "tail_weight_holdout",
      problem: "is given though the bins have no tails",
      advice: "Leave it out",
    };
  if (partition.tails !== undefined && (first === -Infinity || last === Infinity))
    return {
      param: "partition_object",
      problem: "has tail_weights though a bin is open",
      advice: "Leave out one of them",
    };
  return undefined;
}

/** Σ p ln(p/q) after both are scaled to add up to 1; infinite if q lacks a value of p. */
function relativeEntropy(p: readonly number[], q: readonly number[]): number {
  const [sumP, sumQ] = [p.reduce((sum, value) => sum + value, 0), q.reduce((sum, value) => sum + value, 0)];
  return p.reduce((total, value, index) => {
    const [share, expected] = [value / sumP, (q[index] ?? 0) / sumQ];
    return share === 0 ? total : expected === 0 ? Infinity : total + share * Math.log(share / expected);
  }, 0);
}

function judgeDivergence(use: CheckUse, divergence: number, details: JsonObject): Judgement {
  const known = Number.isFinite(divergence);
  // sums of binary fractions leave a remainder far below any meaningful threshold
  return {
    success: known && divergence <= (number(use.check.params, "threshold") ?? 0) + 1e-15,
    observed: known ? divergence : null,
    details,
  };
}

function binned(
  use: CheckUse,
  column: ColumnUse,
  partition: Partition & { readonly kind: "bins" },
): AggregatePlan {
  const { bins, weights, tails } = partition;
  const value = use.dialect.toDouble(column.sql);
  const literal = (edge: number) => use.dialect.literal(edge, "double");
  const [openLow, openHigh] = [bins[0] === -Infinity, bins.at(-1) === Infinity];
  const counts = weights.map((_, index) => {
    const last = index === weights.length - 1;
    return sql`count(CASE WHEN ${value} >= ${literal(bins[index] ?? 0)} AND ${value} ${last ? sql`<=` : sql`<`} ${literal(bins[index + 1] ?? 0)} THEN 1 END)`;
  });
  const outside = {
    below: sql`count(CASE WHEN ${value} < ${literal(bins[0] ?? 0)} THEN 1 END)`,
    above: sql`count(CASE WHEN ${value} > ${literal(bins.at(-1) ?? 0)} THEN 1 END)`,
  };
  const [tail, internal] = [
    number(use.check.params, "tail_weight_holdout") ?? 0,
    number(use.check.params, "internal_weight_holdout") ?? 0,
  ];
  const zeros = weights.filter((weight) => weight === 0).length;
  const scaled = weights.map((weight) =>
    weight === 0 && internal > 0 ? internal / zeros : weight * (1 - tail - internal),
  );
  const heldTails =
    tails ?? (openLow || openHigh ? [openLow ? 0 : tail, openHigh ? 0 : tail] : [tail / 2, tail / 2]);
  return {
    kind: "aggregate",
    aggregates: {
      ...outside,
      ...Object.fromEntries(counts.map((count, index) => [`b${index}`, count])),
      present: sql`count(${column.sql})`,
      ...nanProbe(column),
    },
    judge: (values) => {
      const present = toNumber(values["present"]) ?? 0;
      const observed = weights.map((_, index) => (toNumber(values[`b${index}`]) ?? 0) / present);
      const around = [(toNumber(values["below"]) ?? 0) / present, (toNumber(values["above"]) ?? 0) / present];
      const join = (inner: readonly number[], ends: readonly number[]) => [
        ends[0] ?? 0,
        ...inner,
        ends[1] ?? 0,
      ];
      const divergence =
        present === 0 || hasNan(values)
          ? Number.NaN
          : relativeEntropy(join(observed, around), join(scaled, heldTails));
      const details = {
        observed_partition: shown(bins, observed, around),
        expected_partition: shown(bins, scaled, heldTails),
      };
      return judgeDivergence(use, divergence, details);
    },
  };
}

/** A share; null where there is no value to share. */
const known = (share: number): number | null => (Number.isNaN(share) ? null : share);

/** Open bins are shown as tails of the closed ones. */
function shown(bins: readonly number[], weights: readonly number[], tails: readonly number[]): JsonObject {
  const [openLow, openHigh] = [bins[0] === -Infinity, bins.at(-1) === Infinity];
  return {
    bins: bins.filter((edge) => Number.isFinite(edge)),
    weights: weights.slice(openLow ? 1 : 0, openHigh ? -1 : undefined).map(known),
    tail_weights: [
      known(openLow ? (weights[0] ?? 0) : (tails[0] ?? 0)),
      known(openHigh ? (weights.at(-1) ?? 0) : (tails[1] ?? 0)),
    ],
  };
}

function categorical(
  use: CheckUse,
  column: ColumnUse,
  partition: Partition & { readonly kind: "values" },
): QueryPlan {
  const cases = joinSql(
    partition.values.map(
      (value, index) =>
        sql`WHEN ${column.sql} = ${use.value(value, column, "partition_object")} THEN ${index}`,
    ),
    sql` `,
  );
  return {
    kind: "query",
    // unexpected values stay in the engine; only their number of groups and their sum of n·ln n are needed
    query: (scoped) =>
      sql`SELECT place, count(*) AS groups, sum(n) AS n, sum(n * ln(n)) AS weighted FROM (SELECT CASE ${cases} END AS place, count(*) AS n FROM ${scoped} WHERE ${column.sql} IS NOT NULL GROUP BY ${column.sql}) GROUP BY place`,
    judge: (rows) => judgeCategories(use, partition, rows),
  };
}

function judgeCategories(
  use: CheckUse,
  partition: Partition & { readonly kind: "values" },
  rows: readonly AggregateValues[],
): Judgement {
  const counts = partition.weights.map(
    (_, index) =>
      toNumber(rows.find((row) => toNumber(row["place"]) === index && row["place"] !== null)?.["n"]) ?? 0,
  );
  const other = rows.find((row) => row["place"] === null);
  const [groups, others, weighted] = [
    toNumber(other?.["groups"]) ?? 0,
    toNumber(other?.["n"]) ?? 0,
    toNumber(other?.["weighted"]) ?? 0,
  ];
  const total = counts.reduce((sum, count) => sum + count, 0) + others;
  const tail = groups === 0 ? 0 : (number(use.check.params, "tail_weight_holdout") ?? 0);
  const expected = partition.weights.map((weight) => weight * (1 - tail));
  const sum = expected.reduce((all, weight) => all + weight, 0) + tail;
  const inside = counts.reduce(
    (all, count, index) =>
      count === 0 ? all : all + (count / total) * Math.log(count / total / ((expected[index] ?? 0) / sum)),
    0,
  );
  const outside =
    groups === 0
      ? 0
      : tail === 0
        ? Infinity
        : (weighted - others * Math.log(total)) / total - (others / total) * Math.log(tail / groups / sum);
  const details = {
    observed_partition: { values: partition.values, weights: counts.map((count) => known(count / total)) },
    expected_partition: { values: partition.values, weights: expected },
  };
  return judgeDivergence(use, total === 0 ? Number.NaN : inside + outside, details);
}

const typeClasses = ["Unknown", "Fractional", "Integral", "Boolean", "String"];

/** Checks of distributions against a reference, and of the kinds of values in text. */
export const divergence: readonly Expectation[] = [
  {
    kind: "expect_column_kl_divergence_to_be_less_than",
    level: "aggregate",
    summary:
      "The Kullback-Leibler divergence of the column from the reference, in nats, is at most `threshold`; an infinite one fails and is reported as null.",
    params: {
      column: columnParam,
      partition_object: { type: "json", required: true, about: "{ bins | values, weights, tail_weights }" },
      threshold: { type: "number", min: 0, required: true, about: "a divergence of at least 0" },
      tail_weight_holdout: {
        type: "number",
        min: 0,
        max: 1,
        about: "the share of values outside the reference",
      },
      internal_weight_holdout: { type: "number", min: 0, max: 1, about: "the share of the bins of weight 0" },
    },
    refuse,
    message: (params) =>
      `divergence of ${text(params, "column")} must be at most ${number(params, "threshold")}`,
    plan: (use) => {
      const partition = readPartition(use.check.params);
      if (typeof partition === "string")
        throw new Error(`varve internal error: partition_object ${partition}`);
      return partition.kind === "bins"
        ? binned(use, use.column("column", numbers), partition)
        : categorical(use, use.column("column", ordered), partition);
    },
  },
  {
    kind: "expect_column_data_type_share_to_be_between",
    level: "aggregate",
    summary:
      "The share of rows whose text is of the type is within the bounds: Fractional, Integral, Boolean, String, or Unknown for null.",
    params: {
      column: columnParam,
      data_type: {
        type: "enum",
        values: typeClasses,
        required: true,
        about: `one of ${typeClasses.join(", ")}`,
      },
      ...numericBounds,
    },
    refuse: refuseBounds(false, shareLimits),
    message: (params) =>
      `share of ${text(params, "data_type")} values in ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const { sql: value } = use.column("column", ["string"]);
      const is = (pattern: string) => use.dialect.matches(value, pattern);
      const counted = (condition: SqlExpression) => sql`count(CASE WHEN ${condition} THEN 1 END)`;
      return {
        kind: "aggregate",
        aggregates: {
          rows: sql`count(*)`,
          present: sql`count(${value})`,
          Fractional: counted(is("^[+-]? ?[0-9]*\\.[0-9]*$")),
          Integral: counted(is("^[+-]? ?[0-9]+$")),
          Boolean: counted(is("^(true|false)$")),
        },
        judge: (values) => {
          const read = (name: string) => toNumber(values[name]) ?? 0;
          const rows = read("rows");
          const known = read("Fractional") + read("Integral") + read("Boolean");
          const counts = {
            Unknown: rows - read("present"),
            Fractional: read("Fractional"),
            Integral: read("Integral"),
            Boolean: read("Boolean"),
            String: read("present") - known,
          };
          const shares: Record<string, number> =
            rows === 0
              ? {}
              : Object.fromEntries(
                  Object.entries(counts).flatMap(([name, count]) =>
                    count === 0 ? [] : [[name, count / rows]],
                  ),
                );
          const observed = rows === 0 ? null : (shares[text(use.check.params, "data_type")] ?? 0);
          return { success: withinBounds(observed, use.check.params), observed, details: { shares } };
        },
      };
    },
  },
];
