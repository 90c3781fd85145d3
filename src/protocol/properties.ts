import { VarveError } from "../errors.ts";
import type { ColumnMappingMode } from "../schema/column-mapping.ts";
import type { MetadataAction } from "./actions.ts";
import { constraintPrefix } from "./constraint-names.ts";
import type { PropertyValues } from "./property-values.ts";
import * as values from "./property-values.ts";

/** A table's properties as its metadata holds them. */
export type Configuration = Readonly<Record<string, string>>;

/** A property of PROTOCOL.md, of Spark or of delta-rs. */
export interface Property<T> {
  readonly values: PropertyValues<T>;
  /** The value of a table that does not have the property. */
  readonly default: T;
  /** What it does, in a few words. */
  readonly about: string;
  /** The careful value, used if the table's text is invalid. Default: `default`. */
  readonly careful?: T | undefined;
  /**
   * What an invalid text keeps varve from: `reading` (and writing) the table, `writing` it, or nothing,
   * because the careful value does no harm.
   */
  readonly malformed?: "reading" | "writing" | undefined;
  /**
   * Why it cannot be set: it belongs to the table's own bookkeeping, or to something that varve does not
   * support. Absent if it can be set.
   */
  readonly refused?: "bookkeeping" | { readonly reason: string } | undefined;
  /**
   * Whether another writer's change of it cannot invalidate a data file of a running transaction: any change,
   * or only one to this text.
   */
  readonly harmless?: true | string | undefined;
  /** The table feature that it turns on. */
  readonly feature?: string | undefined;
  /** The values that turn the feature on. Default: `true`. */
  readonly turnsOn?: ((value: T) => boolean) | undefined;
}

const day = 24 * 60 * 60 * 1000;
const property = <T>(definition: Property<T>): Property<T> => definition;
const flag = (about: string, more: Partial<Property<boolean>> = {}): Property<boolean> => ({
  values: values.boolean,
  default: false,
  about,
  ...more,
});
/** A switch that turns a feature on: writers must know whether it is. */
const featureFlag = (
  feature: string,
  about: string,
  more: Partial<Property<boolean>> = {},
): Property<boolean> => flag(about, { feature, malformed: "writing", ...more });
const optional = <T>(
  kind: PropertyValues<T>,
  about: string,
  more: Partial<Property<T | undefined>> = {},
): Property<T | undefined> => ({
  values: kind as PropertyValues<T | undefined>,
  default: undefined,
  about,
  ...more,
});
/** What another engine does with a table; varve stores it and does not act on it. */
const others = <T>(
  kind: PropertyValues<T>,
  about: string,
  more: Partial<Property<T | undefined>> = {},
): Property<T | undefined> => optional(kind, `${about}; for other engines`, more);
const bookkeeping = { refused: "bookkeeping", malformed: "writing" } as const;
const refused = (reason: string): { readonly refused: { readonly reason: string } } => ({
  refused: { reason },
});
const iceberg = (version: string): Property<boolean> =>
  featureFlag(`iceberg${version}`, "files and metadata as Iceberg asks for");
const retention = (fallback: number, about: string): Property<number> => ({
  values: values.interval,
  default: fallback,
  careful: Number.POSITIVE_INFINITY,
  about,
  harmless: true,
});
const codecs = ["zstd", "snappy", "uncompressed", "none", "gzip", "lz4", "lz4_raw", "lzo", "brotli"] as const;

