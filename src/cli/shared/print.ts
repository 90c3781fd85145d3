import { once } from "node:events";
import { visibleLines } from "../../report/visible-text.ts";

/**
 * Prints text for people on standard output. With {@link printError} and {@link printExact} the only door to
 * the terminal: what a terminal would obey in names and values of a table is written out, line feeds and tabs
 * aside. JSON stays the same JSON.
 */
export function print(text: string): void {
  process.stdout.write(visibleLines(text));
}

/** As {@link print}, on standard error. */
export function printError(text: string): void {
  process.stderr.write(visibleLines(text));
}

/**
 * Writes rows in a format for programs as they are, waiting where the reader is slow; JSON that goes to a
 * terminal as {@link print} does.
 */
export async function printExact(chunk: string | Uint8Array, isJson = false): Promise<void> {
  const safe =
    isJson && typeof chunk === "string" && process.stdout.isTTY === true ? visibleLines(chunk) : chunk;
  if (!process.stdout.write(safe)) await once(process.stdout, "drain");
}
