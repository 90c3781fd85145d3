import { VarveError } from "../../api/errors.ts";
import { standardInput } from "../shared/standard-input.ts";

/** Options of an append that commits standard input as it comes. */
export interface StreamFlags {
  readonly every?: number | undefined;
  readonly everyRows?: number | undefined;
  readonly appId?: string | undefined;
  readonly inputFormat?: string | undefined;
  readonly batchId?: string | undefined;
  readonly txn?: unknown;
  readonly quiet?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Whether an append commits standard input as it comes. @throws `INVALID_ARGUMENT` for options that do not fit */
export function isStream(files: readonly string[], flags: StreamFlags): boolean {
  const { every, everyRows, appId, inputFormat, batchId, txn } = flags;
  if (every === undefined && everyRows === undefined) {
    if (appId === undefined) return false;
    throw unfit(
      "--app-id is for appends that commit as rows come: add --every or --every-rows, or name the batch with --batch-id",
    );
  }
  if (files.length !== 1 || files[0] !== standardInput)
    throw unfit("--every and --every-rows commit standard input as it comes: the only file must be -");
  if (inputFormat !== undefined && inputFormat !== "ndjson")
    throw unfit(`--every and --every-rows read JSON lines (ndjson), not ${inputFormat}`);
  if (batchId !== undefined || txn !== undefined)
    throw unfit("--batch-id and --txn name one batch, and --every makes many: use --app-id");
  return true;
}

function unfit(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${message}.`);
}
