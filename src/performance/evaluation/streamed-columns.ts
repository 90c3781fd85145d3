import type { Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { SqlSelect } from "../../sql/sql.ts";

/** Calls `take` with the columns of each batch of a query all of whose columns are doubles without nulls. */
export async function streamColumns(
  session: Session,
  select: SqlSelect,
  take: (columns: readonly Float64Array[], rows: number) => void,
  signal?: AbortSignal | undefined,
): Promise<void> {
  for await (const { numbers, others, rows } of session.numberChunks(select, { signal })) {
    assertInternal(others.length === 0, "streamed columns of doubles");
    take(
      numbers.map(({ values }) => values),
      rows,
    );
  }
}
