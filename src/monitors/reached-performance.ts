import { leafNamed } from "../drift/comparison/slices.ts";
import { windowsOf } from "../drift/comparison/windows.ts";
import { leavesOf } from "../drift/profile/leaves.ts";
import type { FencedSession, Relation } from "../engine/core/contract.ts";
import { assertInternal } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { evaluateRelation } from "../performance/evaluation/evaluate.ts";
import type { PartEvaluation } from "../performance/evaluation/evaluation.ts";
import { joinOutcomes } from "../performance/evaluation/outcomes.ts";
import type { EvaluationRequest } from "../performance/evaluation/request.ts";
import { requireSourceColumn } from "../performance/evaluation/staged-rows.ts";
import type { Metrics } from "../performance/metrics/metric.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import type { MonitorPerformance } from "./definition/definition.ts";
import { lateRows, type MonitorWork } from "./evaluate-version.ts";
import { type WantedRows, withRows } from "./opened-rows.ts";
import { type PartAxis, partAxes } from "./part-axes.ts";
import { inWindows, type ProfiledRows } from "./profiles/count-profile.ts";
import type { PerformancePart, PerformanceReport } from "./stores/performance-record.ts";

/** What performance is evaluated with, for all versions of a run. */
export interface PerformanceWork {
  readonly work: MonitorWork;
  readonly performance: MonitorPerformance;
  /** The newest version of the outcomes; undefined where the monitored table has them itself. */
  readonly outcomes: LogSnapshot | undefined;
}

/** The predictions of a version. */
export interface PredictedRows {
  readonly wanted: WantedRows;
  readonly isBaseline: boolean;
  /** All rows of the version, where only those are wanted whose windows the version brought rows for. */
  readonly all?: WantedRows | undefined;
  /** Only these windows; default: all. */
  readonly windows?: readonly string[] | undefined;
}

/** Rows, those with an outcome, and what was reached on them. */
export interface Reached extends Pick<PerformanceReport, "rows" | "labelled" | "reached" | "repeated"> {
  readonly isMature: boolean;
  readonly metrics: Metrics;
  readonly parts: readonly ReachedPart[];
}

/** The same of a slice or a window. */
export interface ReachedPart
  extends Pick<PerformancePart, "slice" | "window" | "rows" | "labelled" | "reached"> {
  readonly isMature: boolean;
  readonly metrics: Metrics;
}

/** What a model reached on the predictions of a version, in all and in each slice or window. */
export function reachedOn(about: PerformanceWork, predicted: PredictedRows): Promise<Reached> {
  const { work, outcomes } = about;
  const { wanted, all } = predicted;
  const own = all === undefined ? [wanted] : [wanted, all];
  const opened = outcomes === undefined ? own : [...own, { snapshot: outcomes, isOther: true }];
  return withRows(
    opened,
    work.definition.where,
    async (session, relations) => {
      const rows = await chosenRows(session, relations, about, predicted);
      const labels = outcomes === undefined ? undefined : relations.at(-1);
      return evaluatedRows(session, about, { rows, labels, isBaseline: predicted.isBaseline });
    },
    work.options,
  );
}

/** The rows of a version that predictions are looked for in, of those that were opened. */
export async function chosenRows(
  session: FencedSession,
  [own, whole]: readonly ProfiledRows[],
  { work }: PerformanceWork,
  { all, windows, isBaseline }: Omit<PredictedRows, "wanted">,
): Promise<ProfiledRows> {
  const { window } = work.definition;
  assertInternal(own !== undefined, "the rows of a version were not opened");
  if (window === undefined || isBaseline) return own;
  if (windows === undefined)
    return all === undefined || whole === undefined ? own : lateRows(session, own, whole, window);
  const rows = all === undefined ? own : whole;
  assertInternal(rows !== undefined, "the rows of the windows were not opened");
  const leaf = leafNamed(leavesOf(rows.columns), window.column);
  const { expression } = await windowsOf(session, { leaf, select: rows.select }, window);
  return inWindows(rows, expression, windows);
}

interface EvaluatedRows {
  readonly rows: ProfiledRows;
  readonly labels: ProfiledRows | undefined;
  readonly isBaseline: boolean;
}

async function evaluatedRows(
  session: FencedSession,
  about: PerformanceWork,
  { rows, labels, isBaseline }: EvaluatedRows,
): Promise<Reached> {
  const { work, performance } = about;
  const axes = await partAxes(session, rows, work.definition, { bins: work.bins?.bins, isBaseline });
  const predictions = await predictionsOf(session, rows, performance, {
    axes,
    isJoined: labels !== undefined,
  });
  if (labels === undefined) return evaluated(session, about, { relation: predictions, axes });
  const { outcomes, target } = performance;
  assertInternal(outcomes !== undefined, "outcomes were opened that the monitor does not name");
  const by = work.definition.window === undefined ? undefined : axes[0]?.column;
  const request = { ...outcomes, target, by, onlyMatched: true };
  const known = { sql: labels.select, columns: labels.columns };
  const { relation, join, reachedBy } = await joinOutcomes(session, predictions, known, request);
  const found = await evaluated(session, about, { relation, axes, reachedBy });
  return {
    ...found,
    isMature: join.verdict === "mature",
    reached: join.reached,
    repeated: join.repeated,
  };
}

