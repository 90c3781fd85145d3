import { isJsonObject, parseJson } from "../util/json.ts";

/**
 * The number of rows of a file by its statistics, `numRecords` (PROTOCOL.md "Per-file Statistics");
 * `undefined` if they do not have it, or are damaged.
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
