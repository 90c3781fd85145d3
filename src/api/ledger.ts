import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import type { Tolerance } from "../reproduce/compare-outputs.ts";
import type { AskedPrediction, Prediction, RecordedPrediction } from "../reproduce/prediction.ts";
import type { RecordOptions, RecordResult } from "../reproduce/record-predictions.ts";
import type { ReproduceOptions, Reproduction } from "../reproduce/reproduce.ts";
import type { ModelCommand } from "../reproduce/run-model.ts";
import { toAskedPrediction } from "./shared/asked-prediction.ts";
import { knownOptions, type OptionKeys, requireAtLeast } from "./shared/known-options.ts";
import { openContext, openLog } from "./shared/lazy-log.ts";
import { contextKeys } from "./shared/option-keys.ts";
import type { ContextOptions } from "./shared/options.ts";
import { requireText, splitTableUri } from "./shared/table-uri.ts";

const recordKeys = { signal: true } satisfies OptionKeys<RecordOptions>;
const reproduceKeys = { model: true, tolerance: true, runs: true, signal: true } satisfies Record<
  keyof ReproduceOptions,
  true
>;
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
    if (tolerance !== undefined) {
      const { absolute, relative } = knownOptions("ledger.reproduce, tolerance", tolerance, toleranceKeys);
      requireAtLeast("ledger.reproduce", { absolute, relative }, 0);
    }
    if (model !== undefined && typeof model !== "function") await requireCommand(model);
    const { reproduce } = await import("../reproduce/reproduce.ts");
    return reproduce(this.#context, predictionId, known);
  }
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

async function* askedPredictions(
  predictions: Prediction | Iterable<Prediction> | AsyncIterable<Prediction>,
): AsyncGenerator<AskedPrediction> {
  if (Symbol.iterator in predictions || Symbol.asyncIterator in predictions) {
    for await (const prediction of predictions) yield toAskedPrediction(prediction);
  } else yield toAskedPrediction(predictions);
}

async function requireCommand(model: ModelCommand): Promise<void> {
  const [{ isModelCommand }, { longestTimer }] = await Promise.all([
    import("../reproduce/run-model.ts"),
    import("../util/world.ts"),
  ]);
  if (!isModelCommand(model))
    throw new VarveError(
      "INVALID_ARGUMENT",
      'The option model of ledger.reproduce must be a function of one row, or { command: "python predict.py" }.',
      { option: "model" },
    );
  const { timeoutMilliseconds, folder } = knownOptions(
    "ledger.reproduce, model",
    model,
    commandKeys as OptionKeys<ModelCommand>,
  );
  if (folder !== undefined) requireText(folder, "The folder of a model", "folder");
  requireAtLeast("ledger.reproduce", { timeoutMilliseconds }, 1);
  if (timeoutMilliseconds !== undefined && timeoutMilliseconds > longestTimer)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option timeoutMilliseconds of ledger.reproduce must be at most ${longestTimer} (about 24 days), not ${timeoutMilliseconds}. Leave it out for none.`,
      { option: "timeoutMilliseconds" },
    );
}
