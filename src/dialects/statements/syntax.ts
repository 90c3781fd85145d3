import type { DeltaType } from "../../schema/types.ts";

/** A part of the text that is read later: an expression or a query, with its offset in the whole text. */
export interface SqlSlice {
  readonly text: string;
  readonly start: number;
}

/** A table by the name it is bound to, or by its path: delta.`./path`. */
export type TableName =
  | { readonly kind: "bound"; readonly name: string; readonly start: number }
  | { readonly kind: "path"; readonly format: string; readonly path: string; readonly start: number };

/** A version, or a time as it was written. */
export type HistoryPoint = { readonly version: number } | { readonly timestamp: string };

/** A {@link HistoryPoint}, or the name of a pin as it was written. */
export type StatementPoint = HistoryPoint | { readonly pin: string };

/** A table as a statement names it. */
export interface TableReference {
  readonly table: TableName;
  readonly point?: StatementPoint | undefined;
  readonly alias?: string | undefined;
}

/** A value that is assigned: an expression, or the column's default. */
export type AssignedValue = SqlSlice | "default";

/** `a.b = expression`. */
export interface Assignment {
  readonly path: readonly string[];
  readonly start: number;
  readonly value: AssignedValue;
}

export interface DeleteStatement {
  readonly kind: "DELETE";
  readonly target: TableReference;
  readonly where?: SqlSlice | undefined;
}

export interface UpdateStatement {
  readonly kind: "UPDATE";
  readonly target: TableReference;
  readonly set: readonly Assignment[];
  readonly where?: SqlSlice | undefined;
}

/** The rows of an INSERT. */
export type InsertSource =
  | { readonly kind: "values"; readonly rows: readonly (readonly AssignedValue[])[] }
  /** A SELECT; `items` are those of one without FROM. */
  | {
      readonly kind: "query";
      readonly query: SqlSlice;
      readonly items?: readonly SelectItem[] | undefined;
    };

/** One expression of a SELECT without FROM. */
export interface SelectItem {
  readonly value: AssignedValue;
  readonly name?: string | undefined;
}

/** `p = 'a'` or `p` of a PARTITION clause. */
export interface PartitionEntry {
  readonly column: string;
  readonly value?: SqlSlice | undefined;
}

export interface InsertStatement {
  readonly kind: "INSERT";
  readonly target: TableReference;
  readonly overwrite: boolean;
  readonly evolves: boolean;
  readonly partition: readonly PartitionEntry[];
  /** Columns in the order of the values; `name`: the names of the query's columns decide. */
  readonly columns?: readonly string[] | "name" | undefined;
  readonly replace?:
    | { readonly kind: "where"; readonly condition: SqlSlice }
    | { readonly kind: "on"; readonly condition: SqlSlice }
    | { readonly kind: "using"; readonly columns: readonly string[] }
    | undefined;
  readonly source: InsertSource;
}

/** What a clause of a MERGE does; `columns: "*"` takes all by name. */
export type MergeAction =
  | { readonly kind: "delete" }
  | { readonly kind: "update"; readonly set: readonly Assignment[] | "*" }
  | {
      readonly kind: "insert";
      readonly columns: readonly (readonly string[])[] | "*";
      readonly values: readonly AssignedValue[];
    };

export interface MergeClause {
  readonly when: "matched" | "not matched" | "not matched by source";
  readonly condition?: SqlSlice | undefined;
  readonly action: MergeAction;
}

export interface MergeStatement {
  readonly kind: "MERGE";
  readonly target: TableReference;
  /** Common tables that precede the statement, from WITH on. */
  readonly common?: SqlSlice | undefined;
  readonly source: TableReference | { readonly query: SqlSlice; readonly alias?: string | undefined };
  readonly on: SqlSlice;
  readonly clauses: readonly MergeClause[];
  readonly evolves: boolean;
}

export type ColumnPosition = "first" | { readonly after: string };

/** A column that is added. */
export interface ColumnDefinition {
  readonly path: readonly string[];
  readonly type: DeltaType;
  /** The type as it was written, which tells `varchar(3)` from `string`. */
  readonly typeText: string;
  readonly nullable: boolean;
  readonly comment?: string | undefined;
  readonly default?: SqlSlice | undefined;
  readonly position?: ColumnPosition | undefined;
  /** The whole definition, as it was written. */
  readonly source: SqlSlice;
}

