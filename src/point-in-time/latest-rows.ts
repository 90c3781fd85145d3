import type { Session } from "../engine/core/contract.ts";
import type { Literal, Predicate } from "../protocol/predicate.ts";
import type { StructField } from "../schema/types.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { columnType, plainName, quoteText } from "../sql/sql-text.ts";
import { readTypeText } from "../table/scan/read-type.ts";
import { planScan, type ScanReport } from "../table/scan/scan.ts";
import { type EntityColumns, entityColumn, type FeatureView } from "./feature-view.ts";

/** The number of an entity, from 1. */
export const entityNumber = plainName("n");
/** A column of a table whose columns are named by their index, as those of the entities are. */
export const columnAt = (index: number): SqlName => plainName(`c${index}`);
/** A feature's column in {@link LatestRows}. */
export const valueAt = (index: number): SqlName => plainName(`v${index}`);

/** The latest row of a feature table for each entity that has one. */
export interface LatestRows {
  /** The table of entities, with the event time of the row that each is joined with. */
  readonly entities: SqlName;
  /** Joins these entities `e` with the rows, whose columns are {@link valueAt} of `alias`. */
  readonly join: SqlExpression;
  readonly alias: SqlName;
  readonly report: ScanReport;
}

/** What a feature is joined with. */
export interface FeatureJoin {
  readonly feature: FeatureView;
  /** The table of entities in the session: their number, and their columns as {@link columnAt}. */
  readonly table: SqlName;
  readonly entities: EntityColumns;
  /** Number of the feature, for the names of its tables. */
  readonly index: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the latest rows in scans of few columns, because a sort of whole rows is dear: the event time of each entity's
 * latest row, by the engine's ASOF join, which replaces the table of entities, and then the rows of these keys and
 * times.
 */
export async function latestRows(session: Session, join: FeatureJoin): Promise<LatestRows> {
  const { feature, entities, index, table, signal } = join;
  const [matched, alias] = [plainName(`matched_${index}`), plainName(`f${index}`)];
  const matchTime = plainName(`event_time_${index}`);
  const bounds = await timeBounds(session, join);
  const scan = await scanned(session, join, neededFields(feature), bounds);
  const pairs = keyPairs(feature, entities);
  const same = [...pairs.map(({ key }) => key), plainName("event_time")];
  const equalKeys = pairs.map(({ entity, key }) => sql`e.${entity} = f.${key}`);
  const entityTime = sql`e.${columnAt(entities.time)}`;
  await session.execute(
    sql`CREATE TABLE ${matched} AS SELECT e.*, ${withinTtl(entityTime, feature.ttl)} AS ${matchTime} FROM ${table} AS e
      ASOF LEFT JOIN (SELECT ${same} FROM (${scan.sql})) AS f
      ON ${joinSql(equalKeys, sql` AND `)} AND ${entityTime} >= f.event_time;
      DROP TABLE ${table}`,
    [],
    { signal },
  );
  const isLatest = joinSql([...equalKeys, sql`e.${matchTime} = f.event_time`], sql` AND `);
  const rows = await rowsOfEntities(session, join, {
    matched,
    matchTime,
    scan: scan.sql,
    same,
    isLatest,
    bounds,
  });
  return {
    entities: matched,
    alias,
    report: scan.report,
    join: sql`LEFT JOIN ${rows} AS ${alias} ON e.${entityNumber} = ${alias}.${entityNumber}`,
  };
}

/** Entities that know the event time of their latest row, and how its rows are found. */
interface MatchedEntities {
  readonly matched: SqlName;
  /** The event time in `matched`; null for an entity without a row. */
  readonly matchTime: SqlName;
  readonly scan: SqlSelect;
  /** The columns of a scan by which a row is found. */
  readonly same: readonly SqlName[];
  /** Holds for the entity `e` and the row `f` of its keys and that time. */
  readonly isLatest: SqlExpression;
  readonly bounds: TimeBounds;
}

/** A table with the values of each entity's row, by the entity's number. */
async function rowsOfEntities(session: Session, join: FeatureJoin, match: MatchedEntities): Promise<SqlName> {
  const { feature, index, signal } = join;
  const { matched, matchTime, scan, isLatest } = match;
  const rows = plainName(`rows_${index}`);
  const values = feature.columns.map((_, value) => sql`f.${valueAt(value)}`);
  const countOf = async (select: SqlSelect): Promise<bigint> => {
    const [row] = await session.rows(select);
    return typeof row?.["n"] === "bigint" ? row["n"] : 0n;
  };
  const expected = await countOf(sql`SELECT count(${matchTime}) AS n FROM ${matched}`);
  // One row more tells that some share their keys and time; all of them could be as many as their product.
  await session.execute(
    sql`CREATE TABLE ${rows} AS SELECT ${[sql`e.${entityNumber}`, ...values]}
      FROM (${scan}) AS f JOIN ${matched} AS e ON ${isLatest} LIMIT ${expected + 1n}`,
    [],
    { signal },
  );
  if ((await countOf(sql`SELECT count(*) AS n FROM ${rows}`)) === expected) return rows;
  const untied = await withoutTies(session, join, match);
  await session.execute(
    sql`CREATE OR REPLACE TABLE ${rows} AS SELECT ${[sql`e.${entityNumber}`, ...values]}
      FROM ${untied} AS f JOIN ${matched} AS e ON ${isLatest}`,
    [],
    { signal },
  );
  return rows;
}

/**
 * A table with one row for each key and event time. Among several, the values decide and nothing else, so that the
 * answer depends neither on files nor on the order in which they are read.
 */
async function withoutTies(
  session: Session,
  join: FeatureJoin,
  { matched, scan, same, isLatest, bounds }: MatchedEntities,
): Promise<SqlName> {
  const { feature, index, signal } = join;
  const [shared, ties, untied] = [`shared_${index}`, `ties_${index}`, `untied_${index}`].map(plainName) as [
    SqlName,
    SqlName,
    SqlName,
  ];
  await session.execute(
    sql`CREATE TABLE ${shared} AS SELECT * FROM (${scan}) AS f SEMI JOIN ${matched} AS e ON ${isLatest};
      CREATE TABLE ${ties} AS SELECT ${same} FROM ${shared} GROUP BY ${same} HAVING count(*) > 1`,
    [],
    { signal },
  );
  const all = feature.snapshot.schema.fields;
  const whole = await scanned(session, join, all, bounds);
  const order = [...feature.tieBreak, ...all].map((field) => rankAt(all.indexOf(field)));
  // The text tells -0 from 0 and one order of a map from another, which compare as equal.
  const text = sql`CAST(row(${all.map((_, rank) => rankAt(rank))}) AS VARCHAR)`;
  const values = feature.columns.map((_, value) => valueAt(value));
  const descending = [...order, text].map((value) => sql`${value} DESC NULLS LAST`);
  await session.execute(
    sql`CREATE TABLE ${untied} AS SELECT r.* FROM ${shared} AS r ANTI JOIN ${ties} AS t ON ${equal("r", "t", same)}
      UNION ALL SELECT ${[...same, ...values]} FROM (${whole.sql}) AS f SEMI JOIN ${ties} AS t ON ${equal("f", "t", same)}
      QUALIFY row_number() OVER (PARTITION BY ${same} ORDER BY ${descending}) = 1`,
    [],
    { signal },
  );
  return untied;
}

const rankAt = (index: number): SqlName => plainName(`rank${index}`);

/** The fields that are read to find and to return rows, each once. */
function neededFields({ keys, eventTime, columns }: FeatureView): StructField[] {
  return [...new Set([...keys.map(({ field }) => field), eventTime, ...columns.map(({ field }) => field)])];
}

/**
 * The rows of a feature table that may be an entity's latest, as `k0…`, `event_time`, `v0…`; if `fields` are all of the
 * table's, also as `rank0…`.
 */
async function scanned(
  session: Session,
  { feature, signal }: FeatureJoin,
  fields: readonly StructField[],
  { predicate, condition }: TimeBounds,
): Promise<{ readonly sql: SqlSelect; readonly report: ScanReport }> {
  const columns = fields.map(({ name }) => name);
  const scan = await planScan(session, feature.snapshot, { columns, predicate, signal });
  const at = (field: StructField): SqlName => columnAt(fields.indexOf(field));
  const isWhole = fields === feature.snapshot.schema.fields;
  const items = [
    ...feature.keys.map(({ field }, index) => sql`${at(field)} AS ${plainName(`k${index}`)}`),
    sql`${at(feature.eventTime)} AS event_time`,
    ...feature.columns.map(({ field }, index) => sql`${at(field)} AS ${valueAt(index)}`),
    ...(isWhole ? fields.map((_, index) => sql`${columnAt(index)} AS ${rankAt(index)}`) : []),
  ];
  const named = sql`(${scan.sql}) AS scanned(${fields.map((_, index) => columnAt(index))})`;
  return {
    // Where no file lies outside the bounds, few rows do, and to test them all costs more than to join them.
    sql: sql`SELECT ${items} FROM ${named}${scan.report.filesSkipped > 0 ? condition(at(feature.eventTime)) : sql``}`,
    report: scan.report,
  };
}

/** Between which event times the rows of all entities lie. */
interface TimeBounds {
  readonly predicate: Predicate | undefined;
  /** WHERE, for the column with the event time; empty where there are none. */
  readonly condition: (time: SqlExpression) => SqlExpression;
}

/** Bounds by which files are skipped; they need not be tight. */
async function timeBounds(session: Session, { feature, entities, table }: FeatureJoin): Promise<TimeBounds> {
  const time = columnAt(entities.time);
  const { ttl, eventTime } = feature;
  const type = columnType(readTypeText(eventTime.type));
  const first =
    ttl === undefined ? sql`NULL` : sql`TRY(CAST(first_time - to_microseconds(${ttl}) AS ${type}))`;
  const [row] = await session.rows(
    sql`SELECT CAST(${first} AS VARCHAR) AS first, CAST(last_time AS VARCHAR) AS last
      FROM (SELECT min(${time}) AS first_time, max(${time}) AS last_time FROM ${table}
        HAVING bool_and(isfinite(${time})))`,
  );
  const bounds = (["first", "last"] as const).flatMap((name) => {
    const text = row?.[name];
    return typeof text === "string" && /^\d{4}-[^()]*$/.test(text) ? [{ name, text }] : [];
  });
  const args = bounds.map(({ name, text }): Predicate => {
    const value = { type: eventTime.type, value: text } satisfies Literal;
    return { op: name === "first" ? "ge" : "le", column: [eventTime.name], value };
  });
  return {
    predicate: args.length === 0 ? undefined : { op: "and", args },
    condition: (column) => {
      const tests = bounds.map(({ name, text }) => {
        const value = sql`CAST(${quoteText(text)} AS ${type})`;
        return name === "first" ? sql`${column} >= ${value}` : sql`${column} <= ${value}`;
      });
      return tests.length === 0 ? sql`` : sql` WHERE ${joinSql(tests, sql` AND `)}`;
    },
  };
}

function keyPairs({ keys }: FeatureView, { columns }: EntityColumns) {
  return keys.map(({ entity }, index) => ({
    entity: columnAt(entityColumn(columns, entity)),
    key: plainName(`k${index}`),
  }));
}

/** The event time of a row, as long as it is no older than its time to live, to the microsecond. */
function withinTtl(entityTime: SqlExpression, ttl: bigint | undefined): SqlExpression {
  if (ttl === undefined) return sql`f.event_time`;
  const age = sql`CAST(epoch_us(${entityTime}) AS HUGEINT) - epoch_us(f.event_time)`;
  return sql`CASE WHEN NOT isfinite(${entityTime}) OR NOT isfinite(f.event_time) THEN NULL
    WHEN ${age} <= ${ttl} THEN f.event_time END`;
}

function equal(left: string, right: string, names: readonly SqlName[]): SqlExpression {
  const [a, b] = [plainName(left), plainName(right)];
  return joinSql(
    names.map((name) => sql`${a}.${name} = ${b}.${name}`),
    sql` AND `,
  );
}
