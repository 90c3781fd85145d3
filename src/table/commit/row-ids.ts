import { VarveError } from "../../errors.ts";
import type { Action, AddAction } from "../../protocol/actions.ts";
import { rowIdMarkAction } from "../../protocol/domains.ts";
import { supportedWriterFeatures } from "../../protocol/features.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import type { World } from "../../util/world.ts";
import type { CommitState } from "./commit-request.ts";

/**
 * Whether writers must assign row ids: the feature is supported and not suspended (PROTOCOL.md "Row
 * Tracking").
 */
export function assignsRowIds(state: Pick<CommitState, "protocol" | "metadata">): boolean {
  return (
    supportedWriterFeatures(state.protocol).has("rowTracking") &&
    !propertyOf(state.metadata.configuration, "rowTrackingSuspended")
  );
}

/**
 * Assigns each new file of a commit its base row id, above `highWaterMark`, and commit version, and adds the
 * domain action that records the new mark. Files that have a base row id already are committed again, and
 * keep it. PROTOCOL.md "Row IDs", "Row Commit Versions" and "Writer Requirements for Row Tracking": base row
 * ids and the high-water mark.
 *
 * @throws `INVALID_ARGUMENT` if a new file's statistics do not have its number of rows
 */
export function assignRowIds(actions: readonly Action[], highWaterMark: bigint, version: number): Action[] {
  let mark = highWaterMark;
  const assigned = actions.map((action): Action => {
    if (action.kind !== "add") return action;
    const commitVersion = action.defaultRowCommitVersion ?? BigInt(version);
    if (action.baseRowId !== undefined) return { ...action, defaultRowCommitVersion: commitVersion };
    const baseRowId = mark + 1n;
    mark += rowsIn(action);
    return { ...action, baseRowId, defaultRowCommitVersion: commitVersion };
  });
  return mark === highWaterMark ? assigned : [...assigned, rowIdMarkAction(mark)];
}

/**
 * Properties that name the columns in which copied rows keep their ids and commit versions, for a table that
 * has none yet.
 */
export function nameRowTrackingColumns(
  configuration: Readonly<Record<string, string>>,
  world: Pick<World, "uuid">,
): Record<string, string> {
  return {
    [propertyKey("rowTracking.materializedRowIdColumnName")]: `_row-id-col-${world.uuid()}`,
    [propertyKey("rowTracking.materializedRowCommitVersionColumnName")]:
      `_row-commit-version-col-${world.uuid()}`,
    ...configuration,
  };
}

function rowsIn(file: AddAction): bigint {
  const rows = recordsOf(file.stats);
  if (rows !== undefined) return BigInt(rows);
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The statistics of the file ${file.path} do not say how many rows it has (numRecords), which a table with row tracking needs to assign row ids. ` +
      "Write the file with statistics.",
    { path: file.path },
  );
}
