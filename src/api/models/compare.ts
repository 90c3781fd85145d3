import { VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { ModelSource } from "../../performance/compare/compare-sources.ts";
import type { ModelComparison } from "../../performance/compare/comparison.ts";
import type { ComparisonRequest, ComparisonRules, ModelColumns } from "../../performance/compare/request.ts";
import { appendAll } from "../../util/append-all.ts";
import { realWorld, timeOrderedUuid } from "../../util/world.ts";
import { isSnapshot, type WriteSource } from "../../write/plan/write-source.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { toWriteSource } from "../shared/source.ts";
import type { Source } from "../shared/table-options.ts";
import { requireOptions, requireText, splitTableUri } from "../shared/table-uri.ts";

/** One of the two models that are compared. */
export interface ComparedModelOptions extends Omit<ModelColumns, "name"> {
  /** Default: `champion` or `challenger`. */
  readonly name?: string | undefined;
  /** Rows with its predictions and the key; default: the data have them. */
  readonly source?: Source | undefined;
  /** Rows that it was trained on, with the key; they must not be among the data. */
  readonly trainedOn?: Source | undefined;
  /** Id of the run that made it, whose inputs that have the key are the rows that it was trained on. */
  readonly run?: string | undefined;
  /** The runs table of `run`: folder or URI, or of the table that it is below. */
  readonly runs?: string | undefined;
  /** Names of those inputs of `run` that it learned from; default: all that have the key. */
  readonly inputs?: readonly string[] | undefined;
}

/** Two models, the rows that they are compared on, and the rules. */
export interface CompareModelsOptions
  extends Omit<ComparisonRequest, "champion" | "challenger" | "on">,
    ContextOptions {
  /** The model in use. */
  readonly champion: ComparedModelOptions;
  /** The model that may replace it. */
  readonly challenger: ComparedModelOptions;
  /** Rows with outcomes that neither model was trained on, such as a version of a table. */
  readonly data: Source;
  /** Columns by which predictions belong to rows; each key occurs once. */
  readonly on: string | readonly string[];
  /**
   * Record the comparison as a run, which pins the rows; default: true if the data are a version of a table, or if
   * `runs` is given.
   */
  readonly record?: boolean | undefined;
  /** Folder or URI of the runs table in which it is recorded; default: `_runs` below the table of the data. */
  readonly runs?: string | undefined;
  /** Id of the recorded run; default: a new one. Its name is `compare-models`. */
  readonly runId?: string | undefined;
  /** Cancels the comparison, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** A comparison, and where it is recorded. */
export interface RecordedComparison extends ModelComparison {
  /** The run, if the comparison was recorded. */
  readonly run?: { readonly runs: string; readonly runId: string } | undefined;
}

const compareKeys = {
  ...contextKeys,
  champion: true,
  challenger: true,
  on: true,
  problem: true,
  target: true,
  positive: true,
  by: true,
  metrics: true,
  rules: true,
  allowOverlap: true,
  record: true,
  runs: true,
  runId: true,
  signal: true,
} satisfies OptionKeys<Omit<CompareModelsOptions, "data">>;

const modelKeys = {
  name: true,
  source: true,
  score: true,
  scores: true,
  prediction: true,
  cutoff: true,
  trainedOn: true,
  run: true,
  runs: true,
  inputs: true,
} satisfies OptionKeys<ComparedModelOptions>;

const ruleKeys = {
  maxDrop: true,
  minGain: true,
  maxSliceDrop: true,
  minRows: true,
  maxCalibrationDrop: true,
} satisfies Record<keyof ComparisonRules, true>;

/**
 * Says whether a challenger shall replace the champion: both models on the same rows with paired tests, slices,
 * calibration and a constant prediction as a floor (spec/model-performance.md). The verdict is `promote`, `keep` or
 * `undecided`, with every rule and its numbers; it is recorded as a run, which pins the rows.
 *
 * @throws `KEYS_DIFFER` for rows that a model says nothing about, and for keys that occur twice; `ROWS_IN_TRAINING` for
 * rows that a model was trained on; `SCORE_INVALID`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`,
 * `RUN_NOT_FOUND`, `SOURCE_UNREADABLE`
 *
 * @example
 * ```ts
 * import { compareModels } from "varve";
 *
 * const ids = Array.from({ length: 400 }, (_, id) => id);
 * const { verdict, text } = await compareModels({
 *   problem: "regression",
 *   data: ids.map((id) => ({ id, delay: id % 50 })),
 *   target: "delay",
 *   on: "id",
 *   champion: { source: ids.map((id) => ({ id, expected: 25 + (id % 3) })), prediction: "expected" },
 *   challenger: { source: ids.map((id) => ({ id, expected: (id % 50) + (id % 3) })), prediction: "expected" },
 * });
 * console.log(verdict, text); // promote
 * ```
 */
export async function compareModels(options: CompareModelsOptions): Promise<RecordedComparison> {
  requireOptions(options, "the options of compareModels");
  const { data, ...others } = options;
  const known = knownOptions("compareModels", others, compareKeys);
  const { champion, challenger, on, record, runs, runId, signal, rules, allowOverlap, ...rest } = known;
  const { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes, ...columns } =
    rest;
  const context = { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes };
  const request = toRequest(
    { ...columns, on: typeof on === "string" ? [on] : on, rules, allowOverlap },
    { champion, challenger },
  );
  const source = toWriteSource(data);
  const place = await recordPlace({ record, runs, runId }, source, context);
  const [{ duckdbEngine }, { compareSources }, { sourceAccess }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../performance/compare/compare-sources.ts"),
    import("../../table/definition/open-context.ts"),
  ]);
  const models = {
    champion: await toModelSource(champion, request.on, { context, source, signal }),
    challenger: await toModelSource(challenger, request.on, { context, source, signal }),
  };
  const comparison = await compareSources(
    duckdbEngine,
    {
      data: source,
      ...models,
      session: { memoryLimit, threads, temporaryFolder },
      access: sourceAccess({ s3, openStore, world, cache, allowedPrefixes }),
      signal,
    },
    request,
  );
  if (place === undefined) return comparison;
  const { recordComparison } = await import("../../retraining/record-comparison.ts");
  const recorded = await recordComparison(comparison, request, {
    ...place,
    inputs: versionsOf({
      data: source,
      champion: models.champion.source,
      challenger: models.challenger.source,
    }),
    madeBy: { champion: champion.run, challenger: challenger.run },
    signal,
  });
  return { ...comparison, run: { runs: recorded.runs, runId: recorded.run.runId } };
}

const problems: ReadonlySet<unknown> = new Set(["binary", "multiclass", "regression"]);

/** Checks what does not depend on the rows. @throws `INVALID_ARGUMENT` */
function toRequest(
  request: Omit<ComparisonRequest, "champion" | "challenger">,
  models: Pick<CompareModelsOptions, "champion" | "challenger">,
): ComparisonRequest {
  const { problem, target, on, rules, by = [], metrics = [], allowOverlap } = request;
  if (!problems.has(problem)) throw wrong("problem", "binary, multiclass or regression", problem);
  requireText(target, "The target of compareModels", "target");
  for (const [option, names] of Object.entries({ on, by, metrics }))
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === ""))
      throw wrong(option, "an array of names", names);
  if (on.length === 0) throw wrong("on", "the columns of the key", on);
  if (allowOverlap !== undefined && typeof allowOverlap !== "boolean")
    throw wrong("allowOverlap", "true or false", allowOverlap);
  const [champion, challenger] = [
    toModel("champion", models.champion, problem),
    toModel("challenger", models.challenger, problem),
  ];
  if (models.champion.source === models.challenger.source) refuseSame(champion, challenger);
  return {
    ...request,
    rules: rules === undefined ? undefined : toRules(rules),
    champion,
    challenger,
  };
}

