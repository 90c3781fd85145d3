import { isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { JsonObject } from "../util/json.ts";
import { type SelectedSum, sumOfRows, sumsByKey, withSelectedRows } from "./input-rows.ts";
import type { InputVersions } from "./input-versions.ts";
import {
  type AskedInput,
  type AskedPrediction,
  inputText,
  invalidPrediction,
  type RecordedInput,
  valuesFingerprint,
} from "./prediction.ts";

/** An input of one of several predictions, and where its result goes. */
interface Place {
  readonly predictionId: string;
  readonly input: AskedInput;
  readonly set: (sum: SelectedSum, tableId?: string) => void;
}

/**
 * Reads how many rows each input of each prediction selects, and their fingerprints. Inputs by keys of the same
 * version and columns are read by one scan.
 *
 * @throws `PREDICTION_INVALID` for an input that cannot be read or selects no row
 */
export async function recordedInputs(
  predictions: readonly AskedPrediction[],
  versions: InputVersions,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<RecordedInput[][]> {
  const results: RecordedInput[][] = predictions.map(({ inputs }) => new Array<RecordedInput>(inputs.length));
  const groups = new Map<string, Place[]>();
  for (const [number, { predictionId, inputs }] of predictions.entries())
    for (const [index, input] of inputs.entries()) {
      const row = results[number];
      const place: Place = {
        predictionId,
        input,
        set: (sum, tableId) => {
          if (sum.rows === 0) throw invalidPrediction(predictionId, `${inputText(input)} has no such row.`);
          if (row !== undefined) row[index] = { ...input, tableId, ...sum };
        },
      };
      const group = groups.get(groupKey(input));
      if (group === undefined) groups.set(groupKey(input), [place]);
      else group.push(place);
    }
  for (const places of groups.values()) await readGroup(places, versions, options);
  return results;
}

/** Inputs with the same text are read together. */
function groupKey({ table, version, pinName, key, where, values }: AskedInput): string {
  if (values !== undefined) return "values";
  return JSON.stringify([table, version, pinName, key === undefined ? where : Object.keys(key)]);
}

async function readGroup(
  places: readonly Place[],
  versions: InputVersions,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const [first] = places;
  if (first === undefined) return;
  const { input, predictionId } = first;
  if (input.values !== undefined) {
    for (const { input: own, set } of places) set(sumOfValues(own.values ?? []));
    return;
  }
  const { table = "", version = 0, pinName, where } = input;
  const wrap = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw unreadableInput(predictionId, input, error);
    }
  };
  const { snapshot, tableId: id } = await wrap(() => versions.openPlace({ table, version, pinName }));
  if (where !== undefined) {
    const sum = await wrap(() =>
      withSelectedRows(snapshot, { where }, (rows) => sumOfRows(snapshot, rows), { signal }),
    );
    for (const { set } of places) set(sum, id);
    return;
  }
  const sums = await wrap(() => keySums(snapshot, places, signal));
  for (const { input: own, set } of places) set(sums.get(JSON.stringify(textKey(own))) ?? noSum, id);
}

/** The error for an input that cannot be read, unless it is one of the store or of the caller's. */
export function unreadableInput(predictionId: string, input: AskedInput, error: unknown): unknown {
  if (!isVarveError(error) || error.code === "CANCELLED" || error.code.startsWith("STORE_")) return error;
  return invalidPrediction(predictionId, `${inputText(input)} cannot be read: ${error.message}`, error);
}

const noSum: SelectedSum = { rows: 0, fingerprint: "" };

/** The sums of the keys, each of which is read once, by the keys' text. */
async function keySums(
  snapshot: LogSnapshot,
  places: readonly Place[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, SelectedSum>> {
  const keys = new Map<string, JsonObject>();
  for (const { input } of places) keys.set(JSON.stringify(textKey(input)), input.key ?? {});
  const sums = await sumsByKey(snapshot, [...keys.values()], { signal });
  return new Map([...keys.keys()].map((text, index) => [text, sums[index] ?? noSum]));
}

/** The values of a key with their kinds, as something JSON has a text for. */
function textKey({ key = {} }: AskedInput): readonly string[] {
  return Object.values(key).map((value) => `${typeof value} ${String(value)}`);
}

/** Number and fingerprint of rows that are given by value. */
function sumOfValues(values: readonly JsonObject[]): SelectedSum {
  return { rows: values.length, fingerprint: valuesFingerprint(values) };
}
