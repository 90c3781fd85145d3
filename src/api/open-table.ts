import type { ContextOptions } from "../table/definition/open-context.ts";
import { openContext, openLog } from "./lazy-log.ts";
import { Table } from "./table.ts";
import { parseTravelPoint, splitTableUri, type VersionArgument } from "./table-uri.ts";

/** How a table is opened. */
export interface OpenOptions extends ContextOptions {
  /** The version or time to open at; default the newest, or what the URI's suffix says. */
  readonly at?: VersionArgument | undefined;
}

/**
 * Opens a table by its folder or URI; a suffix `@v12` or `@2024-06-01T00:00:00Z` opens it at that version.
 *
 * Costs the log's listing, protocol and metadata: no data is read, no engine is started for tables without Parquet checkpoints.
 *
 * @throws `NOT_A_TABLE`, `VERSION_NOT_FOUND` saying which versions there are, `TIMESTAMP_OUT_OF_RANGE`, `LOG_CORRUPT`, `INVALID_URI`
 */
export async function openTable(uri: string, options: OpenOptions = {}): Promise<Table> {
  const { at: atOption, ...contextOptions } = options;
  const split = splitTableUri(uri);
  const at = atOption === undefined ? split.at : parseTravelPoint(atOption);
  const context = await openContext(split.uri, contextOptions);
  return new Table(await openLog(context, at ?? {}), at !== undefined);
}
