import { VarveError } from "../../errors.ts";
import type { OverwriteOptions as OverwriteVerbOptions } from "../../operations/overwrite.ts";
import type { ResubmitOptions as ResubmitVerbOptions } from "../../quarantine/resubmit.ts";
import type { AuditOptions as AuditVerbOptions } from "../../staging/audit-staged.ts";
import type { StageOptions as StageVerbOptions } from "../../staging/stage.ts";
import { optionText } from "../../util/option-text.ts";
import type { GateOptions as GateVerbOptions, WriteOptions } from "../../write/plan/write-options.ts";
import { knownOptions } from "./known-options.ts";
import { stageKeys } from "./option-keys.ts";
import type { ApplicationTransaction, StageOptions } from "./options.ts";
import { requireChange } from "./quarantine-options.ts";
import { toSnapshots } from "./source.ts";
import {
  type AppendOptions,
  appendKeys,
  type BatchCommitOptions,
  type GateOptions,
  type OverwriteOptions,
  overwriteKeys,
  type PublishOptions,
  publishKeys,
  type ResubmitOptions,
  resubmitKeys,
} from "./table-options.ts";

/** Converts a caller's options of an append for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toAppendOptions(options: AppendOptions): WriteOptions {
  const { gateOptions, quarantine, ...rest } = knownOptions("append", options, appendKeys);
  return { ...rest, ...toCommitOptions({ ...rest, gateOptions, quarantine }) };
}

/** Converts a caller's options of an overwrite for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toOverwriteOptions(options: OverwriteOptions): OverwriteVerbOptions {
  const { gateOptions, quarantine, ...rest } = knownOptions("overwrite", options, overwriteKeys);
  return { ...rest, ...toCommitOptions({ ...rest, gateOptions, quarantine }) };
}

/**
 * Validates and converts the options of a batch's commit for the verbs. @throws `INVALID_ARGUMENT` naming the
 * option
 */
export function toCommitOptions(options: BatchCommitOptions): WriteOptions {
  const { gate, gateOptions, quarantine, txn, batchId, userMetadata, targetFileBytes, onProgress, signal } =
    options;
  if (txn !== undefined && batchId !== undefined)
    throw invalid(
      `${optionText("txn")} and ${optionText("batchId")} both name the batch. Give one of them`,
      "batchId",
    );
  if (txn !== undefined) checkTransaction(txn);
  if (batchId !== undefined) checkBatchName(batchId, "batchId", "batchId");
  if (quarantine !== undefined && typeof quarantine?.snapshot !== "function")
    throw invalid("quarantine must be an open table", "quarantine");
  return {
    gate,
    gateOptions: toGateOptions(gateOptions),
    quarantine: quarantine?.snapshot().log.context,
    txn,
    batchId,
    userMetadata,
    targetFileBytes: checkedFileBytes(targetFileBytes),
    onProgress,
    signal,
  };
}

/** Converts a caller's options of staging for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toStageOptions(options: StageOptions): StageVerbOptions {
  const known = knownOptions("staging.stage", options, stageKeys);
  checkedFileBytes(known.targetFileBytes);
  return known;
}

/** Converts a caller's options of a publication for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toPublishOptions(options: PublishOptions): AuditVerbOptions {
  const { gateOptions, ...rest } = knownOptions("staging.publish", options, publishKeys);
  return { ...rest, gateOptions: toGateOptions(gateOptions) };
}

/**
 * Converts a caller's options of a resubmission for the verb. @throws `INVALID_ARGUMENT` naming the option
 */
export function toResubmitOptions(options: ResubmitOptions): ResubmitVerbOptions {
  const verb = "quarantine.resubmit";
  const { gateOptions, all, ...rest } = knownOptions(verb, options, resubmitKeys);
  requireChange(
    verb,
    { ids: rest.ids, batchId: rest.batchId, checkId: rest.checkId, status: rest.status, all },
    "open",
  );
  if (rest.untested !== undefined && typeof rest.untested !== "boolean")
    throw invalid(`The option untested of ${verb} must be true or false`, "untested");
  if (rest.untested === true && rest.gate !== undefined)
    throw invalid(`${verb} takes gate or untested, not both`, "untested");
  return { ...rest, gateOptions: toGateOptions(gateOptions) };
}

function toGateOptions(options: GateOptions | undefined): GateVerbOptions | undefined {
  if (options === undefined) return undefined;
  const { tables, functions, history } = options;
  return { tables: tables === undefined ? undefined : toSnapshots(tables), functions, history };
}

function checkedFileBytes(bytes: number | undefined): number | undefined {
  if (bytes !== undefined && !(bytes > 0))
    throw invalid(`${optionText("targetFileBytes")} must be above 0`, "targetFileBytes");
  return bytes;
}

/** A name that is kept in logs and in quarantined rows, where two that differ must stay two. */
function checkBatchName(name: string, what: string, option: string): void {
  if (typeof name !== "string" || name === "")
    throw invalid(`${what} must be a text that is not empty`, option);
  if (/[\0\p{Surrogate}]/u.test(name))
    throw invalid(`${what} must not contain NUL or half of a surrogate pair`, option);
  if (name.startsWith("varve."))
    throw invalid(`${what} must not begin with varve., as the ids do that varve itself records`, option);
}

function checkTransaction({ appId, version }: ApplicationTransaction): void {
  checkBatchName(appId, "txn.appId", "txn");
  const whole = typeof version === "bigint" || (typeof version === "number" && Number.isSafeInteger(version));
  if (!whole || BigInt(version) < 0n || BigInt(version) >= 2n ** 63n)
    throw invalid("txn.version must be a whole number of 0 or more, below 2^63", "txn");
}

function invalid(what: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${what}.`, { option });
}
