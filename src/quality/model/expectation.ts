import type { EngineValue } from "../../engine/core/contract.ts";
import type { SqlExpression, SqlName, SqlSelect } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { ColumnClass, SuiteColumn } from "./column.ts";
import type { Dialect } from "./dialect.ts";
import type { GateNames } from "./gate-names.ts";
import type { ParamSpecs } from "./params.ts";
import type { Check } from "./suite.ts";

/**
 * `row`: decides for each row alone whether it fails. `group`: names failing rows by comparing rows with
 * others. `aggregate`: measures all rows together and names none, so it can only warn or reject.
 */
export type Level = "row" | "group" | "aggregate";

/** One kind of check: its parameters, what it can do with rows, and how it is planned. */
export interface Expectation {
  readonly kind: string;
  readonly level: Level;
  /** One sentence, with the treatment of nulls where it is not the usual one. */
  readonly summary: string;
  readonly params: ParamSpecs;
  /** Says what is wrong with the parameters together; called before any schema is known. */
  readonly refuse?:
    | ((
        params: JsonObject,
      ) => { readonly param: string; readonly problem: string; readonly advice: string } | undefined)
    | undefined;
  /** Sentence for people, e.g. `delay must be between 0 and 10`. */
  readonly message: (params: JsonObject) => string;
  /** @throws `SUITE_INVALID` where the columns do not fit. */
  readonly plan: (use: CheckUse) => CheckPlan;
}

/** A column as a check uses it: `sql` reads it in the staged relation. */
export interface ColumnUse extends SuiteColumn {
  readonly sql: SqlExpression;
}

/** What an expectation is given to plan a check with. */
export interface CheckUse {
  readonly check: Check;
  readonly dialect: Dialect;
  readonly columns: readonly SuiteColumn[];
  /** Milliseconds since 1970-01-01 UTC that checks of age take as now. */
  readonly now: number;
  /**
   * The column that parameter `param` names (`path` is then `checks[i].params.param`), of one of the classes
   * if given. @throws `SUITE_INVALID`
   */
  readonly column: (param: string, accepts?: readonly ColumnClass[]) => ColumnUse;
  readonly columnList: (param: string, accepts?: readonly ColumnClass[]) => readonly ColumnUse[];
  /**
   * A scalar of parameter `param` as a literal to compare with `column`; `undefined` where absent. @throws
   * `SUITE_INVALID` when the types differ.
   */
  readonly bound: (param: string, column: ColumnUse) => SqlExpression | undefined;
  readonly value: (value: JsonValue, column: ColumnUse, param: string) => SqlExpression;
  /** A caller's SQL, after the engine has checked it. */
  readonly expression: (param: string) => SqlExpression;
}

/** Values of a check's aggregates by alias. */
export type AggregateValues = Readonly<Record<string, EngineValue>>;

/** What an aggregate check says: `observed` is the value that was looked at, JSON-compatible. */
export interface Judgement {
  readonly success: boolean;
  readonly observed: JsonValue;
  readonly details?: JsonObject | undefined;
}

/**
 * How a check is evaluated.
 *
 * `row`: `pass` is a condition; what is not TRUE fails; `missing` marks the rows whose value is null,
 * `nullsExactly` says that `pass` is null just there. `keys` and `positions`: a query finds the failing keys
 * or row positions first. `rounds`: scalars of the whole batch are needed before the check can be planned.
 */
export type CheckPlan =
  | RowPlan
  | KeysPlan
  | PositionsPlan
  | FunctionPlan
  | AggregatePlan
  | QueryPlan
  | SchemaPlan
  | RoundsPlan
  | HistoryPlan;

export interface RowPlan {
  readonly kind: "row";
  readonly pass: SqlExpression;
  readonly missing?: SqlExpression | undefined;
  readonly nullsExactly?: boolean | undefined;
  /** Columns whose values are shown for a failing row. */
  readonly shows: readonly ColumnUse[];
  /**
   * Where every value of this column passes if its smallest and its largest value do; NaN is no value here.
   */
  readonly byExtremes?: ColumnUse | undefined;
  /** No text but one of ASCII characters passes. */
  readonly passesAsciiOnly?: boolean | undefined;
  /** A cheaper condition that says the same of a text of ASCII characters. */
  readonly passOfAscii?: SqlExpression | undefined;
}

