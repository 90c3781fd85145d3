import { formatTimestamp } from "../../schema/calendar.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { hasLoneSurrogate } from "../../util/lone-surrogate.ts";
import { type EngineStruct, fieldOf } from "../checkpoint/action-sql.ts";
import type { Comparable } from "./comparable.ts";
import type { FileTest, LogColumn } from "./file-test.ts";

/**
 * SQL over an `add` struct column that leaves out files that a test rules out, though perhaps not all of
 * them: the others are tested again by `testOfFiles`, which decides. `undefined` if SQL cannot rule out any.
 */
export function fileTestSql(test: FileTest, add: EngineStruct): SqlExpression | undefined {
  switch (test.op) {
    case "always":
      return undefined;
    case "never":
      return sql`false`;
    case "and": {
      const parts = test.args.flatMap((arg) => fileTestSql(arg, add) ?? []);
      return parts.length === 0 ? undefined : sql`(${joinSql(parts, sql` AND `)})`;
    }
    case "or": {
      const parts = test.args.map((arg) => fileTestSql(arg, add));
      const known = parts.filter((part) => part !== undefined);
      return known.length < parts.length ? undefined : sql`(${joinSql([sql`false`, ...known], sql` OR `)})`;
    }
    default:
      return leafSql(test, add);
  }
}

type Leaf = Extract<FileTest, { column: LogColumn }>;

function leafSql(test: Leaf, add: EngineStruct): SqlExpression | undefined {
  const { column } = test;
  if (!column.path.every(sqlSafe)) return undefined;
  if (test.op === "hasNull") return nullCondition(column, add);
  if (test.op === "hasPrefix") return prefixCondition(column, add, test.prefix);
  if (test.op !== "below" && test.op !== "above") return undefined;
  if (test.op === "above" && test.nan && (column.type === "float" || column.type === "double"))
    return undefined;
  const typed = engineBound(column, test.value);
  if (typed === undefined) return undefined;
  const text = valueText(column, add, test.op === "below" ? "minValues" : "maxValues");
  return text === undefined ? undefined : keep(typed.compare(text, test.op));
}

/** A file passes unless the condition is definitely false. */
function keep(condition: SqlExpression): SqlExpression {
  return sql`coalesce(${condition}, true)`;
}

function nullCondition(column: LogColumn, add: EngineStruct): SqlExpression | undefined {
  if (column.source === "partition") return keep(sql`nullif(${partitionText(column, add)}, '') IS NULL`);
  const count = valueText(column, add, "nullCount");
  return count === undefined ? undefined : keep(sql`TRY_CAST(${count} AS BIGINT) <> 0`);
}

function prefixCondition(column: LogColumn, add: EngineStruct, prefix: string): SqlExpression | undefined {
  if (!sqlSafe(prefix)) return undefined;
  if (column.source === "partition")
    return keep(sql`starts_with(${partitionText(column, add)}, ${quoteText(prefix)})`);
  const [min, max] = [valueText(column, add, "minValues"), valueText(column, add, "maxValues")];
  if (min === undefined || max === undefined) return undefined;
  const value = quoteText(prefix);
  return sql`(${keep(sql`${min} <= ${value} OR starts_with(${min}, ${value})`)} AND ${keep(upperText(max, value))})`;
}

interface BoundSql {
  readonly compare: (text: SqlExpression, op: "below" | "above") => SqlExpression;
}

/**
 * How SQL compares a bound's text with a value: never more strictly than `compare`, with a margin if the
 * engine rounds.
 */
function engineBound(column: LogColumn, value: Comparable): BoundSql | undefined {
  switch (value.kind) {
    case "boolean":
      return undefined;
    case "text": {
      if (!sqlSafe(value.value)) return undefined;
      const literal = quoteText(value.value);
      return {
        compare: (text, op) => (op === "below" ? sql`${text} <= ${literal}` : upperText(text, literal)),
      };
    }
    case "moment": {
      if (value.micros < -62_135_596_800_000_000n || value.micros > 253_402_300_799_999_999n)
        return undefined;
      const literal = sql`TIMESTAMPTZ ${quoteText(`${formatTimestamp(value.micros, " ")}+00`)}`;
      const moment = (text: SqlExpression): SqlExpression => sql`TRY_CAST(${text} AS TIMESTAMPTZ)`;
      return {
        compare: (text, op) =>
          op === "below"
            ? sql`${moment(text)} <= ${literal}`
            : sql`${moment(text)} + INTERVAL 1 MILLISECOND >= ${literal}`,
      };
    }
    case "exact":
    case "float":
      return numberBound(column, value);
  }
}

