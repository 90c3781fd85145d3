import { type SqlSelect, sql } from "../../sql/sql.ts";
import type { FileRows } from "../../table/commit/commit-request.ts";
import { union } from "../../util/bit-sets.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import {
  changedFiles,
  countsOf,
  filesOfPlaces,
  type MergeActions,
  readRows,
  tableName,
} from "./merge-actions.ts";
import type { MergePlan } from "./merge-plan.ts";

/**
 * Actions without those of some rows of the source, by `row` of a query. The rows of the table that these would
 * have changed stay, and are read.
 */
export async function withoutSources(
  room: WriteRoom,
  plan: MergePlan,
  actions: MergeActions,
  rows: SqlSelect,
): Promise<MergeActions> {
  const { session } = room;
  const { adds, clauses, withheld } = actions;
  const table = tableName(plan);
  const isLeft = sql`NOT EXISTS (SELECT 1 FROM (${rows}) AS d WHERE d.row = a.source)`;
  await session.execute(sql`CREATE TABLE ${table} AS SELECT * FROM ${actions.table} AS a WHERE ${isLeft}`);
  const kept = sql`SELECT place FROM ${actions.table} AS a WHERE a.place IS NOT NULL AND NOT ${isLeft}`;
  const read = await filesOfPlaces(session, adds, kept, true);
  return {
    ...actions,
    table,
    counts: await countsOf(session, table, clauses.clauses),
    files: read.length === 0 ? actions.files : await changedFiles({ room, plan, adds }, table),
    withheld: { ...withheld, rows: unitedRows(withheld.rows ?? [], readRows(read)) },
  };
}

/** Rows of files in two lists, as one. */
function unitedRows(a: readonly FileRows[], b: readonly FileRows[]): readonly FileRows[] {
  const united = new Map<string, FileRows>();
  for (const { path, rows } of [...a, ...b])
    united.set(path, { path, rows: union(rows, united.get(path)?.rows) });
  return [...united.values()];
}
