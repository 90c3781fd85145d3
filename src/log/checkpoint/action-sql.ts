import { type EngineType, parseEngineType } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { fileList, quoteName } from "../../sql/sql-text.ts";

/** A struct type of the engine. */
export type EngineStruct = Extract<EngineType, { kind: "struct" }>;

/**
 * Parquet files that hold actions, one struct column a kind (PROTOCOL.md "Checkpoint Schema"), as a relation.
 */
export interface ActionRelation {
  /** For use as `FROM ${from}`. */
  readonly from: SqlExpression;
  /** Like `from`, with the column `file_row_number`, unless {@link ActionRelation.hidesOrdinals}. */
  readonly numbered: SqlExpression;
  readonly columns: ReadonlyMap<string, EngineStruct>;
  /** Whether a column is called `file_row_number`, which hides the engine's row numbers. */
  readonly hidesOrdinals: boolean;
}

/** Kinds of a checkpoint's actions that are not about files. */
export const headKinds = [
  "protocol",
  "metaData",
  "txn",
  "domainMetadata",
  "checkpointMetadata",
  "sidecar",
] as const;

/** Reads the columns of a checkpoint's local Parquet files; columns that are not structs are left out. */
export async function describeActions(session: Session, files: readonly string[]): Promise<ActionRelation> {
  const list = fileList(files);
  const relation = await describeFrom(session, sql`${list}, union_by_name = true, hive_partitioning = false`);
  const path = fieldOf(
    relation.columns.get("add") ?? relation.columns.get("remove") ?? relation.columns.get("metaData"),
    "path",
    "id",
  );
  if (path?.kind !== "scalar" || path.name !== "BLOB") return relation;
  // Old writers omit the annotation that marks bytes as text.
  return describeFrom(
    session,
    sql`${list}, union_by_name = true, hive_partitioning = false, binary_as_string = true`,
  );
}

/**
 * SQL of one action of a struct column as JSON text below its name; null if the row holds no such action.
 *
 * @param statistics whether an add has its statistics and tags, most of its text
 */
export function actionJsonSql(kind: string, type: EngineStruct, statistics = true): SqlExpression {
  const column = quoteName(kind);
  if (kind !== "add" && kind !== "remove")
    return sql`CASE WHEN ${column} IS NOT NULL THEN CAST(to_json(${column}) AS VARCHAR) END`;
  const fields = type.fields
    .filter(({ name }) => fileFields.has(name) && (statistics || name !== "tags"))
    .map(
      ({ name }) =>
        sql`${quoteName(name)} := ${wideFields.has(name) ? sql`CAST(${column}.${quoteName(name)} AS VARCHAR)` : sql`${column}.${quoteName(name)}`}`,
    );
  const stats = kind === "add" && statistics ? statsSql(type) : undefined;
  if (stats !== undefined) fields.push(sql`stats := ${stats}`);
  return sql`CASE WHEN ${column}.path IS NOT NULL THEN CAST(to_json(struct_pack(${fields})) AS VARCHAR) END`;
}

/**
 * SQL of an add's statistics as JSON text: `stats` if present, else from `stats_parsed`; `undefined` without
 * either column.
 */
function statsSql(add: EngineStruct): SqlExpression | undefined {
  const text = fieldOf(add, "stats");
  const parsed = fieldOf(add, "stats_parsed");
  const fromParsed = parsed?.kind === "struct" ? statisticSql(sql`"add"."stats_parsed"`, parsed) : undefined;
  const parsedText = fromParsed === undefined ? undefined : sql`CAST(to_json(${fromParsed}) AS VARCHAR)`;
  if (text === undefined) return parsedText;
  return parsedText === undefined ? sql`"add".stats` : sql`coalesce("add".stats, ${parsedText})`;
}

/** The type of a struct's first field among `names`, or `undefined`. */
export function fieldOf(type: EngineType | undefined, ...names: readonly string[]): EngineType | undefined {
  if (type?.kind !== "struct") return undefined;
  return type.fields.find((field) => names.includes(field.name))?.type;
}

/** int64 fields, returned as text so that JSON parsers keep them exact. */
const wideFields: ReadonlySet<string> = new Set(["baseRowId", "defaultRowCommitVersion"]);

const fileFields: ReadonlySet<string> = new Set([
  "path",
  "partitionValues",
  "size",
  "modificationTime",
  "deletionTimestamp",
  "extendedFileMetadata",
  "dataChange",
  "tags",
  "deletionVector",
  "baseRowId",
  "defaultRowCommitVersion",
  "clusteringProvider",
]);

async function describeFrom(session: Session, read: SqlExpression): Promise<ActionRelation> {
  const from = sql`read_parquet(${read})`;
  const columns = new Map<string, EngineStruct>();
  const described = await session.describe(sql`SELECT * FROM ${from}`);
  for (const { name, type } of described) {
    const parsed = parseEngineType(type);
    if (parsed.kind === "struct") columns.set(name, parsed);
  }
  return {
    from,
    numbered: sql`read_parquet(${read}, file_row_number = true)`,
    columns,
    hidesOrdinals: described.some(({ name }) => name.toLowerCase() === "file_row_number"),
  };
}

/**
 * A value for `to_json` that results in statistics in the spelling of PROTOCOL.md "Per-file Statistics";
 * leaves that JSON statistics cannot hold are omitted. Whole structs are passed, because JSON within JSON
 * would be parsed again, and decimals rounded to doubles.
 */
function statisticSql(value: SqlExpression, type: EngineType): SqlExpression | undefined {
  if (type.kind === "decimal") return value;
  if (type.kind === "struct") {
    const fields = type.fields.flatMap((field) => {
      const member = statisticSql(sql`${value}.${quoteName(field.name)}`, field.type);
      return member === undefined ? [] : [sql`${quoteName(field.name)} := ${member}`];
    });
    return fields.length === 0
      ? undefined
      : sql`CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields}) END`;
  }
  if (type.kind !== "scalar" || type.name === "BLOB" || type.name === "VARIANT") return undefined;
  if (type.name === "TIMESTAMP WITH TIME ZONE")
    return sql`strftime(${value} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (type.name.startsWith("TIMESTAMP")) return sql`strftime(${value}, '%Y-%m-%dT%H:%M:%S.%f')`;
  // JSON has no notation for values that are not finite; Delta writes them as strings.
  if (type.name === "DOUBLE" || type.name === "FLOAT")
    return sql`CASE WHEN isfinite(${value}) THEN to_json(${value}) WHEN isnan(${value}) THEN to_json('NaN') WHEN ${value} > 0 THEN to_json('Infinity') WHEN ${value} < 0 THEN to_json('-Infinity') END`;
  return value;
}
