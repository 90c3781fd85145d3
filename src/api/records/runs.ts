import { VarveError } from "../../errors.ts";
import type { RunEvents } from "../../lineage/run-events.ts";
import type { TableContext } from "../../log/contract.ts";
import type { MetricSelection, RunMetric } from "../../runs/metric-series.ts";
import type { MetricRegression } from "../../runs/metric-verdict.ts";
import type { RunSelection } from "../../runs/read-runs.ts";
import type { RecordedRun } from "../../runs/record-run.ts";
import type { CommandResult } from "../../runs/run-command.ts";
import type { RunRecord } from "../../runs/run-record.ts";
import { optionText } from "../../util/option-text.ts";
import { knownOptions, type OptionKeys, requireAtLeast, requireCount } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { parseTimestamp, requireText, splitTableUri } from "../shared/table-uri.ts";
import { toCheckedCommand, toCheckedRun } from "./asked-run.ts";
import type {
  CommandDescription,
  MetricHistoryOptions,
  MetricRegressionOptions,
  MetricRunsOptions,
  OpenLineageOptions,
  RecordRunOptions,
  RunCommandOptions,
  RunDescription,
} from "./run-options.ts";

const selectionKeys = {
  status: true,
  name: true,
  tableId: true,
  version: true,
  modelHash: true,
  limit: true,
} satisfies OptionKeys<RunSelection>;

const historyKeys = {
  name: true,
  model: true,
  since: true,
  limit: true,
} satisfies OptionKeys<MetricHistoryOptions>;

const regressionKeys = {
  name: true,
  model: true,
  since: true,
  run: true,
  better: true,
  maxChange: true,
  against: true,
} satisfies OptionKeys<MetricRegressionOptions>;

/** A table of runs, itself a Delta table: what each read, made and was made by. {@link openRuns} opens it. */
export class Runs {
  readonly #context: TableContext;

  private constructor(context: TableContext) {
    this.#context = context;
  }

  /** @internal Made by `openRuns`. */
  static of(context: TableContext): Runs {
    return new Runs(context);
  }

  get uri(): string {
    return this.#context.store.uri;
  }