/** Two models of one source whose columns are the same are one: it would be promoted over itself. */
function refuseSame(champion: ModelColumns, challenger: ModelColumns): void {
  const columnsOf = ({ score, scores, prediction, cutoff }: ModelColumns) =>
    JSON.stringify([score, scores, prediction, cutoff]);
  if (columnsOf(champion) !== columnsOf(challenger)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    "The champion and the challenger are the same columns of the same rows. Give the challenger its own source, or its own column (score, scores or prediction).",
    { option: "challenger" },
  );
}

function toRules(rules: ComparisonRules): ComparisonRules {
  const known = knownOptions("compareModels, rules", rules, ruleKeys as OptionKeys<ComparisonRules>);
  for (const [rule, value] of Object.entries(known)) {
    const list: readonly unknown[] =
      typeof value === "object" && value !== null ? Object.values(value) : value === undefined ? [] : [value];
    const isRight = (number: unknown) =>
      typeof number === "number" && Number.isFinite(number) && (rule === "minGain" || number >= 0);
    if (!list.every(isRight))
      throw wrong(`rules.${rule}`, rule === "minGain" ? "a number" : "a number from 0 on", value);
  }
  return known;
}

function toModel(
  side: "champion" | "challenger",
  options: ComparedModelOptions,
  problem: ComparisonRequest["problem"],
): ModelColumns {
  const known = knownOptions(`compareModels, ${side}`, options, modelKeys);
  const { name = side, score, scores, prediction, cutoff, run, runs } = known;
  for (const [option, value] of Object.entries({ name, score, prediction, run, runs }))
    if (value !== undefined) requireText(value, `The option ${option} of the ${side}`, option);
  if (cutoff !== undefined && !Number.isFinite(cutoff)) throw wrong(`${side}.cutoff`, "a number", cutoff);
  if (run !== undefined && runs === undefined)
    throw wrong(`${side}.runs`, `the runs table that has the run ${run}`, runs);
  if (problem === "regression" && prediction === undefined)
    throw wrong(`${side}.prediction`, "the column with its predictions", prediction);
  if (problem === "binary" && score === undefined && prediction === undefined)
    throw wrong(
      `${side}.score`,
      "the column with its scores, or prediction that with its predictions",
      score,
    );
  if (problem === "multiclass" && scores === undefined && prediction === undefined)
    throw wrong(
      `${side}.scores`,
      "the columns of the classes' scores, or prediction that with its predictions",
      scores,
    );
  const others = { binary: { scores }, multiclass: { score }, regression: { score, scores } }[problem];
  for (const [option, value] of Object.entries(others))
    if (value !== undefined) throw wrong(`${side}.${option}`, `left out of a ${problem} problem`, value);
  return { name, score, scores, prediction, cutoff };
}