/** A change of one column. */
export type ColumnChange =
  | { readonly set: "type"; readonly type: DeltaType; readonly typeText: string }
  | { readonly set: "name"; readonly name: string }
  | { readonly set: "comment"; readonly comment: string }
  | { readonly set: "position"; readonly position: ColumnPosition }
  | { readonly set: "default"; readonly expression: SqlSlice | undefined }
  | { readonly set: "nullable"; readonly nullable: boolean }
  | { readonly set: "identity" };

/** What changes of the column at a path. */
export interface ChangedColumn {
  readonly path: readonly string[];
  readonly changes: readonly ColumnChange[];
}

/** What an ALTER TABLE changes. */
export type AlterChange =
  | { readonly change: "SET TBLPROPERTIES"; readonly properties: Readonly<Record<string, string>> }
  | { readonly change: "UNSET TBLPROPERTIES"; readonly keys: readonly string[]; readonly ifExists: boolean }
  | { readonly change: "ADD CONSTRAINT"; readonly name: string; readonly condition: SqlSlice }
  | { readonly change: "DROP CONSTRAINT"; readonly name: string; readonly ifExists: boolean }
  | { readonly change: "DROP FEATURE"; readonly feature: string; readonly truncatesHistory: boolean }
  | { readonly change: "ADD COLUMNS"; readonly columns: readonly ColumnDefinition[] }
  | { readonly change: "RENAME COLUMN"; readonly path: readonly string[]; readonly name: string }
  | {
      readonly change: "DROP COLUMNS";
      readonly paths: readonly (readonly string[])[];
      readonly ifExists: boolean;
    }
  | { readonly change: "ALTER COLUMN"; readonly columns: readonly ChangedColumn[] }
  | { readonly change: "CLUSTER BY"; readonly columns: readonly (readonly string[])[] };

export interface AlterStatement {
  readonly kind: "ALTER TABLE";
  readonly target: TableReference;
  readonly change: AlterChange;
}

export interface OptimizeStatement {
  readonly kind: "OPTIMIZE";
  readonly target: TableReference;
  readonly full: boolean;
  readonly where?: SqlSlice | undefined;
  readonly zorderBy: readonly (readonly string[])[];
}

export interface ReorgStatement {
  readonly kind: "REORG TABLE";
  readonly target: TableReference;
  readonly where?: SqlSlice | undefined;
}

export interface VacuumStatement {
  readonly kind: "VACUUM";
  readonly target: TableReference;
  /** The table or the query that lists the files to look at. */
  readonly inventory?: TableReference | { readonly query: SqlSlice } | undefined;
  readonly mode?: "full" | "lite" | undefined;
  readonly retainHours?: number | undefined;
  readonly dryRun: boolean;
}

export interface RestoreStatement {
  readonly kind: "RESTORE TABLE";
  readonly target: TableReference;
  readonly to: StatementPoint;
}

export interface CloneStatement {
  readonly kind: "CREATE TABLE CLONE";
  readonly target: TableReference;
  readonly source: TableReference;
  readonly depth: "shallow" | "deep";
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly properties: Readonly<Record<string, string>>;
  readonly location?: string | undefined;
}

export interface ConvertStatement {
  readonly kind: "CONVERT TO DELTA";
  readonly source: TableName;
  readonly statistics: boolean;
  readonly partitionedBy: readonly PartitionColumn[];
}

/** A partition column that is declared with its type. */
export interface PartitionColumn {
  readonly name: string;
  readonly type: DeltaType;
}

export interface DescribeStatement {
  readonly kind: "DESCRIBE HISTORY" | "DESCRIBE DETAIL" | "DESCRIBE TABLE";
  readonly target: TableReference;
  readonly limit?: number | undefined;
  /** Of DESCRIBE TABLE: also what is no column. */
  readonly extended?: boolean | undefined;
}

export interface GenerateStatement {
  readonly kind: "GENERATE";
  readonly target: TableReference;
  readonly mode: string;
}

export interface SelectStatement {
  readonly kind: "SELECT";
  readonly query: SqlSlice;
}

/** What one statement says. */
export type StatementBody =
  | DeleteStatement
  | UpdateStatement
  | MergeStatement
  | InsertStatement
  | AlterStatement
  | OptimizeStatement
  | ReorgStatement
  | VacuumStatement
  | RestoreStatement
  | CloneStatement
  | ConvertStatement
  | DescribeStatement
  | GenerateStatement
  | SelectStatement;

/** One of the statements of a text. */
export interface Statement {
  readonly body: StatementBody;
  /** The statement itself, without the semicolon. */
  readonly source: SqlSlice;
}
