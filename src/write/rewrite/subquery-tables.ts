import type { LogSnapshot } from "../../log/contract.ts";
import { tableUses } from "../../query/pushdown.ts";
import { sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { planScan } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import type { WriteRoom } from "../stages/write-room.ts";

/** Tables by the names that subqueries give them. */
export type NamedTables = Readonly<Record<string, LogSnapshot>>;

/**
 * Makes the tables that expressions read views of the session, before it is fenced. Tables whose names the expressions
 * only use to qualify a column are left out. Returns whether one of them is the version that is changed, or a later one.
 *
 * @throws errors of the files that are read
 */
export async function openSubqueryTables(
  room: WriteRoom,
  snapshot: LogSnapshot,
  { tables, texts }: { readonly tables: NamedTables; readonly texts: readonly string[] },
): Promise<{ readonly readsTarget: boolean }> {
  const used = new Set<string>();
  for (const text of texts)
    for (const { name } of tableUses(await room.session.syntaxTree(`${selecting}${text}`)))
      used.add(name.toLowerCase());
  const read = Object.entries(tables).filter(([name]) => used.has(name.toLowerCase()));
  for (const [name, table] of read) {
    const rows = await planScan(room.session, table);
    await room.session.execute(sql`CREATE VIEW ${quoteName(name)} AS ${rows.sql}`);
    appendAll(room.readable, rows.files);
  }
  const readsTarget = read.some(
    ([, { context, version }]) =>
      context.store.uri === snapshot.context.store.uri && version >= snapshot.version,
  );
  return { readsTarget };
}

/** Makes an expression a statement that is parsed and never run. */
const selecting = sql`SELECT `;
