import { assignTo } from "../../dialects/spark/assign.ts";
import { sparkPartitionText } from "../../dialects/spark/partition-text.ts";
import { columnOf, type SparkRelation } from "../../dialects/spark/relations.ts";
import { type Term, term } from "../../dialects/spark/term.ts";
import { translateConjuncts, translateOver, translateSpark } from "../../dialects/spark/translate.ts";
import { termOrEngine } from "../../dialects/statements/unlike-engine.ts";
import { VarveError } from "../../errors.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { fieldAt, findField } from "../../schema/fields.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { MergeCondition } from "../../write/merge/merge-plan.ts";
import type { Assignment } from "../../write/rewrite/rewrite-plan.ts";
import type { ClauseKind, MergeExpression, MergeRequest } from "./merge-request.ts";
import { hasMore } from "./merge-schema.ts";

/** The two sides of a merge, as its expressions see them. */
export interface MergeSides extends Pick<MergeRequest, "names" | "assignment" | "evolves"> {
  /** The table's columns before the merge. */
  readonly before: StructType;
  /** And those that it has after it. */
  readonly after: StructType;
  readonly source: StructType;
  readonly partitionColumns: readonly string[];
  /** The time of expressions such as `current_timestamp()`, in milliseconds since 1970-01-01 UTC. */
  readonly now: number;
}

/** The sides that the clauses of a kind see. */
const visible: Readonly<Record<ClauseKind, readonly ("target" | "source")[]>> = {
  matched: ["target", "source"],
  "not matched": ["source"],
  "not matched by source": ["target"],
};

/**
 * A condition that is true or false.
 *
 * @throws `SQL_FAILED` for one that is neither, and for an ambiguous name
 */
export function boundCondition(
  expression: MergeExpression,
  when: ClauseKind,
  sides: MergeSides,
): MergeCondition {
  const { text, spark = text } = expression;
  const translated = translation(expression, when, sides);
  if (translated !== undefined && translated.type !== "boolean")
    throw new VarveError(
      "SQL_FAILED",
      `The condition ${spark} is of type ${typeText(translated.type)}, not true or false. Compare it with something, as in "${sides.names.source}.id = 7".`,
      { condition: spark, found: typeText(translated.type) },
    );
  const conjuncts =
    translated && translateConjuncts(spark, relationsOf(when, sides), translationOptions(sides));
  return { text, term: translated, conjuncts, hasSubqueries: expression.hasSubqueries };
}

/** An expression as Spark evaluates it; `undefined` where that is not known, so that the engine evaluates it. */
function translation({ spark }: MergeExpression, when: ClauseKind, sides: MergeSides): Term | undefined {
  if (spark === undefined) return undefined;
  return termOrEngine({ text: spark, start: 0 }, () =>
    translateOver(spark, relationsOf(when, sides), translationOptions(sides)),
  );
}

/** The sides that the clauses of a kind see. */
function relationsOf(when: ClauseKind, { names, before, source }: MergeSides): readonly SparkRelation[] {
  return visible[when].map((side) => {
    const name = names[side];
    const relation = { names: [name], engineName: name };
    // Files have values of CHAR columns with and without the spaces, so that text of the source meets both.
    return side === "target"
      ? { ...relation, schema: before, padsChars: true }
      : { ...relation, schema: source, padsBesideChars: true };
  });
}

function translationOptions({ now }: MergeSides) {
  return { now, doubledQuotes: true };
}

/** The value of a column or field; `undefined` for a default that is left to the writer. @throws `SCHEMA_MISMATCH` */
export function assignedValue(
  { path, value }: { readonly path: readonly string[]; readonly value: MergeExpression | "default" },
  when: ClauseKind,
  sides: MergeSides,
): Assignment["value"] | undefined {
  const field = requireField(sides.after, path);
  if (value === "default") return when === "not matched" ? undefined : defaultOf(path, field, sides);
  const given = translation(value, when, sides);
  return given === undefined ? value.text : assigned(given, path, field, sides);
}

