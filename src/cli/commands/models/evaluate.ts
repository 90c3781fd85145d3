import { type Command, Option } from "commander";
import type { EvaluateOptions, Evaluation } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import { nameList, positiveNumber, type StoreFlags, withStoreFlags } from "../../shared/options.ts";
import { withOutput } from "../../shared/output-format.ts";
import { printJson } from "../../shared/print-json.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../../shared/source-files.ts";
import { inputFiles } from "../../shared/standard-input.ts";
import { writeOutput } from "../../shared/write-output.ts";
import { metricLines } from "./metric-lines.ts";
import { classColumns, number, valueMatrix, windowOf } from "./model-options.ts";

interface EvaluateFlags extends StoreFlags, SourceFlags {
  readonly problem: EvaluateOptions["problem"];
  readonly target: string;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly prediction?: string | undefined;
  readonly positive?: string | undefined;
  readonly cutoff?: number | undefined;
  readonly by?: readonly string[] | undefined;
  readonly minRows?: number | undefined;
  readonly window?: EvaluateOptions["window"];
  readonly value?: EvaluateOptions["value"];
  readonly curve?: number | undefined;
  readonly at?: readonly number[] | undefined;
  readonly user?: string | undefined;
  readonly outcomes?: string | undefined;
  readonly on?: readonly string[] | undefined;
  readonly outcomeTime?: string | undefined;
  readonly predictedAt?: string | undefined;
  readonly minLabelled?: number | undefined;
  readonly ledger?: boolean | undefined;
  readonly modelName?: string | undefined;
  readonly modelVersion?: string | undefined;
  readonly format: "text" | "json";
  readonly output?: string | undefined;
}

/** `varve model evaluate SOURCE`: metrics of predictions that have outcomes. */
export function addEvaluate(group: Command): void {
  const command = group
    .command("evaluate")
    .summary("compare predictions with outcomes")
    .description(
      "Compare predictions with outcomes: metrics with 95 % intervals, calibration, slices and windows, and what a constant prediction would have reached. Rows without an outcome are left out and counted.",
    )
    .argument("<source...>", sourceHelp)
    .addOption(
      new Option("--problem <problem>", "what the model predicts")
        .choices(["binary", "multiclass", "regression", "ranking"])
        .makeOptionMandatory(),
    )
    .requiredOption("--target <column>", "column with the outcome")
    .option("--score <column>", "column with the probability of the positive class, or with what ranks items")
    .option("--scores <class=column,...>", "columns with the probability of each class", classColumns)
    .option("--prediction <column>", "column with the predicted class or number")
    .option("--positive <class>", "the positive class (default: true or 1)")
    .option(
      "--cutoff <score>",
      "scores from here on count as positive, without --prediction (default: 0.5)",
      number,
    )
    .option("--by <columns>", "also evaluate each value of these columns, separated by commas", nameList)
    .option(
      "--min-rows <count>",
      "compare slices of at least as many labelled rows (default: 30)",
      positiveNumber,
    )
    .option(
      "--window <column:every>",
      "also evaluate windows: COLUMN, COLUMN:P1M (or PT1H, P1D, P1W, P3M, P1Y), or a number of rows",
      windowOf,
    )
    .option(
      "--value <tn,fp,fn,tp>",
      "what a true negative, false positive, false negative and true positive are worth",
      valueMatrix,
    )
    .option("--curve <points>", "points of the ROC curve in the JSON", positiveNumber)
    .option("--at <ranks>", "ranks of a ranking, or of top-k accuracy, separated by commas", ranks)
    .option("--user <column>", "column with the user or query that items are ranked for")
    .option("--outcomes <source>", "files or table with the outcomes, if the predictions do not have them")
    .option("--on <columns>", "columns that predictions and outcomes share, separated by commas", nameList)
    .option("--outcome-time <column>", "column of the outcomes with the time at which each was known")
    .option("--predicted-at <column>", "column of the predictions with the time at which each was made")
    .option("--min-labelled <share>", "with fewer outcomes, the verdict is immature (default: 0.5)", number)
    .option(
      "--ledger",
      "the source is a prediction ledger: columns are members of outputs, keys of inputs, or features",
    )
    .option("--model-name <name>", "only predictions of this model; implies --ledger")
    .option("--model-version <version>", "only predictions of this version of the model; implies --ledger");
  const choice = { formats: ["text", "json"], preset: "text", text: "how to print the result" };
  withStoreFlags(withSourceFlags(withOutput(command, choice))).action(evaluateSource);
}

