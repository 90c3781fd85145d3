import type { EngineRow, Relation, Session } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { type RegressionSums, regressionDummy, regressionMetrics } from "../metrics/regression-metrics.ts";
import type { PartEvaluation } from "./evaluation.ts";
import { type OrderedSums, orderedSums } from "./ordered-sums.ts";
import type { EvaluationRequest } from "./request.ts";
import { type Axis, numberColumn, type StagedRows, stageRows } from "./staged-rows.ts";

const target = plainName("target");
const prediction = plainName("prediction");

/**
 * Evaluates predictions of numbers, by aggregates over each axis. Infinite and missing predictions are counted as
 * unscored, infinite targets too.
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`
 */
export async function evaluateRegression(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<PartEvaluation[]> {
  const { prediction: name } = request;
  if (name === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "A regression needs the column with its predictions (prediction).",
      {
        option: "prediction",
      },
    );
  const known = numberColumn(relation, request.target);
  const columns = [
    { name: target, value: sql`nullif(${known}, CAST('NaN' AS DOUBLE))` },
    { name: prediction, value: numberColumn(relation, name) },
  ];
  const staged = await stageRows(session, relation, request, columns);
  const parts: PartEvaluation[] = [];
  for (const axis of staged.axes) appendAll(parts, await axisParts(session, staged, axis));
  return parts;
}

async function axisParts(session: Session, staged: StagedRows, axis: Axis): Promise<PartEvaluation[]> {
  const counts = await session.rows(
    sql`SELECT ${axis.code} AS code, count(*) AS rows, count(${target}) AS labelled, count(*) FILTER (WHERE ${target} IS NOT NULL AND NOT ${usable}) AS unscored FROM ${staged.table} GROUP BY ALL`,
  );
  const sums = await partSums(session, staged, axis.code).catch((error: unknown) => {
    throw tooLarge(error);
  });
  return axis.parts.flatMap((name, code) => {
    const count = counts.find((row) => Number(row["code"]) === code);
    if (count === undefined && axis.kind !== "whole") return [];
    const part = sums.get(code);
    return {
      kind: axis.kind,
      column: axis.name,
      name,
      rows: Number(count?.["rows"] ?? 0),
      labelled: Number(count?.["labelled"] ?? 0),
      unscored: Number(count?.["unscored"] ?? 0),
      metrics: regressionMetrics(part),
      dummy: regressionDummy(part),
      zeroTargets: part?.zeroTargets ?? 0,
    };
  });
}

/** The engine's refusal of squares that no number holds, in words. */
function tooLarge(error: unknown): unknown {
  if (!isVarveError(error, "SQL_FAILED") || error.data["engineErrorKind"] !== "Out of Range") return error;
  return new VarveError(
    "LIMIT_EXCEEDED",
    "Cannot evaluate the predictions: targets or predictions are above 1e75, so that no number holds the squares of the errors. Leave such rows out, for example in SQL over the source.",
    { limit: 1e75 },
    error,
  );
}

/** Both numbers are known and finite. */
const usable = sql`coalesce(isfinite(${target}) AND isfinite(${prediction}), false)`;

/** Everything that the metrics of the parts are made of, by the number of the part. */
async function partSums(
  session: Session,
  staged: StagedRows,
  code: SqlExpression,
): Promise<Map<number, RegressionSums>> {
  const rows = sql`SELECT ${code} AS code, ${target}, ${prediction} FROM ${staged.table} WHERE ${usable}`;
  const sums = await session.rows(sumsOf(rows));
  const ordered = await orderedSums(session, staged, rows);
  return new Map(
    sums.flatMap((row) => {
      const part = Number(row["code"]);
      const order = ordered.get(part);
      return order === undefined ? [] : [[part, numbersOf(row, order)] as const];
    }),
  );
}

const error = sql`(${prediction} - ${target})`;
const absoluteError = sql`abs(${error})`;

/** Sums of each part; the means come first, so that squares are centred. */
function sumsOf(rows: SqlSelect) {
  const off = absoluteError;
  const middles = sql`SELECT code, avg(${target}) AS mean, median(${target}) AS middle FROM (${rows}) GROUP BY code`;
  const log = (column: SqlExpression) => sql`CASE WHEN ${column} > -1 THEN ln(1 + ${column}) END`;
  const logs = sql`(${log(prediction)} - ${log(target)}) ** 2`;
  const isLog = sql`FILTER (WHERE ${target} > -1 AND ${prediction} > -1)`;
  const relative = sql`${off} / nullif(abs(${target}), 0)`;
  const smape = sql`CASE WHEN ${off} = 0 THEN 0 ELSE 2 * ${off} / (abs(${target}) + abs(${prediction})) END`;
  const huber = sql`CASE WHEN ${off} <= 1 THEN ${off} ** 2 / 2 ELSE ${off} - 0.5 END`;
  const pinball = (alpha: SqlExpression) =>
    sql`greatest(${alpha} * (${target} - ${prediction}), (${alpha} - 1) * (${target} - ${prediction}))`;
  const pair = (value: SqlExpression, name: string, filter: SqlExpression = sql``) =>
    sql`favg(${value}) ${filter} AS ${plainName(`${name}_mean`)}, stddev_samp(${value}) ${filter} AS ${plainName(`${name}_sd`)}`;
  const aggregates = [
    sql`count(*) AS rows`,
    pair(error, "error"),
    pair(off, "off"),
    pair(sql`${error} ** 2`, "square"),
    pair(smape, "smape"),
    pair(huber, "huber"),
    pair(pinball(sql`0.1`), "pinball10"),
    pair(pinball(sql`0.5`), "pinball50"),
    pair(pinball(sql`0.9`), "pinball90"),
    pair(relative, "relative"),
    pair(logs, "logs", isLog),
    sql`count(*) ${isLog} AS log_rows`,
    sql`count(*) FILTER (WHERE ${target} = 0) AS zero_targets`,
    sql`count(*) FILTER (WHERE ${prediction} < ${target}) AS under`,
    sql`max(${off}) AS max_off`,
    sql`quantile_cont(${off}, 0.5) AS median_off`,
    sql`favg(abs(${target})) AS size_mean`,
    sql`var_pop(${target}) AS target_variance`,
    sql`var_pop(${error}) AS error_variance`,
    sql`covar_samp(${off}, abs(${target})) AS off_size`,
    sql`var_samp(abs(${target})) AS size_variance`,
    sql`corr(${target}, ${prediction}) AS correlation`,
    sql`favg(abs(${target} - middle)) AS middle_off`,
    sql`covar_samp(${error} ** 2, (${target} - mean) ** 2) AS square_spread`,
    sql`var_samp((${target} - mean) ** 2) AS spread_variance`,
  ];
  return sql`SELECT code, ${aggregates} FROM (${rows}) JOIN (${middles}) USING (code) GROUP BY code`;
}

function numbersOf(row: EngineRow, order: OrderedSums): RegressionSums {
  const number = (name: string) =>
    row[name] === null || row[name] === undefined ? Number.NaN : Number(row[name]);
  const pair = (name: string) => ({ mean: number(`${name}_mean`), sd: number(`${name}_sd`) });
  return {
    rows: number("rows"),
    error: pair("error"),
    off: pair("off"),
    square: pair("square"),
    smape: pair("smape"),
    huber: pair("huber"),
    pinball: { "0.1": pair("pinball10"), "0.5": pair("pinball50"), "0.9": pair("pinball90") },
    relative: pair("relative"),
    logs: pair("logs"),
    logRows: number("log_rows"),
    zeroTargets: number("zero_targets"),
    under: number("under"),
    maxOff: number("max_off"),
    medianOff: { value: number("median_off"), low: order.medianLow, high: order.medianHigh },
    sizeMean: number("size_mean"),
    sizeVariance: number("size_variance"),
    offSize: number("off_size"),
    targetVariance: number("target_variance"),
    errorVariance: number("error_variance"),
    squareSpread: number("square_spread"),
    spreadVariance: number("spread_variance"),
    correlation: number("correlation"),
    spearman: order.spearman,
    middleOff: number("middle_off"),
  };
}
