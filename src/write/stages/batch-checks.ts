import { type EnforcementCheck, type EnforcementPlan, rowMisfitError } from "../../dialects/enforcement.ts";
import type { Session, StagedRelation, WrittenColumn, WrittenFile } from "../../engine/core/contract.ts";
import { exceedsDigits, widestDecimal } from "../../engine/core/decimal-digits.ts";
import { shownColumns, shownValue } from "../../engine/core/shown-value.ts";
import type { WrittenStatistics } from "../../quality/gate/gate-extremes.ts";
import { physicalName } from "../../schema/column-mapping.ts";
import { findField } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, typeText } from "../../schema/type-names.ts";
import type { StructField } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { StagedData } from "../../table/data-files/write-data-files.ts";
import { type RowRule, ruleError } from "../../table/rules/write-rules.ts";
import type { BatchTarget } from "../plan/batch-target.ts";

/**
 * Evaluates, in one pass over the source, the checks that the written files' statistics cannot answer.
 *
 * @throws `SCHEMA_MISMATCH` with the column, the type expected, the value found and the first offending row
 */
export async function checkSource(
  session: Session,
  relation: StagedRelation,
  plan: EnforcementPlan,
  partitionColumns: readonly string[],
): Promise<void> {
  const partitions = new Set(partitionColumns.map(foldName));
  const candidates = plan.checks
    .filter((check) => check.kind !== "null" || check.statistic === undefined)
    .filter((check) => check.statistic === undefined || partitions.has(foldName(check.path[0] ?? "")));
  const failing = await firstViolated(
    session,
    relation.sql,
    candidates.map((check) => check.violated),
  );
  const check = failing === undefined ? undefined : candidates[failing];
  if (check !== undefined)
    throw rowMisfitError(check, await firstRow(session, relation, check.violated, check.value));
}

/**
 * Checks NOT NULL columns, times that must be finite, and decimals that may have a digit too many, by the
 * statistics of the written files.
 *
 * @throws `SCHEMA_MISMATCH` as {@link checkSource}
 */
export async function checkWritten(
  session: Session,
  target: BatchTarget,
  staged: StagedData,
  plan: EnforcementPlan,
  rows: WrittenRows,
): Promise<void> {
  for (const field of target.schema.fields) {
    const name = physicalName(field, target.requirements.columnMapping);
    if (!field.nullable && (isPrimitive(field.type) || field.type.type === "decimal")) {
      if (!mayHoldNull(staged, name)) continue;
      const check: EnforcementCheck = {
        kind: "null",
        path: [field.name],
        expected: `${typeText(field.type)} not null`,
        found: "null",
        violated: sql`${quoteName(field.name)} IS NULL`,
        value: quoteName(field.name),
      };
      await refuse(session, check, rows);
    }
  }
  for (const check of plan.checks) {
    const field = target.schema.fields.find((column) => column.name === check.path[0]);
    if (field === undefined) continue;
    const violated = violatedBound(check, field);
    if (violated === undefined) continue;
    const name = physicalName(field, target.requirements.columnMapping);
    if (!mayExceed(staged, name, check.statistic === "finite" ? isInfinite : isTooLong)) continue;
    await refuse(session, { ...check, violated, value: quoteName(field.name) }, rows);
  }
}

/** SQL over the written rows of a check that the bounds of a column answer. */
function violatedBound({ statistic }: EnforcementCheck, field: StructField): SqlExpression | undefined {
  const name = quoteName(field.name);
  if (statistic === "finite") return sql`NOT isfinite(${name})`;
  const { type } = field;
  return statistic === "digits" && !isPrimitive(type) && type.type === "decimal"
    ? exceedsDigits(name, type.scale)
    : undefined;
}

/**
 * The rows of a batch as they are written: `sql` returns the table's columns; `located` also returns where
 * each row came from, if that is known.
 */
export interface WrittenRows {
  readonly sql: SqlSelect;
  readonly located?: StagedRelation | undefined;
  /** Number of rows that are the table's own, copied from removed files. */
  readonly copied?: number | undefined;
  /** Further int64 columns of `sql` that the data files hold in addition to the table's. */
  readonly hidden?: readonly string[] | undefined;
}

/**
 * Tests rows against a table's CHECK constraints, invariants and given values of generated columns: only TRUE
 * satisfies.
 *
 * @throws `CONSTRAINT_VIOLATED` naming the constraint and the first offending row
 */
export async function checkRules(
  session: Session,
  rules: readonly RowRule[],
  rows: WrittenRows,
): Promise<void> {
  const failing = await firstViolated(session, rows.sql, rules.map(violatedSql));
  const rule = failing === undefined ? undefined : rules[failing];
  if (rule === undefined) return;
  const source = rows.located;
  if (source === undefined) throw ruleError(rule, {});
  const { file, row } = source.positionColumns;
  const whole = source.columns.map(({ name }) => sql`${quoteName(name)} := ${quoteName(name)}`);
  const [match] = await session.rows(
    sql`SELECT CAST(struct_pack(${whole}) AS VARCHAR) AS value, ${quoteName(file)} AS file, ${quoteName(row)} AS row FROM (${source.positionedSql}) WHERE ${violatedSql(rule)} LIMIT 1`,
  );
  throw ruleError(rule, {
    ...place(match),
    values: typeof match?.["value"] === "string" ? match["value"].slice(0, 500) : null,
  });
}

