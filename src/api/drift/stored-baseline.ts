import type { DriftReport } from "../../drift/comparison/drift-record.ts";
import { VarveError } from "../../errors.ts";
import type { JsonObject } from "../../util/json.ts";
import { toJsonValue } from "../../util/json.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { type DriftBaseline, type DriftSource, driftServices, inputOf, jsonOfBaseline } from "./drift.ts";
import type { DriftOptions } from "./drift-options.ts";

/** Which rows and columns a stored baseline has, and how tables that are named by URI are opened. */
export type DriftBaselineOptions = Omit<
  DriftOptions,
  | "roles"
  | "weights"
  | "threshold"
  | "thresholds"
  | "alpha"
  | "correction"
  | "minRows"
  | "by"
  | "slices"
  | "window"
  | "multivariate"
>;

/** One row of what {@link driftCountsSql} returns in another engine, by the names of its columns. */
export type DriftCounts = Readonly<Record<string, unknown>>;

/**
 * Counts a baseline once, in bins of its own, and returns the counts as plain JSON: small, without rows, and all that
 * a comparison needs. It may take the place of the baseline of {@link drift}. A suite may hold it (`"baseline":
 * { "profile": … }`), and {@link driftCountsSql} counts rows of another engine in its bins.
 *
 * @throws `INVALID_ARGUMENT`, `BASELINE_UNREADABLE`, `COLUMN_NOT_FOUND`, `SQL_REFUSED`, `SQL_FAILED`, errors of the
 * source
 *
 * @example
 * ```ts
 * import { driftBaseline, runSuite } from "varve";
 *
 * const january = Array.from({ length: 500 }, (_, day) => ({ amount: day % 100 }));
 * const profile = await driftBaseline(january);
 * const params = { column: "amount", baseline: { profile } };
 * const alike = { checks: [{ kind: "expect_column_drift_to_be_below", params }] };
 * console.log((await runSuite(alike, january)).accepted);
 * ```
 */
export async function driftBaseline(
  source: DriftSource,
  options: DriftBaselineOptions = {},
): Promise<DriftBaseline & JsonObject> {
  const [{ driftDefinition }, { storedBaseline }] = await Promise.all([
    import("./drift-options.ts"),
    import("../../drift/stored-baseline.ts"),
  ]);
  const { definition, context, signal } = driftDefinition(options);
  const services = await driftServices(context, signal);
  const stored = await storedBaseline(await inputOf(source, context), definition, services);
  return stored as DriftBaseline & JsonObject;
}

const sqlKeys = { dialect: true } satisfies OptionKeys<DriftCountsOptions>;

/** The engine that counts. */
export interface DriftCountsOptions {
  /** Default: `spark`, which is Spark 3.4 or later, with UTC as the session's time zone. */
  readonly dialect?: "spark" | "duckdb" | undefined;
}

/**
 * Writes the SQL that counts the rows of a relation in the bins of a stored baseline, for an engine that holds more rows
 * than this machine. Pass its rows to {@link driftOfCounts}; those of parts of a relation add up.
 *
 * @param relation the relation as the engine names it, used unchanged, such as `lake.orders` or `delta.\`s3://…\``
 * @throws `INVALID_ARGUMENT` for what is no baseline, an unknown dialect, or intervals
 *
 * @example
 * ```ts
 * import { driftBaseline, driftCountsSql } from "varve";
 *
 * const baseline = await driftBaseline([{ amount: 1 }, { amount: 2 }]);
 * console.log(await driftCountsSql(baseline, "lake.orders"));
 * ```
 */
export async function driftCountsSql(
  baseline: DriftBaseline,
  relation: string,
  options: DriftCountsOptions = {},
): Promise<string> {
  const { dialect = "spark" } = knownOptions("driftCountsSql", options, sqlKeys);
  if (dialect !== "spark" && dialect !== "duckdb")
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option dialect of driftCountsSql must be spark or duckdb, not ${JSON.stringify(dialect)}.`,
      { option: "dialect", value: dialect },
    );
  if (typeof relation !== "string" || relation.trim() === "")
    throw new VarveError("INVALID_ARGUMENT", "The relation of driftCountsSql must be named by text.", {
      option: "relation",
    });
  const { countsStatement } = await import("../../drift/stored-baseline.ts");
  return countsStatement(jsonOfBaseline(baseline), relation, dialect);
}

/**
 * Compares rows that another engine has counted with a stored baseline, as {@link drift} compares two sides.
 *
 * @param counts all rows of the answer to {@link driftCountsSql}
 * @throws `INVALID_ARGUMENT` for counts of another baseline
 *
 * @example
 * ```ts
 * import { driftBaseline, driftCountsSql, driftOfCounts, query } from "varve";
 *
 * const january = Array.from({ length: 500 }, (_, day) => ({ amount: day % 100 }));
 * const baseline = await driftBaseline(january);
 * const february = "(SELECT range % 100 + 20 AS amount FROM range(500))";
 * const sql = await driftCountsSql(baseline, february, { dialect: "duckdb" });
 * const counts = [];
 * for await (const row of (await query(sql, { tables: {} })).rows()) counts.push(row);
 * console.log((await driftOfCounts(baseline, counts)).text);
 * ```
 */
export async function driftOfCounts(
  baseline: DriftBaseline,
  counts: readonly DriftCounts[],
  options: Pick<
    DriftOptions,
    "roles" | "weights" | "threshold" | "thresholds" | "alpha" | "correction" | "minRows" | "world"
  > = {},
): Promise<DriftReport> {
  const [{ driftDefinition }, { driftOfStored }, { realWorld }] = await Promise.all([
    import("./drift-options.ts"),
    import("../../drift/stored-baseline.ts"),
    import("../../util/world.ts"),
  ]);
  const { definition, context } = driftDefinition(options);
  if (!Array.isArray(counts))
    throw new VarveError("INVALID_ARGUMENT", "The counts of driftOfCounts must be an array of rows.", {
      option: "counts",
    });
  const rows = counts.map((row: DriftCounts) => toJsonValue(row) as JsonObject);
  const side = { rows, name: "counts" };
  return driftOfStored(jsonOfBaseline(baseline), side, definition, context.world ?? realWorld);
}
