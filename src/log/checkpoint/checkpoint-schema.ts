import { engineTypeText } from "../../dialects/engine-types.ts";
import type { MaintenanceProperties } from "../../protocol/maintenance-properties.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { physicalName, physicalSchema } from "../../schema/column-mapping.ts";
import { findField, leafFields } from "../../schema/fields.ts";
import { decodePartitionValue, partitionText } from "../../schema/partition-values.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { LogSnapshot } from "../contract.ts";

/**
 * Columns of the NDJSON text that a checkpoint's Parquet file is made from, by the engine's type (PROTOCOL.md
 * "Checkpoint Schema").
 */
export interface CheckpointColumns {
  readonly head: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** SQL of the `add` column to be written. */
  readonly addSql: SqlExpression;
  /**
   * Partition values of an add as texts that the engine casts to the columns' types; `undefined` if they are
   * not written.
   */
  readonly parsePartitionValues:
    | ((values: Readonly<Record<string, string | null>>) => Record<string, string | null>)
    | undefined;
  /**
   * Whether statistics are read as a struct with decimals that must be quoted first, by
   * {@link quoteLongFractions}, as `exact_stats`.
   */
  readonly exactStats: boolean;
}

const textMap = "MAP(VARCHAR, VARCHAR)";
const vector =
  'STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER, cardinality BIGINT)';

const headTypes: Readonly<Record<string, string>> = {
  txn: "STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)",
  metaData:
    `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${textMap}), schemaString VARCHAR, ` +
    `partitionColumns VARCHAR[], configuration ${textMap}, createdTime BIGINT)`,
  protocol:
    "STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])",
  domainMetadata: "STRUCT(domain VARCHAR, configuration VARCHAR, removed BOOLEAN)",
};

const removeType =
  `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues ${textMap}, ` +
  `size BIGINT, deletionVector ${vector}, baseRowId BIGINT, defaultRowCommitVersion BIGINT)`;

/** Names and types of an add's fields as they are written, without statistics. */
const addFields: readonly (readonly [name: string, type: string])[] = [
  ["path", "VARCHAR"],
  ["partitionValues", textMap],
  ["size", "BIGINT"],
  ["modificationTime", "BIGINT"],
  ["dataChange", "BOOLEAN"],
  ["tags", textMap],
  ["deletionVector", vector],
  ["baseRowId", "BIGINT"],
  ["defaultRowCommitVersion", "BIGINT"],
  ["clusteringProvider", "VARCHAR"],
];

/** Fractions with more digits lose some when the engine parses JSON, unless they are quoted. */
const exactDigits = 15;

/** The columns of a table's checkpoints, with statistics as its properties require. */
export function checkpointColumns(
  snapshot: LogSnapshot,
  properties: MaintenanceProperties,
): CheckpointColumns {
  const mode = propertyOf(snapshot.metadata.configuration, "columnMapping.mode");
  const partitions = snapshot.metadata.partitionColumns.flatMap(
    (name) => findField(snapshot.schema, name) ?? [],
  );
  const named = partitions.map((field) => ({ name: physicalName(field, mode), type: field.type }));
  const parsed = properties.statsAsStruct && named.length > 0;
  const data: StructType = {
    type: "struct",
    fields: snapshot.schema.fields.filter((field) => !partitions.includes(field)),
  };
  const structure = properties.statsAsStruct ? statsStructure(physicalSchema(data, mode)) : undefined;
  const items = addFields.map(([name]) => sql`${quoteName(name)} := "add".${quoteName(name)}`);
  if (properties.statsAsJson) items.push(sql`stats := "add".stats`);
  if (parsed) items.push(sql`partitionValues_parsed := struct_pack(${named.map(partitionSql)})`);
  const exactStats =
    structure !== undefined && [...leafFields(data)].some(({ field }) => isLongDecimal(field.type));
  const statsText = exactStats ? sql`coalesce("add".exact_stats, "add".stats)` : sql`"add".stats`;
  if (structure !== undefined)
    items.push(sql`stats_parsed := from_json(TRY_CAST(${statsText} AS JSON), ${quoteText(structure)})`);
  const texts = `STRUCT(${named.map(({ name }) => `${quoteName(name)} VARCHAR`).join(", ")})`;
  const exact = exactStats ? [["exact_stats", "VARCHAR"] as const] : [];
  const read = [
    ...addFields,
    ["stats", "VARCHAR"] as const,
    ...exact,
    ...(parsed ? [["partition_texts", texts] as const] : []),
  ];
  return {
    head: headTypes,
    files: { add: `STRUCT(${read.map(([name, type]) => `${name} ${type}`).join(", ")})`, remove: removeType },
    addSql: sql`CASE WHEN "add" IS NOT NULL THEN struct_pack(${items}) END`,
    parsePartitionValues: parsed
      ? (values) =>
          Object.fromEntries(
            named.map(({ name, type }) => [name, castableText(type, partitionText(values, name))]),
          )
      : undefined,
    exactStats,
  };
}

