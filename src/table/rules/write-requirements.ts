import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { constraintsOf } from "../../protocol/constraint-names.ts";
import { clusteringColumns } from "../../protocol/domains.ts";
import { isFeatureActive, supportedWriterFeatures } from "../../protocol/features.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { type ColumnMetadata, columnMetadata, type Identity } from "../../schema/column-metadata.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";

/**
 * What a table requires of each row and file that is written to it, derived from protocol, properties and
 * column metadata.
 */
export interface WriteRequirements {
  /** `delta.appendOnly`: no row may be changed or removed. */
  readonly appendOnly: boolean;
  /**
   * Columns and nested fields that must not be null, as paths of logical names; this applies only if no
   * parent is null.
   */
  readonly notNull: readonly NotNullPath[];
  /** SQL that must be TRUE for each row: column invariants and CHECK constraints. */
  readonly conditions: readonly RowCondition[];
  /**
   * Columns whose value is computed from others; a given value must be equal to the computed one, or both be
   * null.
   */
  readonly generated: readonly ColumnExpression[];
  /** SQL of defaults for columns that a row does not mention; an explicit NULL stays. */
  readonly defaults: readonly ColumnExpression[];
  readonly identity: readonly IdentityColumn[];
  readonly columnMapping: "none" | "id" | "name";
  /** Whether operations that update or delete rows must write change data files. */
  readonly changeDataFeed: boolean;
  /** Whether new deletion vectors may be written. */
  readonly deletionVectors: boolean;
  /** Whether partition columns must (feature) or should (property) also be written to the Parquet files. */
  readonly materializePartitionColumns: boolean;
  /** Columns that each file needs statistics for, as paths of physical names. */
  readonly clusteringColumns: readonly (readonly string[])[];
  /** Whether new files need `numRecords` in their statistics, so that row ids can be assigned. */
  readonly assignRowIds: boolean;
  /**
   * Set while row tracking is enabled: columns in which copied and updated rows keep their ids and commit
   * versions.
   */
  readonly rowTracking?:
    | { readonly rowIdColumn: string; readonly rowCommitVersionColumn: string }
    | undefined;
}

export interface NotNullPath {
  readonly path: readonly string[];
  /**
   * Whether the path passes through an array's elements or a map's values (steps `element`, `key`, `value`).
   */
  readonly insideCollection: boolean;
}

/** A condition in Spark SQL, as in the log. */
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

/** An identity column and its rule. */
export interface IdentityColumn extends Identity {
  readonly column: string;
}

/** The parts of a snapshot from which the requirements are derived. */
export interface RequirementSource {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
  /** Of `delta.clustering`, where the table has it. */
  readonly clustering?: DomainMetadataAction | undefined;
}

/**
 * Derives what a table requires of written rows and files. PROTOCOL.md "Additional Requirements for Writers"
 * and "Consistency Between Table Metadata and Data Files": what a table requires of new rows.
 *
 * NOT NULL, invariants and CHECK constraints apply whether or not the protocol lists their feature; the
 * others apply only if it is supported.
 *
 * @throws `SCHEMA_INVALID` for column metadata that cannot be parsed: such a table is not written
 */
