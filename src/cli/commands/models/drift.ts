import { type Command, InvalidArgumentError, Option } from "commander";
import { VarveError } from "../../../api/errors.ts";
import type { DriftBaseline, DriftOptions, DriftReport, DriftSource } from "../../../index.ts";
import { exitCodes } from "../../shared/exit.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import { nameList, type StoreFlags, withStoreFlags } from "../../shared/options.ts";
import { withOutput } from "../../shared/output-format.ts";
import { printJson } from "../../shared/print-json.ts";
import { type SourceFlags, withSourceFlags } from "../../shared/source-files.ts";
import { writeOutput } from "../../shared/write-output.ts";
import { readBaseline } from "./baseline-file.ts";

interface DriftFlags extends StoreFlags, SourceFlags {
  readonly columns?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly by?: readonly string[] | undefined;
  readonly slice?: readonly (readonly [string, string])[] | undefined;
  readonly window?: DriftOptions["window"];
  readonly where?: string | undefined;
  readonly threshold?: Thresholds | undefined;
  readonly alpha?: number | undefined;
  readonly correction?: DriftOptions["correction"];
  readonly minRows?: number | undefined;
  readonly multivariate?: DriftOptions["multivariate"];
  readonly sql?: "spark" | "duckdb" | undefined;
  readonly bins?: boolean | undefined;
  readonly method?: Methods | undefined;
  readonly format: "text" | "json" | "junit" | "html";
  readonly output?: string | undefined;
}

/** `varve drift A B`: which columns of B moved against A. */
export function addDrift(program: Command): void {
  const command = program
    .command("drift")
    .summary("compare two versions or files: which columns moved")
    .description(
      "Compare two versions of a table, pins or files column by column: which columns moved, by how much and how. A column drifts if its effect (Jensen-Shannon distance above its noise floor) reaches the threshold and chance does not explain it (adjusted p-value below alpha).",
    )
    .argument("<baseline>", `${sideHelp}; or bins that --bins has written, as a local .json file`)
    .argument("[current]", "what is compared with it: a table or files; none with --bins")
    .option("-c, --columns <names>", "columns, separated by commas; default: all", nameList)
    .option("--exclude <names>", "columns that are not compared, separated by commas", nameList)
    .option("--by <names>", "compare the slices by these columns, too, separated by commas", nameList)
    .option(
      "--slice <name=condition>",
      "compare the rows that meet an SQL condition, too; may be repeated",
      slice,
    )
    .option(
      "--window <column:length>",
      "compare each time window of the current side, such as placed:P1M (PT1H, P1D, P1W, P1M or P1Y)",
      windowOf,
    )
    .option("--where <condition>", "SQL condition: only such rows of both sides");
  withRule(command)
    .addOption(
      new Option(
        "--sql <engine>",
        "compare nothing, but print the SQL that counts a relation of another engine, named as the second argument, in the baseline's bins",
      ).choices(["spark", "duckdb"]),
    )
    .option(
      "--bins",
      "compare nothing, but print the bins and counts of the baseline as JSON; a file of it stands for the baseline later, without its rows",
    )
    .option("--min-rows <rows>", "fewer rows on a side are not compared (default: 30)", Number)
    .option(
      "--multivariate <figures>",
      "figures of all columns at once, separated by commas: magnitude (how well a classifier tells the sides apart), reconstruction, correlations, mmd",
      (text: string) => nameList(text) as DriftOptions["multivariate"],
    )
    .option(
      "--method <name>",
      "the answer of another test beside the verdict, such as ks or evidently.psi (spec/drift.md); for one column, column=name; may be repeated",
      method,
    )
    .addHelpText("after", examples);
  const choice = {
    formats: ["text", "json", "junit", "html"],
    preset: "text",
    text: "how to print the comparison",
  };
  withStoreFlags(withSourceFlags(withOutput(command, choice))).action(drift);
}

