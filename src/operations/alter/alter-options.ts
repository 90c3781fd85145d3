import type { TypeInput } from "../../schema/builder.ts";
import type { FieldPosition } from "../../schema/change-fields.ts";
import type { MaintenanceOutcome } from "../../table/commit/log-maintenance.ts";

/**
 * A column to add. Rows that the table has are null in it; a default is set with `alterColumns` afterwards.
 */
export interface AddedColumn {
  /** Its name, or the path of a field of a struct, list or map: `address.city`, `lines.element.price`. */
  readonly column: string;
  /** A type as the schema builder takes it, or in SQL: `BIGINT`, `STRUCT<a: INT>`, `varchar(20)`. */
  readonly type: TypeInput | string;
  readonly comment?: string | undefined;
  /** Where it stands in its struct, after the columns that are renamed and dropped. Default: at the end. */
  readonly position?: FieldPosition | undefined;
}

/** What changes of one column; all that is left out stays. */
export interface ColumnAlteration {
  /**
   * A wider type, as the schema builder takes it or in SQL. Needs `delta.enableTypeWidening`; data files stay as
   * they are.
   */
  readonly type?: TypeInput | string | undefined;
  /** Text, or null for none. */
  readonly comment?: string | null | undefined;
  /** `false`: the rows that the table has are tested first. */
  readonly nullable?: boolean | undefined;
  /** SQL constant for rows that do not mention the column, or null for none. */
  readonly default?: string | null | undefined;
  readonly position?: FieldPosition | undefined;
  /** Raises the high-water mark of an identity column to the values that its rows have. */
  readonly syncIdentity?: true | undefined;
}

/** Changes to a table's definition, all made in one commit; its rows stay as they are. */
export interface AlterOptions {
  /** Properties to set, such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Properties to remove; an absent property is ignored. */
  readonly unset?: readonly string[] | undefined;
  /** CHECK constraints by name, in Spark SQL; the rows that the table already has are tested first. */
  readonly addConstraints?: Readonly<Record<string, string>> | undefined;
  /** Names of CHECK constraints to remove. */
  readonly dropConstraints?: readonly string[] | undefined;
  /**
   * Features to remove from the protocol; nothing in the table may use them. What the newest version has of
   * `deletionVectors`, `columnMapping`, `typeWidening` and `v2Checkpoint` is taken off in a commit before, and the
   * feature `checkpointProtection` then keeps earlier versions readable, unless `truncateHistory` is true.
   */
  readonly dropFeatures?: readonly string[] | undefined;
  /**
   * Drops features of readers together with the history that used them, in two calls: the first turns them off and
   * fails with `HISTORY_RETAINED` and the time in `data.due` from which on the second removes the history, by
   * `delta.dropFeatureTruncateHistory.retentionDuration` (24 hours). The only way to drop `checkpointProtection`.
   */
  readonly truncateHistory?: boolean | undefined;
  /** Columns to add, each as an object or as SQL such as `"total DECIMAL(10,2) COMMENT 'net' AFTER id"`. */
  readonly addColumns?: readonly (AddedColumn | string)[] | undefined;
  /** New names by columns' paths; needs column mapping (`delta.columnMapping.mode`). */
  readonly renameColumns?: Readonly<Record<string, string>> | undefined;
  /** Paths of columns to drop; needs column mapping. Data files keep their values until they are rewritten. */
  readonly dropColumns?: readonly string[] | undefined;
  /** What changes of columns, by their paths. */
  readonly alterColumns?: Readonly<Record<string, ColumnAlteration>> | undefined;
  /** Paths of the columns by which new files are clustered, at most four; an empty array for none. */
  readonly clusterBy?: readonly string[] | undefined;
  /**
   * Partition columns, in place of those of the table. Every data file is written again, in one commit that changes
   * no row; like taking off the column mapping, this cannot be combined with changes of columns and constraints.
   */
  readonly partitionBy?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /**
   * Allow features to be added to the protocol; older readers or writers may lose access. Default: refuse,
   * naming them.
   */
  readonly upgradeProtocol?: boolean | undefined;
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of `Table.alter`. */
export interface AlterResult {
  /** `unchanged`: the table already was as requested, and nothing was committed. */
  readonly outcome: "committed" | "unchanged";
  readonly version: number;
  /** Features that were added to the protocol. */
  readonly featuresAdded: readonly string[];
  /** Features that were removed from it. */
  readonly featuresDropped: readonly string[];
}

/** An {@link AlterResult}, with the maintenance that follows. */
export interface AlterOutcome extends AlterResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}
