import { isPrimitive } from "../../schema/type-names.ts";
import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import type { LiteralSyntax } from "./syntax.ts";

/** A translated expression. */
export interface Term {
  readonly type: DeltaType;
  /**
   * SQL of the engine in parentheses, of exactly the engine's type for `type`. It never raises: it has any
   * value for rows that `fails` is true for.
   */
  readonly sql: SqlExpression;
  /**
   * SQL that is TRUE for rows that Spark raises an error for (or that the rule says nothing about), and FALSE
   * for others; absent where there are none.
   */
  readonly fails?: SqlExpression | undefined;
  /** The value of a constant, as {@link LiteralSyntax.value}. */
  readonly literal?: LiteralSyntax | undefined;
  /** The length in characters of a CHAR column, to which it is padded with spaces. */
  readonly charLength?: number | undefined;
  /** Text that is padded like a CHAR column where it is compared with one. */
  readonly padsBesideChar?: boolean | undefined;
}

/** A kind of types that a rule takes: a type's name, regardless of its parameters. */
export type TypeKind =
  | "string"
  | "long"
  | "integer"
  | "short"
  | "byte"
  | "float"
  | "double"
  | "boolean"
  | "binary"
  | "date"
  | "timestamp"
  | "timestamp_ntz"
  | "void"
  | "decimal"
  | "array"
  | "map"
  | "struct"
  | "variant";

/** What one argument of a rule may be. */
export interface Parameter {
  readonly kinds: readonly TypeKind[];
  /** The argument must be a constant. Spark's text of some, which prove the rule. */
  readonly constants?: readonly string[] | undefined;
}

/**
 * One form of a function or operator; a form whose `build` answers `undefined` does not cover these types.
 */
export interface Form {
  readonly takes: readonly Parameter[];
  /** The last parameter may be given any number of times, at least as often as it stands in `takes`. */
  readonly repeats?: boolean | undefined;
  /** The values for which it is proved, where these are not all: for others the term fails. */
  readonly domain?: string | undefined;
  /** No argument of another type is cast to what it takes. */
  readonly exact?: boolean | undefined;
  readonly build: (args: readonly Term[]) => Term | undefined;
}

/** A function or operator of Spark that means something in the engine. */
export interface Rule {
  readonly names: readonly string[];
  /** How Spark writes it, for proofs and documentation; by default `name(a, b)`. */
  readonly spell?: ((name: string, args: readonly string[]) => string) | undefined;
  readonly forms: readonly Form[];
}

export const wholeKinds = ["byte", "short", "integer", "long"] as const;
/** Kinds that Spark casts to int for a parameter that is one, without loss. */
export const intKinds = ["byte", "short", "integer"] as const;
export const numberKinds = [...wholeKinds, "float", "double", "decimal"] as const;
export const momentKinds = ["date", "timestamp", "timestamp_ntz"] as const;

export function kindOf(type: DeltaType): TypeKind {
  return isPrimitive(type) ? type : type.type;
}

export function isWhole(type: DeltaType): type is "byte" | "short" | "integer" | "long" {
  return type === "byte" || type === "short" || type === "integer" || type === "long";
}

export function isDecimal(type: DeltaType): type is DecimalType {
  return kindOf(type) === "decimal";
}

/** A term of a type whose SQL has another type in the engine. */
export function typed(type: DeltaType, value: SqlExpression, fails?: SqlExpression): Term {
  return { type, sql: sql`CAST(${value} AS ${engineTypeText(type)})`, fails };
}

export function term(type: DeltaType, value: SqlExpression, fails?: SqlExpression): Term {
  return { type, sql: sql`(${value})`, fails };
}

/** The SQL of each term. */
export function sqlsOf(terms: readonly Term[]): SqlExpression[] {
  return terms.map(({ sql: value }) => value);
}

/** SQL that is TRUE where any of the conditions is, and never null. */
export function anyOf(conditions: readonly (SqlExpression | undefined)[]): SqlExpression | undefined {
  const present = conditions.filter((condition) => condition !== undefined);
  return present.length === 0
    ? undefined
    : present.length === 1
      ? present[0]
      : sql`(${joinSql(present, sql` OR `)})`;
}

/** A condition of whatever truth as one that is never null. */
export function surely(condition: SqlExpression): SqlExpression {
  return sql`coalesce(${condition}, FALSE)`;
}

/**
 * Where a function that is null for any null argument fails: Spark evaluates its arguments in order, and none
 * after a null.
 *
 * @param own where the function itself raises for arguments that are not null
 */
export function failsInOrder(args: readonly Term[], own?: SqlExpression): SqlExpression | undefined {
  const conditions = args.map((arg, index) => {
    const present = args.slice(0, index).map((arg) => sql`${arg.sql} IS NOT NULL`);
    return arg.fails === undefined ? undefined : sql`(${joinSql([...present, arg.fails], sql` AND `)})`;
  });
  return anyOf([...conditions, own === undefined ? undefined : surely(own)]);
}

/** Text with spaces behind it up to a length in characters. */
export function padded(text: SqlExpression, length: number): SqlExpression {
  return sql`CASE WHEN length(${text}) < ${length} THEN rpad(${text}, ${length}, ' ') ELSE ${text} END`;
}

/** A constant as a term. */
export function literalTerm(literal: LiteralSyntax): Term {
  const { type, value } = literal;
  const engine = type === "void" ? sql`INTEGER` : engineTypeText(type);
  const constant =
    value === null
      ? sql`NULL`
      : type === "binary"
        ? sql`unhex(${quoteText(value)})`
        : textSql(type === "timestamp" ? `${value}+00` : value);
  return {
    type,
    sql:
      type === "string" && value !== null && !value.includes("\0")
        ? constant
        : sql`CAST(${constant} AS ${engine})`,
    literal,
  };
}

/** The engine's SQL text cannot hold a zero character. */
function textSql(text: string): SqlExpression {
  const parts = text.split("\0").map(quoteText);
  return parts.length === 1 ? quoteText(text) : sql`(${joinSql(parts, sql` || chr(0) || `)})`;
}
