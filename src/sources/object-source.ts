import { isVarveError, VarveError } from "../errors.ts";
import type { ObjectInfo, ObjectStore } from "../storage/contract/object-store.ts";
import { copyObject } from "../storage/copy-object.ts";
import type { SourceAccess } from "./access.ts";
import { type SourceAddress, unknownScheme } from "./address.ts";
import { isPattern, keyPattern, patternPrefix } from "./key-pattern.ts";
import type { LocalFile } from "./local-file.ts";

/** An object that is a source file. */
export interface ObjectSource {
  readonly store: ObjectStore;
  readonly info: ObjectInfo;
  /** Its address for people. */
  readonly name: string;
}

/** How an object is fetched. */
export interface ObjectFetch {
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

type ObjectAddress = Extract<SourceAddress, { readonly kind: "object" }>;

const partBytes = 8 * 2 ** 20;

/**
 * The objects of an address: the one with exactly that key, else those that match it as a pattern.
 *
 * @throws `SOURCE_UNREADABLE` if there are none, or with the store's reason; `INVALID_URI` for a scheme that
 * no store has
 */
export async function findObjects(
  { bucket, key, name }: ObjectAddress,
  access: SourceAccess,
  signal: AbortSignal | undefined,
): Promise<readonly ObjectSource[]> {
  return namingFailures(name, async () => {
    const store = await access.openStore(bucket);
    const info = await store.head(key, { signal });
    if (info !== undefined) return [{ store, info, name }];
    const matches: ObjectSource[] = [];
    if (isPattern(key)) {
      const pattern = keyPattern(key);
      for await (const match of store.list(patternPrefix(key), { signal }))
        if (pattern.test(match.path)) matches.push({ store, info: match, name: `${bucket}/${match.path}` });
    }
    if (matches.length > 0) return matches;
    const what = isPattern(key) ? `No object matches ${name}` : `The object ${name} does not exist`;
    throw new VarveError("SOURCE_UNREADABLE", `${what}. Check the bucket and the name.`, { file: name });
  });
}

/**
 * Copies an object to a local file.
 *
 * @throws `SOURCE_UNREADABLE` with the store's reason, or if it was replaced meanwhile; `CANCELLED`
 */
export function fetchObject(source: ObjectSource, file: LocalFile, options: ObjectFetch): Promise<void> {
  const { store, info, name } = source;
  return namingFailures(name, async () => {
    await copyObject(store, info, { partBytes, write: file.write, ...options });
    const after = await store.head(info.path, { signal: options.signal });
    if (after !== undefined && after.size === info.size && versionOf(after) === versionOf(info)) return;
    const message = `Cannot read ${name}: it was replaced while it was being read. Retry when it no longer changes.`;
    throw new VarveError("SOURCE_UNREADABLE", message, { file: name });
  });
}

function versionOf({ etag, modified }: ObjectInfo): string | number {
  return etag ?? modified;
}

/** A failure of the store rather than of the local copy, whose data has no store. */
function ofStore(error: unknown): error is VarveError {
  return (
    isVarveError(error, "STORE_UNAVAILABLE", "STORE_FORBIDDEN", "STORE_REFUSED", "OBJECT_NOT_FOUND") &&
    !("file" in error.data)
  );
}

/** Failures of a store are failures to read the source. */
async function namingFailures<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isVarveError(error, "INVALID_URI") && !/^(s3[an]?|memory):/i.test(name)) throw unknownScheme(name);
    if (!ofStore(error)) throw error;
    const { status, code } = error.data;
    const message = `Cannot read ${name}: ${error.message}`;
    throw new VarveError("SOURCE_UNREADABLE", message, { file: name, status, code }, error);
  }
}
