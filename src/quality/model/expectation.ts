import type { EngineValue } from "../../engine/core/contract.ts";
import type { SqlExpression, SqlName, SqlSelect } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { Baseline } from "./baseline.ts";
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

/** One kind of check: its parameters, its level, and how it is planned. */
export interface Expectation {
  readonly kind: string;
  readonly level: Level;
  /** One sentence, including the treatment of nulls if it is unusual. */
  readonly summary: string;
  readonly params: ParamSpecs;
  /** The only engine for which the check can be written; absent if it can be for each. */
  readonly engine?: Dialect["name"] | undefined;
  /** Whether the check is about nulls, so that no row is left out for one. */
  readonly testsNulls?: boolean | undefined;
  /** Returns what is wrong with the combination of parameters; called before any schema is known. */
  readonly refuse?:
    | ((
        params: JsonObject,
      ) => { readonly param: string; readonly problem: string; readonly advice: string } | undefined)
    | undefined;
  /** Readable sentence, such as `delay must be between 0 and 10`. */
  readonly message: (params: JsonObject) => string;
  /** @throws `SUITE_INVALID` if the columns do not fit */
  readonly plan: (use: CheckUse) => CheckPlan;
}

/** A column as a check uses it; `sql` is its expression in the staged relation. */
export interface ColumnUse extends SuiteColumn {
  readonly sql: SqlExpression;
}

/** What an expectation needs to plan a check. */
export interface CheckUse {
  readonly check: Check;
  readonly dialect: Dialect;
  readonly columns: readonly SuiteColumn[];
  /** The present time for checks of age, in milliseconds since 1970-01-01 UTC. */
  readonly now: number;
  /**
   * The column named by parameter `param` (in errors, `path` is `checks[i].params.param`), which must be of
   * one of the classes if given. @throws `SUITE_INVALID`
   */
  readonly column: (param: string, accepts?: readonly ColumnClass[]) => ColumnUse;
  readonly columnList: (param: string, accepts?: readonly ColumnClass[]) => readonly ColumnUse[];
  /**
   * The scalar of parameter `param` as a literal to compare with `column`; `undefined` if absent. @throws
   * `SUITE_INVALID` if the types differ
   */
  readonly bound: (param: string, column: ColumnUse) => SqlExpression | undefined;
  readonly value: (value: JsonValue, column: ColumnUse, param: string) => SqlExpression;
  /** A caller's SQL, checked by the engine. */
  readonly expression: (param: string) => SqlExpression;
}

/** Values of a check's aggregates by alias. */
export type AggregateValues = Readonly<Record<string, EngineValue>>;

/** Result of an aggregate check: `observed` is the measured value, JSON-compatible. */
export interface Judgement {
  readonly success: boolean;
  readonly observed: JsonValue;
  /** `observed` in the form that Great Expectations gives it, where that is another. */
  readonly observedValue?: JsonValue | undefined;
  readonly details?: JsonObject | undefined;
}

/**
 * How a check is evaluated.
 *
 * `row`: `pass` is a condition, and rows for which it is not TRUE fail; `missing` marks the rows whose value
 * is null, and `nullsExactly` says that `pass` is null exactly there. `keys` and `positions`: a query first
 * finds the failing keys or row positions. `rounds`: scalars of the whole batch are needed before the check
 * can be planned.
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
  | HistoryPlan
  | DriftPlan
  | ModelPlan;

export interface RowPlan {
  readonly kind: "row";
  readonly pass: SqlExpression;
  readonly missing?: SqlExpression | undefined;
  readonly nullsExactly?: boolean | undefined;
  /** Columns whose values are shown for a failing row. */
  readonly shows: readonly ColumnUse[];
  /** The column, if all its values pass whenever its smallest and largest do; NaN is not a value here. */
  readonly byExtremes?: ColumnUse | undefined;
  /** Whether only ASCII text passes. */
  readonly passesAsciiOnly?: boolean | undefined;
  /** A cheaper condition that is equivalent for ASCII text. */
  readonly passOfAscii?: SqlExpression | undefined;
}

