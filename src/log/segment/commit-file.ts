import { isVarveError, VarveError } from "../../errors.ts";
import type { ObjectInfo, ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { commitPath, logFolder, parseLogPath } from "./file-names.ts";

/**
 * A commit's bytes, or `undefined` if the store definitely has none. @throws `STORE_UNAVAILABLE`,
 * `STORE_REFUSED`
 */
export async function readCommitBytes(
  store: ObjectStore,
  version: number,
  options?: ReadOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await store.get(commitPath(version), options);
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

/**
 * The commits after `version`, without gaps, oldest first.
 *
 * @throws `LOG_GAP` if later commits exist but the next one, or `version` itself, does not: the log was
 * cleaned up past it, and what follows a version that is gone may be a late commit into the past
 */
export async function listCommitsAfter(
  store: ObjectStore,
  version: number,
  options?: ReadOptions,
): Promise<ObjectInfo[]> {
  const commits: ObjectInfo[] = [];
  // Starts just before the name of the version's own commit.
  const start = version < 0 ? {} : { startAfter: commitPath(version).slice(0, -1) };
  let hasOwn = version < 0;
  for await (const object of store.list(`${logFolder}/0`, { ...options, ...start })) {
    const name = parseLogPath(object.path);
    if (name?.kind !== "commit") continue;
    if (name.version === version) {
      hasOwn = true;
      continue;
    }
    if (!hasOwn) throw gap(version, name.version);
    const next = version + 1 + commits.length;
    if (name.version !== next) throw gap(next, name.version);
    commits.push(object);
  }
  return commits;
}

/**
 * The first of several commits, oldest first, whose file is younger than the next one's: it was put late,
 * perhaps into a version that was cleaned up. `undefined` if they are in order.
 */
export function firstOutOfOrder(commits: readonly (ObjectInfo | undefined)[]): ObjectInfo | undefined {
  return commits.find(
    (commit, index) => (commit?.modified ?? 0) > (commits[index + 1]?.modified ?? Number.POSITIVE_INFINITY),
  );
}

function gap(missing: number, found: number): VarveError {
  return new VarveError(
    "LOG_GAP",
    `The log has version ${found} but not version ${missing}, which was cleaned up after the table was opened, or lost. ` +
      "Open the table again and retry; if that fails too, run `varve fsck`.",
    { missing, found },
  );
}
