import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import type { CategoryValue } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { mostSorted } from "./count-rows.ts";
import { listOf, numberOf } from "./counted.ts";
import type { Leaf } from "./leaves.ts";

/** Rows of the baseline. */
export interface BaselineRows {
  readonly select: SqlSelect;
  readonly rows: number;
}

/** Some rows of the baseline, in a table whose columns are the values of leaves: `v0`, `v1` and so on. */
export interface Sample extends BaselineRows {
  readonly table: SqlExpression;
  /** The sample is all rows. */
  readonly isWhole: boolean;
  /** The baseline has so many columns that a query over it takes long to bind. */
  readonly isWide: boolean;
}

/** What the sample says about a leaf. */
export interface Fact {
  readonly leaf: Leaf;
  /** Number of its column in the sample. */
  readonly index: number;
  readonly values: number;
  /** About how many different values there are among some of them, off by a quarter at most. */
  readonly distinct: number;
  /** Values among which different ones were counted. */
  readonly looked: number;
  /** Characters of the longest text. */
  readonly longest: number;
}

/** The most frequent values of a leaf in all rows, and facts about all of them. */
export interface Group {
  /** By number of rows, then by value; all of them if there are at most 1,000. */
  readonly values: readonly CategoryValue[];
  readonly counts: readonly number[];
  readonly distinct: number;
  readonly rows: number;
}

/** Most values of a category that are kept. */
export const mostKept = 1_000;

/**
 * Samples the baseline: at most about 65,536 rows, chosen by a hash of their numbers, so that the same rows in the same
 * order give the same sample.
 */
export async function takeSample(
  session: Session,
  { select, rows }: BaselineRows,
  { leaves, isWide }: { readonly leaves: readonly Leaf[]; readonly isWide: boolean },
): Promise<Sample> {
  const table = sql`varve_drift_sample`;
  const step = Math.ceil(rows / mostSorted);
  const values = leaves.map(({ value }, index) => sql`${value} AS ${plainName(`v${index}`)}`);
  const sampled =
    step <= 1
      ? sql`SELECT ${values} FROM (${select})`
      : sql`SELECT * EXCLUDE (varve_row) FROM (SELECT ${values}, row_number() OVER () AS varve_row FROM (${select})) WHERE hash(varve_row) % ${step} = 0`;
  await session.execute(sql`CREATE OR REPLACE TEMP TABLE ${table} AS ${sampled}`);
  return { table, isWhole: step <= 1, isWide, select, rows };
}

/** Different values are estimated from about so many rows of the sample. */
const leastLooked = 8_192;

/** Counts values of the leaves in the sample, and different values in a part of it. */
export async function factsOf(session: Session, sample: Sample, leaves: readonly Leaf[]): Promise<Fact[]> {
  const facts: Fact[] = [];
  const numbered = leaves.map((leaf, index) => ({ leaf, index }));
  for (const chunk of inChunks(numbered, 64)) appendAll(facts, await chunkFacts(session, sample, chunk));
  return facts;
}

async function chunkFacts(
  session: Session,
  { table, rows }: Sample,
  leaves: readonly Pick<Fact, "leaf" | "index">[],
): Promise<Fact[]> {
  const counts = leaves.flatMap(({ leaf, index }) => {
    const value = plainName(`v${index}`);
    const isText = leaf.class === "text" || leaf.class === "binary";
    return [
      sql`count(${value}) AS ${plainName(`n${index}`)}`,
      sql`${isText ? sql`max(length(${value}))` : sql`0`} AS ${plainName(`l${index}`)}`,
    ];
  });
  const distinct = leaves.flatMap(({ leaf, index }) => {
    const value = plainName(`v${index}`);
    const isCounted = leaf.class !== "other" && leaf.class !== "time";
    return [
      sql`count(${value}) AS ${plainName(`k${index}`)}`,
      sql`${isCounted ? sql`approx_count_distinct(${value})` : sql`0`} AS ${plainName(`d${index}`)}`,
    ];
  });
  const step = Math.max(1, Math.floor(Math.min(rows, mostSorted) / leastLooked));
  const [all = {}] = await session.rows(sql`SELECT ${counts} FROM ${table}`);
  const [some = {}] = await session.rows(sql`SELECT ${distinct} FROM ${table} WHERE rowid % ${step} = 0`);
  return leaves.map(({ leaf, index }) => ({
    leaf,
    index,
    values: numberOf(all[`n${index}`]),
    distinct: numberOf(some[`d${index}`]),
    looked: numberOf(some[`k${index}`]),
    longest: numberOf(all[`l${index}`]),
  }));
}

