import { isJsonObject, parseJson } from "../util/json.ts";

/**
 * The rows of a file by its statistics, `numRecords` (PROTOCOL.md "Per-file Statistics"); `undefined` where they do not
 * say it, or are damaged.
 */
export function recordsOf(stats: string | undefined): number | undefined {
  if (stats === undefined) return undefined;
  try {
    const parsed = parseJson(stats);
    const records = isJsonObject(parsed) ? parsed["numRecords"] : undefined;
    return typeof records === "number" && Number.isSafeInteger(records) && records >= 0 ? records : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
