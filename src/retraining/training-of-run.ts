import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { findRun } from "../runs/read-runs.ts";
import { foldName } from "../schema/schema-json.ts";
import { findInput } from "../training/training-inputs.ts";

/** The run that made a model. */
export interface TrainingRun {
  readonly runs: TableContext;
  readonly runId: string;
  /** Names of the inputs with the rows that it learned from; default: all that have the key. */
  readonly inputs?: readonly string[] | undefined;
}

/**
 * The versions whose rows a model was trained on, by the record of the run that made it: its inputs that have the
 * columns of the key.
 *
 * @throws `RUN_NOT_FOUND`; `INVALID_ARGUMENT` for an input that the run does not have, or without any that has the key;
 * `VERSION_NOT_FOUND` for one that is gone
 */
export async function trainingOfRun(
  { runs, runId, inputs }: TrainingRun,
  on: readonly string[],
  {
    contextOf,
    signal,
  }: {
    readonly contextOf: (uri: string) => Promise<TableContext>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<readonly LogSnapshot[]> {
  const run = await findRun(runs, runId, { signal });
  const names = run.inputs.map(({ name }) => name);
  const unknown = inputs?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Run ${runId} has no input ${JSON.stringify(unknown)}; its inputs are: ${names.join(", ") || "none"}.`,
      { runId, name: unknown, inputs: names },
    );
  const logs: LogSnapshot[] = [];
  for (const input of run.inputs) {
    if (inputs !== undefined && !inputs.includes(input.name)) continue;
    const { log, reason } = await findInput(input, await contextOf(input.table), { signal });
    if (log === undefined)
      throw new VarveError(
        "VERSION_NOT_FOUND",
        `The input ${input.name} of run ${runId} is gone, so its rows cannot be told from those of the data: ${reason ?? "no reason is known"}. Name the training rows themselves (trainedOn).`,
        { runId, name: input.name, version: input.version },
      );
    const columns = new Set(log.schema.fields.map(({ name }) => foldName(name)));
    if (on.every((name) => columns.has(foldName(name)))) logs.push(log);
  }
  if (logs.length > 0) return logs;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `No input of run ${runId} has the key (${on.join(", ")}), so its training rows are not known; its inputs are: ${names.join(", ") || "none"}. Name the training rows themselves (trainedOn).`,
    { runId, column: on, inputs: names },
  );
}
