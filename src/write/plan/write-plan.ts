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

/** One write as data, which a verb makes from its options and the pipeline carries out. */
export type WritePlan = RowsPlan | FilesPlan;

/** Fields of every plan. */
interface PlanBase {
  /** The table at the version for which the plan was made. */
  readonly target: BatchTarget;
  readonly operation: Operation;
  readonly batch: BatchName;
  /** Reads that the plan is based on, in addition to those that follow from it. */
  readonly reads?: ReadSet | undefined;
  /** Application ids that the commit records in addition to the batch's own. */
  readonly marks?: readonly string[] | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
}

/**
 * A plan whose rows are tested and written.
 *
 * What follows from its parts is not stated. Uniqueness is tested against the rows that the removal keeps; a
 * source is read with its own types if its columns become the table's; the commit is Serializable if the
 * tests read the table's rows.
 */
export interface RowsPlan extends PlanBase {
  readonly kind: "rows";
  readonly source: WriteSource;
  /** Names of files in the places of rows, by the local files that they were fetched to. */
  readonly fileNames?: ReadonlyMap<string, string> | undefined;
  readonly removes: Removal;
  /** How the table's schema follows the source's columns. */
  readonly schema: SchemaChange;
  /**
   * Whether the table keeps a change feed: then the commit has change files where the files that it adds and removes
   * hold rows that did not change.
   */
  readonly changeFeed: boolean;
  /** Absent if the rows are not tested. */
  readonly tests?: BatchTests | undefined;
  /** Split data files near this many bytes; default: by the table's property. */
  readonly targetFileBytes?: number | undefined;
}

/**
 * A plan that commits files that are already in the table's folder, were tested, and are not named by any
 * version.
 */
export interface FilesPlan extends PlanBase {
  readonly kind: "files";
  readonly files: readonly AddAction[];
  readonly rows: number;
  /** Verdict of the tests, as in `commitInfo.gate`. */
  readonly gate?: JsonObject | undefined;
  /** Whether the tests read the table's rows. */
  readonly judgedByTable?: boolean | undefined;
  /** Location of the batch's rows that were set aside. */
  readonly quarantine?: QuarantinePlace | undefined;
}

/** Which rows of the table are removed. */
export type Removal =
  | { readonly kind: "none" }
  | { readonly kind: "all" }
  /** The partitions that the new rows belong to. */
  | { readonly kind: "partitions" }
  /** Files whose rows the source contains again, changed or not, and the reads that determined them. */
  | { readonly kind: "files"; readonly files: readonly AddAction[]; readonly reads: ReadSet }
  /** The rows that meet a caller's SQL condition; every new row must meet it too. */
  | { readonly kind: "condition"; readonly where: string };

/** How the table's schema changes. */
export type SchemaChange =
  /** Only columns without a type get one. */
  | { readonly kind: "keep"; readonly upgradeProtocol?: boolean | undefined }
  /** New columns are added, and types are widened if the table allows it. */
  | { readonly kind: "merge"; readonly upgradeProtocol: boolean }
  /** The source's columns replace the table's. */
  | {
      readonly kind: "replace";
      /** Default: the present partition columns that remain. */
      readonly partitionBy?: readonly string[] | undefined;
      readonly upgradeProtocol: boolean;
    }
  /** The table is being created, with the source's columns. */
  | { readonly kind: "define"; readonly table: Omit<TableDefinition, "schema"> };

/** The tests of a write's rows. */
export interface BatchTests {
  /** All tests: the table's own and the writer's. */
  readonly suite: Suite;
  /** Those of the tests that the writer was given; absent if all are the table's own. */
  readonly writer?: Suite | undefined;
  /** Versions of tables that checks compare with, by the names that the suite uses. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Rows of the batch that were set aside before and are no longer in its source. */
  readonly before?: RowsBefore | undefined;
}

/** Rows of a batch that do not fit the table and were set aside when it was staged. */
export interface RowsBefore {
  readonly rows: number;
  /** What does not fit, with row counts. */
  readonly checks: readonly CheckResult[];
  /** Their location in the quarantine, if they are there. */
  readonly place?: QuarantinePlace | undefined;
}

/** How the history shows the write; the partition columns are added to the parameters. */
export interface Operation {
  /** E.g. `WRITE`. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
}
