import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { knownBetterOf } from "../performance/metrics/direction.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { optionText } from "../util/option-text.ts";
import {
  type MetricRow,
  type MetricSelection,
  metricRows,
  type RunMetric,
  unknownMetric,
} from "./metric-series.ts";
import { type MetricRegression, verdictOf } from "./metric-verdict.ts";
import { findRun, storedRun } from "./read-runs.ts";
import { regressionText } from "./regression-text.ts";
import { runDifferences } from "./run-differences.ts";
import { noRunsTable, runsOf } from "./runs-table.ts";

/** Which run to judge, by what. */
export interface RegressionRule {
  /** Id of the run to judge; default: the last complete one with the metric. */
  readonly run?: string | undefined;
  /** Needed for metrics that are not among varve's own. */
  readonly better?: "higher" | "lower" | undefined;
  /**
   * Largest change for the worse that is accepted, as a share of the earlier value. It decides then; without it, the
   * normal range of the earlier runs does.
   */
  readonly maxChange?: number | undefined;
  /** Run that `maxChange` compares with: the last one before (default), or the best. */
  readonly against?: "last" | "best" | undefined;
}

/** Earlier runs that say what is normal. */
const mostRuns = 100;

/** Clocks of machines differ, and some times lack their zone. */
const mostAhead = 24 * 60 * 60 * 1000;

/**
 * Judges a metric of a run by the complete runs of the same name and model before it.
 *
 * @throws `RUN_NOT_FOUND` without a run to judge, `INVALID_ARGUMENT` for one without the metric, or if it is not known
 * whether more of it is better; as `readRuns`
 */
export async function metricRegression(
  context: TableContext,
  metric: string,
  { run: runId, better, maxChange, against = "last", ...selection }: MetricSelection & RegressionRule,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<MetricRegression> {
  // Of a metric among others, such as challenger.roc_auc, the last name says it.
  const direction =
    better ?? knownBetterOf(metric) ?? knownBetterOf(metric.slice(metric.lastIndexOf(".") + 1));
  const snapshot = await openSideTable(runsOf(context), options);
  if (snapshot === undefined) throw noRunsTable(context, { metric });
  const series = new Series({
    direction: direction ?? "higher",
    run: runId,
    selection,
    latest: context.world.now() + mostAhead,
  });
  for await (const row of metricRows(snapshot, metric, selection, options)) series.add(row);
  const judged = requireJudgeable(metric, series);
  if (judged === undefined)
    throw await nothingToJudge(snapshot, { metric, run: runId, selection, series }, options);
  if (direction === undefined) throw unknownDirection(metric);
  const run = entryOf(judged);
  const { reference, ...result } = verdictOf(series, run, { better: direction, maxChange, against });
  const regression = {
    metric,
    better: direction,
    ...result,
    run,
    earlier: series.count,
    maxChange: maxChange ?? null,
    against,
    differences: reference === undefined ? null : await differencesOf(snapshot, reference, judged, options),
    leftOut: series.leftOut,
  };
  return { ...regression, text: regressionText(regression) };
}

function unknownDirection(metric: string): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `It is not known whether more of the metric ${JSON.stringify(metric)} is better. Say higher or lower with ${optionText("better")}.`,
    { metric, option: "better" },
  );
}

interface SeriesRule {
  readonly direction: "higher" | "lower";
  readonly run: string | undefined;
  readonly selection: MetricSelection;
  /** Runs that claim to have started later are left out. */
  readonly latest: number;
}

/** The judged run and those before it, from rows that come newest first, in bounded memory. */
class Series {
  readonly #rule: SeriesRule;
  /** By group: the newest run without the metric, before the judged run is found. */
  readonly #lacking = new Map<string, MetricRow>();
  /** By group: runs that claim to have started in the future. */
  readonly #future = new Map<string, number>();
  /** A run with the metric that claims to have started in the future. */
  ahead: MetricRow | undefined;
  /** Rows so far. */
  complete = 0;
  #missing = 0;
  #notFinite = 0;
  judged: MetricRow | undefined;
  /** The newest runs before it, newest first. */
  readonly earlier: RunMetric[] = [];
  best: RunMetric | undefined;
  /** Runs before it that have a value. */
  count = 0;

  constructor(rule: SeriesRule) {
    this.#rule = rule;
  }

