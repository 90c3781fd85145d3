import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import { VarveError } from "../../../api/errors.ts";
import { inTerminalWords } from "../../../api/option-text.ts";
import type { LedgerDiff, ModelCommand, PredictionDiff } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import {
  atLeastZero,
  duration,
  positiveNumber,
  type StoreFlags,
  withJson,
  withStoreFlags,
} from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { shortJson } from "../../shared/short-json.ts";

interface DiffFlags extends StoreFlags {
  readonly json?: boolean | undefined;
  readonly where?: string | undefined;
  readonly limit?: number | undefined;
  readonly with?: string | undefined;
  readonly withThen?: string | undefined;
  readonly withTodaysModel?: string | undefined;
  readonly withTodaysCode?: string | undefined;
  readonly tolerance?: number | undefined;
  readonly relativeTolerance?: number | undefined;
  readonly timeout?: number | undefined;
}

/** `varve ledger diff LEDGER [ID…]` */
export function addLedgerDiff(group: Command): void {
  const command = group
    .command("diff")
    .summary("say what today's data, model or code would have said instead")
    .description(
      "what today's data, model or code would have said instead of recorded predictions, and which of them made the difference; the commands read rows as JSON lines and print one JSON value a line for each",
    )
    .argument("<ledger>", "folder or URI of the ledger")
    .argument("[ids...]", "ids of predictions")
    .option("--where <condition>", "instead of ids: SQL over the ledger's columns, e.g. model_version = '3'")
    .option("--limit <count>", "most predictions that a condition may select (default: 100)", positiveNumber)
    .option("--with <command>", "today's model in today's code")
    .option("--with-then <command>", "model and code as recorded: tells the part of the data")
    .option("--with-todays-model <command>", "today's model in the recorded code: tells model and code apart")
    .option("--with-todays-code <command>", "the recorded model in today's code: tells model and code apart")
    .option("--tolerance <number>", "how far numbers may be apart (default: not at all)", atLeastZero)
    .option("--relative-tolerance <share>", "the same, as a share of the recorded number", atLeastZero)
    .option("--timeout <time>", "stop a command after this time, e.g. 30s or 5m", duration)
    .addHelpText(
      "after",
      "\nExit code 1 if today says something else of a prediction, or what it says is not known.",
    );
  withStoreFlags(withJson(command)).action(runDiff);
}

async function runDiff(uri: string, ids: readonly string[], flags: DiffFlags): Promise<void> {
  const { where, limit, timeout: timeoutMilliseconds } = flags;
  if ((where === undefined) === (ids.length === 0))
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Name predictions by their ids, or select them with --where: one of the two.",
      { option: "where" },
    );
  const { openLedger } = await import("../../../api/ledger.ts");
  const ledger = await openLedger(uri, openOptions(flags));
  const program = (line: string | undefined): ModelCommand | undefined =>
    line === undefined ? undefined : { command: line, timeoutMilliseconds };
  const result = await stoppedBySignals(
    (signal) =>
      ledger.diff(where === undefined ? ids : { where }, {
        today: program(flags.with),
        recorded: program(flags.withThen),
        todaysModel: program(flags.withTodaysModel),
        todaysCode: program(flags.withTodaysCode),
        tolerance: { absolute: flags.tolerance, relative: flags.relativeTolerance },
        limit,
        signal,
      }),
    "before the predictions were compared.",
  );
  const { different, notEvaluated } = result.summary;
  if (different + notEvaluated > 0) process.exitCode = exitCodes.failed;
  if (flags.json === true) return printJson(result);
  print(shownDiff(result));
}

function shownDiff({ predictions, summary }: LedgerDiff): string {
  const { same, different, notEvaluated, dueTo } = summary;
  const causes = Object.entries(dueTo).map(([factor, count]) => `${count} mostly by the ${factor}`);
  const outcomes = [
    `${same} the same`,
    `${different} different${causes.length === 0 ? "" : ` (${causes.join(", ")})`}`,
    ...(notEvaluated === 0 ? [] : [`${notEvaluated} not known`]),
  ];
  const lines = predictions.flatMap(shownPrediction);
  return `${[...lines, `${counted(predictions.length, "prediction")}: ${outcomes.join(", ")}`].join("\n")}\n`;
}

const outcomeTexts = { same: "the same today", different: "different today", notEvaluated: "not known" };

function shownPrediction(diff: PredictionDiff): string[] {
  const { prediction, outcome, data, model, code, reproduces, evaluated, differences } = diff;
  const files = Object.entries({ model, code }).filter(([, state]) => state !== "notRecorded");
  return [
    `prediction ${visible(prediction.predictionId)}: ${outcomeTexts[outcome]}`,
    `  ${[`data: ${data}`, ...files.map(([what, state]) => `file of the ${what}: ${state}`)].join(", ")}`,
    ...(reproduces === false
      ? ["  the recorded model and code say something else of the recorded rows than was recorded"]
      : []),
    ...evaluated.map(({ today, output, reason }) => {
      const what = today.length === 0 ? "as recorded" : `today's ${today.join(" and ")}`;
      return `  ${what}: ${output === undefined ? visible(inTerminalWords(reason ?? "")) : shortJson(output)}`;
    }),
    ...differences.map(({ path, recorded, reproduced, due }) => {
      const parts = Object.entries(due ?? {}).map(([factor, part]) => `${factor} ${rounded(part)}`);
      const cause = due === undefined ? "not known what of" : `due to ${parts.join(", ")}`;
      return `  ${visible(path)}: then ${shortJson(recorded)}, today ${shortJson(reproduced)}; ${cause}`;
    }),
  ];
}

function rounded(part: number): string {
  return String(Number(part.toPrecision(6)));
}
