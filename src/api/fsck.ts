import type { FsckReport } from "../fsck/fsck.ts";
import { closeLogSession } from "../log/segment/log-session.ts";
import { knownOptions } from "./shared/known-options.ts";
import { openContext } from "./shared/lazy-log.ts";
import { fsckKeys } from "./shared/option-keys.ts";
import type { FsckOptions } from "./shared/options.ts";
import { splitTableUri } from "./shared/table-uri.ts";

/**
 * Checks a table against the protocol, even if it cannot be opened. A suffix `@v12` of the URI checks that
 * version's files. Only reads.
 *
 * @throws `NOT_A_TABLE`, `INVALID_URI`, and the errors of the store; problems of the table are in the report
 *
 * @example
 * ```ts
 * import { fsck } from "varve";
 *
 * const { findings } = await fsck(orders.uri, { deep: true });
 * for (const { severity, code, message } of findings) console.log(severity, code, message);
 * ```
 */
export async function fsck(uri: string, options: FsckOptions = {}): Promise<FsckReport> {
  const { version, data, orphans, deep, signal, onProgress, ...contextOptions } = knownOptions(
    "fsck",
    options,
    fsckKeys,
  );
  const split = splitTableUri(uri);
  const suffix = split.point !== undefined && "version" in split.point ? split.point.version : undefined;
  const checkedVersion = version ?? suffix;
  const { fsck: fsckTable } = await import("../fsck/fsck.ts");
  const context = await openContext(split.uri, contextOptions);
  try {
    return await fsckTable(context, {
      version: checkedVersion,
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
