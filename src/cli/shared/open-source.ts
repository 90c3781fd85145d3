import { isWebAddress } from "../../api/source-paths.ts";
import type { Snapshot, Source } from "../../index.ts";
import { openOptions } from "./open-options.ts";
import type { StoreFlags } from "./options.ts";
import { fileSource, type SourceFlags, tellsFormat } from "./source-files.ts";

/**
 * Files, or one table's folder or URI, with or without a version. A single name without a known file
 * extension is a table, unless it begins with `https://`.
 */
export async function openSource(
  sources: readonly string[],
  flags: StoreFlags & SourceFlags,
): Promise<Source> {
  const [only] = sources;
  const isFile = only === undefined || tellsFormat(only) || isWebAddress(only);
  if (isFile || sources.length > 1 || flags.inputFormat !== undefined) return fileSource(sources, flags);
  return openVersion(only, flags);
}

/** A version of a table by its folder or URI; by default the newest. */
export async function openVersion(uri: string, flags: StoreFlags): Promise<Snapshot> {
  const { openTable } = await import("../../api/open-table.ts");
  return (await openTable(uri, openOptions(flags))).snapshot();
}
