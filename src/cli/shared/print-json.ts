import { print } from "./print.ts";

/** Prints a result as JSON on lines of its own, as `--json` and `--format json` have it. */
export async function printJson(result: unknown): Promise<void> {
  const { stringifyJson, toJsonValue } = await import("../../api/json.ts");
  print(`${stringifyJson(toJsonValue(result), 2)}\n`);
}
