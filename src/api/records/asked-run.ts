import { resolve } from "node:path";
import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { Artifact } from "../../runs/artifact.ts";
import type { RunEnd } from "../../runs/finish-run.ts";
import type { RunOutput, RunRecord } from "../../runs/run-record.ts";
import type { AskedInput, AskedRun } from "../../runs/start-run.ts";
import { isJsonObject, type JsonValue, nestsWithin, toJsonValue } from "../../util/json.ts";
import { realWorld, timeOrderedUuid } from "../../util/world.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { openContext, openLog } from "../shared/lazy-log.ts";
import { tableAtPoint } from "../shared/open-point.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { parseTimestamp, pointOfOptions, requireText, type Timestamp } from "../shared/table-uri.ts";

/** A version of a table that a run read. */
export interface RunInputOptions {
  /** Default: the last part of the table's address. A letter or `_`, then letters, digits, `_`, `-` and `.`. */
  readonly name?: string | undefined;
  /** Folder or URI, which may end in `@v12`, a time, the name of a pin, or `@latest`. */
  readonly table: string;
  readonly version?: number | undefined;
  readonly timestamp?: Timestamp | undefined;
  /** Record the fingerprint of the rows, too, which reads them. */
  readonly content?: boolean | undefined;
}

/** What a run wrote: a file, or a version of a table. */
export type RunOutputOptions =
  | { readonly name?: string | undefined; readonly file: string }
  | {
      readonly name?: string | undefined;
      readonly table: string;
      /** Default: the newest. */
      readonly version?: number | undefined;
    };

/** A run to record. */
export interface RunDescription {
  /** Unique in the runs table; default: a new one. 1 to 100 of the characters `A-Z a-z 0-9 . _ -`. */
  readonly runId?: string | undefined;
  /** What kind of run it is: the same for every run of a job. */
  readonly name?: string | undefined;
  /** Tables that it read, at versions; each is pinned. */
  readonly inputs?: string | RunInputOptions | readonly (string | RunInputOptions)[] | undefined;
  /** The model that it made or used; text is the name of a file. */
  readonly model?: string | Artifact | undefined;
  readonly code?: string | Artifact | undefined;
  readonly params?: unknown;
  /** An object of metrics, as JSON. */
  readonly metrics?: Readonly<Record<string, unknown>> | undefined;
  readonly seed?: number | bigint | string | undefined;
  /** What else to keep of the environment, as JSON. */
  readonly environment?: unknown;
  /** Names of environment variables to record besides varve's short list. Name none that hold secrets. */
  readonly variables?: readonly string[] | undefined;
  /** Files, or tables as objects, that it wrote. */
  readonly outputs?: string | RunOutputOptions | readonly (string | RunOutputOptions)[] | undefined;
  /** Default: `complete`. */
  readonly status?: "complete" | "failed" | "aborted" | undefined;
  readonly exitCode?: number | undefined;
  /** Default: now. */
  readonly startedAt?: Timestamp | undefined;
  readonly endedAt?: Timestamp | undefined;
  /** When the pins of the inputs may go; they stay until they are removed. */
  readonly expires?: Timestamp | undefined;
}

