import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { usageOf } from "./job-process.ts";

/** A change of a table's rows or files. */
export type Change =
  | { readonly kind: "delete"; readonly where: string }
  | { readonly kind: "update"; readonly set: Readonly<Record<string, string>>; readonly where: string }
  | { readonly kind: "compact" }
  | { readonly kind: "zorder"; readonly columns: readonly string[] }
  /** Lists what a vacuum of everything that the newest version does not need would delete. */
  | { readonly kind: "vacuum" };

/** One change, in a process of its own. */
export interface ChangeJob {
  /** Folder of the table. */
  readonly table: string;
  readonly change: Change;
}

process.once("message", (job: ChangeJob) => {
  void measure(job).then((usage) => process.send?.(usage, () => process.disconnect()));
});

async function measure({ table: folder, change }: ChangeJob) {
  return usageOf(async () => {
    await using table = await openTable(folder);
    await carryOut(table, change);
  });
}

function carryOut(table: Table, change: Change): Promise<unknown> {
  switch (change.kind) {
    case "delete":
      return table.delete(change.where);
    case "update":
      return table.update(change);
    case "compact":
      return table.optimize();
    case "zorder":
      return table.optimize({ zorderBy: change.columns, targetFileBytes: 32 * 1024 * 1024 });
    case "vacuum":
      return table.vacuum({ retainHours: 0, retentionCheck: false, dryRun: true });
  }
}
