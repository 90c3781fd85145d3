import type { RecordBatch } from "apache-arrow";
import type { JsonObject } from "../../util/json.ts";

/**
 * What happens to a batch, or to its failing rows, when a check fails.
 *
 * `reject`: no commit. `quarantine`: failing rows go to the quarantine. `drop`: failing rows are left out and
 * counted. `warn`: the failure is recorded. `tag`: rows are kept, and name their failed checks in the suite's
 * tag column. `repair`: failing values are replaced and the row is tested again.
 */
export type OnFail = "reject" | "quarantine" | "drop" | "warn" | "tag" | "repair";

/**
 * What a null (a row for which the check's value is unknown) counts as; `ignore` also leaves it out of the
 * denominator.
 */
export type OnNull = "ignore" | "fail" | "pass";

/** What happens to rows that do not fit the table's schema. */
export type OnMisfit = "reject" | "quarantine";

/** How serious a failed check is; reports show it, and it does not change the reaction. */
export type Severity = "critical" | "warning" | "info";

/**
 * How a failing value is replaced. The row is then tested again; `otherwise` says what happens to rows that
 * still fail (default `reject`).
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

/** Replaces the reaction by `to` if more than the share `above` (0 to 1) of the considered rows fails. */
export interface Escalation {
  readonly above: number;
  readonly to: "reject" | "quarantine" | "drop" | "warn";
}

/** One check in a suite's JSON; `spec/quality-formats.md` has the schema. */
export interface CheckJson {
  /** Name of the expectation, e.g. `expect_column_values_to_be_between`. */
  readonly kind: string;
  /** Unique in the suite; default: derived from the kind and its columns. */
  readonly id?: string | undefined;
  readonly description?: string | undefined;
  readonly params?: JsonObject | undefined;
  /** Share of the considered rows that must pass, 0 to 1; default 1. */
  readonly mostly?: number | undefined;
  /** SQL condition that selects the rows to test. */
  readonly where?: string | undefined;
  readonly onNull?: OnNull | undefined;
  /** Default `critical`. */
  readonly severity?: Severity | undefined;
  /** Default `reject`. */
  readonly onFail?: OnFail | undefined;
  readonly escalate?: Escalation | undefined;
  readonly repair?: Repair | undefined;
}

/** A suite as plain JSON, as a table carries it, a file holds it and the builder makes it. */
export interface SuiteJson {
  readonly name?: string | undefined;
  /**
   * Share of the batch's rows that may be quarantined or dropped, 0 to 1; above it the whole batch is
   * rejected, and no row of it lands. Default 0.5, except for batches of one row; 1 allows any share.
   */
  readonly maxBadShare?: number | undefined;
  /** Name of the `array<string>` column that `tag` fills; default `_failed_checks`. */
  readonly tagColumn?: string | undefined;
  /**
   * What happens to non-conforming rows: a value that is not of its column's type, a null where the column
   * forbids it, or a line that cannot be read. Default: `reject` the whole batch.
   */
  readonly onMisfit?: OnMisfit | undefined;
  readonly checks: readonly CheckJson[];
}

/**
 * A test of rows in TypeScript. It receives the rows of one Arrow batch, and returns for each row `true`
 * (passes), `false` (fails) or `null` (unknown); in a `Uint8Array`, 1 passes and 0 fails.
 */
export type RowPredicate = (batch: RecordBatch) => readonly (boolean | null)[] | Uint8Array;

/**
 * A repair in TypeScript. It receives the failing rows of one Arrow batch, with all columns, and returns for
 * each row the new value of the column that the check tests, or `null` for none, in the form of row objects
 * (spec/formats.md).
 */
export type RowRepair = (batch: RecordBatch) => readonly unknown[];

/** A function that a suite calls by name: a {@link RowPredicate} or a {@link RowRepair}. */
export type RowFunction = (batch: RecordBatch) => ArrayLike<unknown>;

/**
 * A validated suite: every default is filled in, and every check is known. Made only by `defineSuite`,
 * `parseSuite` and `suite`.
 */
export interface Suite {
  readonly name: string;
  readonly maxBadShare: number;
  readonly tagColumn: string;
  readonly onMisfit: OnMisfit;
  readonly checks: readonly Check[];
  /** The TypeScript predicates and repairs by name, which JSON cannot hold. */
  readonly functions: Readonly<Record<string, RowFunction>>;
  /** SHA-256 over the canonical JSON. */
  readonly fingerprint: string;
  readonly json: SuiteJson;
}

/** A validated check; `path` is its place in the suite, such as `checks[3]`. */
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
