import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { pathKeyer } from "../../log/segment/file-key.ts";
import type { Action, AddAction, RemoveAction } from "../../protocol/actions.ts";
import { optionText } from "../../util/option-text.ts";

/** What a reader of added rows does with versions that remove rows. */
export interface RemovedRows {
  /** Leave out versions that remove or change rows, with the rows that they add. */
  readonly skipChangeCommits?: boolean | undefined;
  /** Pass over versions that only remove rows. */
  readonly ignoreDeletes?: boolean | undefined;
}

/**
 * The files whose rows a version added, in the order of its commit.
 *
 * A version that only rearranges rows (`dataChange` false) adds none.
 *
 * @throws `CHANGES_UNAVAILABLE` for a version that removes rows, unless the options pass over it
 */
export function addedFiles(
  { context }: Pick<LogSnapshot, "context">,
  version: number,
  actions: readonly Action[],
  { skipChangeCommits, ignoreDeletes }: RemovedRows,
): AddAction[] {
  const adds = actions.filter((action): action is AddAction => action.kind === "add" && action.dataChange);
  const removes = actions.filter(
    (action): action is RemoveAction => action.kind === "remove" && action.dataChange,
  );
  if (removes.length === 0) return adds;
  if (skipChangeCommits === true) return [];
  const keyOf = pathKeyer(context.store.uri);
  const removed = new Set(removes.map(({ path }) => keyOf(path)));
  const fresh = adds.filter(({ path }) => !removed.has(keyOf(path)));
  // A file that stays with a vector lost rows; other added files may hold rows of those that went.
  if (ignoreDeletes === true && fresh.length === 0) return [];
  throw new VarveError(
    "CHANGES_UNAVAILABLE",
    `Version ${version} ${adds.length === 0 ? "removes" : "changes or removes"} rows, which a reader of added rows cannot show. Read changes instead, with ${optionText("changes: true")}, or pass over such versions with ${adds.length === 0 ? `${optionText("ignoreDeletes")} or ` : ""}${optionText("skipChangeCommits")}.`,
    { version, filesRemoved: removes.length, filesAdded: adds.length },
  );
}
