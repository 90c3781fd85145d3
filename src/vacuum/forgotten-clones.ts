import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { latestVersion } from "../log/snapshot/open-log.ts";
import { canonicalUri } from "../storage/open-store.ts";
import type { CloneRecord } from "../table/clones/clone-records.ts";
import { contextAt } from "../table/definition/open-context.ts";

/** Records of shallow clones by their paths. */
type CloneRecords = ReadonlyMap<string, CloneRecord>;

/**
 * Tells the records of clones that are to be forgotten from the others.
 *
 * @param uris of the clones to forget
 * @throws `INVALID_ARGUMENT` for a clone that has no record, or that is still there
 */
export async function forgottenClones(
  context: TableContext,
  records: CloneRecords,
  uris: readonly string[] = [],
): Promise<{ readonly forgotten: CloneRecords; readonly others: CloneRecords }> {
  const forgotten = new Map<string, CloneRecord>();
  const others = new Map(records);
  for (const uri of uris) {
    const named = canonicalUri(uri);
    const entry = [...records].find(([, { clone }]) => canonicalUri(clone) === named);
    if (entry === undefined) throw unknownClone(named, context, records);
    const [path, record] = entry;
    if (await isThere(context, record))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The shallow clone ${record.clone} is still there and reads files of ${context.store.uri}, so it cannot be forgotten. Delete its folder first.`,
        { uri: record.clone },
      );
    forgotten.set(path, record);
    others.delete(path);
  }
  return { forgotten, others };
}

/** A damaged table is there too; one whose store cannot be reached is not, as its caller says. */
async function isThere(context: TableContext, { clone }: CloneRecord): Promise<boolean> {
  try {
    await latestVersion(await contextAt(context, clone));
    return true;
  } catch (error) {
    if (!isVarveError(error) || error.code === "CANCELLED") throw error;
    return error.code !== "NOT_A_TABLE" && !error.code.startsWith("STORE_");
  }
}

function unknownClone(uri: string, { store }: TableContext, records: CloneRecords): VarveError {
  const clones = [...records.values()].map(({ clone }) => clone);
  const known = clones.length === 0 ? "no shallow clones" : `these shallow clones: ${clones.join(", ")}`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `The table ${store.uri} has no record of a shallow clone ${uri}, so there is nothing to forget. It knows ${known}.`,
    { uri },
  );
}
