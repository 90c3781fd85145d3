import type { EnforcementCheck, EnforcementPlan } from "../../dialects/enforcement.ts";
import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { errorsType } from "../../quality/gate/errors-list.ts";
import type { SetAside } from "../../quality/gate/gate-context.ts";
import { lineCheckId } from "../../quality/gate/payload.ts";
import { resultOfRows } from "../../quality/gate/result-object.ts";
import type { CheckResult } from "../../quality/gate/verdict.ts";
import { placesOf, placesSql } from "../../quality/model/places.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { defineSuite } from "../../quality/suite/define.ts";
import { pathText } from "../../schema/type-names.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
import { withArticle } from "../../util/counted.ts";

/** A source split into the rows that fit the table's schema and those that do not. */
export interface Misfits {
  readonly fitting: StagedRelation;
  /** Absent if every row fits. */
  readonly setAside?: SetAside | undefined;
}

/** Ids of the checks that report rows that do not fit. */
const misfitKind = "schema";

/**
 * Sets aside the rows that cannot be written as rows of the table: lines that cannot be read, cells that do
 * not have their column's type, values that the column's type cannot hold without loss, and nulls in columns
 * that forbid them.
 */
export async function setMisfitsAside(
  session: Session,
  source: StagedRelation,
  plan: EnforcementPlan,
): Promise<Misfits> {
  const { file, row, badCells } = source.positionColumns;
  const cells = badCells === undefined ? undefined : quoteName(badCells);
  // a bad cell reads as null, so a null check of the same row would only report it twice
  const checks = plan.checks.map((check) => ({ check, fails: guarded(check, cells) }));
  const ofSource = cells === undefined ? [] : [brokenLines(cells), badValues(cells)];
  const conditions = [...ofSource.map(({ fails }) => fails), ...checks.map(({ fails }) => fails)];
  if (conditions.length === 0) return { fitting: source };
  const counts = conditions.map((condition, index) => sql`count_if(${condition}) AS c${index}`);
  const misfit = sql`coalesce(${joinSql(conditions, sql` OR `)}, false)`;
  const [counted] = await session.rows(
    sql`SELECT count(*) AS n, ${placesSql(quoteName(file), quoteName(row), misfit)} AS misfits, ${counts} FROM (${source.positionedSql})`,
  );
  const places = placesOf(counted?.["misfits"]);
  const { rows } = places;
  if (rows === 0) return { fitting: source };
  const requirements = [...ofSource, ...checks.map(({ check }) => requirementOf(check))];
  const considered = Number(counted?.["n"] ?? 0);
  const results = requirements.map(({ id, message, columns }, index) =>
    misfitResult({ id, message, columns, considered, unexpected: Number(counted?.[`c${index}`] ?? 0) }),
  );
  const names = source.columns.map((column) => quoteName(column.name));
  const errors = [
    ...(cells === undefined
      ? []
      : [sql`coalesce(list_transform(${cells}, ${lambda("c", badCellError)}), CAST([] AS ${errorsType}))`]),
    sql`CAST(list_filter([${checks.map(({ check, fails }) => sql`CASE WHEN ${fails} THEN ${checkError(check)} END`)}], lambda e: e IS NOT NULL) AS ${errorsType})`,
  ];
  const lists = errors.length === 1 ? [...errors, sql`CAST([] AS ${errorsType})`] : errors;
  return {
    fitting: {
      ...source,
      sql: sql`SELECT ${names} FROM (${source.positionedSql}) WHERE NOT ${misfit}`,
      positionedSql: sql`SELECT * FROM (${source.positionedSql}) WHERE NOT ${misfit}`,
    },
    setAside: {
      rows,
      places,
      checks: results.filter((result) => (result.unexpected ?? 0) > 0),
      sql: sql`SELECT ${quoteName(file)} AS file, ${quoteName(row)} AS row, CAST(list_concat(${lists}) AS ${errorsType}) AS errors FROM (${source.positionedSql}) WHERE ${misfit}`,
    },
  };
}

