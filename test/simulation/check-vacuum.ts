import type { Model } from "./model.ts";
import { type ModelState, Violation } from "./model-state.ts";
import type { SimBucket } from "./sim-store.ts";
import { vectorPath } from "./vectors.ts";

/** Files that a vacuum is about to delete. */
export interface VacuumedFiles {
  readonly paths: readonly string[];
  /** Virtual time at which it began to look at the log for the last time. */
  readonly looked: number;
  /** Milliseconds for which it keeps files. */
  readonly retention: number;
}

/**
 * What must hold for a vacuum: it deletes no file of the newest version that was there when it looked last, and none that
 * was written, or removed from the table, within its retention. @throws {@link Violation}
 */
export function checkVacuum(
  model: Model,
  bucket: SimBucket,
  { paths, looked, retention }: VacuumedFiles,
): void {
  const newest = model.commits.findLast(({ modified }) => modified <= looked);
  const state = newest === undefined ? undefined : model.stateOf(newest.version);
  const needed = state === undefined ? new Set<string>() : filesOf(state);
  const kept = new Set<string>();
  for (const { version, actions } of model.commits)
    for (const action of actions) {
      const isYoung = action.kind === "remove" && (action.deletionTimestamp ?? 0) > looked - retention;
      if (!isYoung || version > (newest?.version ?? -1)) continue;
      for (const path of [action.path, vectorPath(action)]) if (path !== undefined) kept.add(path);
    }
  for (const path of paths) {
    const stored = bucket.objects.get(path);
    if (needed.has(path))
      throw new Violation(`a vacuum deletes ${path}, which version ${newest?.version} needs`);
    if (kept.has(path)) throw new Violation(`a vacuum deletes ${path}, which was removed lately`);
    if (stored !== undefined && stored.modified > looked - retention)
      throw new Violation(`a vacuum deletes ${path}, which is young`);
    model.vacuumed.add(path);
  }
}

function filesOf({ files }: ModelState): Set<string> {
  return new Set(
    [...files].flatMap(([path, { vectorPath }]) => (vectorPath === undefined ? [path] : [path, vectorPath])),
  );
}
