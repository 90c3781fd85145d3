import {
  type EngineField,
  type EngineType,
  engineTypeName,
  parseEngineType,
} from "../../../dialects/engine-types.ts";
import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { fileList, quoteName } from "../../../sql/sql-text.ts";
import { unhashed } from "../../../sql/unhashed.ts";
import type { EngineColumn } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { elementOf, hasBareStructs, mendingsOf } from "./file-types.ts";
import { type ParquetField, type ParquetSchema, unreadableParquet } from "./parquet-schema.ts";

/** Parquet files with the same columns of the same types. */
export interface FileShape {
  /** The first of the files, which errors name. */
  readonly file: string;
  readonly files: ReadonlySet<string>;
  readonly columns: readonly EngineColumn[];
  /** SQL over a scan of the files for each column. */
  readonly values: readonly SqlExpression[];
  /** Whether a column is more than what the engine reads. */
  readonly isMended: boolean;
}

/**
 * Sorts files by their schemas, which are each held against what the engine makes of it.
 *
 * @throws `SCHEMA_MISMATCH` as {@link mendingsOf}, `SOURCE_UNREADABLE` naming the file
 */
export async function fileShapes(core: EngineCore, schemas: readonly ParquetSchema[]): Promise<FileShape[]> {
  const shapes = new Map<string, { readonly schema: ParquetSchema; readonly files: Set<string> }>();
  for (const schema of schemas) {
    const key = JSON.stringify(schema.fields);
    const known = shapes.get(key);
    if (known === undefined) shapes.set(key, { schema, files: new Set([schema.file]) });
    else known.files.add(schema.file);
  }
  return Promise.all([...shapes.values()].map(({ schema, files }) => shapeOf(core, schema, files)));
}

async function shapeOf(
  core: EngineCore,
  schema: ParquetSchema,
  files: ReadonlySet<string>,
): Promise<FileShape> {
  const { file, fields } = schema;
  const mendings = mendingsOf(schema);
  const values = fields.map(({ name }, index) => mendings[index]?.(quoteName(name)) ?? quoteName(name));
  const selected = values.map((value, index) => sql`${value} AS ${quoteName(fields[index]?.name ?? "")}`);
  const described = await core
    .describe(sql`SELECT ${selected} FROM ${scanOf([file])}`)
    .catch((error: unknown) => {
      throw unreadableParquet(file, error);
    });
  const columns = described.map((column, index): EngineColumn => {
    const field = fields[index];
    if (field === undefined || !holdsNullType(field)) return column;
    return { ...column, type: engineTypeName(nullTypesOf(parseEngineType(column.type), field)) };
  });
  const read = values.map((value, index) =>
    mendings[index] === undefined ? unhashed(value, described[index]?.type ?? "") : value,
  );
  return { file, files, columns, values: read, isMended: mendings.some((mending) => mending !== undefined) };
}

function holdsNullType({ logical, children }: ParquetField): boolean {
  return logical === "NullType()" || children.some(holdsNullType);
}

/** The engine's type of a field, with the type of nulls where the file has it; the engine says INTEGER. */
function nullTypesOf(type: EngineType, field: ParquetField): EngineType {
  if (field.logical === "NullType()") return { kind: "scalar", name: "NULL" };
  if (type.kind === "list") {
    const element = hasBareStructs(field) ? field.children[0] : elementOf(field);
    return element === undefined ? type : { kind: "list", element: nullTypesOf(type.element, element) };
  }
  if (type.kind === "map") {
    const [key, value] = field.children[0]?.children ?? [];
    return {
      kind: "map",
      key: key === undefined ? type.key : nullTypesOf(type.key, key),
      value: value === undefined ? type.value : nullTypesOf(type.value, value),
    };
  }
  if (type.kind !== "struct") return type;
  const members = type.fields.map(({ name, type: own }, index): EngineField => {
    const child = field.children[index];
    return { name, type: child === undefined ? own : nullTypesOf(own, child) };
  });
  return { kind: "struct", fields: members };
}

/** The engine's scan of files, columns united by name. */
export function scanOf(files: readonly string[]): SqlExpression {
  const united = files.length > 1 ? sql`true` : sql`false`;
  return sql`read_parquet(${fileList(files)}, union_by_name = ${united}, hive_partitioning = false)`;
}
