import { isVarveError } from "../../errors.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { suiteText } from "../../quality/suite/carried.ts";
import { parseSuite } from "../../quality/suite/define.ts";
import type { SideTable } from "../../sidetables/side-table.ts";

// The suites of writers whose rows were set aside stand beside the quarantine's data files, each once, under
// its fingerprint, so that a resubmission can test the rows again. A suite is written before the rows that
// name it, and is never changed or removed. The table's own suite is not kept: a resubmission goes by the one
// that the table carries then.

/** Folder of the kept suites below a quarantine. */
const suitesFolder = "_suites";

/** Keeps a writer's suite with the quarantine that is about to receive rows of the writer's batch. */
export async function keepSuite(
  { context }: SideTable,
  suite: Suite | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (suite === undefined) return;
  const path = suitePath(suite.fingerprint);
  if ((await context.store.head(path, { signal })) !== undefined) return;
  await context.store.put(path, new TextEncoder().encode(`${suiteText(suite)}\n`), { signal });
}

/**
 * The suite that a quarantine keeps under a fingerprint; `undefined` if it is not there. @throws `SUITE_INVALID`
 * if it is malformed
 */
export async function keptSuite({ context }: SideTable, fingerprint: string): Promise<Suite | undefined> {
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) return undefined;
  try {
    return parseSuite(new TextDecoder().decode(await context.store.get(suitePath(fingerprint))));
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

function suitePath(fingerprint: string): string {
  return `${suitesFolder}/${fingerprint}.json`;
}
