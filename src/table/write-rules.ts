import type { EngineColumn, Session } from "../engine/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import { charLengthOf } from "../schema/column-metadata.ts";
import { engineColumns, engineTypeText } from "../schema/engine-types.ts";
import { findField } from "../schema/fields.ts";
import { foldName } from "../schema/schema-json.ts";
import { pathText } from "../schema/type-names.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { quoteName } from "../util/sql-text.ts";
import { sparkToEngineSql } from "./spark-expression.ts";
import type { IdentityDemand, TableDemands } from "./table-demands.ts";

/** A condition that each written row must meet: SQL over the table's columns that is TRUE for rows that do. */
export interface RowRule {
  /** As errors name it: `CHECK constraint positive (amount > 0)`. */
  readonly label: string;
  readonly name: string;
  readonly kind: "check" | "invariant" | "generated" | "length";
  readonly sql: string;
}

/** What a table computes for columns that a batch lacks, and demands of those that it has; as SQL of the engine. */
export interface WriteRules {
  /** Constants for columns that the batch lacks, by name. */
  readonly defaults: ReadonlyMap<string, string>;
  /** SQL over the other columns for generated columns that the batch lacks, by name. */
  readonly computed: ReadonlyMap<string, string>;
  /** Identity columns that number the rows of this batch. */
  readonly numbered: readonly IdentityDemand[];
  readonly rows: readonly RowRule[];
}

/**
 * Turns a table's demands into SQL of the engine for one batch. The session must be fenced where the table has any expressions, because
 * their text is as untrusted as a caller's.
 *
 * @param given names of the columns that the batch has
 * @throws `UNSUPPORTED_FEATURE` naming the expression that varve cannot evaluate as Spark would: such a table is not written
 */
export async function writeRules(
  session: Session,
  schema: StructType,
  demands: TableDemands,
  given: readonly string[],
): Promise<WriteRules> {
  const columns = engineColumns(schema);
  const has = new Set(given.map(foldName));
  const [defaults, computed] = [new Map<string, string>(), new Map<string, string>()];
  const rows: RowRule[] = [];
  for (const { column, expression } of demands.defaults) {
    const name = topLevel(column, "default");
    if (has.has(foldName(name))) continue;
    defaults.set(name, await translate(session, expression, [], `default of column ${pathText(column)}`));
  }
  for (const { column, expression } of demands.generated) {
    const name = topLevel(column, "generation expression");
    const sql = await translate(session, expression, columns, `generation expression of column ${pathText(column)}`);
    const value = `CAST((${sql}) AS ${engineTypeText(findField(schema, name)?.type ?? "string")})`;
    if (!has.has(foldName(name))) computed.set(name, value);
    else
      rows.push({
        kind: "generated",
        name,
        label: `generated column ${pathText(column)} = ${expression}`,
        sql: `${quoteName(name)} IS NOT DISTINCT FROM ${value}`,
      });
  }
  rows.push(...schema.fields.flatMap(lengthRule));
  for (const { kind, name, expression } of demands.conditions) {
    const label = kind === "check" ? `CHECK constraint ${name} (${expression})` : `invariant of column ${name} (${expression})`;
    rows.push({ kind, name, label, sql: await translate(session, expression, columns, label) });
  }
  return { defaults, computed, numbered: demands.identity.filter((demand) => !has.has(foldName(demand.column))), rows };
}

/** `char(n)` and `varchar(n)` columns are strings in Delta; Spark holds rows to their length, and so do we. */
function lengthRule(field: StructField): RowRule[] {
  const limit = field.type === "string" ? charLengthOf(field) : undefined;
  if (limit === undefined) return [];
  const [name, column] = [field.name, quoteName(field.name)];
  const label = `length of column ${pathText([name])}, a ${limit.kind}(${limit.length})`;
  return [{ kind: "length", name, label, sql: `(${column} IS NULL OR length(${column}) <= ${limit.length})` }];
}

/** Whether the table holds SQL text that a batch must be run through. */
export function hasExpressions(demands: TableDemands): boolean {
  return demands.conditions.length + demands.generated.length + demands.defaults.length > 0;
}

/** A query over rows of the table with generated columns computed and identity columns numbered, in the same columns. */
export function applyRules(sql: string, rules: WriteRules): string {
  const replaced = [...rules.computed].map(([name, value]) => `${value} AS ${quoteName(name)}`);
  const computed = replaced.length === 0 ? sql : `SELECT * REPLACE (${replaced.join(", ")}) FROM (${sql})`;
  if (rules.numbered.length === 0) return computed;
  const numbers = rules.numbered.map(
    (demand) => `CAST(${firstIdentity(demand)} + (row_number() OVER () - 1) * ${demand.step} AS BIGINT) AS ${quoteName(demand.column)}`,
  );
  return `SELECT * REPLACE (${numbers.join(", ")}) FROM (${computed})`;
}

/**
 * The first value that an identity column gives in a batch: the next of `start + k * step` beyond the high-water mark, which need not be one
 * of them where values were inserted by hand (PROTOCOL.md "Identity Columns").
 */
export function firstIdentity({ start, step, highWaterMark }: IdentityDemand): bigint {
  if (highWaterMark === undefined || (step > 0n ? highWaterMark < start : highWaterMark > start)) return start;
  return start + ((highWaterMark - start) / step + 1n) * step;
}

/** The error for a row that breaks a rule. */
export function ruleError(
  rule: RowRule,
  where: { readonly row?: number; readonly file?: string | null; readonly values?: string | null },
): VarveError {
  const place = where.row === undefined ? "" : ` (row ${where.row}${where.file == null ? "" : ` of ${where.file}`})`;
  const values = where.values == null ? "" : `: ${where.values}`;
  return new VarveError(
    "CONSTRAINT_VIOLATED",
    `A row of the batch does not meet the table's ${rule.label}${place}${values}. Nothing was written.`,
    {
      constraint: rule.name,
      kind: rule.kind,
      ...(where.row === undefined ? {} : { row: where.row }),
      ...(where.file == null ? {} : { file: where.file }),
    },
  );
}

async function translate(session: Session, expression: string, columns: readonly EngineColumn[], label: string): Promise<string> {
  try {
    const names = columns.map((column) => column.name);
    return await session.callerExpression(sparkToEngineSql(expression, names), columns);
  } catch (error) {
    if (!isVarveError(error, "SQL_FAILED", "SQL_REFUSED", "UNSUPPORTED_FEATURE")) throw error;
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table cannot be written: its ${label} is SQL that varve cannot evaluate as Spark does. ${error.message} Write it with Spark.`,
      { expression },
      error,
    );
  }
}

function topLevel(column: readonly string[], what: string): string {
  const [name, ...below] = column;
  if (name === undefined || below.length > 0) {
    throw new VarveError("UNSUPPORTED_FEATURE", `The table cannot be written: the nested field ${pathText(column)} has a ${what}.`, {
      column: [...column],
    });
  }
  return name;
}
