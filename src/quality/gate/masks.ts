import type { StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { ColumnUse, CountProof, KeysPlan, Position, RowPlan } from "../model/expectation.ts";
import { type GateNames, gateNames } from "../model/gate-names.ts";
import type { PlannedCheck } from "../suite/plan.ts";

/**
 * One check that can name rows, as SQL over the staged rows.
 *
 * `fail` is true or false, never null. Rows for which it is true fail and all others pass, so the two are
 * exact complements.
 */
export interface Mask {
  readonly planned: PlannedCheck;
  readonly fail: SqlExpression;
  /** Condition of the rows that the check considers; `undefined` for all rows. */
  readonly considered: SqlExpression | undefined;
  /** Condition of the rows that `where` selects, if these are not all rows and more than are considered. */
  readonly scoped?: SqlExpression | undefined;
  /** The column whose non-null values are the considered rows, if the condition is that simple. */
  readonly consideredColumn?: SqlExpression | undefined;
  /**
   * The column whose nulls are the failing rows, if the check is that simple and has no condition on the
   * rows.
   */
  readonly presentColumn?: SqlExpression | undefined;
  /** `fail` without the protection against null, for counting. */
  readonly countedFail: SqlExpression;
  readonly joins: readonly MaskJoin[];
  /** Number of failing rows, if a query over keys or positions has already counted them. */
  readonly known?: number | undefined;
  /** A condition over all rows that must be true for {@link Mask.known} to be valid. */
  readonly toProve?: CountProof | undefined;
  readonly shows: readonly ColumnUse[];
}

/** A table of failing keys or positions, and how it is joined to the batch. */
export interface MaskJoin {
  readonly table: SqlName;
  readonly on: SqlExpression;
}

/**
 * Quoted names of the two position columns, and the names that a gate may use next to the batch's columns.
 */
export function positionOf(staged: StagedRelation): Position {
  const { file, row, badCells } = staged.positionColumns;
  const taken = [
    ...staged.columns.map(({ name }) => name),
    ...(badCells === undefined ? [] : [badCells]),
    file,
    row,
  ];
  return { file: quoteName(file), row: quoteName(row), names: gateNames(taken) };
}

interface Parts {
  readonly scope: SqlExpression | undefined;
  readonly missing: SqlExpression | undefined;
  /** Condition for a failing value; may be null only where `missing` is true. */
  readonly wrong: SqlExpression;
  /** `wrong` is null exactly where the value is missing. */
  readonly nullsExactly: boolean;
}

function maskOf(
  planned: PlannedCheck,
  parts: Parts,
): Pick<Mask, "fail" | "considered" | "scoped" | "countedFail"> {
  const { onNull } = planned.check;
  const guardedWrong =
    parts.missing === undefined || parts.nullsExactly
      ? parts.wrong
      : sql`(NOT (${parts.missing}) AND ${parts.wrong})`;
  const wrong =
    onNull === "fail" && parts.missing !== undefined
      ? sql`(${parts.missing} OR ${parts.wrong})`
      : guardedWrong;
  const scoped = parts.scope === undefined ? wrong : sql`(${parts.scope} AND ${wrong})`;
  const counts = [
    ...(parts.scope === undefined ? [] : [parts.scope]),
    ...(parts.missing === undefined || onNull !== "ignore" ? [] : [sql`NOT (${parts.missing})`]),
  ];
  return {
    fail: sql`coalesce(${scoped}, false)`,
    countedFail: scoped,
    considered: counts.length === 0 ? undefined : joinSql(counts, sql` AND `),
    scoped: counts.length > 1 ? parts.scope : undefined,
  };
}

/** The mask of a check whose plan is a condition on single rows. */
export function rowMask(planned: PlannedCheck): Mask | undefined {
  const { plan, scope } = planned;
  if (plan.kind !== "row") return undefined;
  const wrong = plan.nullsExactly === true ? sql`(NOT ${plan.pass})` : sql`(${plan.pass} IS NOT TRUE)`;
  return {
    planned,
    ...maskOf(planned, { scope, missing: plan.missing, wrong, nullsExactly: plan.nullsExactly === true }),
    ...countedColumns(planned, plan),
    joins: [],
    shows: plan.shows,
  };
}

/**
 * What follows from the number of values of one column. Counting costs a fraction of testing each value, and
 * nothing if the files' statistics have it.
 */
function countedColumns(
  { check, scope }: PlannedCheck,
  plan: RowPlan,
): Pick<Mask, "consideredColumn" | "presentColumn"> {
  const [only] = plan.shows;
  if (only === undefined || plan.shows.length > 1 || scope !== undefined) return {};
  const considered = check.onNull === "ignore" && plan.missing === sql`${only.sql} IS NULL`;
  const present = plan.missing === undefined && plan.pass === sql`(${only.sql} IS NOT NULL)`;
  return {
    consideredColumn: considered ? only.sql : undefined,
    presentColumn: present ? only.sql : undefined,
  };
}

/** The mask of a check whose failing keys are in `table` (with columns named as in {@link GateNames}). */
export function keysMask(
  planned: PlannedCheck,
  plan: KeysPlan,
  table: SqlName | undefined,
  known: number,
  position: Position,
): Mask {
  const { names } = position;
  const hit =
    table === undefined
      ? sql`false`
      : sql`(${table}.${names.rows} IS NOT NULL${plan.keepFirst === true ? sql` AND ${table}.${names.firstPosition} IS DISTINCT FROM {file: coalesce(${position.file}, ''), row: ${position.row}}` : sql``})`;
  const parts = {
    scope: planned.scope,
    missing: plan.missing === "(false)" ? undefined : plan.missing,
    wrong: hit,
    nullsExactly: false,
  };
  return {
    planned,
    ...maskOf(planned, parts),
    ...consideredKey(planned, plan),
    joins: table === undefined ? [] : [keyJoin(table, plan.keys, names)],
    ...knownUnlessNulls(planned, known),
    shows: plan.shows,
  };
}

function keyJoin(table: SqlName, keys: readonly SqlExpression[], names: GateNames): MaskJoin {
  const same = keys.map((key, index) => sql`${key} IS NOT DISTINCT FROM ${table}.${names.key(index)}`);
  return { table, on: joinSql(same, sql` AND `) };
}

/** The key column, if the considered rows are those that have a value in it. */
function consideredKey(
  { check, scope }: PlannedCheck,
  { keys, missing }: KeysPlan,
): Pick<Mask, "consideredColumn"> {
  const [only] = keys;
  const simple = scope === undefined && check.onNull === "ignore";
  return simple && only !== undefined && missing === sql`(${only} IS NULL)` ? { consideredColumn: only } : {};
}

/** The mask of a check whose failing positions are in `table`, with their `file` and `row`. */
export function positionsMask(
  planned: PlannedCheck,
  missing: SqlExpression | undefined,
  shows: readonly ColumnUse[],
  table: SqlName | undefined,
  known: number,
  position: Position,
): Mask {
  const { names } = position;
  const hit = table === undefined ? sql`false` : sql`(${table}.${names.row} IS NOT NULL)`;
  const parts = { scope: planned.scope, missing, wrong: hit, nullsExactly: false };
  return {
    planned,
    ...maskOf(planned, parts),
    joins: table === undefined ? [] : [positionJoin(table, position)],
    ...knownUnlessNulls(planned, known),
    shows,
  };
}

/** Joins a table of positions, with their `file` and `row`. */
export function positionJoin(table: SqlName, { file, row, names }: Position): MaskJoin {
  const same = sql`${table}.${names.row} = ${row} AND ${table}.${names.file} IS NOT DISTINCT FROM ${file}`;
  return { table, on: same };
}

function knownUnlessNulls(planned: PlannedCheck, known: number): { readonly known?: number | undefined } {
  return planned.check.onNull === "fail" ? {} : { known };
}

/** The staged rows, joined with the tables of the masks. */
export function maskedSource(staged: StagedRelation, masks: readonly Mask[]): SqlExpression {
  return joinSql(
    [sql`(${staged.positionedSql}) AS staged`, ...masks.flatMap((mask) => mask.joins.map(leftJoin))],
    sql` `,
  );
}

/**
 * Joins a table of the gate as a query, because a plain table also has a `rowid`, which may be the name of a
 * column of the batch.
 */
export function leftJoin({ table, on }: MaskJoin): SqlExpression {
  return sql`LEFT JOIN (FROM ${table}) AS ${table} ON ${on}`;
}

/** A condition that is true for rows that fail any of the masks; never null. */
export function anyFails(masks: readonly Mask[]): SqlExpression {
  return masks.length === 0
    ? sql`false`
    : sql`(${joinSql(
        masks.map((mask) => mask.fail),
        sql` OR `,
      )})`;
}
