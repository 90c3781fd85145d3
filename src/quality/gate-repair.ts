import type { Session, StagedRelation } from "../engine/contract.ts";
import type { SuiteColumn } from "./column.ts";
import { duckdbDialect } from "./dialect-duckdb.ts";
import { toNumber } from "./expectation.ts";
import { invalidSuite } from "./invalid.ts";
import { type Mask, rowMask } from "./masks.ts";
import { findColumn, type PlannedCheck } from "./plan.ts";

/** The batch with repaired values, and how many of them each check asked for. */
export interface Repaired {
  readonly staged: StagedRelation;
  readonly planned: readonly PlannedCheck[];
  readonly counts: ReadonlyMap<string, number>;
}

interface RepairContext {
  readonly columns: readonly SuiteColumn[];
  readonly expressions: ReadonlyMap<string, string>;
}

/**
 * Replaces the failing values of checks that repair; all checks are then run on the repaired rows.
 *
 * Several checks may repair one column: each sees what the one before it left.
 */
export async function repairRows(
  session: Session,
  planned: readonly PlannedCheck[],
  staged: StagedRelation,
  context: RepairContext,
): Promise<Repaired> {
  const masks = planned.filter(({ check }) => check.repair !== undefined).flatMap((check) => rowMask(check) ?? []);
  const counts = new Map<string, number>();
  let current = staged;
  for (const mask of masks) {
    const [row] = await session.rows(`SELECT count_if(${mask.countedFail}) AS n FROM (${current.positionedSql}) AS staged`);
    const failing = toNumber(row?.["n"]) ?? 0;
    if (failing === 0) continue;
    counts.set(mask.planned.check.id, failing);
    current = replaced(current, mask, context);
  }
  return { staged: current, planned, counts };
}

function replaced(staged: StagedRelation, mask: Mask, context: RepairContext): StagedRelation {
  const { check } = mask.planned;
  const column = findColumn(String(check.params["column"]), context.columns, duckdbDialect);
  if (column === undefined || column.sql.includes("."))
    throw invalidSuite(`${check.path}.params.column`, "a nested field cannot be repaired", "Repair a top-level column");
  const type = staged.columns.find((candidate) => candidate.name === column.name)?.type ?? column.type;
  const value = `CAST(${repairSql(mask, column.sql, context)} AS ${type})`;
  const change = `SELECT * REPLACE (CASE WHEN ${mask.fail} THEN ${value} ELSE ${column.sql} END AS ${column.sql}) FROM`;
  return { ...staged, sql: `${change} (${staged.sql})`, positionedSql: `${change} (${staged.positionedSql})` };
}

function repairSql(mask: Mask, column: string, context: RepairContext): string {
  const { check } = mask.planned;
  const { repair } = check;
  switch (repair?.with) {
    case "default":
      return typeof repair.value === "string" ? duckdbDialect.string(repair.value) : String(repair.value);
    case "clip": {
      const [min, max] = [check.params["min_value"], check.params["max_value"]];
      const kind = findColumn(String(check.params["column"]), context.columns, duckdbDialect)?.class ?? "string";
      const top = max === undefined ? column : `least(${column}, ${duckdbDialect.literal(max, kind)})`;
      return min === undefined ? top : `greatest(${top}, ${duckdbDialect.literal(min, kind)})`;
    }
    case "sql":
      return `(${context.expressions.get(`${check.path}.repair.expression`) ?? "NULL"})`;
    default:
      return "NULL";
  }
}
