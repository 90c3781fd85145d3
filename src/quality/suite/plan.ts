import { shownType } from "../../dialects/shown-type.ts";
import { assertInternal } from "../../errors.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { sqlAsWritten } from "../../sql/sql-text.ts";
import { isJsonObject, type JsonValue, stringifyJson } from "../../util/json.ts";
import { type ColumnClass, columnNames, isNumeric, isTemporal, type SuiteColumn } from "../model/column.ts";
import { type Dialect, digitsOfNumber } from "../model/dialect.ts";
import {
  type CheckPlan,
  type CheckUse,
  type ColumnUse,
  type Expectation,
  wholeOf,
} from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check, Suite } from "../model/suite.ts";
import { expectationOf } from "./define.ts";

/**
 * A check with its plan; `scope` is the condition of the rows that it tests, true or false and never null.
 */
export interface PlannedCheck {
  readonly check: Check;
  readonly expectation: Expectation;
  readonly plan: CheckPlan;
  readonly scope: SqlExpression | undefined;
}

/** What planning needs in addition to the suite. */
export interface PlanContext {
  readonly columns: readonly SuiteColumn[];
  readonly dialect: Dialect;
  readonly now: number;
  /** The caller's SQL by its path in the suite, as checked by the engine; if absent, the SQL as written. */
  readonly expressions?: ReadonlyMap<string, SqlExpression> | undefined;
}

/**
 * Plans every check of a suite for given columns. @throws `SUITE_INVALID` for a column that is missing or has
 * the wrong type
 */
export function planSuite(suite: Suite, context: PlanContext): PlannedCheck[] {
  return suite.checks.map((check) => planCheck(check, context));
}

/** Plans one check. @throws `SUITE_INVALID` */
function planCheck(check: Check, context: PlanContext): PlannedCheck {
  const expectation = expectationOf(check);
  if (expectation.engine !== undefined && expectation.engine !== context.dialect.name)
    throw invalidSuite(
      `${check.path}.kind`,
      `${check.kind} cannot be written for ${context.dialect.name}`,
      "Run it through varve",
    );
  if (check.repair?.with === "default") refuseDefault(check, check.repair.value, context);
  const scope =
    check.where === undefined
      ? undefined
      : sql`((${expressionAt(`${check.path}.where`, check.where, context)}) IS TRUE)`;
  return { check, expectation, plan: expectation.plan(useOf(check, context)), scope };
}

function refuseDefault(
  check: Check,
  value: string | number | boolean,
  { columns, dialect }: PlanContext,
): void {
  const column = findColumn(String(check.params["column"]), columns, dialect);
  const fraction = column?.class === "integer" && typeof value === "number" && !Number.isInteger(value);
  const whole = fraction ? "is not an integer" : undefined;
  const nested = column?.class === "nested" ? "is not a value of a nested type" : undefined;
  const problem =
    column === undefined ? undefined : (whole ?? nested ?? misfit(exactOf(value, column), column));
  if (column === undefined || problem === undefined) return;
  throw invalidSuite(
    `${check.path}.repair.value`,
    `${JSON.stringify(value)} ${problem}, but column "${column.name}" is of type ${shownType(column.type)}`,
    "Pass a value of the column's type",
  );
}

/** The caller's SQL in a suite, by path. */
export function callerSqlOf(suite: Suite): { readonly path: string; readonly text: string }[] {
  return suite.checks.flatMap((check) => [
    ...(check.where === undefined ? [] : [{ path: `${check.path}.where`, text: check.where }]),
    ...(typeof check.params["expression"] === "string"
      ? [{ path: `${check.path}.params.expression`, text: check.params["expression"] }]
      : []),
    ...(check.repair?.with === "sql"
      ? [{ path: `${check.path}.repair.expression`, text: check.repair.expression }]
      : []),
  ]);
}

/** The caller's SQL at a path: as the engine checked it, or as written. */
function expressionAt(path: string, text: string, context: PlanContext): SqlExpression {
  if (context.expressions === undefined) return sqlAsWritten(text);
  const checked = context.expressions.get(path);
  assertInternal(checked !== undefined, `the SQL at ${path}, which the engine has not checked`);
  return checked;
}

/** The column of a name, or of a dotted path into structs if no column has that name. */
export function findColumn(
  name: string,
  columns: readonly SuiteColumn[],
  dialect: Dialect,
): ColumnUse | undefined {
  const exact =
    columns.find((column) => column.name === name) ??
    columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (exact !== undefined) return { ...exact, sql: dialect.identifier(exact.name) };
  const parts = name.split(".");
  for (let head = parts.length - 1; head > 0; head--) {
    const top = findColumn(parts.slice(0, head).join("."), columns, dialect);
    const inner =
      top?.fields === undefined ? undefined : findColumn(parts.slice(head).join("."), top.fields, dialect);
    if (top !== undefined && inner !== undefined)
      return { ...inner, name, sql: sql`${top.sql}.${inner.sql}` };
  }
  return undefined;
}