/** Which columns predictions are read with. */
export interface PredictionColumns {
  readonly axes: readonly PartAxis[];
  /** Outcomes come from another table, so the target is not read. */
  readonly isJoined: boolean;
  /** Further columns. */
  readonly more?: readonly string[] | undefined;
}

/**
 * The columns that predictions are read by, and those of the parts. Where outcomes come from another table, a column of
 * the target's name is none of them.
 */
export async function predictionsOf(
  session: FencedSession,
  rows: ProfiledRows,
  { outcomes, user, target, ...performance }: MonitorPerformance,
  { axes, isJoined, more = [] }: PredictionColumns,
): Promise<Relation> {
  const { score, scores = {}, prediction } = performance;
  const names = [score, prediction, user, outcomes?.predictedAt, ...Object.values(scores)];
  const own = isJoined ? Object.keys(outcomes?.on ?? {}) : [target];
  const wanted = [...names, ...own, ...more].filter((name) => name !== undefined);
  const relation = { sql: rows.select, columns: rows.columns };
  const columns = [...new Set(wanted.map((name) => requireSourceColumn(relation, name)))];
  const parts = axes.map(({ column, expression }) => sql`${expression} AS ${quoteName(column)}`);
  const select = sql`SELECT ${[...columns.map(({ name }) => quoteName(name)), ...parts]} FROM (${rows.select})`;
  return { sql: select, columns: await session.describe(select) };
}

interface JoinedRows {
  readonly relation: Relation;
  readonly axes: readonly PartAxis[];
  /** Expected share of the outcomes that are known, by window. */
  readonly reachedBy?: ReadonlyMap<string, number> | undefined;
}

async function evaluated(
  session: FencedSession,
  { performance, work }: PerformanceWork,
  { relation, axes, reachedBy = new Map() }: JoinedRows,
): Promise<Reached> {
  const target = quoteName(requireSourceColumn(relation, performance.target).name);
  const [counts] = await session.rows(
    sql`SELECT count(*) AS rows, count(${target}) AS labelled FROM (${relation.sql})`,
  );
  const [rows, labelled] = [Number(counts?.["rows"] ?? 0), Number(counts?.["labelled"] ?? 0)];
  const { minLabelled = 0.5 } = performance.outcomes ?? {};
  const isMature = labelled > 0 && labelled >= minLabelled * rows;
  const request = requestOf(performance);
  let metrics: Metrics = {};
  const parts: ReachedPart[] = [];
  const { minRows } = work.definition.thresholds;
  // Each axis takes a pass of its own; the first also tells of all rows.
  const passes = labelled === 0 && axes.length === 0 ? [] : axes.length === 0 ? [undefined] : axes;
  for (const axis of passes) {
    const window = axis === undefined ? undefined : { column: axis.column };
    const found = await evaluateRelation(session, relation, { ...request, window });
    if (labelled > 0) metrics = found.metrics;
    for (const part of found.windows) {
      const place = axis?.partOf(part.name);
      if (place !== undefined)
        parts.push(reachedPart(place, part, { minLabelled, minRows, reached: reachedBy.get(part.name) }));
    }
  }
  return { rows, labelled, reached: null, repeated: 0, isMature, metrics, parts };
}

function reachedPart(
  place: Pick<PerformancePart, "slice" | "window">,
  { rows, labelled, unscored, metrics }: PartEvaluation,
  {
    minLabelled,
    minRows,
    reached,
  }: { readonly minLabelled: number; readonly minRows: number; readonly reached: number | undefined },
): ReachedPart {
  const isMature =
    labelled - unscored >= minRows &&
    labelled >= minLabelled * rows &&
    (reached === undefined || reached >= 0.9);
  return { ...place, rows, labelled, reached: reached ?? null, isMature, metrics };
}

/** What is asked of an evaluation. */
export function requestOf({
  metrics,
  outcomes: _,
  estimate: _estimate,
  ...request
}: MonitorPerformance): EvaluationRequest {
  const ranks = metrics.flatMap((name) => {
    const [, top, at] = /^top_(\d+)_accuracy$|_at_(\d+)$/.exec(name) ?? [];
    return top === undefined && at === undefined ? [] : [Number(top ?? at)];
  });
  return { ...request, k: ranks.length === 0 ? undefined : [...new Set(ranks)].sort((a, b) => a - b) };
}
