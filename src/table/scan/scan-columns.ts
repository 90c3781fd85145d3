import type { EngineColumn } from "../../engine/core/contract.ts";
import type { StructField } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { readTypeText } from "./read-type.ts";
import type { RowSelection } from "./row-selection.ts";

/** A column that a scan returns: from the data files, or one constant per file. */
export type ScanColumn =
  | { readonly kind: "data"; readonly field: StructField; readonly typedVariants?: boolean | undefined }
  /** A text column of the files that is not a column of the table, by its exact name. */
  | { readonly kind: "extra"; readonly name: string }
  /** `type` is the engine's type text; the value of file `f` is `f.constants[key]`. */
  | { readonly kind: "constant"; readonly name: string; readonly key: string; readonly type: SqlExpression }
  /** A struct `row_id`, `row_commit_version`: PROTOCOL.md "Reader Requirements for Row Tracking". */
  | {
      readonly kind: "row-tracking";
      readonly name: string;
      readonly idColumn: string | undefined;
      readonly versionColumn: string | undefined;
    }
  /** A struct of `file`, the file's {@link ScanFile.number}, and `row`, its position in the file from 0. */
  | { readonly kind: "place"; readonly name: string };

/** One file to read. */
export interface ScanFile {
  /** Local name from `locateFiles`. */
  readonly file: string;
  /** Text for the engine to cast to the column's type, bytes for BLOB. */
  readonly constants: Readonly<Record<string, string | Uint8Array | null>>;
  readonly selection?: RowSelection | undefined;
  readonly baseRowId?: bigint | undefined;
  readonly defaultRowCommitVersion?: bigint | undefined;
  /** By which {@link ScanColumn} `place` names the file. */
  readonly number?: number | undefined;
}

/** A column of the relation, with its type as SQL. */
export interface TypedColumn extends EngineColumn {
  readonly type: SqlExpression;
}

/** The column as the relation has it. */
export function columnOf(column: ScanColumn): TypedColumn {
  if (column.kind === "data") return { name: column.field.name, type: dataType(column) };
  if (column.kind === "extra") return { name: column.name, type: sql`VARCHAR` };
  if (column.kind === "place") return { name: column.name, type: sql`STRUCT(file INTEGER, row BIGINT)` };
  return {
    name: column.name,
    type: column.kind === "constant" ? column.type : sql`STRUCT(row_id BIGINT, row_commit_version BIGINT)`,
  };
}

/** The engine's type of a column from the files. */
export function dataType({ field, typedVariants }: Extract<ScanColumn, { kind: "data" }>): SqlExpression {
  return readTypeText(field.type, typedVariants === true ? "VARIANT" : "JSON");
}

/** No row with these columns. */
export function emptySql(columns: readonly TypedColumn[]): SqlSelect {
  const items = columns.map((column) => sql`CAST(NULL AS ${column.type}) AS ${quoteName(column.name)}`);
  return sql`SELECT ${items.length === 0 ? 0 : items} WHERE false`;
}
