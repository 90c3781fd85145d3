import type { Term } from "../../dialects/spark/term.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { StructType } from "../../schema/types.ts";
import type { MaintenanceOutcome } from "../../table/commit/log-maintenance.ts";
import type { BatchName } from "../../table/idempotence/application-ids.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { QuarantinePlace, TypedColumnName } from "../plan/write-options.ts";
import type { BatchTests } from "../plan/write-plan.ts";
import type { WriteSource } from "../plan/write-source.ts";
import type { Assignment, RewriteOptions, RewriteResult } from "../rewrite/rewrite-plan.ts";
import type { NamedTables } from "../rewrite/subquery-tables.ts";
import type { WriteServices } from "../write-services.ts";

/** A merge as data. */
export interface MergePlan {
  readonly target: BatchTarget;
  /** The version that is changed; the target's. */
  readonly snapshot: LogSnapshot;
  readonly source: WriteSource;
  /** The names by which expressions qualify the columns of the two sides. */
  readonly names: { readonly target: string; readonly source: string };
  /**
   * Binds the clauses to the source's columns, which are known once it is staged, for the table with the types that
   * these give to its untyped columns. @throws typed errors of the clauses
   */
  readonly resolve: (source: StructType, typed: BatchTarget) => MergeClauses;
  /** How untyped columns of the table get types; absent: by the values that are written, as strings. */
  readonly typing?: ColumnTyping | undefined;
  /** Several source rows for one target row: fail as Spark does, or only if more than one of them acts. */
  readonly onDuplicate: "error" | "error-if-acting";
  readonly tests?: BatchTests | undefined;
  /** Whether the source's columns may become the table's, so that they are read with their own types. */
  readonly evolves?: boolean | undefined;
  /** Whether conditions or values are based on other rows of the table than those that match. */
  readonly readsTable?: boolean | undefined;
  /** What subqueries in conditions of clauses read, by the names in their texts. */
  readonly tables?: NamedTables | undefined;
  /** Names of files in the places of rows, by the local files that they were fetched to. */
  readonly fileNames?: ReadonlyMap<string, string> | undefined;
  readonly batch: BatchName;
  readonly userMetadata?: string | undefined;
  readonly targetFileBytes?: number | undefined;
}

/** How a merge gives types to untyped columns. */
export interface ColumnTyping {
  /** The columns of the source that a clause gives to the columns of the same names. */
  readonly columns: (source: StructType) => StructType;
  /** Add the features that the types need to the protocol. */
  readonly upgradeProtocol: boolean;
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
  /**
   * The parts of which `term` is the conjunction. Rows are joined by those that cannot fail, and the others are
   * evaluated for the pairs that these leave.
   */
  readonly conjuncts?: readonly Term[] | undefined;
  /** Whether `text` has subqueries, which use the columns of the row. */
  readonly hasSubqueries?: boolean | undefined;
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

/** How a merge is carried out. */
export type MergeRun = Pick<RewriteOptions, "dryRun"> &
  Pick<WriteServices, "history" | "baselines" | "quarantine" | "onProgress" | "signal">;

/** Result of a merge. */
export interface MergeResult extends RewriteResult {
  /** Rows of the source. */
  readonly sourceRows: number;
  readonly rowsInserted: number;
  /** Where the rows of the source are that were set aside; absent if there are none. */
  readonly quarantine?: QuarantinePlace | undefined;
  /** Columns that had been null in every row, and got their type by this merge; absent if there are none. */
  readonly typedColumns?: readonly TypedColumnName[] | undefined;
}

/** Result of a merge, with the maintenance that follows. */
export interface MergeOutcome extends MergeResult {
  /** Maintenance of the log after the commit. Resolves to a report, and never rejects. */
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}
