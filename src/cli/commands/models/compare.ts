import { type Command, Option } from "commander";
import type { CompareModelsOptions, RecordedComparison, Source } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import { nameList, positiveNumber, type StoreFlags, withStoreFlags } from "../../shared/options.ts";
import { withOutput } from "../../shared/output-format.ts";
import { printJson } from "../../shared/print-json.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../../shared/source-files.ts";
import { inputFiles } from "../../shared/standard-input.ts";
import { writeOutput } from "../../shared/write-output.ts";
import { digits } from "./metric-lines.ts";
import { classColumns, metricNumbers, number } from "./model-options.ts";

type Rules = NonNullable<CompareModelsOptions["rules"]>;

interface CompareFlags extends StoreFlags, SourceFlags {
  readonly problem: CompareModelsOptions["problem"];
  readonly target: string;
  readonly on: readonly string[];
  readonly positive?: string | undefined;
  readonly champion?: string | undefined;
  readonly challenger?: string | undefined;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly prediction?: string | undefined;
  readonly championScore?: string | undefined;
  readonly challengerScore?: string | undefined;
  readonly championPrediction?: string | undefined;
  readonly challengerPrediction?: string | undefined;
  readonly cutoff?: number | undefined;
  readonly metrics?: readonly string[] | undefined;
  readonly by?: readonly string[] | undefined;
  readonly maxDrop?: Rules["maxDrop"];
  readonly minGain?: number | undefined;
  readonly maxSliceDrop?: Rules["maxSliceDrop"];
  readonly minRows?: number | undefined;
  readonly maxCalibrationDrop?: number | undefined;
  readonly championTrainedOn?: string | undefined;
  readonly challengerTrainedOn?: string | undefined;
  readonly championRun?: string | undefined;
  readonly challengerRun?: string | undefined;
  readonly allowOverlap?: boolean | undefined;
  readonly runs?: string | undefined;
  readonly runId?: string | undefined;
  /** Commander makes `--no-record` false. */
  readonly record: boolean;
  readonly format: "text" | "json" | "junit";
  readonly output?: string | undefined;
}

/** `varve model compare DATA`: whether a challenger shall replace the champion. */
export function addCompare(group: Command): void {
  const command = group
    .command("compare")
    .summary("say whether a new model shall replace the one in use")
    .description(
      "Compare two models on the same rows with outcomes: paired tests of the metrics, slices, calibration, and a constant prediction as a floor. The verdict is promote, keep or undecided. Of a version of a table, the comparison is recorded as a run, which pins the version.",
    )
    .argument("<data...>", sourceHelp)
    .addOption(
      new Option("--problem <problem>", "what the models predict")
        .choices(["binary", "multiclass", "regression"])
        .makeOptionMandatory(),
    )
    .requiredOption("--target <column>", "column with the outcome")
    .requiredOption("--on <columns>", "columns of the key of a row, separated by commas", nameList)
    .option("--positive <class>", "the positive class (default: true or 1)");
  withRules(withTraining(withModels(command)));
  const choice = { formats: ["text", "json", "junit"], preset: "text", text: "how to print the result" };
  withStoreFlags(withSourceFlags(withOutput(command, choice))).action(compare);
  command.addHelpText("after", "\nExit code 4 unless the challenger is promoted.");
}

function withModels(command: Command): Command {
  return command
    .option(
      "--champion <source>",
      "files or table with the predictions of the model in use (default: the data)",
    )
    .option("--challenger <source>", "files or table with those of the new model (default: the data)")
    .option("--score <column>", "column of both with the probability of the positive class")
    .option("--scores <class=column,...>", "columns of both with the probability of each class", classColumns)
    .option("--prediction <column>", "column of both with the predicted class or number")
    .option("--champion-score <column>", "the champion's column, if it has another name")
    .option("--challenger-score <column>", "the challenger's column, if it has another name")
    .option("--champion-prediction <column>", "the champion's column, if it has another name")
    .option("--challenger-prediction <column>", "the challenger's column, if it has another name")
    .option(
      "--cutoff <score>",
      "scores from here on count as positive, without predictions (default: 0.5)",
      number,
    );
}

function withTraining(command: Command): Command {
  return command
    .option("--champion-trained-on <source>", "rows that the champion was trained on, with the key")
    .option("--challenger-trained-on <source>", "rows that the challenger was trained on, with the key")
    .option("--champion-run <id>", "run that made the champion: its inputs that have the key are such rows")
    .option("--challenger-run <id>", "run that made the challenger")
    .option("--allow-overlap", "compare also on rows that a model was trained on")
    .option(
      "--runs <runs>",
      "runs table with these runs, in which the comparison is recorded (default: that below the data's table)",
    )
    .option("--run-id <id>", "id of the comparison's run (default: a new one)")
    .option("--no-record", "do not record the comparison");
}

