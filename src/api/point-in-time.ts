import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { FeatureRequest, KeyPair } from "../point-in-time/feature-view.ts";
import type { QueryResult } from "../query/query-result.ts";
import { openTable } from "./open-table.ts";
import { knownOptions, type OptionKeys } from "./shared/known-options.ts";
import { contextKeys } from "./shared/option-keys.ts";
import type { ContextOptions } from "./shared/options.ts";
import { Snapshot } from "./shared/snapshot.ts";
import { toWriteSource } from "./shared/source.ts";
import type { Source } from "./shared/table-options.ts";
import {
  parseTimestamp,
  requireText,
  type Timestamp,
  type VersionArgument,
  type VersionPoint,
  versionPoint,
} from "./shared/table-uri.ts";
import { Table } from "./table.ts";

/** A table with features of entities, each true from an event time on. */
export interface FeatureTable {
  /** An open table, one of its versions, or a URI with or without `@v12`. */
  readonly table: Table | Snapshot | string;
  /**
   * The version whose rows are joined; default: that of the table or URI, else the one of `knownAt`, else the newest
   * (of an open table: the one that it saw last).
   */
  readonly version?: VersionArgument | VersionPoint | undefined;
  /** Column with the time from which on a row is true: a timestamp, timestamp_ntz or date. */
  readonly eventTime: string;
  /** Columns that are equal in entity and feature; as an object, the feature's columns by those of the entities. */
  readonly keys: readonly string[] | Readonly<Record<string, string>>;
  /**
   * How long a row is used after its event time, to the end inclusive: milliseconds, or text such as `7d`, `12h`,
   * `30m`, `10s`. An entity whose latest row is older gets nulls. Default: without end.
   */
  readonly ttl?: number | string | undefined;
  /** Columns to join; default: all but the keys and the event time. */
  readonly columns?: readonly string[] | undefined;
  /** Put before the names of these columns in the result. */
  readonly prefix?: string | undefined;
  /**
   * Columns that decide between rows of one key and event time: the row with the largest value wins, nulls last. Where
   * they are equal, all columns decide, in the schema's order.
   */
  readonly tieBreak?: readonly string[] | undefined;
}

/** What a point-in-time join joins, and how tables that are named by URI are opened. */
export interface PointInTimeOptions extends ContextOptions {
  /** Rows that each have a time, such as labels. Text is read with the types of the feature tables. */
  readonly entities: Source;
  /** Column of the entities with the time at which they ask. */
  readonly time: string;
  readonly features: readonly FeatureTable[];
  /** Feature tables without a version of their own are read as they were at this time. */
  readonly knownAt?: Timestamp | undefined;
  /**
   * One SELECT over the joined rows, which it calls `t`, for aggregates and filters; default: all rows, in the order of
   * the entities.
   */
  readonly sql?: string | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the join, including while it waits for the engine and while its result is consumed. */
  readonly signal?: AbortSignal | undefined;
}

/** A version of a feature table as it was joined. Given as `version` again, it gives the same answer. */
export interface JoinedFeature {
  readonly uri: string;
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
}

/** The joined rows, and the versions that they come from. */
export interface PointInTimeJoin {
  readonly result: QueryResult;
  /** In the order of the option `features`. */
  readonly features: readonly JoinedFeature[];
}

const pointInTimeKeys = {
  ...contextKeys,
  entities: true,
  time: true,
  features: true,
  knownAt: true,
  sql: true,
  exportFolder: true,
  signal: true,
} satisfies OptionKeys<PointInTimeOptions>;

const featureKeys = {
  table: true,
  version: true,
  eventTime: true,
  keys: true,
  ttl: true,
  columns: true,
  prefix: true,
  tieBreak: true,
} satisfies OptionKeys<FeatureTable>;

/**
 * Joins each entity with the latest row of each feature table whose event time is at or before the entity's time. Each
 * feature table is read at one version, so later backfills and corrections do not change the answer at that version.
 *
 * Each entity gives one row, in the order of the source: its columns, and then those of each feature table, null where
 * no row is found. Null keys and times match nothing. Columns of one name are refused: give the features a prefix.
 *
 * @throws `COLUMN_NOT_FOUND`; `SCHEMA_MISMATCH` for keys or times of different types; `INVALID_ARGUMENT` for columns of
 * one name; `SOURCE_UNREADABLE`; `VERSION_NOT_FOUND`; `SQL_FAILED` and `SQL_REFUSED` for the SQL
 *
 * @example
 * ```ts
 * import { createTable, pointInTime } from "varve";
 *
 * await using scores = await createTable("memory://scores", {
 *   source: [{ customer: "acme", seen: new Date("2024-06-01"), score: 0.7 }],
 * });
 * const { result, features } = await pointInTime({
 *   entities: [{ customer: "acme", at: "2024-06-03T00:00:00Z", churned: false }],
 *   time: "at",
 *   features: [{ table: scores, eventTime: "seen", keys: ["customer"], ttl: "30d" }],
 * });
 * for await (const row of result.rows()) console.log(row["customer"], row["score"]);
 * console.log(features.map(({ uri, version }) => `${uri}@v${version}`));
 * ```
 */
