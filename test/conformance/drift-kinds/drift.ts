import type { CompareCase } from "../drift-cases.ts";
import { compareAlibi } from "./alibi.ts";
import { compareEvidently } from "./evidently.ts";
import { compareWhylogs } from "./whylogs.ts";

const byPeer: Readonly<Record<string, CompareCase>> = {
  "alibi-detect": compareAlibi,
  evidently: compareEvidently,
  whylogs: compareWhylogs,
};

/** Kind `drift`: one column by one method of a peer. */
export const columnKinds: Readonly<Record<string, CompareCase>> = {
  drift: (item, series) => {
    const compare = byPeer[item.peer];
    if (compare === undefined) throw new Error(`no methods of ${item.peer}`);
    return compare(item, series);
  },
};