/** Every property by its key without `delta.`; this is the only list. `spec/properties.md` shows it. */
const table = {
  // rows and files that writers make
  appendOnly: featureFlag("appendOnly", "no row may be changed or removed"),
  enableChangeDataFeed: featureFlag("changeDataFeed", "commits that change rows write change files"),
  enableDeletionVectors: featureFlag("deletionVectors", "deletion vectors may be written", {
    harmless: "true",
  }),
  enableTypeWidening: featureFlag("typeWidening", "types of columns may become wider"),
  enableVariantShredding: featureFlag(
    "variantShredding",
    "variants are written shredded, except in columns with nulls",
  ),
  enableInCommitTimestamps: featureFlag("inCommitTimestamp", "commits carry their own time", {
    harmless: "true",
  }),
  inCommitTimestampEnablementVersion: optional(
    values.integer(0),
    "the first version whose commit carries its time",
    {
      ...bookkeeping,
      harmless: true,
    },
  ),
  inCommitTimestampEnablementTimestamp: optional(values.integer(0), "the time of that version", {
    ...bookkeeping,
    harmless: true,
  }),
  enableRowTracking: featureFlag("rowTracking", "every row has an id and the version of its last change", {
    harmless: "true",
  }),
  rowTrackingSuspended: flag("new files get no row ids", { malformed: "writing" }),
  "rowTracking.materializedRowIdColumnName": optional(values.text, "column of copied rows' ids", {
    ...bookkeeping,
    harmless: true,
  }),
  "rowTracking.materializedRowCommitVersionColumnName": optional(
    values.text,
    "column of copied rows' versions",
    {
      ...bookkeeping,
      harmless: true,
    },
  ),
  "columnMapping.mode": property<ColumnMappingMode>({
    values: values.oneOf(["none", "name", "id"]),
    default: "none",
    about: "how data files name columns",
    malformed: "reading",
    harmless: "name",
    feature: "columnMapping",
    turnsOn: (mode) => mode !== "none",
  }),
  "columnMapping.maxColumnId": property({
    values: values.integer(0),
    default: 0,
    about: "the highest column id ever given",
    ...bookkeeping,
    harmless: true,
  }),
  isolationLevel: property<"Serializable" | "WriteSerializable" | "SnapshotIsolation">({
    values: values.oneOf(["Serializable", "WriteSerializable"], ["SnapshotIsolation"]),
    default: "WriteSerializable",
    careful: "Serializable",
    about: "how strictly concurrent commits are ordered",
  }),
  writePartitionColumnsToParquet: flag("partition columns are in the data files too", {
    malformed: "writing",
  }),
  enableIcebergCompatV1: iceberg("CompatV1"),
  enableIcebergCompatV2: iceberg("CompatV2"),
  enableIcebergCompatV3: iceberg("CompatV3"),
  enableIcebergWriterCompatV1: iceberg("WriterCompatV1"),
  enableIcebergWriterCompatV3: iceberg("WriterCompatV3"),
  targetFileSize: optional(values.byteSize, "size of data files"),
  "parquet.compression.codec": optional(
    values.oneOf(codecs),
    "compression of data files; varve writes zstd for those that it does not write",
  ),
  dataSkippingNumIndexedCols: property({
    values: values.integer(-1, values.greatestInt),
    default: 32,
    about: "leading columns with statistics, -1 for all",
  }),
  dataSkippingStatsColumns: optional(
    values.columnPaths,
    "columns with statistics, instead of the leading ones",
  ),
  // maintenance of the log
  checkpointInterval: property({
    values: values.integer(1, values.greatestInt),
    default: 10,
    about: "versions from one checkpoint to the next",
    harmless: true,
  }),
  checkpointPolicy: property<"classic" | "v2">({
    values: values.oneOf(["classic", "v2"]),
    default: "classic",
    about: "layout of checkpoints",
    harmless: true,
    feature: "v2Checkpoint",
    turnsOn: (policy) => policy === "v2",
  }),
  "checkpoint.writeStatsAsJson": flag("statistics in checkpoints as JSON", { default: true, harmless: true }),
  "checkpoint.writeStatsAsStruct": flag("statistics in checkpoints as columns", { harmless: true }),
  logRetentionDuration: retention(30 * day, "age at which files of the log may be removed"),
  "dropFeatureTruncateHistory.retentionDuration": retention(
    day,
    "age at which history goes that a dropped feature was used in",
  ),
  deletedFileRetentionDuration: retention(7 * day, "age at which removed data files may be deleted"),
  setTransactionRetentionDuration: optional(
    values.interval,
    "age at which progress of applications is forgotten",
    { harmless: true },
  ),
  enableExpiredLogCleanup: flag("old files of the log are removed after a checkpoint", {
    default: true,
    careful: false,
    harmless: true,
  }),
  requireCheckpointProtectionBeforeVersion: property({
    values: values.integer(0),
    default: 0,
    careful: Number.MAX_SAFE_INTEGER,
    about: "history below this version goes as a whole or not at all",
    ...bookkeeping,
    harmless: true,
  }),
  autoOptimize: optional(values.boolean, "older name of autoOptimize.autoCompact", { harmless: true }),
  "autoOptimize.autoCompact": optional(
    values.oneOf(["true", "false", "auto", "legacy"]),
    "a write is followed by a compaction of its partitions",
    { harmless: true },
  ),
  "autoOptimize.optimizeWrite": optional(
    values.boolean,
    "a write makes few files a partition, as writes of varve always do",
    { harmless: true },
  ),
  // what other engines do
  tuneFileSizesForRewrites: others(values.boolean, "smaller files for tables that are rewritten often"),
  castIcebergTimeType: others(values.boolean, "read Iceberg's time as long"),
  checkpointRetentionDuration: others(values.interval, "age at which checkpoints may be removed"),
  sampleRetentionDuration: others(values.interval, "age at which samples may be removed"),
  enableFullRetentionRollback: others(values.boolean, "time travel reaches as far as the log"),
  enableChangeDataCapture: others(
    values.boolean,
    "older name of enableChangeDataFeed",
    refused("it is the older name of delta.enableChangeDataFeed; set that"),
  ),
  randomizeFilePrefixes: others(values.boolean, "random prefixes in names of data files"),
  randomPrefixLength: others(values.integer(1, values.greatestInt), "length of such prefixes"),
  "parquet.format.version": others(values.text, "version of the Parquet format"),
  dataSkippingStringPrefixLength: others(values.integer(0, values.greatestInt), "characters of text bounds"),
  "compatibility.symlinkFormatManifest.enabled": others(
    values.boolean,
    "manifests for engines that do not read the log",
  ),
  "universalFormat.enabledFormats": others(
    values.wordsOf(["iceberg", "hudi"]),
    "formats whose metadata is written too",
    refused("varve does not write the metadata of other formats"),
  ),
  "workloadBasedColumns.columns": others(
    values.text,
    "columns with statistics by use",
    refused("the engine that gathers these statistics keeps it"),
  ),
  enableMaterializePartitionColumnsFeature: others(
    values.boolean,
    "lists materializePartitionColumns",
    refused('set delta.feature.materializePartitionColumns to "supported" instead'),
  ),
  minReaderVersion: others(
    values.integer(1),
    "raises the protocol",
    refused("the protocol is raised by the features that it lists: set delta.feature.NAME"),
  ),
  minWriterVersion: others(
    values.integer(1),
    "raises the protocol",
    refused("the protocol is raised by the features that it lists: set delta.feature.NAME"),
  ),
  ignoreProtocolDefaults: others(
    values.boolean,
    "leaves out defaults of a Spark session",
    refused("varve has no such defaults"),
  ),
  "redirectReaderWriter-preview": others(
    values.text,
    "where the table's content is",
    refused("varve does not move tables"),
  ),
  "redirectWriterOnly-preview": others(
    values.text,
    "where the table's writers belong",
    refused("varve does not move tables"),
  ),
  "coordinatedCommits.commitCoordinator-preview": others(
    values.text,
    "who orders commits",
    refused("varve has no coordinator of commits"),
  ),
  "coordinatedCommits.commitCoordinatorConf-preview": others(
    values.text,
    "its settings",
    refused("varve has no coordinator of commits"),
  ),
  "coordinatedCommits.tableConf-preview": others(
    values.text,
    "its name of the table",
    refused("varve has no coordinator of commits"),
  ),
  lastCommitTimestamp: others(
    values.integer(0),
    "the last commit that a catalog saw",
    refused("a catalog keeps it"),
  ),
  lastUpdateVersion: others(
    values.integer(0),
    "the last version that a catalog saw",
    refused("a catalog keeps it"),
  ),
} as const;

