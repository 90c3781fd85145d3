import type { Session, StagedRelation } from "../engine/contract.ts";
import { defineSuite } from "../quality/define.ts";
import { errorsType } from "../quality/errors-list.ts";
import type { SetAside } from "../quality/gate-context.ts";
import type { Suite } from "../quality/suite.ts";
import type { CheckResult } from "../quality/verdict.ts";
import type { EnforcementCheck, EnforcementPlan } from "../schema/enforcement.ts";
import { pathText } from "../schema/type-names.ts";
import { quoteName, quoteText } from "../util/sql-text.ts";

/** A source split into the rows that fit the table's schema and those that do not. */
export interface Misfits {
  readonly fitting: StagedRelation;
  /** Absent where every row fits. */
  readonly setAside?: SetAside;
}

/** Names of the check under which rows stand that do not fit. */
const misfitKind = "schema";

/**
 * Sets aside the rows that could not be written as rows of the table: cells that are not of their type, values that the column's type cannot
 * hold without loss, nulls where none may be.
 */
export async function setMisfitsAside(session: Session, source: StagedRelation, plan: EnforcementPlan): Promise<Misfits> {
  const { file, row, badCells } = source.positionColumns;
  const cells = badCells === undefined ? undefined : quoteName(badCells);
  // a bad cell reads as null: the null check of the same row would only repeat the matter
  const checks = plan.checks.map((check) => ({ check, fails: guarded(check, cells) }));
  const conditions = [...(cells === undefined ? [] : [`${cells} IS NOT NULL`]), ...checks.map(({ fails }) => fails)];
  if (conditions.length === 0) return { fitting: source };
  const counts = conditions.map((condition, at) => `count_if(${condition}) AS c${at}`);
  const misfit = `coalesce(${conditions.join(" OR ")}, false)`;
  const [found] = await session.rows(
    `SELECT count(*) AS n, count_if(${misfit}) AS misfits, ${counts.join(", ")} FROM (${source.positionedSql})`,
  );
  const rows = Number(found?.["misfits"] ?? 0);
  if (rows === 0) return { fitting: source };
  const results = conditions.map((_, at): CheckResult => {
    const check = cells === undefined ? checks[at]?.check : checks[at - 1]?.check;
    return misfitCheck(check, Number(found?.["n"] ?? 0), Number(found?.[`c${at}`] ?? 0));
  });
  const names = source.columns.map((column) => quoteName(column.name)).join(", ");
  const errors = [
    ...(cells === undefined ? [] : [`coalesce(list_transform(${cells}, lambda c: ${badCellError}), CAST([] AS ${errorsType}))`]),
    `CAST(list_filter([${checks.map(({ check, fails }) => `CASE WHEN ${fails} THEN ${checkError(check)} END`).join(", ")}], lambda e: e IS NOT NULL) AS ${errorsType})`,
  ];
  return {
    fitting: {
      ...source,
      sql: `SELECT ${names} FROM (${source.positionedSql}) WHERE NOT ${misfit}`,
      positionedSql: `SELECT * FROM (${source.positionedSql}) WHERE NOT ${misfit}`,
    },
    setAside: {
      rows,
      checks: results.filter((result) => (result.unexpected ?? 0) > 0),
      sql: `SELECT ${quoteName(file)} AS file, ${quoteName(row)} AS row, CAST(list_concat(${errors.join(", ")}${errors.length === 1 ? `, CAST([] AS ${errorsType})` : ""}) AS ${errorsType}) AS errors FROM (${source.positionedSql}) WHERE ${misfit}`,
    },
  };
}

function guarded(check: EnforcementCheck, cells: string | undefined): string {
  const fails = `coalesce(${check.violated}, false)`;
  return cells === undefined || check.kind !== "null" ? fails : `(${cells} IS NULL AND ${fails})`;
}

const badCellError = `{check_id: 'schema:' || c."column", check_name: '${misfitKind}', columns: [c."column"], message: c."column" || ' must be a ' || c.expected, observed_value: c."text", severity: 'critical', rule_fingerprint: ''}`;

function checkError(check: EnforcementCheck): string {
  const column = pathText(check.path);
  return `{check_id: ${quoteText(`schema:${column}`)}, check_name: '${misfitKind}', columns: [${quoteText(column)}], message: ${quoteText(messageOf(check))}, observed_value: CAST(${check.value} AS VARCHAR), severity: 'critical', rule_fingerprint: ''}`;
}

function messageOf(check: EnforcementCheck): string {
  const column = pathText(check.path);
  return check.kind === "null" ? `${column} must not be null` : `${column} must be a ${check.expected}`;
}

function misfitCheck(check: EnforcementCheck | undefined, considered: number, unexpected: number): CheckResult {
  const column = check === undefined ? undefined : pathText(check.path);
  return misfitResult({
    id: column === undefined ? "schema:cells" : `schema:${column}`,
    message: check === undefined ? "cells must be of their column's type" : messageOf(check),
    columns: column === undefined ? [] : [column],
    considered,
    unexpected,
  });
}

/** What does not fit, told as a check of a gate is. */
export function misfitResult(found: {
  readonly id: string;
  readonly message: string;
  readonly columns: readonly string[];
  readonly considered: number;
  readonly unexpected: number;
}): CheckResult {
  const { considered, unexpected } = found;
  return {
    ...found,
    kind: misfitKind,
    level: "row",
    severity: "critical",
    onFail: "quarantine",
    reaction: "quarantine",
    success: unexpected === 0,
    repaired: 0,
    observed: considered === 0 ? null : (considered - unexpected) / considered,
    sample: [],
    fingerprint: "",
  };
}

/** A suite that tests nothing and sets misfits aside. */
export function misfitSuite(name: string): Suite {
  return defineSuite({ name, checks: [], onMisfit: "quarantine" });
}
