import type { TableContext } from "../log/contract.ts";
import { bringsRows, commitActions } from "../metrics/metrics.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { JsonObject } from "../util/json.ts";

/** What a version did to the rows of its table. */
export type VersionRows =
  /** Its commit is gone: the log was cleaned up. */
  | { readonly kind: "gone" }
  /** No row changed: metadata, or the same rows in other files. */
  | { readonly kind: "none" }
  /** Rows changed, and none were brought: a delete, an update, a merge, a restore. */
  | { readonly kind: "changed" }
  | { readonly kind: "batch"; readonly adds: readonly AddAction[]; readonly isAppend: boolean };

/** What versions did, as far as it was read lately: a baseline that moves looks at the same commits again and again. */
export class ReadCommits {
  readonly #rows = new Map<number, VersionRows>();
  #files = 0;

  /** Like {@link rowsOfVersion}, which reads each of the last commits once. */
  async rowsOf(context: TableContext, version: number): Promise<VersionRows> {
    const known = this.#rows.get(version);
    if (known !== undefined) return known;
    const rows = await rowsOfVersion(context, version);
    const files = rows.kind === "batch" ? rows.adds.length : 0;
    if (this.#files + files > mostFiles || this.#rows.size >= mostVersions) {
      this.#rows.clear();
      this.#files = 0;
    }
    this.#rows.set(version, rows);
    this.#files += files;
    return rows;
  }
}

/** Versions, and files of them, that are remembered at most. */
const [mostVersions, mostFiles] = [1_000, 20_000];

/** What a version did, by its commit. No data file is read. @throws `LOG_CORRUPT` */
export async function rowsOfVersion(context: TableContext, version: number): Promise<VersionRows> {
  const actions = await commitActions(context, version);
  if (actions === undefined) return { kind: "gone" };
  const adds = actions.filter((action): action is AddAction => action.kind === "add" && action.dataChange);
  const isRemoving = actions.some((action) => action.kind === "remove" && action.dataChange);
  if (adds.length === 0) return isRemoving ? { kind: "changed" } : { kind: "none" };
  const info: JsonObject =
    actions.flatMap((action) => (action.kind === "commitInfo" ? [action.info] : []))[0] ?? {};
  const isRestore = info["operation"] === "RESTORE";
  if (isRestore || (isRemoving && !bringsRows(info))) return { kind: "changed" };
  return { kind: "batch", adds, isAppend: !isRemoving };
}
