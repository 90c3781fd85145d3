import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { type PairedAuc, type PlacementSums, pairedAuc } from "../../statistics/paired/paired-auc.ts";
import type { Axis, StagedRows } from "../evaluation/staged-rows.ts";
import type { Side } from "./paired-rows.ts";

const target = plainName("target");

/**
 * The areas under the curves of both models on every part, by the code of its axis and its number. Of equal scores
 * each is ranked half right. Everything is counted in whole numbers of half rows, so that no order matters.
 */
export async function pairedAucs(
  session: Session,
  { table, axes }: StagedRows,
  {
    scores,
    isJudged,
  }: { readonly scores: Readonly<Record<Side, SqlName>>; readonly isJudged: SqlExpression },
): Promise<Map<string, PairedAuc>> {
  const found = new Map<string, PairedAuc>();
  for (const axis of axes) {
    const sums = await placementSums(session, { table, axis, scores, isJudged });
    for (const [code, { positives, negatives }] of sums) {
      const auc = pairedAuc(positives, negatives);
      if (auc !== null) found.set(`${axis.code} ${code}`, auc);
    }
  }
  return found;
}

interface ClassSums {
  positives: PlacementSums;
  negatives: PlacementSums;
}

const none: PlacementSums = { rows: 0, first: 0n, second: 0n, squares: 0n };

async function placementSums(
  session: Session,
  {
    table,
    axis,
    scores,
    isJudged,
  }: {
    readonly table: SqlName;
    readonly axis: Axis;
    readonly scores: Readonly<Record<Side, SqlName>>;
    readonly isJudged: SqlExpression;
  },
): Promise<Map<number, ClassSums>> {
  const rows = sql`SELECT ${axis.code} AS code, ${target} AS positive, ${scores.champion} + 0 AS one, ${scores.challenger} + 0 AS two FROM ${table} WHERE ${isJudged}`;
  const placed = (score: SqlExpression) => placements(rows, score);
  const joined = sql`SELECT r.code, r.positive, CASE WHEN r.positive THEN a.won ELSE a.lost END AS first, CASE WHEN r.positive THEN b.won ELSE b.lost END AS second FROM (${rows}) AS r JOIN (${placed(sql`one`)}) AS a ON r.code = a.code AND r.one = a.score JOIN (${placed(sql`two`)}) AS b ON r.code = b.code AND r.two = b.score`;
  const sum = (value: SqlExpression, name: string) =>
    sql`CAST(sum(CAST(${value} AS HUGEINT)) AS VARCHAR) AS ${plainName(name)}`;
  const list = await session.rows(
    sql`SELECT code, positive, count(*) AS rows, ${sum(sql`first`, "first")}, ${sum(sql`second`, "second")}, ${sum(sql`CAST(second - first AS HUGEINT) * (second - first)`, "squares")} FROM (${joined}) GROUP BY code, positive`,
  );
  const parts = new Map<number, ClassSums>();
  for (const row of list) {
    const code = Number(row["code"]);
    const part = parts.get(code) ?? { positives: none, negatives: none };
    part[row["positive"] === true ? "positives" : "negatives"] = {
      rows: Number(row["rows"]),
      first: BigInt(String(row["first"])),
      second: BigInt(String(row["second"])),
      squares: BigInt(String(row["squares"])),
    };
    parts.set(code, part);
  }
  return parts;
}

/**
 * For each score: twice the negatives that a positive there is ranked right with (`won`), and twice the positives that
 * a negative there is (`lost`); equal scores count once.
 */
function placements(rows: SqlExpression, score: SqlExpression): SqlExpression {
  const counts = sql`SELECT code, ${score} AS score, CAST(count(*) FILTER (WHERE positive) AS BIGINT) AS p, CAST(count(*) FILTER (WHERE NOT positive) AS BIGINT) AS n FROM (${rows}) GROUP BY ALL`;
  const upTo = sql`OVER (PARTITION BY code ORDER BY score ROWS UNBOUNDED PRECEDING)`;
  const total = sql`OVER (PARTITION BY code)`;
  return sql`SELECT code, score, CAST(2 * (sum(n) ${upTo}) - n AS BIGINT) AS won, CAST(2 * ((sum(p) ${total}) - (sum(p) ${upTo})) + p AS BIGINT) AS lost FROM (${counts})`;
}