/** The values of leaves by their number of rows, in all rows. */
export async function groupsOf(
  session: Session,
  sample: Sample,
  facts: readonly Fact[],
): Promise<ReadonlyMap<number, Group>> {
  const groups = new Map<number, Group>();
  for (const chunk of inChunks(facts, 32)) {
    const queries = (await valuesOf(session, sample, chunk)).map(groupQuery);
    for (const row of await session.rows(joinSql(queries, sql` UNION ALL `))) {
      const index = numberOf(row["c"]);
      const fact = chunk.find((candidate) => candidate.index === index);
      const isNumber = fact !== undefined && isNumeric(fact.leaf);
      groups.set(index, {
        values: listOf(row["vs"]).map((value) => (isNumber ? Number(value) : String(value))),
        counts: listOf(row["ns"]).map(numberOf),
        distinct: numberOf(row["d"]),
        rows: numberOf(row["t"]),
      });
    }
  }
  return groups;
}

/** A leaf with its values in all rows, as `v`. */
interface LeafValues {
  readonly leaf: Leaf;
  readonly index: number;
  readonly values: SqlSelect;
}

/** The values of leaves in all rows; those of a wide baseline are put into a table. */
async function valuesOf(
  session: Session,
  { select, table, isWhole, isWide }: Sample,
  facts: readonly Fact[],
): Promise<LeafValues[]> {
  const isCopied = !isWhole && isWide;
  if (isCopied) {
    const values = facts.map(({ leaf, index }) => sql`${leaf.value} AS ${plainName(`v${index}`)}`);
    await session.execute(
      sql`CREATE OR REPLACE TEMP TABLE varve_drift_values AS SELECT ${values} FROM (${select})`,
    );
  }
  return facts.map(({ leaf, index }) => {
    const name = plainName(`v${index}`);
    const copied = sql`SELECT ${name} AS v FROM ${isCopied ? sql`varve_drift_values` : table}`;
    const values = isWhole || isCopied ? copied : sql`SELECT ${leaf.value} AS v FROM (${select})`;
    return { leaf, index, values };
  });
}

function groupQuery({ leaf, index, values }: LeafValues): SqlSelect {
  const known = leaf.isFloat ? sql`v IS NOT NULL AND isfinite(v)` : sql`v IS NOT NULL`;
  const counts = sql`SELECT v, count(*) AS n FROM (${values}) WHERE ${known} GROUP BY v`;
  const top = sql`SELECT v, n, count(*) OVER () AS d, sum(n) OVER () AS t FROM (${counts}) ORDER BY n DESC, v LIMIT ${mostKept}`;
  return sql`SELECT ${index} AS c, list(CAST(v AS VARCHAR) ORDER BY n DESC, v) AS vs, list(n ORDER BY n DESC, v) AS ns, any_value(d) AS d, any_value(t) AS t FROM (${top})`;
}

/** Whether the values of a leaf are numbers. */
export function isNumeric({ class: kind }: Leaf): boolean {
  return kind === "number" || kind === "list";
}

/** Less than the share of an identifier: a sample of one has no more repeated values than all rows. */
const surelyRepeated = 0.88;

/**
 * The share of different values among all values of leaves that look like identifiers; of those that repeat values in
 * the sample, their share in it.
 */
export async function distinctShares(
  session: Session,
  { table, select, isWhole }: Sample,
  facts: readonly Fact[],
): Promise<ReadonlyMap<number, number>> {
  const shares = new Map<number, number>();
  const shareIn = async (values: SqlSelect) => {
    const [row] = await session.rows(sql`SELECT count(DISTINCT v) / count(v) AS share FROM (${values})`);
    return numberOf(row?.["share"]);
  };
  for (const { leaf, index } of facts) {
    const share = await shareIn(sql`SELECT ${plainName(`v${index}`)} AS v FROM ${table}`);
    const isDone = isWhole || share < surelyRepeated;
    shares.set(index, isDone ? share : await shareIn(sql`SELECT ${leaf.value} AS v FROM (${select})`));
  }
  return shares;
}