export interface KeysPlan {
  readonly kind: "keys";
  readonly keys: readonly SqlExpression[];
  readonly missing: SqlExpression;
  /**
   * Query over `scoped` (a parenthesised relation of the tested rows) giving `names.key` and `names.rows`,
   * how many rows fail with that key.
   */
  readonly failing: (scoped: SqlExpression, relations: RelationLookup, position: Position) => SqlSelect;
  /** The row whose position is `names.firstPosition` of the failing query passes. */
  readonly keepFirst?: boolean | undefined;
  /**
   * Gives a proof that fits beside the other counts; `undefined` where the keys are not of the kind for it.
   */
  readonly countProof?: ((scoped: SqlExpression, ask: Ask) => Promise<CountProof | undefined>) | undefined;
  /**
   * Other ways to prove that no key fails, cheaper than {@link failing} finds those that do; `false` proves
   * nothing.
   */
  readonly proofs?: readonly Proof[] | undefined;
  readonly shows: readonly ColumnUse[];
  /** Relations that the query compares with. */
  readonly tables?: readonly string[] | undefined;
  readonly refers?: Reference | undefined;
}

export interface PositionsPlan {
  readonly kind: "positions";
  readonly missing?: SqlExpression | undefined;
  /**
   * Query over `scoped` giving `names.file` and `names.row` of failing rows; `file` and `row` are names of
   * the position columns in `scoped`.
   */
  readonly failing: (scoped: SqlExpression, position: Position) => SqlSelect;
  readonly shows: readonly ColumnUse[];
}

export interface FunctionPlan {
  readonly kind: "function";
  readonly name: string;
  readonly shows: readonly ColumnUse[];
}

export interface AggregatePlan {
  readonly kind: "aggregate";
  /** One aggregate call each, without FILTER. */
  readonly aggregates: Readonly<Record<string, SqlExpression>>;
  /**
   * Conditions over the aliases, evaluated in SQL so that wide integers, decimals and times compare exactly.
   */
  readonly conditions?:
    | ((alias: (name: string) => SqlExpression) => Readonly<Record<string, SqlExpression>>)
    | undefined;
  readonly judge: (values: AggregateValues) => Judgement;
  /**
   * Where the smallest and the largest value of this column give the same aggregates as all its values; NaN
   * is no value here.
   */
  readonly byExtremes?: ColumnUse | undefined;
}

export interface QueryPlan {
  readonly kind: "query";
  readonly query: (scoped: SqlExpression, relations: RelationLookup) => SqlSelect;
  readonly judge: (rows: readonly AggregateValues[]) => Judgement;
  readonly tables?: readonly string[] | undefined;
  readonly refers?: Reference | undefined;
}

export interface SchemaPlan {
  readonly kind: "schema";
  readonly judge: (columns: readonly SuiteColumn[]) => Judgement;
}

export interface RoundsPlan {
  readonly kind: "rounds";
  readonly aggregates: Readonly<Record<string, SqlExpression>>;
  readonly next: (values: AggregateValues) => CheckPlan;
}

export interface HistoryPlan {
  readonly kind: "history";
  readonly metric: string;
  readonly aggregates: Readonly<Record<string, SqlExpression>>;
  readonly value: (values: AggregateValues) => number | null;
  readonly judge: (current: number | null, history: readonly number[]) => Judgement;
}

/** Asks a question whose answer is one row. */
export type Ask = (select: SqlSelect) => Promise<AggregateValues>;

/**
 * One aggregate over the scoped rows that is true where no key fails; it may fail as out of range where
 * statistics of the keys are wrong.
 */
export interface CountProof {
  readonly sql: SqlExpression;
  /** Bits of memory that it takes in each thread of the engine. */
  readonly bits: number;
}

/** Asks a few cheap questions of the scoped rows. */
export type Proof = (scoped: SqlExpression, ask: Ask) => Promise<boolean>;

/**
 * Columns of another table that a check compares its own with, and the parameter that names them or the
 * table.
 */
export interface Reference {
  readonly table: string;
  readonly param: string;
  readonly pairs: readonly { readonly own: ColumnUse; readonly other: string }[];
}

/** Names of the position columns in a scoped relation, quoted. */
export interface Position {
  readonly file: SqlName;
  readonly row: SqlName;
  /** What a gate may call its own beside the batch's columns. */
  readonly names: GateNames;
}

/**
 * SQL of a relation that a check compares with, by the name in the suite; `undefined` for `this` when the
 * table is being created.
 */
export type RelationLookup = (name: string) => SqlSelect | undefined;

/** Name under which checks mean the table that is written to. */
export const thisTable = "this";

/** A number from an engine value; `null` stays, text is read as a number. */
export function toNumber(value: EngineValue | undefined): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "string") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return null;
}

/** An engine value as JSON: bytes as hex text, wide integers kept exact. */
export function toJson(value: EngineValue | undefined): JsonValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "bigint") return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((item) => toJson(item));
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toJson(item)]));
  return value;
}
