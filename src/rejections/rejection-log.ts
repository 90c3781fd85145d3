import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { appendToSideTable } from "../sidetables/append-rows.ts";
import { asStep } from "../sidetables/side-table.ts";
import {
  type BatchName,
  batchOf,
  batchTransaction,
  quarantinedName,
} from "../table/idempotence/application-ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";
import { timeOrderedUuid } from "../util/world.ts";
import type { RefusedBatch, RejectionLog } from "../write/write-services.ts";
import { rejectionsOf } from "./rejections-table.ts";

/**
 * The record of the batches that a table refused. Each attempt is one row, written by one commit after the
 * batch's own resources were released.
 *
 * @param snapshot the version that batches are based on
 */
export function rejectionLog(snapshot: LogSnapshot, signal?: AbortSignal): RejectionLog {
  const side = rejectionsOf(snapshot.context);
  return {
    record: async (batch) => {
      const source = [storedRejection(snapshot, batch)];
      try {
        await asStep(side, () => appendToSideTable(side, async () => ({ source }), { signal }));
        return batch.error;
      } catch (cause) {
        return unrecorded(batch.error, side.context.store.uri, cause);
      }
    },
  };
}

function unrecorded({ code, message, data, cause }: VarveError, uri: string, failure: unknown): VarveError {
  const why = failure instanceof Error ? failure.message : String(failure);
  const failureCode = isVarveError(failure) ? failure.code : undefined;
  return new VarveError(
    code,
    `${message} The rejection could not be recorded in ${uri}: ${why}`,
    { ...data, unrecorded: { uri, reason: why, code: failureCode } },
    cause ?? failure,
  );
}

function storedRejection({ context, version, metadata }: LogSnapshot, refused: RefusedBatch) {
  const { world } = context;
  const { error, suite } = refused;
  const gate = error.data["gate"] as JsonValue | undefined;
  const verdict = isJsonObject(gate) ? gate : undefined;
  return {
    rejection_id: timeOrderedUuid(world),
    table_id: metadata.id,
    rejected_at: new Date(world.now()),
    batch_id: nameOf(refused.batch),
    message: refused.userMetadata,
    operation: refused.operation,
    base_version: version,
    sources: refused.sources,
    code: error.code,
    reasons: reasonsOf(error),
    suite: suite?.name,
    suite_fingerprint: suite?.fingerprint,
    rows: verdict?.["rows"],
    clean: verdict?.["clean"],
    quarantined: verdict?.["quarantined"],
    dropped: verdict?.["dropped"],
    failed_checks: failedChecks(verdict),
    gate: verdict === undefined ? undefined : JSON.stringify(verdict),
  };
}

/** The caller's name of a batch, or the id of a staged one. */
function nameOf(batch: BatchName): string | undefined {
  const transaction = batchTransaction(batch);
  const named = transaction === undefined ? undefined : batchOf(transaction);
  return named === undefined ? undefined : quarantinedName(named);
}

function reasonsOf({ data, message }: VarveError): readonly string[] {
  const reasons: unknown = data["reasons"];
  return Array.isArray(reasons) && reasons.length > 0 ? reasons.map(String) : [message];
}

function failedChecks(verdict: JsonObject | undefined): readonly string[] {
  const checks = verdict?.["checks"];
  if (!Array.isArray(checks)) return [];
  return checks.flatMap((check: JsonValue) =>
    isJsonObject(check) && check["success"] === false ? [String(check["id"])] : [],
  );
}
