import { readFile, stat } from "node:fs/promises";
import { isJsonObject, type JsonObject, type JsonValue, nestsWithin, parseJson } from "../util/json.ts";
import { systemErrorCode } from "../util/system-refusals.ts";

const mostBytes = 1024 * 1024;
const mostLevels = 100;

/** The metrics that a command wrote, or what is wrong with them; neither if it wrote none. */
export interface FoundMetrics {
  readonly metrics?: JsonObject | undefined;
  readonly problem?: string | undefined;
}

/** Reads the file of metrics that a command may have written: a JSON object of at most 1 MiB. */
export async function readMetricsFile(file: string): Promise<FoundMetrics> {
  let text: string;
  try {
    const found = await stat(file);
    if (!found.isFile()) return { problem: "The metrics are not recorded: in their place is no plain file." };
    if (found.size > mostBytes)
      return {
        problem: `The metrics are not recorded: they have ${found.size} bytes, and at most ${mostBytes} are kept.`,
      };
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return {};
    if (code === undefined) throw error;
    return { problem: `The metrics are not recorded: they cannot be read (${code}).` };
  }
  if (text.trim() === "") return {};
  let json: JsonValue;
  try {
    json = parseJson(withTextForNumbers(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: `The metrics are not recorded: they are not JSON (${error.message.slice(0, 200)}).` };
  }
  if (!isJsonObject(json))
    return { problem: 'The metrics are not recorded: they are not a JSON object, such as {"error": 0.1}.' };
  if (!nestsWithin(json, mostLevels))
    return { problem: `The metrics are not recorded: they nest more than ${mostLevels} deep.` };
  return { metrics: json };
}

/**
 * Python writes NaN and Infinity, which JSON does not have: they become texts. A text that is not closed goes to the
 * end, so that the time does not grow with the square of the length.
 */
function withTextForNumbers(text: string): string {
  return text.replace(/"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}