function useOf(check: Check, context: PlanContext): CheckUse {
  const named = (name: string, path: string, accepts: readonly ColumnClass[] | undefined): ColumnUse => {
    const column = findColumn(name, context.columns, context.dialect);
    if (column === undefined)
      throw invalidSuite(path, `unknown column "${name}"`, `The columns are ${columnNames(context.columns)}`);
    if (isUntyped(column)) return typedAsNeeded(column, check, accepts, context.dialect);
    if (accepts !== undefined && !accepts.includes(column.class)) {
      throw invalidSuite(
        path,
        `column "${name}" is of type ${shownType(column.type)}, which ${check.kind} cannot test`,
        `Use a column of type ${accepts.join(", ")}`,
      );
    }
    return column;
  };
  const literal = (given: JsonValue, column: ColumnUse, param: string): SqlExpression => {
    const value = exactOf(given, column);
    const problem = misfit(value, column);
    if (problem !== undefined)
      throw invalidSuite(
        `${check.path}.params.${param}`,
        `${stringifyJson(value)} ${problem}, but column "${column.name}" is of type ${shownType(column.type)}`,
        "Pass a value of the column's type",
      );
    return literalBeside(value, column, context.dialect);
  };
  return {
    check,
    dialect: context.dialect,
    columns: context.columns,
    now: context.now,
    column: (param, accepts) => named(String(check.params[param]), `${check.path}.params.${param}`, accepts),
    columnList: (param, accepts) => {
      const names = check.params[param];
      return Array.isArray(names)
        ? names.map((name, index) => named(String(name), `${check.path}.params.${param}[${index}]`, accepts))
        : [];
    },
    bound: (param, column) => {
      const value = check.params[param];
      return value === undefined ? undefined : literal(value, column, param);
    },
    value: literal,
    expression: (param) =>
      expressionAt(`${check.path}.params.${param}`, String(check.params[param]), context),
  };
}

/** The value that text of digits stands for beside an exact column. */
function exactOf(value: JsonValue, { class: kind }: ColumnUse): JsonValue {
  return kind === "integer" || kind === "decimal" ? wholeOf(value) : value;
}

/** A value of a suite as a literal that is compared with a column. */
export function literalBeside(given: JsonValue, column: ColumnUse, dialect: Dialect): SqlExpression {
  const value = exactOf(given, column);
  return dialect.literal(value, beyondDigits(value, column) ? "double" : column.class);
}

/** A column without values whose type is unknown, as in a CSV file with only a header. */
function isUntyped({ type }: SuiteColumn): boolean {
  return /^"?NULL"?$/.test(type);
}

/** An untyped column has whatever type a check needs: its values are unknown, not wrong. */
function typedAsNeeded(
  column: ColumnUse,
  check: Check,
  accepts: readonly ColumnClass[] | undefined,
  dialect: Dialect,
): ColumnUse {
  const { min_value, max_value, value_set, value, partition_object: partition } = check.params;
  const lists = [value_set, isJsonObject(partition) ? partition["values"] : undefined];
  const types = [
    min_value,
    max_value,
    value,
    ...lists.flatMap((list) => (Array.isArray(list) ? list : [])),
  ].map((item) => typeof item);
  const fits = (kind: ColumnClass) => accepts === undefined || accepts.includes(kind);
  if (types.includes("boolean") && fits("boolean"))
    return { ...column, class: "boolean", sql: sql`CAST(${column.sql} AS BOOLEAN)` };
  if ((types.includes("string") || !fits("double")) && fits("string"))
    return { ...column, class: "string", sql: dialect.toText(column.sql) };
  if (fits("double")) return { ...column, class: "double", sql: dialect.toDouble(column.sql) };
  return { ...column, class: "timestamp", sql: sql`CAST(${column.sql} AS TIMESTAMP)` };
}

/**
 * Whether a number's digits and the column's own do not fit one decimal, so that both are compared as
 * doubles.
 */
function beyondDigits(value: JsonValue, { class: kind, type }: ColumnUse): boolean {
  if (kind !== "decimal" || (typeof value !== "number" && typeof value !== "bigint")) return false;
  const [, precision, scale] = /\((\d+),\s*(\d+)\)/.exec(type) ?? [];
  const { whole, fraction } = digitsOfNumber(value);
  const ofColumn = Number(scale ?? 0);
  return Math.max(Number(precision ?? 0) - ofColumn, whole) + Math.max(ofColumn, fraction) > 38;
}

const dateText = /^-?\d{4,6}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$/;

function misfit(value: JsonValue, column: ColumnUse): string | undefined {
  if (column.class === "boolean") return typeof value === "boolean" ? undefined : "is not a boolean";
  if (isNumeric(column.class))
    return typeof value === "number" || typeof value === "bigint" ? undefined : "is not a number";
  if (isTemporal(column.class))
    return typeof value === "string" &&
      dateText.test(value) &&
      !Number.isNaN(Date.parse(value.replace(" ", "T")))
      ? undefined
      : "is not a date or time";
  return typeof value === "string" ? undefined : "is not text";
}
