import type { Table } from "../../../src/api/table.ts";
import type { LogSnapshot } from "../../../src/log/contract.ts";
import { writeServices } from "../../../src/operations/write-services.ts";
import type { MergeClause, MergeOutcome, MergePlan, MergeRun } from "../../../src/write/merge/merge-plan.ts";
import { runMerge } from "../../../src/write/merge/run-merge.ts";
import { existingTarget } from "../../../src/write/plan/batch-target.ts";
import { writeTests } from "../../../src/write/plan/plan-rows.ts";
import type { WriteSource } from "../../../src/write/plan/write-source.ts";

/** A clause by its texts. */
export type ClauseText =
  | { readonly when: "matched" | "missing"; readonly if?: string; readonly delete: true }
  | {
      readonly when: "matched" | "missing";
      readonly if?: string;
      readonly set: Readonly<Record<string, string>>;
    }
  | { readonly when: "new"; readonly if?: string; readonly insert: Readonly<Record<string, string>> };

/** What a merge of a test is about. */
export interface MergeText {
  readonly on: string;
  readonly clauses: readonly ClauseText[];
  /** Default: the newest version. */
  readonly base?: LogSnapshot;
  readonly options?: Partial<
    Pick<MergePlan, "onDuplicate" | "tests" | "batch" | "names" | "targetFileBytes" | "typing">
  > &
    MergeRun;
}

/** Merges a source into the newest version of a table, whose columns are qualified with `t`, the source's with `s`. */
export async function merge(
  table: Table,
  source: WriteSource,
  { on, clauses, base, options = {} }: MergeText,
): Promise<MergeOutcome> {
  await table.refresh();
  const snapshot = base ?? table.snapshot().log;
  const target = await existingTarget(snapshot);
  const { dryRun, onProgress, signal, history, ...plan } = options;
  const outcome = await runMerge(
    {
      target,
      snapshot,
      source,
      names: { target: "t", source: "s" },
      resolve: (_, typed) => ({ target: typed, on: { text: on }, clauses: clauses.map(clauseOf) }),
      onDuplicate: "error",
      tests: writeTests(target.metadata.configuration, {}),
      batch: {},
      ...plan,
    },
    { ...writeServices(target, { onProgress, signal }), history, dryRun },
  );
  await outcome.maintenance;
  await table.refresh();
  return outcome;
}

function clauseOf(clause: ClauseText): MergeClause {
  const condition = clause.if === undefined ? undefined : { text: clause.if };
  if (clause.when === "new")
    return { when: "not matched", condition, action: "insert", values: assignments(clause.insert) };
  const when = clause.when === "missing" ? "not matched by source" : "matched";
  return "delete" in clause
    ? { when, condition, action: "delete" }
    : { when, condition, action: "update", set: assignments(clause.set) };
}

function assignments(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([name, value]) => ({ path: name.split("."), value }));
}
