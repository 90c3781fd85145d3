import { VarveError } from "../errors.ts";
import { knownOptions } from "./shared/known-options.ts";
import { openLog } from "./shared/lazy-log.ts";
import { tableAtPoint } from "./shared/open-point.ts";
import { openKeys } from "./shared/option-keys.ts";
import type { OpenOptions } from "./shared/options.ts";
import { parseTravelPoint } from "./shared/table-uri.ts";
import { Table } from "./table.ts";

/**
 * Opens a table by its folder or URI. A suffix `@v12` or `@2024-06-01T00:00:00Z` opens it at that version or
 * time, and `@name` opens a pin (`table.pins`).
 *
 * Lists the log and reads protocol and metadata, but no data. The engine is not started for tables without
 * Parquet checkpoints.
 *
 * @throws `NOT_A_TABLE`, `VERSION_NOT_FOUND` naming the versions that exist, `TIMESTAMP_OUT_OF_RANGE`,
 * `PIN_NOT_FOUND`, `LOG_CORRUPT`, `INVALID_URI`
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
  const { context, point: suffix, pin } = await tableAtPoint(uri, contextOptions);
  if (pin !== undefined && at !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${uri} names the pin ${pin.name}, so it cannot be opened at another version. Leave out either.`,
      { uri, name: pin.name },
    );
  if (pin !== undefined) return Table.of(await openLog(context, { version: 0 }), { pinned: true, pin });
  const point = at === undefined ? suffix : parseTravelPoint(at);
  return Table.of(await openLog(context, point ?? {}), { pinned: point !== undefined });
}