/** Where a run is recorded, and how its tables are opened. */
export interface RecordRunOptions extends ContextOptions {
  /** Folder or URI of the runs table; default: `_runs` below the table of the first input. */
  readonly runs?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const runKeys = {
  runId: true,
  name: true,
  inputs: true,
  model: true,
  code: true,
  params: true,
  metrics: true,
  seed: true,
  environment: true,
  variables: true,
  outputs: true,
  status: true,
  exitCode: true,
  startedAt: true,
  endedAt: true,
  expires: true,
} satisfies Record<keyof RunDescription, true>;
const inputKeys = {
  name: true,
  table: true,
  version: true,
  timestamp: true,
  content: true,
} satisfies Record<keyof RunInputOptions, true>;
const outputKeys = { name: true, file: true, table: true, version: true };
const artifactKeys = { name: true, version: true, file: true, hash: true } satisfies OptionKeys<Artifact>;
const recordKeys = { ...contextKeys, runs: true, signal: true } satisfies OptionKeys<RecordRunOptions>;

/** A run that was checked, and where it is recorded. */
export interface CheckedRun {
  readonly runs: TableContext;
  readonly asked: AskedRun;
  readonly end: RunEnd;
  readonly signal?: AbortSignal | undefined;
}

/** Checks a caller's run, and opens its tables. @throws `INVALID_ARGUMENT`, `SOURCE_UNREADABLE`, as `openTable` */
export async function toCheckedRun(
  verb: string,
  run: RunDescription,
  options: RecordRunOptions,
): Promise<CheckedRun> {
  const { runs: place, signal, ...context } = knownOptions(verb, options, recordKeys);
  const { asked, runs } = await toAskedRun(verb, run, { place, context });
  return { runs, asked, end: await toRunEnd(verb, run, context), signal };
}

interface Place {
  readonly place: string | undefined;
  readonly context: ContextOptions;
}

async function toAskedRun(
  verb: string,
  run: RunDescription,
  { place, context }: Place,
): Promise<{ readonly asked: AskedRun; readonly runs: TableContext }> {
  const known = knownOptions(verb, run, runKeys as OptionKeys<RunDescription>);
  const { requireRunId, runDigest } = await import("../../runs/run-record.ts");
  const {
    runId = timeOrderedUuid(context.world ?? realWorld),
    name,
    inputs = [],
    outputs = [],
    expires,
  } = known;
  requireRunId(runId);
  for (const [option, value] of Object.entries({ name, runs: place }))
    if (value !== undefined) requireText(value, `The option ${option} of ${verb}`, option);
  const listed = (Array.isArray(inputs) ? inputs : [inputs]) as readonly (string | RunInputOptions)[];
  const described = listed.map((input) => describedInput(verb, input));
  requireNames(verb, described);
  const asked: AskedInput[] = [];
  for (const input of described) asked.push(await toInput(verb, input, context));
  const { variables = [], startedAt, seed } = known;
  if (!Array.isArray(variables) || !variables.every((variable) => typeof variable === "string"))
    throw invalid(verb, "The option variables must be an array of names.");
  const json = {
    params: jsonOption(verb, "params", known.params),
    seed: jsonOption(verb, "seed", seed),
    environment: jsonOption(verb, "environment", known.environment),
  };
  const artifacts = {
    model: toArtifact(verb, "model", known.model),
    code: toArtifact(verb, "code", known.code),
  };
  const { runId: _, ...said } = { ...known, ...json, ...artifacts, inputs: described, outputs };
  return {
    asked: {
      runId,
      name,
      inputs: asked,
      ...artifacts,
      ...json,
      variables,
      command: process.argv,
      folder: process.cwd(),
      startedAt: startedAt === undefined ? undefined : parseTimestamp(startedAt),
      expires: expires === undefined ? undefined : parseTimestamp(expires),
      digest: runDigest(said),
    },
    runs: await runsPlace(verb, place, asked, context),
  };
}

/** The runs table that the caller names, or the one below the first input's table. */
async function runsPlace(
  verb: string,
  place: string | undefined,
  [first]: readonly AskedInput[],
  context: ContextOptions,
): Promise<TableContext> {
  if (place !== undefined) return openContext(place, context);
  const { runsBelow } = await import("../../runs/runs-table.ts");
  if (first !== undefined) return runsBelow(first.context);
  throw invalid(
    verb,
    'Without an input, the runs table must be named: pass { runs: "./runs" }, or --runs on the command line.',
  );
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

/** An input with its name. */
type DescribedInput = RunInputOptions & { readonly name: string };

function describedInput(verb: string, input: string | RunInputOptions): DescribedInput {
  const given = typeof input === "string" ? { table: input } : input;
  const known = knownOptions(`${verb}, inputs`, given, inputKeys as OptionKeys<RunInputOptions>);
  requireText(known.table, "The table of an input", "table");
  const { name = nameOf(known.table) } = known;
  if (known.content !== undefined && typeof known.content !== "boolean")
    throw invalid(verb, "The option content of an input must be true or false.");
  if (typeof name !== "string" || !namePattern.test(name))
    throw invalid(
      verb,
      `Invalid name of an input ${JSON.stringify(name) ?? typeof name}: a name begins with a letter or _, and has up to 64 letters A-Z a-z, digits, _ - and dots. Give the input another name.`,
    );
  return { ...known, name };
}

/** A name for a table or file without one: the last part of its address. */
function nameOf(address: string): string {
  const last = address.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return last
    .replace(/@[^@]*$/, "")
    .replace(/[^A-Za-z0-9_.-]/g, "_")
    .replace(/^(?=[^A-Za-z_])/, "_")
    .slice(0, 64);
}

/** Commands get their inputs by names in capitals, so those must differ, too. */
function requireNames(verb: string, named: readonly { readonly name: string }[]): void {
  const seen = new Map<string, string>();
  for (const { name } of named) {
    const variable = variableName(name);
    const other = seen.get(variable);
    if (other !== undefined)
      throw invalid(
        verb,
        `Two inputs or outputs are named ${name}${other === name ? "" : ` and ${other}, which are the same as environment variables (${variable})`}. Give each its own name.`,
      );
    seen.set(variable, name);
  }
}

/** The end of an environment variable's name: capitals, digits and `_`. */
function variableName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

async function toInput(verb: string, input: DescribedInput, options: ContextOptions): Promise<AskedInput> {
  const { name, table, version, timestamp, content = false } = input;
  const given = pointOfOptions(verb, { version, timestamp });
  const { context, point, pin } = await tableAtPoint(table.replace(/@latest$/, ""), options);
  if (given !== undefined && (point !== undefined || pin !== undefined || table.endsWith("@latest")))
    throw invalid(verb, `The input ${table} names a version twice. Leave one out.`);
  if (pin === undefined) return { name, context, point: point ?? given, content };
  const folder = pin.uri.slice(0, pin.uri.lastIndexOf("/_pins/"));
  return { name, context: await openContext(folder, options), pin, content };
}

const ended = ["complete", "failed", "aborted"] as const;

async function toRunEnd(verb: string, run: RunDescription, context: ContextOptions): Promise<RunEnd> {
  const { status = "complete", exitCode, metrics, endedAt, outputs = [], model } = run;
  if (!ended.includes(status))
    throw invalid(verb, `The option status must be one of ${ended.join(", ")}, not ${String(status)}.`);
  if (exitCode !== undefined && !Number.isSafeInteger(exitCode))
    throw invalid(verb, `The option exitCode must be a whole number, not ${String(exitCode)}.`);
  const values = jsonOption(verb, "metrics", metrics);
  if (values !== undefined && !isJsonObject(values))
    throw invalid(verb, "The option metrics must be an object, such as { accuracy: 0.9 }.");
  const listed = (Array.isArray(outputs) ? outputs : [outputs]) as readonly (string | RunOutputOptions)[];
  const made: RunOutput[] = [];
  for (const output of listed) made.push(await toOutput(verb, output, context));
  requireNames(verb, made);
  return {
    status,
    outputs: made,
    metrics: values,
    exitCode,
    model: await modelNow(toArtifact(verb, "model", model)),
    endedAt: endedAt === undefined ? undefined : parseTimestamp(endedAt),
  };
}

async function toOutput(
  verb: string,
  output: string | RunOutputOptions,
  options: ContextOptions,
): Promise<RunOutput> {
  const given = typeof output === "string" ? { file: output } : output;
  const known: Partial<Record<keyof typeof outputKeys, unknown>> = knownOptions(
    `${verb}, outputs`,
    given,
    outputKeys as OptionKeys<RunOutputOptions>,
  );
  const { file, table, version } = known;
  if ((file === undefined) === (table === undefined))
    throw invalid(verb, "An output is either a file or a table.");
  const address = file ?? table;
  requireText(address, `The ${file === undefined ? "table" : "file"} of an output`, "outputs");
  const { name = nameOf(address as string) } = known;
  if (typeof name !== "string" || !namePattern.test(name))
    throw invalid(
      verb,
      `Invalid name of an output ${JSON.stringify(name) ?? typeof name}. Name it as an input is named.`,
    );
  if (file !== undefined) return fileOutput(name, file as string);
  const { context, point } = await tableAtPoint(table as string, options);
  const log = await openLog(
    context,
    pointOfOptions(verb, { version: version as number | undefined }) ?? point ?? {},
  );
  return { name, table: context.store.uri, tableId: log.metadata.id, version: log.version };
}

async function fileOutput(name: string, file: string): Promise<RunOutput> {
  const { outputFile } = await import("../../runs/finish-run.ts");
  return readable(file, () => outputFile(name, file));
}

async function modelNow(model: Artifact | undefined): Promise<RunRecord["model"]> {
  if (model?.file === undefined) return model;
  const { withFileHash } = await import("../../runs/artifact.ts");
  return readable(model.file, () => withFileHash(model, new Map()));
}

/** @throws `SOURCE_UNREADABLE` naming the file */
async function readable<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `Cannot read ${file}, which the run names: ${reason}. Check the name and its permissions. Nothing was recorded.`,
      { file: resolve(file) },
      error,
    );
  }
}

function toArtifact(
  verb: string,
  option: string,
  artifact: string | Artifact | undefined,
): Artifact | undefined {
  if (artifact === undefined) return undefined;
  const given = typeof artifact === "string" ? { file: artifact } : artifact;
  const known = knownOptions(`${verb}, ${option}`, given, artifactKeys);
  for (const [key, value] of Object.entries(known))
    requireText(value, `The ${key} of the option ${option}`, key);
  if (known.file !== undefined && known.hash !== undefined)
    throw invalid(
      verb,
      `The option ${option} has a file and a hash; the hash of a file is computed. Leave one out.`,
    );
  return known;
}

/** Levels of arrays and objects, few enough to be read again together with those around them. */
const mostLevels = 990;

function jsonOption(verb: string, option: string, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  let json: JsonValue;
  try {
    json = toJsonValue(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(verb, `The option ${option} cannot be written as JSON: ${reason}`, error);
  }
  if (nestsWithin(json, mostLevels)) return json;
  throw invalid(verb, `The option ${option} nests more than ${mostLevels} deep.`);
}

function invalid(verb: string, problem: string, cause?: unknown): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${verb}: ${problem}`, { verb }, cause);
}
