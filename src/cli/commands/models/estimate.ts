import { type Command, Option } from "commander";
import type { Estimate, EstimateOptions } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import { nameList, type StoreFlags, withStoreFlags } from "../../shared/options.ts";
import { withOutput } from "../../shared/output-format.ts";
import { printJson } from "../../shared/print-json.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../../shared/source-files.ts";
import { inputFiles } from "../../shared/standard-input.ts";
import { writeOutput } from "../../shared/write-output.ts";
import { digits } from "./metric-lines.ts";
import { classColumns, number, valueMatrix, windowOf } from "./model-options.ts";

interface EstimateFlags extends StoreFlags, SourceFlags {
  readonly baseline: string;
  readonly problem: EstimateOptions["problem"];
  readonly target: string;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly features?: readonly string[] | undefined;
  readonly prediction?: string | undefined;
  readonly positive?: string | undefined;
  readonly cutoff?: number | undefined;
  readonly window?: EstimateOptions["window"];
  readonly value?: EstimateOptions["value"];
  readonly key?: readonly string[] | undefined;
  readonly method?: EstimateOptions["method"];
  readonly format: "text" | "json";
  readonly output?: string | undefined;
}

/** `varve model estimate SOURCE --baseline SOURCE`: performance without outcomes. */
export function addEstimate(group: Command): void {
  const command = group
    .command("estimate")
    .summary("estimate performance without outcomes")
    .description(
      "Estimate how well a model does on rows without outcomes: a classifier from scores that are calibrated on a labelled baseline (CBPE), a regression from errors that are learnt on it (DLE). A change of the relation of scores, or features, and outcomes cannot be seen this way.",
    )
    .argument("<source...>", sourceHelp)
    .requiredOption("--baseline <source>", "files or table with predictions and outcomes")
    .addOption(
      new Option("--problem <problem>", "what the model predicts")
        .choices(["binary", "multiclass", "regression"])
        .default("binary"),
    )
    .requiredOption("--target <column>", "column of the baseline with the outcome")
    .option("--score <column>", "column with the probability of the positive class")
    .option("--scores <class=column,...>", "columns with the probability of each class", classColumns)
    .option("--prediction <column>", "column with the predicted class or number")
    .option(
      "--features <columns>",
      "columns that errors of a regression are learnt from, separated by commas (default: all)",
      nameList,
    )
    .option("--positive <class>", "the positive class (default: true or 1)")
    .option(
      "--cutoff <score>",
      "scores from here on count as positive, without --prediction (default: 0.5)",
      number,
    )
    .option(
      "--window <column:every>",
      "windows: COLUMN, COLUMN:P1M (or PT1H, P1D, P1W, P3M, P1Y), or a number of rows",
      windowOf,
    )
    .option(
      "--value <tn,fp,fn,tp>",
      "what a true negative, false positive, false negative and true positive are worth",
      valueMatrix,
    )
    .option("--key <columns>", "columns that tell rows apart, separated by commas (default: all)", nameList)
    .addOption(
      new Option("--method <method>", "whose conventions (default: cbpe, or dle for a regression)").choices([
        "cbpe",
        "dle",
        "nannyml.cbpe",
        "nannyml.dle",
      ]),
    );
  const choice = { formats: ["text", "json"], preset: "text", text: "how to print the result" };
  withStoreFlags(withSourceFlags(withOutput(command, choice))).action(estimateSource);
}

async function estimateSource(sources: readonly string[], flags: EstimateFlags): Promise<void> {
  const { estimate } = await import("../../../api/models/estimate.ts");
  await using input = await inputFiles(sources, flags);
  const source = await openSource(input.files, flags);
  const baseline = await openSource([flags.baseline], flags);
  const { problem, target, score, scores, prediction, positive, cutoff, window, value, key } = flags;
  const { features, method } = flags;
  const columns = { target, score, scores, prediction, features, key };
  const request = { problem, ...columns, positive, cutoff, window, value, method };
  const { memoryLimit, s3 } = openOptions(flags);
  const result = await stoppedBySignals(
    (signal) => estimate(source, { ...request, baseline, memoryLimit, s3, signal }),
    "before the estimate was done.",
  );
  if (flags.format === "json") return await printJson(result, flags.output);
  await writeOutput(await shown(result, flags), flags.output);
}

async function shown(
  { windows, thresholds, unreliable, cannotSee }: Estimate,
  { output }: EstimateFlags,
): Promise<string> {
  const { tableWidth, textTable } = await import("../../shared/text-table.ts");
  const rows = windows.flatMap(({ name, rows: count, metrics }) =>
    Object.entries(metrics).map(([metric, { value, low, high, realised, alert }]) => {
      const bounds = thresholds[metric as keyof typeof thresholds];
      return [
        visible(name),
        count,
        metric,
        digits(value),
        low === null ? "" : `${digits(low)} to ${digits(high)}`,
        digits(realised ?? null),
        bounds === undefined ? "" : rangeText(bounds),
        alert ? "ALERT" : "",
      ];
    }),
  );
  const heads = ["window", "rows", "metric", "estimate", "95 %", "realised", "expected", ""];
  const doubts =
    unreliable.length === 0 ? "" : `Unreliable: ${unreliable.join(", ").replaceAll("_", " ")}.\n`;
  return `${textTable(heads, rows, { width: tableWidth(output) })}\n${doubts}${cannotSee}\n`;
}

/** The values that are expected; a range is open where it ends with the metric's own. */
function rangeText({ low, high }: Estimate["thresholds"][keyof Estimate["thresholds"]] & {}): string {
  if (low === null) return high === null ? "" : `at most ${digits(high)}`;
  return high === null ? `at least ${digits(low)}` : `${digits(low)} to ${digits(high)}`;
}