  add(row: MetricRow): void {
    this.complete++;
    if (this.judged !== undefined) this.#addEarlier(row);
    else if (this.#rule.run !== undefined) {
      if (row.runId === this.#rule.run) this.judged = row;
    } else this.#addNewest(row);
  }

  /** A later run of the judged one's name and model that recorded no such metric. */
  get lacking(): MetricRow | undefined {
    return this.judged === undefined ? undefined : this.#lacking.get(groupOf(this.judged));
  }

  get leftOut(): MetricRegression["leftOut"] {
    const future = this.judged === undefined ? 0 : (this.#future.get(groupOf(this.judged)) ?? 0);
    return { missing: this.#missing, notFinite: this.#notFinite, future };
  }

  #addNewest(row: MetricRow): void {
    const group = groupOf(row);
    if (row.startedAt.getTime() > this.#rule.latest) {
      this.#future.set(group, (this.#future.get(group) ?? 0) + 1);
      if (row.recorded !== undefined) this.ahead = row;
    } else if (row.recorded !== undefined) this.judged = row;
    else if (!this.#lacking.has(group)) this.#lacking.set(group, row);
  }

  #addEarlier(row: MetricRow): void {
    const { direction, selection } = this.#rule;
    // The caller's choice of runs is taken as it is; else they are of the job and the model of the judged one.
    const isChosen = selection.name !== undefined || selection.model !== undefined;
    if (this.judged === undefined || (!isChosen && groupOf(row) !== groupOf(this.judged))) return;
    if (row.recorded === undefined) this.#missing++;
    else if (row.value === null) this.#notFinite++;
    else {
      this.count++;
      const entry = entryOf(row);
      if (this.earlier.length < mostRuns) this.earlier.push(entry);
      if (isAhead(row.value, this.best?.value ?? null, direction)) this.best = entry;
    }
  }
}

function groupOf({ name, model }: RunMetric): string {
  return JSON.stringify([name ?? null, model ?? null]);
}

function isAhead(value: number, best: number | null, direction: "higher" | "lower"): boolean {
  return best === null || (direction === "higher" ? value > best : value < best);
}

function entryOf({ runId, startedAt, name, model, modelVersion, value }: RunMetric): RunMetric {
  return { runId, startedAt, name, model, modelVersion, value };
}

/** @throws `INVALID_ARGUMENT` for a later run without the metric, and for a metric that is no number */
function requireJudgeable(metric: string, series: Series): MetricRow | undefined {
  const { judged, lacking } = series;
  if (judged === undefined) return undefined;
  const { runId, recorded } = judged;
  const name = JSON.stringify(metric);
  if (recorded === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Run ${runId} recorded no ${name}. Name another run or metric.`,
      {
        runId,
        metric,
      },
    );
  if (lacking !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Run ${lacking.runId} is complete, but recorded no ${name}, and so it is not known whether that got worse. To judge an earlier run, such as ${runId}, name it with ${optionText("run")}.`,
      { runId: lacking.runId, metric },
    );
  // NaN and infinities are kept as texts; programs that cannot write NaN as JSON write null.
  if (judged.value === null && !/^(?:null|"-?Infinity"|"NaN"|-?\d.*)$/.test(recorded))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The metric ${name} of run ${runId} is ${recorded.slice(0, 60)}, and not a number. ${
        recorded.startsWith("{")
          ? `Name a member that is a number by its path: ${JSON.stringify(`${metric}.NAME`)}.`
          : "Name a metric that is a number."
      }`,
      { runId, metric },
    );
  return judged;
}

interface Sought {
  readonly metric: string;
  readonly run: string | undefined;
  readonly selection: MetricSelection;
  readonly series: Series;
}

/** Why there is no run to judge. */
async function nothingToJudge(
  snapshot: LogSnapshot,
  { metric, run, selection, series: { complete, ahead } }: Sought,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<VarveError> {
  const { uri } = snapshot.context.store;
  if (run === undefined && complete === 0)
    return new VarveError(
      "RUN_NOT_FOUND",
      `The runs table at ${uri} has no complete run${selectionText(selection)}; varve runs list has all.`,
      { metric, uri },
    );
  if (run === undefined && ahead !== undefined)
    return new VarveError(
      "INVALID_ARGUMENT",
      `Run ${ahead.runId} claims to start in the future (${ahead.startedAt.toISOString()}), and no other one recorded ${JSON.stringify(metric)}. If its clock was wrong, name it with ${optionText("run")}.`,
      { runId: ahead.runId, metric },
    );
  if (run === undefined) return unknownMetric(snapshot, metric, selection, options);
  const { status } = await findRun(snapshot.context, run, options);
  const reason =
    status === "complete"
      ? `it is not one${selectionText(selection)}`
      : `it is ${status}, and only complete runs are judged`;
  return new VarveError("INVALID_ARGUMENT", `Run ${run} cannot be judged: ${reason}.`, {
    runId: run,
    uri,
  });
}

/** What runs were asked for: ` of the name "nightly"`. */
function selectionText({ name, model, since }: MetricSelection): string {
  const parts = [
    name === undefined ? "" : ` of the name ${JSON.stringify(name)}`,
    model === undefined ? "" : ` of the model ${JSON.stringify(model)}`,
    since === undefined ? "" : ` since ${new Date(since).toISOString()}`,
  ];
  return parts.join("");
}

async function differencesOf(
  snapshot: LogSnapshot,
  before: RunMetric,
  after: RunMetric,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<MetricRegression["differences"]> {
  const [earlier, later] = await Promise.all(
    [before, after].map(({ runId }) => storedRun(snapshot, runId, options)),
  );
  if (earlier === undefined || later === undefined) return null;
  return { from: before.runId, changes: runDifferences(earlier.run, later.run) };
}
