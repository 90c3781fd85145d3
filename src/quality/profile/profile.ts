import { shownType } from "../../dialects/shown-type.ts";
import type { EngineRow, Relation, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { defined } from "../../util/defined.ts";
import type { JsonValue } from "../../util/json.ts";
import { countDistinct, type DistinctCount } from "../measures/distinct-count.ts";
import { largestSquared } from "../measures/measures.ts";
import {
  type ColumnClass,
  columnsOfRelation,
  isNumeric,
  isTemporal,
  type SuiteColumn,
} from "../model/column.ts";
import type { CastType } from "../model/dialect.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toJson, toNumber } from "../model/expectation.ts";
import { type ValueCount, valueHistogram } from "./histogram.ts";

/** Profile of one column. Fields whose names begin with `approximate` are estimates; all others are exact. */
export interface ColumnProfile {
  readonly name: string;
  readonly class: ColumnClass;
  /** In Delta's words, such as `long` or `array<string>`. */
  readonly type: string;
  /** Share of rows with a value, 0 to 1; `null` if there are no rows. */
  readonly completeness: number | null;
  readonly nulls: number;
  /** Only for floats. */
  readonly nans?: number | undefined;
  /**
   * Number of distinct values, without null: exact up to about 16,000, and above that off by one to two
   * percent. Absent for nested columns.
   */
  readonly approximateDistinct?: number | undefined;
  /**
   * The exact number of distinct values, where it is known: for few values, or a column that may be a key.
   */
  readonly distinct?: number | undefined;
  /**
   * Smallest and largest value, without NaN: numbers as numbers (decimals that a number cannot hold as text),
   * times as text.
   */
  readonly min?: JsonValue | undefined;
  readonly max?: JsonValue | undefined;
  /**
   * Mean and sample standard deviation of the finite values; `null` if there are none, or if they are too
   * large to compute.
   */
  readonly mean?: number | null | undefined;
  readonly stdev?: number | null | undefined;
  /** Quartiles by t-digest, off in rank by about one percent. */
  readonly approximateQuartiles?: readonly (number | null)[] | undefined;
  /** Number of rows with a smaller value than the row before; only for integers. */
  readonly descents?: number | undefined;
  readonly minLength?: number | null | undefined;
  readonly maxLength?: number | null | undefined;
  /** Shares of text values that look like Integral, Fractional, Boolean or String. */
  readonly textKinds?: Readonly<Record<string, number>> | undefined;
  /** The narrowest of BIGINT, DOUBLE and BOOLEAN that every text can be cast to, if there is one. */
  readonly readsAs?: ReadableType | undefined;
  /** The values by frequency, including null, for columns with few distinct values, none of them long. */
  readonly histogram?: readonly ValueCount[] | undefined;
}

/** Types that text values may be cast to. */
export type ReadableType = "BIGINT" | "DOUBLE" | "BOOLEAN";

/** Profile of a source: its number of rows, and each column. */
export interface Profile {
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
}

/** Columns with at most this many distinct values get a histogram. */
const histogramLimit = 120;

/** Longer texts (in characters) are not categories, and a histogram of them would be as large as the data. */
const longestCategory = 200;

/**
 * Profiles a relation: two passes for all columns, and a small one for each column with few distinct values.
 */
export async function profileRelation(session: Session, relation: Relation): Promise<Profile> {
  const columns = columnsOfRelation(relation.columns);
  const aggregates = columns.flatMap((column, position) =>
    Object.entries(aggregatesOf(column)).map(
      ([name, aggregate]) => sql`${aggregate} AS ${plainName(`c${position}_${name}`)}`,
    ),
  );
  const [row = {}] = await session.rows(
    sql`SELECT ${joinSql([sql`count(*) AS n`, ...aggregates])} FROM (${relation.sql})`,
  );
  const rows = toNumber(row["n"]) ?? 0;
  const profiles = columns.map((column, position) =>
    columnProfile(column, rows, (name) => row[`c${position}_${name}`] ?? null),
  );
  const plain = columns.flatMap(({ name, class: kind }, position) =>
    kind === "nested"
      ? []
      : [
          {
            position,
            name,
            guess: toNumber(row[`c${position}_guess`]) ?? 0,
            complete: rows > 0 && profiles[position]?.completeness === 1,
          },
        ],
  );
  const distinct = await countDistinct(session, relation, plain, rows);
  const descents = await countDescents(session, relation, columns);
  const counted = new Map(plain.map(({ position }, index) => [position, distinct[index]]));
  const complete: ColumnProfile[] = [];
  for (const [position, profile] of profiles.entries()) {
    const distinctCount = counted.get(position);
    const known =
      distinctCount === undefined
        ? profile
        : { ...profile, ...distinctOf(distinctCount), descents: descents.get(profile.name) };
    const few = distinctCount !== undefined && rows > 0 && hasHistogram(known);
    complete.push(
      few
        ? { ...known, histogram: await valueHistogram(session, relation, known.name, histogramLimit * 2) }
        : known,
    );
  }
  return { rows, columns: complete };
}

/** Counts, for each column of integers, the rows with a smaller value than the row before, in one pass. */
async function countDescents(
  session: Session,
  relation: Relation,
  columns: readonly SuiteColumn[],
): Promise<ReadonlyMap<string, number>> {
  const integers = columns.filter((column) => column.class === "integer");
  if (integers.length === 0) return new Map();
  const before = integers.map(({ name }, index) => {
    const column = duckdbDialect.identifier(name);
    return sql`${column} < lag(${column}) OVER () AS f${index}`;
  });
  const counts = integers.map((_, index) => sql`count_if(f${index}) AS f${index}`);
  const [row] = await session.rows(sql`SELECT ${counts} FROM (SELECT ${before} FROM (${relation.sql}))`);
  return new Map(integers.map(({ name }, index) => [name, toNumber(row?.[`f${index}`]) ?? 0]));
}

function distinctOf({
  count,
  exact,
}: DistinctCount): Pick<ColumnProfile, "approximateDistinct" | "distinct"> {
  return { approximateDistinct: count, distinct: exact ? count : undefined };
}

function hasHistogram({ class: kind, approximateDistinct, maxLength }: ColumnProfile): boolean {
  if (isTemporal(kind) || kind === "binary") return false;
  return (approximateDistinct ?? 0) <= histogramLimit && (maxLength ?? 0) <= longestCategory;
}

function aggregatesOf(column: SuiteColumn): Readonly<Record<string, SqlExpression>> {
  const name = duckdbDialect.identifier(column.name);
  const present = { present: sql`count(${name})` };
  if (column.class === "nested") return present;
  const common = { ...present, guess: sql`approx_count_distinct(${name})` };
  if (isNumeric(column.class)) {
    const floats = column.class === "float" || column.class === "double";
    const value = floats ? sql`CASE WHEN NOT isnan(${name}) THEN ${name} END` : name;
    const finite = floats
      ? sql`CASE WHEN isfinite(${name}) THEN CAST(${name} AS DOUBLE) END`
      : sql`CAST(${name} AS DOUBLE)`;
    return defined({
      ...common,
      min: sql`min(${value})`,
      max: sql`max(${value})`,
      mean: sql`avg(${finite})`,
      // the engine fails if the square of a value is too large, which the largest value shows
      stdev: sql`stddev_samp(CASE WHEN abs(${finite}) <= ${largestSquared} THEN ${finite} END)`,
      largest: column.class === "double" ? sql`max(abs(${finite}))` : undefined,
      quartiles: sql`approx_quantile(${finite}, [0.25, 0.5, 0.75])`,
      nans: floats ? sql`count_if(isnan(${name}))` : undefined,
    });
  }
  if (column.class === "string") {
    const is = (pattern: string) => sql`count_if(${duckdbDialect.matches(name, pattern)})`;
    const reads = (type: CastType) => sql`bool_and(${duckdbDialect.canCast(name, type)})`;
    return {
      ...common,
      shortest: sql`min(length(${name}))`,
      longest: sql`max(length(${name}))`,
      fractional: is("^[+-]? ?[0-9]*\\.[0-9]*$"),
      integral: is("^[+-]? ?[0-9]+$"),
      boolean: is("^(true|false)$"),
      reads_bigint: reads("BIGINT"),
      reads_double: reads("DOUBLE"),
    };
  }
  return isTemporal(column.class) ? { ...common, min: sql`min(${name})`, max: sql`max(${name})` } : common;
}

function columnProfile(
  column: SuiteColumn,
  rows: number,
  read: (name: string) => EngineRow[string],
): ColumnProfile {
  const present = toNumber(read("present")) ?? 0;
  const base = {
    name: column.name,
    class: column.class,
    type: shownType(column.type),
    completeness: rows === 0 ? null : present / rows,
    nulls: rows - present,
  };
  if (column.class === "nested") return base;
  if (isNumeric(column.class)) {
    const quartiles = read("quartiles");
    const nans = read("nans");
    return {
      ...base,
      min: numberOrText(read("min")),
      max: numberOrText(read("max")),
      mean: finite(toNumber(read("mean"))),
      stdev: (toNumber(read("largest")) ?? 0) > largestSquared ? null : toNumber(read("stdev")),
      approximateQuartiles: Array.isArray(quartiles) ? quartiles.map((value) => toNumber(value)) : undefined,
      nans: nans === null ? undefined : (toNumber(nans) ?? 0),
    };
  }
  if (column.class === "string") {
    const kinds = textKinds(present, read);
    const type = readsAs(kinds, read);
    const lengths = { minLength: toNumber(read("shortest")), maxLength: toNumber(read("longest")) };
    return { ...base, ...lengths, textKinds: kinds, readsAs: type };
  }
  return isTemporal(column.class) ? { ...base, min: toJson(read("min")), max: toJson(read("max")) } : base;
}

/** A decimal, which the engine returns as text: as a number if that is exact. */
function numberOrText(value: EngineRow[string]): JsonValue {
  if (typeof value !== "string") return toJson(value);
  const digits = value.replace(/^-?0*|\.|0+$/g, "").length;
  return digits <= exactDigits ? Number(value) : value;
}

/** Number of decimal digits that any JavaScript number can hold. */
const exactDigits = 15;

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function readsAs(
  kinds: Readonly<Record<string, number>>,
  read: (name: string) => EngineRow[string],
): ReadableType | undefined {
  if (kinds["Boolean"] === 1) return "BOOLEAN";
  if (kinds["String"] !== undefined || kinds["Boolean"] !== undefined) return undefined;
  if (read("reads_bigint") === true) return "BIGINT";
  return read("reads_double") === true ? "DOUBLE" : undefined;
}

function textKinds(
  present: number,
  read: (name: string) => EngineRow[string],
): Readonly<Record<string, number>> {
  if (present === 0) return {};
  const counts = {
    Integral: toNumber(read("integral")) ?? 0,
    Fractional: toNumber(read("fractional")) ?? 0,
    Boolean: toNumber(read("boolean")) ?? 0,
  };
  const all = { ...counts, String: present - counts.Integral - counts.Fractional - counts.Boolean };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, count]) => (count === 0 ? [] : [[name, count / present]])),
  );
}
