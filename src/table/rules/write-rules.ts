import { castTo } from "../../dialects/spark/casts.ts";
import { unsupported } from "../../dialects/spark/refusal.ts";
import type { Term } from "../../dialects/spark/term.ts";
import { translateSpark } from "../../dialects/spark/translate.ts";
import type { FencedSession } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import { findField } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { lengthRules } from "./length-rules.ts";
import type { IdentityColumn, WriteRequirements } from "./write-requirements.ts";

/**
 * A condition that each written row must meet: SQL over the table's columns that is TRUE for rows that meet
 * it.
 */
export interface RowRule {
  /** Name in errors: `CHECK constraint positive (amount > 0)`. */
  readonly label: string;
  readonly name: string;
  readonly kind: "check" | "invariant" | "generated" | "length";
  readonly sql: SqlExpression;
}

/**
 * What a table computes for columns that a batch lacks, and requires of those that it has, as SQL of the
 * engine.
 */
export interface WriteRules {
  /** Constants for columns that the batch lacks, by name. */
  readonly defaults: ReadonlyMap<string, SqlExpression>;
  /** SQL over the other columns for generated columns that the batch lacks, by name. */
  readonly computed: ReadonlyMap<string, SqlExpression>;
  /** Identity columns that number the rows of this batch. */
  readonly numbered: readonly IdentityColumn[];
  readonly rows: readonly RowRule[];
}

/** What the rules of a batch depend on. */
export interface WriteScope {
  /** Names of the columns that the batch has. */
  readonly columns: readonly string[];
  /** The time of defaults such as `current_timestamp()`, in milliseconds since 1970-01-01 UTC. */
  readonly now: number;
}

/**
 * Translates a table's requirements into SQL of the engine for one batch. Their text is as untrusted as a
 * caller's: only what {@link translateSpark} knows reaches the engine. PROTOCOL.md "CHECK Constraints",
 * "Column Invariants", "Generated Columns" and "Default Columns".
 *
 * @param fence fences the session that the SQL is for, and returns the same one each time; called if the
 * table has expressions
 * @throws `UNSUPPORTED_FEATURE` naming the expression that varve cannot evaluate as Spark would: such a table
 * is not written
 */
export async function writeRules(
  fence: () => Promise<FencedSession>,
  schema: StructType,
  requirements: WriteRequirements,
  { columns, now }: WriteScope,
): Promise<WriteRules> {
  if (hasExpressions(requirements)) await fence();
  const has = new Set(columns.map(foldName));
  const [defaults, computed] = [new Map<string, SqlExpression>(), new Map<string, SqlExpression>()];
  for (const { column, expression } of requirements.defaults) {
    const name = topLevel(column, "default");
    if (has.has(foldName(name))) continue;
    const label = `default of column ${pathText(column)} (${expression})`;
    const none: StructType = { type: "struct", fields: [] };
    const value = expected(expression, label, () =>
      columnValue(translateSpark(expression, none, { now }), schema, name),
    );
    await requireDefault(fence, value, name, label);
    defaults.set(name, value.sql);
  }
  const rows: RowRule[] = [];
  for (const { column, expression } of requirements.generated) {
    const name = topLevel(column, "generation expression");
    const label = `generation expression of column ${pathText(column)} (${expression})`;
    const value = expected(expression, label, () =>
      columnValue(translateSpark(expression, schema), schema, name),
    );
    const isGiven = has.has(foldName(name));
    if (!isGiven) computed.set(name, value.sql);
    const rule = isGiven
      ? givenRule(name, value, `generated column ${pathText(column)} = ${expression}`)
      : computedRule(name, value, label);
    if (rule !== undefined) rows.push(rule);
  }
  appendAll(rows, schema.fields.flatMap(lengthRules));
  appendAll(
    rows,
    requirements.conditions.map((condition) => conditionRule(condition, schema)),
  );
  const numbered = requirements.identity.filter((identity) => !has.has(foldName(identity.column)));
  return { defaults, computed, numbered, rows };
}

/** A generated column that the rows bring must hold what its expression gives. */
function givenRule(name: string, value: Term, label: string): RowRule {
  const isEqual = { sql: sql`(${quoteName(name)} IS NOT DISTINCT FROM ${value.sql})`, fails: value.fails };
  return { kind: "generated", name, label, sql: conditionSql(isEqual) };
}

/** A generated column that is computed must not fail, if it can. */
function computedRule(name: string, { fails }: Term, label: string): RowRule | undefined {
  return fails === undefined ? undefined : { kind: "generated", name, label, sql: sql`(NOT ${fails})` };
}

function conditionRule(
  { kind, name, expression }: WriteRequirements["conditions"][number],
  schema: StructType,
): RowRule {
  const label =
    kind === "check"
      ? `CHECK constraint ${name} (${expression})`
      : `invariant of column ${name} (${expression})`;
  const condition = expected(expression, label, () => conditionSql(translateCondition(expression, schema)));
  return { kind, name, label, sql: condition };
}

