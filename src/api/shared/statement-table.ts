import type { StatementTable } from "../../statements/contract.ts";
import { openPoint } from "./open-point.ts";
import type { TableState } from "./table-state.ts";

/** An open table as statements read and write it: at its newest version, unless it was opened at another. */
export function statementTable(state: TableState): StatementTable {
  return {
    writable: () => state.newest(),
    read: (point) => {
      if (point !== undefined) return openPoint(state.log.context, point);
      return state.pinned ? Promise.resolve(state.log) : state.refresh();
    },
    committed: (commit) => state.committed(commit),
  };
}
