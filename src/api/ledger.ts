import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import type { Factor } from "../reproduce/attribute-difference.ts";
import type { RecordResult } from "../reproduce/commit-predictions.ts";
import type { Tolerance } from "../reproduce/compare-outputs.ts";
import type { DiffPrograms, PredictionDiff } from "../reproduce/diff-predictions.ts";
import type { AskedPrediction, Prediction, RecordedPrediction } from "../reproduce/prediction.ts";
import type { RecordOptions } from "../reproduce/record-predictions.ts";
import type { ReproduceOptions, Reproduction } from "../reproduce/reproduce.ts";
import type { ModelCommand } from "../reproduce/run-model.ts";
import { optionText } from "../util/option-text.ts";
import { type RecordFromOptions, toBulkPredictions } from "./records/asked-bulk.ts";
import { toAskedPrediction } from "./records/asked-prediction.ts";
import { knownOptions, type OptionKeys, requireAtLeast } from "./shared/known-options.ts";
import { openContext, openLog } from "./shared/lazy-log.ts";
import { contextKeys } from "./shared/option-keys.ts";
import type { ContextOptions } from "./shared/options.ts";
import type { Source } from "./shared/table-options.ts";
import { requireText, splitTableUri } from "./shared/table-uri.ts";

const recordKeys = { signal: true } satisfies OptionKeys<RecordOptions>;
const reproduceKeys = { model: true, tolerance: true, runs: true, signal: true } satisfies Record<
  keyof ReproduceOptions,
  true
>;
const diffKeys = {
  today: true,
  recorded: true,
  todaysModel: true,
  todaysCode: true,
  tolerance: true,
  limit: true,
  signal: true,
} satisfies Record<keyof LedgerDiffOptions, true>;
const toleranceKeys = { absolute: true, relative: true } satisfies OptionKeys<Tolerance>;
const commandKeys = { command: true, timeoutMilliseconds: true, folder: true } satisfies Record<
  keyof ModelCommand,
  true
>;

/**
 * A ledger of predictions, itself a Delta table: which rows of which versions, model and code each was made from.
 * {@link createLedger} and {@link openLedger} open it.
 */
export class Ledger {
  readonly #context: TableContext;

  private constructor(context: TableContext) {
    this.#context = context;
  }

  /** @internal Made by `createLedger` and `openLedger`. */
  static of(context: TableContext): Ledger {
    return new Ledger(context);
  }

  get uri(): string {
    return this.#context.store.uri;
  }

  /**
   * Records one prediction, or many in one commit: all, or none. Each id is recorded once: the same id with the same
   * content is no second row, so a call can be repeated after a crash; processes may record at the same time.
   *
   * The rows that the inputs select are read now, and their number and fingerprint recorded. Many predictions may come
   * as an iterable, from which they are taken 20,000 at a time.
   *
   * @throws `PREDICTION_EXISTS` for an id that is recorded with other content; `PREDICTION_INVALID` for an input that
   * cannot be read or selects no row, and for what is not complete; `NOT_A_TABLE` if the ledger was removed;
   * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * import { createLedger } from "varve";
   *
   * const ledger = await createLedger("./predictions");
   * const { outcome } = await ledger.record({
   *   predictionId: "order-5",
   *   inputs: { table: orders.uri, version: 0, key: { id: 1 } },
   *   output: { late: 0.25 },
   *   model: { name: "lateness", version: "3" },
   * });
   * console.log(outcome); // recorded
   * ```
   */
  async record(
    predictions: Prediction | Iterable<Prediction> | AsyncIterable<Prediction>,
    options: RecordOptions = {},
  ): Promise<RecordResult> {
    const known = knownOptions("ledger.record", options, recordKeys);
    if (typeof predictions !== "object" || predictions === null)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `ledger.record takes a prediction or an iterable of predictions, not ${predictions === null ? "null" : typeof predictions}.`,
        {},
      );
    const { recordPredictions } = await import("../reproduce/record-predictions.ts");
    return recordPredictions(this.#context, askedPredictions(predictions), known);
  }

