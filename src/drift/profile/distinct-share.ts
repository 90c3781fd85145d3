import type { Session } from "../../engine/core/contract.ts";
import { sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { inChunks } from "./chunks.ts";
import { numberOf } from "./counted.ts";
import type { Leaf } from "./leaves.ts";
import { rowsWith, type SelectedRows } from "./side-rows.ts";

/** Rows that hashes choose, about; where there are less than half as many, the column has few values. */
const wanted = 65_536;
/** Fewer values of the rows that hashes chose are repeated by chance too often to say how many differ. */
const leastDifferent = 0.9;
/** Deviations by which the number of chosen rows may differ from that of values that are all different. */
const mostDeviations = 4;

/**
 * Share of different values among all values of leaves that look like identifiers or sequences; none of a leaf that
 * has no values.
 *
 * Of many rows, only those are looked at whose value has a hash in a fixed share of all hashes: they are all rows of a
 * value or none, so that repetitions are seen (Bar-Yossef et al. 2002, "Counting distinct elements in a data stream").
 * All values are counted where a tenth of these are repeated, and where there are more or fewer than different values
 * would give, because some value has many rows. `spec/drift.md` states the error.
 */
export async function distinctSharesOf<L extends Leaf>(
  session: Session,
  rows: SelectedRows & { readonly rows: number },
  leaves: readonly L[],
): Promise<ReadonlyMap<L, number>> {
  const shares = new Map<L, number>();
  const parts = Math.max(1, Math.floor(rows.rows / wanted));
  for (const chunk of inChunks(parts === 1 ? [] : leaves, 64))
    for (const [leaf, share] of await sampledShares(session, rows, { leaves: chunk, parts }))
      shares.set(leaf, share);
  for (const leaf of leaves) {
    const share = shares.has(leaf) ? undefined : await countedShare(session, rows, leaf);
    if (share !== undefined) shares.set(leaf, share);
  }
  return shares;
}

/** Like {@link distinctSharesOf}, of one leaf. */
export async function distinctShareOf(
  session: Session,
  rows: SelectedRows & { readonly rows: number },
  leaf: Leaf,
): Promise<number> {
  return (await distinctSharesOf(session, rows, [leaf])).get(leaf) ?? 0;
}

/** The shares that a sample by hashes tells. */
async function sampledShares<L extends Leaf>(
  session: Session,
  rows: SelectedRows,
  { leaves, parts }: { readonly leaves: readonly L[]; readonly parts: number },
): Promise<[L, number][]> {
  const figures = leaves.flatMap(({ value }, index) => {
    const isChosen = sql`hash(${value}) % ${parts} = 0`;
    return [
      sql`count(${value}) AS ${plainName(`n${index}`)}`,
      sql`count(${value}) FILTER (WHERE ${isChosen}) AS ${plainName(`k${index}`)}`,
      sql`count(DISTINCT ${value}) FILTER (WHERE ${isChosen}) AS ${plainName(`d${index}`)}`,
    ];
  });
  const [row = {}] = await session.rows(sql`SELECT ${figures} FROM (${rowsWith(rows, leaves)})`);
  return leaves.flatMap((leaf, index) => {
    const [values, chosen, different] = ["n", "k", "d"].map((name) => numberOf(row[`${name}${index}`]));
    const share = shareOf({ values, chosen, different, parts });
    return share === undefined ? [] : [[leaf, share]];
  });
}

function shareOf(found: {
  readonly values: number | undefined;
  readonly chosen: number | undefined;
  readonly different: number | undefined;
  readonly parts: number;
}): number | undefined {
  const { values = 0, chosen = 0, different = 0, parts } = found;
  const expected = values / parts;
  const deviation = Math.sqrt(expected * (1 - 1 / parts));
  const isUneven = Math.abs(chosen - expected) > mostDeviations * deviation;
  const isFew = chosen < wanted / 2;
  return isFew || isUneven || different < leastDifferent * chosen ? undefined : different / chosen;
}

async function countedShare(session: Session, rows: SelectedRows, leaf: Leaf): Promise<number | undefined> {
  const [row] = await session.rows(
    sql`SELECT count(DISTINCT v) / nullif(count(v), 0) AS share FROM (SELECT ${leaf.value} AS v FROM (${rowsWith(rows, [leaf])}))`,
  );
  const share = row?.["share"] ?? null;
  return share === null ? undefined : numberOf(share);
}
