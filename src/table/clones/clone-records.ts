import { createHash } from "node:crypto";
import type { ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { canonicalUri } from "../../storage/open-store.ts";
import { stringifyJson } from "../../util/json.ts";

/** What a table keeps about a shallow clone that reads its files; spec/formats.md, "Clones". */
export interface CloneRecord {
  /** URI of the clone. */
  readonly clone: string;
  /** Id of the clone's table. */
  readonly tableId: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly createdTime: number;
}

/**
 * Records a shallow clone with the table whose files it reads, before the clone can be seen: the record lets the
 * clone read these files, and tells a vacuum of the table to keep them.
 *
 * @throws `STORE_FORBIDDEN`, `STORE_REFUSED`, `STORE_UNAVAILABLE`
 */
export async function recordClone(
  store: ObjectStore,
  record: CloneRecord,
  options?: ReadOptions,
): Promise<void> {
  const text = stringifyJson({ ...record }, 2);
  await store.put(recordPath(record.clone), new TextEncoder().encode(`${text}\n`), options);
}

/** Whether the table at a store's root has a record of the clone at `clone`. */
export async function hasCloneRecord(store: ObjectStore, clone: string): Promise<boolean> {
  return (await store.head(recordPath(clone))) !== undefined;
}

/** Named by the clone's address, so that a clone that is made again replaces its record. */
function recordPath(clone: string): string {
  const name = createHash("sha256").update(canonicalUri(clone)).digest("hex").slice(0, 40);
  return `_clones/${name}.json`;
}