/** The options that say what drift is. */
function withRule(command: Command): Command {
  return command
    .option(
      "--threshold <effect>",
      "smallest effect that is drift (default: 0.1); for one column, name=effect; may be repeated",
      threshold,
    )
    .option("--alpha <share>", "adjusted p-values below it are no noise (default: 0.01)", shareOption)
    .addOption(
      new Option("--correction <method>", "how p-values are adjusted (default: bh)").choices([
        "bh",
        "by",
        "holm",
        "bonferroni",
        "none",
      ]),
    );
}

const examples =
  "\nExamples:\n  $ varve drift ./flights@v1 ./flights --exclude id\n  $ varve drift january.parquet february.csv --columns delay,origin\n  $ varve drift ./flights@v1 ./flights@v3 --exclude id --by origin --threshold 0.2\n  $ varve drift ./flights@v1 ./flights@v3 --exclude id --multivariate magnitude,correlations\n  $ varve drift january.parquet february.csv --columns delay,origin --method delay=ks --method origin=evidently.psi\n  $ varve drift ./flights@v1 february.csv --columns delay --format junit --output drift.xml\n  $ varve drift january.parquet february.csv --columns delay,origin --output drift.html\n  $ varve drift january.parquet --columns delay,origin --bins --output january.json\n  $ varve drift january.json february.csv --columns delay,origin\n  $ varve drift ./flights@v1 lake.flights --columns delay,origin --sql spark\n\nExit code 4 if a column drifts or is broken: it is gone or new, its type changed, or ten points more of its rows are null or have new values.";

const sideHelp =
  "folder or URI of a table, with @v12, @2024-06-01T00:00:00Z or the name of a pin for a version; or a file (local, s3:// or https://) or pattern such as 'in/*.parquet'";

type Thresholds = Readonly<Record<string, number>>;

/** The name of the threshold of all columns. */
const allColumns = "";

function threshold(text: string, before: Thresholds = {}): Thresholds {
  const separator = text.lastIndexOf("=");
  const name = separator === -1 ? allColumns : text.slice(0, separator);
  const effect = Number(text.slice(separator + 1));
  if (text.slice(separator + 1).trim() === "" || !Number.isFinite(effect))
    throw new InvalidArgumentError("It must be a number, or a column, = and a number, such as amount=0.2.");
  return { ...before, [name]: effect };
}

type Methods = Readonly<Record<string, string>>;

function method(text: string, before: Methods = {}): Methods {
  const separator = text.lastIndexOf("=");
  const name = separator === -1 ? allColumns : text.slice(0, separator);
  return { ...before, [name]: text.slice(separator + 1) };
}

function shareOption(text: string): number {
  const share = Number(text);
  if (text.trim() !== "" && Number.isFinite(share)) return share;
  throw new InvalidArgumentError("It must be a number.");
}

function slice(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const separator = text.indexOf("=");
  if (separator < 1)
    throw new InvalidArgumentError("It must be a name, = and a condition, such as big=amount > 100.");
  return [...before, [text.slice(0, separator), text.slice(separator + 1)]];
}

function windowOf(text: string): NonNullable<DriftOptions["window"]> {
  const [, column, every] = /^(.+):([^:]+)$/s.exec(text) ?? [];
  if (column === undefined || every === undefined)
    throw new InvalidArgumentError("It must be a column, a colon and a length, such as placed:P1M.");
  return { column, every };
}