export interface KeysPlan {
  readonly kind: "keys";
  readonly keys: readonly SqlExpression[];
  readonly missing: SqlExpression;
  /**
   * Query over `scoped` (a parenthesised relation of the tested rows) that returns `names.key` and
   * `names.rows`, the number of rows that fail with that key.
   */
  readonly failing: (scoped: SqlExpression, relations: RelationLookup, position: Position) => SqlSelect;
  /** Whether the row whose position is `names.firstPosition` of the failing query passes. */
  readonly keepFirst?: boolean | undefined;
  /**
   * Returns a proof that can be computed together with the other counts; `undefined` if the keys are not of a
   * suitable type.
   */
  readonly countProof?: ((scoped: SqlExpression, ask: Ask) => Promise<CountProof | undefined>) | undefined;
  /**
   * Other ways to prove that no key fails, cheaper than {@link failing}, which finds those that do; `false`
   * proves nothing.
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
   * Query over `scoped` that returns `names.file` and `names.row` of failing rows; `file` and `row` are the
   * names of the position columns in `scoped`.
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
   * The column, if its smallest and largest values give the same aggregates as all its values; NaN is not a
   * value here.
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

/** Compares the tested rows with a baseline, column by column (spec/drift.md). */
export interface DriftPlan {
  readonly kind: "drift";
  readonly baseline: Baseline;
  /** Names of columns or of fields in structs; all of the baseline's if empty. */
  readonly columns: readonly string[];
  readonly exclude: readonly string[];
  /** Smallest effect that is drift. */
  readonly threshold: number;
  readonly alpha: number;
  readonly minRows: number;
  /** `undefined` if there is no baseline yet. */
  readonly judge: (columns: readonly ColumnDrift[] | undefined) => Judgement;
}

/** The comparison of a measure of a column; of {@link DriftPlan}. */
export interface ColumnDrift {
  readonly column: string;
  readonly verdict: "none" | "drift" | "broken" | "insufficient" | "not_applicable";
  readonly reason: string | null;
  readonly effect: number | null;
  /** Adjusted for all comparisons of the suite. */
  readonly p: number | null;
  readonly rowsNeeded: number | null;
  readonly rows: { readonly baseline: number; readonly current: number };
  /** One sentence. */
  readonly text: string;
}

/** Evaluates a model on the tested rows, and on those of a baseline if there is one (spec/model-performance.md). */
export interface ModelPlan {
  readonly kind: "model";
  /** Columns and conventions of the evaluation. */
  readonly request: ModelRequest;
  readonly metric: string;
  /** What the metric is compared with; a number is its value. */
  readonly baseline?: Baseline | number | undefined;
  readonly judge: (current: ModelFigure, before: ModelFigure | undefined) => Judgement;
}

/** What a model predicts, and the columns that have it. */
export interface ModelRequest {
  readonly problem: "binary" | "multiclass" | "regression" | "ranking";
  readonly target: string;
  readonly prediction?: string | undefined;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly positive?: string | number | boolean | undefined;
  readonly cutoff?: number | undefined;
  readonly user?: string | undefined;
  readonly k?: readonly number[] | undefined;
}

/** A metric with its 95 % interval, and the rows with an outcome that it is of; null where it is not defined. */
export interface ModelFigure {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly reason?: string | undefined;
  readonly labelled: number;
}

/** Runs a query that returns one row. */
export type Ask = (select: SqlSelect) => Promise<AggregateValues>;

/**
 * One aggregate over the scoped rows that is true if no key fails; it may fail as out of range if statistics
 * of the keys are wrong.
 */
export interface CountProof {
  readonly sql: SqlExpression;
  /** Bits of memory that it takes in each thread of the engine. */
  readonly bits: number;
}

/** Runs a few cheap queries over the scoped rows. */
export type Proof = (scoped: SqlExpression, ask: Ask) => Promise<boolean>;

/**
 * Columns of another table with which a check compares its own, and the parameter that names them or the
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
  /** Names that a gate may use next to the batch's columns. */
  readonly names: GateNames;
}

/**
 * SQL of a relation that a check compares with, by its name in the suite; `undefined` for `this` while the
 * table is being created.
 */
export type RelationLookup = (name: string) => SqlSelect | undefined;

/** Name of the target table in checks. */
export const thisTable = "this";

/** Converts an engine value to a number; `null` stays, and text is read as a number. */
export function toNumber(value: EngineValue | undefined): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "string") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return null;
}

/** A whole number as JSON: a number, or the text of its digits if a number cannot hold it. */
export function wholeJson(value: bigint): number | string {
  const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return isSafe ? Number(value) : String(value);
}

/** Text of digits that a number cannot hold as the whole number that it is: the counterpart of {@link wholeJson}. */
export function wholeOf<T extends JsonValue | undefined>(value: T): T | bigint {
  if (typeof value !== "string" || !/^-?\d{16,}$/.test(value)) return value;
  const whole = BigInt(value);
  return typeof wholeJson(whole) === "string" ? whole : value;
}

/** Converts an engine value to JSON that `JSON.stringify` can write: bytes as hex text, wide integers as digits. */
export function toJson(value: EngineValue | undefined): JsonValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "bigint") return wholeJson(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((item) => toJson(item));
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toJson(item)]));
  return value;
}
