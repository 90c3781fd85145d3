import type { Statement, StatementBody, StatementPoint, TableName } from "../dialects/statements/syntax.ts";
import type { Engine, EngineColumn, EngineRow, SessionOptions } from "../engine/core/contract.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { QueryResult } from "../query/query-result.ts";
import type { MaintenanceOutcome } from "../table/commit/log-maintenance.ts";
import type { WriteOutcome } from "../write/plan/write-options.ts";

/** Result of one statement. */
export interface StatementResult {
  /** What the statement is, such as `INSERT` or `ALTER TABLE`. */
  readonly statement: string;
  /** `read`: it returned rows. `unchanged`: there was nothing to do, and nothing was committed. */
  readonly outcome: "read" | "committed" | "unchanged";
  /** The table as the statement names it; absent for SELECT. */
  readonly table?: string | undefined;
  /** The table's version after the statement. */
  readonly version?: number | undefined;
  /** What the commit did, such as `rows`, `filesAdded` and `filesRemoved`. */
  readonly metrics?: Readonly<Record<string, number>> | undefined;
  /** Columns and rows that the statement returned. */
  readonly columns?: readonly EngineColumn[] | undefined;
  readonly rows?: readonly EngineRow[] | undefined;
}

/** The parts of a statement's result that an automatic compaction after its write determines. */
export function afterCompaction({ version, compaction }: Pick<WriteOutcome, "version" | "compaction">): {
  readonly version: number;
  readonly compacted: { readonly filesCompacted?: number };
} {
  if (compaction === undefined) return { version, compacted: {} };
  return { version: compaction.version, compacted: { filesCompacted: compaction.filesRemoved } };
}

/** Takes the result of a statement as soon as it is done, with the rows of a SELECT, which it may consume. */
export type OnResult = (result: StatementResult, rows?: QueryResult) => Promise<void>;

/** A table that statements read and write. */
export interface StatementTable {
  /** The version that a statement is based on. @throws `INVALID_ARGUMENT` for a table bound to one version */
  writable(): Promise<LogSnapshot>;
  /** The newest version, or one of the history. */
  read(point?: StatementPoint): Promise<LogSnapshot>;
  /** Takes note of a commit, and of the maintenance that follows it. */
  committed(commit: {
    readonly version: number;
    readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
  }): Promise<unknown>;
}

/** What statements are run with. */
export interface StatementContext {
  readonly engine: Engine;
  readonly session: SessionOptions;
  /** Opens a table that a statement names. @throws `SQL_FAILED` for a name that no table is bound to */
  readonly table: (name: TableName) => Promise<StatementTable>;
  /**
   * URI of the table that a statement makes, to which its name is bound from then on.
   *
   * @throws `INVALID_ARGUMENT` for a name that is bound to another place; `SQL_FAILED` for one without a place
   */
  readonly place: (name: TableName, location?: string) => Promise<string>;
  /** Opens a folder that a statement makes a table of, without reading it. */
  readonly folder: (name: TableName) => Promise<TableContext>;
  /** Names of the bound tables. */
  readonly names: readonly string[];
  /** INSERT OVERWRITE replaces the partitions that its rows belong to. */
  readonly dynamicPartitions: boolean;
  /** INSERT and MERGE may add columns, as WITH SCHEMA EVOLUTION says. */
  readonly mergeSchema: boolean;
  /** False: VACUUM may retain less than the table's own retention. */
  readonly retentionCheck: boolean;
  /** RESTORE restores versions of which files are gone, too. */
  readonly ignoreMissingFiles: boolean;
  /** ALTER TABLE may add features to the protocol. */
  readonly upgradeProtocol: boolean;
  /** Called after each statement, before the next; the rows of a SELECT are then not collected. */
  readonly onResult?: OnResult | undefined;
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs one kind of statement. */
export type Executor<Body extends StatementBody> = (
  body: Body,
  context: StatementContext,
  statement: Statement,
) => Promise<StatementResult>;

/** The table as a statement names it. */
export function tableText(name: TableName): string {
  return name.kind === "bound" ? name.name : `${name.format}.\`${name.path.replaceAll("`", "``")}\``;
}
