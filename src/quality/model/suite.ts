import type { RecordBatch } from "apache-arrow";
import type { JsonObject } from "../../util/json.ts";

/**
 * What happens to a batch, or to its failing rows, when a check fails.
 *
 * `reject`: no commit. `quarantine`: failing rows go to the quarantine table. `drop`: they are only counted.
 * `warn`: recorded. `tag`: rows are kept and name their failed checks in the suite's tag column. `repair`:
 * failing values are replaced and the row is tested again.
 */
export type OnFail = "reject" | "quarantine" | "drop" | "warn" | "tag" | "repair";

/**
 * What a null (a row for which the check's value is unknown) counts as; `ignore` leaves it out of the
 * denominator too.
 */
export type OnNull = "ignore" | "fail" | "pass";

/** What happens to rows that do not fit the table's schema. */
export type OnMisfit = "reject" | "quarantine";

export type Severity = "critical" | "warning" | "info";

/**
 * How a failing value is replaced; after it the row is tested again and what still fails is treated as
 * `otherwise` says.
 */
export type Repair =
  | {
      readonly with: "default";
      readonly value: string | number | boolean;
      readonly otherwise?: "reject" | "quarantine" | "drop" | "warn" | undefined;
    }
  | { readonly with: "clip"; readonly otherwise?: "reject" | "quarantine" | "drop" | "warn" | undefined }
  | { readonly with: "null"; readonly otherwise?: "reject" | "quarantine" | "drop" | "warn" | undefined }
  | {
      readonly with: "function";
      readonly function: string;
      readonly otherwise?: "reject" | "quarantine" | "drop" | "warn" | undefined;
    }
  | {
      readonly with: "sql";
      readonly expression: string;
      readonly otherwise?: "reject" | "quarantine" | "drop" | "warn" | undefined;
    };

/** Turns the reaction into another when more than the share `above` of the considered rows fails. */
export interface Escalation {
  readonly above: number;
  readonly to: "reject" | "quarantine" | "drop" | "warn";
}

/**
 * One check as it stands in a suite's JSON; `spec/quality-formats.md` has the schema, the registry the kinds
 * and their parameters.
 */
export interface CheckJson {
  /** Name of the expectation, e.g. `expect_column_values_to_be_between`. */
  readonly kind: string;
  /** Unique in the suite; default: made from the kind and its columns. */
  readonly id?: string | undefined;
  readonly description?: string | undefined;
  readonly params?: JsonObject | undefined;
  /** Share of the considered rows that must pass, 0 to 1; default 1. */
  readonly mostly?: number | undefined;
  /** SQL condition that chooses the rows to test. */
  readonly where?: string | undefined;
  readonly onNull?: OnNull | undefined;
  /** Default `critical`. */
  readonly severity?: Severity | undefined;
  /** Default `reject`. */
  readonly onFail?: OnFail | undefined;
  readonly escalate?: Escalation | undefined;
  readonly repair?: Repair | undefined;
}

/** A suite as plain JSON: what a table carries, what a file holds, what the builder makes. */
export interface SuiteJson {
  readonly name?: string | undefined;
  /**
   * Share of the batch's rows that may be quarantined or dropped; above it the whole batch is rejected.
   * Default 1.
   */
  readonly maxBadShare?: number | undefined;
  /** Name of the `array<string>` column that `tag` fills; default `_failed_checks`. */
  readonly tagColumn?: string | undefined;
  /**
   * What happens to rows with a value that is not of its column's type, or a null where none may be; default
   * `reject`, the whole batch.
   */
  readonly onMisfit?: OnMisfit | undefined;
  readonly checks: readonly CheckJson[];
}

/**
 * A test of rows in TypeScript: gets the rows of one Arrow batch and says for each `true` (passes), `false`
 * (fails) or `null` (unknown). Bytes are read as 1 passes, 0 fails.
 */
export type RowPredicate = (batch: RecordBatch) => readonly (boolean | null)[] | Uint8Array;

/**
 * A repair in TypeScript: gets the failing rows of one Arrow batch, all columns of them, and gives for each
 * the value to put into the column that the check tests, `null` for none, in the form that row objects have
 * (spec/formats.md).
 */
export type RowRepair = (batch: RecordBatch) => readonly unknown[];

/** What a suite calls by name: a {@link RowPredicate} or a {@link RowRepair}. */
export type RowFunction = (batch: RecordBatch) => ArrayLike<unknown>;

/**
 * A checked suite: every default filled in, every check known to the registry. Made by `defineSuite` only.
 */
export interface Suite {
  readonly name: string;
  readonly maxBadShare: number;
  readonly tagColumn: string;
  readonly onMisfit: OnMisfit;
  readonly checks: readonly Check[];
  /** The TypeScript predicates and repairs by name; JSON cannot carry them. */
  readonly functions: Readonly<Record<string, RowFunction>>;
  /** SHA-256 over the canonical JSON. */
  readonly fingerprint: string;
  readonly json: SuiteJson;
}

/** A checked check; `path` is its place in the suite, such as `checks[3]`. */
export interface Check {
  readonly id: string;
  readonly kind: string;
  readonly path: string;
  readonly description?: string | undefined;
  readonly params: JsonObject;
  readonly mostly: number;
  readonly where?: string | undefined;
  readonly onNull: OnNull;
  readonly severity: Severity;
  readonly onFail: OnFail;
  readonly escalate?: Escalation | undefined;
  readonly repair?: Repair | undefined;
  readonly fingerprint: string;
}
