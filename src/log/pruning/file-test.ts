import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { readerHas } from "../../protocol/features.ts";
import type { Literal, Predicate } from "../../protocol/predicate.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { physicalName } from "../../schema/column-mapping.ts";
import { findField } from "../../schema/fields.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import { typeChangesOf } from "../../schema/type-widening.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { type Comparable, comparable, isSingle } from "./comparable.ts";

/** A column by its name in the log. */
export interface LogColumn {
  readonly source: "partition" | "statistics";
  /** Physical names from the top; one for a partition column. */
  readonly path: readonly string[];
  readonly type: DeltaType;
  /** Whether files may have statistics of the type `float`, which the column had before it was widened. */
  readonly wasFloat: boolean;
}

/**
 * What a file may hold, as questions without negation: whether some row is null or not, is at, below or above
 * a value, or has a prefix or another one.
 *
 * Every answer is yes unless the file proves otherwise. `nan`: whether NaN, which sorts above everything, is
 * such a value.
 */
export type FileTest =
  | { readonly op: "always" | "never" }
  | { readonly op: "and" | "or"; readonly args: readonly FileTest[] }
  | {
      readonly op: "below";
      readonly column: LogColumn;
      readonly value: Comparable;
      readonly orEqual: boolean;
    }
  | {
      readonly op: "above";
      readonly column: LogColumn;
      readonly value: Comparable;
      readonly orEqual: boolean;
      readonly nan: boolean;
    }
  | { readonly op: "hasNull" | "hasValue"; readonly column: LogColumn }
  | { readonly op: "hasPrefix" | "lacksPrefix"; readonly column: LogColumn; readonly prefix: string };

/** The part of a version's state that determines the names of columns in the log. */
export interface LogSchema {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
}

const always: FileTest = Object.freeze({ op: "always" });
const never: FileTest = Object.freeze({ op: "never" });

/**
 * Compiles a predicate to a test whether a file may hold a row for which it is true.
 *
 * Negation is pushed down by testing for every part both whether it may be true and whether it may be false,
 * which differ in three-valued logic: NULL is neither.
 */
export function fileTest(predicate: Predicate, table: LogSchema): FileTest {
  return mayBe(true, predicate, columnFinder(table));
}

type Finder = (path: readonly string[]) => LogColumn | undefined;

function mayBe(truth: boolean, predicate: Predicate, find: Finder): FileTest {
  switch (predicate.op) {
    case "and":
    case "or":
      return {
        op: (predicate.op === "and") === truth ? "and" : "or",
        args: predicate.args.map((arg) => mayBe(truth, arg, find)),
      };
    case "not":
      return mayBe(!truth, predicate.arg, find);
    case "constant":
      return predicate.value === truth ? always : never;
    case "unknown":
      return always;
    case "in":
      return mayBeIn(truth, predicate.column, predicate.values, find);
    default:
      return mayBeOfColumn(truth, predicate, find);
  }
}

type ColumnPredicate = Extract<Predicate, { column: readonly string[] }>;

function mayBeOfColumn(
  truth: boolean,
  predicate: Exclude<ColumnPredicate, { op: "in" }>,
  find: Finder,
): FileTest {
  const column = find(predicate.column);
  if (!("value" in predicate) && predicate.op !== "startsWith") {
    if (column === undefined) return always;
    return { op: (predicate.op === "isNull") === truth ? "hasNull" : "hasValue", column };
  }
  if (predicate.op === "startsWith") {
    if (column?.type !== "string") return always;
    return { op: truth ? "hasPrefix" : "lacksPrefix", column, prefix: predicate.prefix };
  }
  if (predicate.op === "nullSafeEq") {
    if (column === undefined) return always;
    if (predicate.value.value === null) return { op: truth ? "hasNull" : "hasValue", column };
    if (truth) return comparison("eq", column, predicate.value);
    return { op: "or", args: [{ op: "hasNull", column }, comparison("ne", column, predicate.value)] };
  }
  if (predicate.value.value === null) return never;
  return column === undefined
    ? always
    : comparison(truth ? predicate.op : opposite[predicate.op], column, predicate.value);
}

