import type { Session, SourceRow, StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal, isVarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { columnType } from "../../sql/sql-text.ts";
import { ownMember } from "../../util/own-member.ts";
import type { SuiteColumn } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check, Repair, RowFunction } from "../model/suite.ts";
import { findColumn, literalBeside, type PlannedCheck } from "../suite/plan.ts";
import { temporaryTable, withoutPosition } from "./gate-groups.ts";
import { leftJoin, type Mask, positionOf, rowMask } from "./masks.ts";
import { clipSql, type RepairedColumn, refuseMisfit } from "./repair-values.ts";

/** The batch with repaired values, and their number for each check. */
export interface Repaired {
  readonly staged: StagedRelation;
  readonly planned: readonly PlannedCheck[];
  readonly counts: ReadonlyMap<string, number>;
}

interface RepairContext {
  readonly columns: readonly SuiteColumn[];
  readonly expressions: ReadonlyMap<string, SqlExpression>;
  readonly functions: Readonly<Record<string, RowFunction>>;
}

/**
 * Replaces the failing values of checks that repair; all checks are then run on the repaired rows.
 *
 * Several checks may repair one column; each sees the result of the previous one.
 *
 * @throws `SUITE_INVALID` for a function that is missing or does not return one value per row;
 * `SCHEMA_MISMATCH` for a returned value that is not of the column's type
 */
export async function repairRows(
  session: Session,
  planned: readonly PlannedCheck[],
  staged: StagedRelation,
  context: RepairContext,
): Promise<Repaired> {
  const masks = planned
    .filter(({ check }) => check.repair !== undefined)
    .flatMap((check) => rowMask(check) ?? []);
  const counts = new Map<string, number>();
  let current = staged;
  for (const mask of masks) {
    const { check } = mask.planned;
    const column = repairedColumn(current, check, context);
    await refuseMisfit(session, check, column);
    // no bound is nearer to a null than another
    const repairable = check.repair?.with === "clip" ? sql`${column.sql} IS NOT NULL` : sql`true`;
    const [row] = await session.rows(
      sql`SELECT count_if(${mask.countedFail} AND ${repairable}) AS n FROM (${current.positionedSql}) AS staged`,
    );
    const failing = toNumber(row?.["n"]) ?? 0;
    if (failing === 0) continue;
    counts.set(check.id, failing);
    const { repair } = check;
    if (repair?.with === "sql") await tryRepair(session, current, mask, context);
    current =
      repair?.with === "function"
        ? await replacedBy(session, current, mask, repair, context)
        : replaced(current, mask, context);
  }
  return { staged: current, planned, counts };
}

function repairedColumn(staged: StagedRelation, check: Check, { columns }: RepairContext): RepairedColumn {
  const column = findColumn(String(check.params["column"]), columns, duckdbDialect);
  const stagedColumn = staged.columns.find(({ name }) => name === column?.name);
  if (column === undefined || stagedColumn === undefined)
    throw invalidSuite(
      `${check.path}.params.column`,
      "a nested field cannot be repaired",
      "Repair a top-level column",
    );
  return { ...column, engineType: stagedColumn.type };
}

/** Evaluates an SQL repair on its own first, so that values of the wrong type are attributed to it. */
async function tryRepair(
  session: Session,
  staged: StagedRelation,
  mask: Mask,
  context: RepairContext,
): Promise<void> {
  const { check } = mask.planned;
  const column = repairedColumn(staged, check, context);
  const { engineType: type } = column;
  const value = sql`CAST(${repairSql(mask, column, context)} AS ${columnType(type)})`;
  try {
    await session.rows(
      sql`SELECT count(${value}) AS n FROM (${staged.positionedSql}) AS staged WHERE ${mask.fail}`,
    );
  } catch (error) {
    if (!isVarveError(error, "SQL_FAILED")) throw error;
    throw invalidSuite(
      `${check.path}.repair.expression`,
      `it gives no ${type}: ${error.message}`,
      "Pass values of the column's type",
      error,
    );
  }
}

function replaced(staged: StagedRelation, mask: Mask, context: RepairContext): StagedRelation {
  const column = repairedColumn(staged, mask.planned.check, context);
  const value = sql`CAST(${repairSql(mask, column, context)} AS ${columnType(column.engineType)})`;
  const change = sql`SELECT * REPLACE (CASE WHEN ${mask.fail} THEN ${value} ELSE ${column.sql} END AS ${column.sql}) FROM`;
  return {
    ...staged,
    sql: sql`${change} (${staged.sql})`,
    positionedSql: sql`${change} (${staged.positionedSql})`,
  };
}

