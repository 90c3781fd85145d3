import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";

/** Where a row came from. */
export interface RowPlace {
  /** E.g. `row 12` or `line 13 of /data/a.ndjson`. */
  readonly text: string;
  readonly file?: string | undefined;
  /** Counted from 1. */
  readonly line?: number | undefined;
}

/** What is wrong with a row, or with a column of it. */
export interface RowProblem {
  /** Absent for the row as a whole. */
  readonly column: readonly string[] | undefined;
  /** The rest of a sentence about the row or its column. */
  readonly what: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** `SCHEMA_MISMATCH` about a column of a row, or `SOURCE_UNREADABLE` about the row itself. */
export function rowProblem(
  { text, file, line, row }: RowPlace & { readonly row: number },
  { column, what, data }: RowProblem,
): VarveError {
  const subject =
    column === undefined
      ? `The source's ${text}`
      : `Column ${pathText(column).replaceAll(unsayable, escaped)} of the source's ${text}`;
  const code = column === undefined ? "SOURCE_UNREADABLE" : "SCHEMA_MISMATCH";
  return new VarveError(code, `${subject} ${what}.`, { file, line, row, column, ...data });
}

/** What a name may not hold. */
const unsayable = /[\ud800-\udfff\0]/gu;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
