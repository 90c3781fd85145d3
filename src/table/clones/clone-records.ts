import { createHash } from "node:crypto";
import { VarveError } from "../../errors.ts";
import type { ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { canonicalUri } from "../../storage/open-store.ts";
import { defined } from "../../util/defined.ts";
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from "../../util/json.ts";

const folder = "_clones";

/** What a table keeps about a shallow clone that reads its files; spec/formats.md, "Clones". */
export interface CloneRecord {
  /** URI of the clone. */
  readonly clone: string;
  /** Id of the clone's table. */
  readonly tableId: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly createdTime: number;
  /** The version that the clone replaces, of a table that was there before. */
  readonly replacedVersion?: number | undefined;
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
  const text = stringifyJson(defined({ ...record }), 2);
  await store.put(recordPath(record.clone), new TextEncoder().encode(`${text}\n`), options);
}

/**
 * The records of a table's shallow clones, by their paths, oldest clones first.
 *
 * @throws `LOG_CORRUPT` for a record that cannot be read, because a vacuum must not guess what it says
 */
export async function listClones(
  store: ObjectStore,
  options?: ReadOptions,
): Promise<ReadonlyMap<string, CloneRecord>> {
  const records: [string, CloneRecord][] = [];
  for await (const { path } of store.list(`${folder}/`, options)) {
    if (/^_clones\/[0-9a-f]{40}\.json$/.test(path))
      records.push([path, recordOf(await store.get(path, options), path)]);
  }
  return new Map(records.sort(([, a], [, b]) => a.createdTime - b.createdTime));
}

function recordOf(bytes: Uint8Array, path: string): CloneRecord {
  let json: JsonValue | undefined;
  try {
    json = parseJson(new TextDecoder().decode(bytes));
  } catch {
    json = undefined;
  }
  if (isJsonObject(json)) {
    const { clone, tableId, createdTime, replacedVersion } = json;
    if (
      typeof clone === "string" &&
      typeof tableId === "string" &&
      typeof createdTime === "number" &&
      (replacedVersion === undefined || typeof replacedVersion === "number")
    )
      return { clone, tableId, createdTime, replacedVersion };
  }
  throw new VarveError(
    "LOG_CORRUPT",
    `The record ${path} of a shallow clone cannot be read, so the files that the clone needs are not known. Clone the table to the same place again with --replace, or delete the record if the clone is gone.`,
    { path },
  );
}

/** Deletes a record, unless the table was cloned to the same place again since it was read. */
export async function forgetClone(store: ObjectStore, path: string, record: CloneRecord): Promise<void> {
  const info = await store.head(path);
  if (info === undefined) return;
  if (recordOf(await store.get(path), path).createdTime === record.createdTime) await store.delete(path);
}

/** Whether the table at a store's root has a record of the clone at `clone`. */
export async function hasCloneRecord(store: ObjectStore, clone: string): Promise<boolean> {
  return (await store.head(recordPath(clone))) !== undefined;
}

/** Named by the clone's address, so that a clone that is made again replaces its record. */
function recordPath(clone: string): string {
  const name = createHash("sha256").update(canonicalUri(clone)).digest("hex").slice(0, 40);
  return `${folder}/${name}.json`;
}
