import type { EngineRow } from "../engine/core/contract.ts";
import { isVarveError, type VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { sql } from "../sql/sql.ts";
import { type JsonObject, stringifyJson } from "../util/json.ts";
import { type SelectedRows, sumOfRows, withSelectedRows } from "./input-rows.ts";
import type { InputVersions } from "./input-versions.ts";
import {
  inputNames,
  inputText,
  type RecordedInput,
  type RecordedPrediction,
  valuesFingerprint,
} from "./prediction.ts";
import type { ModelRows } from "./run-model.ts";

/** Something that a prediction was made from and that is not there any more, or not the same. */
export interface Loss {
  readonly what: "table" | "version" | "rows" | "model" | "code";
  readonly text: string;
}

/** How rows are read: JSON lines are made for commands only. */
export interface InputReadOptions {
  readonly needsLines: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The rows of an input. */
export interface InputData extends ModelRows {
  readonly input: RecordedInput;
  readonly pin?: string | undefined;
}

/** Reads an input at its version or from a pin of it, and compares it with what was recorded. */
export async function readInput(
  versions: InputVersions,
  input: RecordedInput,
  options: InputReadOptions,
): Promise<InputData | Loss> {
  if (input.values !== undefined) return readValues(input, input.values);
  const { table = "", version = 0 } = input;
  const read = await readVersion(() => versions.open(table, version), input, options);
  if (!("what" in read)) return read;
  // Pins keep what vacuum and log cleanup delete.
  const pins = await versions.pins(table, input.tableId ?? "", version);
  const { pinName } = input;
  const named = pins.filter((name) => name === pinName);
  for (const name of [...named, ...pins.filter((name) => name !== pinName)]) {
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
  { needsLines, signal }: InputReadOptions,
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
      (rows) => checkedRows(snapshot, input, rows, needsLines),
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
  return { input, ...(await orderedRows(selected, needsLines)) };
}

/** Rows sorted by all columns, as a model gets them. */
async function orderedRows({ session, select }: SelectedRows, needsLines: boolean): Promise<ModelRows> {
  const ordered = sql`FROM (${select}) ORDER BY ALL`;
  const rows: EngineRow[] = [];
  for await (const row of session.rowStream(ordered)) rows.push(row);
  let text = "";
  if (needsLines) for await (const lines of session.jsonLines(ordered)) text += lines;
  return { rows, lines: text.split("\n").filter((line) => line !== "") };
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

/** What the model is given. */
export function modelRows(prediction: RecordedPrediction, inputs: readonly InputData[]): ModelRows {
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

/** An input as its table has it today: which version that is, its rows, and whether they are the recorded ones. */
export interface CurrentInput extends InputData {
  readonly version?: number | undefined;
  readonly isSame: boolean;
}

/**
 * Reads the rows that an input's key or condition selects in the newest version of its table. Rows by value stay what
 * they are.
 */
export async function readCurrentInput(
  versions: InputVersions,
  input: RecordedInput,
  { needsLines, signal }: InputReadOptions,
): Promise<CurrentInput | Loss> {
  if (input.values !== undefined) {
    const read = readValues(input, input.values);
    return "what" in read ? read : { ...read, isSame: true };
  }
  const { table = "", key, where = "" } = input;
  try {
    const snapshot = await versions.openNewest(table);
    return await withSelectedRows(
      snapshot,
      key === undefined ? { where } : { key },
      async (selected): Promise<CurrentInput | Loss> => {
        const sum = await sumOfRows(snapshot, selected);
        if (sum.rows === 0)
          return { what: "rows", text: `${table}@v${snapshot.version} has no such row any more.` };
        const isSame = sum.rows === input.rows && sum.fingerprint === input.fingerprint;
        const { version } = snapshot;
        return { input, version, isSame, ...(await orderedRows(selected, needsLines)) };
      },
      { signal },
    );
  } catch (error) {
    if (!isVarveError(error) || error.code === "CANCELLED" || error.code.startsWith("STORE_")) throw error;
    const what = error.code === "NOT_A_TABLE" ? "table" : "rows";
    return { what, text: `The rows of ${table} of today cannot be read: ${error.message}` };
  }
}
