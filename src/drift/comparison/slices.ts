import { conditionOver } from "../../dialects/row-condition.ts";
import type { EngineColumn, FencedSession, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { nearestName } from "../../util/nearest-name.ts";
import type { Leaf } from "../profile/leaves.ts";

/** A condition that selects the rows of a slice. */
export interface SliceCondition {
  readonly name: string;
  readonly where: string;
}

/** Which slices are compared besides all rows. */
export interface SliceRequest {
  /** Columns whose most frequent values are slices each. */
  readonly by: readonly string[];
  readonly conditions: readonly SliceCondition[];
}

/** A way to split the rows of both sides. */
export interface Slicing {
  readonly key: string;
  /** The slice of a row as text, over the relation of a side; rows without a slice are `""`. */
  readonly expressions: { readonly baseline: SqlExpression; readonly current: SqlExpression };
  /** What a slice is called, by the text. */
  readonly names: ReadonlyMap<string, string | null>;
}

const mostValues = 20;
const mostSlices = 200;

/** Both sides of a run, in a session that can read nothing else. */
export interface SlicedSides {
  readonly baseline: {
    readonly select: SqlSelect;
    readonly leaves: readonly Leaf[];
    readonly columns: readonly EngineColumn[];
  };
  readonly current: { readonly leaves: readonly Leaf[]; readonly columns: readonly EngineColumn[] };
}

/**
 * The slices of a run: the 20 most frequent values of the baseline in each column of `by`, the rest together, and the
 * rows that meet each condition.
 *
 * @throws `COLUMN_NOT_FOUND`, `LIMIT_EXCEEDED` for more than 200 slices, `SQL_REFUSED`, `SQL_FAILED`
 */
export async function slicingsOf(
  session: FencedSession,
  sides: SlicedSides,
  { by, conditions }: SliceRequest,
): Promise<Slicing[]> {
  const wanted = by.length * (mostValues + 2) + conditions.length;
  if (wanted > mostSlices)
    throw new VarveError(
      "LIMIT_EXCEEDED",
      `The run would have up to ${wanted} slices; at most ${mostSlices} are compared. Slice by fewer columns: each has up to ${mostValues + 2} slices.`,
      { value: wanted, limit: mostSlices },
    );
  const slicings: Slicing[] = [];
  for (const column of by) slicings.push(await byColumn(session, sides, column));
  for (const { name, where } of conditions) {
    slicings.push({
      key: name,
      names: namesOfCondition,
      expressions: {
        baseline: await sliceOfCondition(session, where, sides.baseline.columns),
        current: await sliceOfCondition(session, where, sides.current.columns),
      },
    });
  }
  return slicings;
}

async function byColumn(
  session: Session,
  { baseline, current }: SlicedSides,
  column: string,
): Promise<Slicing> {
  const [before, after] = [leafNamed(baseline.leaves, column), leafNamed(current.leaves, column)];
  const values = await mostFrequent(session, baseline.select, before);
  return {
    key: before.name,
    names: namesOfValues(values),
    expressions: { baseline: sliceByValues(before, values), current: sliceByValues(after, values) },
  };
}

/** The values of a leaf as texts, by their number of rows: those that are slices of their own. */
export async function mostFrequent(session: Session, select: SqlSelect, leaf: Leaf): Promise<string[]> {
  const rows = await session.rows(
    sql`SELECT v, count(*) AS n FROM (SELECT ${textOf(leaf)} AS v FROM (${select})) WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT ${mostValues}`,
  );
  return rows.map(({ v }) => String(v));
}

/** What the slices by values are called, by the text of {@link sliceByValues}. */
export function namesOfValues(values: readonly string[]): ReadonlyMap<string, string | null> {
  const names = new Map<string, string | null>(values.map((value, index) => [String(index), value]));
  return names.set("null", "null").set("other", "other");
}

/** The slice of a row by the value of a leaf. */
export function sliceByValues(leaf: Leaf, values: readonly string[]): SqlExpression {
  const cases = values.map((value, index) => sql`WHEN ${quoteText(value)} THEN ${quoteText(String(index))}`);
  const known =
    values.length === 0 ? sql`'other'` : sql`CASE ${textOf(leaf)} ${joinSql(cases, sql` `)} ELSE 'other' END`;
  return sql`CASE WHEN ${leaf.value} IS NULL THEN 'null' ELSE ${known} END`;
}

/** What the slice of a condition is called, by the text of {@link sliceOfCondition}. */
export const namesOfCondition: ReadonlyMap<string, string | null> = new Map([["0", null]]);

/** The slice of the rows that meet a condition. @throws `SQL_REFUSED`, `SQL_FAILED` */
export async function sliceOfCondition(
  session: FencedSession,
  where: string,
  columns: readonly EngineColumn[],
): Promise<SqlExpression> {
  return sql`CASE WHEN ${await conditionOver(session, where, columns)} THEN '0' ELSE '' END`;
}

function textOf({ value }: Leaf): SqlExpression {
  return sql`CAST(${value} AS VARCHAR)`;
}

/** The leaf of a name, ignoring case. @throws `COLUMN_NOT_FOUND` */
export function leafNamed(leaves: readonly Leaf[], name: string): Leaf {
  const leaf = leaves.find((candidate) => foldName(candidate.name) === foldName(name));
  if (leaf !== undefined) return leaf;
  // Leaves of both sides may be given, so that a name comes twice.
  const all = [...new Set(leaves.map((candidate) => candidate.name))];
  const names = all.slice(0, 30);
  const nearest = nearestName(name, all);
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `Unknown column ${name}.${hint} The columns are: ${names.join(", ")}.`,
    { column: [name], columns: names },
  );
}
