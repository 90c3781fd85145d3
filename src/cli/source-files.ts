import { extname } from "node:path";
import type { Source } from "../api/source.ts";
import { VarveError } from "../errors.ts";

/** Formats of files that rows are read from. */
export const sourceFormats = ["csv", "ndjson", "parquet", "arrow"] as const;
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
 * The one format of files named on the command line, by their endings (`.gz` and `.zst` are looked through) unless it is given.
 *
 * @throws `INVALID_ARGUMENT` for an unknown ending, or for files of several formats
 */
export function sourceFormat(files: readonly string[], given: SourceFormat | undefined): SourceFormat {
  if (given !== undefined) return given;
  const formats = new Set(files.map(formatOf));
  const [format] = formats;
  if (format !== undefined && formats.size === 1) return format;
  throw new VarveError("INVALID_ARGUMENT", `The files are of several formats (${[...formats].join(", ")}). Append each format by itself.`, {
    files,
  });
}

/** Whether a name's ending tells a format of files. */
export function tellsFormat(name: string): boolean {
  return knownFormat(name) !== undefined;
}

/** The files as a source. */
export function fileSource(files: readonly string[], given: SourceFormat | undefined): Source {
  const format = sourceFormat(files, given);
  if (format === "csv") {
    const tabs = files.every((file) => /\.tsv(\.gz|\.zst)?$/i.test(file));
    return tabs ? { csv: files, options: { delimiter: "\t" } } : { csv: files };
  }
  if (format === "ndjson") return { ndjson: files };
  if (format === "parquet") return { parquet: files };
  const [file, more] = files;
  if (file === undefined || more !== undefined) {
    throw new VarveError("INVALID_ARGUMENT", "Arrow files are read one at a time. Append each by itself.", { files });
  }
  return { arrow: file };
}

function knownFormat(file: string): SourceFormat | undefined {
  return formatOfExtension.get(extname(file.replace(/\.(gz|zst)$/i, "")).toLowerCase());
}

function formatOf(file: string): SourceFormat {
  const format = knownFormat(file);
  if (format !== undefined) return format;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${file} has no ending that tells its format. Name it with --input-format ${sourceFormats.join("|")}.`,
    { file },
  );
}
