import { knownOptions } from "./shared/known-options.ts";
import { openContext, openLog } from "./shared/lazy-log.ts";
import { openKeys } from "./shared/option-keys.ts";
import type { OpenOptions } from "./shared/options.ts";
import { parseTravelPoint, splitTableUri } from "./shared/table-uri.ts";
import { Table } from "./table.ts";

/**
 * Opens a table by its folder or URI. A suffix `@v12` or `@2024-06-01T00:00:00Z` opens it at that version or
 * time.
 *
 * Lists the log and reads protocol and metadata, but no data. The engine is not started for tables without
 * Parquet checkpoints.
 *
 * @throws `NOT_A_TABLE`, `VERSION_NOT_FOUND` naming the versions that exist, `TIMESTAMP_OUT_OF_RANGE`,
 * `LOG_CORRUPT`, `INVALID_URI`
 *
 * @example
 * ```ts
 * import { openTable } from "varve";
 *
 * await using newest = await openTable(orders.uri);
 * await using before = await openTable(`${orders.uri}@v0`); // or @2024-06-01T00:00:00Z
 * console.log(await newest.count(), await before.count());
 * ```
 */
export async function openTable(uri: string, options: OpenOptions = {}): Promise<Table> {
  const { at, ...contextOptions } = knownOptions("openTable", options, openKeys);
  const split = splitTableUri(uri);
  const point = at === undefined ? split.point : parseTravelPoint(at);
  const context = await openContext(split.uri, contextOptions);
  return Table.of(await openLog(context, point ?? {}), { pinned: point !== undefined });
}
