import { type SqlExpression, sql } from "../../sql/sql.ts";
/** A digest of the places of rows, so that two sets of places can be compared without joining them. */
export interface Places {
  readonly rows: number;
  /** Number of distinct places. */
  readonly places: number;
  /** Sum of the places' hashes, which does not depend on their order, as decimal digits. */
  readonly hash: string;
}

export const noPlaces: Places = Object.freeze({ rows: 0, places: 0, hash: "0" });

/** An aggregate for {@link Places} of the rows that meet a condition. */
export function placesSql(
  file: SqlExpression,
  row: SqlExpression,
  condition: SqlExpression = sql`true`,
): SqlExpression {
  const place = sql`hash(coalesce(${file}, ''), CAST(${row} AS BIGINT))`;
  const where = sql`FILTER (WHERE ${condition})`;
  const different = sql`count(DISTINCT CASE WHEN ${row} IS NOT NULL THEN ${place} END) ${where}`;
  return sql`[CAST(count(*) ${where} AS VARCHAR), CAST(${different} AS VARCHAR), CAST(coalesce(sum(${place}) ${where}, 0) AS VARCHAR)]`;
}

/** Parses the value of {@link placesSql}. */
export function placesOf(value: unknown): Places {
  const [rows, places, hash] = Array.isArray(value) ? value : [];
  return { rows: Number(rows ?? 0), places: Number(places ?? 0), hash: String(hash ?? 0) };
}

/** The places of two disjoint sets of rows. */
export function joinPlaces(a: Places, b: Places): Places {
  return {
    rows: a.rows + b.rows,
    places: a.places + b.places,
    hash: String(BigInt(a.hash) + BigInt(b.hash)),
  };
}
