import type { Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { columnType, plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { binaryDummy, binaryMetrics, labelMetrics } from "../metrics/binary-metrics.ts";
import type { Confusion } from "../metrics/confusion.ts";
import { ScoreFold, type ScoreState } from "../metrics/score-fold.ts";
import { type Counts, emptyCounts, type PartEvaluation } from "./evaluation.ts";
import type { EvaluationRequest, Label } from "./request.ts";
import { streamDescending } from "./score-ranges.ts";
import {
  type Axis,
  isLabel,
  numberColumn,
  positiveLabel,
  requireSourceColumn,
  type StagedRows,
  stageRows,
} from "./staged-rows.ts";

const target = plainName("target");
const predicted = plainName("predicted");
const score = plainName("score");
const asDouble = columnType("DOUBLE");

/** Shares of the rows at which gain and lift are given. */
const defaultShares = [0.05, 0.1, 0.2, 0.3, 0.5, 1];

/** A binary evaluation: the class that is positive, and every part. */
export interface BinaryEvaluation {
  readonly positive: Label;
  readonly cutoff: number | undefined;
  readonly parts: readonly PartEvaluation[];
}

/**
 * Evaluates a binary classifier: the rows are grouped by score, prediction and outcome and read once in descending
 * order of the score.
 *
 * @throws `SCORE_INVALID`, `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`
 */
export async function evaluateBinary(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<BinaryEvaluation> {
  const positive = positiveLabel(relation, request.target, request.positive);
  await requireTwoClasses(session, relation, request);
  const columns = [
    { name: target, value: isLabel(relation, request.target, positive) },
    {
      name: score,
      value: request.score === undefined ? sql`CAST(NULL AS DOUBLE)` : numberColumn(relation, request.score),
    },
    { name: predicted, value: predictionOf(relation, request, positive) },
  ];
  const staged = await stageRows(session, relation, request, columns);
  if (request.score !== undefined) await requireShares(session, staged, request.score, score);
  const totals = await countParts(session, staged, request);
  const parts =
    request.score === undefined
      ? totals.map((part) => labelPart(part, request))
      : await scoredParts(session, staged, totals, request);
  const cutoff = request.prediction === undefined ? (request.cutoff ?? 0.5) : undefined;
  return { positive, cutoff, parts };
}

/** Whether a row is predicted positive. @throws `INVALID_ARGUMENT` without predictions and scores */
export function predictionOf(
  relation: Relation,
  request: Pick<EvaluationRequest, "prediction" | "score" | "cutoff">,
  positive: Label,
): SqlExpression {
  if (request.prediction !== undefined) return isLabel(relation, request.prediction, positive);
  if (request.score === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "A binary evaluation needs a column with scores, one with predictions, or both (score, prediction).",
      { option: "score" },
    );
  return sql`(${numberColumn(relation, request.score)} >= CAST(${quoteText(String(request.cutoff ?? 0.5))} AS DOUBLE))`;
}

async function requireTwoClasses(
  session: Session,
  relation: Relation,
  { target: name }: EvaluationRequest,
): Promise<void> {
  const column = requireSourceColumn(relation, name);
  const value = sql`(SELECT DISTINCT CAST(${quoteName(column.name)} AS VARCHAR) AS label FROM (${relation.sql}) WHERE ${quoteName(column.name)} IS NOT NULL LIMIT 4)`;
  const labels = (
    await session.rows(sql`SELECT label FROM ${value} WHERE label <> 'nan' ORDER BY label`)
  ).map(({ label }) => String(label));
  if (labels.length <= 2) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Column ${column.name} has more than two classes (${labels.map((label) => JSON.stringify(label)).join(", ")} …). Use problem "multiclass", or a column that says yes or no.`,
    { column: [column.name], values: labels },
  );
}

/** Refuses scores that are no probabilities. @throws `SCORE_INVALID` with the first row and the count */
export async function requireShares(
  session: Session,
  { table }: StagedRows,
  name: string,
  column: SqlExpression,
): Promise<void> {
  const wrong = sql`(${column} NOT BETWEEN 0 AND 1)`;
  const [row] = await session.rows(
    sql`SELECT count(*) AS count, min(rn) AS first, CAST(arg_min(${column}, rn) AS VARCHAR) AS value FROM ${table} WHERE ${wrong}`,
  );
  const count = Number(row?.["count"] ?? 0);
  if (count === 0) return;
  const first = Number(row?.["first"]);
  throw new VarveError(
    "SCORE_INVALID",
    `Column ${name} has ${count} scores that are not between 0 and 1; the first is ${String(row?.["value"])}, in row ${first} (from 1). Give probabilities, for example 1 / (1 + exp(-score)) of log odds.`,
    { column: [name], row: first, count, value: String(row?.["value"]) },
  );
}

interface PartTotals extends Counts {
  readonly axis: Axis;
  readonly name: string;
  readonly code: number;
  readonly confusion: Confusion;
}

/** Rows, labelled rows and confusion of every part of every axis. */
async function countParts(
  session: Session,
  { table, axes }: StagedRows,
  request: EvaluationRequest,
): Promise<PartTotals[]> {
  const isScored =
    request.score === undefined
      ? sql`${predicted} IS NOT NULL`
      : sql`${predicted} IS NOT NULL AND ${score} IS NOT NULL`;
  const totals: PartTotals[] = [];
  for (const axis of axes) {
    const rows = await session.rows(
      sql`SELECT ${axis.code} AS code, ${target} AS target, ${isScored} AS scored, ${predicted} AS predicted, count(*) AS count FROM ${table} GROUP BY ALL`,
    );
    for (const [code, name] of axis.parts.entries()) {
      const counts = emptyCounts();
      const confusion = { tp: 0, fp: 0, tn: 0, fn: 0 };
      for (const row of rows.filter((other) => Number(other["code"]) === code)) {
        const count = Number(row["count"]);
        counts.rows += count;
        if (row["target"] === null) continue;
        counts.labelled += count;
        if (row["scored"] !== true) counts.unscored += count;
        else if (row["target"] === true) confusion[row["predicted"] === true ? "tp" : "fn"] += count;
        else confusion[row["predicted"] === true ? "fp" : "tn"] += count;
      }
      totals.push({ ...counts, axis, name, code, confusion });
    }
  }
  return totals.filter(({ axis, rows }) => rows > 0 || axis.kind === "whole");
}

function labelPart(
  { axis, name, rows, labelled, unscored, confusion }: PartTotals,
  request: EvaluationRequest,
): PartEvaluation {
  const positives = confusion.tp + confusion.fn;
  const judged = positives + confusion.fp + confusion.tn;
  return {
    kind: axis.kind,
    column: axis.name,
    name,
    rows,
    labelled,
    unscored,
    metrics: labelMetrics(confusion, request.value),
    dummy: binaryDummy(judged, positives),
    confusion,
  };
}

async function scoredParts(
  session: Session,
  staged: StagedRows,
  totals: readonly PartTotals[],
  request: EvaluationRequest,
): Promise<PartEvaluation[]> {
  const { table, axes } = staged;
  const isJudged = sql`${target} IS NOT NULL AND ${predicted} IS NOT NULL AND ${score} IS NOT NULL`;
  const groups = await distinctScores(session, staged, request);
  const folds = totals.map(({ axis, code, confusion: { tp, fp, tn, fn } }) => ({
    axis: axes.indexOf(axis),
    code,
    fold: new ScoreFold(
      { rows: tp + fp + tn + fn, positives: tp + fn, groups: axis.kind === "whole" ? groups : undefined },
      {
        curvePoints: axis.kind === "whole" ? request.curvePoints : undefined,
        shares: axis.kind === "whole" ? (request.shares ?? defaultShares) : undefined,
        cells: axis.kind === "whole" ? undefined : 128,
      },
    ),
  }));
  const byCode = axes.map(
    (_, axis) => new Map(folds.filter((part) => part.axis === axis).map((part) => [part.code, part.fold])),
  );
  const codes = axes.map(({ code }) => sql`CAST(${code} AS ${asDouble})`);
  const bits = [
    score,
    sql`CAST(${predicted} AS INTEGER)`,
    sql`CAST(${target} AS INTEGER)`,
    sql`count(*)`,
  ].map((value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`);
  const selectOf = (inRange: SqlExpression) =>
    sql`SELECT ${[...bits, ...codes]} FROM ${table} WHERE ${isJudged} AND ${inRange} GROUP BY ${[score, predicted, target, ...axes.map(({ code }) => code)]} ORDER BY c0 DESC, c1, c2, ${axes.map(({ code }) => code)}`;
  await streamDescending(session, { staged, score }, selectOf, (columns, rows) => {
    const [scores, predictions, targets, counts, ...parts] = columns;
    for (let row = 0; row < rows; row++) {
      const group = {
        // 0 and -0 are one score.
        score: (scores?.[row] ?? 0) + 0,
        predicted: predictions?.[row] === 1,
        positive: targets?.[row] === 1,
        rows: counts?.[row] ?? 0,
      };
      for (const [axis, values] of parts.entries()) byCode[axis]?.get(values[row] ?? -1)?.push(group);
    }
  });
  const states = folds.map(({ fold }) => fold.finish());
  return Promise.all(
    totals.map(async (part, index) => {
      const state = states[index];
      return state === undefined
        ? labelPart(part, request)
        : scoredPart(session, staged, part, state, request);
    }),
  );
}

async function distinctScores(
  session: Session,
  { table }: StagedRows,
  { curvePoints }: EvaluationRequest,
): Promise<number | undefined> {
  if (curvePoints === undefined) return undefined;
  const [row] = await session.rows(
    sql`SELECT count(DISTINCT ${score}) AS count FROM ${table} WHERE ${target} IS NOT NULL AND ${predicted} IS NOT NULL`,
  );
  return Number(row?.["count"] ?? 0);
}

async function scoredPart(
  session: Session,
  staged: StagedRows,
  part: PartTotals,
  state: ScoreState,
  request: EvaluationRequest,
): Promise<PartEvaluation> {
  const whole = part.axis.kind === "whole";
  return {
    ...labelPart(part, { ...request, value: undefined }),
    metrics: binaryMetrics(state, request.value),
    clipped: state.clipped,
    ...(whole
      ? {
          calibration: {
            equalWidth: state.equalWidth,
            equalCount: state.equalCount,
            isotonic: state.isotonic,
          },
          curve: request.curvePoints === undefined ? undefined : state.curve,
          thresholds: state.groups,
          gains: await gains(session, staged, state),
        }
      : {}),
  };
}

/** Gain and lift at the top; where equal scores are cut, the first of them by the source's order belong to the top. */
async function gains(session: Session, { table }: StagedRows, state: ScoreState) {
  const { rows: all, positives: allPositives, top } = state;
  const list = [];
  for (const { share, rows, positives, cut } of top) {
    let hits = positives;
    if (cut !== undefined) {
      const tied = sql`SELECT ${target} AS hit FROM ${table} WHERE ${target} IS NOT NULL AND ${predicted} IS NOT NULL AND ${score} = CAST(${quoteText(String(cut.score))} AS DOUBLE) ORDER BY rn LIMIT ${cut.take}`;
      const [row] = await session.rows(sql`SELECT count(*) FILTER (WHERE hit) AS hits FROM (${tied})`);
      hits += Number(row?.["hits"] ?? 0);
    }
    const precision = hits / rows;
    list.push({
      share,
      rows,
      positives: hits,
      precision,
      gain: allPositives === 0 ? null : hits / allPositives,
      lift: allPositives === 0 ? null : precision / (allPositives / all),
      tied: cut?.size ?? 0,
    });
  }
  return list;
}
