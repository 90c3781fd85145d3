import { isVarveError, type VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { findRun, readRuns } from "../runs/read-runs.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { runsAt, runsBelow } from "../runs/runs-table.ts";
import { contextAt } from "../table/definition/open-context.ts";
import type { RecordedPrediction } from "./prediction.ts";

/** The run that made the model of a prediction. */
export interface ModelRun {
  readonly runId: string;
  /** URI of the runs table. */
  readonly runs: string;
  /** Absent if the prediction names a run that cannot be read any more; `problem` says why. */
  readonly run?: RunRecord | undefined;
  readonly problem?: string | undefined;
  /** Whether the run's model has the hash that the prediction's has; absent if either has none. */
  readonly isSameModel?: boolean | undefined;
}

/**
 * Finds the run that made a prediction's model: the one that it names, or else the first that was recorded with the
 * hash of its model, in the runs table that the prediction or the caller names, or below the first input's table.
 */
export async function modelRun(
  ledger: TableContext,
  { model, inputs }: RecordedPrediction,
  { runs, signal }: { readonly runs?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<ModelRun | undefined> {
  if (model === undefined || (model.run === undefined && model.hash === undefined)) return undefined;
  const place = model.runs ?? runs;
  const table = inputs.find((input) => input.table !== undefined)?.table;
  if (place === undefined && table === undefined) return undefined;
  let uri = place ?? "";
  try {
    const context =
      place === undefined ? runsBelow(await contextAt(ledger, table ?? "")) : await contextAt(ledger, place);
    ({ uri } = context.store);
    const found = place === undefined ? context : await runsAt(context);
    if (model.run !== undefined)
      return foundRun(found, await findRun(found, model.run, { signal }), model.hash);
    const made = await readRuns(found, { modelHash: model.hash, status: "complete" }, { signal });
    const first = made.at(-1);
    return first === undefined ? undefined : foundRun(found, first, model.hash);
  } catch (error) {
    // A prediction can be reproduced without the record of its model's run; one that is not named is not missed.
    if (!isVarveError(error) || error.code === "CANCELLED") throw error;
    if (model.run === undefined && !isUnreadable(error)) throw error;
    return model.run === undefined ? undefined : { runId: model.run, runs: uri, problem: error.message };
  }
}

function foundRun({ store: { uri } }: TableContext, run: RunRecord, hash: string | undefined): ModelRun {
  const other = run.model?.hash;
  const isSameModel = hash === undefined || other === undefined ? undefined : hash === other;
  return { runId: run.runId, runs: uri, run, isSameModel };
}

function isUnreadable(error: unknown): error is VarveError {
  return (
    isVarveError(error, "RUN_NOT_FOUND", "NOT_A_TABLE", "SCHEMA_MISMATCH", "LOG_GAP", "LOG_CORRUPT") ||
    isVarveError(error, "CHECKPOINT_CORRUPT", "DATA_FILE_MISSING", "DATA_FILE_CORRUPT")
  );
}