  /**
   * Reads runs, newest first.
   *
   * @throws `INVALID_ARGUMENT`, `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * import { openRuns, recordRun } from "varve";
   *
   * await recordRun({ name: "training", inputs: orders.uri, metrics: { error: 0.1 } });
   * const runs = await openRuns(orders.uri);
   * for (const { runId, inputs, metrics } of await runs.list({ name: "training", limit: 10 }))
   *   console.log(runId, inputs[0]?.version, metrics);
   * ```
   */
  async list(selection: RunSelection = {}): Promise<RunRecord[]> {
    const known = knownOptions("runs.list", selection, selectionKeys);
    requireCount("runs.list", "limit", known.limit);
    const { readRuns } = await import("../../runs/read-runs.ts");
    return readRuns(this.#context, known);
  }

  /**
   * Reads one run by its id.
   *
   * @throws `RUN_NOT_FOUND`, `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * import { openRuns, recordRun } from "varve";
   *
   * await recordRun({ runId: "nightly-7", inputs: orders.uri });
   * const { status, environment } = await (await openRuns(orders.uri)).get("nightly-7");
   * console.log(status, environment.git?.commit ?? environment.gitReason);
   * ```
   */
  async get(runId: string): Promise<RunRecord> {
    requireText(runId, "The id of a run", "runId");
    const { findRun } = await import("../../runs/read-runs.ts");
    return findRun(this.#context, runId);
  }

  /**
   * Reads a metric of complete runs, newest first. A metric of an object in the metrics is named by its path
   * (`challenger.roc_auc`).
   *
   * @throws `INVALID_ARGUMENT` for a metric that none of the runs recorded; `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * import { openRuns, recordRun } from "varve";
   *
   * await recordRun({ name: "training", inputs: orders.uri, metrics: { mae: 0.1 } });
   * const runs = await openRuns(orders.uri);
   * for (const { startedAt, value } of await runs.history("mae", { name: "training" })) console.log(startedAt, value);
   * ```
   */
  async history(metric: string, options: MetricHistoryOptions = {}): Promise<RunMetric[]> {
    const verb = "runs.history";
    requireText(metric, `The metric of ${verb}`, "metric");
    const { limit, ...selection } = knownOptions(verb, options, historyKeys);
    requireCount(verb, "limit", limit);
    const known = toMetricSelection(verb, selection);
    const { metricHistory } = await import("../../runs/metric-series.ts");
    return metricHistory(this.#context, metric, { ...known, limit });
  }

  /**
   * Says whether a metric of the last complete run got worse than in the runs of the same name and model before it, by
   * how much, since when, and what the runs were given differently: versions of inputs, code, parameters.
   *
   * Without `maxChange`, a value outside of the normal range of the earlier runs has regressed or improved, from 4 runs on.
   *
   * @throws `RUN_NOT_FOUND` without a run to judge; `INVALID_ARGUMENT` for a run without the metric, or if `better` is
   * needed; `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * import { openRuns, recordRun } from "varve";
   *
   * for (const mae of [0.1, 0.12]) await recordRun({ name: "training", inputs: orders.uri, metrics: { mae } });
   * const runs = await openRuns(orders.uri);
   * const { verdict, text } = await runs.regression("mae", { maxChange: 0.02 });
   * console.log(verdict, text); // regressed mae of training rose from 0.1 to 0.12 (20 %), …
   * ```
   */
  async regression(metric: string, options: MetricRegressionOptions = {}): Promise<MetricRegression> {
    const verb = "runs.regression";
    requireText(metric, `The metric of ${verb}`, "metric");
    const { run, better, maxChange, against, ...selection } = knownOptions(verb, options, regressionKeys);
    requireAtLeast(verb, { maxChange }, 0);
    requireChoice(verb, "better", better, ["higher", "lower"]);
    requireChoice(verb, "against", against, ["last", "best"]);
    if (against !== undefined && maxChange === undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The option against of ${verb} says what a largest change is measured from, and there is none. Give ${optionText("maxChange")}, or leave it out.`,
        { verb, option: "against" },
      );
    const known = toMetricSelection(verb, selection);
    const [{ requireRunId }, { metricRegression }] = await Promise.all([
      import("../../runs/run-record.ts"),
      import("../../runs/metric-regression.ts"),
    ]);
    if (run !== undefined) requireRunId(run);
    return metricRegression(this.#context, metric, { ...known, run, better, maxChange, against });
  }
}

function toMetricSelection(verb: string, { name, model, since }: MetricRunsOptions): MetricSelection {
  if (name !== undefined) requireText(name, `The option name of ${verb}`, "name");
  if (model !== undefined) requireText(model, `The option model of ${verb}`, "model");
  return { name, model, since: since === undefined ? undefined : parseTimestamp(since) };
}

function requireChoice(
  verb: string,
  option: string,
  value: string | undefined,
  choices: readonly string[],
): void {
  if (value === undefined || choices.includes(value)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of ${verb} must be ${choices.join(" or ")}, not ${JSON.stringify(value)}.`,
    { verb, option },
  );
}

/**
 * Opens a runs table by its folder or URI, or that below a table whose runs are recorded there.
 *
 * @throws `RUN_NOT_FOUND` where nothing is, with the nearest table; `SCHEMA_MISMATCH` for a table without runs;
 * `INVALID_ARGUMENT` for a version
 *
 * @example
 * ```ts
 * import { openRuns, recordRun } from "varve";
 *
 * await recordRun({ name: "training", inputs: orders.uri }, { runs: "./runs" });
 * const runs = await openRuns("./runs");
 * console.log((await runs.list()).length); // 1
 * ```
 */
export async function openRuns(uri: string, options: ContextOptions = {}): Promise<Runs> {
  const known = knownOptions("openRuns", options, contextKeys);
  const split = splitTableUri(uri);
  if (split.point !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `A runs table is used at its newest version: ${uri}. Leave the suffix out.`,
      { uri },
    );
  const { existingRunsAt } = await import("../../runs/runs-table.ts");
  return Runs.of(await existingRunsAt(await openContext(split.uri, known)));
}

/**
 * Records a run: pins the versions that it read, and keeps what it was given and made in a runs table, with the git
 * commit, changes since, lock files, command line, Node and package versions that varve finds by itself.
 *
 * Each id is recorded once: after a crash, the same call with the same `runId` completes the record, with the versions
 * that were the newest at the first attempt.
 *
 * @throws `RUN_EXISTS` for an id that is recorded with other content; `SOURCE_UNREADABLE` for a file of the model or
 * an output; as `openTable` and `pins.add`; `INVALID_ARGUMENT`, `CANCELLED`
 *
 * @example
 * ```ts
 * import { recordRun } from "varve";
 *
 * const { run } = await recordRun({
 *   name: "lateness",
 *   inputs: { name: "orders", table: orders.uri, version: 0 },
 *   params: { rate: 0.1 },
 *   metrics: { error: 0.25 },
 *   seed: 42,
 * });
 * console.log(run.runId, run.inputs[0]?.pinUri);
 * ```
 */
export async function recordRun(run: RunDescription, options: RecordRunOptions = {}): Promise<RecordedRun> {
  const { runs, asked, end, signal } = await toCheckedRun("recordRun", run, options);
  const { recordRun: record } = await import("../../runs/record-run.ts");
  return record(runs, asked, end, { signal });
}

/**
 * Runs a command, and records the run: pins its inputs, tells the command where they are, and keeps how it ended, its
 * metrics, and hashes of its outputs. `varve run` on the command line.
 *
 * The command finds in its environment `VARVE_INPUT_NAME` for each input (the folder or URI of the pinned table, which
 * any Delta engine opens), `VARVE_OUTPUT_NAME`, `VARVE_MODEL`, `VARVE_RUN_ID`, `VARVE_RUNS` (the runs table), and
 * `VARVE_METRICS`: the name of a file to which it may write a JSON object of metrics. Names are in capitals, with `_` for
 * other characters. Input and output of the process are the command's. With `openLineage`, events say when the run
 * starts and how it ends; a receiver that fails is a warning.
 *
 * @throws `RUN_EXISTS` for an id whose run ended already; `INVALID_URI` for where events go; as {@link recordRun} before the command is run; `CANCELLED`
 *
 * @example
 * ```ts
 * import { runCommand } from "varve";
 *
 * const script = `require("fs").writeFileSync(process.env.VARVE_METRICS, '{"error":0.25}')`;
 * const { run, exitCode } = await runCommand({
 *   name: "lateness",
 *   inputs: { name: "orders", table: orders.uri },
 *   command: ["node", "-e", script],
 * });
 * console.log(exitCode, run.status, run.metrics); // 0 complete { error: 0.25 }
 * ```
 */
export async function runCommand(
  description: CommandDescription,
  options: RunCommandOptions = {},
): Promise<CommandResult> {
  const { runs, asked, outputs, watch, openLineage } = await toCheckedCommand(
    "runCommand",
    description,
    options,
  );
  const events = openLineage === undefined ? undefined : await openEvents(runs, openLineage);
  const { runCommand: run } = await import("../../runs/run-command.ts");
  if (events === undefined) return run(runs, asked, outputs, watch);
  let last: RunRecord | undefined;
  try {
    const result = await run(runs, asked, outputs, {
      ...watch,
      onStarted: (record) => {
        events.started(record);
        return watch.onStarted?.(record);
      },
      onEnded: (record) => {
        last = record;
        watch.onEnded?.(record);
      },
    });
    last = result.run;
    return result;
  } finally {
    // Also of a run whose end could not be recorded.
    if (last !== undefined) await events.ended(last);
  }
}

/** @throws `INVALID_URI` */
async function openEvents(context: TableContext, options: OpenLineageOptions): Promise<RunEvents> {
  const { to, namespace, apiKey } = options;
  requireText(to, "The option openLineage.to of runCommand", "to");
  const [{ RunEvents }, { eventReceiver }, { emitProcessWarning }, { packageVersion }] = await Promise.all([
    import("../../lineage/run-events.ts"),
    import("../../lineage/event-receiver.ts"),
    import("../../report/process-warning.ts"),
    import("../../util/package-version.ts"),
  ]);
  return new RunEvents(context, {
    receiver: eventReceiver(to, apiKey),
    namespace,
    version: packageVersion(),
    onWarning: options.onWarning ?? emitProcessWarning,
  });
}
