import { isStoreFailure, isVarveError } from "../errors.ts";
import { logFolder } from "../log/segment/file-names.ts";
import type { ObjectStore, ReadOptions } from "../storage/contract/object-store.ts";
import { isJsonObject, parseJson, stringifyJson } from "../util/json.ts";

/** Where Spark keeps how far a vacuum came. */
const path = `${logFolder}/_last_vacuum_info`;
const key = "latestCommitVersionOutsideOfRetentionWindow";

/**
 * The newest version whose removed files the last vacuum deleted; `undefined` if no vacuum said so, or what it said
 * cannot be read: then a vacuum that reads the log begins at its first version.
 */
export async function readLastVacuum(store: ObjectStore, options?: ReadOptions): Promise<number | undefined> {
  try {
    const info = parseJson(new TextDecoder().decode(await store.get(path, options)));
    const version = isJsonObject(info) ? info[key] : undefined;
    return typeof version === "number" && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
  } catch (error) {
    if (isStoreFailure(error) || isVarveError(error, "CANCELLED")) throw error;
    return undefined;
  }
}

/** Records how far a vacuum came, for later ones and for Spark's. */
export async function writeLastVacuum(store: ObjectStore, version: number): Promise<void> {
  await store.put(path, new TextEncoder().encode(`${stringifyJson({ [key]: version })}\n`));
}
