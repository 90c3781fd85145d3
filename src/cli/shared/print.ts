import { once } from "node:events";
import { visible, visibleLines } from "../../report/visible-text.ts";

/**
 * Prints text for people on standard output. With {@link printError}, {@link printFailure} and
 * {@link printExact} the only door to the terminal: what a terminal would obey in names and values of a table
 * is written out, line feeds and tabs aside. JSON stays the same JSON.
 */
export function print(text: string): void {
  process.stdout.write(visibleLines(text));
}

/** As {@link print}, on standard error. */
export function printError(text: string): void {
  process.stderr.write(visibleLines(text));
}

/**
 * Prints the message of a failure on standard error. Its further lines are indented: a name in it with a line
 * feed makes no line that looks like the program's own.
 */
export function printFailure(message: string): void {
  process.stderr.write(`${message.trimEnd().split("\n").map(visible).join("\n  ")}\n`);
}

/** Whether standard output is read by a person, and not by a program. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/**
 * Writes rows in a format for programs as they are, waiting where the reader is slow; text that goes to a
 * terminal as {@link print} does.
 */
export async function printExact(chunk: string | Uint8Array): Promise<void> {
  const safe = typeof chunk === "string" && isTerminal() ? visibleLines(chunk) : chunk;
  if (!process.stdout.write(safe)) await once(process.stdout, "drain");
}
