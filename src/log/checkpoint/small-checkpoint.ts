import { readFooter, type SchemaNode } from "../../parquet/footer.ts";
import { type ParquetRow, type ParquetValue, readParquetRows } from "../../parquet/read-rows.ts";
import { readSmallFile } from "../../parquet/small-file.ts";
import { requireFit } from "../../parquet/unfit.ts";
import { actionFromJson } from "../../protocol/action-json.ts";
import type { Action } from "../../protocol/actions.ts";
import { arrayOf, mapOf, schema } from "../../schema/builder.ts";
import type { DeltaType } from "../../schema/types.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { TableContext } from "../contract.ts";
import type { CheckpointFiles } from "../segment/listing.ts";

/** Bytes up to which a checkpoint is read faster than the engine starts: some hundreds of files. */
const mostBytes = 128 * 1024;

const textMap = mapOf("string", "string");

const vector = schema()
  .string("storageType")
  .string("pathOrInlineDv")
  .integer("offset")
  .integer("sizeInBytes")
  .long("cardinality");

/** The columns of a checkpoint as varve writes it, without statistics as columns (PROTOCOL.md "Checkpoint Schema"). */
const { fields } = schema()
  .struct("txn", schema().string("appId").long("version").long("lastUpdated"))
  .struct(
    "metaData",
    schema()
      .string("id")
      .string("name")
      .string("description")
      .struct("format", schema().string("provider").column("options", textMap))
      .string("schemaString")
      .column("partitionColumns", arrayOf("string"))
      .column("configuration", textMap)
      .long("createdTime"),
  )
  .struct(
    "protocol",
    schema()
      .integer("minReaderVersion")
      .integer("minWriterVersion")
      .column("readerFeatures", arrayOf("string"))
      .column("writerFeatures", arrayOf("string")),
  )
  .struct("domainMetadata", schema().string("domain").string("configuration").boolean("removed"))
  .struct(
    "add",
    schema()
      .string("path")
      .column("partitionValues", textMap)
      .long("size")
      .long("modificationTime")
      .boolean("dataChange")
      .column("tags", textMap)
      .struct("deletionVector", vector)
      .long("baseRowId")
      .long("defaultRowCommitVersion")
      .string("clusteringProvider")
      .string("stats"),
  )
  .struct(
    "remove",
    schema()
      .string("path")
      .long("deletionTimestamp")
      .boolean("dataChange")
      .boolean("extendedFileMetadata")
      .column("partitionValues", textMap)
      .long("size")
      .struct("deletionVector", vector)
      .long("baseRowId")
      .long("defaultRowCommitVersion"),
  )
  .build();

const kinds = fields.map(({ name }) => name as Action["kind"]);

/**
 * All actions of a small checkpoint of one Parquet file with exactly the columns that varve writes, without the engine.
 *
 * @returns undefined for any other, and for a damaged one, which the engine reads or refuses
 * @throws `OBJECT_NOT_FOUND`; `LOG_CORRUPT` for an action that is none
 */
export async function readSmallCheckpoint(
  context: TableContext,
  { format, files }: CheckpointFiles,
): Promise<Action[] | undefined> {
  const [file, ...others] = files;
  if (format !== "parquet" || file === undefined || others.length > 0 || file.size > mostBytes)
    return undefined;
  const rows = await readSmallFile(await context.localFile(file.path), file.size, rowsOf);
  return rows?.flatMap((row) => actionsOf(row, file.path));
}

function rowsOf(bytes: Buffer): ParquetRow[] {
  requireFit(hasOwnColumns(readFooter(bytes).columns), "it has other columns than checkpoints by varve");
  return readParquetRows(bytes, fields, { wide: (value) => value, time: (value) => value });
}

/** Whether there is nothing else, such as statistics as columns, which may say more than the text. */
function hasOwnColumns(columns: readonly SchemaNode[]): boolean {
  return (
    columns.length === fields.length &&
    fields.every(({ name, type }) => {
      const own = columns.find((column) => column.name === name);
      return (
        typeof type === "object" && type.type === "struct" && own?.children.length === type.fields.length
      );
    })
  );
}

function actionsOf(row: ParquetRow, source: string): Action[] {
  return fields.flatMap(({ name, type }, index) => {
    const body = row[name] ?? null;
    const kind = kinds[index];
    if (body === null || kind === undefined) return [];
    // A file without a path is no action of a checkpoint, as other readers have it.
    if ((name === "add" || name === "remove") && textOf(body, "path") === null) return [];
    return [actionFromJson(kind, jsonOf(type, body) as JsonObject, source)];
  });
}

function textOf(body: ParquetValue, name: string): ParquetValue {
  return typeof body === "object" && body !== null && !Array.isArray(body)
    ? ((body as ParquetRow)[name] ?? null)
    : null;
}

/** A value as JSON has it: a map is an object. */
function jsonOf(type: DeltaType, value: ParquetValue): JsonValue {
  if (value === null || typeof type === "string" || typeof value !== "object") return value as JsonValue;
  if (type.type === "map") return Object.fromEntries(value as readonly [string, JsonValue][]);
  if (type.type === "struct")
    return Object.fromEntries(
      type.fields.map((field) => [field.name, jsonOf(field.type, (value as ParquetRow)[field.name] ?? null)]),
    );
  return value as JsonValue;
}
