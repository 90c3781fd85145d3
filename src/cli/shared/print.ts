import { once } from "node:events";
import { visible, visibleLines } from "../../report/visible-text.ts";

/**
 * Prints text for people on standard output. Only this, {@link printWaiting}, {@link printError}, {@link printFailure}
 * and {@link printExact} write to the terminal: characters in names and values that a terminal would interpret
 * are escaped, except line feeds and tabs. JSON stays equivalent.
 */
export function print(text: string): void {
  process.stdout.write(visibleLines(text));
}

/** Like {@link print}, waiting for a slow reader. */
export async function printWaiting(text: string): Promise<void> {
  if (!process.stdout.write(visibleLines(text))) await once(process.stdout, "drain");
}

/** Like {@link print}, on standard error. */
export function printError(text: string): void {
  process.stderr.write(visibleLines(text));
}

/**
 * Prints the message of a failure on standard error. Its further lines are indented, so that a name with a
 * line feed cannot imitate the program's own output.
 */
export function printFailure(message: string): void {
  process.stderr.write(`${message.trimEnd().split("\n").map(visible).join("\n  ")}\n`);
}

/** Whether standard output is read by a person, and not by a program. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/**
 * Writes rows in a format for programs unchanged, waiting for a slow reader; on a terminal, text is escaped
 * as by {@link print}.
 */
export async function printExact(chunk: string | Uint8Array): Promise<void> {
  const safe = typeof chunk === "string" && isTerminal() ? visibleLines(chunk) : chunk;
  if (!process.stdout.write(safe)) await once(process.stdout, "drain");
}
