import { openTable } from "../../src/api/open-table.ts";
import { runMerge } from "../../src/write/merge/run-merge.ts";
import { existingTarget } from "../../src/write/plan/batch-target.ts";
import { type JobUsage, usageOf } from "./job-process.ts";

/** One merge, in a process of its own. */
export interface MergeJob {
  /** Folders of the tables. */
  readonly table: string;
  readonly source: string;
  readonly insertOnly: boolean;
}

process.once("message", (job: MergeJob) => {
  void measure(job).then((usage) => process.send?.(usage, () => process.disconnect()));
});

async function measure({ table, source, insertOnly }: MergeJob): Promise<JobUsage> {
  const rows = (await openTable(source)).snapshot().log;
  const snapshot = (await openTable(table)).snapshot().log;
  const target = await existingTarget(snapshot);
  const values = snapshot.schema.fields.map(({ name }) => ({ path: [name], value: `s."${name}"` }));
  const inserts = { when: "not matched", action: "insert", values } as const;
  const updates = { when: "matched", action: "update", set: values } as const;
  const clauses = insertOnly ? [inserts] : [updates, inserts];
  return usageOf(async () => {
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
  });
}