/**
 * JSON text with its long fractions as strings, which the engine reads as decimals without loss; `undefined`
 * if there are none.
 */
export function quoteLongFractions(json: string): string | undefined {
  if (!/\d\.\d/.test(json)) return undefined;
  const quoted = json.replace(/"(?:[^"\\]|\\.)*(?:"|\\?$)|(?<!\d)-?\d+\.\d+(?:[eE][+-]?\d+)?/gs, (token) =>
    token.startsWith('"') || token.replace(/\D/g, "").length <= exactDigits ? token : `"${token}"`,
  );
  return quoted === json ? undefined : quoted;
}

function isLongDecimal(type: DeltaType): boolean {
  return !isPrimitive(type) && type.type === "decimal" && type.precision > exactDigits;
}

interface NamedType {
  readonly name: string;
  readonly type: DeltaType;
}

function partitionSql({ name, type }: NamedType): SqlExpression {
  const text = sql`"add".partition_texts.${quoteName(name)}`;
  return sql`${quoteName(name)} := ${type === "binary" ? sql`from_hex(${text})` : sql`CAST(${text} AS ${engineTypeText(type)})`}`;
}

/** A partition value as text that the engine casts to the column's type. */
function castableText(type: DeltaType, text: string | null): string | null {
  const value = decodePartitionValue(type, text);
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return type === "timestamp" ? `${String(value)}+00` : String(value);
}

/** The JSON text that describes the struct as which the engine reads statistics. */
function statsStructure(schema: StructType): string {
  const bounds = boundsOf(schema);
  return JSON.stringify({
    numRecords: "BIGINT",
    minValues: bounds,
    maxValues: bounds,
    nullCount: schema.fields.length === 0 ? undefined : countsOf(schema),
    tightBounds: "BOOLEAN",
  });
}

type Structure = string | { readonly [name: string]: Structure };

function boundsOf(schema: StructType): Structure | undefined {
  const fields = schema.fields.flatMap((field): [string, Structure][] => {
    const bound = boundOf(field);
    return bound === undefined ? [] : [[field.name, bound]];
  });
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

function boundOf({ type }: StructField): Structure | undefined {
  if (isPrimitive(type)) {
    const unbounded = type === "boolean" || type === "binary" || type === "variant" || type === "void";
    return unbounded ? undefined : engineTypeText(type);
  }
  if (type.type === "struct") return boundsOf(type);
  return type.type === "decimal" ? engineTypeText(type) : undefined;
}

function countsOf(schema: StructType): Structure {
  const fields = schema.fields.flatMap(({ name, type }): [string, Structure][] => {
    if (isPrimitive(type) || type.type !== "struct") return [[name, "BIGINT"]];
    return type.fields.length === 0 ? [] : [[name, countsOf(type)]];
  });
  return Object.fromEntries(fields);
}
