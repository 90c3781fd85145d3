import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { type ArtifactState, artifactState } from "../runs/artifact.ts";
import { sql } from "../sql/sql.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import type { JsonValue } from "../util/json.ts";
import { optionText } from "../util/option-text.ts";
import {
  type AttributedDifference,
  attributeDifference,
  type Factor,
  subsets,
} from "./attribute-difference.ts";
import { requireLedger } from "./commit-predictions.ts";
import { compareOutputs, type Tolerance } from "./compare-outputs.ts";
import { findPrediction } from "./find-prediction.ts";
import { withSelectedRows } from "./input-rows.ts";
import { InputVersions } from "./input-versions.ts";
import { ledgerOf } from "./ledger-table.ts";
import type { RecordedPrediction } from "./prediction.ts";
import { type InputData, modelRows, readCurrentInput, readInput } from "./read-inputs.ts";
import { type ModelCommand, type ModelFunction, type ModelRows, runModel } from "./run-model.ts";

type Model = ModelCommand | ModelFunction;

/** The programs that say what would have been predicted, as far as the caller has them. */
export interface DiffPrograms {
  /** Today's model in today's code. */
  readonly today?: ModelCommand | ModelFunction | undefined;
  /** Model and code as recorded; without it, the recorded output stands for what they say of the recorded rows. */
  readonly recorded?: ModelCommand | ModelFunction | undefined;
  /** Today's model in the recorded code, and the recorded model in today's code: both, to tell model and code apart. */
  readonly todaysModel?: ModelCommand | ModelFunction | undefined;
  readonly todaysCode?: ModelCommand | ModelFunction | undefined;
}

