import type { EngineRow } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { type ArtifactState, artifactState } from "../runs/artifact.ts";
import { sql } from "../sql/sql.ts";
import { appendAll } from "../util/append-all.ts";
import { type JsonObject, type JsonValue, stringifyJson } from "../util/json.ts";
import { compareOutputs, type OutputDifference, type Tolerance } from "./compare-outputs.ts";
import { findPrediction } from "./find-prediction.ts";
import { type SelectedRows, sumOfRows, withSelectedRows } from "./input-rows.ts";
import { InputVersions } from "./input-versions.ts";
import { type ModelRun, modelRun } from "./model-run.ts";
import {
  inputNames,
  inputText,
  type RecordedInput,
  type RecordedPrediction,
  valuesFingerprint,
} from "./prediction.ts";
import { type ModelCommand, type ModelFunction, type ModelRows, runModel } from "./run-model.ts";

export interface ReproduceOptions {
  /** Runs the model again on the same rows, and compares what it says with what was recorded. */
  readonly model?: ModelCommand | ModelFunction | undefined;
  /** How far numbers of the two outputs may be apart; default: not at all. */
  readonly tolerance?: Tolerance | undefined;
  /** Runs table in which the run that made the model is looked for, if the prediction does not name one. */
  readonly runs?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An input with the rows that the prediction was made from. */
export interface ReproducedInput extends RecordedInput {
  /** The pin that the rows were read from, because the version itself cannot be read any more. */
  readonly pin?: string | undefined;
  /** The rows, sorted by all columns; those given by value in their order. */
  readonly data: readonly Readonly<Record<string, unknown>>[];
}

/** A prediction whose inputs are the same as when it was recorded. */
export interface Reproduction {
  readonly prediction: RecordedPrediction;
  readonly inputs: readonly ReproducedInput[];
  /** Whether the recorded files of model and code are the same. */
  readonly model: ArtifactState;
  readonly code: ArtifactState;
  /** The run that made the model, as far as it is recorded. */
  readonly madeBy?: ModelRun | undefined;
  /** What the model said this time, if it was run. */
  readonly rerun?:
    | {
        readonly output: JsonValue;
        readonly matches: boolean;
        /** The first 100 places that differ. */
        readonly differences: readonly OutputDifference[];
      }
    | undefined;
}

/** Something that a prediction was made from and that is not there any more, or not the same. */
interface Loss {
  readonly what: "table" | "version" | "rows" | "model" | "code";
  readonly text: string;
}

/**
 * Reads a prediction and the rows that it was made from, at their versions, and checks that they are the same. With a
 * model, runs it again.
 *
 * A model gets each row of the only input; with several inputs, one object of arrays of rows by the inputs' names (or
 * numbers); without any, the features. The output is compared with its prediction, or with the array of its
 * predictions if it got several rows.
 *
 * @throws `PREDICTION_NOT_FOUND`; `PREDICTION_NOT_REPRODUCIBLE` naming everything that is gone or differs: tables,
 * versions, rows, and with a model the recorded files of model and code; `MODEL_FAILED`, `CANCELLED`
 */
export async function reproduce(
  context: TableContext,
  predictionId: string,
  options: ReproduceOptions = {},
): Promise<Reproduction> {
  const { model, tolerance, runs, signal } = options;
  const prediction = await findPrediction(context, predictionId, { signal });
  const versions = new InputVersions(context);
  const losses: Loss[] = [];
  const inputs: InputData[] = [];
  for (const input of prediction.inputs) {
    const read = await readInput(versions, input, options);
    if ("what" in read) losses.push(read);
    else inputs.push(read);
  }
  const [modelState, codeState] = [
    await artifactState(prediction.model),
    await artifactState(prediction.code),
  ];
  if (model !== undefined) {
    appendAll(losses, artifactLoss("model", modelState, prediction.model?.file));
    appendAll(losses, artifactLoss("code", codeState, prediction.code?.file));
  }
  if (losses.length > 0) throw notReproducible(predictionId, losses);
  const reproduction = {
    prediction,
    inputs: inputs.map(({ input, pin, rows }) => ({ ...input, pin, data: rows })),
    model: modelState,
    code: codeState,
    madeBy: await modelRun(context, prediction, { runs, signal }),
  };
  if (model === undefined) return reproduction;
  const given = modelRows(prediction, inputs);
  const predictions = await runModel(model, given, { signal });
  const [first = null] = predictions;
  const output = given.rows.length === 1 ? first : predictions;
  const differences = compareOutputs(prediction.output, output, tolerance);
  return { ...reproduction, rerun: { output, matches: differences.length === 0, differences } };
}

interface InputData extends ModelRows {
  readonly input: RecordedInput;
  readonly pin?: string | undefined;
}

async function readInput(
  versions: InputVersions,
  input: RecordedInput,
  options: ReproduceOptions,
): Promise<InputData | Loss> {
  if (input.values !== undefined) return readValues(input, input.values);
  const { table = "", version = 0 } = input;
  const read = await readVersion(() => versions.open(table, version), input, options);
  if (!("what" in read)) return read;
  // Pins keep what vacuum and log cleanup delete.
  for (const name of await versions.pins(table, input.tableId ?? "", version)) {
    const pinned = await readVersion(
      () => versions.openPin(table, name),
      // A pin is a table of its own, with another id.
      { ...input, tableId: undefined },
      options,
    );
    if (!("what" in pinned)) return { ...pinned, input, pin: name };
  }
  return read;
}

async function readVersion(
  open: () => Promise<LogSnapshot>,
  input: RecordedInput,
  { model, signal }: ReproduceOptions,
): Promise<InputData | Loss> {
  const { key, where = "", tableId } = input;
  const place = inputText(input);
  let snapshot: LogSnapshot;
  try {
    snapshot = await open();
  } catch (error) {
    if (!isGone(error)) throw error;
    const what = error.code === "NOT_A_TABLE" ? "table" : "version";
    return { what, text: `${place} is gone: ${error.message}` };
  }
  const { id } = snapshot.metadata;
  if (tableId !== undefined && id !== tableId)
    return { what: "table", text: `${place} is another table: its id is ${id}, not ${tableId}.` };
  try {
    return await withSelectedRows(
      snapshot,
      key === undefined ? { where } : { key },
      (rows) => checkedRows(snapshot, input, rows, typeof model === "object"),
      { signal },
    );
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING", "DATA_FILE_CORRUPT", "DELETION_VECTOR_CORRUPT"))
      throw error;
    return { what: "rows", text: `The rows of ${place} are gone: ${error.message}` };
  }
}

/** Whether a version or pin cannot be opened any more, so that another pin may keep it. */
function isGone(error: unknown): error is VarveError {
  return (
    isVarveError(error, "NOT_A_TABLE", "VERSION_NOT_FOUND", "PIN_NOT_FOUND") ||
    isVarveError(error, "LOG_GAP", "LOG_CORRUPT", "CHECKPOINT_CORRUPT")
  );
}

async function checkedRows(
  snapshot: LogSnapshot,
  input: RecordedInput,
  selected: SelectedRows,
  needsLines: boolean,
): Promise<InputData | Loss> {
  const sum = await sumOfRows(snapshot, selected);
  if (sum.rows !== input.rows || sum.fingerprint !== input.fingerprint) return rowsDiffer(input, sum);
  const ordered = sql`FROM (${selected.select}) ORDER BY ALL`;
  const rows: EngineRow[] = [];
  for await (const row of selected.session.rowStream(ordered)) rows.push(row);
  let text = "";
  if (needsLines) for await (const lines of selected.session.jsonLines(ordered)) text += lines;
  return { input, rows, lines: text.split("\n").filter((line) => line !== "") };
}

function readValues(input: RecordedInput, values: readonly JsonObject[]): InputData | Loss {
  const sum = { rows: values.length, fingerprint: valuesFingerprint(values) };
  if (sum.fingerprint !== input.fingerprint) return rowsDiffer(input, sum);
  return { input, rows: values, lines: values.map((row) => stringifyJson(row)) };
}

function rowsDiffer(
  input: RecordedInput,
  { rows, fingerprint }: { readonly rows: number; readonly fingerprint: string },
): Loss {
  const differs =
    rows === input.rows
      ? `their fingerprint is ${fingerprint}, not ${input.fingerprint}`
      : `there are ${rows}, not ${input.rows}`;
  return { what: "rows", text: `The rows of ${inputText(input)} differ: ${differs}.` };
}

function artifactLoss(what: "model" | "code", state: ArtifactState, file: string | undefined): Loss[] {
  if (state === "changed")
    return [{ what, text: `The ${what} ${file} has changed since: its SHA-256 is another one.` }];
  return state === "missing" ? [{ what, text: `The ${what} ${file} is gone.` }] : [];
}

/** What the model is given. */
function modelRows(prediction: RecordedPrediction, inputs: readonly InputData[]): ModelRows {
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined) return only;
  if (only === undefined) {
    const { features = null } = prediction;
    return { rows: [features as JsonObject], lines: [stringifyJson(features)] };
  }
  const names = inputNames(prediction.inputs);
  const row = Object.fromEntries(inputs.map(({ rows }, index) => [names[index] ?? "", rows]));
  const members = inputs.map(({ lines }, index) => `${JSON.stringify(names[index])}:[${lines.join(",")}]`);
  return { rows: [row], lines: [`{${members.join(",")}}`] };
}

function notReproducible(predictionId: string, losses: readonly Loss[]): VarveError {
  const gone = [...new Set(losses.map(({ what }) => what))];
  const advice = gone.some((what) => what !== "model" && what !== "code")
    ? " Restore the files from a backup; pin the versions that predictions are made from, so that they outlive a vacuum."
    : " Put back the files that were recorded, or run without them to see the rows only.";
  return new VarveError(
    "PREDICTION_NOT_REPRODUCIBLE",
    `Prediction ${JSON.stringify(predictionId)} cannot be reproduced (${gone.join(", ")}). ${losses.map(({ text }) => text).join(" ")}${advice}`,
    { predictionId, gone, details: losses.map(({ text }) => text) },
  );
}
