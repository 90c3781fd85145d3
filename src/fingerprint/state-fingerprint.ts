import { hash } from "node:crypto";
import type { LogSnapshot } from "../log/contract.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { eventLoopPauses } from "../util/concurrency.ts";
import { definitionText, fileIdentities } from "./file-identity.ts";

/** Name of the scheme of state fingerprints; another canonical form gets another name. */
export const stateScheme = "varve-state-1";

const filesPerTurn = 10_000;

/**
 * Computes the fingerprint of a version's state from its log alone: columns, partition columns, column mapping,
 * and live files with sizes, partition values and deletion vectors (spec/fingerprints.md).
 *
 * Two versions with the same fingerprint read the same files in the same way.
 */
export async function stateFingerprint(
  snapshot: LogSnapshot,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const identityOf = fileIdentities(snapshot);
  const pause = eventLoopPauses(filesPerTurn);
  // Digests of 32 bytes are kept, not the texts, and sorted: the order of files in the log has no meaning.
  const digests: string[] = [];
  for await (const files of (await snapshot.files()).all({ statistics: false })) {
    throwIfCancelled(signal, "fingerprinting the files");
    for (const file of files) digests.push(hash("sha256", identityOf(file), "binary"));
    await pause(files.length);
  }
  digests.sort();
  const state = `${hash("sha256", definitionText(snapshot), "binary")}${digests.join("")}`;
  return `${stateScheme}:${hash("sha256", Buffer.from(state, "binary"), "hex")}`;
}
