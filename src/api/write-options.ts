import { VarveError } from "../errors.ts";
import type { OverwriteOptions as OverwriteVerbOptions } from "../operations/overwrite.ts";
import type { GateOptions as GateVerbOptions, WriteOptions } from "../write/write-options.ts";
import { toSnapshots } from "./source.ts";
import { requireOptions } from "./table-uri.ts";
import type { TableVersion } from "./table-version.ts";

/** What a gate needs beyond its suite. */
export interface GateOptions extends Omit<GateVerbOptions, "tables"> {
  /** Tables or versions that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, { snapshot(): TableVersion } | TableVersion>> | undefined;
}

/** How rows are added. */
export interface AppendOptions extends Omit<WriteOptions, "gateOptions" | "quarantine"> {
  readonly gateOptions?: GateOptions | undefined;
  /** The table that takes the rows that the gate sets aside; default: `_quarantine` below the table. */
  readonly quarantine?: { snapshot(): TableVersion } | undefined;
}

/** How rows are replaced. */
export type OverwriteOptions = AppendOptions &
  Pick<OverwriteVerbOptions, "replaceWhere" | "dynamicPartitions" | "overwriteSchema" | "partitionBy">;

/**
 * Checks a caller's options and gives them in the words of the verbs.
 *
 * @throws `INVALID_ARGUMENT` naming the option
 */
export function toWriteOptions(options: AppendOptions): WriteOptions {
  requireOptions(options, "A write");
  const { gateOptions, quarantine, ...given } = options;
  const rest: WriteOptions = { ...given, quarantine: quarantine?.snapshot().log.context };
  if (rest.txn !== undefined && rest.batchId !== undefined) {
    throw invalid("txn and batchId both name the batch. Give one of them", "batchId");
  }
  if (rest.txn !== undefined) checkTransaction(rest.txn);
  if (rest.batchId !== undefined && (typeof rest.batchId !== "string" || rest.batchId === ""))
    throw invalid("batchId must be a text that is not empty", "batchId");
  if (rest.targetFileBytes !== undefined && !(rest.targetFileBytes > 0))
    throw invalid("targetFileBytes must be a number above 0", "targetFileBytes");
  return gateOptions === undefined ? rest : { ...rest, gateOptions: toGateOptions(gateOptions) };
}

/** A caller's gate options in the words of the verbs. */
export function toGateOptions({ tables, ...gate }: GateOptions): GateVerbOptions {
  return { ...gate, tables: tables === undefined ? undefined : toSnapshots(tables) };
}

function checkTransaction({ appId, version }: NonNullable<WriteOptions["txn"]>): void {
  if (typeof appId !== "string" || appId === "") throw invalid("txn.appId must be a text that is not empty", "txn");
  const whole = typeof version === "bigint" || (typeof version === "number" && Number.isSafeInteger(version));
  if (!whole || BigInt(version) < 0n || BigInt(version) >= 2n ** 63n)
    throw invalid("txn.version must be a whole number of 0 or more, below 2^63", "txn");
}

function invalid(what: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${what}.`, { option });
}
