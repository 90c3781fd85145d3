import type { ObjectInfo, ObjectStore } from "../../storage/contract/object-store.ts";

/**
 * Bytes of commits that this process wrote or read while committing, oldest first, kept until the next
 * snapshot needs them.
 */
const known = new WeakMap<ObjectStore, Map<string, Uint8Array>>();

const mostCommits = 64;
const mostBytes = 256 * 1024;

/**
 * Keeps a commit's bytes for the next {@link recallCommit}, so that a writer need not read back what it has
 * in memory.
 */
export function rememberCommit(store: ObjectStore, path: string, bytes: Uint8Array): void {
  if (bytes.length > mostBytes) return;
  const commits = known.get(store) ?? new Map<string, Uint8Array>();
  known.set(store, commits);
  commits.delete(path);
  commits.set(path, bytes);
  const [oldest] = commits.keys();
  if (commits.size > mostCommits && oldest !== undefined) commits.delete(oldest);
}

/** A commit's remembered bytes, which stay remembered; `undefined` if there are none. */
export function rememberedCommit(store: ObjectStore, path: string): Uint8Array | undefined {
  return known.get(store)?.get(path);
}

/**
 * Returns a listed commit's remembered bytes, once; commits never change, and one of another size belongs to
 * another table.
 */
export function recallCommit(
  store: ObjectStore,
  listed: Pick<ObjectInfo, "path" | "size">,
): Uint8Array | undefined {
  const bytes = known.get(store)?.get(listed.path);
  known.get(store)?.delete(listed.path);
  return bytes?.length === listed.size ? bytes : undefined;
}
