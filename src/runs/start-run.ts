import { resolve } from "node:path";
import { isVarveError, VarveError } from "../errors.ts";
import { contentFingerprint } from "../fingerprint/content-fingerprint.ts";
import { stateFingerprint } from "../fingerprint/state-fingerprint.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { addPin } from "../pins/add-pin.ts";
import { openPin } from "../pins/reading/open-pin.ts";
import { pinFolder } from "../pins/reading/pin-name.ts";
import type { Pin } from "../pins/reading/pin-record.ts";
import { removePin } from "../pins/remove-pin.ts";
import { retrying, settled } from "../sidetables/append-rows.ts";
import { removedRows, rewriteSideTable } from "../sidetables/rewrite-rows.ts";
import { ensureSideTable, naming } from "../sidetables/side-table.ts";
import { sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { undone } from "../util/hand-over.ts";
import type { JsonValue } from "../util/json.ts";
import { systemErrorCode } from "../util/system-refusals.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows } from "../write/plan/plan-rows.ts";
import { runPlan } from "../write/write-pipeline.ts";
import type { Artifact } from "./artifact.ts";
import { runPredicate, storedRun } from "./read-runs.ts";
import { runEnvironment } from "./run-environment.ts";
import { measuredArtifact } from "./run-outputs.ts";
import { type RunInput, type RunRecord, runPinName } from "./run-record.ts";
import { requireRunsTable, rowOfRun, runsOf } from "./runs-table.ts";

/** A version of a table that a run reads, before it is known which. */
export interface AskedInput {
  readonly name: string;
  /** The table itself, also of a pin. */
  readonly context: TableContext;
  /** The newest, if none is given. */
  readonly point?: { readonly version: number } | { readonly timestamp: number } | undefined;
  /** A pin that keeps the version already. */
  readonly pin?: Pin | undefined;
  /** Record the fingerprint of the rows, too. */
  readonly content: boolean;
}

/** A run that was checked, before anything is read or written. */
export interface AskedRun {
  readonly runId: string;
  readonly name?: string | undefined;
  readonly inputs: readonly AskedInput[];
  readonly model?: Artifact | undefined;
  readonly code?: Artifact | undefined;
  readonly params?: JsonValue | undefined;
  readonly seed?: JsonValue | undefined;
  readonly environment?: JsonValue | undefined;
  /** Names of environment variables to record besides the usual ones. */
  readonly variables: readonly string[];
  readonly command: readonly string[];
  readonly folder: string;
  /** Milliseconds since 1970-01-01 UTC; default: now. */
  readonly startedAt?: number | undefined;
  /** When the pins may go, in milliseconds since 1970-01-01 UTC. */
  readonly expires?: number | undefined;
  /** SHA-256 of what the caller said. */
  readonly digest: string;
}

/** Result of starting a run. */
export interface StartedRun {
  /** `resumed`: an earlier attempt got no further; `ended`: the run is over, and nothing was changed. */
  readonly outcome: "started" | "resumed" | "ended";
  readonly run: RunRecord;
}

interface StartOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Records that a run begins, and pins the versions that it reads.
 *
 * The record comes first and says which versions: after a crash, the same call pins the same ones, whatever was
 * committed since. If the first call under an id fails, neither pins nor record stay.
 *
 * @throws `RUN_EXISTS` for an id that is recorded with other content; `SOURCE_UNREADABLE` for a file of the model or
 * code; `SCHEMA_MISMATCH` for a table that is no runs table; as `openLog`, `addPin` and `runPlan`
 */
export async function startRun(
  runs: TableContext,
  asked: AskedRun,
  options: StartOptions = {},
): Promise<StartedRun> {
  const versions = new Map<string, LogSnapshot>();
  const started = await recordStart(runs, asked, versions, options);
  if (started.outcome === "ended") return started;
  const added: (readonly [TableContext, string])[] = [];
  try {
    for (const input of asked.inputs) {
      const recorded = started.run.inputs.find(({ name }) => name === input.name);
      if (recorded === undefined || input.pin !== undefined) continue;
      const opened = versions.get(input.name);
      // Another process with the same run may have recorded first, with another version.
      const isRecorded = opened?.version === recorded.version && opened.metadata.id === recorded.tableId;
      const snapshot = isRecorded ? opened : await openInput(input, recorded);
      if (snapshot === undefined) continue;
      const pinned = await addPin(snapshot, recorded.pin, {
        reason: `read by run ${asked.runId} as ${input.name}, recorded in ${runs.store.uri}`.slice(0, 2_000),
        owner: asked.name,
        run: { id: asked.runId, runs: runs.store.uri },
        expires: asked.expires,
        signal: options.signal,
      });
      if (pinned.outcome === "pinned") added.push([input.context, recorded.pin]);
    }
  } catch (error) {
    if (started.outcome === "resumed") throw error;
    return await undone(error, () => undo(runs, asked.runId, added));
  }
  return started;
}

/** The version of an earlier attempt; `undefined` if it is pinned. */
async function openInput({ context }: AskedInput, recorded: RunInput): Promise<LogSnapshot | undefined> {
  try {
    const { pin } = await openPin(context, recorded.pin);
    if (pin.version === recorded.version && pin.tableId === recorded.tableId) return undefined;
  } catch (error) {
    if (!isVarveError(error, "PIN_NOT_FOUND")) throw error;
  }
  const snapshot = await openLog(context, { version: recorded.version });
  if (snapshot.metadata.id === recorded.tableId) return snapshot;
  throw new VarveError(
    "VERSION_NOT_FOUND",
    `${context.store.uri} is another table than the run's earlier attempt read: its id is ${snapshot.metadata.id}, not ${recorded.tableId}. Start the run with another id.`,
    { version: recorded.version },
  );
}

async function recordStart(
  runs: TableContext,
  asked: AskedRun,
  versions: Map<string, LogSnapshot>,
  options: StartOptions,
): Promise<StartedRun> {
  const side = runsOf(runs);
  const { runId, digest } = asked;
  let fresh: RunRecord | undefined;
  return retrying(async () => {
    const snapshot = await ensureSideTable(side, options);
    requireRunsTable(snapshot);
    const stored = await storedRun(snapshot, runId, options);
    if (stored !== undefined && stored.digest !== digest) throw runExists(runs, stored.run);
    if (stored !== undefined)
      return { outcome: stored.run.status === "started" ? "resumed" : "ended", run: stored.run };
    fresh ??= await newRun(runs, asked, versions, options);
    const run = fresh;
    return naming(side, async () => {
      const plan = addedRows(await existingTarget(snapshot), { source: [rowOfRun(run, digest)] });
      await settled(await runPlan({ ...plan, reads: { predicates: [runPredicate(runId)] } }, options));
      return { outcome: "started", run };
    });
  });
}

async function newRun(
  runs: TableContext,
  asked: AskedRun,
  versions: Map<string, LogSnapshot>,
  { signal }: StartOptions,
): Promise<RunRecord> {
  const inputs: RunInput[] = [];
  for (const input of asked.inputs) {
    const { context, point, pin, content, name } = input;
    const snapshot =
      pin === undefined ? await openLog(context, point ?? {}) : (await openPin(context, pin.name)).log;
    if (snapshot.readObstacle !== undefined) throw snapshot.readObstacle;
    versions.set(name, snapshot);
    const version = pin?.version ?? snapshot.version;
    const pinName = pin?.name ?? runPinName(asked.runId, version);
    inputs.push({
      name,
      table: context.store.uri,
      tableId: pin?.tableId ?? snapshot.metadata.id,
      version,
      pin: pinName,
      pinUri: `${context.store.uri.replace(/\/+$/, "")}/${pinFolder(pinName)}`,
      fingerprint: pin?.fingerprint ?? (await stateFingerprint(snapshot, { signal })),
      contentFingerprint: content ? (await contentFingerprint(snapshot, { signal })).fingerprint : undefined,
    });
  }
  const { runId, name, params, seed, command, folder, variables, environment: given } = asked;
  return {
    runId,
    status: "started",
    name,
    inputs,
    outputs: [],
    model: asked.model === undefined ? undefined : await modelBefore(asked.model),
    code: asked.code && (await measuredArtifact(asked.code)),
    params,
    seed,
    environment: await runEnvironment({ command, folder, variables, given }),
    startedAt: new Date(asked.startedAt ?? runs.world.now()),
    problems: [],
  };
}

/** The model before the run, which may be what makes its file. @throws `SOURCE_UNREADABLE` */
async function modelBefore(model: Artifact): Promise<Artifact> {
  if (model.file === undefined) return model;
  try {
    return await measuredArtifact(model);
  } catch (error) {
    const { cause } = error instanceof VarveError ? error : {};
    if (systemErrorCode(cause) !== "ENOENT") throw error;
    return { ...model, file: resolve(model.file) };
  }
}

/** The error for an id with other content. */
function runExists({ store: { uri } }: TableContext, { runId, status }: RunRecord): VarveError {
  return new VarveError(
    "RUN_EXISTS",
    `Run ${JSON.stringify(runId)} is in the runs table at ${uri} already (${status}), with other content. Nothing was written. Use another id, or none: a run that ended does not change.`,
    { runId, status, uri },
  );
}

/** The error for a command whose run ended already. */
export function runEnded({ store: { uri } }: TableContext, { runId, status }: RunRecord): VarveError {
  return new VarveError(
    "RUN_EXISTS",
    `Run ${JSON.stringify(runId)} in the runs table at ${uri} ended already (${status}), so its command is not run again. Use another id, or none.`,
    { runId, status, uri },
  );
}

/** Takes back what a start did that failed, so that nothing of it stays. */
async function undo(
  runs: TableContext,
  runId: string,
  pins: readonly (readonly [TableContext, string])[],
): Promise<void> {
  for (const [context, name] of pins) await removePin(context, name);
  const condition = sql`run_id = ${quoteText(runId)} AND status = 'started'`;
  await rewriteSideTable(runsOf(runs), async () => removedRows(condition));
}