export function writeRequirements({
  protocol,
  metadata,
  schema,
  clustering,
}: RequirementSource): WriteRequirements {
  const { configuration } = metadata;
  const supported = supportedWriterFeatures(protocol);
  const active = (name: string) => isFeatureActive(name, protocol, metadata);
  const fields = [...walk(schema, [])];
  return {
    appendOnly: active("appendOnly"),
    notNull: notNullOf(schema, [], false),
    conditions: [
      ...fields.flatMap(({ path, invariant }) => condition("invariant", path.join("."), invariant)),
      ...checksOf(configuration),
    ],
    generated: supported.has("generatedColumns")
      ? fields.flatMap(({ path, generation }) => expression(path, generation))
      : [],
    defaults: supported.has("allowColumnDefaults")
      ? fields.flatMap((field) => expression(field.path, field.default))
      : [],
    identity: supported.has("identityColumns") ? identitiesOf(fields) : [],
    columnMapping: supported.has("columnMapping") ? propertyOf(configuration, "columnMapping.mode") : "none",
    changeDataFeed: active("changeDataFeed"),
    deletionVectors: active("deletionVectors"),
    materializePartitionColumns:
      supported.has("materializePartitionColumns") ||
      propertyOf(configuration, "writePartitionColumnsToParquet"),
    clusteringColumns: clusteringColumns(clustering),
    assignRowIds: supported.has("rowTracking") && !propertyOf(configuration, "rowTrackingSuspended"),
    ...rowTrackingOf(active("rowTracking"), configuration),
  };
}

interface PlacedMetadata extends ColumnMetadata {
  readonly path: readonly string[];
}

function* walk(type: DeltaType, path: readonly string[]): Generator<PlacedMetadata> {
  if (typeof type === "string" || type.type === "decimal") return;
  if (type.type === "array") return yield* walk(type.elementType, [...path, "element"]);
  if (type.type === "map") {
    yield* walk(type.keyType, [...path, "key"]);
    return yield* walk(type.valueType, [...path, "value"]);
  }
  for (const field of type.fields) {
    const fieldPath = [...path, field.name];
    yield { path: fieldPath, ...columnMetadata(field, fieldPath) };
    yield* walk(field.type, fieldPath);
  }
}

function condition(kind: RowCondition["kind"], name: string, sql: string | undefined): RowCondition[] {
  return sql === undefined ? [] : [{ kind, name, expression: sql }];
}

function expression(column: readonly string[], sql: string | undefined): ColumnExpression[] {
  return sql === undefined ? [] : [{ column, expression: sql }];
}

/** Only a table's own columns can number rows. */
function identitiesOf(fields: readonly PlacedMetadata[]): IdentityColumn[] {
  return fields.flatMap(({ path, identity }) => {
    const [column, ...below] = path;
    return column === undefined || below.length > 0 || identity === undefined
      ? []
      : [{ column, ...identity }];
  });
}

function notNullOf(type: DeltaType, path: readonly string[], insideCollection: boolean): NotNullPath[] {
  if (typeof type === "string" || type.type === "decimal") return [];
  if (type.type === "struct") {
    return type.fields.flatMap((field) => {
      const fieldPath = [...path, field.name];
      return [
        ...(field.nullable ? [] : [{ path: fieldPath, insideCollection }]),
        ...notNullOf(field.type, fieldPath, insideCollection),
      ];
    });
  }
  const inner = type.type === "array" ? type.elementType : type.valueType;
  const fieldPath = [...path, type.type === "array" ? "element" : "value"];
  const containsNull = type.type === "array" ? type.containsNull : type.valueContainsNull;
  const keys = type.type === "map" ? notNullOf(type.keyType, [...path, "key"], true) : [];
  return [
    ...keys,
    ...(containsNull ? [] : [{ path: fieldPath, insideCollection: true }]),
    ...notNullOf(inner, fieldPath, true),
  ];
}

function checksOf(configuration: Readonly<Record<string, string>>): RowCondition[] {
  return constraintsOf(configuration).map(([name, expression]) => ({ kind: "check", name, expression }));
}

function rowTrackingOf(
  enabled: boolean,
  configuration: Readonly<Record<string, string>>,
): Pick<WriteRequirements, "rowTracking"> {
  const rowIdColumn = propertyOf(configuration, "rowTracking.materializedRowIdColumnName");
  const rowCommitVersionColumn = propertyOf(
    configuration,
    "rowTracking.materializedRowCommitVersionColumnName",
  );
  if (!enabled || rowIdColumn === undefined || rowCommitVersionColumn === undefined) return {};
  return { rowTracking: { rowIdColumn, rowCommitVersionColumn } };
}
