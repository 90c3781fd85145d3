import { type Command, InvalidArgumentError, Option } from "commander";
import { counted } from "../../../api/counted.ts";
import type { MetricRegression, MetricRegressionOptions, RunMetric, Runs } from "../../../index.ts";
import { shellWord } from "../../../report/shell-word.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { openOptions } from "../../shared/open-options.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  wholeNumber,
  withJson,
  withListOutput,
  withStoreFlags,
} from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { printRecords } from "../../shared/records.ts";

interface SelectionFlags extends StoreFlags {
  readonly name?: string | undefined;
  readonly model?: string | undefined;
  readonly since?: string | undefined;
}

interface HistoryFlags extends SelectionFlags, ListOutputFlags {
  readonly limit?: number | undefined;
}

interface RegressionFlags
  extends SelectionFlags,
    Pick<MetricRegressionOptions, "run" | "better" | "maxChange" | "against"> {
  readonly json?: boolean | undefined;
}

const metricText = "name of the metric; of an object in the metrics by its path, e.g. challenger.roc_auc";

/** `varve runs history RUNS METRIC` */
export function addRunHistory(group: Command, runsText: string): void {
  const command = group
    .command("history")
    .description("show a metric of complete runs, newest first")
    .argument("<runs>", runsText)
    .argument("<metric>", metricText);
  withSelection(command).option("--limit <number>", "only so many, the newest", wholeNumber);
  withStoreFlags(withListOutput(command)).action(showHistory);
}

/** `varve runs regression RUNS METRIC` */
export function addRunRegression(group: Command, runsText: string): void {
  const command = group
    .command("regression")
    .summary("say whether a metric got worse than in earlier runs")
    .description(
      "Say whether a metric of the last complete run got worse than in the earlier ones of its name and model, since when, and what the runs were given differently: without --max-change, by the normal range of at least 4 earlier runs.",
    )
    .argument("<runs>", runsText)
    .argument("<metric>", metricText)
    .option("--run <id>", "judge this run (default: the last complete one with the metric)");
  withSelection(command)
    .addOption(
      new Option(
        "--better <direction>",
        "which values are better; needed for metrics that varve does not know",
      ).choices(["higher", "lower"]),
    )
    .option("--max-change <share>", "largest change for the worse that is accepted, e.g. 2% or 0.02", share)
    .addOption(
      new Option("--against <run>", "what --max-change compares with (default: last)").choices([
        "last",
        "best",
      ]),
    );
  withStoreFlags(withJson(command)).action(showRegression);
  command.addHelpText("after", "\nExit code 4 if the metric got worse.");
}

function withSelection(command: Command): Command {
  return command
    .option("--name <name>", "only runs of this name")
    .option("--model <name>", "only runs of the model of this name")
    .option("--since <time>", "only runs that started then or later, e.g. 2026-06-01");
}

/** Parses a share such as `2%` or `0.02`. More than all needs the sign: 2 is more likely 2 % than 200 %. */
function share(text: string): number {
  const [, number = ""] = /^(\d+(?:\.\d+)?|\.\d+)\s*%?$/.exec(text.trim()) ?? [];
  if (number === "") throw new InvalidArgumentError("It must be a share such as 2% or 0.02.");
  if (text.trim().endsWith("%")) return Number(number) / 100;
  if (Number(number) > 1)
    throw new InvalidArgumentError(`It is a share. Write ${number}% or ${Number(number) / 100}.`);
  return Number(number);
}

async function openedRuns(uri: string, flags: StoreFlags): Promise<Runs> {
  const { openRuns } = await import("../../../api/records/runs.ts");
  return openRuns(uri, openOptions(flags));
}

async function showHistory(uri: string, metric: string, flags: HistoryFlags): Promise<void> {
  const { name, model, since, limit } = flags;
  const history = await (await openedRuns(uri, flags)).history(metric, { name, model, since, limit });
  const isTable = flags.format === "table" || flags.format === "csv";
  await printRecords(isTable ? history.map(rowOf) : history.map((entry) => ({ ...entry })), {
    ...flags,
    fields: isTable ? ["run", "started", "name", "model", "value"] : undefined,
    kept: ["run", "value"],
  });
}

function rowOf({ runId, startedAt, name, value, ...run }: RunMetric): Record<string, unknown> {
  return { run: runId, started: startedAt.toISOString(), name: name ?? null, model: modelOf(run), value };
}

function modelOf({ model, modelVersion }: Pick<RunMetric, "model" | "modelVersion">): string | null {
  const parts = [model, modelVersion].filter((part) => part !== undefined);
  return parts.length === 0 ? null : parts.join(" ");
}

async function showRegression(uri: string, metric: string, flags: RegressionFlags): Promise<void> {
  const { name, model, since, run, better, maxChange, against } = flags;
  const runs = await openedRuns(uri, flags);
  const result = await runs.regression(metric, { name, model, since, run, better, maxChange, against });
  // Before the output: a reader that closes the pipe early must not hide the verdict.
  if (result.verdict === "regressed") process.exitCode = exitCodes.drift;
  if (flags.json === true) return printJson(result);
  print(await shown(result));
}

const verdicts = {
  regressed: "REGRESSED: ",
  improved: "improved: ",
  none: "no regression: ",
  insufficient: "TOO FEW RUNS: ",
};

async function shown(result: MetricRegression): Promise<string> {
  const [{ textTable, tableWidth }, { inTerminalWords }] = await Promise.all([
    import("../../shared/text-table.ts"),
    import("../../../api/option-text.ts"),
  ]);
  const { run, last, best, differences, leftOut, verdict, text } = result;
  const rows = (
    [
      ["this", { ...run, change: null, relative: null }],
      ["last", last],
      ["best", best],
    ] as const
  ).flatMap(([which, entry]) =>
    entry === null
      ? []
      : [
          [
            which,
            entry.runId,
            entry.startedAt.toISOString(),
            modelOf(entry),
            entry.value,
            signed(entry.change),
            entry.relative === null ? null : `${signed(entry.relative * 100)} %`,
          ],
        ],
  );
  const heads = ["run", "id", "started", "model", "value", "change", "relative"];
  const compared = (differences?.changes ?? []).flatMap(({ name, sources }) =>
    sources === undefined
      ? []
      : [
          `what changed in ${visible(name)}: varve drift ${sources.map((source) => visible(shellWord(source))).join(" ")}`,
        ],
  );
  return [
    `${verdicts[verdict]}${visible(inTerminalWords(text))}\n`,
    textTable(heads, rows, { width: tableWidth(undefined), kept: new Set([1, 4]) }),
    ...leftOutLines(leftOut),
    ...compared,
    "",
  ].join("\n");
}

function leftOutLines({ missing, notFinite, future }: MetricRegression["leftOut"]): string[] {
  const parts = [
    missing > 0 && `${counted(missing, "run")} without the metric`,
    notFinite > 0 && `${counted(notFinite, "run")} in which it is not a number`,
    future > 0 && `${counted(future, "run")} whose start lies in the future`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? [] : [`left out: ${parts.join(", ")}`];
}

function signed(value: number | null): string | null {
  return value === null ? null : `${value > 0 ? "+" : ""}${Number(value.toPrecision(4))}`;
}
