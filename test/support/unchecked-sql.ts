import type { SqlText } from "../../src/sql/sql.ts";

/** A text that a test put together as a plain string, taken for SQL. */
export function unchecked(text: string): SqlText {
  return text as SqlText;
}
