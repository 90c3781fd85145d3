import type {
  Engine,
  FencedSession,
  OpenSession,
  Relation,
  SessionOptions,
} from "../engine/core/contract.ts";
import { checkText } from "../engine/fence/sql-size.ts";
import { VarveError } from "../errors.ts";
import { QueryResult } from "../query/query-result.ts";
import { type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { columnType, plainName, quoteName } from "../sql/sql-text.ts";
import type { ScanReport } from "../table/scan/scan.ts";
import { handOver } from "../util/hand-over.ts";
import { type FetchServices, withFetchedFiles } from "../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import {
  bindFeature,
  type EntityColumns,
  entityColumn,
  entityTypes,
  type FeatureRequest,
  type FeatureView,
  nullType,
  requireComparable,
  requireDistinctNames,
} from "./feature-view.ts";
import { columnAt, entityNumber, type LatestRows, latestRows, valueAt } from "./latest-rows.ts";

/** What a point-in-time join joins. */
export interface PointInTimeRequest {
  readonly entities: WriteSource;
  /** Name of the column with the entities' time. */
  readonly time: string;
  readonly features: readonly FeatureRequest[];
  /** A caller's SELECT over the joined rows, which it calls `t`; default: all of them, in the entities' order. */
  readonly sql?: string | undefined;
  readonly session?: SessionOptions | undefined;
  readonly access?: FetchServices["access"];
  /** Existing empty folder that {@link QueryResult.writeFile} may write to. */
  readonly exportFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Joins each entity with the latest row of each feature table at or before the entity's time.
 *
 * @throws `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `SOURCE_UNREADABLE`; `SQL_FAILED` and
 * `SQL_REFUSED` for the caller's SQL; errors of the tables that are read
 */
export async function joinAtTime(engine: Engine, request: PointInTimeRequest): Promise<QueryResult> {
  const { entities, exportFolder, signal, access } = request;
  if (request.sql !== undefined) checkText(request.sql);
  if (request.features.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "A point-in-time join needs at least one feature table.", {});
  const features = request.features.map(bindFeature);
  return withFetchedFiles(entities, { access, signal }, async (fetched) =>
    handOver(await engine.open({ ...request.session, signal }), async (session) => {
      const columns = await stageEntities(session, fetched.source, features, request);
      for (const feature of features) requireComparable(columns, feature);
      requireDistinctNames(columns.columns, features);
      const latest: LatestRows[] = [];
      let table = entityTable;
      for (const [index, feature] of features.entries()) {
        const rows = await latestRows(session, { feature, entities: columns, table, index, signal });
        latest.push(rows);
        table = rows.entities;
      }
      const joined = joinedRows(columns, features, latest, table);
      const { fenced, relation } = await result(session, joined, request);
      return QueryResult.of(fenced, relation, scansOf(features, latest), { exportFolder, signal });
    }),
  );
}

/** The table of entities in the session. */
const entityTable = plainName("point_in_time_entities");

/** Stores the entities, numbered, so that they keep their order and their source is read once. */
async function stageEntities(
  session: OpenSession,
  source: WriteSource,
  features: readonly FeatureView[],
  { time, signal }: PointInTimeRequest,
): Promise<EntityColumns> {
  const types = entityTypes(time, features);
  const { relation } = await stageWriteSource(session, source, { columns: types, signal });
  const { columns } = relation;
  const values = columns.map(({ type }, index) =>
    type === nullType ? sql`CAST(${columnAt(index)} AS ${columnType("INTEGER")})` : columnAt(index),
  );
  const index = entityColumn(columns, time);
  for (const { name, type } of types) {
    const column = entityColumn(columns, name);
    if (columns[column]?.type === nullType)
      values[column] = sql`CAST(${columnAt(column)} AS ${columnType(type)})`;
  }
  const named = sql`(${relation.sql}) AS staged(${columns.map((_, column) => columnAt(column))})`;
  const items = values.map((value, column) => sql`${value} AS ${columnAt(column)}`);
  await session.execute(
    sql`CREATE TABLE ${entityTable} AS SELECT row_number() OVER () AS ${entityNumber}, ${items} FROM ${named}`,
    [],
    { signal },
  );
  return { columns, time: index };
}

/** The joined rows, and the same in the order of the entities. */
interface JoinedRows {
  readonly rows: SqlSelect;
  readonly ordered: SqlSelect;
}

function joinedRows(
  { columns }: EntityColumns,
  features: readonly FeatureView[],
  latest: readonly LatestRows[],
  table: SqlName,
): JoinedRows {
  const items = [
    ...columns.map(({ name }, index) => sql`e.${columnAt(index)} AS ${quoteName(name)}`),
    ...features.flatMap((feature, index) => {
      const alias = latest[index]?.alias ?? plainName("e");
      return feature.columns.map(({ name }, value) => sql`${alias}.${valueAt(value)} AS ${quoteName(name)}`);
    }),
  ];
  const joins = latest.reduce((text, { join }) => sql`${text} ${join}`, sql``);
  const rows = sql`SELECT ${items} FROM ${table} AS e ${joins}`;
  return { rows, ordered: sql`${rows} ORDER BY e.${entityNumber}` };
}

/** The result as a relation; the caller's SQL runs behind a fence, in which there is nothing but the joined rows. */
async function result(
  session: OpenSession,
  { rows, ordered }: JoinedRows,
  { sql: callerSql, exportFolder }: PointInTimeRequest,
): Promise<{ readonly fenced: OpenSession | FencedSession; readonly relation: Relation }> {
  if (callerSql === undefined)
    return { fenced: session, relation: { sql: ordered, columns: await session.describe(ordered) } };
  await session.execute(sql`CREATE VIEW t AS ${rows}`);
  const writableFolders = exportFolder === undefined ? undefined : [exportFolder];
  const fenced = await session.fence({ files: [], writableFolders });
  return { fenced, relation: await fenced.callerQuery(callerSql) };
}

/** What was read of each feature table, by its number and URI. */
function scansOf(
  features: readonly FeatureView[],
  latest: readonly LatestRows[],
): Readonly<Record<string, ScanReport>> {
  const named = latest.map(({ report }, index): [string, ScanReport] => {
    const uri = features[index]?.snapshot.context.store.uri ?? "";
    return [`${index + 1}: ${uri}`, report];
  });
  return Object.fromEntries(named);
}
