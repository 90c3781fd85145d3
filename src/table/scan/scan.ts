import type { Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot, PrunedFiles } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { readerHas } from "../../protocol/features.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { type ColumnMappingMode, physicalName } from "../../schema/column-mapping.ts";
import { allFields, requireColumn } from "../../schema/fields.ts";
import { decodePartitionValue, engineText, partitionText } from "../../schema/partition-values.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import { canReadWidened, typeChangesOf } from "../../schema/type-widening.ts";
import type { StructField } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { locateFiles } from "./data-files.ts";
import { readTypeText } from "./read-type.ts";
import { deletionSelections } from "./row-selection.ts";
import type { ScanColumn, ScanFile } from "./scan-columns.ts";
import { type FileRelation, scanFiles } from "./scan-files.ts";

/** What to read of a version. */
export interface ScanOptions {
  /**
   * Names of top-level columns in the order of the result, matched ignoring case; default: all, in the
   * schema's order.
   */
  readonly columns?: readonly string[] | undefined;
  /** Files that are proved to hold no matching row are left out; rows are not filtered. */
  readonly predicate?: Predicate | undefined;
  /** Add a column `_metadata`, a struct of the stable `row_id` and `row_commit_version`. */
  readonly rowTracking?: boolean | undefined;
  /**
   * Return variants as the engine's VARIANT, in which every value keeps its own type, instead of as JSON; for
   * rows that are rewritten.
   */
  readonly typedVariants?: boolean | undefined;
  /**
   * Name of a further column: a struct of `file`, the index of the row's file among those that are read, and
   * `row`, its position in the file.
   */
  readonly place?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Numbers of files that a scan listed, skipped and read. */
export interface ScanReport {
  readonly filesListed: number;
  readonly filesSkipped: number;
  readonly filesRead: number;
  /** Bytes of the files that are read, by their size in the log. */
  readonly bytes: number;
}

/** The rows of a version as a relation of one session. */
export interface ScanRelation extends Relation {
  /** Local names of the files that the relation reads, which a fence must allow. */
  readonly files: readonly string[];
  readonly report: ScanReport;
}

/** What of a version its scans depend on, besides its files. */
export type ScannedVersion = Pick<LogSnapshot, "schema" | "metadata" | "version">;

/** How a version's files name their columns: PROTOCOL.md "Reader Requirements for Column Mapping". */
export function mappingModeOf(snapshot: Pick<LogSnapshot, "protocol" | "metadata">): ColumnMappingMode {
  return readerHas(snapshot.protocol, "columnMapping")
    ? propertyOf(snapshot.metadata.configuration, "columnMapping.mode")
    : "none";
}

/**
 * Makes a version a relation of `session`: prunes its files, and applies partition values, column mapping,
 * type changes and deletion vectors.
 *
 * The relation exists as long as the session, which must not be fenced yet, or be fenced to `files`
 * afterwards.
 *
 * @throws `COLUMN_NOT_FOUND`; `DATA_FILE_MISSING` and `DATA_FILE_CORRUPT` naming the file;
 * `DELETION_VECTOR_CORRUPT`; `PATH_OUTSIDE_TABLE`; `UNSUPPORTED_FEATURE` for a type change that Delta does
 * not define
 */
export async function planScan(
  session: Session,
  snapshot: LogSnapshot,
  options: ScanOptions = {},
): Promise<ScanRelation> {
  const pruned = await prunedFiles(snapshot, options.predicate);
  const relation = await planFiles(session, snapshot, pruned.files, options);
  const bytes = pruned.files.reduce((sum, add) => sum + add.size, 0);
  return {
    ...relation,
    report: {
      filesListed: pruned.listed,
      filesSkipped: pruned.skipped,
      filesRead: pruned.files.length,
      bytes,
    },
  };
}

/** What to read of files. */
export interface FileScanOptions extends Omit<ScanOptions, "predicate"> {
  /** The numbers by which places name the files; default: their indices. */
  readonly fileNumbers?: readonly number[] | undefined;
  /** Name of a further column: the number of the row's file. Cheaper than a place, which needs row positions. */
  readonly fileColumn?: string | undefined;
}

/** Of the constant that is the number of a file; no partition column has an empty name. */
const fileNumberKey = "";

/** Like {@link planScan}, over some of a version's live files, chosen by the caller. */
export async function planFiles(
  session: Session,
  snapshot: LogSnapshot,
  adds: readonly AddAction[],
  options: FileScanOptions = {},
): Promise<FileRelation> {
  checkTypeChanges(snapshot);
  const mode = mappingModeOf(snapshot);
  const { context } = snapshot;
  const paths = adds.map((add) => add.path);
  const local = await locateFiles(context, paths, options.signal);
  const selections = await deletionSelections(session, context, adds, options.signal);
  const files = adds.map((add, index): ScanFile => {
    const selection = selections[index];
    const number = options.fileNumbers?.[index] ?? index;
    const file = scanFile(snapshot, mode, add, local[index] ?? "");
    const constants = { ...file.constants, [fileNumberKey]: String(number) };
    return { ...file, constants, selection, number };
  });
  const columns = scanColumns(snapshot, mode, options);
  const { fileColumn: name } = options;
  if (name !== undefined) columns.push({ kind: "constant", name, key: fileNumberKey, type: sql`INTEGER` });
  return scanFiles(session, context, columns, files, mode);
}

/** The columns of a version as {@link scanFiles} takes them. */
export function scanColumns(
  snapshot: ScannedVersion,
  mode: ColumnMappingMode,
  options: Pick<ScanOptions, "columns" | "rowTracking" | "typedVariants" | "place">,
): ScanColumn[] {
  const wanted =
    options.columns?.map((name) => requireColumn(snapshot.schema, name)) ?? snapshot.schema.fields;
  const partitions = partitionFields(snapshot);
  const columns = wanted.map((field): ScanColumn => {
    const type = readTypeText(field.type);
    return partitions.includes(field)
      ? { kind: "constant", name: field.name, key: physicalName(field, mode), type }
      : { kind: "data", field, typedVariants: options.typedVariants === true ? true : undefined };
  });
  if (options.rowTracking === true) columns.push(rowTrackingColumn(snapshot));
  if (options.place !== undefined) columns.push({ kind: "place", name: options.place });
  return columns;
}

/** A file of the log with its partition values, ready for {@link scanFiles}. */
export function scanFile(
  snapshot: ScannedVersion,
  mode: ColumnMappingMode,
  add: Pick<AddAction, "partitionValues" | "baseRowId" | "defaultRowCommitVersion">,
  file: string,
): ScanFile {
  const constants = partitionFields(snapshot).map((field): [string, string | Uint8Array | null] => {
    const name = physicalName(field, mode);
    const value = decodePartitionValue(field.type, partitionText(add.partitionValues, name), [field.name]);
    const text =
      value === null || value instanceof Uint8Array ? value : engineText(field.type, String(value));
    return [name, text];
  });
  return {
    file,
    constants: Object.fromEntries(constants),
    baseRowId: add.baseRowId,
    defaultRowCommitVersion: add.defaultRowCommitVersion,
  };
}

function partitionFields(snapshot: ScannedVersion): StructField[] {
  return snapshot.metadata.partitionColumns.map((name) => requireColumn(snapshot.schema, name));
}

function rowTrackingColumn(snapshot: ScannedVersion): ScanColumn {
  const { configuration } = snapshot.metadata;
  if (!propertyOf(configuration, "enableRowTracking")) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "The table does not track rows (delta.enableRowTracking is not true), so its rows have no stable ids. Leave the row ids out.",
      {
        version: snapshot.version,
      },
    );
  }
  if (snapshot.schema.fields.some((field) => field.name.toLowerCase() === "_metadata")) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "The table has a column named _metadata, which hides the row ids. Leave the row ids out, or rename the column.",
      {
        version: snapshot.version,
      },
    );
  }
  return {
    kind: "row-tracking",
    name: "_metadata",
    idColumn: propertyOf(configuration, "rowTracking.materializedRowIdColumnName"),
    versionColumn: propertyOf(configuration, "rowTracking.materializedRowCommitVersionColumnName"),
  };
}

async function prunedFiles(snapshot: LogSnapshot, predicate: Predicate | undefined): Promise<PrunedFiles> {
  const live = await snapshot.files();
  return live.prune(predicate ?? { op: "constant", value: true });
}

/**
 * PROTOCOL.md "Reader Requirements for Type Widening": every recorded change must be one that loses nothing.
 */
function checkTypeChanges(snapshot: LogSnapshot): void {
  if (!readerHas(snapshot.protocol, "typeWidening")) return;
  for (const { field, path } of allFields(snapshot.schema)) {
    const bad = typeChangesOf(field).find((change) => !canReadWidened(change.fromType, change.toType));
    if (bad === undefined) continue;
    const message = `Column ${pathText(path)} changed from ${typeText(bad.fromType)} to ${typeText(bad.toType)}, a type change that varve does not support. Use a newer version of varve.`;
    throw new VarveError("UNSUPPORTED_FEATURE", message, {
      column: [...path],
      from: typeText(bad.fromType),
      to: typeText(bad.toType),
    });
  }
}
