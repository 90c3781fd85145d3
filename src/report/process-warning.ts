import { visible } from "./visible-text.ts";

/** Emits a warning of the process, for what no caller asked to be told; hidden characters are escaped. */
export function emitProcessWarning(message: string): void {
  process.emitWarning(visible(message));
}
