import type { Session } from "../../engine/core/contract.ts";
import type { Literal, Predicate } from "../../protocol/predicate.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { findField } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { predicateFromSql } from "../../table/scan/predicate-from-sql.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import type { MergeCondition, MergePlan } from "./merge-plan.ts";
import type { MergeSource } from "./merge-source.ts";

/** Most values of a key that files are compared with one by one. */
const mostValues = 100;

/**
 * What the log can tell of the table's rows that a merge's condition may hold for: its parts over the table
 * alone, and for columns that must equal one of the source, the values or the range that the source has.
 *
 * @param on its text is in the engine's dialect
 */
export async function candidatePredicate(
  session: Session,
  { names, snapshot }: MergePlan,
  { text: on, term }: MergeCondition,
  source: MergeSource,
): Promise<Predicate> {
  const { schema: whole } = snapshot;
  // A column of the table with the source's name would be taken for it.
  const hides = [names.target, names.source].some((name) => findField(whole, name) !== undefined);
  if (hides) return { op: "unknown" };
  const schema = term === undefined ? whole : withoutChars(whole);
  const args = [await predicateFromSql(session, on, schema, names.target)];
  for (const { target, source: column } of await equalColumns(session, on, names, schema, source.schema))
    args.push(await valuesPredicate(session, target, sql`FROM (${source.sql})`, quoteName(column.name)));
  return { op: "and", args };
}

/** Columns whose statistics compare like their values: the spaces at the end of a CHAR may be stored or not. */
function withoutChars({ fields, ...schema }: StructType): StructType {
  const isChar = (field: StructField) => columnMetadata(field).charLength?.kind === "char";
  return { ...schema, fields: fields.filter((field) => !isChar(field)) };
}

/** Before a condition that is parsed, and never run. */
const select = sql`SELECT `;

interface EqualColumns {
  readonly target: StructField;
  readonly source: StructField;
}

/** Columns of both sides that must be equal, of one type. */
async function equalColumns(
  session: Session,
  on: string,
  names: MergePlan["names"],
  schema: StructType,
  source: StructType,
): Promise<EqualColumns[]> {
  const tree = await session.syntaxTree(`${select}${on}`);
  const [statement] = isJsonObject(tree) ? listOf(tree["statements"]) : [];
  const node = isJsonObject(statement) ? statement["node"] : undefined;
  const [condition, ...others] = isJsonObject(node) ? listOf(node["select_list"]) : [];
  if (others.length > 0) return [];
  const pairs: EqualColumns[] = [];
  for (const comparison of conjuncts(condition)) {
    if (comparison["class"] !== "COMPARISON" || comparison["type"] !== "COMPARE_EQUAL") continue;
    const sides = [comparison["left"], comparison["right"]];
    const find = (own: StructType, name: string, other: StructType) =>
      sides.map((side) => columnOf(side, own, name, other)).find((field) => field !== undefined);
    const [a, b] = [find(schema, names.target, source), find(source, names.source, schema)];
    if (a !== undefined && b !== undefined && isComparable(a.type, b.type))
      pairs.push({ target: a, source: b });
  }
  return pairs;
}

function* conjuncts(node: JsonValue | undefined): Generator<JsonObject> {
  if (!isJsonObject(node)) return;
  if (node["type"] === "CONJUNCTION_AND")
    for (const child of listOf(node["children"])) yield* conjuncts(child);
  else yield node;
}

/** The column of one side that a node is, by its qualified name, or by its own where the other side has none such. */
function columnOf(
  node: JsonValue | undefined,
  schema: StructType,
  relation: string,
  other: StructType,
): StructField | undefined {
  if (!isJsonObject(node) || node["class"] !== "COLUMN_REF") return undefined;
  const [first = "", second, ...more] = listOf(node["column_names"]).map(String);
  if (more.length > 0) return undefined;
  if (second !== undefined)
    return foldName(first) === foldName(relation) ? findField(schema, second) : undefined;
  return findField(other, first) === undefined ? findField(schema, first) : undefined;
}

const wholeTypes: readonly DeltaType[] = ["byte", "short", "integer", "long"];

/** Types whose values compare alike in the engine and in the log; floats have NaN, which statistics leave out. */
function isComparable(a: DeltaType, b: DeltaType): boolean {
  if (wholeTypes.includes(a) && wholeTypes.includes(b)) return true;
  if (typeText(a) !== typeText(b)) return false;
  return isPrimitive(a) ? ["string", "date", "timestamp", "timestamp_ntz"].includes(a) : a.type === "decimal";
}

async function valuesPredicate(
  session: Session,
  { name, type }: StructField,
  from: SqlExpression,
  column: SqlExpression,
): Promise<Predicate> {
  const text = (value: SqlExpression) =>
    type === "timestamp" ? sql`CAST(CAST(${value} AS TIMESTAMP) AS VARCHAR)` : sql`CAST(${value} AS VARCHAR)`;
  const [bounds] = await session.rows(
    sql`SELECT ${text(sql`min(${column})`)} AS least, ${text(sql`max(${column})`)} AS greatest, approx_count_distinct(${column}) AS n ${from}`,
  );
  const [least, greatest] = [bounds?.["least"], bounds?.["greatest"]];
  // Nothing is equal to nothing.
  if (typeof least !== "string" || typeof greatest !== "string") return { op: "constant", value: false };
  const literal = (value: string): Literal => ({ type: literalType(type), value });
  const path = [name];
  if (Number(bounds?.["n"]) <= mostValues) {
    const rows = await session.rows(
      sql`SELECT DISTINCT ${text(column)} AS v ${from} WHERE ${column} IS NOT NULL LIMIT ${mostValues + 1}`,
    );
    const values = rows.flatMap(({ v }) => (typeof v === "string" ? [literal(v)] : []));
    if (values.length <= mostValues) return { op: "in", column: path, values };
  }
  return {
    op: "and",
    args: [
      { op: "ge", column: path, value: literal(least) },
      { op: "le", column: path, value: literal(greatest) },
    ],
  };
}

function literalType(type: DeltaType): DeltaType {
  return wholeTypes.includes(type) ? "long" : type;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
