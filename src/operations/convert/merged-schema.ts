import { deltaTypeOfEngine, parseEngineType } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { checkNames, foldName } from "../../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { quoteFile } from "../../sql/sql-text.ts";
import { type FileGroup, groupByFooter } from "../../table/scan/file-groups.ts";
import type { PhysicalField, PhysicalType } from "../../table/scan/physical-schema.ts";

/**
 * The schema that Parquet files have together, by their footers: the columns of all of them, in the order of their
 * appearance, all nullable. Whole numbers of up to 32 bits take the widest type that a file gives them; otherwise
 * a column has one type in all files.
 *
 * @throws `SCHEMA_MISMATCH` naming column, types and files where types or spellings of a name disagree, or where a
 * type is none of Delta's; `DATA_FILE_CORRUPT` naming a file that cannot be read
 */
export async function mergedSchema(session: Session, files: readonly string[]): Promise<StructType> {
  const merged: Merged = { fields: [], origins: new Map() };
  for (const group of await groupByFooter(session, files)) {
    const file = files.find((name) => group.files.has(name)) ?? "";
    for (const field of await groupFields(session, group, file)) mergeField(merged, field, file);
  }
  const schema: StructType = { type: "struct", fields: merged.fields };
  checkNames(schema.fields, [], "SCHEMA_MISMATCH");
  return schema;
}

interface Merged {
  readonly fields: StructField[];
  /** The file that a column was first found in, by its name. */
  readonly origins: Map<string, string>;
}

function mergeField(merged: Merged, field: StructField, file: string): void {
  const index = merged.fields.findIndex(({ name }) => foldName(name) === foldName(field.name));
  const known = merged.fields[index];
  if (known === undefined) {
    merged.fields.push(field);
    merged.origins.set(field.name, file);
    return;
  }
  const origin = merged.origins.get(known.name) ?? "";
  merged.fields[index] = unitedField(known, field, { path: [known.name], files: [origin, file] });
}

interface Disagreement {
  readonly path: readonly string[];
  readonly files: readonly [string, string];
}

function unitedField(known: StructField, other: StructField, place: Disagreement): StructField {
  if (known.name !== other.name)
    throw disagreement(place, `the name ${pathText([known.name])}`, `the name ${pathText([other.name])}`);
  return { ...known, type: unitedType(known.type, other.type, place) };
}

function unitedType(known: DeltaType, other: DeltaType, place: Disagreement): DeltaType {
  const below = (step: string): Disagreement => ({ ...place, path: [...place.path, step] });
  if (isPrimitive(known) || isPrimitive(other)) {
    if (known === other) return known;
    const wider = [known, other].map((type) => smallNumbers.indexOf(type as string));
    if (wider.every((rank) => rank >= 0)) return (wider[0] ?? 0) > (wider[1] ?? 0) ? known : other;
  } else if (known.type === "struct" && other.type === "struct") {
    const fields = [...known.fields];
    for (const field of other.fields) {
      const index = fields.findIndex(({ name }) => foldName(name) === foldName(field.name));
      const own = fields[index];
      if (own === undefined) fields.push(field);
      else fields[index] = unitedField(own, field, below(own.name));
    }
    return { type: "struct", fields };
  } else if (known.type === "array" && other.type === "array") {
    return { ...known, elementType: unitedType(known.elementType, other.elementType, below("element")) };
  } else if (known.type === "map" && other.type === "map") {
    const keyType = unitedType(known.keyType, other.keyType, below("key"));
    return { ...known, keyType, valueType: unitedType(known.valueType, other.valueType, below("value")) };
  } else if (typeText(known) === typeText(other)) return known;
  throw disagreement(place, typeText(known), typeText(other));
}

/** Parquet stores these alike. */
const smallNumbers: readonly string[] = ["byte", "short", "integer"];