async function drift(baseline: string, current: string | undefined, flags: DriftFlags): Promise<void> {
  const side = async (name: string): Promise<DriftSource> => openSource([name], flags);
  const bins = async (name: string) => (flags.inputFormat === undefined ? readBaseline(name) : undefined);
  const stored = await bins(baseline);
  const { columns, exclude, where } = flags;
  const counted = async () => {
    if (stored !== undefined) return asCounted(stored, flags);
    const { driftBaseline } = await import("../../../api/drift/stored-baseline.ts");
    return driftBaseline(await side(baseline), { ...openOptions(flags), columns, exclude, where });
  };
  refuseIdle(flags);
  if (flags.bins === true) return printBins(await counted(), current, flags);
  if (current === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Name two sides: the baseline, and what is compared with it. To count the baseline alone, add --bins.",
      { option: "current" },
    );
  if (flags.sql !== undefined) {
    const { driftCountsSql } = await import("../../../api/drift/stored-baseline.ts");
    const text = await driftCountsSql(await counted(), current, { dialect: flags.sql });
    await writeOutput(`${text}\n`, flags.output);
    return;
  }
  if ((await bins(current)) !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${current} has the bins and counts of a baseline, and no rows to compare. Name it first, or compare the rows that it was counted from.`,
      { option: "current", value: current },
    );
  const { drift: compare, driftFromBaseline } = await import("../../../api/drift/drift.ts");
  const options = optionsOf(flags);
  const report =
    stored === undefined
      ? await compare(await side(baseline), await side(current), options)
      : await driftFromBaseline({ baseline: stored, name: baseline }, await side(current), options);
  // Before the output: a reader that closes the pipe early must not hide the verdict.
  if (report.verdict === "drift" || report.verdict === "broken") process.exitCode = exitCodes.drift;
  if (flags.format === "json") return printJson(report, flags.output);
  await writeOutput(await reportText(report, flags.format), flags.output);
}

/** A stored baseline as it is. @throws `INVALID_ARGUMENT` for options that choose among rows, which it has no longer */
function asCounted(stored: DriftBaseline, flags: DriftFlags): DriftBaseline {
  const given = (["columns", "exclude", "where"] as const).find((option) => flags[option] !== undefined);
  if (given === undefined) return stored;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The baseline is stored, and its rows and columns were chosen when it was counted. Leave out --${given}, or name the rows.`,
    { option: given },
  );
}

const ofComparisons = {
  by: "--by",
  slice: "--slice",
  window: "--window",
  threshold: "--threshold",
  alpha: "--alpha",
  correction: "--correction",
  minRows: "--min-rows",
  multivariate: "--multivariate",
  method: "--method",
} as const;

/** @throws `INVALID_ARGUMENT` for options of a comparison where nothing is compared */
function refuseIdle(flags: DriftFlags): void {
  const door = flags.bins === true ? "--bins" : flags.sql === undefined ? undefined : "--sql";
  const given = Object.entries(ofComparisons).find(
    ([name]) => flags[name as keyof typeof ofComparisons] !== undefined,
  );
  if (door === undefined || given === undefined) return;
  const [option, flag] = given;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `With ${door}, nothing is compared, and ${flag} says how. Leave it out, and give it when you compare.`,
    { option },
  );
}

async function printBins(
  baseline: DriftBaseline,
  current: string | undefined,
  { sql, output }: DriftFlags,
): Promise<void> {
  const extra = current === undefined ? (sql === undefined ? undefined : "--sql") : "the second side";
  if (extra !== undefined)
    throw new VarveError("INVALID_ARGUMENT", `With --bins, nothing is compared. Leave out ${extra}.`, {
      option: "bins",
    });
  const { stringifyJson, toJsonValue } = await import("../../../api/json.ts");
  await writeOutput(`${stringifyJson(toJsonValue(baseline))}\n`, output);
}

function optionsOf(flags: DriftFlags): DriftOptions {
  const { [allColumns]: general, ...single } = flags.threshold ?? {};
  const { [allColumns]: method, ...methods } = flags.method ?? {};
  return {
    ...openOptions(flags),
    columns: flags.columns,
    exclude: flags.exclude,
    by: flags.by,
    slices: flags.slice?.map(([name, where]) => ({ name, where })),
    window: flags.window,
    where: flags.where,
    threshold: general,
    thresholds: single,
    alpha: flags.alpha,
    correction: flags.correction,
    minRows: flags.minRows,
    multivariate: flags.multivariate,
    method: method as DriftOptions["method"],
    methods: flags.method === undefined ? undefined : (methods as DriftOptions["methods"]),
  };
}

async function reportText(report: DriftReport, format: "text" | "junit" | "html"): Promise<string> {
  if (format === "html") return (await import("../../../api/drift/drift-html.ts")).driftHtml(report);
  const { driftJunit, driftText } = await import("../../../api/drift/drift-report.ts");
  return format === "junit" ? driftJunit(report) : driftText(report);
}
