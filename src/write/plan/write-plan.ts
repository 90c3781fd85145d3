import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { CheckResult } from "../../quality/gate/verdict.ts";
import type { RowFunction, Suite } from "../../quality/model/suite.ts";
import type { ReadSet } from "../../table/commit/commit-request.ts";
import type { TableDefinition } from "../../table/definition/table-definition.ts";
import type { BatchName } from "../../table/idempotence/application-ids.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { BatchTarget } from "./batch-target.ts";
import type { QuarantinePlace } from "./write-options.ts";
import type { WriteSource } from "./write-source.ts";

/** One write, as data: what a verb makes of its options, and the pipeline carries out. */
export type WritePlan = RowsPlan | FilesPlan;

/** What every plan says. */
interface PlanBase {
  /** The table as of the version that the plan was made for. */
  readonly target: BatchTarget;
  readonly operation: Operation;
  readonly batch: BatchName;
  /** What was read to make the plan, beside what follows from it. */
  readonly reads?: ReadSet | undefined;
  /** Application ids that the commit records beside the batch's own. */
  readonly marks?: readonly string[] | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
}

/**
 * Rows are tested and written.
 *
 * What follows from the pieces is not said again. Uniqueness is tested against the rows that the removal
 * leaves; a source is read by its own types where its columns become the table's; the commit is Serializable
 * where the tests looked at the table's rows.
 */
export interface RowsPlan extends PlanBase {
  readonly kind: "rows";
  readonly source: WriteSource;
  readonly removes: Removal;
  /** How the table's schema follows the source's columns. */
  readonly schema: SchemaChange;
  readonly changeFeed: ChangeFeed;
  /** Absent: nobody tests the rows. */
  readonly tests?: BatchTests | undefined;
  /** Split data files near this many bytes; default: as the table says. */
  readonly targetFileBytes?: number | undefined;
}

/** Files that are in the table's folder already, tested and not named by any version, are committed. */
export interface FilesPlan extends PlanBase {
  readonly kind: "files";
  readonly files: readonly AddAction[];
  readonly rows: number;
  /** What the tests said, as `commitInfo.gate` has it. */
  readonly gate?: JsonObject | undefined;
  /** The tests looked at the table's rows. */
  readonly judgedByTable?: boolean | undefined;
  /** Where the batch's rows are that were set aside. */
  readonly quarantine?: QuarantinePlace | undefined;
}

/** Which rows of the table go. */
export type Removal =
  | { readonly kind: "none" }
  | { readonly kind: "all" }
  /** The partitions that the new rows fall into. */
  | { readonly kind: "partitions" }
  /** Files whose rows come again from the source, changed or not, and what was read to choose them. */
  | { readonly kind: "files"; readonly files: readonly AddAction[]; readonly reads: ReadSet }
  /** The rows that meet a caller's SQL condition, which every new row must meet too. */
  | { readonly kind: "condition"; readonly where: string };

/** What becomes of the table's schema. */
export type SchemaChange =
  | { readonly kind: "keep" }
  /** New columns are added, types widened where the table allows it. */
  | { readonly kind: "merge"; readonly upgradeProtocol: boolean }
  /** The source's columns replace the table's. */
  | {
      readonly kind: "replace";
      /** Default: the old partition columns that are left. */
      readonly partitionBy?: readonly string[] | undefined;
      readonly upgradeProtocol: boolean;
    }
  /** The table is being created, with the source's columns. */
  | { readonly kind: "define"; readonly table: Omit<TableDefinition, "schema"> };

/**
 * How readers of a change feed learn what the commit changed. `none`: the table keeps no feed. `whole-files`: the
 * files that it adds and removes tell, so none of them may hold rows that stay.
 */
export type ChangeFeed = "none" | "whole-files";

/** What the rows are tested with. */
export interface BatchTests {
  /** All tests: the table's own beside the writer's. */
  readonly suite: Suite;
  /** Versions of tables that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  /** Predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Rows of the batch that were set aside before, and that its source does not have any more. */
  readonly before?: RowsBefore | undefined;
}

/** Rows of a batch that do not fit the table, and were set aside when it was staged. */
export interface RowsBefore {
  readonly rows: number;
  /** What does not fit, and how often. */
  readonly checks: readonly CheckResult[];
  /** Where they are in quarantine, if they are. */
  readonly place?: QuarantinePlace | undefined;
}

/** As history shows the write; the partition columns are added to the parameters. */
export interface Operation {
  /** E.g. `WRITE`. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
}