function disagreement(
  { path, files: [first, second] }: Disagreement,
  one: string,
  other: string,
): VarveError {
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} has ${one} in ${first}, but ${other} in ${second}, so the files cannot be one table as they are. Nothing was written. Write one of the files again, or convert them apart.`,
    { column: [...path], expected: one, found: other, file: second, files: [first, second] },
  );
}

async function groupFields(session: Session, { fields }: FileGroup, file: string): Promise<StructField[]> {
  checkNames(fields, [], "SCHEMA_MISMATCH");
  const variants = await variantColumns(session, fields, file);
  return fields.map((field) => {
    const variant = variants.get(field.engineName);
    const type =
      variant === undefined
        ? deltaType(field.type, { path: [field.name], file })
        : deltaTypeOfEngine(parseEngineType(variant), [field.name]);
    return { name: field.name, type, nullable: true, metadata: {} };
  });
}

/** The engine's types of the columns that have annotated variants in them, which footers do not show. */
async function variantColumns(
  session: Session,
  fields: readonly PhysicalField[],
  file: string,
): Promise<ReadonlyMap<string, string>> {
  if (!fields.some(({ type }) => type.kind !== "leaf")) return new Map();
  const described = await session.describe(
    sql`SELECT * FROM read_parquet(${quoteFile(file)}, hive_partitioning = false)`,
  );
  return new Map(
    described.filter(({ type }) => /\bVARIANT\b/.test(type)).map(({ name, type }) => [name, type]),
  );
}

interface FieldPlace {
  readonly path: readonly string[];
  readonly file: string;
}

/** PROTOCOL.md "Delta Data Type to Parquet Type Mappings". */
function deltaType(type: PhysicalType, place: FieldPlace): DeltaType {
  const below = (step: string): FieldPlace => ({ ...place, path: [...place.path, step] });
  switch (type.kind) {
    case "leaf":
      return leafType(type, place);
    case "list":
      return { type: "array", elementType: deltaType(type.element, below("element")), containsNull: true };
    case "map":
      return {
        type: "map",
        keyType: deltaType(type.key, below("key")),
        valueType: deltaType(type.value, below("value")),
        valueContainsNull: true,
      };
    case "struct":
      checkNames(type.fields, place.path, "SCHEMA_MISMATCH");
      return {
        type: "struct",
        fields: type.fields.map((field) => ({
          name: field.name,
          type: deltaType(field.type, below(field.name)),
          nullable: true,
          metadata: {},
        })),
      };
  }
}

/** Delta's type of what a file stores, where every reader of Delta reads it as that. */
const leafTypes: Readonly<Record<string, DeltaType>> = {
  "BOOLEAN BOOLEAN": "boolean",
  "TINYINT INT32": "byte",
  "SMALLINT INT32": "short",
  "INTEGER INT32": "integer",
  "BIGINT INT64": "long",
  "FLOAT FLOAT": "float",
  "DOUBLE DOUBLE": "double",
  "VARCHAR BYTE_ARRAY": "string",
  "BLOB BYTE_ARRAY": "binary",
  "DATE INT32": "date",
  "TIMESTAMP WITH TIME ZONE INT64": "timestamp",
  "TIMESTAMP INT64": "timestamp",
  "TIMESTAMP INT96": "timestamp",
  "TIMESTAMP WITH TIME ZONE INT96": "timestamp",
  "TIMESTAMP_NS INT96": "timestamp",
};

function leafType(
  { engineType, parquetType, isLocalTime }: Extract<PhysicalType, { kind: "leaf" }>,
  { path, file }: FieldPlace,
): DeltaType {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(engineType);
  if (decimal !== null) return { type: "decimal", precision: Number(decimal[1]), scale: Number(decimal[2]) };
  const type = leafTypes[`${engineType} ${parquetType}`];
  if (type === "timestamp" && isLocalTime === true) return "timestamp_ntz";
  if (type !== undefined) return type;
  const stored = `${engineType} (Parquet ${parquetType})`;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The file ${file} stores column ${pathText(path)} as ${stored}, which is no type of Delta's. Nothing was written. Append the file to a table instead, which writes it in a type that Delta has.`,
    { column: [...path], found: stored, file },
  );
}
