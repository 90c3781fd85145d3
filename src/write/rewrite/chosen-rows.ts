import { engineColumns } from "../../dialects/engine-types.ts";
import { requireBoolean } from "../../dialects/row-condition.ts";
import type { FencedSession, NamedColumns, StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { planFiles, type ScanOptions } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import type { RewritePlan } from "./rewrite-plan.ts";
import { openSubqueryTables } from "./subquery-tables.ts";

/** Rows that were chosen by a condition with subqueries, or get values by some. */
export interface ChosenRows {
  /** Columns `file`, `row` and a value of each assignment, `v0` and so on. */
  readonly relation: StagedRelation;
  /** The files of which `file` is an index. */
  readonly adds: readonly AddAction[];
  /** Name of the column that {@link scanWithChosen} adds: TRUE for chosen rows, else FALSE. */
  readonly chosen: SqlName;
  /** Names of the columns with the values, by the index of the assignment; absent for those without subqueries. */
  readonly values: readonly (SqlName | undefined)[];
  /** Whether a subquery read the version of the table that is changed, or a later one. */
  readonly readsTarget: boolean;
}

/**
 * Evaluates a condition and new values that have subqueries, once for each row, and keeps the places of the rows
 * and the values: evaluated again, a subquery might give something else.
 *
 * @param translated the condition, where it has no subquery and is a translation
 * @throws `SQL_FAILED`, `SQL_REFUSED`, errors of the files that are read
 */
export async function chosenRows(
  room: WriteRoom,
  plan: RewritePlan,
  adds: readonly AddAction[],
  translated: SqlExpression | undefined,
): Promise<ChosenRows> {
  const { snapshot, where, set = [] } = plan;
  const { tables, rowName } = plan.subqueries ?? { tables: {}, rowName: "row" };
  const columns = engineColumns(snapshot.schema);
  const row: NamedColumns = { relation: rowName, columns };
  const prefix = freePrefix(columns.map(({ name }) => name));
  const place = `${prefix}place`;
  const scan = await planFiles(room.session, snapshot, adds, { typedVariants: true, place });
  appendAll(room.readable, scan.files);
  const { readsTarget } = await openSubqueryTables(room, snapshot, { tables, texts: textsOf(plan) });
  const fenced = await room.fence();
  const condition = translated ?? (await callerCondition(fenced, where, row)) ?? sql`TRUE`;
  const items: SqlExpression[] = [];
  const values: (SqlName | undefined)[] = [];
  for (const [index, { value }] of set.entries()) {
    const given = typeof value === "string";
    if (given) items.push(sql`${await fenced.callerSubqueries(value, [row])} AS ${plainName(`v${index}`)}`);
    values.push(given ? quoteName(`${prefix}v${index}`) : undefined);
  }
  const at = plainName(place);
  const select = sql`SELECT ${[sql`${at}.file AS file`, sql`${at}.row AS row`, ...items]} FROM (${scan.sql}) AS ${quoteName(rowName)} WHERE ${condition}`;
  const relation = await room.session.stage({
    kind: "relation",
    relation: { sql: select, columns: await room.session.describe(select) },
  });
  return { relation, adds, chosen: quoteName(`${prefix}chosen`), values, readsTarget };
}

async function callerCondition(
  fenced: FencedSession,
  where: string | undefined,
  row: NamedColumns,
): Promise<SqlExpression | undefined> {
  if (where === undefined) return undefined;
  const condition = await fenced.callerSubqueries(where, [row]);
  await requireBoolean(fenced, where, condition, [row]);
  return condition;
}

/** The expressions that the engine evaluates. */
function textsOf({ where, condition, set = [] }: RewritePlan): readonly string[] {
  const values = set.flatMap(({ value }) => (typeof value === "string" ? [value] : []));
  return where === undefined || condition !== undefined ? values : [where, ...values];
}

/** A scan of files among those of the chosen rows, with what was found out of each row in further columns. */
export async function scanWithChosen(
  { session }: Pick<WriteRoom, "session">,
  { snapshot }: RewritePlan,
  files: readonly AddAction[],
  { relation, adds, chosen, values }: ChosenRows,
  options: Pick<ScanOptions, "rowTracking"> & { readonly place: string },
): Promise<SqlSelect> {
  const scan = await planFiles(session, snapshot, files, { typedVariants: true, ...options });
  const place = plainName(options.place);
  const indexes = new Map(adds.map((add, index) => [add, index]));
  const numbers = files.map((add) => {
    const index = indexes.get(add);
    assertInternal(index !== undefined, "a file whose rows were not chosen from");
    return sql`${index}`;
  });
  const items = values.flatMap((name, index) =>
    name === undefined ? [] : [sql`c.${plainName(`v${index}`)} AS ${name}`],
  );
  return sql`SELECT s.*, ${[sql`c.row IS NOT NULL AS ${chosen}`, ...items]} FROM (${scan.sql}) AS s LEFT JOIN (${relation.sql}) AS c ON c.file = [${numbers}][s.${place}.file + 1] AND c.row = s.${place}.row`;
}