/**
 * A condition over a table's columns as SQL of the engine.
 *
 * @throws `UNSUPPORTED_FEATURE` for a condition that is not translated, or is not boolean
 */
export function translateCondition(expression: string, schema: StructType): Term {
  const condition = translateSpark(expression, schema);
  if (condition.type !== "boolean") throw unsupported(`a ${typeText(condition.type)} as a condition`);
  return condition;
}

/**
 * SQL that is TRUE where a condition is, and never fails; in ANSI mode, Spark fails at a row for which a
 * condition cannot be evaluated.
 */
export function conditionSql(condition: Pick<Term, "sql" | "fails">): SqlExpression {
  const { fails } = condition;
  return fails === undefined ? condition.sql : sql`(NOT ${fails} AND ${condition.sql})`;
}

function columnValue(value: Term, schema: StructType, name: string): Term {
  const type = findField(schema, name)?.type ?? "string";
  const cast = castTo(value, type);
  if (cast === undefined)
    throw unsupported(`a ${typeText(value.type)} for a column of type ${typeText(type)}`);
  return cast;
}

async function requireDefault(
  fence: () => Promise<FencedSession>,
  { fails }: Term,
  name: string,
  label: string,
): Promise<void> {
  if (fails === undefined) return;
  const [row] = await (await fence()).rows(sql`SELECT ${fails} AS fails`);
  if (row?.["fails"] !== true) return;
  throw new VarveError(
    "CONSTRAINT_VIOLATED",
    `Cannot evaluate the ${label}. Pass a value for the column, or correct its default. Nothing was written.`,
    {
      constraint: name,
      kind: "default",
    },
  );
}

/** Whether the table holds SQL that must be evaluated for a batch. */
function hasExpressions(requirements: WriteRequirements): boolean {
  return requirements.conditions.length + requirements.generated.length + requirements.defaults.length > 0;
}

/**
 * A query over rows of the table that computes generated columns and numbers identity columns, and returns
 * the same columns.
 */
export function applyRules(rows: SqlSelect, rules: WriteRules): SqlSelect {
  const replaced = [...rules.computed].map(([name, value]) => sql`${value} AS ${quoteName(name)}`);
  const computed = replaced.length === 0 ? rows : sql`SELECT * REPLACE (${replaced}) FROM (${rows})`;
  if (rules.numbered.length === 0) return computed;
  const numbers = rules.numbered.map(
    (identity) =>
      sql`CAST(${firstIdentity(identity)} + (row_number() OVER () - 1) * ${identity.step} AS BIGINT) AS ${quoteName(identity.column)}`,
  );
  return sql`SELECT * REPLACE (${numbers}) FROM (${computed})`;
}

/**
 * The first value of an identity column in a batch: the next of `start + k * step` beyond the high-water
 * mark, which need not be one of these values if some were inserted explicitly. PROTOCOL.md "Identity
 * Columns": the high-water mark of an identity column.
 */
export function firstIdentity({ start, step, highWaterMark }: IdentityColumn): bigint {
  if (highWaterMark === undefined || (step > 0n ? highWaterMark < start : highWaterMark > start))
    return start;
  return start + ((highWaterMark - start) / step + 1n) * step;
}

/** The error for a row that breaks a rule. */
export function ruleError(
  rule: RowRule,
  where: {
    readonly row?: number | undefined;
    readonly file?: string | null | undefined;
    readonly values?: string | null | undefined;
  },
): VarveError {
  const place =
    where.row === undefined ? "" : ` (row ${where.row}${where.file == null ? "" : ` of ${where.file}`})`;
  const values = where.values == null ? "" : `: ${where.values}`;
  return new VarveError(
    "CONSTRAINT_VIOLATED",
    `A row of the batch violates the table's ${rule.label}, or the rule cannot be evaluated for it${place}${values}. Nothing was written.`,
    {
      constraint: rule.name,
      kind: rule.kind,
      row: where.row,
      file: where.file == null ? undefined : where.file,
    },
  );
}

function expected<T>(expression: string, label: string, translate: () => T): T {
  try {
    return translate();
  } catch (error) {
    if (!isVarveError(error, "UNSUPPORTED_FEATURE")) throw error;
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table cannot be written: varve cannot evaluate its ${label} as Spark does. ${error.message} Write it with Spark.`,
      { expression },
      error,
    );
  }
}

function topLevel(column: readonly string[], what: string): string {
  const [name, ...below] = column;
  if (name === undefined || below.length > 0) {
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table cannot be written: the nested field ${pathText(column)} has a ${what}.`,
      {
        column: [...column],
      },
    );
  }
  return name;
}
