import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { changedRows, rewriteSideTable } from "../sidetables/rewrite-rows.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, numberDigits, quoteText } from "../sql/sql-text.ts";
import type { JsonObject } from "../util/json.ts";
import { storedRun } from "./read-runs.ts";
import type { RunModel, RunOutput, RunRecord, RunStatus } from "./run-record.ts";
import { endOfRun, type RunRow, runsOf } from "./runs-table.ts";

/** How a run ended. */
export interface RunEnd {
  readonly status: Exclude<RunStatus, "started">;
  readonly outputs: readonly RunOutput[];
  readonly metrics?: JsonObject | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly problems?: readonly string[] | undefined;
  /** The model as it is now. */
  readonly model?: RunModel | undefined;
  /** Milliseconds since 1970-01-01 UTC; default: now. */
  readonly endedAt?: number | undefined;
}

/**
 * Records how a run ended, in one commit. A run that ended already does not change.
 *
 * @returns the run as it is recorded
 * @throws `RUN_NOT_FOUND` if the run was removed meanwhile, `RUN_EXISTS` if it ended otherwise; as `rewriteSideTable`
 */
export async function finishRun(
  runs: TableContext,
  run: RunRecord,
  { endedAt, problems = [], ...end }: RunEnd,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RunRecord> {
  // The clock may have been set back since the run began.
  const time = Math.max(endedAt ?? runs.world.now(), run.startedAt.getTime());
  const ended: RunRecord = {
    ...run,
    ...end,
    model: modelAfter(run.model, end.model),
    problems: [...run.problems, ...problems],
    endedAt: new Date(time),
    durationMilliseconds: time - run.startedAt.getTime(),
  };
  const { runId } = run;
  const condition = sql`run_id = ${quoteText(runId)} AND status = 'started'`;
  await rewriteSideTable(
    runsOf(runs),
    async (snapshot) => {
      const stored = await storedRun(snapshot, runId, options);
      if (stored === undefined) throw runRemoved(runs, runId);
      if (stored.run.status === "started") return changedRows(condition, literals(endOfRun(ended)));
      // The commit of an earlier attempt may have landed without an answer.
      if (isSameEnd(stored.run, ended)) return undefined;
      throw endedOtherwise(runs, stored.run);
    },
    options,
  );
  return ended;
}

/** The model as it is now; if the run changed its file, also what it was before. */
function modelAfter(before: RunModel | undefined, after: RunModel | undefined): RunModel | undefined {
  if (before?.hash === undefined || after === undefined) return after ?? before;
  return before.hash === after.hash ? after : { ...after, hashBefore: before.hash };
}

function isSameEnd(one: RunRecord, other: RunRecord): boolean {
  return one.status === other.status && one.endedAt?.getTime() === other.endedAt?.getTime();
}

function runRemoved({ store: { uri } }: TableContext, runId: string): VarveError {
  return new VarveError(
    "RUN_NOT_FOUND",
    `The record of run ${JSON.stringify(runId)} was removed from the runs table at ${uri} while it was under way. Record the run again, under another id.`,
    { runId, uri },
  );
}

function endedOtherwise({ store: { uri } }: TableContext, { runId, status }: RunRecord): VarveError {
  return new VarveError(
    "RUN_EXISTS",
    `Another process recorded the end of run ${JSON.stringify(runId)} in the runs table at ${uri}: ${status}. Nothing was written.`,
    { runId, status, uri },
  );
}

/** Columns' values as SQL. */
function literals(row: RunRow): Readonly<Record<string, SqlExpression>> {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, literal(value)]));
}

function literal(value: RunRow[string] | undefined): SqlExpression {
  if (value === null || value === undefined) return sql`NULL`;
  if (value instanceof Date)
    return sql`CAST(${quoteText(value.toISOString())} AS ${columnType("TIMESTAMP WITH TIME ZONE")})`;
  return typeof value === "number" ? numberDigits(value) : quoteText(value);
}
