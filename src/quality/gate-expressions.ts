import type { EngineColumn, Session } from "../engine/contract.ts";
import { isVarveError } from "../errors.ts";
import { invalidSuite } from "./invalid.ts";
import { callerSqlOf } from "./plan.ts";
import type { Suite } from "./suite.ts";

/** Functions whose answer may differ between two scans of the same rows: with them clean and bad rows would not be complements. */
const unsteady =
  /\b(random|setseed|uuid|uuidv4|uuidv7|gen_random_uuid|nextval|currval|now|today|get_current_time|get_current_timestamp|transaction_timestamp|txid_current|current_transaction_id|current_connection_id|current_query_id|current_query|stats|sleep_ms|write_log|error)\s*\(|\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b/i;

/**
 * Lets the engine check every SQL expression of a suite, in a fenced session; returns them by their path.
 *
 * @throws `SUITE_INVALID` naming the path, with the engine's own error as cause.
 */
export async function checkedExpressions(
  session: Session,
  suite: Suite,
  columns: readonly EngineColumn[],
  fence: (() => Promise<void>) | undefined,
): Promise<ReadonlyMap<string, string>> {
  const texts = callerSqlOf(suite);
  const checked = new Map<string, string>();
  if (texts.length === 0) return checked;
  await fence?.();
  for (const { path, text } of texts) {
    refuseUnsteady(path, text);
    try {
      checked.set(path, await session.callerExpression(text, columns));
    } catch (error) {
      if (!isVarveError(error, "SQL_FAILED", "SQL_REFUSED")) throw error;
      throw invalidSuite(
        path,
        `the engine does not take "${text}": ${error.message}`,
        `Write one SQL expression over the columns ${columns.map((column) => column.name).join(", ")}`,
        error,
      );
    }
  }
  return checked;
}

function refuseUnsteady(path: string, text: string): void {
  // quoted names and texts may hold any word
  const bare = text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, " ");
  const found = unsteady.exec(bare);
  if (found !== null) {
    throw invalidSuite(
      path,
      `"${found[0]}" may answer differently each time it is asked`,
      "Use a column instead (in double quotes if it has that name), or a check of age for the time of now",
    );
  }
}
