import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import type { CategoryValue } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { mostBound, mostSorted, mostStacked } from "./count-rows.ts";
import { groupedValues, listOf, numberOf, stacked } from "./counted.ts";
import { distinctSharesOf } from "./distinct-share.ts";
import type { Leaf } from "./leaves.ts";
import { type SampledNumbers, sampledNumbers } from "./numeric-bins.ts";
import { isNumeric, isText, type Sample } from "./sample-rows.ts";

/** What the sample says about a leaf. */
export interface Fact {
  readonly leaf: Leaf;
  /** Number of its column in the sample. */
  readonly index: number;
  /** Rows that have a value; of numbers and texts. */
  readonly values: number;
  /** How many different values there are among some of them: of texts about, off by a quarter at most. */
  readonly distinct: number;
  /** Values among which different ones were counted. */
  readonly looked: number;
  /** Characters of the longest text. */
  readonly longest: number;
  /** Bins of numbers, with the rows in them where they are counted. */
  readonly numbers?: Pick<SampledNumbers, "bins" | "counted"> | undefined;
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

/** Different values are estimated from about so many rows of the sample. */
const leastLooked = 8_192;

/** Looks at the values of the leaves in the sample, and at the different ones in a part of it. */
export async function factsOf(session: Session, sample: Sample, leaves: readonly Leaf[]): Promise<Fact[]> {
  const plain = leaves.map((leaf, index): Fact => ({ leaf, index, ...nothingKnown }));
  const columns = plain
    .filter(({ leaf }) => isNumeric(leaf))
    .map(({ leaf, index }) => ({ index, value: sample.isWhole ? plainName(`v${index}`) : leaf.value }));
  const from = sample.isWhole ? "table" : "baseline";
  const numbers = await sampledNumbers(session, sample, { columns, from });
  const texts = new Map<number, Fact>();
  const textLeaves = plain.filter(({ leaf }) => isText(leaf));
  for (const chunk of inChunks(textLeaves, 64))
    for (const fact of await textFacts(session, sample, chunk)) texts.set(fact.index, fact);
  return plain.map((fact) => {
    const own = numbers.get(fact.index);
    if (own === undefined) return texts.get(fact.index) ?? fact;
    const { values, distinct } = own;
    return { ...fact, values, distinct, looked: values, numbers: own };
  });
}

const nothingKnown = { values: 0, distinct: 0, looked: 0, longest: 0 };

async function textFacts(
  session: Session,
  { table, rows }: Sample,
  leaves: readonly Pick<Fact, "leaf" | "index">[],
): Promise<Fact[]> {
  const named = leaves.map(({ index }) => ({ index, value: plainName(`v${index}`) }));
  const counts = named.flatMap(({ index, value }) => [
    sql`count(${value}) AS ${plainName(`n${index}`)}`,
    sql`max(length(${value})) AS ${plainName(`l${index}`)}`,
  ]);
  const distinct = named.flatMap(({ index, value }) => [
    sql`count(${value}) AS ${plainName(`k${index}`)}`,
    sql`approx_count_distinct(${value}) AS ${plainName(`d${index}`)}`,
  ]);
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
  const isTiny = sample.isWhole && sample.rows <= mostStacked;
  for (const chunk of inChunks(facts, isTiny ? mostBound : 32)) {
    const queries = isTiny
      ? stackedGroups(sample, chunk)
      : (await valuesOf(session, sample, chunk)).map(groupQuery);
    for (const { index } of chunk) groups.set(index, { values: [], counts: [], distinct: 0, rows: 0 });
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
  /** They are integers, and not DOUBLE yet. */
  readonly isInteger: boolean;
}

/** The values of leaves in all rows; those of a wide baseline are put into a table. */
async function valuesOf(
  session: Session,
  { select, table, isWhole, isWide }: Sample,
  facts: readonly Fact[],
): Promise<LeafValues[]> {
  const isCopied = !isWhole && isWide;
  if (isCopied) {
    const values = facts.map(
      ({ leaf: { integer, value }, index }) => sql`${integer ?? value} AS ${plainName(`v${index}`)}`,
    );
    await session.execute(
      sql`CREATE OR REPLACE TEMP TABLE varve_drift_values AS SELECT ${values} FROM (${select})`,
    );
  }
  return facts.map(({ leaf, index }) => {
    const name = plainName(`v${index}`);
    const copied = sql`SELECT ${name} AS v FROM ${isCopied ? sql`varve_drift_values` : table}`;
    const values =
      isWhole || isCopied ? copied : sql`SELECT ${leaf.integer ?? leaf.value} AS v FROM (${select})`;
    return { leaf, index, values, isInteger: !isWhole && leaf.integer !== undefined };
  });
}

/** Like {@link groupQuery}, of several columns of few rows: one query for those of numbers, and one for the others. */
function stackedGroups({ table }: Sample, facts: readonly Fact[]): SqlSelect[] {
  const kinds = [
    { own: facts.filter(({ leaf }) => isNumeric(leaf)), known: sql`v IS NOT NULL AND isfinite(v)` },
    { own: facts.filter(({ leaf }) => !isNumeric(leaf)), known: sql`v IS NOT NULL` },
  ];
  return kinds.flatMap(({ own, known }) => {
    if (own.length === 0) return [];
    const values = stacked(
      sql`FROM ${table}`,
      own.map(({ index }) => index),
    );
    const counts = sql`SELECT c, v, count(*) AS n FROM (${values}) WHERE ${known} GROUP BY c, v`;
    const facts = sql`count(*) OVER (PARTITION BY c) AS d, sum(n) OVER (PARTITION BY c) AS t`;
    const top = sql`SELECT c, v, n, ${facts} FROM (${counts}) QUALIFY row_number() OVER (PARTITION BY c ORDER BY n DESC, v) <= ${mostKept}`;
    return [
      sql`SELECT c, list(CAST(v AS VARCHAR) ORDER BY n DESC, v) AS vs, list(n ORDER BY n DESC, v) AS ns, any_value(d) AS d, any_value(t) AS t FROM (${top}) GROUP BY c`,
    ];
  });
}

function groupQuery({ leaf, index, values, isInteger }: LeafValues): SqlSelect {
  const known = leaf.isFloat ? sql`v IS NOT NULL AND isfinite(v)` : sql`v IS NOT NULL`;
  const counts = groupedValues(values, { isInteger, known });
  const top = sql`SELECT v, n, count(*) OVER () AS d, sum(n) OVER () AS t FROM (${counts}) ORDER BY n DESC, v LIMIT ${mostKept}`;
  return sql`SELECT ${index} AS c, list(CAST(v AS VARCHAR) ORDER BY n DESC, v) AS vs, list(n ORDER BY n DESC, v) AS ns, any_value(d) AS d, any_value(t) AS t FROM (${top})`;
}

/** Less than the share of an identifier: a sample of one has no more repeated values than all rows. */
const surelyRepeated = 0.88;

/**
 * The share of different values among all values of leaves that look like identifiers; of those that repeat values in
 * the sample, their share in it.
 */
export async function distinctShares(
  session: Session,
  sample: Sample,
  facts: readonly Fact[],
): Promise<ReadonlyMap<number, number>> {
  const shares = new Map<number, number>();
  const unsure: Fact[] = [];
  for (const fact of facts) {
    const { leaf, index, values, distinct } = fact;
    const inTable = sql`SELECT ${plainName(`v${index}`)} AS v FROM ${sample.table}`;
    const share = isNumeric(leaf) ? distinct / values : await shareIn(session, inTable);
    shares.set(index, share);
    if (!sample.isWhole && share >= surelyRepeated) unsure.push(fact);
  }
  const leaves = unsure.map(({ leaf }) => leaf);
  const ofAll = await distinctSharesOf(session, sample, leaves);
  for (const { leaf, index } of unsure) shares.set(index, ofAll.get(leaf) ?? 0);
  return shares;
}

async function shareIn(session: Session, values: SqlSelect): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(DISTINCT v) / count(v) AS share FROM (${values})`);
  return numberOf(row?.["share"]);
}
