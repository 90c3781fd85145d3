import { extname } from "node:path";
import { type Command, Option } from "commander";
import { VarveError } from "../../api/errors.ts";
import { pathWithExtension, shownPath } from "../../api/source-paths.ts";
import type { Source } from "../../index.ts";
import { nameList } from "./options.ts";
import { printFailure } from "./print.ts";

/** Formats of source files. */
const sourceFormats = ["csv", "ndjson", "parquet", "arrow"] as const;
export type SourceFormat = (typeof sourceFormats)[number];

const formatOfExtension: ReadonlyMap<string, SourceFormat> = new Map([
  [".csv", "csv"],
  [".tsv", "csv"],
  [".ndjson", "ndjson"],
  [".jsonl", "ndjson"],
  [".json", "ndjson"],
  [".parquet", "parquet"],
  [".arrow", "arrow"],
  [".arrows", "arrow"],
  [".ipc", "arrow"],
  [".feather", "arrow"],
]);

/**
 * The common format of files named on the command line: as given, or by their extensions (ignoring `.gz` and
 * `.zst`).
 *
 * @throws `INVALID_ARGUMENT` for an unknown extension, or for files of several formats
 */
function sourceFormat(files: readonly string[], inputFormat: SourceFormat | undefined): SourceFormat {
  if (inputFormat !== undefined) return inputFormat;
  const formats = new Set(files.map(formatOf));
  const [format] = formats;
  if (format !== undefined && formats.size === 1) return format;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The files have different formats (${[...formats].join(", ")}). Pass files of one format at a time.`,
    {
      files: files.map(shownPath),
    },
  );
}

/** Whether a name's extension is that of a file format. */
export function tellsFormat(name: string): boolean {
  return knownFormat(name) !== undefined;
}

/** Text of commands' help: what files or table may be read. */
export const sourceHelp =
  "files (local, s3:// or https://), - for standard input, or the folder or URI of a table, with @v12 or @2024-06-01T00:00:00Z for a version";

/** Text of commands' help: what their files may be. */
export const filesHelp =
  "files of one format; patterns such as 'in/*.csv', s3:// and https:// work too; - for standard input";

/** Options of every command that reads files. */
export interface SourceFlags {
  readonly inputFormat?: SourceFormat | undefined;
  readonly encoding?: (typeof encodings)[number] | undefined;
  readonly delimiter?: string | undefined;
  readonly nullText?: string | undefined;
  /** False with `--no-header`. */
  readonly header?: boolean | undefined;
  readonly names?: readonly string[] | undefined;
}

const encodings = ["utf-8", "utf-16", "latin-1"] as const;

/** Adds the options of {@link SourceFlags}. */
export function withSourceFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--input-format <format>",
        "format of the files, if their extensions do not show it; required for standard input",
      ).choices(sourceFormats),
    )
    .addOption(
      new Option("--encoding <encoding>", "encoding of CSV files; default: utf-8").choices(encodings),
    )
    .option("--delimiter <character>", "delimiter of CSV files; default: detected")
    .option("--null-text <text>", "text for null in CSV files, in addition to an empty value")
    .option("--no-header", "the first line of CSV files is a row; the columns are column0, column1 and so on")
    .option(
      "--names <names>",
      "names of the columns of CSV files without a header, separated by commas",
      nameList,
    );
}

/**
 * The files as a source. @throws `INVALID_ARGUMENT` as {@link sourceFormat}, and for options of CSV with
 * files of another format
 */
export function fileSource(files: readonly string[], flags: SourceFlags): Source {
  const format = sourceFormat(files, flags.inputFormat);
  if (format === "csv") {
    const tabs = files.every((file) => /\.tsv(\.gz|\.zst)?$/i.test(pathWithExtension(file)));
    const { encoding, delimiter = tabs ? "\t" : undefined, nullText, names } = flags;
    const header = flags.header === false || names !== undefined ? false : undefined;
    return {
      csv: files,
      options: { encoding, delimiter: delimiter === "\\t" ? "\t" : delimiter, nullText, header, names },
    };
  }
  const option =
    flags.header === false
      ? "header"
      : (["encoding", "delimiter", "nullText", "names"] as const).find((name) => flags[name] !== undefined);
  if (option !== undefined) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option for ${option} applies to CSV files only; these files are ${format}. Leave it out.`,
      {
        option,
        format,
      },
    );
  }
  if (format === "ndjson") return { ndjson: files };
  if (format === "parquet") return { parquet: files };
  const [file, more] = files;
  if (file === undefined || more !== undefined) {
    throw new VarveError("INVALID_ARGUMENT", "Arrow files are read one at a time. Pass a single file.", {
      files: files.map(shownPath),
    });
  }
  return { arrow: file };
}

/**
 * Warns of columns that are named like values: the file probably has no header, and its first row was taken for one.
 */
export function warnOfMissingHeader(
  columns: readonly string[],
  { files, inputFormat, header, names }: SourceFlags & { readonly files: readonly string[] },
): void {
  const valueName = columns.find((name) => valueLike.test(name));
  if (valueName === undefined || header === false || names !== undefined) return;
  if (inputFormat !== "csv" && !files.some((file) => knownFormat(file) === "csv")) return;
  printFailure(
    `warning: the first line gave a column the name ${JSON.stringify(valueName)}, which looks like a value. If the file has no header, its first row is missing: use --no-header or --names.`,
  );
}

/** Numbers, dates and times. */
const valueLike = /^[+-]?(\d+([.,]\d+)*|\d{4}-\d{2}-\d{2}([T ].*)?)$/;

function knownFormat(file: string): SourceFormat | undefined {
  const path = pathWithExtension(file).replace(/\.(gz|zst)$/i, "");
  return formatOfExtension.get(extname(path).toLowerCase());
}

function formatOf(file: string): SourceFormat {
  const format = knownFormat(file);
  if (format !== undefined) return format;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot tell the format of ${shownPath(file)} from its extension. Set it with --input-format ${sourceFormats.join("|")}.`,
    { file: shownPath(file) },
  );
}