export async function pointInTime(options: PointInTimeOptions): Promise<PointInTimeJoin> {
  const known = knownOptions("pointInTime", options, pointInTimeKeys);
  const { entities, time, features, knownAt, sql, exportFolder, signal, ...open } = known;
  requireText(time, "The time column of the entities", "time");
  if (sql !== undefined) requireText(sql, "The SQL of pointInTime()", "sql");
  if (!Array.isArray(features))
    throw invalid("The option features of pointInTime must be an array.", "features");
  const at = knownAt === undefined ? undefined : parseTimestamp(knownAt);
  const [{ duckdbEngine }, { joinAtTime }, { sourceAccess }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../point-in-time/join-at-time.ts"),
    import("../table/definition/open-context.ts"),
  ]);
  const source = toWriteSource(entities);
  const requests = await Promise.all(features.map((feature) => featureRequest(feature, at, open)));
  const { memoryLimit, threads, temporaryFolder } = open;
  const result = await joinAtTime(duckdbEngine, {
    entities: source,
    time,
    features: requests,
    sql,
    session: { memoryLimit, threads, temporaryFolder },
    access: sourceAccess(open),
    exportFolder,
    signal,
  });
  const joined = requests.map(({ snapshot: { context, version, timestamp } }) => ({
    uri: context.store.uri,
    version,
    timestamp: new Date(timestamp),
  }));
  return { result, features: joined };
}

async function featureRequest(
  options: FeatureTable,
  knownAt: number | undefined,
  open: ContextOptions,
): Promise<FeatureRequest> {
  const feature = knownOptions("a feature table of pointInTime", options, featureKeys);
  const { table, version, eventTime, keys, ttl, columns, prefix, tieBreak } = feature;
  requireText(eventTime, "The eventTime of a feature table", "eventTime");
  return {
    snapshot: await snapshotOf({ table, version }, knownAt, open),
    eventTime,
    keys: keyPairs(keys),
    ttl: ttl === undefined ? undefined : ttlMicroseconds(ttl),
    columns,
    prefix,
    tieBreak,
  };
}

async function snapshotOf(
  { table, version }: Pick<FeatureTable, "table" | "version">,
  knownAt: number | undefined,
  open: ContextOptions,
): Promise<LogSnapshot> {
  const isTable = table instanceof Table;
  if (typeof table !== "string" && !isTable && !(table instanceof Snapshot))
    throw invalid("The table of features must be a table, one of its versions, or a URI as text.", "table");
  const opened = typeof table === "string" ? await openTable(table, open) : table;
  const isFixed = opened instanceof Snapshot || (!isTable && opened.pinned);
  if (opened instanceof Snapshot || isFixed) {
    if (version === undefined) return opened instanceof Snapshot ? opened.log : opened.snapshot().log;
    throw invalid(
      `The features of ${opened.uri} have a version twice: as that of the table, and as the option version. Leave one of them out.`,
      "version",
    );
  }
  if (version !== undefined) return (await opened.at(versionPoint(version))).log;
  if (knownAt === undefined) return opened.snapshot().log;
  if (isTable) await opened.refresh();
  const newest = opened.snapshot();
  return newest.timestamp.getTime() <= knownAt ? newest.log : (await opened.at({ timestamp: knownAt })).log;
}

/** Pairs of columns that are equal in entity and feature. @throws `INVALID_ARGUMENT` */
export function keyPairs(keys: FeatureTable["keys"]): KeyPair[] {
  const isObject = typeof keys === "object" && keys !== null;
  const pairs = isObject
    ? Array.isArray(keys)
      ? keys.map((name): [unknown, unknown] => [name, name])
      : Object.entries(keys)
    : [];
  if (pairs.length === 0)
    throw invalid(
      'The keys of a feature table must be an array of column names, such as ["id"], or an object of the feature\'s columns by those of the entities, such as {"customer": "id"}.',
      "keys",
    );
  return pairs.map(([entity, feature]) => {
    requireText(entity, "A key of a feature table", "keys");
    requireText(feature, "A key of a feature table", "keys");
    return { entity: String(entity), feature: String(feature) };
  });
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Microseconds of milliseconds, or of a text such as `7d`. @throws `INVALID_ARGUMENT` */
export function ttlMicroseconds(ttl: number | string): bigint {
  const match = typeof ttl === "string" ? /^(\d+)\s*(ms|[smhdw])$/.exec(ttl.trim()) : undefined;
  const unit = Object.entries(units).find(([name]) => name === match?.[2])?.[1] ?? Number.NaN;
  const milliseconds = typeof ttl === "number" ? ttl : Number(match?.[1]) * unit;
  if (Number.isFinite(milliseconds) && milliseconds >= 0 && milliseconds <= longestTtl)
    return BigInt(Math.round(milliseconds * 1000));
  throw invalid(
    `The ttl of a feature table must be milliseconds of at least 0, or text such as 7d, 12h, 30m or 10s, up to 10000 years, not ${typeof ttl === "string" ? JSON.stringify(ttl) : String(ttl)}.`,
    "ttl",
  );
}

/** 10,000 years of 366 days, in milliseconds. */
const longestTtl = 10_000 * 366 * units.d;

function invalid(message: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option });
}
