import { VarveError } from "../../errors.ts";
import { type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { counted } from "../../util/counted.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import type { MergeNames } from "./merge-names.ts";
import type { MergeClauses, MergePlan } from "./merge-plan.ts";

/** Rows of both sides that match. */
export interface Matches {
  readonly room: WriteRoom;
  readonly plan: MergePlan;
  readonly names: MergeNames;
  readonly clauses: MergeClauses;
  /** The table's rows, with the columns of the conditions and their place. */
  readonly target: SqlSelect;
  /** The source's rows with their number. */
  readonly rows: SqlSelect;
  /** A table with place, source and clause of each pair. */
  readonly matches: SqlName;
}

/** Characters of a row in the error. */
const longest = 300;

/**
 * Refuses a row of the table that several rows of the source match, unless all that can become of it is that it
 * is deleted.
 *
 * @throws `MERGE_AMBIGUOUS` with such a row and the rows of the source that match it
 */
export async function refuseSeveralMatches(matched: Matches): Promise<void> {
  const { room, plan, clauses, matches } = matched;
  if (!clauses.clauses.some(({ when }) => when === "matched") || onlyDeletes(clauses)) return;
  const acting = plan.onDuplicate === "error-if-acting" ? sql` WHERE clause IS NOT NULL` : sql``;
  const several = sql`SELECT place, min(source) AS a, max(source) AS b, count(*) AS n FROM ${matches}${acting} GROUP BY place HAVING count(*) > 1`;
  const [row] = await room.session.rows(
    sql`SELECT count(*) AS rows, arg_min(a, place) AS a, arg_min(b, place) AS b, arg_min(n, place) AS n, min(place) AS place FROM (${several})`,
  );
  const rows = Number(row?.["rows"] ?? 0);
  if (row === undefined || rows === 0) return;
  throw await severalMatches(matched, {
    rows,
    place: BigInt(String(row["place"])),
    matches: Number(row["n"]),
    sources: [BigInt(String(row["a"])), BigInt(String(row["b"]))],
  });
}

/** Whether all that can become of a matched row is that it is deleted, by however many rows of the source. */
export function onlyDeletes({ clauses }: MergeClauses): boolean {
  const [first, ...others] = clauses.filter(({ when }) => when === "matched");
  return others.length === 0 && first?.action === "delete" && first.condition === undefined;
}

async function severalMatches(
  { room: { session }, names, clauses: { on }, target, rows }: Matches,
  found: {
    readonly rows: number;
    readonly place: bigint;
    readonly matches: number;
    readonly sources: readonly [bigint, bigint];
  },
): Promise<VarveError> {
  const whole = quoteName(`${names.prefix}row`);
  const [ofTable] = await session.rows(
    sql`SELECT CAST(${whole} AS VARCHAR) AS text FROM (SELECT * EXCLUDE (${names.place}) FROM (${target}) WHERE ${names.place} = ${found.place}) AS ${whole}`,
  );
  const ofSource = await session.rows(
    sql`SELECT CAST(${whole} AS VARCHAR) AS text FROM (SELECT * EXCLUDE (${names.number}) FROM (${rows}) WHERE ${names.number} IN (${[...found.sources]}) ORDER BY ${names.number}) AS ${whole}`,
  );
  const shown = (text: unknown) => (typeof text === "string" ? text.slice(0, longest) : "?");
  const sources = ofSource.map(({ text }) => shown(text));
  const others = found.rows === 1 ? "" : ` (and ${counted(found.rows - 1, "other row")} likewise)`;
  const more = found.matches > 2 ? ` and ${found.matches - 2} more` : "";
  return new VarveError(
    "MERGE_AMBIGUOUS",
    `${found.matches} rows of the source match one row of the table${others} by ${on.text}: the row ${shown(ofTable?.["text"])} is matched by ${sources.join(" and ")}${more}. Nothing was written. Remove the duplicates from the source, or match by more columns.`,
    {
      rows: found.rows,
      target: shown(ofTable?.["text"]),
      source: sources,
    },
  );
}
