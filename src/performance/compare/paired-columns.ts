import type { Relation } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName, quoteText } from "../../sql/sql-text.ts";
import { predictionOf } from "../evaluation/evaluate-binary.ts";
import {
  isLabel,
  labelText,
  numberColumn,
  positiveLabel,
  type StagedColumn,
} from "../evaluation/staged-rows.ts";
import { type PairedRows, type Side, sides } from "./paired-rows.ts";
import type { ComparisonRequest, ModelColumns } from "./request.ts";

/** What the pass over paired rows reads. */
export interface PairedColumns {
  /** Columns to stage. */
  readonly staged: readonly StagedColumn[];
  /** Whether a row has an outcome, and what each model must say, over the staged columns. */
  readonly isLabelled: SqlExpression;
  readonly isKnown: Readonly<Record<Side, SqlExpression>>;
  /** Values of the pass in the order of the problem's sums. */
  readonly values: readonly SqlExpression[];
  /** Scores of both models where both have them. */
  readonly scores?: Readonly<Record<Side, SqlName>> | undefined;
}

const target = plainName("target");
export const hash = plainName("hash");

/** The columns of a problem. @throws `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH` */
export function pairedColumns(rows: PairedRows, request: ComparisonRequest): PairedColumns {
  const key = { name: hash, value: numberColumn(rows.relation, rows.hash) };
  const columns = columnsOf(rows, request);
  return { ...columns, staged: [key, ...columns.staged] };
}

function columnsOf(rows: PairedRows, request: ComparisonRequest): PairedColumns {
  switch (request.problem) {
    case "binary":
      return binaryColumns(rows, request);
    case "multiclass":
      return multiclassColumns(rows);
    case "regression":
      return regressionColumns(rows);
  }
}

function nameOf(side: Side, place: string): SqlName {
  return plainName(`${side}_${place}`);
}

function bySide<T>(of: (side: Side) => T): Record<Side, T> {
  return { champion: of("champion"), challenger: of("challenger") };
}

function binaryColumns(rows: PairedRows, request: ComparisonRequest): PairedColumns {
  const { relation, models } = rows;
  const positive = positiveLabel(relation, rows.target, request.positive);
  const staged = sides.flatMap((side) => {
    const { score } = models[side];
    return [
      { name: nameOf(side, "predicted"), value: predictionOf(relation, models[side], positive) },
      {
        name: nameOf(side, "score"),
        value: score === undefined ? sql`CAST(0 AS DOUBLE)` : numberColumn(relation, score),
      },
    ];
  });
  return {
    staged: [{ name: target, value: isLabel(relation, rows.target, positive) }, ...staged],
    isLabelled: sql`${target} IS NOT NULL`,
    isKnown: bySide(
      (side) => sql`(${nameOf(side, "predicted")} IS NOT NULL AND ${nameOf(side, "score")} IS NOT NULL)`,
    ),
    values: [target, ...sides.flatMap((side) => [nameOf(side, "predicted"), nameOf(side, "score")])],
    scores: sides.every((side) => models[side].score !== undefined)
      ? bySide((side) => nameOf(side, "score"))
      : undefined,
  };
}

function multiclassColumns({ relation, models, target: name }: PairedRows): PairedColumns {
  const label = labelText(relation, name);
  const staged = sides.flatMap((side) => {
    const said = saidClass(relation, models[side]);
    return [
      { name: nameOf(side, "hit"), value: sql`(${said} = ${label})` },
      { name: nameOf(side, "share"), value: trueShare(relation, models[side], label) },
    ];
  });
  return {
    staged: [{ name: target, value: label }, ...staged],
    isLabelled: sql`${target} IS NOT NULL`,
    isKnown: bySide(
      (side) => sql`(${nameOf(side, "hit")} IS NOT NULL AND ${nameOf(side, "share")} IS NOT NULL)`,
    ),
    values: sides.flatMap((side) => [nameOf(side, "hit"), nameOf(side, "share")]),
  };
}

type Columns = Omit<ModelColumns, "name">;

/** The class that a model names: its prediction, or else the first of the largest scores. */
function saidClass(relation: Relation, { prediction, scores = {} }: Columns): SqlExpression {
  if (prediction !== undefined) return labelText(relation, prediction);
  const labels = Object.keys(scores).sort();
  const values = labels.map((label) => numberColumn(relation, scores[label] ?? ""));
  return sql`[${labels.map(quoteText)}][list_position([${values}], greatest(${values}))]`;
}

/** The share of the scores that the class of the row has; 0 without scores, where nothing reads it. */
function trueShare(relation: Relation, { scores }: Columns, label: SqlExpression): SqlExpression {
  if (scores === undefined) return sql`CAST(0 AS DOUBLE)`;
  const values = Object.entries(scores).map(([name, column]) => ({
    name,
    value: numberColumn(relation, column),
  }));
  const cases = values.map(({ name, value }) => sql`WHEN ${quoteText(name)} THEN ${value}`);
  const sum = joinSql(
    values.map(({ value }) => value),
    sql` + `,
  );
  return sql`(CASE ${label} ${joinSql(cases, sql` `)} END / nullif(${sum}, 0))`;
}

function regressionColumns({ relation, models, target: name }: PairedRows): PairedColumns {
  const finite = (value: SqlExpression) => sql`(CASE WHEN isfinite(${value}) THEN ${value} END)`;
  const staged = sides.map((side) => ({
    name: nameOf(side, "prediction"),
    value: finite(numberColumn(relation, models[side].prediction ?? "")),
  }));
  return {
    staged: [{ name: target, value: finite(numberColumn(relation, name)) }, ...staged],
    isLabelled: sql`${target} IS NOT NULL`,
    isKnown: bySide((side) => sql`(${nameOf(side, "prediction")} IS NOT NULL)`),
    values: [
      sql`(${target} - (SELECT favg(${target}) FROM ${plainName("performance_rows")}))`,
      target,
      ...sides.map((side) => nameOf(side, "prediction")),
    ],
  };
}
