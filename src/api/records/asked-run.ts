import { resolve } from "node:path";
import type { TableContext } from "../../log/contract.ts";
import { pinOfFolder } from "../../pins/reading/pin-name.ts";
import type { RunEnd } from "../../runs/finish-run.ts";
import type { CommandOptions } from "../../runs/run-command.ts";
import type { AskedOutput } from "../../runs/run-outputs.ts";
import type { AskedInput, AskedRun } from "../../runs/start-run.ts";
import { realWorld, timeOrderedUuid } from "../../util/world.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import { tableAtPoint } from "../shared/open-point.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { parseTimestamp, pointOfOptions, requireText, splitTableUri } from "../shared/table-uri.ts";
import { toAskedOutputs, toRunEnd } from "./asked-outputs.ts";
import { artifactKeys, toArtifact } from "./asked-values.ts";
import type {
  CommandDescription,
  OpenLineageOptions,
  RecordRunOptions,
  RunCommandOptions,
  RunDescription,
  RunInputOptions,
} from "./run-options.ts";
import { invalid, jsonOption, nameOfPart, requireNames } from "./run-parts.ts";

const basicKeys = {
  runId: true,
  name: true,
  inputs: true,
  model: true,
  code: true,
  params: true,
  seed: true,
  environment: true,
  variables: true,
  outputs: true,
  expires: true,
} as const;
const runKeys = {
  ...basicKeys,
  metrics: true,
  status: true,
  exitCode: true,
  startedAt: true,
  endedAt: true,
} satisfies Record<keyof RunDescription, true>;
const commandKeys = { ...basicKeys, command: true, folder: true } satisfies Record<
  keyof CommandDescription,
  true
>;
const inputKeys = { name: true, table: true, version: true, timestamp: true, content: true } satisfies Record<
  keyof RunInputOptions,
  true
>;
const recordKeys = { ...contextKeys, runs: true, signal: true } satisfies OptionKeys<RecordRunOptions>;
const watchKeys = {
  ...recordKeys,
  onStarted: true,
  onProcess: true,
  onEnded: true,
  openLineage: { to: true, namespace: true, apiKey: true, onWarning: true },
} satisfies OptionKeys<RunCommandOptions>;

/** A run that was checked, and where it is recorded. */
interface Checked {
  readonly runs: TableContext;
  readonly asked: AskedRun;
}

const [firstTime, lastTime] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59.999Z")];

/** Checks a caller's run, and opens its tables. @throws `INVALID_ARGUMENT`, `SOURCE_UNREADABLE`, as `openTable` */
export async function toCheckedRun(
  verb: string,
  run: RunDescription,
  options: RecordRunOptions,
): Promise<Checked & { readonly end: RunEnd; readonly signal?: AbortSignal | undefined }> {
  const { runs: place, signal, ...context } = knownOptions(verb, options, recordKeys);
  const known = knownOptions(verb, run, runKeys as OptionKeys<RunDescription>);
  const checked = await toAskedRun({ verb, place, context }, known);
  const end = await toRunEnd(verb, known, context);
  const { startedAt = end.endedAt } = checked.asked;
  if (startedAt !== undefined && end.endedAt !== undefined && end.endedAt < startedAt)
    throw invalid(verb, "The option endedAt is before startedAt. Exchange them, or leave one out.");
  for (const [option, time] of Object.entries({ startedAt, endedAt: end.endedAt }))
    if (time !== undefined && !(time >= firstTime && time <= lastTime))
      throw invalid(verb, `The option ${option} is not in the years 1 to 9999, which tables can hold.`);
  return { ...checked, asked: { ...checked.asked, startedAt }, end, signal };
}

/** Checks a caller's command. @throws `INVALID_ARGUMENT`, as `openTable` */
export async function toCheckedCommand(
  verb: string,
  description: CommandDescription,
  options: RunCommandOptions,
): Promise<
  Checked & {
    readonly outputs: readonly AskedOutput[];
    readonly watch: CommandOptions;
    readonly openLineage?: OpenLineageOptions | undefined;
  }
> {
  const {
    runs: place,
    signal,
    onStarted,
    onProcess,
    onEnded,
    openLineage,
    ...context
  } = knownOptions(verb, options, watchKeys);
  const known = knownOptions(verb, description, commandKeys as OptionKeys<CommandDescription>);
  const { command, folder = "." } = known;
  const isCommand =
    Array.isArray(command) && command.length > 0 && command.every((part) => typeof part === "string");
  if (!isCommand || command[0] === "")
    throw invalid(verb, 'The option command must be an array of texts, such as ["python", "train.py"].');
  requireText(folder, `The option folder of ${verb}`, "folder");
  const outputs = await toAskedOutputs(verb, known.outputs, context);
  const checked = await toAskedRun({ verb, place, context }, { ...known, folder: resolve(folder) });
  return { ...checked, outputs, watch: { signal, onStarted, onProcess, onEnded }, openLineage };
}

