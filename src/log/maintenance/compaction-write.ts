import { VarveError } from "../../errors.ts";
import { serializeActions } from "../../protocol/action-json.ts";
import type { Action } from "../../protocol/actions.ts";
import type { TableContext } from "../contract.ts";
import { fileKeyer } from "../segment/file-key.ts";
import { compactionPath } from "../segment/file-names.ts";
import { readCommit } from "../segment/tail-read.ts";

/**
 * Writes a log compaction of the versions `from` to `to`, both inclusive (PROTOCOL.md "Log Compaction
 * Files"), and returns its path.
 *
 * It replaces those commits when the log is replayed. It keeps tombstones and removed domains, because they
 * cancel what came before `from`.
 *
 * @throws `INVALID_ARGUMENT` unless `to` is after `from`; `VERSION_NOT_FOUND` if a commit of the range does
 * not exist
 */
export async function writeCompaction(context: TableContext, from: number, to: number): Promise<string> {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to <= from) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot compact versions ${from} to ${to}: the range must contain at least two versions.`,
      {
        from,
        to,
      },
    );
  }
  const fileKey = fileKeyer(context.store.uri);
  const newest = new Map<string, Action>();
  for (let version = from; version <= to; version++) {
    for (const action of await readCommit(context.store, version)) {
      const key = reconciledKey(action, fileKey);
      if (key !== undefined) newest.set(key, action);
    }
  }
  const path = compactionPath(from, to);
  await context.store.put(path, serializeActions(newest.values()));
  return path;
}

/** Actions with one key replace each other; `undefined` for those that do not outlive their commit. */
function reconciledKey(action: Action, fileKey: ReturnType<typeof fileKeyer>): string | undefined {
  switch (action.kind) {
    case "add":
    case "remove":
      return `file ${fileKey(action)}`;
    case "txn":
      return `txn ${action.appId}`;
    case "domainMetadata":
      return `domain ${action.domain}`;
    case "metaData":
    case "protocol":
      return action.kind;
    default:
      return undefined;
  }
}