function withRules(command: Command): Command {
  return command
    .option(
      "--metrics <names>",
      "metrics, separated by commas: the first decides, the others must not drop (default: roc_auc, accuracy or mae)",
      nameList,
    )
    .option("--by <columns>", "judge the slices by these columns, too, separated by commas", nameList)
    .option(
      "--max-drop <number>",
      "largest drop that chance may leave open, or by metric: auc=0.01,f1=0.02 (default: 0)",
      metricNumbers,
    )
    .option("--min-gain <number>", "least gain of the first metric (default: 0)", number)
    .option(
      "--max-slice-drop <number>",
      "a slice that drops more for sure stops the challenger (default: 0.02, of losses 2 %)",
      metricNumbers,
    )
    .option("--min-rows <count>", "judge slices of at least as many rows (default: 30)", positiveNumber)
    .option(
      "--max-calibration-drop <number>",
      "how much larger the calibration error may be (default: 0.02)",
      number,
    );
}

async function compare(sources: readonly string[], flags: CompareFlags): Promise<void> {
  const { compareModels } = await import("../../../api/models/compare.ts");
  await using input = await inputFiles(sources, flags);
  const data = await openSource(input.files, flags);
  const sourceOf = async (name: string | undefined): Promise<Source | undefined> =>
    name === undefined ? undefined : openSource([name], flags);
  const { score, scores, prediction, cutoff, runs, record } = flags;
  const of = async (side: "champion" | "challenger") => {
    const run = side === "champion" ? flags.championRun : flags.challengerRun;
    const trained = side === "champion" ? flags.championTrainedOn : flags.challengerTrainedOn;
    return {
      source: await sourceOf(flags[side]),
      score: (side === "champion" ? flags.championScore : flags.challengerScore) ?? score,
      scores,
      prediction: (side === "champion" ? flags.championPrediction : flags.challengerPrediction) ?? prediction,
      cutoff,
      trainedOn: await sourceOf(trained),
      run,
      runs: run === undefined ? undefined : runs,
    };
  };
  const { memoryLimit, s3 } = openOptions(flags);
  const { problem, target, on, positive, metrics, by, allowOverlap, runId } = flags;
  const { maxDrop, minGain, maxSliceDrop, minRows, maxCalibrationDrop } = flags;
  const options: CompareModelsOptions = {
    ...{ problem, target, on, positive, metrics, by, allowOverlap, runId, data, memoryLimit, s3 },
    champion: await of("champion"),
    challenger: await of("challenger"),
    rules: { maxDrop, minGain, maxSliceDrop, minRows, maxCalibrationDrop },
    record: record ? undefined : false,
    runs: record ? runs : undefined,
  };
  const result = await stoppedBySignals(
    (signal) => compareModels({ ...options, signal }),
    "before the comparison was done.",
  );
  // Before the output: a reader that closes the pipe early must not hide the verdict.
  if (result.verdict !== "promote") process.exitCode = exitCodes.drift;
  if (flags.format === "json") return await printJson(result, flags.output);
  await writeOutput(await shown(result, flags), flags.output);
}

async function shown(result: RecordedComparison, { format, output }: CompareFlags): Promise<string> {
  if (format === "junit") {
    const { comparisonJunit } = await import("../../../api/models/comparison-report.ts");
    return comparisonJunit(result);
  }
  const { tableWidth, textTable } = await import("../../shared/text-table.ts");
  const width = tableWidth(output);
  const metrics = result.metrics.map(({ metric, champion, challenger, gain, low, high, test }) => [
    metric,
    digits(champion),
    digits(challenger),
    digits(gain),
    low === null || high === null ? "" : `${digits(low)} to ${digits(high)}`,
    test.name,
    test.p === null ? "" : pText(test.p),
  ]);
  const rules = result.rules.map(({ rule, state, text }) => [rule, state, visible(text)]);
  const heads = ["metric", "champion", "challenger", "gain", "95 %", "test", "p"];
  return [
    `${visible(result.text)}\n`,
    `${textTable(heads, metrics, { width })}\n`,
    `${textTable(["rule", "state", "because"], rules, { width })}\n`,
    result.run === undefined ? "" : `recorded as run ${result.run.runId} in ${visible(result.run.runs)}\n`,
  ].join("");
}

function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : digits(p);
}
