import { VarveError } from "../../errors.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { constraintPrefix } from "../../protocol/constraint-names.ts";
import { isFeatureActive, supportedWriterFeatures } from "../../protocol/writer-features.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { isJsonObject, type JsonValue, parseJson } from "../../util/json.ts";

/** What a table asks of each row and file that is written to it; gathered from protocol, properties and column metadata. */
export interface TableDemands {
  /** `delta.appendOnly`: no row may be changed or removed. */
  readonly appendOnly: boolean;
  /** Columns and nested fields that may not be null, as paths of logical names; only where every parent is not null itself. */
  readonly notNull: readonly NotNullDemand[];
  /** SQL that must be TRUE for each row: column invariants and CHECK constraints. */
  readonly conditions: readonly RowCondition[];
  /** Columns whose value follows from others; a given value must be equal or both null. */
  readonly generated: readonly ColumnExpression[];
  /** SQL for columns that a row does not mention; an explicit NULL stays. */
  readonly defaults: readonly ColumnExpression[];
  readonly identity: readonly IdentityDemand[];
  readonly columnMapping: "none" | "id" | "name";
  /** Operations that update or delete rows must write change data files. */
  readonly changeDataFeed: boolean;
  /** New deletion vectors may be written. */
  readonly deletionVectors: boolean;
  /** Partition columns must (feature) or shall (property) also be written into the Parquet files. */
  readonly materializePartitionColumns: boolean;
  /** Physical names of columns, as paths, that each file needs statistics of. */
  readonly clusteringColumns: readonly (readonly string[])[];
  /** New files need `numRecords` in their statistics, so that row ids can be assigned. */
  readonly assignRowIds: boolean;
  /** Set while row tracking is enabled: columns in which copied and updated rows carry their ids and commit versions along. */
  readonly rowTracking?: { readonly rowIdColumn: string; readonly rowCommitVersionColumn: string } | undefined;
}

export interface NotNullDemand {
  readonly path: readonly string[];
  /** The path passes an array's elements or a map's values (steps `element`, `key`, `value`). */
  readonly insideCollection: boolean;
}

/** A condition by the SQL of Spark's dialect, as the log holds it. */
export interface RowCondition {
  readonly kind: "invariant" | "check";
  /** The constraint's name, or the path of the column that carries the invariant. */
  readonly name: string;
  readonly expression: string;
}

export interface ColumnExpression {
  readonly column: readonly string[];
  readonly expression: string;
}

/** PROTOCOL.md "Identity Columns". */
export interface IdentityDemand {
  readonly column: string;
  readonly start: bigint;
  readonly step: bigint;
  readonly allowExplicitInsert: boolean;
  /** Absent before the first generated value. */
  readonly highWaterMark?: bigint | undefined;
}

/** The parts of a snapshot that demands follow from. */
export interface DemandSource {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
  /** Of `delta.clustering`, where the table has it. */
  readonly clustering?: DomainMetadataAction | undefined;
}

/**
 * Gathers what a table demands of written rows and files.
 *
 * NOT NULL, invariants and CHECK constraints bind whether or not the protocol lists their feature; the others only where it is supported.
 *
 * @throws `SCHEMA_INVALID` for column metadata that cannot be understood: such a table is not written.
 */
export function tableDemands({ protocol, metadata, schema, clustering }: DemandSource): TableDemands {
  const { configuration } = metadata;
  const supported = supportedWriterFeatures(protocol);
  const active = (name: string) => isFeatureActive(name, protocol, metadata);
  const mode = configuration["delta.columnMapping.mode"];
  const fields = [...walk(schema, [], false)];
  return {
    appendOnly: active("appendOnly"),
    notNull: notNullOf(schema, [], false),
    conditions: [...fields.flatMap(invariantOf), ...checksOf(configuration)],
    generated: supported.has("generatedColumns") ? fields.flatMap((field) => expressionOf(field, "delta.generationExpression")) : [],
    defaults: supported.has("allowColumnDefaults") ? fields.flatMap((field) => expressionOf(field, "CURRENT_DEFAULT")) : [],
    identity: supported.has("identityColumns") ? schema.fields.flatMap(identityOf) : [],
    columnMapping: supported.has("columnMapping") && (mode === "id" || mode === "name") ? mode : "none",
    changeDataFeed: active("changeDataFeed"),
    deletionVectors: active("deletionVectors"),
    materializePartitionColumns:
      supported.has("materializePartitionColumns") || isTrue(configuration["delta.writePartitionColumnsToParquet"]),
    clusteringColumns: clustering === undefined ? [] : clusteringColumns(clustering.configuration),
    assignRowIds: supported.has("rowTracking") && !isTrue(configuration["delta.rowTrackingSuspended"]),
    ...rowTrackingOf(active("rowTracking"), configuration),
  };
}

