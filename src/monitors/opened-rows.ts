import { conditionOver } from "../dialects/row-condition.ts";
import type { FencedSession, OpenSession, Relation } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { planFiles, planScan } from "../table/scan/scan.ts";
import type { ProfiledRows } from "./profiles/count-profile.ts";

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
export async function withRows<T>(
  wanted: readonly WantedRows[],
  where: string | undefined,
  work: (session: FencedSession, rows: readonly ProfiledRows[]) => Promise<T>,
  { signal }: SideTableOptions = {},
): Promise<T> {
  const [first] = wanted;
  if (first === undefined) throw new Error("varve internal error: no rows to open. Please report this.");
  await using session = await (await first.snapshot.context.engine()).open({ signal });
  await session.keepFooters();
  const plans = [];
  for (const rows of wanted)
    plans.push({
      plan: await planned(session, rows, signal),
      where: rows.isOther === true ? undefined : where,
      committedAt: rows.committedAt,
    });
  const fenced = await session.fence({ files: plans.flatMap(({ plan }) => plan.files) });
  const opened = [];
  for (const { plan, where: condition, committedAt } of plans)
    opened.push({ ...(await limited(fenced, plan, condition)), committedAt });
  return await work(fenced, opened);
}

function planned(session: OpenSession, { snapshot, adds }: WantedRows, signal: AbortSignal | undefined) {
  const options = { typedVariants: true, signal };
  return adds === undefined
    ? planScan(session, snapshot, options)
    : planFiles(session, snapshot, adds, options);
}

async function limited(
  session: FencedSession,
  { sql: all, columns }: Relation,
  where: string | undefined,
): Promise<ProfiledRows> {
  const condition = where === undefined ? undefined : await conditionOver(session, where, columns);
  const select: SqlSelect = condition === undefined ? all : sql`SELECT * FROM (${all}) WHERE ${condition}`;
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${select})`);
  return { select, columns, rows: Number(row?.["n"] ?? 0) };
}

/** A version of the same table. @throws `VERSION_NOT_FOUND`, `LOG_GAP` */
export function versionOf({ context }: LogSnapshot, version: number): Promise<LogSnapshot> {
  return openLog(context, { version });
}