/**
 * The values that a function returns are stored by the rows' places, so that every later read of the batch
 * sees the same values.
 */
async function replacedBy(
  session: Session,
  staged: StagedRelation,
  mask: Mask,
  repair: Extract<Repair, { with: "function" }>,
  context: RepairContext,
): Promise<StagedRelation> {
  const { check } = mask.planned;
  const column = repairedColumn(staged, check, context);
  const repairFunction = ownMember(context.functions, repair.function);
  if (repairFunction === undefined)
    throw invalidSuite(
      `${check.path}.repair.function`,
      `no function "${repair.function}" is given`,
      "Hand the function over with the suite",
    );
  const position = positionOf(staged);
  const { names } = position;
  const columns = [
    { name: "file", type: "VARCHAR" },
    { name: "row", type: "BIGINT" },
    { name: "value", type: column.engineType },
  ];
  const failing = sql`SELECT ${position.file} AS ${names.file}, ${position.row} AS ${names.row}, * EXCLUDE (${position.file}, ${position.row}) FROM (${staged.positionedSql}) AS staged WHERE ${mask.fail}`;
  const kept = await session.stage(
    { kind: "rows", rows: await repairs(session, failing, repairFunction, check) },
    { columns },
  );
  const table = temporaryTable();
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT file AS ${names.file}, row AS ${names.row}, value AS ${names.value} FROM (${kept.sql})`,
  );
  const on = sql`${table}.${names.row} = ${position.row} AND ${table}.${names.file} IS NOT DISTINCT FROM ${position.file}`;
  const value = sql`CASE WHEN ${table}.${names.row} IS NOT NULL THEN ${table}.${names.value} ELSE ${column.sql} END`;
  // a join returns rows in any order, but checks of order need that of the source
  const numbered = sql`(SELECT *, row_number() OVER () AS ${names.order} FROM (${staged.positionedSql})) AS staged`;
  const changed = sql`SELECT staged.* REPLACE (${value} AS ${column.sql}) FROM ${numbered} ${leftJoin({ table, on })}`;
  const repaired = temporaryTable();
  await session.execute(
    sql`CREATE TABLE ${repaired} AS SELECT * EXCLUDE (${names.order}) FROM (${changed}) ORDER BY ${names.order}`,
  );
  const columnNames = joinSql(staged.columns.map(({ name }) => duckdbDialect.identifier(name)));
  return {
    ...staged,
    sql: sql`SELECT ${columnNames} FROM ${repaired}`,
    positionedSql: sql`SELECT * FROM ${repaired}`,
  };
}

/**
 * The failing rows' places with their new values: one object per failing row, because the function receives
 * objects anyway.
 */
async function repairs(
  session: Session,
  failing: SqlSelect,
  repair: RowFunction,
  check: Check,
): Promise<SourceRow[]> {
  const repaired: SourceRow[] = [];
  for await (const batch of session.arrow(failing)) {
    const values = repair(withoutPosition(batch));
    if (values.length !== batch.numRows) {
      throw invalidSuite(
        `${check.path}.repair.function`,
        `the function answered ${values.length} times for ${batch.numRows} rows`,
        "Answer once for each row of the batch",
      );
    }
    const [files, rows] = [batch.getChildAt(0), batch.getChildAt(1)];
    for (let index = 0; index < batch.numRows; index++) {
      repaired.push({
        file: files?.get(index) ?? null,
        row: BigInt(rows?.get(index) ?? 0),
        value: values[index] ?? null,
      });
    }
  }
  return repaired;
}

function repairSql(mask: Mask, column: RepairedColumn, context: RepairContext): SqlExpression {
  const { check } = mask.planned;
  const { repair } = check;
  switch (repair?.with) {
    case "default":
      return literalBeside(repair.value, column, duckdbDialect);
    case "clip":
      return clipSql(check, column);
    case "sql": {
      const checked = context.expressions.get(`${check.path}.repair.expression`);
      assertInternal(checked !== undefined, `the repair of ${check.path}, which the engine has not checked`);
      return sql`(${checked})`;
    }
    default:
      return sql`NULL`;
  }
}
