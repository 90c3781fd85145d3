import { deltaNameOfEngine, type EngineType, parseEngineType } from "../../dialects/engine-types.ts";
import type { EngineColumn } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";

/** What the values of a column are; columns of two sides are compared if these are the same. */
export type ValueClass = "boolean" | "number" | "text" | "binary" | "time" | "list" | "other";

/** What of a column is measured: null is the value itself. A time is measured by its cycles and its age. */
export type Part = "hour" | "weekday" | "month" | "length" | "tokens" | "age" | null;

/** A column, or a leaf of a struct, with the SQL of its value. */
export interface Leaf {
  /** Names from the top, joined by dots; in backquotes where they hold dots themselves and it is else ambiguous. */
  readonly name: string;
  /** Names from the top. */
  readonly path: readonly string[];
  readonly class: ValueClass;
  /** Whole numbers: integers, and decimals without a fraction. */
  readonly isWhole: boolean;
  /** May hold NaN and infinities. */
  readonly isFloat: boolean;
  /** A time that has an hour; dates have none. */
  readonly hasHour: boolean;
  /** The name of Delta's type, or the engine's where Delta has none. */
  readonly type: string;
  /** Over the relation's columns; numbers as DOUBLE, times as microseconds since 1970, lists by their length. */
  readonly value: SqlExpression;
  /** Of a boolean: as the engine has it, and not as text. */
  readonly truth?: SqlExpression | undefined;
  /** Of integers: as the engine has them: it groups them in a third of the time that DOUBLE takes. */
  readonly integer?: SqlExpression | undefined;
  /** Of a time: when the version of its rows was committed, in milliseconds since 1970, if its age is measured. */
  readonly committedAt?: number | undefined;
}

const floats: ReadonlySet<string> = new Set(["FLOAT", "DOUBLE", "REAL"]);
const wholes = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;

/**
 * The leaves of a relation's columns, structs taken apart, in their order.
 *
 * @param committedAt when the rows were committed, if the ages of times are measured
 */
export function leavesOf(columns: readonly EngineColumn[], committedAt?: number): Leaf[] {
  const all = columns.flatMap(({ name, type }) => leaves([name], quoteName(name), parseEngineType(type)));
  const counts = new Map<string, number>();
  for (const { name } of all) counts.set(foldName(name), (counts.get(foldName(name)) ?? 0) + 1);
  const named = all.map((leaf) => ((counts.get(foldName(leaf.name)) ?? 0) > 1 ? quotedLeaf(leaf) : leaf));
  if (committedAt === undefined) return named;
  return named.map((leaf) => (leaf.class === "time" ? { ...leaf, committedAt } : leaf));
}

/** A column `a.b` beside a field `b` of a column `a` is called `` `a.b` ``, as Spark writes it. */
function quotedLeaf(leaf: Leaf): Leaf {
  return { ...leaf, name: quotedPath(leaf.path) };
}

function quotedPath(path: readonly string[]): string {
  return path.map((part) => (/[.`]/.test(part) ? `\`${part.replaceAll("`", "``")}\`` : part)).join(".");
}

/** Whether a leaf of a path may have a name. */
export function isNameOfPath(name: string, path: readonly string[]): boolean {
  return name === path.join(".") || name === quotedPath(path);
}

function leaves(path: readonly string[], value: SqlExpression, type: EngineType): Leaf[] {
  const leaf = (of: Pick<Leaf, "class" | "value"> & Partial<Leaf>): Leaf[] => [
    {
      isWhole: false,
      isFloat: false,
      hasHour: false,
      name: path.join("."),
      path,
      type: typeName(type),
      ...of,
    },
  ];
  switch (type.kind) {
    case "struct":
      return type.fields.flatMap((field) =>
        leaves([...path, field.name], sql`struct_extract(${value}, ${quoteText(field.name)})`, field.type),
      );
    case "list":
      return leaf({ class: "list", isWhole: true, value: sql`CAST(len(${value}) AS DOUBLE)` });
    case "map":
      return leaf({ class: "list", isWhole: true, value: sql`CAST(cardinality(${value}) AS DOUBLE)` });
    case "decimal":
      return leaf({ class: "number", isWhole: type.scale === 0, value: sql`CAST(${value} AS DOUBLE)` });
    case "scalar":
      return leaf(scalar(type.name, value));
  }
}

function typeName(type: EngineType): string {
  switch (type.kind) {
    case "scalar": {
      const name = deltaNameOfEngine(type.name) ?? type.name.toLowerCase();
      return typeof name === "string" ? name : name.type;
    }
    case "decimal":
      return `decimal(${type.precision},${type.scale})`;
    case "list":
      return "array";
    default:
      return type.kind;
  }
}

/**
 * Microseconds of a date; null beyond those that a moment has, as of one that is infinite: one such row must not stop a
 * run. The cast must not fail by itself, because the engine reads the values that a file has, also of rows that the
 * condition leaves out.
 */
function microsecondsOfDate(value: SqlExpression): SqlExpression {
  const moment = sql`epoch_us(TRY_CAST(${value} AS TIMESTAMP))`;
  return sql`CASE WHEN ${value} BETWEEN DATE '290000-01-01 (BC)' AND DATE '290000-01-01' THEN ${moment} END`;
}

function scalar(type: string, value: SqlExpression): Pick<Leaf, "class" | "value"> & Partial<Leaf> {
  const number = sql`CAST(${value} AS DOUBLE)`;
  if (wholes.test(type)) return { class: "number", isWhole: true, value: number, integer: value };
  if (floats.has(type)) return { class: "number", isFloat: true, value: number };
  if (type === "BOOLEAN") return { class: "boolean", value: sql`CAST(${value} AS VARCHAR)`, truth: value };
  if (type === "BLOB") return { class: "binary", value: sql`hex(${value})` };
  if (type === "INTERVAL") return { class: "number", value: sql`epoch(${value})` };
  if (type === "DATE") return { class: "time", value: microsecondsOfDate(value) };
  if (type.startsWith("TIMESTAMP")) return { class: "time", hasHour: true, value: sql`epoch_us(${value})` };
  if (["VARCHAR", "UUID", "ENUM", "JSON"].includes(type) || type.startsWith("ENUM"))
    return { class: "text", value: sql`CAST(${value} AS VARCHAR)` };
  return { class: "other", value: sql`CASE WHEN ${value} IS NOT NULL THEN 0 END` };
}
