import type { DriftMethod } from "../peers/method-names.ts";
import type { DriftRule } from "./compare.ts";
import type { DriftRole } from "./drift-record.ts";
import type { MultivariateMethod } from "./multivariate-record.ts";
import type { DriftMetrics } from "./plug-in-metrics.ts";
import type { SliceCondition } from "./slices.ts";
import type { WindowRequest } from "./windows.ts";

/** What is compared, and by which rule. */
export interface DriftDefinition extends DriftRule {
  /** Names of columns or of fields in structs; all if empty. */
  readonly columns: readonly string[];
  readonly exclude: readonly string[];
  readonly roles: Readonly<Record<string, DriftRole>>;
  readonly weights: Readonly<Record<string, number>>;
  /** Thresholds of single columns. */
  readonly thresholds: Readonly<Record<string, number>>;
  readonly isDefaultThreshold: boolean;
  readonly by: readonly string[];
  readonly slices: readonly SliceCondition[];
  readonly window?: WindowRequest | undefined;
  /** Only rows of both sides that meet this condition. */
  readonly where?: string | undefined;
  /** Figures of several columns at once; none if it is left out. */
  readonly multivariate?: readonly MultivariateMethod[] | undefined;
  /** A test or distance by rows for all columns that it takes. */
  readonly method?: DriftMethod | undefined;
  /** Those of single columns. */
  readonly methods?: Readonly<Record<string, DriftMethod>> | undefined;
  /** Figures of the caller's own. */
  readonly metrics?: DriftMetrics | undefined;
}
