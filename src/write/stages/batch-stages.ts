import type { EnforcementPlan } from "../../dialects/enforcement.ts";
import type { StagedRelation } from "../../engine/core/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import type { Gate } from "../../quality/gate/gate.ts";
import type { SetAside } from "../../quality/gate/gate-context.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import type { SqlName, SqlSelect } from "../../sql/sql.ts";
import type { ReadSet } from "../../table/commit/commit-request.ts";
import type { RowCount } from "../../table/commit/table-change.ts";
import type { StagedData } from "../../table/data-files/write-data-files.ts";
import type { WriteRules } from "../../table/rules/write-rules.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { ComparedTables } from "../plan/compared-tables.ts";
import type { Removal, RowsPlan } from "../plan/write-plan.ts";
import type { WrittenRows } from "./batch-checks.ts";
import type { StageServices, WriteRoom } from "./write-room.ts";

// The value of each stage of a write, made from the previous one: stageRows → StagedRows → fitRows →
// FittedRows → fenceRows → FencedRows → judgeRows → JudgedRows, and writeFiles of either of the last two →
// WrittenBatch, from which rows are set aside and committed.

/** A batch that is staged in the engine, with its rows as they came. */
export interface StagedRows {
  readonly plan: RowsPlan;
  readonly services: StageServices;
  readonly room: WriteRoom;
  /** The plan's target, with types for the untyped columns in which the source has values. */
  readonly base: BatchTarget;
  /** The rows before any cast. */
  readonly source: StagedRelation;
  /** The tables that the tests compare with; `this` is the target table, with all its rows. */
  readonly compared: ComparedTables;
  readonly removal: OpenRemoval;
}

/** A removal whose rows the session can read, because they are found before the session is fenced. */
export type OpenRemoval = Exclude<Removal, { kind: "condition" }> | MatchingRows;

/** Rows of the table to remove by a caller's condition, and the files that may hold them. */
export interface MatchingRows {
  readonly kind: "condition";
  readonly where: string;
  readonly predicate: Predicate;
  readonly files: readonly AddAction[];
  /** Name of the column that has each row's file (its index in `files`) and its position there. */
  readonly place: SqlName;
  /** SELECT of the files' rows, with their place, and `_metadata` if their ids are to be kept. */
  readonly scan: SqlSelect;
}

/** A batch that is split by the table's schema. */
export interface FittedRows extends StagedRows {
  /** The table with the schema that the commit will give it. */
  readonly target: BatchTarget;
  readonly enforcement: EnforcementPlan;
  /** The source's rows that fit the schema. */
  readonly fitting: StagedRelation;
  /** The rows that do not fit, if the tests set such rows aside. */
  readonly misfits?: SetAside | undefined;
}

/** A batch with the rules and tests that it must meet, in a session that is fenced if these contain SQL. */
export interface FencedRows extends FittedRows {
  readonly rules: WriteRules;
  /** The batch in the table's columns and types, without the numbers of identity columns. */
  readonly fitted: StagedRelation;
  readonly gate?: Gate | undefined;
  /** Whether the tests read the table's rows, which then must not have changed when the batch lands. */
  readonly comparesWithTable: boolean;
  /** Number of rows of the source, counted independently of its tests. */
  readonly sourceRows: number;
}

/** A judged batch: its rows to be written, and those that are set aside or dropped. */
export interface JudgedRows extends FencedRows {
  /** Outcome of the tests of the source's rows; absent without tests. */
  readonly verdict?: GateOutcome | undefined;
  readonly clean: WrittenRows;
}

/**
 * A batch that passed every test: its data files are complete in a staging folder, and nothing is visible
 * yet.
 */
export interface WrittenBatch extends FencedRows {
  readonly data: StagedData;
  /** Change data files; absent if readers can tell the changes from the other files. */
  readonly changes?: StagedData | undefined;
  /** Verdict on the whole batch; absent without tests. */
  readonly verdict?: GateOutcome | undefined;
  readonly removed: RemovedFiles;
  readonly count: RowCount;
}

/** What the quarantine needs to know of a batch of which it takes rows. */
export interface SetAsideBatch
  extends Pick<WrittenBatch, "verdict" | "target" | "source" | "fitted" | "room" | "services"> {
  readonly plan: Pick<RowsPlan, "tests" | "batch">;
  /** For a merge: `source` has the rows that would be inserted. */
  readonly merged?: MergedSource | undefined;
}

/** The source of a merge of which rows are set aside. */
export interface MergedSource {
  /** Its rows as they came, which are set aside where they are not rows to insert. */
  readonly source: StagedRelation;
  /** SELECT of the row numbers of those that would be inserted. */
  readonly inserts: SqlSelect;
}

/** Files that a commit removes, and the reads that determined them. */
export interface RemovedFiles {
  readonly files: readonly AddAction[];
  readonly reads?: ReadSet | undefined;
}
