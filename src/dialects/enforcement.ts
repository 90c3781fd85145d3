import { VarveError } from "../errors.ts";
import { columnMetadata, isFilled } from "../schema/column-metadata.ts";
import { checkNames, foldName } from "../schema/schema-json.ts";
import { pathText, typeText } from "../schema/type-names.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, type SqlText, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { appendAll } from "../util/append-all.ts";
import { optionText } from "../util/option-text.ts";
import {
  type Conversion,
  type ConversionOptions,
  foundText,
  type Mismatch,
  planConversion,
  type ValueCheck,
} from "./conversion.ts";
import { engineTypeText, parseEngineType } from "./engine-types.ts";

/** A column as the engine describes it. */
export interface IncomingColumn {
  readonly name: string;
  readonly type: string;
}

/** One column of the table as it comes from the source. */
export interface PlannedColumn {
  readonly field: StructField;
  /**
   * SQL over the source's columns that gives the column in its engine type; absent where the source does not
   * have the column.
   */
  readonly sql?: SqlExpression | undefined;
}

/** A question that must be answered before the batch may be committed. */
export interface EnforcementCheck extends Omit<ValueCheck, "violated" | "problem"> {
  /** SQL over the source's columns, true for rows that do not fit (null and false for those that do). */
  readonly violated: SqlExpression;
  /**
   * SQL over the source's columns for the offending column's top-level value, or for what is wrong with it.
   */
  readonly value: SqlExpression;
  /** Whether `value` says what is wrong. */
  readonly isProblem?: boolean | undefined;
  /**
   * Set where a column's statistics answer: a null count above 0, a bound that is infinite, or one with more
   * digits than the type has.
   */
  readonly statistic?: "null-count" | "finite" | "digits" | undefined;
}

/** How a source becomes rows of a table: by name, in the table's order and spelling, cast without loss. */
export interface EnforcementPlan {
  readonly columns: readonly PlannedColumn[];
  readonly checks: readonly EnforcementCheck[];
}

export interface EnforcementOptions extends ConversionOptions {
  /** Columns that partition the table, in the table's spelling. */
  readonly partitionColumns?: readonly string[] | undefined;
  /** The columns are new values of an update, not those of a batch; for messages. */
  readonly ofValues?: boolean | undefined;
}

/**
 * Compares a source's columns with a table's schema.
 *
 * Columns are matched by name without regard to case. Columns that the source lacks are left to the writer:
 * its default, what generates it, or null.
 *
 * @throws `SCHEMA_MISMATCH` naming column, expected and found type of the first difference that no value
 * could mend (`data.mismatches` holds all), and for names that differ only by case
 */
export function planEnforcement(
  schema: StructType,
  incoming: readonly IncomingColumn[],
  options: EnforcementOptions = {},
): EnforcementPlan {
  checkNames(incoming, [], "SCHEMA_MISMATCH");
  const partitions = new Set(options.partitionColumns?.map(foldName));
  const byName = new Map(incoming.map((column) => [foldName(column.name), column]));
  const mismatches: Mismatch[] = [];
  const checks: EnforcementCheck[] = [];
  const columns = schema.fields.map((field): PlannedColumn => {
    const column = byName.get(foldName(field.name));
    byName.delete(foldName(field.name));
    if (column === undefined) return absentColumn(field, mismatches);
    if (columnMetadata(field).identity?.allowExplicitInsert === false) throw identityGiven(field);
    const value = { sql: quoteName(column.name), type: column.type };
    const planned = planColumn(field, value, mismatches, {
      ...options,
      isPartition: partitions.has(foldName(field.name)),
    });
    appendAll(checks, planned.checks);
    return { field, sql: planned.sql };
  });
  for (const extra of byName.values()) {
    const type = parseEngineType(extra.type);
    mismatches.push({
      path: [extra.name],
      expected: "no such column",
      found: foundText(type, [extra.name]),
      reason: "unknown",
    });
  }
  refuseMismatches(mismatches, { ofValues: options.ofValues === true });
  return { columns, checks };
}

/** How a value becomes that of a column: its SQL, and what must be checked. */
export interface ColumnPlan {
  readonly sql: SqlExpression;
  readonly checks: readonly EnforcementCheck[];
}

/** Compares one value, SQL of the engine, with the column that takes it. */
export function planColumn(
  field: StructField,
  value: { readonly sql: SqlExpression; readonly type: string },
  mismatches: Mismatch[],
  { isPartition, ...options }: ConversionOptions & { readonly isPartition: boolean },
): ColumnPlan {
  const conversion = planConversion(
    parseEngineType(value.type),
    field.type,
    [field.name],
    mismatches,
    options,
  );
  const checks = [
    ...columnChecks(field, value.sql, conversion),
    ...(isPartition ? partitionChecks(field, value.sql, conversion) : []),
  ];
  return { sql: conversion.convert(value.sql), checks };
}

/** @throws `SCHEMA_MISMATCH` for the first difference that no value could mend */
export function refuseMismatches(
  mismatches: readonly Mismatch[],
  options: { readonly ofValues: boolean },
): void {
  const [first] = mismatches;
  if (first !== undefined) throw mismatchError(first, mismatches, options);
}

/**
 * The SELECT list that turns rows of the source into rows of the table.
 *
 * @param absent SQL for columns that the source lacks, by the table's spelling; others become null
 */