function mayBeIn(
  truth: boolean,
  path: readonly string[],
  values: readonly Literal[],
  find: Finder,
): FileTest {
  const column = find(path);
  if (!truth && values.some((literal) => literal.value === null)) return never;
  if (column === undefined) return always;
  const known = values.filter((literal) => literal.value !== null);
  return {
    op: truth ? "or" : "and",
    args: known.map((literal) => comparison(truth ? "eq" : "ne", column, literal)),
  };
}

type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

const opposite: Readonly<Record<Comparison, Comparison>> = {
  eq: "ne",
  ne: "eq",
  lt: "ge",
  le: "gt",
  gt: "le",
  ge: "lt",
};

function comparison(op: Comparison, column: LogColumn, literal: Literal): FileTest {
  const value = literal.value === null ? undefined : comparable(literal.type, literal.value);
  if (value === undefined || !comparesSafely(column, literal, value)) return always;
  switch (op) {
    case "eq":
      return {
        op: "and",
        args: [
          { op: "below", column, value, orEqual: true },
          { op: "above", column, value, orEqual: true, nan: false },
        ],
      };
    case "ne":
      return {
        op: "or",
        args: [
          { op: "below", column, value, orEqual: false },
          { op: "above", column, value, orEqual: false, nan: true },
        ],
      };
    case "lt":
    case "le":
      return { op: "below", column, value, orEqual: op === "le" };
    case "gt":
    case "ge":
      return { op: "above", column, value, orEqual: op === "ge", nan: true };
  }
}

/**
 * Whether the engine's comparison of a column with this constant orders values like {@link comparable},
 * whichever side it converts.
 */
function comparesSafely(column: LogColumn, literal: Literal, value: Comparable): boolean {
  if (!isPrimitive(column.type)) return column.type.type === "decimal" && value.kind === "exact";
  switch (column.type) {
    case "byte":
    case "short":
    case "integer":
    case "long":
      return value.kind === "exact" || (value.kind === "float" && literal.type === "double");
    case "float":
      return value.kind === "float" || isSingle(value);
    case "double":
      return value.kind === "float" || value.kind === "exact";
    case "string":
      return value.kind === "text";
    case "date":
    case "timestamp":
    case "timestamp_ntz":
      return value.kind === "moment";
    case "boolean":
      return value.kind === "boolean";
    default:
      return false;
  }
}

function columnFinder({ protocol, metadata, schema }: LogSchema): Finder {
  const mode = readerHas(protocol, "columnMapping")
    ? propertyOf(metadata.configuration, "columnMapping.mode")
    : "none";
  const partitions = new Set(metadata.partitionColumns.map((name) => findField(schema, name)));
  return (path) => {
    const fields = fieldsOnPath(schema, path);
    const last = fields?.at(-1);
    if (fields === undefined || last === undefined) return undefined;
    const source = fields.length === 1 && partitions.has(last) ? "partition" : "statistics";
    // Only `double` is wider than `float`.
    const wasFloat = typeChangesOf(last).some((change) => change.fromType === "float");
    return { source, path: fields.map((field) => physicalName(field, mode)), type: last.type, wasFloat };
  };
}

/** The fields on a path through structs; `undefined` if there is no such path. */
function fieldsOnPath(schema: StructType, path: readonly string[]): StructField[] | undefined {
  const fields: StructField[] = [];
  let type: DeltaType = schema;
  for (const name of path) {
    if (isPrimitive(type) || type.type !== "struct") return undefined;
    const field: StructField | undefined = findField(type, name);
    if (field === undefined) return undefined;
    fields.push(field);
    type = field.type;
  }
  return fields;
}
