import type { SqlSelect } from "../../sql/sql.ts";
import { defined } from "../../util/defined.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { Level } from "../model/expectation.ts";
import type { Places } from "../model/places.ts";
import type { OnFail, Severity } from "../model/suite.ts";

/** One failing row as reports show it: where it came from, and the tested values. */
export interface SampleRow {
  readonly file: string | null;
  /** 0-based ordinal in its source; null for rows of a table where no check needed to tell rows apart. */
  readonly row: number | null;
  readonly values: JsonObject;
}

/**
 * A check's counts and values as Great Expectations names and defines them, so that programs that read its
 * results can read these (spec/quality-formats.md). Percents are out of 100, and null where nothing can be
 * divided.
 */
export interface GreatExpectationsResult {
  /** Number of rows that `where` selects. */
  readonly element_count?: number | undefined;
  /** Number of those rows that the check leaves out because of a null; absent for checks of nulls themselves. */
  readonly missing_count?: number | undefined;
  readonly missing_percent?: number | null | undefined;
  /** Number of failing rows; absent for checks that name no rows, like all that follow. */
  readonly unexpected_count?: number | undefined;
  /** Share of the rows that are not left out; the same as `unexpected_percent_nonmissing`. */
  readonly unexpected_percent?: number | null | undefined;
  readonly unexpected_percent_total?: number | null | undefined;
  readonly unexpected_percent_nonmissing?: number | null | undefined;
  /** The tested values of at most 20 failing rows: a value, a pair, or an object by column. */
  readonly partial_unexpected_list?: readonly JsonValue[] | undefined;
  /** The measured value; only for checks that name no rows. */
  readonly observed_value?: JsonValue | undefined;
}

/** Result of one check of one batch. */
export interface CheckResult {
  readonly id: string;
  readonly kind: string;
  readonly level: Level;
  readonly message: string;
  readonly columns: readonly string[];
  readonly severity: Severity;
  readonly onFail: OnFail;
  /**
   * The reaction after escalation; the same as `onFail` unless the share of failing rows was above the limit.
   */
  readonly reaction: OnFail;
  readonly success: boolean;
  /** Number of rows considered (`null` for aggregate checks). */
  readonly considered: number | null;
  /** Number of considered rows that fail (`null` for aggregate checks). */
  readonly unexpected: number | null;
  /** Number of rows whose value was replaced before the test. */
  readonly repaired: number;
  /** The value that an aggregate check measured; for other checks, the share of passing rows. */
  readonly observed: JsonValue;
  readonly details?: JsonObject | undefined;
  /** The same result under the names and definitions of Great Expectations. */
  readonly result: GreatExpectationsResult;
  /** At most 20 failing rows, the first ones. */
  readonly sample: readonly SampleRow[];
  readonly fingerprint: string;
}

/** Verdict of a suite on a batch: every row is clean, quarantined or dropped. */
export interface GateVerdict {
  readonly suite: { readonly name: string; readonly fingerprint: string };
  /** Whether the clean rows of the batch may be committed. */
  readonly accepted: boolean;
  /** Why the batch was not accepted, one sentence each; empty if it was. */
  readonly reasons: readonly string[];
  readonly rows: number;
  readonly clean: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly tagged: number;
  readonly checks: readonly CheckResult[];
  /** The column that names the failed checks of a row; `null` if no check tags. */
  readonly tagColumn: string | null;
}

/**
 * A verdict, with SQL over the batch for the session that made it.
 *
 * Clean and bad rows are a strict partition: a row is bad if a check that quarantines or drops fails it, and
 * clean otherwise, decided by one expression that is never null. The SQL reads relations of that session.
 */
export interface GateOutcome extends GateVerdict {
  /** SELECT of the clean rows: the staged columns, and the tag column last if a check tags. */
  readonly cleanSql: SqlSelect;
  /** Whether {@link cleanSql} returns all staged rows unchanged. */
  readonly untouched: boolean;
  /**
   * SELECT of the quarantined rows: `file`, `row`, `errors` (see `spec/formats.md`) and the staged columns;
   * `null` if there are none.
   */
  readonly quarantineSql: SqlSelect | null;
  /**
   * SELECT of the places, `file` and `row`, of the staged rows that are quarantined or dropped; `null` if there are
   * none.
   */
  readonly disposedSql: SqlSelect | null;
  /** The places of the quarantined rows. */
  readonly aside: Places;
}

/** The part of an outcome that outlives its session. */
export function plainVerdict(outcome: GateOutcome): GateVerdict {
  const { suite, accepted, reasons, rows, clean, quarantined, dropped, tagged, checks, tagColumn } = outcome;
  return { suite, accepted, reasons, rows, clean, quarantined, dropped, tagged, checks, tagColumn };
}

/**
 * The verdict as it is stored in `commitInfo.gate` (spec/formats.md): counts and results of checks, with one
 * failing row per check at most.
 */
export function summarizeVerdict(verdict: GateVerdict): JsonObject {
  return defined({
    suite: { name: verdict.suite.name, fingerprint: verdict.suite.fingerprint },
    accepted: verdict.accepted,
    rows: verdict.rows,
    clean: verdict.clean,
    quarantined: verdict.quarantined,
    dropped: verdict.dropped,
    tagged: verdict.tagged === 0 ? undefined : verdict.tagged,
    reasons: verdict.reasons.length === 0 ? undefined : verdict.reasons,
    checks: verdict.checks.map(summarizeCheck),
  });
}

function summarizeCheck(check: CheckResult): JsonObject {
  return defined({
    id: check.id,
    kind: check.kind,
    success: check.success,
    severity: check.severity,
    onFail: check.reaction,
    considered: check.considered === null ? undefined : check.considered,
    unexpected: check.unexpected === null ? undefined : check.unexpected,
    repaired: check.repaired === 0 ? undefined : check.repaired,
    observed: check.level === "aggregate" ? shortened(check.observed) : undefined,
    message: check.success ? undefined : check.message,
    first: check.success ? undefined : firstOf(check),
  });
}

function firstOf({ sample: [first] }: CheckResult): JsonObject | undefined {
  return first === undefined ? undefined : defined({ row: first.row ?? undefined, ...first.values });
}

/** Lists of many values do not belong in a commit. */
function shortened(value: JsonValue): JsonValue {
  return Array.isArray(value) && value.length > 20
    ? [...value.slice(0, 20), `… ${value.length - 20} more`]
    : value;
}
