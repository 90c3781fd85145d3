import type { Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { errorsType } from "../../quality/gate/errors-list.ts";
import type { SetAside } from "../../quality/gate/gate-context.ts";
import type { CheckResult } from "../../quality/gate/verdict.ts";
import { joinPlaces, placesOf, placesSql } from "../../quality/model/places.ts";
import { pathText } from "../../schema/type-names.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { withArticle } from "../../util/counted.ts";
import { sumOf } from "../../util/sum.ts";
import { checkError, columnError, misfitResult } from "../stages/misfits.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type MergeActions, tableName } from "./merge-actions.ts";
import {
  type Arm,
  armsOf,
  armValues,
  checkCondition,
  type MergeRows,
  mergeRows,
  riskyCondition,
} from "./merge-images.ts";
import type { MergePlan } from "./merge-plan.ts";
import type { MergeValues } from "./merge-values.ts";
import { withoutSources } from "./without-sources.ts";

/** A merge of which the rows are set aside whose new values cannot be those of their columns. */
export interface FittingMerge {
  /** Without what these rows would have done. */
  readonly actions: MergeActions;
  /** All rows of the source that do not fit. */
  readonly setAside?: SetAside | undefined;
}

/**
 * Sets aside the rows of a merge's source that do not fit: those that could not be read, and those whose new
 * values cannot be computed, or are none of their columns.
 *
 * @throws `BATCH_REJECTED` if rows that cannot be read decide which rows of the table the source does not have;
 * `SCHEMA_MISMATCH` for a value of a row that the source does not have
 */
export async function setMergeMisfitsAside(
  room: WriteRoom,
  plan: MergePlan,
  actions: MergeActions,
  values: MergeValues,
): Promise<FittingMerge> {
  const { misfits } = actions.source;
  if (misfits !== undefined) requireMatching(actions, misfits);
  let left = actions;
  const found: SqlName[] = [];
  // Values that cannot be computed come first, because the others are checked by computing them.
  for (const errorsOf of [uncomputed, unfit]) {
    const rows = await mergeRows(room, plan, left, values, left.files);
    const failing = armsOf(rows, true).flatMap((arm) => errorsOf(rows, arm));
    const table = failing.length === 0 ? undefined : await failingRows(room, plan, failing);
    if (table === undefined) continue;
    found.push(table);
    left = await withoutSources(room, plan, left, sql`SELECT row FROM ${table}`);
  }
  const own = found.length === 0 ? undefined : await setAsideOf(room, actions, found);
  return { actions: left, setAside: joined(misfits, own) };
}

/** @throws `BATCH_REJECTED` */
function requireMatching({ clauses: { clauses } }: MergeActions, { rows, checks }: SetAside): void {
  if (clauses.every(({ when }) => when !== "not matched by source")) return;
  throw new VarveError(
    "BATCH_REJECTED",
    `${rows} of the source's rows cannot be read as rows of the table, so it is not known which rows of the table the source does not have, and the merge has clauses for these. Nothing was written. Correct the source, or leave out these clauses.`,
    { reasons: checks.map(({ id, message }) => `${id}: ${message}`) },
  );
}

/** SELECTs of `row`, `errors`, and the `shown` value of rows whose values cannot be computed. */
function uncomputed(_: MergeRows, arm: Arm): SqlSelect[] {
  const failures = arm.clauses.flatMap((clause) =>
    clause.risky.map((risky): Failure => {
      const { path, value } = risky;
      const column = pathText(path);
      const message = `${column} must be ${withArticle(value.expected)}`;
      return { fails: riskyCondition(arm, clause, risky), error: columnError(column, message, value.shown) };
    }),
  );
  return failuresIn(failures, { from: arm.from, number: arm.number, where: arm.where });
}

/** The same of rows with values that are none of their columns. */
function unfit(rows: MergeRows, arm: Arm): SqlSelect[] {
  const { actions } = rows;
  const failures = arm.clauses.flatMap(({ index, columns }) =>
    [...columns.values()].flatMap(({ plan }) =>
      plan.checks.map(
        (check): Failure => ({
          fails: checkCondition(actions, index, check),
          error: checkError(check),
        }),
      ),
    ),
  );
  return failuresIn(failures, {
    from: sql`(${armValues(rows, arm)})`,
    number: actions.names.number,
    where: [],
  });
}

interface Failure {
  /** SQL that is TRUE for a row that fails. */
  readonly fails: SqlExpression;
  readonly error: SqlExpression;
}

function failuresIn(
  failures: readonly Failure[],
  {
    from,
    number,
    where,
  }: {
    readonly from: SqlExpression;
    readonly number: SqlExpression;
    readonly where: readonly SqlExpression[];
  },
): SqlSelect[] {
  if (failures.length === 0) return [];
  const errors = failures.map(({ fails, error }) => sql`CASE WHEN ${fails} THEN ${error} END`);
  const any = sql`(${joinSql(
    failures.map(({ fails }) => fails),
    sql` OR `,
  )})`;
  return [
    sql`SELECT ${number} AS row, CAST(list_filter([${errors}], lambda e: e IS NOT NULL) AS ${errorsType}) AS errors FROM ${from} WHERE ${joinSql([...where, any], sql` AND `)}`,
  ];
}

/**
 * A table of `row` and `errors` of the rows of the source that fail; `undefined` if none does.
 *
 * @throws `SCHEMA_MISMATCH` for a row of the table that the source does not have
 */
async function failingRows(
  { session }: WriteRoom,
  plan: MergePlan,
  failing: readonly SqlSelect[],
): Promise<SqlName | undefined> {
  const table = tableName(plan);
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT row, list_distinct(flatten(list(errors))) AS errors FROM (${joinSql(failing, sql` UNION ALL `)}) GROUP BY row`,
  );
  const [counted] = await session.rows(sql`SELECT count(*) AS n, count(row) AS known FROM ${table}`);
  const [rows, known] = [Number(counted?.["n"]), Number(counted?.["known"])];
  if (known < rows) throw await noSourceRow(session, table);
  return rows === 0 ? undefined : table;
}

async function noSourceRow(session: Session, errors: SqlName): Promise<VarveError> {
  const [row] = await session.rows(
    sql`SELECT errors[1].columns[1] AS "column", errors[1].message AS message, errors[1].observed_value AS "value" FROM ${errors} WHERE row IS NULL`,
  );
  const text = (name: string) => String(row?.[name] ?? "null");
  const column = text("column");
  const value = text("value");
  return new VarveError(
    "SCHEMA_MISMATCH",
    `${text("message")}, and a clause for rows that the source does not have gives it ${value}: no row of the source can be set aside for that. Nothing was written. Correct the clause.`,
    { column: [column], found: value },
  );
}

/** The rows of the source in tables of `row` and `errors`, as a gate counts them. */
async function setAsideOf(
  { session }: WriteRoom,
  { source: { file }, counts, clauses }: MergeActions,
  tables: readonly SqlName[],
): Promise<SetAside> {
  const arms = tables.map((table) => sql`SELECT row, errors FROM ${table}`);
  const select = sql`SELECT ${file} AS file, row, errors FROM (${joinSql(arms, sql` UNION ALL `)})`;
  const [counted] = await session.rows(
    sql`SELECT ${placesSql(sql`file`, sql`row`)} AS places FROM (${select})`,
  );
  const places = placesOf(counted?.["places"]);
  const results = await session.rows(
    sql`SELECT e.check_id AS id, e.message AS message, any_value(e.columns[1]) AS "column", count(DISTINCT row) AS n FROM (SELECT row, unnest(errors) AS e FROM (${select})) GROUP BY ALL ORDER BY ALL`,
  );
  const considered = sumOf(
    counts.filter((_, index) => clauses.clauses[index]?.action !== "delete"),
    (n) => n,
  );
  const checks = results.map(
    ({ id, message, column, n }): CheckResult =>
      misfitResult({
        id: String(id),
        message: String(message),
        columns: [String(column)],
        considered,
        unexpected: Number(n),
      }),
  );
  return { rows: places.rows, places, sql: select, checks };
}

function joined(a: SetAside | undefined, b: SetAside | undefined): SetAside | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    rows: a.rows + b.rows,
    places: joinPlaces(a.places, b.places),
    sql: sql`(${a.sql}) UNION ALL (${b.sql})`,
    checks: [...a.checks, ...b.checks],
  };
}
