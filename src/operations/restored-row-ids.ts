import type { LogSnapshot } from "../log/contract.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import type { AddAction, DomainMetadataAction } from "../protocol/actions.ts";
import { rowIdMark, rowIdMarkAction, rowTrackingDomain } from "../protocol/domains.ts";
import { propertyOf } from "../protocol/properties.ts";

// PROTOCOL.md "Row Tracking": row tracking that was dropped since the version that is restored, and perhaps began again.

/** Whether a file has row ids that it does not have in the present version, or has others there. */
export function hasOtherIds(file: AddAction, present: AddAction): boolean {
  if (file.baseRowId === undefined) return false;
  return (
    file.baseRowId !== present.baseRowId || file.defaultRowCommitVersion !== present.defaultRowCommitVersion
  );
}

/**
 * The high-water mark of row ids, where it went with row tracking and comes back with it: the highest one since the
 * earlier version, so that no id of a version between is given again. `undefined` if that is the table's already.
 */
export async function rowIdMarkAfter(
  now: LogSnapshot,
  earlier: LogSnapshot,
): Promise<DomainMetadataAction | undefined> {
  const [before, present] = [await rowIdMarkOf(earlier), await rowIdMarkOf(now)];
  if (before === undefined) return undefined;
  const column = idColumn(now);
  const neverEnded = column !== undefined && column === idColumn(earlier);
  if (neverEnded && present !== undefined && present >= before) return undefined;
  let mark = before;
  for (let version = earlier.version + 1; version <= now.version; version++)
    for (const action of await readCommit(now.context.store, version)) {
      if (action.kind !== "domainMetadata" || action.domain !== rowTrackingDomain) continue;
      const given = rowIdMark(action);
      if (given !== undefined && given > mark) mark = given;
    }
  return mark === present ? undefined : rowIdMarkAction(mark);
}

async function rowIdMarkOf(snapshot: LogSnapshot): Promise<bigint | undefined> {
  return rowIdMark((await snapshot.domainMetadata()).get(rowTrackingDomain));
}

/** The column in which files keep row ids: it has another name whenever row tracking begins again. */
function idColumn({ metadata }: LogSnapshot): string | undefined {
  return propertyOf(metadata.configuration, "rowTracking.materializedRowIdColumnName");
}
