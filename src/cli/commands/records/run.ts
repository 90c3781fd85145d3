import { type Command, InvalidArgumentError, Option } from "commander";
import { type JsonValue, parseJson, stringifyJson, toJsonValue } from "../../../api/json.ts";
import type {
  CommandResult,
  OpenLineageOptions,
  RunInputOptions,
  RunOutputOptions,
  RunRecord,
} from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { forgetSignal, forwardSignals, stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { repeated, type StoreFlags, withStoreFlags } from "../../shared/options.ts";
import { printFailure } from "../../shared/print.ts";
import { shortRun } from "./runs.ts";

interface RunFlags extends StoreFlags {
  readonly input?: readonly string[] | undefined;
  readonly content?: boolean | undefined;
  readonly model?: string | undefined;
  readonly modelName?: string | undefined;
  readonly modelVersion?: string | undefined;
  readonly code?: string | undefined;
  readonly output?: readonly string[] | undefined;
  readonly outputTable?: readonly string[] | undefined;
  readonly runs?: string | undefined;
  readonly runId?: string | undefined;
  readonly name?: string | undefined;
  readonly param?: readonly (readonly [string, JsonValue])[] | undefined;
  readonly seed?: string | undefined;
  readonly env?: readonly string[] | undefined;
  readonly expires?: string | undefined;
  readonly openlineage?: string | undefined;
  readonly openlineageNamespace?: string | undefined;
}

/** `varve run --input NAME=TABLE … -- COMMAND …` */
export function addRun(program: Command): void {
  const command = program
    .command("run")
    .summary("run a command, and record what it read and made")
    .description(
      "Pin the versions of tables that a command reads, run it, and record the run (spec/runs.md): versions, git commit, lock files, exit code, duration, metrics, and hashes of its outputs.",
    )
    .argument("<command...>", "program and arguments, after --")
    .option("--input <name=table>", "table to pin, with @v12, @NAME or @latest; repeatable", repeated)
    .option("--content", "record the fingerprints of the inputs' rows, too, which reads them")
    .option("--output <name=file>", "file that the command writes; repeatable", repeated)
    .option("--output-table <name=table>", "table that the command writes; repeatable", repeated)
    .option("--model <file>", "file of the model that the command makes or uses")
    .option("--model-name <name>", "name of the model")
    .option("--model-version <version>", "version of the model")
    .option("--code <file>", "file of the code, whose hash is recorded besides the git commit")
    .option("--runs <table>", "runs table; default: _runs below the first input's table")
    .option("--run-id <id>", "id of the run; default: a new one")
    .option("--name <name>", "what kind of run it is, the same for every run of a job")
    .option("--param <name=value>", "parameter to record, as JSON or text; repeatable", parameter)
    .option("--seed <seed>", "seed of its random numbers, to record")
    .option(
      "--env <variable>",
      "environment variable to record; name none with secrets; repeatable",
      repeated,
    )
    .option("--expires <time>", "when the pins may go; they stay until pin remove --expired")
    .option(
      "--openlineage <file|url>",
      "send events of the run to OpenLineage: to a file of JSON lines, or a server by https://, on this machine also http://",
    )
    .addOption(
      new Option("--openlineage-namespace <name>", "namespace of the job in events (default: varve)").env(
        "OPENLINEAGE_NAMESPACE",
      ),
    )
    .addHelpText("after", helpText)
    .passThroughOptions();
  withStoreFlags(command).action(run);
}

const helpText = `
The command finds in its environment:
  VARVE_INPUT_NAME   folder or URI of the pinned input NAME, a Delta table of its own
  VARVE_OUTPUT_NAME  file or table of the output NAME
  VARVE_MODEL        file of the model
  VARVE_METRICS      file to which it may write a JSON object of metrics
  VARVE_RUN_ID, VARVE_RUNS
Names are in capitals, and _ stands for characters other than letters and digits.

Examples:
  $ varve run --input flights=./flights@latest --runs ./runs -- sh -c 'ls $VARVE_INPUT_FLIGHTS'
  $ varve run --input ./flights --model model.json --name lateness --param rate=0.1 -- sh -c 'echo 0.25 > $VARVE_MODEL && echo "{\\"error\\": 0.1}" > $VARVE_METRICS'
  $ varve run --input ./flights --openlineage events.jsonl -- true
  $ varve runs list ./flights

Exit code: that of the command; 128 and the signal's number if one ended it, 127 if there is no such program,
1 if it ended with 0 but did not write an output or the model.`;

async function run(words: readonly string[], flags: RunFlags): Promise<void> {
  const { runCommand } = await import("../../../api/records/runs.ts");
  const { input = [], output = [], outputTable = [], model, modelName, modelVersion } = flags;
  let ended: RunRecord | undefined;
  try {
    const result = await stoppedBySignals(
      (signal) =>
        runCommand(
          {
            command: words,
            runId: flags.runId,
            name: flags.name,
            inputs: input.map((text) => inputOf(text, flags.content)),
            outputs: [
              ...output.map((text): RunOutputOptions => named("file", text)),
              ...outputTable.map((text): RunOutputOptions => named("table", text)),
            ],
            model:
              model === undefined && modelName === undefined && modelVersion === undefined
                ? undefined
                : { name: modelName, version: modelVersion, file: model },
            code: flags.code,
            params: flags.param === undefined ? undefined : Object.fromEntries(flags.param),
            seed: seedOf(flags.seed),
            variables: flags.env,
            expires: flags.expires,
          },
          {
            ...openOptions(flags),
            runs: flags.runs,
            openLineage: eventsOf(flags),
            signal,
            onProcess: forwardSignals,
            onEnded: (record) => {
              ended = record;
            },
          },
        ),
      "before the command had ended; varve runs list says whether the run is recorded.",
    );
    finish(result, flags.quiet === true);
  } catch (error) {
    if (ended !== undefined)
      printFailure(`varve: the end of the run could not be recorded: ${stringifyJson(toJsonValue(ended))}`);
    throw error;
  } finally {
    forwardSignals(undefined);
  }
}

/** Where events go; the key of the server is read as OpenLineage's own clients do. */
function eventsOf({ openlineage, openlineageNamespace }: RunFlags): OpenLineageOptions | undefined {
  if (openlineage === undefined) return undefined;
  return {
    to: openlineage,
    namespace: openlineageNamespace,
    apiKey: process.env["OPENLINEAGE_API_KEY"],
    onWarning: (message) => printFailure(`varve: ${visible(message)}`),
  };
}

function finish({ run: record, runs, exitCode }: CommandResult, isQuiet: boolean): void {
  for (const problem of record.problems) printFailure(`varve: ${visible(problem)}`);
  if (!isQuiet) printFailure(`varve: ${shortRun(record)}, recorded in ${visible(runs)}`);
  // A command that a signal ended ends this process by the same signal, so that a shell's loop ends too.
  if (record.signal === undefined) forgetSignal();
  process.exitCode = exitCode;
}

const namePattern = /^([A-Za-z_][A-Za-z0-9_.-]*)=(.+)$/s;

function inputOf(text: string, content: boolean | undefined): RunInputOptions {
  return { ...named("table", text), content };
}

/** A name before `=`, and an address; without a name, the address alone. */
function named<K extends "file" | "table">(
  kind: K,
  text: string,
): { readonly name?: string | undefined } & Readonly<Record<K, string>> {
  const [, name, address] = namePattern.exec(text) ?? [];
  const place = { [kind]: address ?? text } as Readonly<Record<K, string>>;
  return name === undefined ? place : { name, ...place };
}

function parameter(
  text: string,
  before: readonly (readonly [string, JsonValue])[] = [],
): readonly (readonly [string, JsonValue])[] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value, such as rate=0.1.");
  return [...before, [text.slice(0, at), jsonOrText(text.slice(at + 1))]];
}

function jsonOrText(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function seedOf(text: string | undefined): number | bigint | string | undefined {
  if (text === undefined || !/^-?\d{1,30}$/.test(text)) return text;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
