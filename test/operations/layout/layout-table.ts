import type { Table } from "../../../src/api/table.ts";
import type { AddAction } from "../../../src/protocol/actions.ts";
import { requireColumn } from "../../../src/schema/fields.ts";
import { liveFiles } from "../../../src/write/stages/live-files.ts";

/** Rows of a table as texts, in their order as texts; with row tracking also their ids. */
export async function rowTexts(source: Pick<Table, "rows">, rowTracking = false): Promise<string[]> {
  const texts: string[] = [];
  for await (const row of source.rows({ rowTracking: rowTracking ? true : undefined }))
    texts.push(
      JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
    );
  return texts.sort();
}

/** The live files of a table's newest version. */
export function filesOf(table: Table): Promise<AddAction[]> {
  return liveFiles(table.snapshot().log);
}

/** The share of a table's files that may hold a value of a column, by their statistics. */
export async function shareRead(table: Table, column: string, value: number): Promise<number> {
  const { log } = table.snapshot();
  const { type } = requireColumn(log.schema, column);
  const predicate = { op: "eq", column: [column], value: { type, value: String(value) } } as const;
  const { files, listed } = await (await log.files()).prune(predicate);
  return files.length / listed;
}

/** The first text of one list that the other does not have at its place: a difference of long lists is slow to show. */
export function firstDifference(found: readonly string[], wanted: readonly string[]): unknown {
  const index = wanted.findIndex((text, place) => text !== found[place]);
  return found.length === wanted.length && index < 0
    ? undefined
    : { index, found: found[index], wanted: wanted[index], lengths: [found.length, wanted.length] };
}
