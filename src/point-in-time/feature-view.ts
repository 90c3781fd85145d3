import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { requireColumn } from "../schema/fields.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { StructField } from "../schema/types.ts";
import { readTypeText } from "../table/scan/read-type.ts";

/** Columns that are equal in rows of an entity and of a feature table that belong together. */
export interface KeyPair {
  readonly entity: string;
  readonly feature: string;
}

/** A version of a table with features, and how its rows are joined. */
export interface FeatureRequest {
  readonly snapshot: LogSnapshot;
  readonly eventTime: string;
  readonly keys: readonly KeyPair[];
  /** Microseconds from a row's event time up to which it is used. */
  readonly ttl?: bigint | undefined;
  /** Default: all but the keys and the event time. */
  readonly columns?: readonly string[] | undefined;
  /** Put before the names of the columns. */
  readonly prefix?: string | undefined;
  /** Columns whose largest values win among rows of one key and event time. */
  readonly tieBreak?: readonly string[] | undefined;
}

/** A {@link FeatureRequest} whose columns are known. */
export interface FeatureView {
  readonly snapshot: LogSnapshot;
  readonly eventTime: StructField;
  readonly keys: readonly { readonly entity: string; readonly field: StructField }[];
  readonly ttl?: bigint | undefined;
  readonly columns: readonly { readonly name: string; readonly field: StructField }[];
  readonly tieBreak: readonly StructField[];
}

/**
 * Looks up the columns of a feature table.
 *
 * @throws `COLUMN_NOT_FOUND`; `SCHEMA_MISMATCH` for an event time that is no time, and keys that cannot be compared;
 * `INVALID_ARGUMENT` for a feature without keys
 */
export function bindFeature(request: FeatureRequest): FeatureView {
  const { snapshot, tieBreak = [], prefix = "", ttl } = request;
  const { schema } = snapshot;
  const eventTime = requireColumn(schema, request.eventTime);
  if (!timeTypes.has(typeText(eventTime.type)))
    throw mismatch(
      eventTime,
      `The event time ${pathText([eventTime.name])} of ${snapshot.context.store.uri} is a ${typeText(eventTime.type)}. It must be a timestamp, timestamp_ntz or date.`,
    );
  if (request.keys.length === 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The features of ${snapshot.context.store.uri} have no keys. Name the columns by which they belong to entities.`,
      { uri: snapshot.context.store.uri },
    );
  const keys = request.keys.map(({ entity, feature }) => ({ entity, field: keyField(snapshot, feature) }));
  const left = new Set([eventTime, ...keys.map(({ field }) => field)]);
  const fields =
    request.columns?.map((name) => requireColumn(schema, name)) ??
    schema.fields.filter((field) => !left.has(field));
  return {
    snapshot,
    eventTime,
    keys,
    ttl,
    columns: fields.map((field) => ({ name: `${prefix}${field.name}`, field })),
    tieBreak: tieBreak.map((name) => requireColumn(schema, name)),
  };
}

const timeTypes: ReadonlySet<string> = new Set(["timestamp", "timestamp_ntz", "date"]);

function keyField(snapshot: LogSnapshot, name: string): StructField {
  const field = requireColumn(snapshot.schema, name);
  const { type } = field;
  if (type !== "variant" && (isPrimitive(type) || type.type === "decimal")) return field;
  throw mismatch(
    field,
    `The key ${pathText([field.name])} of ${snapshot.context.store.uri} is a ${typeText(type)}. Keys must be of simple types.`,
  );
}

/**
 * The types with which the key and time columns of entities are read, if their source is text or row objects: those of
 * the first feature table that is joined by them.
 */
export function entityTypes(
  time: string,
  features: readonly FeatureView[],
): { readonly name: string; readonly type: string }[] {
  const types = new Map<string, { readonly name: string; readonly type: string }>();
  const add = (name: string, field: StructField): void => {
    const type = readTypeText(field.type);
    if (!types.has(foldName(name)))
      types.set(foldName(name), { name, type: isInteger(type) ? "BIGINT" : type });
  };
  for (const { keys, eventTime } of features) {
    add(time, eventTime);
    for (const { entity, field } of keys) add(entity, field);
  }
  return [...types.values()];
}

/** The columns of entities as they are staged. */
export interface EntityColumns {
  /** Names and types of the engine. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Index of the column with the entities' time. */
  readonly time: number;
}

/**
 * Index of a column of the entities, ignoring case. @throws `COLUMN_NOT_FOUND` naming the existing columns
 */
export function entityColumn(columns: EntityColumns["columns"], name: string): number {
  const exact = columns.findIndex((column) => column.name === name);
  const index = exact >= 0 ? exact : columns.findIndex((column) => foldName(column.name) === foldName(name));
  if (index >= 0) return index;
  const names = columns.map((column) => column.name);
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `The entities have no column ${pathText([name])}. They have: ${names.map((other) => pathText([other])).join(", ")}.`,
    { column: [name], columns: names },
  );
}

/**
 * Refuses entities whose time or keys have another type than a feature table's: a comparison would convert one of them,
 * and a time without a zone is not a point of time.
 *
 * @throws `SCHEMA_MISMATCH`, `COLUMN_NOT_FOUND`
 */
export function requireComparable(entities: EntityColumns, feature: FeatureView): void {
  const { columns, time } = entities;
  requireSame(columns[time], feature.eventTime, feature);
  for (const { entity, field } of feature.keys)
    requireSame(columns[entityColumn(columns, entity)], field, feature);
}

function requireSame(
  column: EntityColumns["columns"][number] | undefined,
  field: StructField,
  { snapshot }: FeatureView,
): void {
  const expected = readTypeText(field.type);
  if (column === undefined || column.type === nullType || family(column.type) === family(expected)) return;
  throw mismatch(
    field,
    `Column ${pathText([column.name])} of the entities is a ${column.type}, and ${pathText([field.name])} of ${snapshot.context.store.uri} a ${expected}. Cast one of them to the type of the other, for example in SQL over the entities.`,
  );
}

/** The type of columns in which a source has nothing but nulls. */
export const nullType = '"NULL"';

/** Types that compare without loss have one family. */
function family(type: string): string {
  if (isInteger(type)) return "BIGINT";
  return type.replace(/^DECIMAL\(\d+,/, "DECIMAL(");
}

function isInteger(type: string): boolean {
  return /^(?:TINY|SMALL|BIG)?INT(?:EGER)?$/.test(type);
}

/**
 * Refuses columns of the result that have one name. @throws `INVALID_ARGUMENT` naming the column and the table
 */
export function requireDistinctNames(
  entities: EntityColumns["columns"],
  features: readonly FeatureView[],
): void {
  const owners = new Map(entities.map(({ name }) => [foldName(name), "the entities"]));
  for (const { columns, snapshot } of features) {
    for (const { name } of columns) {
      const owner = owners.get(foldName(name));
      if (owner !== undefined)
        throw new VarveError(
          "INVALID_ARGUMENT",
          `The column ${pathText([name])} of ${snapshot.context.store.uri} has the name of one of ${owner}. Give its features a prefix, or choose their columns.`,
          { column: [name], uri: snapshot.context.store.uri },
        );
      owners.set(foldName(name), snapshot.context.store.uri);
    }
  }
}

function mismatch(field: StructField, message: string): VarveError {
  return new VarveError("SCHEMA_MISMATCH", message, { column: [field.name], found: typeText(field.type) });
}
