import { type Command, InvalidArgumentError, Option } from "commander";
import { counted } from "../../../api/counted.ts";
import type { Verification } from "../../../index.ts";
import { exitCodes } from "../../shared/exit.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable } from "../../shared/opened-table.ts";
import { type StoreFlags, wholeNumber, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";

interface FingerprintFlags extends StoreFlags {
  readonly content?: boolean | undefined;
  readonly record?: boolean | undefined;
  readonly mlflow?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** `varve fingerprint TABLE` */
export function addFingerprint(program: Command): void {
  const command = program
    .command("fingerprint")
    .summary("print the fingerprint of a version's files or rows")
    .description(
      "Print the fingerprint of a version's state (columns, files, deletion vectors), from its log alone; or, with --content, of its rows: the same for all tables with the same columns and rows, in whatever order and files.",
    )
    .argument("<table>", "folder or URI of the table, with a version such as @v12 if not the newest")
    .option("--content", "read the rows and print their fingerprint")
    .option(
      "--record",
      "record both fingerprints in _fingerprints below the table, so that varve verify can compare them and the next --content reads new files only",
    )
    .addOption(
      new Option(
        "--mlflow",
        "print the version as a dataset of MLflow, as JSON: name, digest, source, schema",
      ).conflicts("record"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve fingerprint ./flights\n  $ varve fingerprint ./flights@v0 --content\n  $ varve fingerprint ./flights --content --record\n  $ varve fingerprint ./flights --mlflow > dataset.json",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, flags: FingerprintFlags) => {
    await using table = await openedTable(uri, flags);
    const snapshot = table.snapshot();
    await stoppedBySignals(async (signal) => {
      if (flags.record === true) {
        const recorded = await table.fingerprints.record({ signal });
        return printResult(flags, recorded, flags.content === true ? recorded.content : recorded.state);
      }
      if (flags.mlflow === true)
        return printResult(
          { json: true },
          await snapshot.mlflowDataset({ content: flags.content, signal }),
          "",
        );
      if (flags.content !== true) {
        const fingerprint = await snapshot.fingerprint({ signal });
        return printResult(flags, { version: snapshot.version, fingerprint }, fingerprint);
      }
      const result = await snapshot.contentFingerprint({ signal });
      return printResult(flags, result, result.fingerprint);
    });
  });
}

interface VerifyFlags extends StoreFlags {
  readonly against?: string | undefined;
  readonly limit?: number | undefined;
  readonly json?: boolean | undefined;
}

/** `varve verify TABLE` */
export function addVerify(program: Command): void {
  const command = program
    .command("verify")
    .summary("read a version's files again and compare its rows")
    .description(
      "Read all data files of a version again, and compare their rows with what varve fingerprint --record recorded, or with a fingerprint or another table. Say which files are missing, damaged or changed and, against a table, which rows differ.",
    )
    .argument("<table>", "folder or URI of the table, with a version such as @v12 if not the newest")
    .option(
      "--against <fingerprint|table>",
      "a fingerprint as varve fingerprint prints it, or a table that should have the same rows",
      notEmpty,
    )
    .option("-n, --limit <rows>", "maximum number of differing rows to list (default: 20)", wholeNumber)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve verify ./flights\n  $ varve verify ./flights@v0 --against $(cat january.txt)\n  $ varve verify ./flights --against ./flights-copy --json\n\nExit code 1 if anything differs, or nothing was recorded to compare with.",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, flags: VerifyFlags) => {
    const { against, limit } = flags;
    await using table = await openedTable(uri, flags);
    const isTable = against !== undefined && !/^varve-[a-z]+-\d+:/.test(against);
    await using other = isTable ? await openedTable(against, flags) : undefined;
    const result = await stoppedBySignals((signal) =>
      table.snapshot().verify({ against: other?.snapshot() ?? against, limit, signal }),
    );
    if (result.outcome !== "same") process.exitCode = exitCodes.failed;
    await printResult(flags, result, await shownVerification(result));
  });
}

function notEmpty(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

async function printResult(
  { json }: { readonly json?: boolean | undefined },
  result: object,
  text: string,
): Promise<void> {
  if (json === true) return printJson(result);
  print(`${text}\n`);
}

const outcomes: Readonly<Record<Verification["outcome"], string>> = {
  same: "the rows are the same",
  different: "DIFFERENT",
  unrecorded: "nothing was recorded of this version, so there was nothing to compare with",
};

async function shownVerification(result: Verification): Promise<string> {
  const { stringifyJson, toJsonValue } = await import("../../../api/json.ts");
  const { version, outcome, filesRead, filesRecorded, faults, rows, fingerprint, expected, differing } =
    result;
  const read = `${counted(filesRead, "file")} read, ${filesRecorded} of them recorded`;
  return [
    `version ${version}: ${outcomes[outcome]} (${rows === undefined ? "" : `${counted(rows, "row")}; `}${read})`,
    ...(fingerprint === undefined ? [] : [`  ${fingerprint}`]),
    ...(expected === undefined || expected === fingerprint ? [] : [`  expected ${expected}`]),
    ...faults.map(({ path, fault, message }) => `  ${fault}: ${path}: ${message}`),
    ...(differing === undefined
      ? []
      : [`  ${counted(differing.onlyHere, "row")} only here, ${differing.onlyThere} only there`]),
    ...(differing?.examples ?? []).map(
      ({ side, row }) => `  ${side === "here" ? "+" : "-"} ${stringifyJson(toJsonValue(row))}`,
    ),
  ].join("\n");
}
