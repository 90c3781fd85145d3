import type { Session } from "../../engine/core/contract.ts";
import { sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { inChunks } from "./chunks.ts";
import { numberOf } from "./counted.ts";
import type { Leaf } from "./leaves.ts";
import { rowsWith, type SelectedRows } from "./side-rows.ts";

/** First and last moment of a time, in microseconds since 1970; null without any. */
export type Span = readonly [number | null, number | null];

/** The spans of leaves that are times. */
export async function timeSpans(
  session: Session,
  rows: SelectedRows,
  leaves: readonly Leaf[],
): Promise<ReadonlyMap<Leaf, Span>> {
  const spans = new Map<Leaf, Span>();
  const times = leaves.filter(({ class: kind }) => kind === "time");
  for (const chunk of inChunks(times, 64)) {
    const ends = chunk.flatMap(({ value }, index) => [
      sql`min(${value}) AS ${plainName(`a${index}`)}`,
      sql`max(${value}) AS ${plainName(`b${index}`)}`,
    ]);
    const [row = {}] = await session.rows(sql`SELECT ${ends} FROM (${rowsWith(rows, chunk)})`);
    const end = (name: string) => (row[name] === null ? null : numberOf(row[name]));
    for (const [index, leaf] of chunk.entries()) spans.set(leaf, [end(`a${index}`), end(`b${index}`)]);
  }
  return spans;
}