/** Column paths in the configuration of the domain `delta.clustering`; a column is a text or a list of name parts. */
export function clusteringColumns(configuration: string): readonly (readonly string[])[] {
  const parsed = parseJson(configuration);
  const columns = isJsonObject(parsed) ? parsed["clusteringColumns"] : undefined;
  if (!Array.isArray(columns)) return [];
  return columns.map((column: JsonValue) => (Array.isArray(column) ? column.map(String) : [String(column)]));
}

interface PlacedField {
  readonly path: readonly string[];
  readonly field: StructField;
  readonly insideCollection: boolean;
}

function* walk(type: DeltaType, path: readonly string[], insideCollection: boolean): Generator<PlacedField> {
  if (typeof type === "string" || type.type === "decimal") return;
  if (type.type === "array") return yield* walk(type.elementType, [...path, "element"], true);
  if (type.type === "map") {
    yield* walk(type.keyType, [...path, "key"], true);
    return yield* walk(type.valueType, [...path, "value"], true);
  }
  for (const field of type.fields) {
    const at = [...path, field.name];
    yield { path: at, field, insideCollection };
    yield* walk(field.type, at, insideCollection);
  }
}

function notNullOf(type: DeltaType, path: readonly string[], insideCollection: boolean): NotNullDemand[] {
  if (typeof type === "string" || type.type === "decimal") return [];
  if (type.type === "struct") {
    return type.fields.flatMap((field) => {
      const at = [...path, field.name];
      return [...(field.nullable ? [] : [{ path: at, insideCollection }]), ...notNullOf(field.type, at, insideCollection)];
    });
  }
  const inner = type.type === "array" ? type.elementType : type.valueType;
  const at = [...path, type.type === "array" ? "element" : "value"];
  const containsNull = type.type === "array" ? type.containsNull : type.valueContainsNull;
  const keys = type.type === "map" ? notNullOf(type.keyType, [...path, "key"], true) : [];
  return [...keys, ...(containsNull ? [] : [{ path: at, insideCollection: true }]), ...notNullOf(inner, at, true)];
}

function invariantOf({ path, field }: PlacedField): RowCondition[] {
  const text = field.metadata["delta.invariants"];
  if (text === undefined || text === null) return [];
  const parsed = typeof text === "string" ? parseOr(text) : text;
  const outer = isJsonObject(parsed) ? parsed["expression"] : undefined;
  const expression = isJsonObject(outer) ? outer["expression"] : undefined;
  if (typeof expression !== "string") throw invalid(path, "delta.invariants", "a JSON text with expression.expression");
  return [{ kind: "invariant", name: path.join("."), expression }];
}

function checksOf(configuration: Readonly<Record<string, string>>): RowCondition[] {
  return Object.entries(configuration)
    .filter(([key]) => key.startsWith(constraintPrefix))
    .map(([key, expression]) => ({ kind: "check", name: key.slice(constraintPrefix.length), expression }));
}

function expressionOf({ path, field }: PlacedField, key: string): ColumnExpression[] {
  const expression = field.metadata[key];
  if (expression === undefined || expression === null) return [];
  if (typeof expression !== "string") throw invalid(path, key, "SQL text");
  return [{ column: path, expression }];
}

function identityOf(field: StructField): IdentityDemand[] {
  const read = (key: string): bigint | undefined => {
    const value = field.metadata[`delta.identity.${key}`];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "bigint" || Number.isInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value)))
      return BigInt(value as bigint | number | string);
    throw invalid([field.name], `delta.identity.${key}`, "a whole number");
  };
  const start = read("start");
  const step = read("step");
  const highWaterMark = read("highWaterMark");
  if (start === undefined && step === undefined) return [];
  if (step === 0n) throw invalid([field.name], "delta.identity.step", "a number other than 0");
  return [
    {
      column: field.name,
      start: start ?? 1n,
      step: step ?? 1n,
      allowExplicitInsert: isTrue(String(field.metadata["delta.identity.allowExplicitInsert"] ?? "false")),
      highWaterMark,
    },
  ];
}

function rowTrackingOf(enabled: boolean, configuration: Readonly<Record<string, string>>): Pick<TableDemands, "rowTracking"> {
  const rowIdColumn = configuration["delta.rowTracking.materializedRowIdColumnName"];
  const rowCommitVersionColumn = configuration["delta.rowTracking.materializedRowCommitVersionColumnName"];
  if (!enabled || rowIdColumn === undefined || rowCommitVersionColumn === undefined) return {};
  return { rowTracking: { rowIdColumn, rowCommitVersionColumn } };
}

function parseOr(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === "true";
}

function invalid(path: readonly string[], key: string, expected: string): VarveError {
  return new VarveError(
    "SCHEMA_INVALID",
    `The metadata ${key} of column ${path.join(".")} is not ${expected}; varve cannot hold written rows to it and so does not write this table. Correct the column's metadata.`,
    { column: path.join("."), key },
  );
}
