import type { FsckReport } from "../fsck/fsck.ts";
import type { FsckOptions as FsckVerbOptions } from "../fsck/fsck-finding.ts";
import { closeLogSession } from "../log/segment/log-session.ts";
import type { ContextOptions } from "../table/definition/open-context.ts";
import { openContext } from "./lazy-log.ts";
import { splitTableUri } from "./table-uri.ts";

/** How a table is opened, and what is checked. */
export interface FsckOptions extends ContextOptions, FsckVerbOptions {}

/**
 * Checks a table against the protocol, also one that cannot be opened; a suffix `@v12` of the URI checks that version's files. Only reads.
 *
 * @throws `NOT_A_TABLE`, `INVALID_URI`, what the store throws; what is wrong with the table is in the report
 */
export async function fsck(uri: string, options: FsckOptions = {}): Promise<FsckReport> {
  const { version, data, orphans, deep, signal, onProgress, ...contextOptions } = options;
  const split = splitTableUri(uri);
  const suffix = split.at !== undefined && "version" in split.at ? split.at.version : undefined;
  const wanted = version ?? suffix;
  const { fsck: fsckTable } = await import("../fsck/fsck.ts");
  const context = await openContext(split.uri, contextOptions);
  try {
    return await fsckTable(context, {
      version: wanted,
      data,
      orphans,
      deep,
      signal,
      onProgress,
    });
  } finally {
    await closeLogSession(context);
  }
}
