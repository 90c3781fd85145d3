import { isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { requireSourceColumn } from "../performance/evaluation/staged-rows.ts";
import type { AddAction } from "../protocol/actions.ts";
import { joinSql, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { appendAll } from "../util/append-all.ts";
import { predictedRows } from "./evaluate-performance.ts";
import { withRows } from "./opened-rows.ts";
import { partAxes } from "./part-axes.ts";
import { chosenRows, type PerformanceWork } from "./reached-performance.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import type { PerformancePart, PerformanceReport } from "./stores/performance-record.ts";
import { rowsOfVersion } from "./version-rows.ts";

/** Commits of the outcomes that are looked at; of more, every window may be late. */
const mostCommits = 1_000;

/** A version that may be evaluated, or evaluated again. */
export interface LateVersion {
  /** Its newest evaluation; undefined if there is none. */
  readonly evaluated: PerformanceReport | undefined;
  readonly compared: MonitorReport;
  /** The newest version that each window was evaluated for. */
  readonly newest: ReadonlyMap<string, number>;
}

/**
 * What of a version is to be evaluated, because it was not yet, or because outcomes of it came since: all rows, some of
 * its windows, or nothing. Only the outcomes that came since are read.
 */
export async function lateParts(
  about: PerformanceWork,
  { evaluated, compared, newest }: LateVersion,
): Promise<"all" | "none" | readonly string[]> {
  const { outcomes, performance, work } = about;
  // What was compared with other bins is evaluated with these.
  if (evaluated === undefined || outcomes === undefined || evaluated.bins_id !== compared.bins_id)
    return "all";
  if (evaluated.outcome_version === null || evaluated.version === null) return "all";
  const windowed = work.definition.window !== undefined;
  const { version, state } = evaluated;
  if (state === "unreadable" || (windowed && evaluated.parts.length === 0)) return "all";
  const open = evaluated.parts.filter(
    ({ window, rows, labelled, state: known }) =>
      window !== null && newest.get(window) === version && !(known === "evaluated" && labelled === rows),
  );
  if (windowed && open.length === 0) return "none";
  const added = await addedSince(outcomes, evaluated.outcome_version);
  // With times, outcomes that do not come make those that are there enough.
  const waits = (part: Pick<PerformancePart, "state">) =>
    part.state === "immature" && performance.outcomes?.time !== undefined;
  if (
    !windowed &&
    (added === undefined || waits({ state: state === "evaluated" ? "evaluated" : "immature" }))
  )
    return "all";
  const touched = added === undefined ? undefined : await unlessGone(() => touchedBy(about, version, added));
  if (!windowed) return touched?.size === 0 ? "none" : "all";
  const late = open.filter((part) => touched === undefined || waits(part) || touched.has(part.window ?? ""));
  return late.length === 0 ? "none" : late.flatMap(({ window }) => window ?? []);
}

/** What cannot be read is evaluated, so that the evaluation says it. */
async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP")) return undefined;
    throw error;
  }
}

/** Files of outcomes that were added since a version; undefined where others changed, or the log is gone. */
async function addedSince(outcomes: LogSnapshot, before: number): Promise<AddAction[] | undefined> {
  if (outcomes.version < before || outcomes.version - before > mostCommits) return undefined;
  const added: AddAction[] = [];
  for (let version = before + 1; version <= outcomes.version; version++) {
    const rows = await rowsOfVersion(outcomes.context, version);
    if (rows.kind === "none") continue;
    if (rows.kind !== "batch" || !rows.isAppend) return undefined;
    appendAll(added, rows.adds);
  }
  return added;
}

/** The windows of a version's predictions that some outcomes are about; `""` without windows. */
async function touchedBy(
  about: PerformanceWork,
  version: number,
  added: readonly AddAction[],
): Promise<ReadonlySet<string>> {
  const { work, outcomes, performance } = about;
  if (added.length === 0 || outcomes === undefined) return new Set();
  const predicted = await predictedRows(about, version);
  const { wanted, all } = predicted;
  const own = all === undefined ? [wanted] : [wanted, all];
  return withRows(
    [...own, { snapshot: outcomes, adds: added, isOther: true }],
    work.definition.where,
    async (session, relations) => {
      const rows = await chosenRows(session, relations, about, predicted);
      const labels = relations.at(-1) ?? rows;
      const [axis] = await partAxes(session, rows, work.definition, { bins: undefined, isBaseline: false });
      const part = axis === undefined || work.definition.window === undefined ? sql`''` : axis.expression;
      const pairs = Object.entries(performance.outcomes?.on ?? {}).map(([prediction, outcome], index) => {
        const [p, o] = [
          requireSourceColumn({ sql: rows.select, columns: rows.columns }, prediction),
          requireSourceColumn({ sql: labels.select, columns: labels.columns }, outcome),
        ];
        const name = quoteName(`k${index}`);
        return {
          name,
          prediction: sql`${quoteName(p.name)} AS ${name}`,
          outcome: sql`${quoteName(o.name)} AS ${name}`,
        };
      });
      const predictions = sql`SELECT ${pairs.map(({ prediction }) => prediction)}, ${part} AS part FROM (${rows.select})`;
      const known = sql`SELECT ${pairs.map(({ outcome }) => outcome)} FROM (${labels.select})`;
      const equal = joinSql(
        pairs.map(({ name }) => sql`p.${name} = o.${name}`),
        sql` AND `,
      );
      const found = await session.rows(
        sql`SELECT DISTINCT p.part AS part FROM (${predictions}) AS p SEMI JOIN (${known}) AS o ON ${equal}`,
      );
      return new Set(found.map((row) => String(row["part"])));
    },
    work.options,
  );
}
