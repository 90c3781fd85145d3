import { isVarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { finishRun, type RunEnd } from "./finish-run.ts";
import type { RunRecord } from "./run-record.ts";
import { type AskedRun, startRun } from "./start-run.ts";

/** Result of recording a run. */
export interface RecordedRun {
  /** `alreadyRecorded`: an earlier call had recorded it, and nothing was written. */
  readonly outcome: "recorded" | "alreadyRecorded";
  readonly run: RunRecord;
  /** URI of the runs table. */
  readonly runs: string;
}

/**
 * Records a run that is over, once: first what it read, which is pinned, then how it ended. After a crash, the same
 * call completes it.
 *
 * @throws as `startRun` and `finishRun`
 */
export async function recordRun(
  runs: TableContext,
  asked: AskedRun,
  end: RunEnd,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RecordedRun> {
  const { outcome, run } = await startRun(runs, asked, options);
  const { uri } = runs.store;
  if (outcome === "ended") return { outcome: "alreadyRecorded", run, runs: uri };
  try {
    return { outcome: "recorded", run: await finishRun(runs, run, end, options), runs: uri };
  } catch (error) {
    if (!isVarveError(error, "RUN_EXISTS")) throw error;
    // Another process with the same call was faster: the digest covers the end, too.
    const ended = await startRun(runs, asked, options);
    if (ended.outcome !== "ended") throw error;
    return { outcome: "alreadyRecorded", run: ended.run, runs: uri };
  }
}
