import type { Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { type Metrics, metricWithError, undefinedMetric } from "../metrics/metric.ts";
import type { PartEvaluation } from "./evaluation.ts";
import type { EvaluationRequest } from "./request.ts";
import { type Axis, labelText, numberColumn, type StagedRows, stageRows } from "./staged-rows.ts";

const user = plainName("user_id");
const relevance = plainName("relevance");
const score = plainName("score");

const defaultRanks = [1, 3, 5, 10];

/**
 * Evaluates what a model ranks highest for each user: the metrics at each rank, averaged over the users that have a
 * relevant item.
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`
 */
export async function evaluateRanking(
  session: Session,
  relation: Relation,
  request: EvaluationRequest,
): Promise<PartEvaluation[]> {
  if (request.score === undefined || request.user === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "A ranking needs the columns with the scores and with the user or query that items are ranked for (score, user).",
      { option: request.score === undefined ? "score" : "user" },
    );
  const known = (name: string) => sql`nullif(${numberColumn(relation, name)}, CAST('NaN' AS DOUBLE))`;
  const staged = await stageRows(session, relation, request, [
    { name: user, value: labelText(relation, request.user) },
    { name: relevance, value: known(request.target) },
    { name: score, value: known(request.score) },
  ]);
  const parts: PartEvaluation[] = [];
  for (const axis of staged.axes) appendAll(parts, await axisParts(session, staged, axis, request));
  return parts;
}

async function axisParts(
  session: Session,
  { table }: StagedRows,
  axis: Axis,
  request: EvaluationRequest,
): Promise<PartEvaluation[]> {
  const ranks = request.k ?? defaultRanks;
  const counts = await session.rows(
    sql`SELECT ${axis.code} AS code, count(*) AS rows, count(${relevance}) AS labelled, count(*) FILTER (WHERE ${relevance} IS NOT NULL AND (${score} IS NULL OR ${user} IS NULL)) AS unscored FROM ${table} GROUP BY ALL`,
  );
  const sums = await session.rows(userMeans(table, axis.code, ranks, request));
  return axis.parts.flatMap((name, code) => {
    const count = counts.find((row) => Number(row["code"]) === code);
    if (count === undefined && axis.kind !== "whole") return [];
    const row = sums.find((other) => Number(other["code"]) === code);
    const ranked = Number(row?.["ranked"] ?? 0);
    return {
      kind: axis.kind,
      column: axis.name,
      name,
      rows: Number(count?.["rows"] ?? 0),
      labelled: Number(count?.["labelled"] ?? 0),
      unscored: Number(count?.["unscored"] ?? 0),
      metrics: rankedMetrics(row, ranked, ranks),
      dummy: {},
      users: {
        ranked,
        withoutRelevant: Number(row?.["without"] ?? 0),
        tied: Number(row?.["tied"] ?? 0),
      },
    };
  });
}

const figures = ["ndcg", "dcg", "precision", "recall", "hit_rate", "mrr", "map"] as const;

function rankedMetrics(
  row: Readonly<Record<string, unknown>> | undefined,
  users: number,
  ranks: readonly number[],
): Metrics {
  return Object.fromEntries(
    ranks.flatMap((k) =>
      figures.map((figure) => {
        const name = `${figure}_at_${k}`;
        if (row === undefined || users === 0) return [name, undefinedMetric("no_relevant_items")];
        const sd = row[`${name}_sd`];
        const error = sd === null ? undefined : Number(sd) / Math.sqrt(users);
        const limits = { least: 0, most: figure === "dcg" ? undefined : 1 };
        return [name, metricWithError(Number(row[name]), error, "normal", limits)];
      }),
    ),
  );
}

/** Means and deviations over the users of each part. Items of relevance above 0 are relevant. */
function userMeans(
  table: SqlExpression,
  code: SqlExpression,
  ranks: readonly number[],
  request: EvaluationRequest,
) {
  const gain = request.gain === "exponential" ? sql`(2 ** ${relevance} - 1)` : relevance;
  const ties = request.ties ?? "average";
  // Ties count half for each order where a figure is a mean over them; for the others the relevant ones come last.
  const within = ties === "row" ? sql`rn` : sql`${relevance}, rn`;
  const partition = sql`PARTITION BY code, ${user}`;
  const shared = (value: SqlExpression) =>
    ties === "row" ? value : sql`avg(${value}) OVER (${partition}, ${score})`;
  const isRelevant = sql`CAST(${relevance} > 0 AS INTEGER)`;
  const items = sql`SELECT ${code} AS code, ${user}, ${relevance}, ${score}, rn FROM ${table} WHERE ${relevance} IS NOT NULL AND ${score} IS NOT NULL AND ${user} IS NOT NULL`;
  const ranked = sql`SELECT code, ${user}, ${isRelevant} AS relevant, ${shared(sql`CAST(${isRelevant} AS DOUBLE)`)} AS hit, ${shared(gain)} AS gain, ${gain} AS own_gain, row_number() OVER (${partition} ORDER BY ${score} DESC, ${within}) AS place, row_number() OVER (${partition} ORDER BY ${gain} DESC) AS ideal, count(*) OVER (${partition}, ${score}) > 1 AS tied, sum(${isRelevant}) OVER (${partition} ORDER BY ${score} DESC, ${within} ROWS UNBOUNDED PRECEDING) AS found FROM (${items})`;
  const perUser = ranks.flatMap((k) => {
    const at = (figure: string) => plainName(`${figure}_at_${k}`);
    const upTo = sql`FILTER (WHERE place <= ${k})`;
    const dcg = sql`coalesce(sum(gain / log2(place + 1)) ${upTo}, 0)`;
    const best = sql`nullif(sum(own_gain / log2(ideal + 1)) FILTER (WHERE ideal <= ${k}), 0)`;
    return [
      sql`${dcg} AS ${at("dcg")}`,
      sql`${dcg} / ${best} AS ${at("ndcg")}`,
      sql`coalesce(sum(hit) ${upTo}, 0) / ${k} AS ${at("precision")}`,
      sql`coalesce(sum(hit) ${upTo}, 0) / sum(relevant) AS ${at("recall")}`,
      sql`coalesce(max(relevant) ${upTo}, 0) AS ${at("hit_rate")}`,
      sql`coalesce(1.0 / min(place) FILTER (WHERE relevant = 1 AND place <= ${k}), 0) AS ${at("mrr")}`,
      sql`coalesce(sum(found / place) FILTER (WHERE relevant = 1 AND place <= ${k}), 0) / sum(relevant) AS ${at("map")}`,
    ];
  });
  const users = sql`SELECT code, ${user}, sum(relevant) AS relevant_items, bool_or(tied) AS tied, ${perUser} FROM (${ranked}) GROUP BY code, ${user}`;
  const has = sql`FILTER (WHERE relevant_items > 0)`;
  const means = ranks.flatMap((k) =>
    figures.map((figure) => {
      const name = plainName(`${figure}_at_${k}`);
      return sql`avg(${name}) ${has} AS ${name}, stddev_samp(${name}) ${has} AS ${plainName(`${figure}_at_${k}_sd`)}`;
    }),
  );
  return sql`SELECT code, count(*) ${has} AS ranked, count(*) FILTER (WHERE relevant_items = 0) AS without, count(*) FILTER (WHERE tied) AS tied, ${means} FROM (${users}) GROUP BY code`;
}