function guarded(check: EnforcementCheck, cells: SqlExpression | undefined): SqlExpression {
  const fails = sql`coalesce(${check.violated}, false)`;
  return cells === undefined || check.kind !== "null" ? fails : sql`(${cells} IS NULL AND ${fails})`;
}

/** A requirement on every row: its name in a check's result, and the SQL that is true for rows that fail. */
interface Requirement {
  readonly id: string;
  readonly message: string;
  readonly columns: readonly string[];
  readonly fails: SqlExpression;
}

function brokenLines(cells: SqlExpression): Requirement {
  return {
    id: lineCheckId,
    message: "lines must be readable",
    columns: [],
    fails: sql`(${cells} IS NOT NULL AND ${cells}[1]."column" IS NULL)`,
  };
}

function badValues(cells: SqlExpression): Requirement {
  return {
    id: "schema:cells",
    message: "cells must be of their column's type",
    columns: [],
    fails: sql`(${cells}[1]."column" IS NOT NULL)`,
  };
}

const badCellError = (cell: SqlExpression): SqlExpression =>
  sql`CASE WHEN ${cell}."column" IS NULL THEN {check_id: ${quoteText(lineCheckId)}, check_name: ${quoteText(misfitKind)}, columns: CAST([] AS VARCHAR[]), message: ${cell}.expected, observed_value: CAST(NULL AS VARCHAR), severity: 'critical', rule_fingerprint: ''} ELSE {check_id: 'schema:' || ${cell}."column", check_name: ${quoteText(misfitKind)}, columns: [${cell}."column"], message: ${cell}."column" || CASE WHEN ${cell}.expected[1] IN ('a', 'i') THEN ' must be an ' ELSE ' must be a ' END || ${cell}.expected, observed_value: ${cell}."text", severity: 'critical', rule_fingerprint: ''} END`;

/** SQL for the error of a row whose value fails a check. */
export function checkError(check: EnforcementCheck): SqlExpression {
  return columnError(pathText(check.path), messageOf(check), check.value);
}

/** SQL for the error of a row whose value does not fit a column. */
export function columnError(column: string, message: string, value: SqlExpression): SqlExpression {
  return sql`{check_id: ${quoteText(`schema:${column}`)}, check_name: ${quoteText(misfitKind)}, columns: [${quoteText(column)}], message: ${quoteText(message)}, observed_value: CAST(${value} AS VARCHAR), severity: 'critical', rule_fingerprint: ''}`;
}

function messageOf(check: EnforcementCheck): string {
  const column = pathText(check.path);
  if (check.kind === "null") return `${column} must not be null`;
  return check.kind === "empty"
    ? `${column} must not be empty, because it partitions the table`
    : `${column} must be ${withArticle(check.expected)}`;
}

function requirementOf(check: EnforcementCheck): Omit<Requirement, "fails"> {
  const column = pathText(check.path);
  return { id: `schema:${column}`, message: messageOf(check), columns: [column] };
}

/** Non-conforming rows as the result of a gate's check. */
export function misfitResult(finding: {
  readonly id: string;
  readonly message: string;
  readonly columns: readonly string[];
  readonly considered: number;
  readonly unexpected: number;
}): CheckResult {
  const { considered, unexpected } = finding;
  return {
    ...finding,
    kind: misfitKind,
    level: "row",
    severity: "critical",
    onFail: "quarantine",
    reaction: "quarantine",
    success: unexpected === 0,
    repaired: 0,
    observed: considered === 0 ? null : (considered - unexpected) / considered,
    result: resultOfRows({ elements: considered, considered, unexpected, testsNulls: false }),
    sample: [],
    fingerprint: "",
  };
}

/** A suite that tests nothing and sets all non-conforming rows aside, however many. */
export function misfitSuite(name: string): Suite {
  return defineSuite({ name, maxBadShare: 1, checks: [], onMisfit: "quarantine" });
}
