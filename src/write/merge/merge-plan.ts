import type { Term } from "../../dialects/spark/term.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { StructType } from "../../schema/types.ts";
import type { BatchName } from "../../table/idempotence/application-ids.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { BatchTests } from "../plan/write-plan.ts";
import type { WriteSource } from "../plan/write-source.ts";
import type { Assignment } from "../rewrite/rewrite-plan.ts";

/** A merge as data. */
export interface MergePlan {
  readonly target: BatchTarget;
  /** The version that is changed; the target's. */
  readonly snapshot: LogSnapshot;
  readonly source: WriteSource;
  /** The names by which expressions qualify the columns of the two sides. */
  readonly names: { readonly target: string; readonly source: string };
  /** Binds the clauses to the source's columns, which are known once it is staged. @throws typed errors of the clauses */
  readonly resolve: (source: StructType) => MergeClauses;
  /** Several source rows for one target row: fail as Spark does, or only if more than one of them acts. */
  readonly onDuplicate: "error" | "error-if-acting";
  readonly tests?: BatchTests | undefined;
  readonly batch: BatchName;
  readonly userMetadata?: string | undefined;
  readonly targetFileBytes?: number | undefined;
}

/** The clauses with every `*` spelled out. */
export interface MergeClauses {
  /** The table as the merge leaves it: columns that the source brings are added. */
  readonly target: BatchTarget;
  readonly on: MergeCondition;
  /** In the order in which they are tried. */
  readonly clauses: readonly MergeClause[];
}

/** A condition over both sides or one. */
export interface MergeCondition {
  /** In the engine's dialect, with qualified or unambiguous names. */
  readonly text: string;
  /** As Spark evaluates it, where that is known; its SQL qualifies every column by the plan's names. */
  readonly term?: Term | undefined;
}

export type MergeClause =
  | {
      readonly when: "matched" | "not matched by source";
      readonly condition?: MergeCondition | undefined;
      readonly action: "delete";
    }
  | {
      readonly when: "matched" | "not matched by source";
      readonly condition?: MergeCondition | undefined;
      readonly action: "update";
      /** Values over both sides (matched), or the target's (not matched by source); the others stay. */
      readonly set: readonly Assignment[];
    }
  | {
      readonly when: "not matched";
      readonly condition?: MergeCondition | undefined;
      readonly action: "insert";
      /** Values over the source; columns that are missing get their default, generated or identity value, or null. */
      readonly values: readonly Assignment[];
    };
