import type { FencedSession, Relation } from "../engine/core/contract.ts";
import { assertInternal, isVarveError } from "../errors.ts";
import { estimateRelation } from "../performance/estimate.ts";
import { cannotSeeRelation } from "../performance/estimate-binary.ts";
import type { Estimate, EstimatedWindow, EstimateRequest } from "../performance/estimation.ts";
import { joinOutcomes } from "../performance/evaluation/outcomes.ts";
import { foldName } from "../schema/schema-json.ts";
import { sql } from "../sql/sql.ts";
import { freePrefix } from "../util/free-prefix.ts";
import type { BaselineRows } from "./baseline-side.ts";
import { takesLeaf } from "./definition/column-names.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { withRows } from "./opened-rows.ts";
import { type PartAxis, partAxes } from "./part-axes.ts";
import type { ProfiledRows } from "./profiles/count-profile.ts";
import {
  chosenRows,
  type PerformanceWork,
  type PredictedRows,
  predictionsOf,
  requestOf,
} from "./reached-performance.ts";
import type { MonitoredEstimate } from "./stores/performance-record.ts";

/** A metric as it is expected without outcomes. */
export interface ExpectedMetric {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly calibrationError: number | null;
}

type ExpectedMetrics = ReadonlyMap<string, ExpectedMetric>;

/** What is expected of the rows of a version without outcomes. */
export interface EstimatedVersion {
  readonly note: MonitoredEstimate;
  /** Of all rows, for monitors without windows. */
  readonly metrics: ExpectedMetrics;
  readonly windows: ReadonlyMap<string, ExpectedMetrics>;
}

const nothing: ExpectedMetrics = new Map();

/**
 * Estimates the metrics of a version's predictions by the outcomes of the baseline; undefined for monitors that do not.
 * Where the baseline is gone, or has too few outcomes, the reason takes the place of the estimate.
 */
export async function estimateOn(
  about: PerformanceWork,
  predicted: PredictedRows,
  baselineOf: () => Promise<BaselineRows | undefined>,
): Promise<EstimatedVersion | undefined> {
  const { estimate: method } = about.performance;
  if (method === undefined) return undefined;
  const refused = (reason: string): EstimatedVersion => {
    const note = { method, coverage: null, unreliable: [], cannot_see: cannotSeeRelation, reason };
    return { note, metrics: nothing, windows: new Map() };
  };
  try {
    const baseline = await baselineOf();
    if (baseline === undefined) return refused("No version with rows comes before this one.");
    return await estimated(about, predicted, baseline);
  } catch (error) {
    // What was reached is recorded all the same.
    const isKnown = isVarveError(error, "ESTIMATE_UNSUPPORTED", "BASELINE_UNREADABLE", "DATA_FILE_MISSING");
    if (isKnown && error instanceof Error) return refused(error.message);
    throw error;
  }
}

function estimated(
  about: PerformanceWork,
  predicted: PredictedRows,
  { wanted: baseline }: BaselineRows,
): Promise<EstimatedVersion> {
  const { work, outcomes } = about;
  const { wanted, all } = predicted;
  const opened = [baseline, wanted, ...(all === undefined ? [] : [all])];
  return withRows(
    outcomes === undefined ? opened : [...opened, { snapshot: outcomes, isOther: true }],
    work.definition.where,
    async (session, [before, ...others]) => {
      assertInternal(before !== undefined, "the rows of the baseline were not opened");
      const rows = await chosenRows(session, others, about, predicted);
      const bins = work.bins?.bins;
      const [axis] = await partAxes(session, rows, work.definition, { bins, isBaseline: false });
      const window = work.definition.window === undefined ? undefined : axis;
      const labels = outcomes === undefined ? undefined : others.at(-1);
      const input = await sidesOf(session, about, { before, rows, labels, window });
      return estimatedVersion(
        about,
        await estimateRelation(session, input.baseline, input.current, input.request),
        window,
      );
    },
    work.options,
  );
}

interface Sides {
  readonly before: ProfiledRows;
  readonly rows: ProfiledRows;
  readonly labels: ProfiledRows | undefined;
  /** The windows of the version's rows. */
  readonly window: PartAxis | undefined;
}

async function sidesOf(
  session: FencedSession,
  { work, performance }: PerformanceWork,
  { before, rows, labels, window }: Sides,
): Promise<{ readonly baseline: Relation; readonly current: Relation; readonly request: EstimateRequest }> {
  const prefix = freePrefix([...before.columns, ...rows.columns].map(({ name }) => name));
  const column = `${prefix}window`;
  const one = { column, expression: sql`'all'`, partOf: () => undefined };
  const isJoined = labels !== undefined;
  const more = performance.estimate === "dle" ? featuresOf(work.definition, before) : [];
  const known = await predictionsOf(session, before, performance, { axes: [one], isJoined, more });
  const { outcomes, target } = performance;
  const baseline =
    labels === undefined || outcomes === undefined
      ? known
      : (
          await joinOutcomes(
            session,
            known,
            { sql: labels.select, columns: labels.columns },
            { ...outcomes, target, onlyMatched: true },
          )
        ).relation;
  const axis = window === undefined ? one : { ...window, column };
  const of = featuresOf(work.definition, rows);
  const current = await predictionsOf(session, rows, performance, {
    axes: [axis],
    isJoined: true,
    more: more.filter((name) => of.some((other) => foldName(other) === foldName(name))),
  });
  const { problem, k: _k, user: _user, ...request } = requestOf(performance);
  assertInternal(problem !== "ranking", "a ranking cannot be estimated");
  const key = outcomes === undefined ? undefined : Object.keys(outcomes.on);
  const method = performance.estimate;
  return { baseline, current, request: { ...request, problem, method, key, window: { column } } };
}

/** The columns that losses may be learnt from: those that the monitor compares as features. */
function featuresOf({ columns, performance }: MonitorDefinition, { columns: own }: ProfiledRows): string[] {
  const { include, exclude, roles } = columns;
  const roleOf = new Map(Object.entries(roles).map(([name, role]) => [foldName(name), role]));
  const takes = (patterns: readonly string[], name: string) =>
    patterns.some((pattern) => takesLeaf(name, pattern));
  return own
    .map(({ name }) => name)
    .filter((name) => takes(include, name) && !takes(exclude, name))
    .filter((name) => (roleOf.get(foldName(name)) ?? "feature") === "feature")
    .filter((name) => foldName(name) !== foldName(performance?.target ?? ""));
}

/** The figures of an estimate, of all rows or by window. */
function estimatedVersion(
  { performance }: PerformanceWork,
  { windows, unreliable, cannotSee }: Estimate,
  window: PartAxis | undefined,
): EstimatedVersion {
  const rows = windows.reduce((sum, part) => sum + part.rows, 0);
  const covered = windows.reduce((sum, part) => sum + (part.coverage ?? 0) * part.rows, 0);
  const note: MonitoredEstimate = {
    method: performance.estimate ?? "cbpe",
    coverage: rows === 0 ? null : covered / rows,
    unreliable,
    cannot_see: cannotSee,
    reason: null,
  };
  const [whole] = windows;
  if (window === undefined)
    return { note, metrics: whole === undefined ? nothing : figuresOf(whole), windows: new Map() };
  const named = windows.map((part) => [part.name, figuresOf(part)] as const);
  return { note, metrics: nothing, windows: new Map(named) };
}

function figuresOf({ metrics }: EstimatedWindow): ExpectedMetrics {
  return new Map(
    Object.entries(metrics).map(([name, { value, low, high, calibrationError }]) => [
      name,
      { value, low, high, calibrationError },
    ]),
  );
}
