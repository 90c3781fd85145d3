import { hash } from "node:crypto";
import { VarveError } from "../errors.ts";
import type { Artifact } from "../runs/artifact.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";

/** Most characters of an id. */
export const longestId = 1_024;

/**
 * What a prediction was made from: rows of a version of a table, by their key or by a condition, or rows given by
 * value. A table is a folder or URI, which may end in `@v12`, the name of a pin or a time, instead of `version` and
 * `knownAt`.
 */
export type PredictionInput =
  | {
      readonly name?: string | undefined;
      readonly table: string;
      readonly version?: number | undefined;
      /** Instead of `version`: a time until now, at which the table had the version that was read. */
      readonly knownAt?: Date | number | string | undefined;
      /** Values of columns that select the rows: `{ id: 5 }`. */
      readonly key: Readonly<Record<string, unknown>>;
    }
  | {
      readonly name?: string | undefined;
      readonly table: string;
      readonly version?: number | undefined;
      readonly knownAt?: Date | number | string | undefined;
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
  /** The pin by whose name the caller gave the version. */
  readonly pinName?: string | undefined;
  readonly key?: JsonObject | undefined;
  readonly where?: string | undefined;
  /** The rows themselves, if they were given by value. */
  readonly values?: readonly JsonObject[] | undefined;
  /** Number of rows, and their fingerprint. */
  readonly rows: number;
  readonly fingerprint: string;
}

/** A version of a table as a caller names it: by its number, a pin or a time. */
export interface InputPlace {
  readonly name?: string | undefined;
  readonly table: string;
  readonly version?: number | undefined;
  readonly pinName?: string | undefined;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly knownAt?: number | undefined;
}

/** An input whose rows are not known yet; without `knownAt` once its version is found. */
export type AskedInput = Omit<RecordedInput, "rows" | "fingerprint" | "tableId"> &
  Pick<InputPlace, "knownAt">;

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
  return hash("sha256", canonicalJson(prediction), "hex");
}

/** Fingerprint of rows that are given by value: of their canonical JSON, in their order. */
export function valuesFingerprint(rows: readonly JsonObject[]): string {
  return `varve-values-1:${hash("sha256", canonicalJson(rows), "hex")}`;
}

/** A short name of an input for messages. */
export function inputText({ name, table, version, pinName, knownAt }: Omit<AskedInput, "key">): string {
  const time = knownAt === undefined ? undefined : new Date(knownAt).toISOString();
  const point = version === undefined ? (pinName ?? time) : `v${version}`;
  const place = table === undefined ? "rows by value" : `${table}@${point}`;
  return name === undefined ? place : `${name} (${place})`;
}

/** The names by which a model gets its inputs: their own, or their numbers. */
export function inputNames(inputs: readonly Pick<AskedInput, "name">[]): string[] {
  return inputs.map(({ name }, index) => name ?? String(index));
}

/** Stands for an id, which is never empty, where a problem is not one prediction's. */
export const noPrediction = "";

/** `PREDICTION_INVALID`, saying which prediction, and what is wrong */
export function invalidPrediction(predictionId: string, problem: string, cause?: unknown): VarveError {
  const which =
    predictionId === noPrediction ? "the predictions" : `prediction ${JSON.stringify(predictionId)}`;
  return new VarveError(
    "PREDICTION_INVALID",
    `Cannot record ${which}: ${problem} Nothing was written.`,
    predictionId === noPrediction ? {} : { predictionId },
    cause,
  );
}

/** JSON with the members of every object in the order of their names, and without those that are undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(members).filter((name) => members[name] !== undefined);
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(members[name])}`)
    .join(",")}}`;
}
