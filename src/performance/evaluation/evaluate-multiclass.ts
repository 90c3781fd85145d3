import type { Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { columnType, plainName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { type Metrics, metricWithError, shareMetric, undefinedMetric } from "../metrics/metric.ts";
import { ClassFold, macroScores } from "../metrics/multiclass-fold.ts";
import { matrixMetrics } from "../metrics/multiclass-metrics.ts";
import { requireShares } from "./evaluate-binary.ts";
import { type Counts, emptyCounts, type PartEvaluation } from "./evaluation.ts";
import type { EvaluationRequest } from "./request.ts";
import { streamDescending } from "./score-ranges.ts";
import {
  type Axis,
  labelText,
  numberColumn,
  type StagedColumn,
  type StagedRows,
  stageRows,
} from "./staged-rows.ts";

const target = plainName("target");
const predicted = plainName("predicted");
const asDouble = columnType("DOUBLE");

/** Largest number of classes. */
const mostClasses = 100;

/** Classes, in the order of the confusion matrices, and every part. */
export interface MulticlassEvaluation {
  readonly classes: readonly string[];
  readonly parts: readonly PartEvaluation[];
}

/**
 * Evaluates a classifier of several classes: confusion and losses by aggregates, the areas under the curves by one pass
 * over the scores of each class. For the log loss, probabilities are divided by their sum.
 *
 * @throws `SCORE_INVALID`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`, `COLUMN_NOT_FOUND`
 */
export async function evaluateMulticlass(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<MulticlassEvaluation> {
  const classes = await classesOf(session, relation, request);
  const scores = request.scores === undefined ? [] : classes.map((label) => request.scores?.[label] ?? "");
  if (request.prediction === undefined && scores.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "An evaluation of classes needs scores, predictions, or both.", {
      option: "scores",
    });
  const staged = await stageRows(session, relation, request, [
    { name: target, value: classCode(classes, labelText(relation, request.target)) },
    ...predictedColumns(relation, classes, request),
  ]);
  for (const [index, name] of scores.entries()) await requireShares(session, staged, name, scoreName(index));
  const judge = new Judge(
    session,
    staged,
    classes,
    scores.map((_, index) => scoreName(index)),
    request,
  );
  const parts: PartEvaluation[] = [];
  for (const axis of staged.axes) appendAll(parts, await judge.axisParts(axis));
  return { classes, parts };
}

/** The staged column with the scores of a class. */
export function scoreName(index: number): SqlName {
  return plainName(`p${index}`);
}

/** The number of the class that a text names; null for others. */
export function classCode(classes: readonly string[], text: SqlExpression): SqlExpression {
  const cases = classes.map((label, index) => sql`WHEN ${quoteText(label)} THEN ${index}`);
  return cases.length === 0 ? sql`CAST(NULL AS INTEGER)` : sql`CASE ${text} ${joinSql(cases, sql` `)} END`;
}

/** What a model says of a row: the number of the predicted class, and the score of each class if there are scores. */
export function predictedColumns(
  relation: Relation,
  classes: readonly string[],
  { prediction, scores }: Pick<EvaluationRequest, "prediction" | "scores">,
): StagedColumn[] {
  const values =
    scores === undefined
      ? []
      : classes.map((label, index) => ({
          name: scoreName(index),
          value: numberColumn(relation, scores[label] ?? ""),
        }));
  const all = values.map(({ value }) => value);
  // Of equal scores the first class.
  const likeliest = sql`list_position([${all}], greatest(${all})) - 1`;
  const value = prediction === undefined ? likeliest : classCode(classes, labelText(relation, prediction));
  return [{ name: predicted, value }, ...values];
}

/** The classes: those with scores, or else all that are there, sorted. */
async function classesOf(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<string[]> {
  const labels = [request.target, ...(request.prediction === undefined ? [] : [request.prediction])].map(
    (name) => sql`SELECT ${labelText(relation, name)} AS label FROM (${relation.sql})`,
  );
  const found = await session.rows(
    sql`SELECT DISTINCT label FROM (${joinSql(labels, sql` UNION ALL `)}) WHERE label IS NOT NULL ORDER BY label LIMIT ${mostClasses + 1}`,
  );
  const present = found.map(({ label }) => String(label));
  if (present.length > mostClasses)
    throw new VarveError(
      "LIMIT_EXCEEDED",
      `Column ${request.target} has more than ${mostClasses} classes. Group rare ones together, for example in SQL over the source.`,
      { column: [request.target], limit: mostClasses },
    );
  if (request.scores === undefined) return present;
  const classes = Object.keys(request.scores).sort();
  const unknown = present.find((label) => !classes.includes(label));
  if (unknown === undefined) return classes;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Class ${JSON.stringify(unknown)} has no column of scores. The scores are of: ${classes.join(", ")}.`,
    { column: [request.target], value: unknown, option: "scores" },
  );
}

/** Aggregates and passes over the staged rows. */
class Judge {
  readonly #session: Session;
  readonly #staged: StagedRows;
  readonly #classes: readonly string[];
  readonly #scores: readonly SqlName[];
  readonly #request: EvaluationRequest;
  /** What the probabilities of a row add up to. */
  readonly #sum: SqlExpression;
  readonly #isScored: SqlExpression;

  constructor(
    session: Session,
    staged: StagedRows,
    classes: readonly string[],
    scores: readonly SqlName[],
    request: EvaluationRequest,
  ) {
    this.#session = session;
    this.#staged = staged;
    this.#classes = classes;
    this.#scores = scores;
    this.#request = request;
    this.#sum = sql`(${joinSql(scores, sql` + `)})`;
    const isKnown = joinSql(
      [predicted, ...scores].map((name) => sql`${name} IS NOT NULL`),
      sql` AND `,
    );
    this.#isScored = scores.length === 0 ? isKnown : sql`${isKnown} AND ${this.#sum} > 0`;
  }

  async axisParts(axis: Axis): Promise<PartEvaluation[]> {
    const rows = await this.#session.rows(
      sql`SELECT ${axis.code} AS code, ${target} AS target, ${predicted} AS predicted, (${this.#isScored}) AS scored, count(*) AS count FROM ${this.#staged.table} GROUP BY ALL`,
    );
    const losses = this.#scores.length === 0 ? new Map<number, Metrics>() : await this.#losses(axis);
    const curves = this.#scores.length === 0 ? new Map<number, ClassFold[]>() : await this.#folds(axis);
    return axis.parts.flatMap((name, code) => {
      const own = rows.filter((row) => Number(row["code"]) === code);
      if (own.length === 0 && axis.kind !== "whole") return [];
      const counts: Counts = emptyCounts();
      const matrix = this.#classes.map(() => this.#classes.map(() => 0));
      for (const row of own) {
        const count = Number(row["count"]);
        counts.rows += count;
        if (row["target"] === null) continue;
        counts.labelled += count;
        if (row["scored"] !== true) counts.unscored += count;
        const line = matrix[Number(row["target"])];
        if (row["scored"] === true && line !== undefined)
          line[Number(row["predicted"])] = (line[Number(row["predicted"])] ?? 0) + count;
      }
      return this.#part(axis, name, { counts, matrix, losses: losses.get(code), folds: curves.get(code) });
    });
  }

  #part(
    axis: Axis,
    name: string,
    own: {
      readonly counts: Counts;
      readonly matrix: readonly (readonly number[])[];
      readonly losses: Metrics | undefined;
      readonly folds: readonly ClassFold[] | undefined;
    },
  ): PartEvaluation {
    const { metrics, classes } = matrixMetrics(own.matrix);
    const scores = (own.folds ?? []).map((fold) => fold.finish());
    const { ovr, ovo, averagePrecision } = macroScores(scores);
    const areas =
      this.#scores.length === 0
        ? {}
        : { roc_auc_macro: ovr, roc_auc_ovo_macro: ovo, average_precision_macro: averagePrecision };
    const sizes = own.matrix.map((row) => row.reduce((sum, count) => sum + count, 0));
    const judged = sizes.reduce((sum, count) => sum + count, 0);
    return {
      kind: axis.kind,
      column: axis.name,
      name,
      ...own.counts,
      metrics: {
        ...metrics,
        ...areas,
        ...(own.losses ?? (this.#scores.length === 0 ? {} : noLosses(this.#ranks()))),
      },
      dummy: {
        accuracy:
          judged === 0
            ? undefinedMetric("no_rows")
            : {
                value: sizes.reduce((largest, size) => Math.max(largest, size), 0) / judged,
                low: null,
                high: null,
              },
        log_loss: priorLoss(sizes, judged),
      },
      confusion: { classes: this.#classes, matrix: own.matrix },
      classes: Object.fromEntries(
        this.#classes.map((label, index) => {
          const score = scores[index];
          const own =
            score === undefined ? {} : { roc_auc: score.auc, average_precision: score.averagePrecision };
          return [label, { ...classes[index], ...own }];
        }),
      ),
    };
  }

  #ranks(): readonly number[] {
    return (this.#request.k ?? [2]).filter((k) => k < this.#classes.length);
  }

  /** Log loss and top-k accuracy by the code of the part; of equal probabilities the later class ranks first. */
  async #losses(axis: Axis): Promise<Map<number, Metrics>> {
    const scores = this.#scores;
    const own = sql`list_extract([${scores}], ${target} + 1)`;
    const share = sql`greatest(2.220446049250313e-16, least(1 - 2.220446049250313e-16, ${own} / ${this.#sum}))`;
    const above = joinSql(
      scores.map(
        (name, index) =>
          sql`CAST(${name} > ${own} OR (${name} = ${own} AND ${index} > ${target}) AS INTEGER)`,
      ),
      sql` + `,
    );
    const tops = this.#ranks().map(
      (k) => sql`count(*) FILTER (WHERE above < ${k}) AS ${plainName(`top_${k}`)}`,
    );
    const rows = await this.#session.rows(
      sql`SELECT code, ${[sql`count(*) AS rows`, sql`favg(loss) AS loss`, sql`stddev_samp(loss) AS sd`, ...tops]} FROM (SELECT ${axis.code} AS code, -ln(${share}) AS loss, ${above} AS above FROM ${this.#staged.table} WHERE ${target} IS NOT NULL AND ${this.#isScored}) GROUP BY code`,
    );
    return new Map(
      rows.map((row) => {
        const count = Number(row["rows"]);
        const error = row["sd"] === null ? undefined : Number(row["sd"]) / Math.sqrt(count);
        const tops = this.#ranks().map((k) => [
          `top_${k}_accuracy`,
          shareMetric(Number(row[`top_${k}`]), count, "no_rows"),
        ]);
        return [
          Number(row["code"]),
          {
            log_loss: metricWithError(Number(row["loss"]), error, "normal", { least: 0 }),
            ...Object.fromEntries(tops),
          },
        ];
      }),
    );
  }

  /** A pass over the scores of each class in descending order, by the code of the part. */
  async #folds(axis: Axis): Promise<Map<number, ClassFold[]>> {
    const folds = new Map<number, ClassFold[]>();
    const classes = this.#classes.length;
    for (const [index, name] of this.#scores.entries()) {
      const columns = [name, target, sql`count(*)`, axis.code].map(
        (value, column) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${column}`)}`,
      );
      const selectOf = (inRange: SqlExpression) =>
        sql`SELECT ${columns} FROM ${this.#staged.table} WHERE ${target} IS NOT NULL AND ${this.#isScored} AND ${inRange} GROUP BY ALL ORDER BY c0 DESC, c1, c3`;
      const scored = { staged: this.#staged, score: name };
      await streamDescending(this.#session, scored, selectOf, ([scores, targets, counts, codes], rows) => {
        for (let row = 0; row < rows; row++) {
          const code = codes?.[row] ?? 0;
          const own =
            folds.get(code) ?? Array.from({ length: classes }, (_, label) => new ClassFold(label, classes));
          folds.set(code, own);
          own[index]?.push((scores?.[row] ?? 0) + 0, targets?.[row] ?? 0, counts?.[row] ?? 0);
        }
      });
    }
    return folds;
  }
}

function noLosses(ranks: readonly number[]): Metrics {
  const none = undefinedMetric("no_rows");
  return { log_loss: none, ...Object.fromEntries(ranks.map((k) => [`top_${k}_accuracy`, none])) };
}

/** Log loss of the shares of the classes as probabilities of every row. */
function priorLoss(sizes: readonly number[], rows: number) {
  if (rows === 0) return undefinedMetric("no_rows");
  const value = sizes.reduce(
    (sum, size) => sum - (size === 0 ? 0 : (size / rows) * Math.log(size / rows)),
    0,
  );
  return { value, low: null, high: null };
}
