import { VarveError } from "../errors.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";

/** How the rows of a training set are split by a hash of their key; spec/training-sets.md, "Split". */
export interface TrainingSplit {
  /** Columns whose values decide; all rows with the same values are in one part. */
  readonly key: readonly string[];
  /** Share of the keys in each part, by the part's name; they add up to 1. */
  readonly shares: Readonly<Record<string, number>>;
  /** Another text splits in another way. */
  readonly seed: string;
}

/** Name of the part of a set that is not split. */
const wholePart = "all";

/** The names of the parts, in their order. */
export function partNames(split: TrainingSplit | undefined): readonly string[] {
  return split === undefined ? [wholePart] : Object.keys(split.shares);
}

/** Number of values that a key's hash can have: 13 hexadecimal digits. */
const hashes = 2 ** 52;
/** How far from 1 the sum of all shares may be, because fractions are rounded. */
const roundingOfShares = 1e-9;
const mostParts = 100;
const partName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Checks a split that a caller or a record gives. @throws `INVALID_ARGUMENT` */
export function requireSplit({ key, shares, seed }: TrainingSplit): void {
  if (key.length === 0) throw invalid("The split of a training set needs at least one key column.");
  if (typeof seed !== "string") throw invalid("The seed of a split must be text.");
  const parts = Object.entries(shares);
  if (parts.length === 0 || parts.length > mostParts)
    throw invalid(`A split has between 1 and ${mostParts} parts, not ${parts.length}.`);
  // A file system may ignore case, and integers as names would change the order of the parts.
  if (new Set(parts.map(([name]) => name.toLowerCase())).size < parts.length)
    throw invalid("Two parts of the split have one name, ignoring case. Name them apart.");
  for (const [name, share] of parts) {
    if (!partName.test(name) || /^\d+$/.test(name))
      throw invalid(
        `Invalid name of a part ${JSON.stringify(name)}: use up to 64 of A-Z a-z 0-9 _ -, not digits alone, such as train.`,
      );
    if (typeof share !== "number" || !(share > 0 && share <= 1))
      throw invalid(
        `The share of ${name} must be a number above 0 and at most 1, such as 0.8, not ${String(share)}.`,
      );
  }
  const sum = parts.reduce((total, [, share]) => total + share, 0);
  if (Math.abs(sum - 1) > roundingOfShares)
    throw invalid(`The shares of a split must add up to 1, not ${Number(sum.toFixed(9))}.`);
}

/** SQL of a row's place among all keys, a whole number, and of the number of its part by this `position`. */
export interface PartSql {
  readonly position: SqlExpression;
  readonly part: SqlExpression;
}

/**
 * SQL of the number of a row's part. It depends on the row's key, the seed and the shares alone.
 *
 * @param columnOf the SQL of a column of the schema by its index
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH` for a key of a type that has no one text
 */
export function partSql(
  schema: StructType,
  split: TrainingSplit | undefined,
  columnOf: (index: number) => SqlName,
): PartSql {
  if (split === undefined) return { position: sql`0`, part: sql`CAST(0 AS UTINYINT)` };
  const values = split.key.map((name) => {
    const index = columnIndex(schema, name);
    return keyText(schema, index, columnOf(index));
  });
  const text = joinSql([quoteText(framed(split.seed)), ...values], sql` || `);
  const hash = sql`CAST('0x' || substring(md5(${text}), 1, 13) AS BIGINT)`;
  let total = 0;
  const shares = Object.values(split.shares);
  const cases = shares.slice(0, -1).map((share, part) => {
    total += share;
    return sql`WHEN position < ${BigInt(Math.round(total * hashes))} THEN ${part}`;
  });
  const number = cases.length === 0 ? sql`0` : sql`CASE ${joinSql(cases, sql` `)} ELSE ${cases.length} END`;
  return { position: hash, part: sql`CAST(${number} AS UTINYINT)` };
}

/** The index of a column, ignoring case if no name is the same. @throws `COLUMN_NOT_FOUND` */
export function columnIndex({ fields }: StructType, name: string): number {
  const exact = fields.findIndex((field) => field.name === name);
  const index = exact >= 0 ? exact : fields.findIndex((field) => foldName(field.name) === foldName(name));
  if (index >= 0) return index;
  const names = fields.map((field) => field.name);
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `The training set has no column ${pathText([name])}. It has: ${names.map((other) => pathText([other])).join(", ")}.`,
    { column: [name], columns: names },
  );
}

/** A text behind its length in bytes, so that no two lists of texts have the same bytes. */
function framed(text: string): string {
  return `${Buffer.byteLength(text)}:${text},`;
}

/** SQL of a value of a key as {@link framed} text; of a null, `-,`. */
function keyText(schema: StructType, index: number, value: SqlName): SqlExpression {
  const field = schema.fields[index];
  const text = field === undefined ? undefined : valueText(field.type, value);
  if (text === undefined)
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The key column ${pathText([field?.name ?? ""])} of the split is a ${field === undefined ? "" : typeText(field.type)}. Split by columns of whole numbers, decimals, text, booleans, dates or timestamps, or cast it in the query.`,
      { column: [field?.name ?? ""] },
    );
  return sql`CASE WHEN ${value} IS NULL THEN '-,' ELSE strlen(${text}) || ':' || ${text} || ',' END`;
}

/** The one text of a value, the same after its column was widened. */
function valueText(type: DeltaType, value: SqlName): SqlExpression | undefined {
  const text = sql`CAST(${value} AS VARCHAR)`;
  if (!isPrimitive(type)) {
    if (type.type !== "decimal") return undefined;
    return type.scale === 0 ? text : sql`rtrim(rtrim(${text}, '0'), '.')`;
  }
  switch (type) {
    case "string":
      return value;
    case "byte":
    case "short":
    case "integer":
    case "long":
    case "boolean":
    case "date":
      return text;
    case "timestamp":
    case "timestamp_ntz":
      return sql`CASE WHEN isfinite(${value}) THEN CAST(epoch_us(${value}) AS VARCHAR) ELSE ${text} END`;
    default:
      return undefined;
  }
}

function invalid(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option: "split" });
}
