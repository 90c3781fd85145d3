import { isStoreRefusal, isVarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { referencePins } from "../pins/reference-pins.ts";
import { listStagedLeftovers } from "../staging/staged-leftovers.ts";
import { listedFiles } from "../vacuum/candidates.ts";
import { referencedFiles, stagedFiles } from "../vacuum/referenced-files.ts";
import { tablePaths } from "../vacuum/table-paths.ts";
import type { Finding } from "./fsck-finding.ts";

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
  const known = await referencedFiles(snapshot, { signal });
  for (const key of await stagedFiles(snapshot.context)) known.add(key);
  for (const key of changeFiles) known.add(key);
  try {
    for (const key of await (await referencePins(snapshot.context, { signal })).files()) known.add(key);
  } catch (error) {
    if (!isVarveError(error, "LOG_CORRUPT", "LOG_GAP", "NOT_A_TABLE")) throw error;
    const message = `Orphans were not looked for: ${error.message}`;
    report({ code: "ORPHAN_FILE", severity: "info", message });
    return;
  }
  const search = { snapshot, kept: known, paths: tablePaths(snapshot), signal };
  for (const { path, size } of (await listedFiles(search)).values()) {
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
