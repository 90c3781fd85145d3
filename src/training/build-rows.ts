import { engineTypeText, schemaOfEngine } from "../dialects/engine-types.ts";
import type { Engine, Relation, Session, SessionOptions } from "../engine/core/contract.ts";
import { dependsOnOrder, requireSteadyQuery } from "../engine/fence/steady-query.ts";
import { VarveError } from "../errors.ts";
import { rowHashSql } from "../fingerprint/row-hash.ts";
import { addSums, contentFingerprintOf, noRows, sumColumns, sumOf } from "../fingerprint/row-sum.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { bindFeature, type FeatureRequest } from "../point-in-time/feature-view.ts";
import { joinAtTime } from "../point-in-time/join-at-time.ts";
import { prepareQuery } from "../query/query.ts";
import { QueryResult } from "../query/query-result.ts";
import { rewriteTravelSql } from "../query/time-travel-sql.ts";
import { holdsVariant } from "../schema/fields.ts";
import { foldName } from "../schema/schema-json.ts";
import { pathText, typeText } from "../schema/type-names.ts";
import type { StructType } from "../schema/types.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { handOver } from "../util/hand-over.ts";
import { isJsonObject } from "../util/json.ts";
import type { TrainingDefinition, TrainingFeature, TrainingPart } from "./record.ts";
import { partNames, partSql } from "./split.ts";
import { columnAt, type TrainingRows } from "./training-rows.ts";

/** How the rows of a training set are computed. */
export interface BuildRequest {
  readonly definition: TrainingDefinition;
  /** Opens an input by its name, when the query is known to read it. */
  readonly open: (name: string) => Promise<LogSnapshot>;
  readonly inputNames: readonly string[];
  readonly engine: Engine;
  readonly session?: SessionOptions | undefined;
  /** Existing empty folder for files of the set. */
  readonly exportFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Computes the rows of a training set into a table of a session: with the part and the hash of each row.
 *
 * @throws `SQL_REFUSED` also for SQL that may answer differently each time; `SQL_FAILED`, `COLUMN_NOT_FOUND`,
 * `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`, errors of the tables that are read
 */
export async function buildRows(request: BuildRequest): Promise<TrainingRows> {
  const result = await queriedRows(request);
  const { session, relation } = QueryResult.take(result);
  return handOver(session, () => stored(session, relation, request));
}

/** The rows of the query, joined with features if there are any. */
async function queriedRows(request: BuildRequest): Promise<QueryResult> {
  const { definition, engine, open, inputNames, signal, exportFolder } = request;
  const inOrder = await readsInOrder(request);
  const session = inOrder ? { ...request.session, threads: 1 } : request.session;
  const join = definition.join;
  // A feature that cannot be joined is found before the query runs.
  const features = await Promise.all((join?.features ?? []).map((feature) => featureRequest(feature, open)));
  for (const feature of features) bindFeature(feature);
  const tables = Object.fromEntries(
    inputNames.map((name) => [name, (point?: object) => boundInput(name, point, open)]),
  );
  const own = join === undefined ? { exportFolder } : {};
  const rows = await prepareQuery(engine, {
    sql: definition.sql,
    tables,
    tablesOption: "inputs",
    session,
    signal,
    ...own,
  });
  if (join === undefined) return rows;
  return handOver(rows, async () => {
    const entities = { arrow: rows.batches() };
    return joinAtTime(engine, {
      entities,
      time: join.time,
      features,
      session: request.session,
      exportFolder,
      signal,
    });
  });
}

/** Whether rows must be read in one order, so that sums of fractions and ties come out the same. @throws `SQL_REFUSED` */
async function readsInOrder({ engine, definition, session, signal }: BuildRequest): Promise<boolean> {
  await using parser = await engine.open({ ...session, signal });
  const tree = await parser.syntaxTree(rewriteTravelSql(definition.sql).sql);
  // What cannot be parsed is explained by the query itself.
  if (!isJsonObject(tree) || tree["error"] === true) return false;
  requireSteadyQuery(tree);
  return dependsOnOrder(tree);
}

async function boundInput(
  name: string,
  point: object | undefined,
  open: BuildRequest["open"],
): Promise<LogSnapshot> {
  if (point === undefined) return open(name);
  throw new VarveError(
    "SQL_FAILED",
    `${name} is an input at one version, so the query cannot select another. Give the other version as an input of its own.`,
    { name },
  );
}

async function featureRequest(
  { input, eventTime, keys, ttl, columns, prefix, tieBreak }: TrainingFeature,
  open: BuildRequest["open"],
): Promise<FeatureRequest> {
  return {
    snapshot: await open(input),
    eventTime,
    keys: Object.entries(keys).map(([entity, feature]) => ({ entity, feature })),
    ttl: ttl === undefined ? undefined : BigInt(ttl),
    columns,
    prefix,
    tieBreak,
  };
}

async function stored(
  session: Session,
  { sql: select, columns }: Relation,
  { definition, inputNames, signal }: BuildRequest,
): Promise<TrainingRows> {
  // The inputs are views of the session, under names that callers choose.
  const table = quoteName(`${freePrefix(inputNames)}rows`);
  const schema = schemaOfEngine(columns);
  requireOwnNames(schema);
  // Columns are known by their position: their names may be those of varve's own.
  const positional: StructType = {
    ...schema,
    fields: schema.fields.map((field, index) => ({ ...field, name: `c${index}` })),
  };
  const own = columns.map((_, index) => columnAt(index));
  const values = schema.fields.map(({ type }, index) => {
    const name = columnAt(index);
    const text = engineTypeText(type);
    return text === columns[index]?.type ? name : sql`CAST(${name} AS ${text}) AS ${name}`;
  });
  const { position, part } = partSql(schema, definition.split, columnAt);
  const typed = sql`SELECT ${values} FROM (${select}) AS queried(${own})`;
  const hashed = sql`SELECT ${position} AS position, ${rowHashSql(positional)} AS hash, ${own} FROM (${typed})`;
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT ${part} AS part, hash, ${own} FROM (${hashed})`,
    [],
    {
      signal,
    },
  );
  return { session, table, schema, columnOf: columnAt, key: definition.split?.key ?? [], ...(await sums()) };

  async function sums(): Promise<Pick<TrainingRows, "parts" | "total">> {
    const groups = new Map(
      (await session.rows(sql`SELECT part, ${sumColumns} FROM ${table} GROUP BY part`)).map((row) => [
        Number(row["part"]),
        sumOf(row),
      ]),
    );
    const described = (name: string, sum = noRows): TrainingPart => ({
      name,
      rows: sum.rows,
      fingerprint: contentFingerprintOf(schema, sum),
    });
    const total = [...groups.values()].reduce(addSums, noRows);
    return {
      parts: partNames(definition.split).map((name, index) => described(name, groups.get(index))),
      total: described("", total),
    };
  }
}

function requireOwnNames(schema: StructType): void {
  if (holdsVariant(schema)) {
    const field = schema.fields.find((each) => holdsVariant({ type: "struct", fields: [each] }));
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `Column ${pathText([field?.name ?? ""])} of the training set holds a variant, which has no type in Parquet or Arrow that all readers know. Cast it in the query, for example to VARCHAR.`,
      { column: [field?.name ?? ""], found: field === undefined ? undefined : typeText(field.type) },
    );
  }
  const names = new Set<string>();
  for (const { name } of schema.fields) {
    if (names.has(foldName(name)))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `Two columns of the training set are called ${pathText([name])}, ignoring case. Name them apart in the query.`,
        { column: [name] },
      );
    names.add(foldName(name));
  }
}
