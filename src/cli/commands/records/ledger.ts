import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { counted, shownNumber } from "../../../api/counted.ts";
import { VarveError } from "../../../api/errors.ts";
import { isJsonObject, type JsonValue, parseJson } from "../../../api/json.ts";
import type { Ledger, ModelRun, Prediction, RecordResult, Reproduction } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { linesOf } from "../../shared/input-lines.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import {
  atLeastZero,
  duration,
  nameList,
  type StoreFlags,
  withJson,
  withStoreFlags,
} from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { shortJson } from "../../shared/short-json.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../../shared/source-files.ts";
import { addLedgerDiff } from "./ledger-diff.ts";

interface LedgerFlags extends StoreFlags {
  readonly json?: boolean | undefined;
}

interface RecordFlags extends LedgerFlags, SourceFlags {
  readonly from?: string | undefined;
  readonly input?: string | undefined;
  readonly key?: readonly string[] | undefined;
  readonly where?: string | undefined;
  readonly modelName?: string | undefined;
  readonly modelVersion?: string | undefined;
  readonly modelFile?: string | undefined;
  readonly codeFile?: string | undefined;
}

interface ReproduceFlags extends LedgerFlags {
  readonly with?: string | undefined;
  readonly tolerance?: number | undefined;
  readonly relativeTolerance?: number | undefined;
  readonly timeout?: number | undefined;
  readonly runs?: string | undefined;
}

const ledgerText = "folder or URI of the ledger";

const groupExamples = `
Examples:
  $ varve ledger create ./predictions
  $ echo '{"predictionId":"p1","inputs":{"table":"./flights@v0","key":{"id":5}},"output":0.25}' | varve ledger record ./predictions
  $ varve query "SELECT concat('q', id) AS prediction_id, id, 0.5::DOUBLE AS output FROM f VERSION AS OF 0" --table f=./flights --output scores.parquet
  $ varve ledger record ./predictions scores.parquet --input ./flights@v0 --key id --model-name lateness --model-version 3
  $ varve show ./predictions --columns prediction_id,output,model_version,at --limit 5
  $ varve ledger show ./predictions p1
  $ varve ledger diff ./predictions p1 --with-then 'sed "s/.*/0.25/"' --with 'sed "s/.*/0.25/"'
  $ varve ledger diff ./predictions --where "model_version = '3'" --with 'sed "s/.*/0.6/"' --tolerance 0.2 --json`;

/** `varve ledger create | record | show LEDGER`. */
export function addLedger(program: Command): void {
  const group = program
    .command("ledger")
    .summary("record predictions, with what they were made from")
    .description(
      "A ledger is a table of predictions: which rows of which versions, model and code each was made from (spec/ledger.md). varve show and varve query read it, and varve reproduce makes a prediction again.",
    )
    .addHelpText("afterAll", groupExamples);
  withStoreFlags(
    group.command("create").description("create a ledger").argument("<ledger>", ledgerText),
  ).action(async (uri: string, flags: StoreFlags) => {
    const { createLedger } = await import("../../../api/ledger.ts");
    const ledger = await createLedger(uri, openOptions(flags));
    print(`ledger created at ${ledger.uri}\n`);
  });
  addRecord(group);
  addLedgerDiff(group);
  const show = group
    .command("show")
    .description("print a recorded prediction as JSON")
    .argument("<ledger>", ledgerText)
    .argument("<id>", "id of the prediction");
  withStoreFlags(show).action(async (uri: string, id: string, flags: StoreFlags) => {
    await printJson(await (await openedLedger(uri, flags)).get(id));
  });
}

