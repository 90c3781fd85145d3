import { VarveError } from "../../errors.ts";
import type { BulkInput } from "../../reproduce/bulk-inputs.ts";
import type { BulkPredictions } from "../../reproduce/bulk-predictions.ts";
import { inputNames, noPrediction, type PredictionModel } from "../../reproduce/prediction.ts";
import type { Artifact } from "../../runs/artifact.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { requireText } from "../shared/table-uri.ts";
import { modelKeys, toPlace } from "./asked-prediction.ts";
import { artifactKeys, toArtifact } from "./asked-values.ts";

/**
 * Rows of a version of a table that predictions of a source were made from: by columns of the source, or by one
 * condition for all. A table is a folder or URI, which may end in `@v12`, the name of a pin or a time.
 */
export interface SourceInput {
  readonly name?: string | undefined;
  readonly table: string;
  readonly version?: number | undefined;
  /** Instead of `version`: a time until now, at which the table had the version that was read. */
  readonly knownAt?: Date | number | string | undefined;
  /** Columns that the source and the table have, or the source's columns by the table's. */
  readonly key?: readonly string[] | Readonly<Record<string, string>> | undefined;
  /** Instead of `key`: an SQL condition over the columns of one row. */
  readonly where?: string | undefined;
}

/** What the predictions of a source have in common. */
export interface RecordFromOptions {
  readonly inputs?: SourceInput | readonly SourceInput[] | undefined;
  readonly model?: PredictionModel | undefined;
  readonly code?: Artifact | undefined;
  /** Cancels the call; a cancelled one leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

const optionKeys = { inputs: true, model: true, code: true, signal: true } satisfies Record<
  keyof RecordFromOptions,
  true
>;
const inputKeys = { name: true, table: true, version: true, knownAt: true, key: true, where: true };
const verb = "ledger.recordFrom";

/** Checks a caller's options of predictions from a source. @throws `INVALID_ARGUMENT`, `PREDICTION_INVALID` */
export function toBulkPredictions(options: RecordFromOptions): BulkPredictions {
  const known = knownOptions(verb, options, optionKeys as OptionKeys<RecordFromOptions>);
  const { inputs = [], model, code, signal } = known;
  const asked = (Array.isArray(inputs) ? (inputs as readonly SourceInput[]) : [inputs as SourceInput]).map(
    toBulkInput,
  );
  const names = inputNames(asked);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`Two inputs of ${verb} are called ${JSON.stringify(twice)}.`);
  return {
    inputs: asked,
    model: toArtifact(verb, "model", { artifact: model, keys: modelKeys }),
    code: toArtifact(verb, "code", { artifact: code, keys: artifactKeys }),
    signal,
  };
}

function toBulkInput(input: SourceInput): BulkInput {
  const known = knownOptions(`${verb}, inputs`, input, inputKeys as OptionKeys<SourceInput>);
  const { name, table, version, knownAt, key, where } = known;
  if (name !== undefined) requireText(name, "The name of an input", "name");
  requireText(table, "The table of an input", "table");
  const place = { name, ...toPlace(noPrediction, table, { version, knownAt }) };
  if (where !== undefined && key === undefined) {
    requireText(where, "The option where of an input", "where");
    return { ...place, where };
  }
  if (typeof key !== "object" || key === null || where !== undefined) throw noKey();
  const pairs = Array.isArray(key)
    ? (key as readonly unknown[]).map((column) => [column, column] as const)
    : Object.entries(key);
  const columns = pairs.map(([column, source]) => {
    if (typeof column !== "string" || typeof source !== "string") throw noKey();
    return [column, source] as const;
  });
  if (columns.length === 0) throw noKey();
  return { ...place, key: Object.fromEntries(columns) };
}

function noKey(): VarveError {
  return invalid(
    `An input of ${verb} needs either a key, as columns such as ["order_id"] or { id: "order_id" }, or where, an SQL condition.`,
  );
}

function invalid(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { verb });
}
