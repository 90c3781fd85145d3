import { basename } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { shownPath } from "../../api/source-paths.ts";
import type { ColumnProfile, Holdout } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { openOptions } from "../shared/open-options.ts";
import { openSource } from "../shared/open-source.ts";
import {
  type ListOutputFlags,
  nameList,
  type StoreFlags,
  withListOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { withOutput } from "../shared/output-format.ts";
import { printError } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { printRecords } from "../shared/records.ts";
import {
  type SourceFlags,
  sourceHelp,
  warnOfMissingHeader,
  withSourceFlags,
} from "../shared/source-files.ts";
import { inputFiles, inputName, standardInput } from "../shared/standard-input.ts";

/** `varve profile SOURCE`: a profile of each column. */
export function addProfile(program: Command): void {
  const command = program
    .command("profile")
    .summary("profile the columns of files or a table")
    .description(
      "Profile each column: completeness, distinct values, range, mean, quartiles and most frequent values.\nDistinct counts marked with ~ and quartiles are estimates; --format json prints everything.",
    )
    .argument("<source...>", sourceHelp)
    .option("-c, --columns <names>", "columns, separated by commas", nameList)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve profile february.csv\n  $ varve profile ./flights@v3 --columns delay,origin\n  $ varve profile 'in/*.parquet' --format json --output profile.json",
    );
  withStoreFlags(withSourceFlags(withListOutput(command))).action(profile);
}

/** `varve suggest SOURCE`: data tests that the rows suggest. */
export function addSuggest(program: Command): void {
  const command = program
    .command("suggest")
    .summary("suggest data tests for files or a table")
    .description(
      "Print a suite of data tests that these rows pass, each with its reason. Edit it: keep the tests that future rows must pass too.\nWith --holdout, the rates of false failures are printed to standard error.",
    )
    .argument("<source...>", sourceHelp)
    .option("-c, --columns <names>", "columns, separated by commas", nameList)
    .option("--name <name>", "name of the suite; default: the name of the source")
    .option(
      "--extended",
      "also suggest bounds for values, lengths, mean and deviation, drawn around these rows",
    )
    .option(
      "--holdout [share]",
      "test the suite on the last rows, by default a quarter, which it does not see; what fails there is loosened or dropped",
      shareOption,
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve suggest february.csv > suite.json\n  $ varve suggest february.csv --holdout 0.25 > suite.json\n  $ varve suggest ./flights --columns delay,origin --format table\n  $ varve suite set ./flights suite.json",
    );
  const choice = {
    formats: ["json", "table", "csv"],
    preset: "json",
    text: "print the suite as JSON, or its checks as a table",
  };
  withStoreFlags(withSourceFlags(withOutput(command, choice))).action(suggest);
}

interface ProfileFlags extends StoreFlags, SourceFlags {
  readonly columns?: readonly string[] | undefined;
}

async function profile(sources: readonly string[], flags: ProfileFlags & ListOutputFlags): Promise<void> {
  const { profile: profileOf } = await import("../../api/profile.ts");
  await using input = await inputFiles(sources, flags);
  const { rows, columns } = await profileOf(await openSource(input.files, flags), readingOf(flags));
  warnOfMissingHeader(
    columns.map(({ name }) => name),
    { ...flags, files: sources },
  );
  const records =
    flags.format === "table" || flags.format === "csv"
      ? columns.map(summary)
      : columns.map((column) => ({ rows, ...column }));
  await printRecords(records, flags);
}

function readingOf(flags: ProfileFlags) {
  return { columns: flags.columns, s3: openOptions(flags).s3 };
}

/** One line per column. */
function summary(column: ColumnProfile): Record<string, unknown> {
  const {
    name,
    type,
    completeness,
    distinct,
    approximateDistinct,
    min,
    max,
    mean,
    approximateQuartiles,
    minLength,
    maxLength,
  } = column;
  const lengths = typeof minLength === "number" ? `${minLength} to ${maxLength} characters` : "";
  const frequent = (column.histogram ?? [])
    .slice(0, 3)
    .map(({ value, count }) => `${String(value)} (${count})`);
  return {
    column: name,
    type,
    complete: completeness === null ? "" : `${rounded(completeness * 100)} %`,
    distinct: distinct ?? (approximateDistinct === undefined ? "" : `~${approximateDistinct}`),
    min: min ?? "",
    max: max ?? "",
    mean: typeof mean === "number" ? rounded(mean) : "",
    quartiles: (approximateQuartiles ?? []).map((value) => (value === null ? "" : rounded(value))).join(" "),
    values: frequent.length > 0 ? frequent.join(", ") : lengths,
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

interface SuggestFlags extends ProfileFlags {
  readonly name?: string | undefined;
  readonly extended?: boolean | undefined;
  readonly holdout?: boolean | number | undefined;
  readonly format: string;
  readonly output?: string | undefined;
}

function shareOption(text: string): number {
  const share = Number(text);
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError("It must be a number above 0 and below 1, such as 0.25.");
}

/** To standard error, since standard output is the suite. */
function printHoldout({ rows, batches, checks }: Holdout): void {
  const lines = checks.map(
    ({ id, failed, rate, outcome }) =>
      `  ${visible(id)}: failed in ${failed} (${rounded(rate * 100)} %)${outcome === "kept" ? "" : `, ${outcome}`}\n`,
  );
  printError(
    `The tests that the other rows suggest, on ${batches} batches of ${rows.toLocaleString("en-US")} held out rows:\n${lines.join("")}`,
  );
}

function nameOf(source: string): string {
  return source === standardInput ? inputName : basename(shownPath(source)).replace(/[.@].*$/, "");
}

async function suggest(sources: readonly string[], flags: SuggestFlags): Promise<void> {
  const { explainedSuite, suggest: suggestOf } = await import("../../api/profile.ts");
  await using input = await inputFiles(sources, flags);
  const name = flags.name ?? nameOf(sources[0] ?? "source");
  const suggested = await suggestOf(await openSource(input.files, flags), {
    name,
    extended: flags.extended === true,
    holdout: flags.holdout,
    ...readingOf(flags),
  });
  if (suggested.holdout !== undefined) printHoldout(suggested.holdout);
  if (flags.format !== "json") {
    const records = suggested.suite.checks.map(({ id, kind, params, onFail, mostly }) => ({
      id,
      kind,
      params,
      onFail: onFail ?? "reject",
      mostly: mostly ?? "",
      reason: suggested.reasons[id ?? kind] ?? "",
    }));
    return await printRecords(records, flags);
  }
  await printJson(explainedSuite(suggested), flags.output);
}