export function projectionSql(
  plan: EnforcementPlan,
  absent: ReadonlyMap<string, SqlExpression> = new Map(),
): SqlText {
  return joinSql(
    plan.columns.map(({ field, sql: given }) => {
      const value = given ?? absent.get(field.name) ?? sql`CAST(NULL AS ${engineTypeText(field.type)})`;
      return sql`${value} AS ${quoteName(field.name)}`;
    }),
  );
}

/**
 * The error for a batch whose rows do not fit: what was expected of the column, what was found, and where.
 */
export function rowMisfitError(
  check: EnforcementCheck,
  where: {
    readonly row?: number | undefined;
    readonly file?: string | null | undefined;
    readonly value?: string | null | undefined;
  },
): VarveError {
  const place =
    where.row === undefined ? "" : ` (row ${where.row}${where.file == null ? "" : ` of ${where.file}`})`;
  const column = pathText(check.path);
  const shown = where.value == null ? "" : ` ${where.value}`;
  const reason =
    check.kind === "null"
      ? `Column ${column} must not be null, but the batch has a null${place}`
      : check.kind === "infinite"
        ? `Column ${column} is a ${check.expected}, but the batch has${shown || " an infinite time"}, which is not a time${place}`
        : check.kind === "empty"
          ? `Column ${column} partitions the table, and the log reads an empty partition value as null, but the batch has one${place}`
          : check.isProblem === true
            ? `Column ${column} is a ${check.expected}, but the batch has one with${shown}${place}`
            : `Column ${column} is a ${check.expected}, which cannot hold the ${check.found} value${shown}${place} without loss`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `${reason}. Nothing was written. Correct the source, or set such rows aside with a gate.`,
    {
      column: [...check.path],
      expected: check.expected,
      found: check.kind === "null" ? "null" : check.kind === "empty" ? "" : (where.value ?? check.found),
      row: where.row,
      file: where.file == null ? undefined : where.file,
    },
  );
}

function absentColumn(field: StructField, mismatches: Mismatch[]): PlannedColumn {
  if (!field.nullable && !isFilled(field)) {
    mismatches.push({
      path: [field.name],
      expected: `${typeText(field.type)} not null`,
      found: "no such column",
      reason: "missing",
    });
  }
  return { field };
}

function columnChecks(field: StructField, column: SqlExpression, conversion: Conversion): EnforcementCheck[] {
  const checks = conversion.checks.map((check): EnforcementCheck => {
    const isWhole = check.path.length === 1;
    const bound =
      check.kind === "infinite"
        ? ("finite" as const)
        : conversion.identical && isDecimal(field.type)
          ? ("digits" as const)
          : undefined;
    return {
      ...check,
      violated: check.violated(column),
      value: check.problem?.(column) ?? column,
      isProblem: check.problem !== undefined,
      statistic: isWhole ? bound : undefined,
    };
  });
  if (field.nullable) return checks;
  const expected = `${typeText(field.type)} not null`;
  const isLeaf = typeof field.type === "string" || isDecimal(field.type);
  return [
    ...checks,
    {
      kind: "null",
      path: [field.name],
      expected,
      found: "null",
      violated: sql`${column} IS NULL`,
      value: column,
      statistic: isLeaf ? ("null-count" as const) : undefined,
    },
  ];
}

/** PROTOCOL.md "Partition Value Serialization": an empty text stands for null, of text and bytes too. */
function partitionChecks(
  field: StructField,
  column: SqlExpression,
  conversion: Conversion,
): EnforcementCheck[] {
  if (field.type !== "string" && field.type !== "binary") return [];
  const value = conversion.convert(column);
  return [
    {
      kind: "empty",
      path: [field.name],
      expected: `${typeText(field.type)} that is not empty`,
      found: "an empty one",
      violated: field.type === "string" ? sql`${value} = ''` : sql`octet_length(${value}) = 0`,
      value: column,
    },
  ];
}

function isDecimal(type: StructField["type"]): boolean {
  return typeof type !== "string" && type.type === "decimal";
}

function mismatchError(
  first: Mismatch,
  all: readonly Mismatch[],
  { ofValues }: { readonly ofValues: boolean },
): VarveError {
  const column = pathText(first.path);
  const more =
    all.length === 1
      ? ""
      : ` (and ${all.length - 1} more ${all.length === 2 ? "difference" : "differences"})`;
  const reason =
    first.reason === "unknown"
      ? `The batch has a column ${column} (${first.found}) that the table does not have${more}. Leave it out, or write with ${optionText("mergeSchema")} to add it`
      : first.reason === "missing"
        ? `The batch has no column ${column}, which the table requires (${first.expected})${more}. Add it to the source`
        : ofValues
          ? `Column ${column} is a ${first.expected}, and its new value is a ${first.found}${more}. Cast the value`
          : `Column ${column} is a ${first.expected} in the table and ${first.found} in the batch${more}. Cast it in the source`;
  return new VarveError("SCHEMA_MISMATCH", `${reason}. Nothing was written.`, {
    column: [...first.path],
    expected: first.expected,
    found: first.found,
    reason: first.reason,
    mismatches: all.map(({ path, expected, found, reason }) => ({
      column: [...path],
      expected,
      found,
      reason,
    })),
  });
}

function identityGiven(field: StructField): VarveError {
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText([field.name])} is an identity column, so the batch must not contain values for it. Leave the column out. Nothing was written.`,
    { column: [field.name], expected: "no such column", found: "values" },
  );
}
