import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { carriedSuite, joinSuites } from "../quality/suite/carried.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { publishData, withdrawData } from "../table/data-files/publish-data-files.ts";
import { stagedTransaction } from "../table/idempotence/application-ids.ts";
import { timeOrderedUuid } from "../util/world.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, batchTests } from "../write/plan/plan-rows.ts";
import type { WriteOptions } from "../write/plan/write-options.ts";
import type { RowsPlan } from "../write/plan/write-plan.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import type { WrittenBatch } from "../write/stages/batch-stages.ts";
import { inWriteRoom } from "../write/stages/write-room.ts";
import { writeBatch } from "../write/write-pipeline.ts";
import {
  checkStagedId,
  layoutOf,
  misfitsPath,
  readEnd,
  type StagedBatch,
  writeStaged,
} from "./staged-batch.ts";
import { keepMisfits, stagingSuite } from "./staged-misfits.ts";

/** How a batch is staged. */
export interface StageOptions
  extends Pick<
    WriteOptions,
    "mergeSchema" | "upgradeProtocol" | "gate" | "userMetadata" | "targetFileBytes" | "onProgress" | "signal"
  > {
  /** Id of the batch, under which it is published at most once; default: a generated one. */
  readonly id?: string | undefined;
}

/**
 * Writes a batch's data files into the table's folder without committing them, and a record with which any
 * process can audit, publish or discard the batch. Readers of the table see nothing of it.
 *
 * The rows are tested against the table's schema, constraints and invariants, but not against a suite, which
 * is the task of an audit. Rows that do not fit the schema are set aside if the table's suite or the one
 * given says so (`onMisfit`): they wait next to the record, are counted by every audit, and go into the
 * quarantine when the batch is published. A crash leaves files that no version names.
 *
 * @throws as `append`, without `BATCH_REJECTED`; `STAGED_INVALID` for an id that is taken;
 * `UNSUPPORTED_FEATURE` for a table with identity columns, whose numbers are assigned at commit
 */
export async function stageBatch(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: StageOptions = {},
): Promise<StagedBatch> {
  const { context } = snapshot;
  const { id: requestedId, gate, ...write } = options;
  const id = checkStagedId(requestedId ?? timeOrderedUuid(context.world));
  const suite = gate === undefined ? undefined : defineSuite(gate);
  const target = await existingTarget(snapshot);
  if (target.requirements.identity.length > 0)
    throw givesNumbers(target.requirements.identity.map(({ column }) => column));
  if (requestedId !== undefined) await requireFreeId(snapshot, id);
  const tests = stagingSuite(joinSuites(carriedSuite(target.metadata.configuration), suite));
  const plan: RowsPlan = {
    ...addedRows(target, { source, tests: batchTests(tests) }, write),
    batch: { txn: stagedTransaction(id) },
  };
  return inWriteRoom(plan, options, async (room, local) => {
    const batch = await writeBatch(room, local, options);
    const path = misfitsPath(context, id);
    try {
      const misfits = await keepMisfits(batch, path);
      const files = await publishData(context, batch.data, options.signal);
      const rest = { suite: suite?.json, misfits };
      const staged = { ...recordOf(batch, id, options), ...rest, files };
      await writeStaged(context, staged);
      return staged;
    } catch (error) {
      await withdrawData(context, batch.data);
      await context.store.delete(path);
      throw error;
    }
  });
}

function recordOf(
  { target, data }: WrittenBatch,
  id: string,
  options: StageOptions,
): Omit<StagedBatch, "files"> {
  const { context, snapshot, protocol, metadata } = target;
  return {
    id,
    tableId: metadata.id,
    baseVersion: snapshot?.version ?? 0,
    stagedAt: context.world.now(),
    rows: data.rows,
    bytes: data.bytes,
    mergeSchema: options.mergeSchema === true,
    upgradeProtocol: options.upgradeProtocol === true,
    layout: layoutOf(protocol, metadata),
    protocol,
    metadata,
    userMetadata: options.userMetadata,
  };
}

async function requireFreeId(snapshot: LogSnapshot, id: string): Promise<void> {
  const published = (await snapshot.appTransactions()).has(stagedTransaction(id).appId);
  if (!published && (await readEnd(snapshot.context, id)) === undefined) return;
  const what = published ? "was published already" : "is about to be published or given up";
  throw new VarveError("STAGED_INVALID", `The batch ${id} ${what}. Stage under another id.`, { id });
}

function givesNumbers(columns: readonly string[]): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `Cannot stage rows of a table with identity columns (${columns.join(", ")}), whose values are assigned by the commit. Append the rows with a gate instead.`,
    { features: ["identityColumns"], columns: [...columns] },
  );
}
