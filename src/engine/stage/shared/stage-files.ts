import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { quoteName, quoteText, textList } from "../../../sql/sql-text.ts";
import type { Relation, StagedRelation } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { positionNames, storedName } from "./position.ts";

/** Where a file's rows begin among those of all files. */
export interface FileStart {
  readonly file: string;
  readonly from: number;
}

/**
 * SQL of the file that a staged row came from, and of its ordinal there, by the row's ordinal in its table.
 */
export function fileAndRow(starts: readonly FileStart[]): readonly [SqlExpression, SqlExpression] {
  const only = starts[0];
  if (only === undefined || starts.length === 1)
    return [only === undefined ? sql`NULL::VARCHAR` : quoteText(only.file), sql`rowid`];
  const froms = sql`[${starts.map((start) => start.from)}]`;
  const files = textList(starts.map((start) => start.file));
  const number = sql`len(list_filter(${froms}, lambda f: f <= rowid))`;
  return [sql`${files}[${number}]`, sql`rowid - ${froms}[${number}]`];
}

interface CopyOptions {
  /** File and ordinal of a row, in terms of the copy; default: no file. */
  readonly place?: readonly [SqlExpression, SqlExpression] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Copies a relation's rows into a table, where each has a place. @throws `CANCELLED` if the signal aborts */
export async function numberedCopy(
  core: EngineCore,
  { sql: select, columns }: Relation,
  { place: [file, row] = fileAndRow([]), signal }: CopyOptions = {},
): Promise<StagedRelation> {
  const table = core.freshName("staged");
  const stored = columns.map((_, index) => storedName(index));
  await core.run(sql`CREATE TABLE ${table} (${stored}) AS ${select}`, [], signal);
  const selected = columns.map(({ name }, index) => sql`${storedName(index)} AS ${quoteName(name)}`);
  const names = positionNames(columns.map(({ name }) => name));
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns,
    positionedSql: sql`SELECT ${selected}, ${file} AS ${names.file}, ${row} AS ${names.row} FROM ${table}`,
    positionColumns: { file: names.file, row: names.row },
  };
}
