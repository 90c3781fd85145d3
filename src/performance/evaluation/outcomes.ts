import type { EngineRow, Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { requireSourceColumn } from "./staged-rows.ts";

/** How predictions are joined with outcomes that come later. */
export interface OutcomesRequest {
  /** Columns that are equal, by column of the predictions. */
  readonly on: Readonly<Record<string, string>>;
  /** Column of the outcomes with the outcome. */
  readonly target: string;
  /** Column of the outcomes with the time at which each was known. */
  readonly time?: string | undefined;
  /** Column of the predictions with the time at which each was made. */
  readonly predictedAt?: string | undefined;
  /** Below this share of labelled rows, the verdict is `immature`; default: 0.5. */
  readonly minLabelled?: number | undefined;
}

/** What else the join shall do. */
interface OutcomeParts {
  /** Keep only outcomes of these predictions: `repeated` is about their keys, and `unmatched` is 0. */
  readonly onlyMatched?: boolean | undefined;
  /** Column of the predictions for whose values the expected share is given, too. */
  readonly by?: string | undefined;
}

/** What is known about outcomes so far. */
export interface OutcomeJoin {
  /** Share of the predictions with an outcome; null without any prediction. */
  readonly labelledShare: number | null;
  /** Keys with several outcomes, of which the newest counts. */
  readonly repeated: number;
  /** Outcomes without a prediction. */
  readonly unmatched: number;
  /**
   * `immature` under `minLabelled`, or where fewer than 90 % of the outcomes that will come are expected to be there;
   * else `mature`.
   */
  readonly verdict: "mature" | "immature";
  /** Expected share of the final outcomes that are there; null without both times, or without predictions old enough. */
  readonly reached: number | null;
  /** Share of outcomes known by age of the prediction in days, at hundredths; of predictions old enough to have all. */
  readonly maturity: readonly { readonly days: number; readonly share: number }[];
}

/** Predictions with their outcomes. */
export interface JoinedOutcomes {
  readonly relation: Relation;
  readonly join: OutcomeJoin;
  /** `reached` of the predictions of each value of the column `by`, as text. */
  readonly reachedBy: ReadonlyMap<string, number>;
}

const predictions = plainName("performance_predictions");
const outcomes = plainName("performance_outcomes");
const joined = plainName("performance_joined");
/** One row: when the newest outcome was known. */
const newest = plainName("performance_newest");

/**
 * Joins predictions with the newest outcome of each.
 *
 * @throws `OUTCOMES_LEAKED` for outcomes that were known before the prediction was made; `COLUMN_NOT_FOUND`,
 * `INVALID_ARGUMENT`
 */
export async function joinOutcomes(
  session: Session,
  rows: Relation,
  labels: Relation,
  request: OutcomesRequest & OutcomeParts,
): Promise<JoinedOutcomes> {
  const pairs = Object.entries(request.on).map(([prediction, outcome]) => ({
    prediction: quoteName(requireSourceColumn(rows, prediction).name),
    outcome: quoteName(requireSourceColumn(labels, outcome).name),
  }));
  if (pairs.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "Outcomes need the columns that they are joined by (on).", {
      option: "on",
    });
  const target = requireSourceColumn(labels, request.target);
  requireNoTarget(rows, target.name);
  await store(session, rows, labels, request, pairs);
  const equal = equalKeys(pairs);
  await session.execute(
    sql`CREATE TABLE ${joined} AS SELECT p.* EXCLUDE (${plainName("made_at")}), o.outcome AS ${quoteName(target.name)}, p.made_at AS performance_made_at, o.known_at AS performance_known_at FROM ${predictions} AS p LEFT JOIN ${outcomes} AS o ON ${equal} AND o.place = 1 ORDER BY p.rn`,
  );
  await requireNoLeak(session, pairs);
  const join = await describeJoin(session, request, pairs);
  const reachedBy = await reachedByPart(session, join.maturity, request.by);
  await session.execute(sql`DROP TABLE ${predictions}`);
  await session.execute(sql`DROP TABLE ${outcomes}`);
  await session.execute(sql`DROP TABLE ${newest}`);
  const select = sql`SELECT * EXCLUDE (rn, performance_made_at, performance_known_at) FROM ${joined} ORDER BY rn`;
  return { relation: { sql: select, columns: await session.describe(select) }, join, reachedBy };
}

interface Pair {
  readonly prediction: SqlExpression;
  readonly outcome: SqlExpression;
}

/** A prediction `p` and an outcome `o` of the same key. */
function equalKeys(pairs: readonly Pair[]): SqlExpression {
  return joinSql(
    pairs.map(({ prediction }, index) => sql`p.${prediction} = o.${keyName(index)}`),
    sql` AND `,
  );
}

function keyName(index: number): SqlExpression {
  return plainName(`key_${index}`);
}

function requireNoTarget(rows: Relation, target: string): void {
  const twice = rows.columns.find(({ name }) => foldName(name) === foldName(target));
  if (twice === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Both predictions and outcomes have a column ${twice.name}. Leave it out of the predictions, for example in SQL over them.`,
    { column: [twice.name] },
  );
}

async function store(
  session: Session,
  rows: Relation,
  labels: Relation,
  { target, time, predictedAt, onlyMatched = false }: OutcomesRequest & OutcomeParts,
  pairs: readonly Pair[],
): Promise<void> {
  for (const name of [predictions, outcomes, joined, newest])
    await session.execute(sql`DROP TABLE IF EXISTS ${name}`);
  const made = predictedAt === undefined ? sql`CAST(NULL AS TIMESTAMP)` : timeColumn(rows, predictedAt);
  await session.execute(
    sql`CREATE TABLE ${predictions} AS SELECT *, ${made} AS made_at, row_number() OVER () AS rn FROM (${rows.sql})`,
  );
  const known = time === undefined ? sql`CAST(NULL AS TIMESTAMP)` : timeColumn(labels, time);
  const keys = pairs.map(({ outcome }, index) => sql`${outcome} AS ${keyName(index)}`);
  const outcome = quoteName(requireSourceColumn(labels, target).name);
  const partition = pairs.map((_, index) => keyName(index));
  const numbered = sql`SELECT ${[...keys, sql`${outcome} AS outcome`, sql`${known} AS known_at`, sql`row_number() OVER () AS line`]} FROM (${labels.sql})`;
  const matched = onlyMatched
    ? sql`SELECT o.* FROM (${numbered}) AS o SEMI JOIN ${predictions} AS p ON ${equalKeys(pairs)}`
    : numbered;
  await session.execute(
    sql`CREATE TABLE ${outcomes} AS SELECT *, row_number() OVER (PARTITION BY ${partition} ORDER BY known_at DESC NULLS LAST, line DESC) AS place FROM (${matched}) WHERE outcome IS NOT NULL`,
  );
  await session.execute(
    sql`CREATE TABLE ${newest} AS SELECT max(${known}) AS known_at FROM (${labels.sql}) WHERE ${outcome} IS NOT NULL`,
  );
}

/** A column of times as the engine's timestamps without a zone, in UTC. @throws `SCHEMA_MISMATCH` */
function timeColumn(relation: Relation, name: string): SqlExpression {
  const column = requireSourceColumn(relation, name);
  if (/^(?:DATE|TIMESTAMP)/.test(column.type)) return sql`CAST(${quoteName(column.name)} AS TIMESTAMP)`;
  if (column.type === "VARCHAR")
    return sql`TRY_CAST(CAST(${quoteName(column.name)} AS TIMESTAMPTZ) AS TIMESTAMP)`;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${column.name} is a ${column.type}, and must be a date or timestamp.`,
    { column: [column.name], found: column.type },
  );
}

async function requireNoLeak(session: Session, pairs: readonly Pair[]): Promise<void> {
  const leaked = sql`FROM ${joined} WHERE performance_known_at < performance_made_at`;
  const [row] = await session.rows(sql`SELECT count(*) AS count ${leaked}`);
  const count = Number(row?.["count"] ?? 0);
  if (count === 0) return;
  const keys = pairs.map(({ prediction }) => sql`CAST(${prediction} AS VARCHAR)`);
  const examples = await session.rows(
    sql`SELECT concat_ws(', ', ${keys}) AS key, strftime(performance_known_at, '%Y-%m-%dT%H:%M:%SZ') AS known, strftime(performance_made_at, '%Y-%m-%dT%H:%M:%SZ') AS made ${leaked} ORDER BY rn LIMIT 5`,
  );
  const shown = examples.map(
    ({ key, known, made }) => `${String(key)} (outcome ${String(known)}, prediction ${String(made)})`,
  );
  throw new VarveError(
    "OUTCOMES_LEAKED",
    `${count} outcomes were known before their prediction was made, so the model may have seen them: ${shown.join("; ")}. Check the columns of times, or leave out these rows.`,
    { count, rows: examples },
  );
}

async function describeJoin(
  session: Session,
  { minLabelled = 0.5, target }: OutcomesRequest,
  pairs: readonly Pair[],
): Promise<OutcomeJoin> {
  const outcome = quoteName(target);
  const [counts] = await session.rows(
    sql`SELECT count(*) AS rows, count(${outcome}) AS labelled FROM ${joined}`,
  );
  const keys = pairs.map((_, index) => keyName(index));
  const [repeated] = await session.rows(sql`SELECT count(*) AS count FROM ${outcomes} WHERE place = 2`);
  const equal = equalKeys(pairs);
  const [unmatched] = await session.rows(
    sql`SELECT count(*) AS count FROM (SELECT DISTINCT ${keys} FROM ${outcomes}) AS o ANTI JOIN ${predictions} AS p ON ${equal}`,
  );
  const rows = Number(counts?.["rows"] ?? 0);
  const labelledShare = rows === 0 ? null : Number(counts?.["labelled"] ?? 0) / rows;
  const { maturity, reached } = await maturityOf(session, outcome);
  const isMature = (labelledShare ?? 0) >= minLabelled && (reached ?? 1) >= 0.9;
  return {
    labelledShare,
    repeated: Number(repeated?.["count"] ?? 0),
    unmatched: Number(unmatched?.["count"] ?? 0),
    verdict: isMature ? "mature" : "immature",
    reached,
    maturity,
  };
}

/**
 * The delays of the outcomes of predictions that are older than nearly every delay, and by them the share of all
 * outcomes that is expected to be there at the ages of all predictions.
 */
async function maturityOf(
  session: Session,
  outcome: SqlExpression,
): Promise<Pick<OutcomeJoin, "maturity" | "reached">> {
  const delay = days(sql`performance_made_at`, sql`performance_known_at`);
  const aged = sql`SELECT ${outcome} IS NOT NULL AS labelled, ${delay} AS delay, ${age} AS age FROM ${joined} WHERE performance_made_at IS NOT NULL`;
  const slowest = sql`(SELECT quantile_cont(delay, 0.99) FROM (${aged}) WHERE labelled)`;
  const steps = Array.from({ length: 101 }, (_, step) => step / 100);
  const [row] = await session.rows(
    sql`SELECT quantile_cont(delay, [${steps}]) AS delays FROM (${aged}) WHERE labelled AND age >= ${slowest}`,
  );
  const delays = row?.["delays"];
  if (!Array.isArray(delays)) return { maturity: [], reached: null };
  const maturity = delays.map((value, step) => ({ days: Number(value), share: step / 100 }));
  const ages = await session.rows(
    sql`SELECT '' AS part, floor(age) AS age, count(*) AS count FROM (${aged}) GROUP BY ALL ORDER BY ALL`,
  );
  return { maturity, reached: expectedShares(maturity, ages).get("") ?? null };
}

/** The share of the final outcomes that is expected to be there, of the predictions of each value of a column. */
async function reachedByPart(
  session: Session,
  maturity: OutcomeJoin["maturity"],
  by: string | undefined,
): Promise<ReadonlyMap<string, number>> {
  if (by === undefined || maturity.length === 0) return new Map();
  const ages = await session.rows(
    sql`SELECT CAST(${quoteName(by)} AS VARCHAR) AS part, floor(${age}) AS age, count(*) AS count FROM ${joined} WHERE performance_made_at IS NOT NULL AND ${quoteName(by)} IS NOT NULL GROUP BY ALL ORDER BY ALL`,
  );
  return expectedShares(maturity, ages);
}

/** By part, from the number of predictions of each age in days. */
function expectedShares(
  maturity: OutcomeJoin["maturity"],
  ages: readonly EngineRow[],
): ReadonlyMap<string, number> {
  const sums = new Map<string, { all: number; there: number }>();
  for (const { part, age: completed, count } of ages) {
    const sum = sums.get(String(part)) ?? { all: 0, there: 0 };
    sums.set(String(part), sum);
    sum.all += Number(count);
    // The middle of the day that the ages of these predictions begin with.
    sum.there += Number(count) * shareBy(maturity, Number(completed) + 0.5);
  }
  return new Map([...sums].map(([part, { all, there }]) => [part, there / all]));
}

/** Days from one moment to another. */
function days(from: SqlExpression, to: SqlExpression): SqlExpression {
  return sql`date_diff('second', ${from}, ${to}) / 86400.0`;
}

/** Age of a prediction in days. "Now" is when the newest outcome was known. */
const age = days(sql`performance_made_at`, sql`(SELECT known_at FROM ${newest})`);

function shareBy(maturity: OutcomeJoin["maturity"], days: number): number {
  return maturity.findLast((point) => point.days <= days)?.share ?? 0;
}