/** A property's key without `delta.`. */
export type PropertyName = keyof typeof table;

type Values = { readonly [N in PropertyName]: (typeof table)[N] extends Property<infer T> ? T : never };

/** Every property by its key without `delta.`. PROTOCOL.md "Table Properties". */
export const properties: { readonly [N in PropertyName]: Property<Values[N]> } = table;

/** Names of all properties, in the order of the table. */
export const propertyNames: readonly PropertyName[] = Object.keys(table) as PropertyName[];

/** What every key of a property begins with. */
const prefix = "delta.";
/** `delta.feature.NAME` = `supported` lists a table feature; no table holds it as a property. */
export const featurePrefix = "delta.feature.";
/** Families of keys that hold what the caller names. */
export const propertyFamilies: readonly string[] = [constraintPrefix, "delta.universalFormat.config."];

/** The key of a property, as a table's metadata spells it. */
export function propertyKey(name: PropertyName): string {
  return `${prefix}${name}`;
}

/** The property of a key, or `undefined` for an unknown key. */
export function findProperty(key: string): PropertyName | undefined {
  const name = key.startsWith(prefix) ? key.slice(prefix.length) : "";
  return isPropertyName(name) ? name : undefined;
}

function isPropertyName(name: string): name is PropertyName {
  return Object.hasOwn(table, name);
}

/**
 * The value of a property: the table's, the default if it has none, or the careful one if the table's text is
 * invalid.
 *
 * @throws `PROPERTY_INVALID` for an invalid text that keeps varve from reading the table
 */
export function propertyOf<N extends PropertyName>(configuration: Configuration, name: N): Values[N] {
  const definition: Property<Values[N]> = properties[name];
  const text = configuration[propertyKey(name)];
  if (text === undefined) return definition.default;
  const value = definition.values.parse(text);
  if (value !== undefined) return value;
  if (definition.malformed === "reading") throw malformedProperty(name, text, "read");
  return definition.careful ?? definition.default;
}

/**
 * Refuses a table with an invalid property that writers must know.
 *
 * @throws `PROPERTY_INVALID` naming key and value
 */
export function requireReadableProperties({ configuration }: Pick<MetadataAction, "configuration">): void {
  for (const [key, text] of Object.entries(configuration)) {
    const name = findProperty(key);
    if (name === undefined || properties[name].malformed === undefined) continue;
    if (properties[name].values.parse(text) === undefined) throw malformedProperty(name, text, "written");
  }
}

/** Whether a property of the table turns on a feature. */
export function turnsOn(configuration: Configuration, name: PropertyName): boolean {
  return turnsOnWith(configuration, name);
}

function turnsOnWith<N extends PropertyName>(configuration: Configuration, name: N): boolean {
  const value = propertyOf(configuration, name);
  const { turnsOn: decides }: Property<Values[N]> = properties[name];
  return decides === undefined ? value === true : decides(value);
}

function malformedProperty(name: PropertyName, value: string, action: "read" | "written"): VarveError {
  const key = propertyKey(name);
  return new VarveError(
    "PROPERTY_INVALID",
    `The table cannot be ${action}: its property ${key} is ${JSON.stringify(value)}, which is not ${properties[name].values.expected}. Set a valid value, or unset the property.`,
    { key, value },
  );
}
