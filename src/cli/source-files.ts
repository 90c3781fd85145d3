import { extname } from "node:path";
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

function formatOf(file: string): SourceFormat {
  const plain = file.replace(/\.(gz|zst)$/i, "");
  const format = formatOfExtension.get(extname(plain).toLowerCase());
  if (format !== undefined) return format;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${file} has no ending that tells its format. Name it with --input-format ${sourceFormats.join("|")}.`,
    { file },
  );
}