function addRecord(group: Command): void {
  const record = group
    .command("record")
    .summary("record predictions in one commit, each id once")
    .description(
      "record predictions in one commit, each id once: from files with columns prediction_id, output and, as far as they are known, features, at and those of a key; or, without files, from JSON lines with predictionId, output, inputs, features, model, code and at",
    )
    .argument("<ledger>", ledgerText)
    .argument("[sources...]", sourceHelp)
    .option("--from <file>", "file of JSON lines, - for standard input (default without files)")
    .option(
      "--input <table>",
      "table that all files' predictions were made from, with @v12 or the name of a pin",
    )
    .option(
      "--key <columns>",
      "columns that the files and the table have, or id=order_id where names differ",
      nameList,
    )
    .option("--where <condition>", "instead of a key: the same rows for all predictions")
    .option("--model-name <name>", "model of all files' predictions")
    .option("--model-version <version>", "version of the model")
    .option("--model-file <file>", "file of the model, whose SHA-256 is recorded")
    .option("--code-file <file>", "file of the code, whose SHA-256 is recorded");
  withStoreFlags(withJson(withSourceFlags(record))).action(
    async (uri: string, sources: readonly string[], flags: RecordFlags) => {
      const ledger = await openedLedger(uri, flags);
      const work =
        sources.length === 0 ? recordLines(ledger, flags) : await recordFiles(ledger, sources, flags);
      const result = await stoppedBySignals(work, "before the commit: the ledger is unchanged.");
      if (flags.json === true) return printJson(result);
      const { version, recorded, alreadyRecorded } = result;
      const before = alreadyRecorded === 0 ? "" : `, ${shownNumber(alreadyRecorded)} already recorded`;
      print(`version ${version}: ${counted(recorded, "prediction")} recorded${before}\n`);
    },
  );
}

/** `varve reproduce LEDGER ID` */
export function addReproduce(program: Command): void {
  const command = program
    .command("reproduce")
    .summary("read again what a prediction was made from")
    .description(
      "Read the rows that a prediction was made from, at their versions or from pins, and check their fingerprints; with --with, run the model on them again and compare what it says.",
    )
    .argument("<ledger>", ledgerText)
    .argument("<id>", "id of the prediction")
    .option(
      "--with <command>",
      "model: a line for the shell that reads rows as JSON lines and prints one JSON value a line for each",
    )
    .option("--tolerance <number>", "how far numbers may be apart (default: not at all)", atLeastZero)
    .option("--relative-tolerance <share>", "the same, as a share of the recorded number", atLeastZero)
    .option(
      "--runs <table>",
      "runs table in which the run that made the model is looked for; default: _runs below the first input's table",
    )
    .option("--timeout <time>", "stop the model after this time, e.g. 30s or 5m", duration)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve reproduce ./predictions p1\n  $ varve reproduce ./predictions p1 --with 'sed \"s/.*/0.25/\"'\n  $ varve reproduce ./predictions p1 --with 'echo 0.2501' --tolerance 0.001 --timeout 5m --json\n\nExit code 1 if something is gone or differs, or the model says something else.",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, id: string, flags: ReproduceFlags) => {
    const ledger = await openedLedger(uri, flags);
    const { with: line, timeout: timeoutMilliseconds } = flags;
    const model = line === undefined ? undefined : { command: line, timeoutMilliseconds };
    const tolerance = { absolute: flags.tolerance, relative: flags.relativeTolerance };
    const result = await stoppedBySignals(
      (signal) => ledger.reproduce(id, { model, tolerance, runs: flags.runs, signal }),
      "before the prediction was reproduced.",
    );
    if (result.rerun?.matches === false) process.exitCode = exitCodes.failed;
    if (flags.json === true) await printJson(result);
    else print(shownReproduction(result));
  });
}

async function openedLedger(uri: string, flags: StoreFlags): Promise<Ledger> {
  const { openLedger } = await import("../../../api/ledger.ts");
  return openLedger(uri, openOptions(flags));
}

type Recording = (signal: AbortSignal) => Promise<RecordResult>;

const fileFlags = ["input", "key", "where", "modelName", "modelVersion", "modelFile", "codeFile"] as const;

function recordLines(ledger: Ledger, flags: RecordFlags): Recording {
  const flag = fileFlags.find((name) => flags[name] !== undefined);
  if (flag !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `--${flag.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)} is for predictions from files. Name files such as scores.parquet, or put it in each JSON line.`,
      { option: flag },
    );
  return (signal) => ledger.record(predictionsOf(flags.from ?? "-", signal), { signal });
}