async function evaluateSource(sources: readonly string[], flags: EvaluateFlags): Promise<void> {
  const { evaluate } = await import("../../../api/models/evaluate.ts");
  await using input = await inputFiles(sources, flags);
  const source = await openSource(input.files, flags);
  const { outcomeTime: time, predictedAt, minLabelled, on = [] } = flags;
  const outcomes =
    flags.outcomes === undefined
      ? undefined
      : { source: await openSource([flags.outcomes], flags), on, time, predictedAt, minLabelled };
  const { problem, target, prediction, score, scores, positive, cutoff, by, minRows, window, value, user } =
    flags;
  const request = {
    problem,
    target,
    prediction,
    score,
    scores,
    positive,
    cutoff,
    by,
    minRows,
    window,
    value,
    user,
  };
  const { modelName, modelVersion } = flags;
  const isLedger = flags.ledger === true || modelName !== undefined || modelVersion !== undefined;
  const { memoryLimit, s3 } = openOptions(flags);
  const result = await stoppedBySignals(
    (signal) =>
      evaluate(source, {
        ...request,
        k: flags.at,
        curvePoints: flags.curve,
        outcomes,
        ledger: isLedger ? { modelName, modelVersion } : undefined,
        memoryLimit,
        s3,
        signal,
      }),
    "before the evaluation was done.",
  );
  if (flags.format === "json") return await printJson(result, flags.output);
  await writeOutput(await shown(result, flags), flags.output);
}

async function shown(evaluation: Evaluation, { output }: EvaluateFlags): Promise<string> {
  const { text, metrics, dummy, slices, windows, fairness, outcomes } = evaluation;
  const sections = [
    `${visible(text)}\n`,
    await metricLines(metrics, dummy, output),
    ...(outcomes === undefined ? [] : [outcomeLine(outcomes)]),
    ...[...slices, ...windows].map((part) => `${visible(partName(part))}: ${visible(part.text)}\n`),
    ...fairness
      .filter(({ low, high }) => low > 0 || high < 0)
      .map(
        (gap) =>
          `${visible(`${gap.column} ${gap.slice}`)}: ${gap.metric} ${signed(gap.difference)} [${signed(gap.low)}, ${signed(gap.high)}] against ${visible(gap.reference)}\n`,
      ),
  ];
  return sections.join("");
}

function partName({ column, name, kind }: Evaluation["slices"][number]): string {
  return column === "" ? `${kind} ${Number(name) + 1}` : `${column} ${name}`;
}

function outcomeLine({
  labelledShare,
  verdict,
  reached,
  repeated,
  unmatched,
}: NonNullable<Evaluation["outcomes"]>): string {
  const share =
    labelledShare === null ? "no predictions" : `${(labelledShare * 100).toFixed(1)} % have an outcome`;
  const expected =
    reached === null ? "" : `, ${(reached * 100).toFixed(0)} % of those to come are expected to be there`;
  return `outcomes: ${verdict}; ${share}${expected}; ${repeated} repeated, ${unmatched} without a prediction\n`;
}

function signed(value: number): string {
  const text = String(Number(value.toPrecision(3)));
  return value > 0 ? `+${text}` : text;
}

function ranks(text: string): readonly number[] {
  return nameList(text).map(positiveNumber);
}