/** The column's default, for a row that has another value. */
function defaultOf(path: readonly string[], field: StructField, sides: MergeSides): Assignment["value"] {
  if (path.length > 1)
    throw new VarveError("INVALID_ARGUMENT", `${pathText(path)} has no default: only a column has one.`, {
      column: [...path],
    });
  const none: StructType = { type: "struct", fields: [] };
  const text = columnMetadata(field).default ?? "NULL";
  return assigned(translateSpark(text, none, { now: sides.now, doubledQuotes: true }), path, field, sides);
}

/**
 * The value of a column as `*` takes it from the source's column of the same name.
 *
 * In an update that may change the schema, fields of structs that the source lacks keep their values.
 */
export function valueFromSource(
  column: StructField,
  field: StructField,
  when: ClauseKind,
  sides: MergeSides,
): Assignment["value"] {
  const { names, before, assignment, evolves } = sides;
  const given = term(column.type, columnOf(names.source, column.name));
  const old = findField(before, field.name);
  const aligned =
    evolves && when === "matched" && old !== undefined
      ? withKept(given, old.type, columnOf(names.target, old.name))
      : given;
  return assignment === "append" ? aligned.sql : assigned(aligned, [field.name], field, sides);
}

/**
 * A struct with the fields that it lacks and another has, which keep that one's values; it is null only where
 * both are.
 */
function withKept(given: Term, oldType: DeltaType, old: SqlExpression): Term {
  const { type } = given;
  if (isPrimitive(type) || type.type !== "struct" || isPrimitive(oldType) || oldType.type !== "struct")
    return given;
  if (!hasMore(oldType, type)) return given;
  const own = type.fields.map((field) => {
    const value = term(field.type, sql`struct_extract(${given.sql}, ${quoteText(field.name)})`);
    const kept = findField(oldType, field.name);
    const whole =
      kept === undefined
        ? value
        : withKept(value, kept.type, sql`struct_extract(${old}, ${quoteText(kept.name)})`);
    return { field: { ...field, type: whole.type, nullable: true }, value: whole.sql };
  });
  const kept = oldType.fields
    .filter(({ name }) => findField(type, name) === undefined)
    .map((field) => ({ field, value: sql`struct_extract(${old}, ${quoteText(field.name)})` }));
  const parts = [...own, ...kept];
  const items = parts.map(({ field, value }) => sql`${quoteName(field.name)} := ${value}`);
  return term(
    { type: "struct", fields: parts.map(({ field }) => field) },
    sql`CASE WHEN ${given.sql} IS NOT NULL OR ${old} IS NOT NULL THEN struct_pack(${items}) END`,
  );
}

/** @throws `SCHEMA_MISMATCH` for a value that cannot be cast to the column's type */
function assigned(
  given: Term,
  path: readonly string[],
  { type }: StructField,
  { evolves, partitionColumns }: MergeSides,
): Assignment["value"] {
  const value = assignTo(given, type, evolves ? "name or null" : "name");
  const [expected, found] = [typeText(type), typeText(given.type)];
  if (value !== undefined) {
    const isPartitionText =
      type === "string" && path.length === 1 && partitionColumns.includes(path[0] ?? "");
    const stored = isPartitionText ? sparkPartitionText(value.sql) : value.sql;
    return { ...value, sql: stored, shown: given.sql, found, expected };
  }
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} is a ${expected}, to which a ${found} cannot be assigned. Nothing was written. Cast it to the column's type.`,
    { column: [...path], expected, found, reason: "type" },
  );
}

function requireField(schema: StructType, path: readonly string[]): StructField {
  const field = fieldAt(schema, path);
  if (field !== undefined) return field;
  throw new VarveError("COLUMN_NOT_FOUND", `Unknown column ${pathText(path)}.`, { column: [...path] });
}
