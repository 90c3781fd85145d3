import { hash } from "node:crypto";
import { VarveError } from "../errors.ts";
import type { Artifact } from "../runs/artifact.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, toJsonValue } from "../util/json.ts";

/**
 * What a prediction was made from: rows of a version of a table, by their key or by a condition, or rows given by
 * value. A table is a folder or URI, which may end in `@v12` instead of `version`.
 */
export type PredictionInput =
  | {
      readonly name?: string | undefined;
      readonly table: string;
      readonly version?: number | undefined;
      /** Values of columns that select the rows: `{ id: 5 }`. */
      readonly key: Readonly<Record<string, unknown>>;
    }
  | {
      readonly name?: string | undefined;
      readonly table: string;
      readonly version?: number | undefined;
      /** SQL condition over the columns of one row. */
      readonly where: string;
    }
  | {
      readonly name?: string | undefined;
      /** Rows as plain objects, kept in the ledger. */
      readonly rows: readonly Readonly<Record<string, unknown>>[];
    };

/** The model of a prediction. */
export interface PredictionModel extends Artifact {
  /** Id of the run that made it, and the folder or URI of its runs table (`spec/runs.md`). */
  readonly run?: string | undefined;
  readonly runs?: string | undefined;
}

/** A prediction to record. */
export interface Prediction {
  /** Unique in the ledger. */
  readonly predictionId: string;
  readonly inputs?: PredictionInput | readonly PredictionInput[] | undefined;
  /** The features that the model was given, as JSON. */
  readonly features?: unknown;
  /** What the model said, as JSON. */
  readonly output: unknown;
  readonly model?: PredictionModel | undefined;
  readonly code?: Artifact | undefined;
  /** When the prediction was made; default: now. */
  readonly at?: Date | number | string | undefined;
}

/** An input of a recorded prediction. */
export interface RecordedInput {
  readonly name?: string | undefined;
  /** URI, id and version of the table; absent for rows by value. */
  readonly table?: string | undefined;
  readonly tableId?: string | undefined;
  readonly version?: number | undefined;
  readonly key?: JsonObject | undefined;
  readonly where?: string | undefined;
  /** The rows themselves, if they were given by value. */
  readonly values?: readonly JsonObject[] | undefined;
  /** Number of rows, and their fingerprint. */
  readonly rows: number;
  readonly fingerprint: string;
}

/** An input whose rows are not known yet. */
export type AskedInput = Omit<RecordedInput, "rows" | "fingerprint" | "tableId">;

/** A prediction that was checked, before its inputs are read. */
export interface AskedPrediction {
  readonly predictionId: string;
  readonly inputs: readonly AskedInput[];
  readonly features?: JsonValue | undefined;
  readonly output: JsonValue;
  readonly model?: PredictionModel | undefined;
  readonly code?: Artifact | undefined;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at?: number | undefined;
}

/** A prediction as the ledger keeps it. */
export interface RecordedPrediction {
  readonly predictionId: string;
  readonly inputs: readonly RecordedInput[];
  readonly features?: JsonValue | undefined;
  readonly output: JsonValue;
  readonly model?: PredictionModel | undefined;
  readonly code?: Artifact | undefined;
  readonly at: Date;
  readonly recordedAt: Date;
}

/** SHA-256 of what a caller says of a prediction, as canonical JSON. Columns of versions never change. */
export function digestOf(prediction: AskedPrediction): string {
  return hash("sha256", stringifyJson(sorted(toJsonValue(prediction))), "hex");
}

/** Fingerprint of rows that are given by value: of their canonical JSON, in their order. */
export function valuesFingerprint(rows: readonly JsonObject[]): string {
  return `varve-values-1:${hash("sha256", stringifyJson(sorted(rows)), "hex")}`;
}

/** A short name of an input for messages. */
export function inputText({ name, table, version }: AskedInput): string {
  const place = table === undefined ? "rows by value" : `${table}@v${version}`;
  return name === undefined ? place : `${name} (${place})`;
}

/** The names by which a model gets its inputs: their own, or their numbers. */
export function inputNames(inputs: readonly Pick<AskedInput, "name">[]): string[] {
  return inputs.map(({ name }, index) => name ?? String(index));
}

/** @throws `PREDICTION_INVALID` saying which prediction, and what is wrong */
export function invalidPrediction(predictionId: string, problem: string, cause?: unknown): VarveError {
  return new VarveError(
    "PREDICTION_INVALID",
    `Cannot record prediction ${JSON.stringify(predictionId)}: ${problem} Nothing was written.`,
    { predictionId },
    cause,
  );
}

/** The value with the members of every object in the order of their names. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name] ?? null)]));
}
