import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { type ArtifactState, artifactState } from "../runs/artifact.ts";
import { appendAll } from "../util/append-all.ts";
import type { JsonValue } from "../util/json.ts";
import { compareOutputs, type OutputDifference, type Tolerance } from "./compare-outputs.ts";
import { findPrediction } from "./find-prediction.ts";
import { InputVersions } from "./input-versions.ts";
import { type ModelRun, modelRun } from "./model-run.ts";
import type { RecordedInput, RecordedPrediction } from "./prediction.ts";
import { type InputData, type Loss, modelRows, readInput } from "./read-inputs.ts";
import { type ModelCommand, type ModelFunction, runModel } from "./run-model.ts";

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
    const read = await readInput(versions, input, { needsLines: typeof model === "object", signal });
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

function artifactLoss(what: "model" | "code", state: ArtifactState, file: string | undefined): Loss[] {
  if (state === "changed")
    return [{ what, text: `The ${what} ${file} has changed since: its SHA-256 is another one.` }];
  return state === "missing" ? [{ what, text: `The ${what} ${file} is gone.` }] : [];
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
