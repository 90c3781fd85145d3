import { isVarveError, VarveError } from "../../errors.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { canonicalUri, parentUri } from "../../storage/open-store.ts";
import { hasCloneRecord } from "../clones/clone-records.ts";

/** What decides which folders outside a table its log may name. */
export interface ForeignAccess {
  /** URI of the table. */
  readonly table: string;
  /** URIs below which the caller allows files. */
  readonly allowedPrefixes: readonly string[];
  readonly open: (uri: string) => Promise<ObjectStore>;
}

/**
 * Opens the stores of folders outside a table that its log names: those below a prefix that the caller allowed, and
 * those of a table that has recorded this one as its clone. A log alone gives no right to read anything.
 *
 * The opener throws `PATH_OUTSIDE_TABLE` for any other folder.
 */
export function foreignStores({
  table,
  allowedPrefixes,
  open,
}: ForeignAccess): (uri: string) => Promise<ObjectStore> {
  const allowed = allowedPrefixes.map((prefix) => canonicalUri(prefix));
  const sources = new CloneSources(table, open);
  return async (uri) => {
    const folder = canonicalUri(uri);
    if (allowed.some((prefix) => isAtOrBelow(folder, prefix)) || (await sources.has(folder)))
      return open(uri);
    throw new VarveError(
      "PATH_OUTSIDE_TABLE",
      `The log of ${table} refers to files below ${folder}, which is outside the table, and no table there has a record of it as its shallow clone. If it is one, check that the table that it was made of is still there: its disk may not be mounted. If another program made it and you trust the table's writers, add that prefix to allowedPrefixes when you open the table (--allowed-prefix on the command line).`,
      { uri: folder, store: table, allowed },
    );
  };
}

/** The tables that have recorded one table as their clone, as far as they were looked for. */
class CloneSources {
  readonly #clone: string;
  readonly #open: ForeignAccess["open"];
  readonly #known = new Map<string, Promise<boolean>>();

  constructor(clone: string, open: ForeignAccess["open"]) {
    this.#clone = clone;
    this.#open = open;
  }

  /** Whether a folder is in such a table. Other buckets are not asked, because a log may name anybody's. */
  async has(folder: string): Promise<boolean> {
    const root = rootOf(this.#clone);
    if (rootOf(folder) !== root) return false;
    for (let uri: string | undefined = folder; uri !== undefined; uri = parentUri(uri)) {
      const known: Promise<boolean> = this.#known.get(uri) ?? this.#isSource(uri);
      this.#known.set(uri, known);
      if (await known) return true;
    }
    return false;
  }

  async #isSource(uri: string): Promise<boolean> {
    try {
      return await hasCloneRecord(await this.#open(uri), this.#clone);
    } catch (error) {
      // A folder that may not be read has no record that may be.
      if (isVarveError(error, "STORE_FORBIDDEN", "PATH_OUTSIDE_TABLE")) return false;
      throw error;
    }
  }
}

/** Scheme and bucket: what one set of credentials is for. */
function rootOf(uri: string): string {
  return /^[a-z0-9+.-]+:\/\/[^/]*/i.exec(canonicalUri(uri))?.[0] ?? "";
}

function isAtOrBelow(folder: string, prefix: string): boolean {
  return folder === prefix || folder.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}