function wrong(option: string, rule: string, found: unknown): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of compareModels must be ${rule}, not ${JSON.stringify(found)}.`,
    { option, value: found },
  );
}

/** A model's sources, with the versions that it was trained on by the record of its run. */
async function toModelSource(
  { source, trainedOn, run, runs, inputs }: ComparedModelOptions,
  on: readonly string[],
  {
    context,
    source: data,
    signal,
  }: {
    readonly context: ContextOptions;
    readonly source: WriteSource;
    readonly signal: AbortSignal | undefined;
  },
): Promise<ModelSource> {
  const trained: WriteSource[] = trainedOn === undefined ? [] : [toWriteSource(trainedOn)];
  if (run !== undefined && runs !== undefined) {
    const { trainingOfRun } = await import("../../retraining/training-of-run.ts");
    const contextOf = (uri: string) => openContext(uri, context);
    const made = { runs: await runsContext(runs, context), runId: run, inputs };
    appendAll(trained, await trainingOfRun(made, on, { contextOf, signal }));
  }
  const own = source === undefined ? undefined : toWriteSource(source);
  return { source: own === data ? undefined : own, trained };
}

async function runsContext(uri: string, context: ContextOptions): Promise<TableContext> {
  const { runsAt } = await import("../../runs/runs-table.ts");
  return runsAt(await newestContext(uri, context));
}

async function newestContext(place: string, context: ContextOptions): Promise<TableContext> {
  const { uri, point } = splitTableUri(place);
  if (point === undefined) return openContext(uri, context);
  throw wrong("runs", "a runs table without a version", place);
}

/** Where a comparison is recorded. @throws `INVALID_ARGUMENT` without a table that could tell */
async function recordPlace(
  { record, runs, runId }: Pick<CompareModelsOptions, "record" | "runs" | "runId">,
  data: WriteSource,
  context: ContextOptions,
): Promise<{ readonly runs: TableContext; readonly runId: string; readonly name: string } | undefined> {
  const log = typeof data === "object" && data !== null && isSnapshot(data) ? data : undefined;
  if (record === false || (record === undefined && log === undefined && runs === undefined)) return undefined;
  const [{ requireRunId }, { runsBelow }, { pinOfVersion }] = await Promise.all([
    import("../../runs/run-record.ts"),
    import("../../runs/runs-table.ts"),
    import("../../pins/reading/pin-of-version.ts"),
  ]);
  const run = { runId: runId ?? timeOrderedUuid(context.world ?? realWorld), name: "compare-models" };
  requireRunId(run.runId);
  if (runs !== undefined) {
    requireText(runs, "The option runs of compareModels", "runs");
    return { ...run, runs: await newestContext(runs, context) };
  }
  if (log === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      'The data are not a version of a table, so the runs table must be named to record the comparison: { runs: "./runs" }.',
      { option: "runs" },
    );
  const { context: table } = (await pinOfVersion(log)) ?? log;
  return { ...run, runs: runsBelow(table) };
}

/** The versions among the sources, by the names of the run's inputs. */
function versionsOf(
  sources: Readonly<Record<string, WriteSource | undefined>>,
): ReadonlyMap<string, LogSnapshot> {
  const versions = new Map<string, LogSnapshot>();
  for (const [name, source] of Object.entries(sources)) {
    if (typeof source !== "object" || source === null) continue;
    if (isSnapshot(source)) versions.set(name, source);
    else if ("sql" in source)
      for (const [index, table] of Object.values(source.tables ?? {}).entries())
        versions.set(`${name}_${index + 1}`, isSnapshot(table) ? table : table.snapshot);
  }
  return versions;
}