  /**
   * Records the predictions of a source's rows in one commit, each id once: Parquet, CSV, JSON lines, Arrow, SQL or a
   * version of a table. Its columns are `prediction_id`, `output` and, if there are any, `features`, `at` and those that
   * a key names; `output` and `features` may have any type and become JSON. The rows stay in the engine, so that
   * millions need little memory.
   *
   * @throws `PREDICTION_INVALID` naming a prediction without id, output or rows of its key, or with a key or time that is
   * none; `PREDICTION_EXISTS`; `COLUMN_NOT_FOUND`, `SOURCE_UNREADABLE`; `INVALID_ARGUMENT` for a column that nothing
   * uses; `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * import { createLedger } from "varve";
   *
   * const ledger = await createLedger("./many");
   * const { recorded } = await ledger.recordFrom(
   *   { sql: "SELECT 'order-' || id AS prediction_id, id, id / 2 AS output FROM orders", tables: { orders } },
   *   {
   *     inputs: { table: orders.uri, version: orders.snapshot().version, key: ["id"] },
   *     model: { name: "lateness", version: "3" },
   *   },
   * );
   * console.log(recorded);
   * ```
   */
  async recordFrom(source: Source, options: RecordFromOptions = {}): Promise<RecordResult> {
    const bulk = toBulkPredictions(options);
    const [{ recordBulk }, { toWriteSource }] = await Promise.all([
      import("../reproduce/bulk-predictions.ts"),
      import("./shared/source.ts"),
    ]);
    return recordBulk(this.#context, toWriteSource(source), bulk);
  }

  /**
   * Reads a recorded prediction, without reading its inputs.
   *
   * @throws `PREDICTION_NOT_FOUND`
   *
   * @example
   * ```ts
   * import { createLedger } from "varve";
   *
   * const ledger = await createLedger("./looked-up");
   * await ledger.record({ predictionId: "a", features: { weight: 2 }, output: 0.5 });
   * console.log((await ledger.get("a")).output); // 0.5
   * ```
   */
  async get(predictionId: string): Promise<RecordedPrediction> {
    requireText(predictionId, "The id of a prediction", "predictionId");
    const { findPrediction } = await import("../reproduce/find-prediction.ts");
    return findPrediction(this.#context, predictionId);
  }

  /**
   * Reads the rows that a prediction was made from, at their versions, and checks their fingerprints. With a `model`,
   * a function of one row or a command that reads rows as JSON lines and prints a JSON line for each, runs it again
   * and compares the outputs, exactly or within a tolerance.
   *
   * The model gets each row of the only input; with several inputs, one object of arrays of rows by the inputs' names;
   * without any, the features.
   *
   * @throws `PREDICTION_NOT_FOUND`; `PREDICTION_NOT_REPRODUCIBLE` with everything that is gone or differs: tables,
   * versions, rows and, with a model, the recorded files of model and code; `MODEL_FAILED`, `CANCELLED`
   *
   * @example
   * ```ts
   * import { createLedger } from "varve";
   *
   * const ledger = await createLedger("./checked");
   * const inputs = { table: orders.uri, version: 0, key: { id: 1 } };
   * await ledger.record({ predictionId: "a", inputs, output: 2 });
   * const { inputs: [input], rerun } = await ledger.reproduce("a", { model: ({ id }) => Number(id) * 2 });
   * console.log(input?.data, rerun?.matches);
   * ```
   */
  async reproduce(predictionId: string, options: ReproduceOptions = {}): Promise<Reproduction> {
    requireText(predictionId, "The id of a prediction", "predictionId");
    const known = knownOptions("ledger.reproduce", options, reproduceKeys as OptionKeys<ReproduceOptions>);
    const { model, tolerance, runs } = known;
    if (runs !== undefined) requireText(runs, "The option runs of ledger.reproduce", "runs");
    requireTolerance("ledger.reproduce", tolerance);
    if (model !== undefined && typeof model !== "function")
      await requireCommand("ledger.reproduce", "model", model);
    const { reproduce } = await import("../reproduce/reproduce.ts");
    return reproduce(this.#context, predictionId, known);
  }

  /**
   * Says what today's data, model or code would have said instead of recorded predictions, and which of them made the
   * difference. Today's data are the rows that the same keys and conditions select in the newest versions.
   *
   * The programs are functions or commands as for {@link Ledger.reproduce}, and run once for all predictions. With
   * `today` alone, what it says of today's rows is compared with what was recorded; `recorded` (the recorded model in
   * the recorded code) tells the part of the data from that of the program, and `todaysModel` and `todaysCode` (with the
   * other one as recorded) tell model and code apart. What cannot be evaluated is named.
   *
   * @param selection ids, or a condition over the ledger's columns
   * @throws `PREDICTION_NOT_FOUND`; `INVALID_ARGUMENT` for a condition that selects more than `limit`; `MODEL_FAILED`,
   * `CANCELLED`
   *
   * @example
   * ```ts
   * import { createLedger } from "varve";
   *
   * const ledger = await createLedger("./compared");
   * const inputs = { table: orders.uri, version: 0, key: { id: 1 } };
   * await ledger.record({ predictionId: "a", inputs, output: 2 });
   * const { predictions } = await ledger.diff(["a"], {
   *   recorded: ({ id }) => Number(id) * 2,
   *   today: ({ id }) => Number(id) * 3,
   * });
   * console.log(predictions[0]?.differences); // due: { data: 0, program: 1 }
   * ```
   */
  async diff(
    selection: string | readonly string[] | { readonly where: string },
    options: LedgerDiffOptions = {},
  ): Promise<LedgerDiff> {
    const verb = "ledger.diff";
    const known = knownOptions(verb, options, diffKeys as OptionKeys<LedgerDiffOptions>);
    const { tolerance, limit = 100, signal, ...programs } = known;
    requireTolerance(verb, tolerance);
    requireAtLeast(verb, { limit }, 1);
    for (const [name, program] of Object.entries(programs))
      if (program !== undefined && typeof program !== "function") await requireCommand(verb, name, program);
    requireBothMixtures(verb, programs);
    const { diffPredictions, predictionIds } = await import("../reproduce/diff-predictions.ts");
    let ids: readonly string[];
    if (typeof selection === "object" && !Array.isArray(selection)) {
      const { where } = knownOptions(`${verb}, selection`, selection as { where: string }, { where: true });
      requireText(where, "The condition of ledger.diff", "where");
      ids = await predictionIds(this.#context, where, { limit, signal });
    } else ids = [selection].flat() as readonly string[];
    for (const id of ids) requireText(id, "The id of a prediction", "predictionId");
    const predictions = await diffPredictions(this.#context, ids, { programs, tolerance, signal });
    return { predictions, summary: summaryOf(predictions) };
  }
}

/** Programs and limits of a comparison of predictions. */
export interface LedgerDiffOptions extends DiffPrograms {
  /** How far numbers may be apart; default: not at all. */
  readonly tolerance?: Tolerance | undefined;
  /** Most predictions that a condition may select; default 100. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Predictions beside what today would have said. */
export interface LedgerDiff {
  readonly predictions: readonly PredictionDiff[];
  readonly summary: {
    readonly same: number;
    readonly different: number;
    readonly notEvaluated: number;
    /** Number of predictions that are different mostly because of each. */
    readonly dueTo: Readonly<Partial<Record<Factor, number>>>;
  };
}

/**
 * Creates a prediction ledger at a folder or URI.
 *
 * @throws `TABLE_EXISTS`, `INVALID_ARGUMENT` for a version
 *
 * @example
 * ```ts
 * import { createLedger } from "varve";
 *
 * const ledger = await createLedger("./credit-decisions");
 * console.log(ledger.uri);
 * ```
 */
export async function createLedger(uri: string, options: ContextOptions = {}): Promise<Ledger> {
  const context = await ledgerContext("createLedger", uri, options);
  const { createLedgerTable } = await import("../reproduce/ledger-table.ts");
  await createLedgerTable(context);
  return Ledger.of(context);
}

/**
 * Opens a prediction ledger by its folder or URI.
 *
 * @throws `NOT_A_TABLE`, `SCHEMA_MISMATCH` for a table that is no ledger
 *
 * @example
 * ```ts
 * import { createLedger, openLedger } from "varve";
 *
 * const { uri } = await createLedger("./scores");
 * const ledger = await openLedger(uri);
 * await ledger.record({ predictionId: "a", features: [1, 2], output: 3 });
 * ```
 */
export async function openLedger(uri: string, options: ContextOptions = {}): Promise<Ledger> {
  const context = await ledgerContext("openLedger", uri, options);
  const { requireLedgerTable } = await import("../reproduce/ledger-table.ts");
  requireLedgerTable(await openLog(context));
  return Ledger.of(context);
}

async function ledgerContext(verb: string, uri: string, options: ContextOptions): Promise<TableContext> {
  const known = knownOptions(verb, options, contextKeys);
  const split = splitTableUri(uri);
  if (split.point === undefined) return openContext(split.uri, known);
  throw new VarveError(
    "INVALID_ARGUMENT",
    `A ledger is used at its newest version: ${uri}. Leave the suffix out.`,
    { uri },
  );
}

function summaryOf(predictions: readonly PredictionDiff[]): LedgerDiff["summary"] {
  const count = (outcome: PredictionDiff["outcome"]) =>
    predictions.filter((prediction) => prediction.outcome === outcome).length;
  const dueTo: Partial<Record<Factor, number>> = {};
  for (const { differences } of predictions) {
    const parts = new Map<Factor, number>();
    for (const { due = {} } of differences)
      for (const [factor, part] of Object.entries(due) as [Factor, number][])
        parts.set(factor, (parts.get(factor) ?? 0) + Math.abs(part));
    const [first] = [...parts].sort(([, a], [, b]) => b - a);
    if (first !== undefined) dueTo[first[0]] = (dueTo[first[0]] ?? 0) + 1;
  }
  return {
    same: count("same"),
    different: count("different"),
    notEvaluated: count("notEvaluated"),
    dueTo,
  };
}

async function* askedPredictions(
  predictions: Prediction | Iterable<Prediction> | AsyncIterable<Prediction>,
): AsyncGenerator<AskedPrediction> {
  if (Symbol.iterator in predictions || Symbol.asyncIterator in predictions) {
    let number = 0;
    for await (const prediction of predictions) yield numbered(++number, () => toAskedPrediction(prediction));
  } else yield toAskedPrediction(predictions);
}

/** Of many predictions, a message about the shape of one says which, as it may have no id. */
function numbered<T>(number: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isVarveError(error, "INVALID_ARGUMENT")) throw error;
    throw new VarveError("INVALID_ARGUMENT", `Prediction ${number}: ${error.message}`, error.data, error);
  }
}

function requireTolerance(verb: string, tolerance: Tolerance | undefined): void {
  if (tolerance === undefined) return;
  const { absolute, relative } = knownOptions(`${verb}, tolerance`, tolerance, toleranceKeys);
  requireAtLeast(verb, { absolute, relative }, 0);
}

/** Beside the program of today, one mixture alone would tell nothing. @throws `INVALID_ARGUMENT` */
function requireBothMixtures(verb: string, { today, todaysModel, todaysCode }: DiffPrograms): void {
  if (today === undefined || (todaysModel === undefined) === (todaysCode === undefined)) return;
  const [given, lacking] =
    todaysCode === undefined
      ? (["todaysModel", "todaysCode"] as const)
      : (["todaysCode", "todaysModel"] as const);
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb}: ${optionText(given)} needs ${optionText(lacking)} beside ${optionText("today")}: with both, model and code are told apart. Pass both, or neither.`,
    { option: lacking },
  );
}

async function requireCommand(verb: string, option: string, model: ModelCommand): Promise<void> {
  const [{ isModelCommand }, { longestTimer }] = await Promise.all([
    import("../reproduce/run-model.ts"),
    import("../util/world.ts"),
  ]);
  if (!isModelCommand(model))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option ${option} of ${verb} must be a function of one row, or { command: "python predict.py" }.`,
      { option },
    );
  const { timeoutMilliseconds, folder } = knownOptions(
    `${verb}, ${option}`,
    model,
    commandKeys as OptionKeys<ModelCommand>,
  );
  if (folder !== undefined) requireText(folder, "The folder of a model", "folder");
  requireAtLeast(verb, { timeoutMilliseconds }, 1);
  if (timeoutMilliseconds !== undefined && timeoutMilliseconds > longestTimer)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option timeoutMilliseconds of ${verb} must be at most ${longestTimer} (about 24 days), not ${timeoutMilliseconds}. Leave it out for none.`,
      { option: "timeoutMilliseconds" },
    );
}
