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
  for await (const batch of session.arrow(select, { signal })) {
    const columns = batch.schema.fields.map((_, index) => {
      const values = batch.getChildAt(index)?.toArray();
      assertInternal(values instanceof Float64Array, "a streamed column of doubles");
      return values;
    });
    take(columns, batch.numRows);
  }
}