function numberBound(
  column: LogColumn,
  value: Extract<Comparable, { kind: "exact" | "float" }>,
): BoundSql | undefined {
  const whole = isPrimitive(column.type) && column.type !== "float" && column.type !== "double";
  if (whole && value.kind === "exact" && value.scale === 0) {
    if (BigInt.asIntN(64, value.digits) !== value.digits) return undefined;
    const integer = (text: SqlExpression): SqlExpression => sql`TRY_CAST(${text} AS BIGINT)`;
    const literal = sql`CAST(${quoteText(String(value.digits))} AS BIGINT)`;
    return { compare: (text, op) => sql`${integer(text)} ${op === "below" ? sql`<=` : sql`>=`} ${literal}` };
  }
  const number = value.kind === "float" ? value.value : Number(`${value.digits}e-${value.scale}`);
  if (!Number.isFinite(number)) return undefined;
  const slack = Math.abs(number) * 1e-6 + Number.MIN_VALUE;
  const literal = (sign: number): SqlExpression =>
    sql`CAST(${quoteText(String(number + sign * slack))} AS DOUBLE)`;
  const double = (text: SqlExpression): SqlExpression => sql`TRY_CAST(${text} AS DOUBLE)`;
  return {
    compare: (text, op) =>
      op === "below"
        ? sql`${double(text)} <= ${literal(1)} OR isnan(${double(text)})`
        : sql`${double(text)} >= ${literal(-1)}`,
  };
}

/** Text may have been truncated, even in the middle of a character. */
function upperText(max: SqlExpression, literal: SqlExpression): SqlExpression {
  return sql`${max} >= ${literal} OR starts_with(${literal}, ${max}) OR contains(${max}, chr(65533))`;
}

/** SQL of a value in statistics or of a partition value, as text or typed; NULL if it is absent. */
function valueText(
  column: LogColumn,
  add: EngineStruct,
  statistic: "minValues" | "maxValues" | "nullCount",
): SqlExpression | undefined {
  if (column.source === "partition")
    return statistic === "nullCount" ? undefined : sql`nullif(${partitionText(column, add)}, '')`;
  const parsed = fieldOf(add, "stats_parsed");
  const path = [statistic, ...column.path];
  let type = parsed;
  for (const name of path) type = fieldOf(type, name);
  if (type !== undefined && (type.kind === "scalar" || type.kind === "decimal")) {
    const value = sql`"add".stats_parsed.${joinSql(path.map(quoteName), sql`.`)}`;
    return column.type === "string" && statistic !== "nullCount"
      ? type.kind === "scalar" && type.name === "VARCHAR"
        ? value
        : undefined
      : value;
  }
  if (fieldOf(add, "stats") === undefined || parsed !== undefined) return undefined;
  // Damaged statistics count as absent.
  return sql`TRY(json_extract_string("add".stats, ${pointer(path)}))`;
}

function partitionText(column: LogColumn, add: EngineStruct): SqlExpression {
  const [name = ""] = column.path;
  if (fieldOf(add, "partitionValues")?.kind === "map")
    return sql`"add"."partitionValues"[${quoteText(name)}]`;
  return sql`TRY(json_extract_string("add"."partitionValues", ${pointer([name])}))`;
}

/** A JSON pointer as an SQL literal. */
function pointer(path: readonly string[]): SqlExpression {
  return quoteText(path.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
}

/** Text with a NUL or an unpaired surrogate cannot be passed to the engine unchanged. */
function sqlSafe(text: string): boolean {
  return !hasLoneSurrogate(text) && !text.includes("\u0000");
}
