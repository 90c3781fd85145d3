import { readFile } from "node:fs/promises";
import { isVarveError, VarveError } from "../../api/errors.ts";
import type { Suite } from "../../index.ts";

/**
 * Reads a suite of data tests from a JSON file. @throws `SUITE_INVALID` naming the file and the path inside the
 * suite
 */
export async function readSuite(file: string): Promise<Suite> {
  const { parseSuite } = await import("../../suite.ts");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VarveError("SUITE_INVALID", `Cannot read the suite ${file}: ${why}.`, { file }, error);
  }
  try {
    return parseSuite(text);
  } catch (error) {
    if (!isVarveError(error, "SUITE_INVALID")) throw error;
    throw new VarveError("SUITE_INVALID", `${file}: ${error.message}`, { ...error.data, file }, error);
  }
}
