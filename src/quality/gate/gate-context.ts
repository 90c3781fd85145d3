import type { BaselineProfile } from "../../drift/profile/baseline-profile.ts";
import type { FencedSession, Relation, StagedRelation } from "../../engine/core/contract.ts";
import type { Evaluation } from "../../performance/evaluation/evaluate.ts";
import type { SqlSelect } from "../../sql/sql.ts";
import type { BaselineTable } from "../model/baseline.ts";
import type { ModelRequest } from "../model/expectation.ts";
import type { Places } from "../model/places.ts";
import type { RowFunction } from "../model/suite.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import type { CheckResult } from "./verdict.ts";

/** What a suite needs in addition to the staged batch. */
export interface GateContext {
  /** Milliseconds since 1970-01-01 UTC, for checks of age. */
  readonly now: number;
  /**
   * Relations that checks compare with, by the names that the suite uses; `this` is the target table, absent
   * while it is being created.
   */
  readonly relations?: Readonly<Record<string, Relation>> | undefined;
  /** TypeScript predicates and repairs, in addition to those of the suite. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  readonly history?: MetricHistory | undefined;
  /** Versions that drift and models are compared with; absent where there is no table. */
  readonly baselines?: Baselines | undefined;
  /**
   * Fences the session; called before the engine sees the suite's own SQL, and not at all for a suite without
   * any.
   */
  readonly fence: () => Promise<FencedSession>;
  /**
   * Computes generated columns of the batch again; called if values were repaired, before the rows are tested
   * again.
   */
  readonly afterRepair?: ((repaired: StagedRelation) => StagedRelation) | undefined;
  /** Rows that were set aside before the gate, because they do not fit the table's schema. */
  readonly setAside?: SetAside | undefined;
  /** Row checks that the write adds, such as values that could not be cast. */
  readonly extra?: readonly PlannedCheck[] | undefined;
}

/**
 * Earlier values of a metric (`row_count`, `mean(delay)`), oldest first. `metrics` are all those that a gate will
 * ask for, so that they can be read together.
 */
export type MetricHistory = (metric: string, metrics?: readonly string[]) => Promise<readonly number[]>;

/** Rows that a batch is compared with, read in sessions of their own. */
export interface Baselines {
  /**
   * Counts of a baseline's columns; `undefined` if it is the table before the batch, and there is none.
   *
   * @throws `BASELINE_UNREADABLE`, `SUITE_INVALID` for a table that is not known, `PIN_NOT_FOUND`, `VERSION_NOT_FOUND`
   */
  readonly profile: (baseline: BaselineTable, rows: ProfiledRows) => Promise<BaselineProfile | undefined>;
  /** How well a model did on a baseline; `undefined` and errors as {@link Baselines.profile}. */
  readonly evaluation: (
    baseline: BaselineTable,
    request: ModelRequest,
    where: string | undefined,
  ) => Promise<Evaluation | undefined>;
}

/** What is counted of a baseline. */
export interface ProfiledRows {
  /** Names of columns or of fields in structs; all if empty. */
  readonly columns: readonly string[];
  /** SQL condition of the rows. */
  readonly where?: string | undefined;
}

/**
 * Rows that the suite never tests: their number, what they violate, and a SELECT of their `file`, `row` and
 * `errors`.
 */
export interface SetAside {
  readonly rows: number;
  readonly places: Places;
  readonly sql: SqlSelect;
  readonly checks: readonly CheckResult[];
}
