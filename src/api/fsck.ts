import type { FsckReport } from "../fsck/fsck.ts";
import { closeLogSession } from "../log/segment/log-session.ts";
import { knownOptions } from "./shared/known-options.ts";
import { tableAtPoint } from "./shared/open-point.ts";
import { fsckKeys } from "./shared/option-keys.ts";
import type { FsckOptions } from "./shared/options.ts";

/**
 * Checks a table against the protocol, even if it cannot be opened. A suffix `@v12` of the URI checks that
 * version's files, and `@name` a pin. Only reads.
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
  const [{ context, point }, { fsck: fsckTable }] = await Promise.all([
    tableAtPoint(uri, contextOptions),
    import("../fsck/fsck.ts"),
  ]);
  const suffix = point !== undefined && "version" in point ? point.version : undefined;
  const checkedVersion = version ?? suffix;
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