export interface DiffOptions {
  readonly programs: DiffPrograms;
  readonly tolerance?: Tolerance | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was or would have been predicted with some things of today, the others being as recorded. */
export interface EvaluatedOutput {
  readonly today: readonly Factor[];
  /** Absent if it could not be evaluated; then `reason` says why. */
  readonly output?: JsonValue | undefined;
  readonly reason?: string | undefined;
}

/** What today would have said instead of a recorded prediction. */
export interface PredictionDiff {
  readonly prediction: RecordedPrediction;
  /** `notEvaluated`: what today would have said is not known. */
  readonly outcome: "same" | "different" | "notEvaluated";
  /** Whether the rows of today are those that were recorded. */
  readonly data: "same" | "changed" | "gone";
  /** Versions of the inputs' tables today. */
  readonly versions: readonly (number | undefined)[];
  /** Whether the recorded files of model and code are the same. */
  readonly model: ArtifactState;
  readonly code: ArtifactState;
  /** The recorded program, run on the recorded rows, says what was recorded; absent if it was not run. */
  readonly reproduces?: boolean | undefined;
  readonly evaluated: readonly EvaluatedOutput[];
  readonly differences: readonly AttributedDifference[];
}

/**
 * Says what today's data, model or code would have said instead of recorded predictions, and which of them made the
 * difference.
 *
 * Each program runs once for all predictions on the recorded rows, and once on those of today.
 *
 * @throws `PREDICTION_NOT_FOUND`, `MODEL_FAILED`, `CANCELLED`
 */
export async function diffPredictions(
  context: TableContext,
  predictionIds: readonly string[],
  options: DiffOptions,
): Promise<PredictionDiff[]> {
  const { programs, signal } = options;
  const versions = new InputVersions(context);
  const needsLines = Object.values(programs).some((program) => typeof program === "object");
  const cases: Case[] = [];
  for (const id of predictionIds) {
    throwIfCancelled(signal, "comparing predictions");
    const prediction = await findPrediction(context, id, { signal });
    cases.push(await readCase(versions, prediction, { needsLines, signal }));
  }
  const factors = factorsOf(programs);
  const outputs = await runPrograms(cases, factors, options);
  return cases.map((one, index) => diffOf(one, factors, outputs[index] ?? new Map(), options));
}

/** A prediction with its rows of then and of today, or why there are none. */
interface Case {
  readonly prediction: RecordedPrediction;
  readonly recordedRows: ModelRows | string;
  readonly todaysRows: ModelRows | string;
  readonly isSame: boolean;
  readonly versions: readonly (number | undefined)[];
  readonly model: ArtifactState;
  readonly code: ArtifactState;
}

async function readCase(
  versions: InputVersions,
  prediction: RecordedPrediction,
  options: { readonly needsLines: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Case> {
  const [then, today]: [InputData[], InputData[]] = [[], []];
  const [lostThen, lostToday]: [string[], string[]] = [[], []];
  const newest: (number | undefined)[] = [];
  let isSame = true;
  for (const input of prediction.inputs) {
    const recorded = await readInput(versions, input, options);
    if ("what" in recorded) lostThen.push(recorded.text);
    else then.push(recorded);
    const current = await readCurrentInput(versions, input, options);
    newest.push("what" in current ? undefined : current.version);
    isSame &&= !("what" in current) && current.isSame;
    if ("what" in current) lostToday.push(current.text);
    else today.push(current);
  }
  const rowsOr = (inputs: readonly InputData[], lost: readonly string[]) =>
    lost.length > 0 ? lost.join(" ") : modelRows(prediction, inputs);
  return {
    prediction,
    recordedRows: rowsOr(then, lostThen),
    todaysRows: rowsOr(today, lostToday),
    isSame,
    versions: newest,
    model: await artifactState(prediction.model),
    code: await artifactState(prediction.code),
  };
}

/** What can be of then or of today: model and code apart only if both mixtures can be run. */
function factorsOf({ today, todaysModel, todaysCode }: DiffPrograms): Factor[] {
  if (todaysModel !== undefined && todaysCode !== undefined) return ["data", "model", "code"];
  if (todaysModel !== undefined && today === undefined) return ["data", "model"];
  if (todaysCode !== undefined && today === undefined) return ["data", "code"];
  return today === undefined ? ["data"] : ["data", "program"];
}

/** The program for the factors that are of today, and how a caller would have to give it. */
function programOf(
  programs: DiffPrograms,
  today: readonly Factor[],
): { program?: Model | undefined; name: keyof DiffPrograms } {
  const [model, code] = [today.includes("model"), today.includes("code")];
  if (today.includes("program") || (model && code)) return { program: programs.today, name: "today" };
  if (model) return { program: programs.todaysModel, name: "todaysModel" };
  return code
    ? { program: programs.todaysCode, name: "todaysCode" }
    : { program: programs.recorded, name: "recorded" };
}

/** The evaluated outputs of each case, by the factors that are of today. */
async function runPrograms(
  cases: readonly Case[],
  factors: readonly Factor[],
  { programs, signal }: DiffOptions,
): Promise<Map<string, EvaluatedOutput>[]> {
  const outputs = cases.map(() => new Map<string, EvaluatedOutput>());
  for (const today of subsets(factors)) {
    const { program, name } = programOf(programs, today);
    const isOfToday = today.includes("data");
    const key = today.join();
    const runs: { readonly index: number; readonly rows: ModelRows }[] = [];
    for (const [index, one] of cases.entries()) {
      const rows = isOfToday ? one.todaysRows : one.recordedRows;
      const known = isOfToday && one.isSame ? outputs[index]?.get(without(today, "data").join()) : undefined;
      if (known !== undefined) outputs[index]?.set(key, { ...known, today });
      else if (typeof rows === "string") outputs[index]?.set(key, { today, reason: rows });
      else if (program === undefined)
        outputs[index]?.set(key, {
          today,
          reason: `It needs the program ${optionText(name)}, which was not given.`,
        });
      else runs.push({ index, rows });
    }
    if (program === undefined || runs.length === 0) continue;
    const said = await runTogether(
      program,
      runs.map(({ rows }) => rows),
      signal,
    );
    for (const [place, { index }] of runs.entries())
      outputs[index]?.set(key, { today, output: said[place] ?? null });
  }
  return outputs;
}

function without(factors: readonly Factor[], factor: Factor): Factor[] {
  return factors.filter((other) => other !== factor);
}

/** Runs a program once for the rows of many predictions. */
async function runTogether(
  program: Model,
  given: readonly ModelRows[],
  signal: AbortSignal | undefined,
): Promise<JsonValue[]> {
  const all = { rows: given.flatMap(({ rows }) => rows), lines: given.flatMap(({ lines }) => lines) };
  const predictions = await runModel(program, all, { signal });
  let start = 0;
  return given.map(({ rows }) => {
    const own = predictions.slice(start, start + rows.length);
    start += rows.length;
    const [first = null] = own;
    return own.length === 1 ? first : own;
  });
}

function diffOf(
  one: Case,
  factors: readonly Factor[],
  outputs: ReadonlyMap<string, EvaluatedOutput>,
  { tolerance }: DiffOptions,
): PredictionDiff {
  const { prediction, isSame, todaysRows, versions, model, code } = one;
  const rerun = outputs.get("");
  const reproduces =
    rerun?.output === undefined
      ? undefined
      : compareOutputs(prediction.output, rerun.output, tolerance).length === 0;
  const evaluated = subsets(factors).map((set): EvaluatedOutput => {
    const output = outputs.get(set.join());
    // What was recorded is what model and code of then say of the rows of then, which may be those of today.
    const isRecorded = set.length === 0 || (isSame && set.join() === "data");
    if (isRecorded && rerun?.output === undefined) return { today: set, output: prediction.output };
    return output ?? { today: set, reason: "It was not evaluated." };
  });
  const outputOf = (set: readonly Factor[]) =>
    evaluated.find(
      ({ today: own }) => own.length === set.length && set.every((factor) => own.includes(factor)),
    )?.output;
  const differences = attributeDifference(factors, outputOf, tolerance);
  const isKnown = outputOf(factors) !== undefined;
  return {
    prediction,
    outcome: isKnown ? (differences.length === 0 ? "same" : "different") : "notEvaluated",
    data: isSame ? "same" : typeof todaysRows === "string" ? "gone" : "changed",
    versions,
    model,
    code,
    reproduces,
    evaluated,
    differences,
  };
}

/**
 * The ids of the predictions that meet a condition over the ledger's columns, in the order of their moments.
 *
 * @throws `PREDICTION_NOT_FOUND` for none, `INVALID_ARGUMENT` for more than `limit`, `SQL_FAILED`, `SQL_REFUSED`
 */
export async function predictionIds(
  context: TableContext,
  where: string,
  { limit, signal }: { readonly limit: number; readonly signal?: AbortSignal | undefined },
): Promise<string[]> {
  const snapshot = await requireLedger(ledgerOf(context), signal);
  const rows = await withSelectedRows(
    snapshot,
    { where },
    ({ session, select }) =>
      session.rows(
        sql`SELECT prediction_id FROM (${select}) ORDER BY "at", prediction_id LIMIT ${limit + 1}`,
      ),
    { signal },
  );
  const { uri } = context.store;
  if (rows.length === 0)
    throw new VarveError(
      "PREDICTION_NOT_FOUND",
      `The ledger at ${uri} has no prediction for which this is true: ${where} (version ${snapshot.version}). Its columns are prediction_id, model_name, model_version, at, recorded_at and those with JSON.`,
      { where, uri, version: snapshot.version },
    );
  if (rows.length > limit)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The condition ${where} selects more than ${limit} predictions. Narrow it, or raise the limit.`,
      { where, limit },
    );
  return rows.map((row) => String(row["prediction_id"]));
}