/** True for a row that breaks a rule, and never null. */
export function violatedSql(rule: RowRule): SqlExpression {
  return sql`((${rule.sql}) IS NOT TRUE)`;
}

/** What is known about the written rows, from the files' own statistics or else from the rows. */
export function writtenStatistics(
  session: Session,
  target: BatchTarget,
  staged: StagedData,
  rows: WrittenRows,
): WrittenStatistics {
  return {
    rows: staged.rows,
    column: async (column) => {
      const field = findField(target.schema, column);
      const name = field === undefined ? column : physicalName(field, target.requirements.columnMapping);
      const files = staged.files.map(({ written }) => ({
        rows: written.rows,
        statistics: statisticsOf(written, name),
      }));
      const nulls = files.map(({ statistics }) => statistics?.nullCount);
      const present = async () =>
        nulls.every((count) => count !== undefined)
          ? nulls.reduce((left, count) => left - count, staged.rows)
          : countPresent(session, rows, column);
      const extremes = files.map(({ rows: all, statistics }) =>
        statistics?.nullCount === all ? [] : extremesOf(statistics),
      );
      return {
        present,
        extremes: extremes.every((bounds) => bounds !== undefined) ? extremes.flat() : undefined,
      };
    },
  };
}

async function countPresent(session: Session, rows: WrittenRows, column: string): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(${quoteName(column)}) AS n FROM (${rows.sql})`);
  return Number(row?.["n"] ?? 0);
}

function extremesOf(statistics: WrittenColumn | undefined): readonly string[] | undefined {
  if (statistics?.min === undefined || statistics.max === undefined || statistics.hasNan === true)
    return undefined;
  return [statistics.min, statistics.max];
}

function statisticsOf({ columns }: WrittenFile, column: string): WrittenColumn | undefined {
  return columns.find(({ path }) => path.length === 1 && path[0] === column);
}

/** Whether some file holds a null in a top-level column, according to its statistics. */
function mayHoldNull(staged: StagedData, column: string): boolean {
  return staged.files.some(({ partitionValues, written }) => {
    if (Object.hasOwn(partitionValues, column)) return partitionValues[column] === null;
    return statisticsOf(written, column)?.nullCount !== 0;
  });
}

/** Whether a bound of a column in some file exceeds its type, or is unknown. */
function mayExceed(staged: StagedData, column: string, exceeds: (bound: string) => boolean): boolean {
  return staged.files.some(({ written }) => {
    const statistics = statisticsOf(written, column);
    if (statistics === undefined || statistics.nullCount === written.rows) return false;
    const { min, max } = statistics;
    return min === undefined || max === undefined || exceeds(min) || exceeds(max);
  });
}

const isInfinite = (bound: string): boolean => bound.includes("infinity");

const isTooLong = (bound: string): boolean => bound.replace(/^-?0*|\./g, "").length > widestDecimal;

/** Statistics only say that a violation is possible; the rows decide. */
async function refuse(session: Session, check: EnforcementCheck, rows: WrittenRows): Promise<void> {
  const failing = await firstViolated(session, rows.sql, [check.violated]);
  if (failing === undefined) return;
  throw rowMisfitError(
    check,
    rows.located === undefined ? {} : await firstRow(session, rows.located, check.violated, check.value),
  );
}

async function firstViolated(
  session: Session,
  rows: SqlSelect,
  conditions: readonly SqlExpression[],
): Promise<number | undefined> {
  if (conditions.length === 0) return undefined;
  const [result] = await session.rows(
    sql`SELECT ${conditions.map((condition, index) => sql`bool_or(${condition}) AS c${index}`)} FROM (${rows})`,
  );
  const first = conditions.findIndex((_, index) => result?.[`c${index}`] === true);
  return first < 0 ? undefined : first;
}

async function firstRow(
  session: Session,
  relation: StagedRelation,
  condition: SqlExpression,
  value: SqlExpression,
) {
  const { file, row } = relation.positionColumns;
  const [match] = await session.rows(
    sql`SELECT ${shownColumns(value)}, ${quoteName(file)} AS file, ${quoteName(row)} AS row FROM (${relation.positionedSql}) WHERE ${condition} LIMIT 1`,
  );
  return { ...place(match), value: shownValue(match) };
}

function place(match: Readonly<Record<string, unknown>> | undefined): {
  readonly row?: number | undefined;
  readonly file?: string | null | undefined;
} {
  const [file, row] = [match?.["file"], match?.["row"]];
  return {
    row: typeof row === "bigint" || typeof row === "number" ? Number(row) : undefined,
    file: typeof file === "string" ? file : null,
  };
}