async function recordFiles(
  ledger: Ledger,
  sources: readonly string[],
  flags: RecordFlags,
): Promise<Recording> {
  const { from, input, key, where, modelName, modelVersion, modelFile, codeFile } = flags;
  if (from !== undefined || (input === undefined && (key ?? where) !== undefined))
    throw new VarveError(
      "INVALID_ARGUMENT",
      from === undefined
        ? "--key and --where select rows of a table: name it with --input ./orders@v12."
        : "--from and files exclude each other. Name one source of predictions.",
      { option: from === undefined ? "input" : "from" },
    );
  const pairs = key?.map((column) => {
    const [name = "", source = name] = column.split("=", 2);
    return [name, source] as const;
  });
  const keyed = pairs === undefined ? undefined : Object.fromEntries(pairs);
  const source = await openSource(sources, flags);
  const model = { name: modelName, version: modelVersion, file: modelFile };
  const isKnown = Object.values(model).some((value) => value !== undefined);
  return (signal) =>
    ledger.recordFrom(source, {
      inputs: input === undefined ? [] : { table: input, key: keyed, where },
      model: isKnown ? model : undefined,
      code: codeFile === undefined ? undefined : { file: codeFile },
      signal,
    });
}

/** The predictions of a file, one a line. @throws `SOURCE_UNREADABLE` naming the line */
async function* predictionsOf(file: string, stop: AbortSignal): AsyncGenerator<Prediction> {
  const name = file === "-" ? "standard input" : file;
  const unreadable = (message: string, cause: unknown) =>
    new VarveError("SOURCE_UNREADABLE", message, { file: name }, cause);
  const input: Readable = file === "-" ? process.stdin : createReadStream(file);
  let number = 0;
  const lines = linesOf(input, stop)[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await lines.next();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw unreadable(`Cannot read ${name}: ${reason}. Check the name and its permissions.`, error);
    }
    if (next.done === true) return;
    number++;
    let value: JsonValue;
    try {
      value = parseJson(Buffer.from(next.value).toString("utf8"));
    } catch (error) {
      throw unreadable(`Line ${number} of ${name} is not JSON. Nothing was written.`, error);
    }
    if (!isJsonObject(value))
      throw unreadable(`Line ${number} of ${name} is not a JSON object. Nothing was written.`, undefined);
    yield value as unknown as Prediction;
  }
}

function shownReproduction({ prediction, inputs, model, code, madeBy, rerun }: Reproduction): string {
  const files = Object.entries({ model, code }).filter(([, state]) => state !== "notRecorded");
  const lines = [
    `prediction ${visible(prediction.predictionId)} of ${prediction.at.toISOString()}: ${shortJson(prediction.output)}`,
    ...inputs.flatMap(({ name, table, version, pin, rows, data }) => [
      `  ${visible(
        (name === undefined ? "" : `${name}: `) +
          (table === undefined ? "by value" : `${table}@v${version}`) +
          (pin === undefined ? "" : ` (from pin ${pin})`),
      )}: ${counted(rows, "row")}, the same as recorded`,
      ...data.slice(0, shownRows).map((row) => `    ${shortJson(row)}`),
      ...(data.length > shownRows ? [`    and ${shownNumber(data.length - shownRows)} more`] : []),
    ]),
    ...files.map(([what, state]) => `  file of the ${what}: ${state}`),
    ...(madeBy === undefined ? [] : [`  model made by ${visible(madeByText(madeBy))}`]),
    ...(rerun === undefined
      ? []
      : [
          `${rerun.matches ? "the model says the same" : "the model says something else"}: ${shortJson(rerun.output)}`,
        ]),
    ...(rerun?.differences ?? []).map(
      ({ path, recorded, reproduced }) =>
        `  ${visible(path)}: recorded ${shortJson(recorded)}, now ${shortJson(reproduced)}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** The run that made a model: what it read, with which code, and whether it is the same model. */
function madeByText({ runId, run, problem, isSameModel }: ModelRun): string {
  if (run === undefined) return `run ${runId}, of which there is no record: ${problem ?? ""}`;
  const { name, startedAt, inputs, environment } = run;
  const parts = [
    `run ${runId}${name === undefined ? "" : ` (${name})`} of ${startedAt.toISOString()}`,
    inputs.length === 0 ? "" : `from ${inputs.map((input) => `${input.name}@v${input.version}`).join(", ")}`,
    environment.git === null ? "" : `git ${environment.git.commit.slice(0, 12)}`,
    isSameModel === false ? "whose model is another one" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

const shownRows = 10;
