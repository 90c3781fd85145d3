import type { StatementTable } from "../../statements/contract.ts";
import { openLog } from "./lazy-log.ts";
import type { TableState } from "./table-state.ts";
import { parseTravelPoint } from "./table-uri.ts";

/** An open table as statements read and write it: at its newest version, unless it was opened at another. */
export function statementTable(state: TableState): StatementTable {
  return {
    writable: () => state.newest(),
    read: (point) => {
      if (point !== undefined)
        return openLog(
          state.log.context,
          parseTravelPoint("version" in point ? point.version : point.timestamp),
        );
      return state.pinned ? Promise.resolve(state.log) : state.refresh();
    },
    committed: (commit) => state.committed(commit),
  };
}
