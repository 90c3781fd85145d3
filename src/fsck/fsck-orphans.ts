import { isStoreRefusal } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import type { AddAction, RemoveAction } from "../protocol/actions.ts";
import { deletionVectorPlace } from "../protocol/deletion-vector.ts";
import { listStaged } from "../staging/staged-batch.ts";
import { listStagedLeftovers } from "../staging/staged-leftovers.ts";
import { isHiddenPath } from "../storage/contract/paths.ts";
import type { Finding } from "./fsck-finding.ts";

/** The one folder with a hidden name that holds files of the table. PROTOCOL.md "Change Data Files". */
const changeFolder = /^_change_data\//;

/**
 * Reports files that are named neither by the version, its tombstones or a staged batch, nor by a commit as a
 * change file (`changeFiles`). They only cost space: a writer may be about to commit them, and a vacuum
 * removes them when they are old enough.
 */
export async function findOrphans(
  snapshot: LogSnapshot,
  changeFiles: ReadonlySet<string>,
  report: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<void> {
  const known = await knownPaths(snapshot);
  const options = { signal };
  for await (const { path, size } of snapshot.context.store.list("", options)) {
    if (isHiddenPath(path.replace(changeFolder, "")) || known.has(path) || changeFiles.has(path)) continue;
    const message = `${path} (${size} bytes) does not belong to any version in the log.`;
    report({ code: "ORPHAN_FILE", severity: "info", message, path });
  }
}

/**
 * Reports what killed writers left more than a day ago: temporary files, staging folders, unfinished uploads,
 * and audits and decisions of staged batches without a record. No reader sees them.
 */
export async function findAbandoned(
  context: TableContext,
  report: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<void> {
  const code = "ABANDONED_FILE";
  const { store, world } = context;
  const before = world.now() - day;
  for (const path of await listStagedLeftovers(context, before, signal)) {
    const message = `${path} belongs to no staged batch; it was last modified more than a day ago.`;
    report({ code, severity: "info", message, path });
  }
  try {
    for (const path of (await store.listAbandoned?.(before, { signal })) ?? []) {
      const message = `${path} was left by a writer that was killed; it was last modified more than a day ago.`;
      report({ code, severity: "info", message, path });
    }
  } catch (error) {
    if (!isStoreRefusal(error)) throw error;
    report({
      code,
      severity: "info",
      message: `Could not look for what killed writers left: ${error.message}`,
    });
  }
}

const day = 24 * 60 * 60 * 1000;

async function knownPaths(snapshot: LogSnapshot): Promise<ReadonlySet<string>> {
  const keyOf = pathKeyer(snapshot.context.store.uri);
  const known = new Set<string>();
  const note = ({ path, deletionVector }: AddAction | RemoveAction): void => {
    known.add(keyOf(path));
    if (deletionVector === undefined) return;
    const place = deletionVectorPlace(deletionVector);
    if (place.kind === "file") known.add(keyOf(place.path));
  };
  const files = await snapshot.files();
  for await (const chunk of files.all()) chunk.forEach(note);
  for await (const chunk of files.tombstones()) chunk.forEach(note);
  for (const batch of await listStaged(snapshot.context)) batch.files.forEach(note);
  return known;
}
