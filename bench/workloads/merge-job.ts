import { openTable } from "../../src/api/open-table.ts";
import { runMerge } from "../../src/write/merge/run-merge.ts";
import { existingTarget } from "../../src/write/plan/batch-target.ts";

/** One merge, in a process of its own. */
export interface MergeJob {
  /** Folders of the tables. */
  readonly table: string;
  readonly source: string;
  readonly insertOnly: boolean;
}

/** What a merge took. */
export interface MergeFigures {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly peakBytes: number;
  readonly updated: number;
  readonly inserted: number;
  readonly bytesWritten: number;
}

process.once("message", (job: MergeJob) => {
  void measure(job).then((figures) => process.send?.(figures, () => process.disconnect()));
});

async function measure({ table, source, insertOnly }: MergeJob): Promise<MergeFigures> {
  const rows = (await openTable(source)).snapshot().log;
  const snapshot = (await openTable(table)).snapshot().log;
  const target = await existingTarget(snapshot);
  const values = snapshot.schema.fields.map(({ name }) => ({ path: [name], value: `s."${name}"` }));
  const inserts = { when: "not matched", action: "insert", values } as const;
  const updates = { when: "matched", action: "update", set: values } as const;
  const clauses = insertOnly ? [inserts] : [updates, inserts];
  const [started, before] = [performance.now(), process.cpuUsage()];
  const result = await runMerge({
    target,
    snapshot,
    source: rows,
    names: { target: "t", source: "s" },
    resolve: () => ({ target, on: { text: "t.id = s.id" }, clauses }),
    onDuplicate: "error",
    batch: {},
  });
  await result.maintenance;
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - started) / 1000,
    processorSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    updated: result.rowsUpdated,
    inserted: result.rowsInserted,
    bytesWritten: result.bytesAdded,
  };
}
