import { VarveError } from "../errors.ts";
import type { BatchTarget } from "../write/plan/batch-target.ts";

/** @throws `TABLE_APPEND_ONLY` for a table whose rows may not be changed or removed */
export function refuseAppendOnly({ requirements, snapshot }: BatchTarget): void {
  if (!requirements.appendOnly) return;
  throw new VarveError(
    "TABLE_APPEND_ONLY",
    "The table is append-only (delta.appendOnly is true), so its rows cannot be changed, replaced or deleted. To allow it, set the property to false first.",
    { version: snapshot?.version },
  );
}
