import { conditionOver } from "../dialects/row-condition.ts";
import type { FencedSession, OpenSession, Relation } from "../engine/core/contract.ts";
import { lazyFence } from "../engine/fence/lazy-fence.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { planFiles, planScan } from "../table/scan/scan.ts";
import type { ProfiledRows, RowsSession } from "./profiles/count-profile.ts";

/** Rows of a version: all of them, or those of some of its files. */
export interface WantedRows {
  readonly snapshot: LogSnapshot;
  readonly adds?: readonly AddAction[] | undefined;
  /** When they were committed, in milliseconds since 1970, if the ages of times are measured. */
  readonly committedAt?: number | undefined;
  /** Rows of another table, which the condition is not about. */
  readonly isOther?: boolean | undefined;
}

/**
 * Opens rows in a session that can read nothing else, and runs work over them. Each of `wanted` becomes one relation,
 * limited by the condition.
 *
 * @throws `DATA_FILE_MISSING`, `SQL_REFUSED`, `SQL_FAILED`, and what `work` throws
 */
export function withRows<T>(
  wanted: readonly WantedRows[],
  where: string | undefined,
  work: (session: FencedSession, rows: readonly ProfiledRows[]) => Promise<T>,
  options: SideTableOptions = {},
): Promise<T> {
  return withOwnRows(wanted, where, async ({ fence }, rows) => work(await fence(), rows), options);
}

/** Like {@link withRows}, for work that fences its session only where it needs to. */
export async function withOwnRows<T>(
  wanted: readonly WantedRows[],
  where: string | undefined,
  work: (session: RowsSession, rows: readonly ProfiledRows[]) => Promise<T>,
  { signal }: SideTableOptions = {},
): Promise<T> {
  const [first] = wanted;
  if (first === undefined) throw new Error("varve internal error: no rows to open. Please report this.");
  await using session = await (await first.snapshot.context.engine()).open({ signal, stopsQueries: true });
  await session.keepFooters();
  const plans = [];
  for (const rows of wanted) plans.push({ rows, plan: await planned(session, rows, signal) });
  const files = plans.flatMap(({ plan }) => plan.files);
  const own = { session, fence: lazyFence(session, () => ({ files })) };
  const opened = [];
  for (const { plan, rows } of plans) {
    const condition = rows.isOther === true ? undefined : where;
    opened.push({ ...(await limited(own, plan, condition)), committedAt: rows.committedAt });
  }
  return await work(own, opened);
}

function planned(session: OpenSession, { snapshot, adds }: WantedRows, signal: AbortSignal | undefined) {
  const options = { typedVariants: true, signal };
  return adds === undefined
    ? planScan(session, snapshot, options)
    : planFiles(session, snapshot, adds, options);
}

async function limited(
  { session, fence }: RowsSession,
  { sql: all, columns }: Relation,
  where: string | undefined,
): Promise<ProfiledRows> {
  const condition = where === undefined ? undefined : await conditionOver(await fence(), where, columns);
  const select: SqlSelect = condition === undefined ? all : sql`SELECT * FROM (${all}) WHERE ${condition}`;
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${select})`);
  return { select, columns, rows: Number(row?.["n"] ?? 0) };
}

/** A version of the same table. @throws `VERSION_NOT_FOUND`, `LOG_GAP` */
export async function versionOf(snapshot: LogSnapshot, version: number): Promise<LogSnapshot> {
  return version === snapshot.version ? snapshot : openLog(snapshot.context, { version });
}
