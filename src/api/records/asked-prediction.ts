import {
  type AskedInput,
  type AskedPrediction,
  type InputPlace,
  inputNames,
  invalidPrediction,
  longestId,
  type Prediction,
  type PredictionInput,
  type PredictionModel,
} from "../../reproduce/prediction.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { parseTimestamp, requireOptions, requireText, splitTableUri } from "../shared/table-uri.ts";
import { artifactKeys, jsonOrProblem, toArtifact } from "./asked-values.ts";

const verb = "ledger.record";

const predictionKeys = {
  predictionId: true,
  inputs: true,
  features: true,
  output: true,
  model: true,
  code: true,
  at: true,
} satisfies Record<keyof Prediction, true>;
/** Keys of a prediction's model. */
export const modelKeys = { ...artifactKeys, run: true, runs: true } satisfies OptionKeys<PredictionModel>;
const inputKeys = {
  name: true,
  table: true,
  version: true,
  knownAt: true,
  key: true,
  where: true,
  rows: true,
};

/**
 * Checks a caller's prediction. @throws `PREDICTION_INVALID` naming the prediction and what is wrong with it,
 * `INVALID_ARGUMENT` for what is no prediction
 */
export function toAskedPrediction(prediction: Prediction): AskedPrediction {
  const known = knownOptions(verb, prediction, predictionKeys as OptionKeys<Prediction>);
  const { predictionId: id, inputs = [], features, output, model, code, at } = known;
  requireText(id, "The option predictionId of ledger.record", "predictionId");
  if (id === "" || id.length > longestId)
    throw invalidPrediction(id.slice(0, 100), `an id must have 1 to ${longestId} characters.`);
  if (output === undefined) throw invalidPrediction(id, "it has no output.");
  const listed = Array.isArray(inputs) ? (inputs as readonly PredictionInput[]) : [inputs as PredictionInput];
  const asked = listed.map((input) => toInput(id, input));
  requireNames(id, asked);
  return {
    predictionId: id,
    inputs: asked,
    features: features === undefined ? undefined : toJson(id, "features", features),
    output: toJson(id, "output", output),
    model: toArtifact(verb, "model", { artifact: model, keys: modelKeys }),
    code: toArtifact(verb, "code", { artifact: code, keys: artifactKeys }),
    at: at === undefined ? undefined : parseTimestamp(at),
  };
}

/** A model gets its inputs by their names. */
function requireNames(id: string, inputs: readonly AskedInput[]): void {
  const names = inputNames(inputs);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw invalidPrediction(
    id,
    `two of its inputs are called ${JSON.stringify(twice)}; one without a name is called by its number, from 0. Give each a name of its own.`,
  );
}

function toInput(id: string, input: PredictionInput): AskedInput {
  requireOptions(input, "An input of ledger.record");
  const all = knownOptions("ledger.record, inputs", input as object, inputKeys as OptionKeys<object>);
  const { name, table, version, knownAt, key, where, rows } = all as Readonly<Record<string, unknown>>;
  if (name !== undefined) requireText(name, "The name of an input", "name");
  const named = { name: name as string | undefined };
  if (rows !== undefined) {
    if (!Array.isArray(rows) || table !== undefined || key !== undefined || where !== undefined)
      throw invalidPrediction(id, "an input by value is { rows }, an array of objects, without a table.");
    const values = toJson(id, "rows", rows) as readonly JsonValue[];
    if (!values.every(isJsonObject)) throw invalidPrediction(id, "the rows of an input must be objects.");
    return { ...named, values: values as readonly JsonObject[] };
  }
  requireText(table, "The table of an input", "table");
  if ((key === undefined) === (where === undefined))
    throw invalidPrediction(
      id,
      "an input needs either a key, such as { id: 5 }, or where, an SQL condition.",
    );
  const place = { ...named, ...toPlace(id, table as string, { version, knownAt }) };
  if (where !== undefined) {
    requireText(where, "The option where of an input", "where");
    return { ...place, where: where as string };
  }
  return { ...place, key: toKey(id, key) };
}

/** Table and version, pin or time: the newest version is not the same one later, so one must be named. */
export function toPlace(
  id: string,
  text: string,
  { version, knownAt }: { readonly version: unknown; readonly knownAt: unknown },
): InputPlace {
  const { uri, point } = splitTableUri(text);
  const given = [version, knownAt, point].filter((value) => value !== undefined).length;
  const [, before, pinName] = /^(.+)@([A-Za-z0-9][A-Za-z0-9._-]*)$/s.exec(uri) ?? [];
  if (given === 0 && before !== undefined) return { table: before, pinName };
  if (given === 1 && point !== undefined)
    return "version" in point ? { table: uri, ...point } : { table: uri, knownAt: point.timestamp };
  if (given === 1 && knownAt !== undefined)
    return { table: uri, knownAt: parseTimestamp(knownAt as Date | number | string) };
  if (given === 1 && typeof version === "number" && Number.isSafeInteger(version) && version >= 0)
    return { table: uri, version };
  throw invalidPrediction(
    id,
    `the input ${text} needs the version that was read, named once: { table: "./orders", version: 12 }, "./orders@v12", a pin as "./orders@model-7", or a time as { table: "./orders", knownAt: "2024-06-01T00:00:00Z" }.`,
  );
}

function toKey(id: string, key: unknown): JsonObject {
  const json = toJson(id, "key", key);
  const isPlain =
    isJsonObject(json) &&
    Object.keys(json).length > 0 &&
    Object.values(json).every((value) => typeof value !== "object" || value === null);
  if (isPlain) return json;
  throw invalidPrediction(id, "a key must be an object of columns and single values, such as { id: 5 }.");
}

function toJson(id: string, name: string, value: unknown): JsonValue {
  const found = jsonOrProblem(value);
  if (found.problem === undefined) return found.json;
  throw invalidPrediction(id, `its ${name} ${found.problem}.`, found.cause);
}