interface Place {
  readonly verb: string;
  readonly place: string | undefined;
  readonly context: ContextOptions;
}

/** A run, or a command to run. */
type Described = Partial<CommandDescription> & Pick<RunDescription, "startedAt">;

async function toAskedRun({ verb, place, context }: Place, known: Described): Promise<Checked> {
  const { requireRunId, runDigest } = await import("../../runs/run-record.ts");
  const { runId = timeOrderedUuid(context.world ?? realWorld), name, inputs = [] } = known;
  const { variables = [], startedAt, expires } = known;
  // A program that records its run again after a crash may be another process: its own command is not what it says.
  const { command = process.argv, folder = process.cwd() } = known;
  requireRunId(runId);
  for (const [option, value] of Object.entries({ name, runs: place }))
    if (value !== undefined) requireText(value, `The option ${option} of ${verb}`, option);
  if (!Array.isArray(variables) || !variables.every((variable) => typeof variable === "string"))
    throw invalid(verb, "The option variables must be an array of names.");
  const listed = (Array.isArray(inputs) ? inputs : [inputs]) as readonly (string | RunInputOptions)[];
  const described = listed.map((input) => describedInput(verb, input));
  await requireNames(verb, "inputs", described);
  const said = {
    name,
    model: toArtifact(verb, "model", { artifact: known.model, keys: artifactKeys }),
    code: toArtifact(verb, "code", { artifact: known.code, keys: artifactKeys }),
    params: jsonOption(verb, "params", known.params),
    seed: jsonOption(verb, "seed", known.seed),
    environment: jsonOption(verb, "environment", known.environment),
    variables,
  };
  const asked: AskedInput[] = [];
  for (const input of described) asked.push(await toInput(verb, input, context));
  const { runId: _, ...rest } = known;
  return {
    asked: {
      ...said,
      runId,
      inputs: asked,
      command,
      folder,
      startedAt: startedAt === undefined ? undefined : parseTimestamp(startedAt),
      expires: expires === undefined ? undefined : parseTimestamp(expires),
      digest: runDigest({ ...rest, ...said, inputs: described }),
    },
    runs: await runsPlace({ verb, place, context }, asked),
  };
}

/** The runs table that the caller names, or the one below the first input's table. */
async function runsPlace(
  { verb, place, context }: Place,
  [first]: readonly AskedInput[],
): Promise<TableContext> {
  if (place !== undefined) {
    const { uri, point } = splitTableUri(place);
    if (point === undefined) return openContext(uri, context);
    throw invalid(verb, `A runs table is used at its newest version: ${place}. Leave the suffix out.`);
  }
  const { runsBelow } = await import("../../runs/runs-table.ts");
  if (first !== undefined) return runsBelow(first.context);
  throw invalid(
    verb,
    'Without an input, the runs table must be named: pass { runs: "./runs" }, or --runs on the command line.',
  );
}

function describedInput(
  verb: string,
  input: string | RunInputOptions,
): RunInputOptions & { readonly name: string } {
  const given = typeof input === "string" ? { table: input } : input;
  const known = knownOptions(`${verb}, inputs`, given, inputKeys as OptionKeys<RunInputOptions>);
  requireText(known.table, "The table of an input", "table");
  if (known.content !== undefined && typeof known.content !== "boolean")
    throw invalid(verb, "The option content of an input must be true or false.");
  return { ...known, name: nameOfPart(verb, known.name, known.table) };
}

async function toInput(
  verb: string,
  input: RunInputOptions & { readonly name: string },
  options: ContextOptions,
): Promise<AskedInput> {
  const { name, table, version, timestamp, content = false } = input;
  const given = pointOfOptions(verb, { version, timestamp });
  const { context, point, pin } = await tableAtPoint(table.replace(/@latest$/, ""), options);
  if (given !== undefined && (point !== undefined || pin !== undefined || table.endsWith("@latest")))
    throw invalid(verb, `The input ${table} names a version twice. Leave one out.`);
  if (pin === undefined) return { name, context, point: point ?? given, content };
  const folder = pinOfFolder(pin.uri)?.table ?? pin.uri;
  return { name, context: await openContext(folder, options), pin, content };
}
