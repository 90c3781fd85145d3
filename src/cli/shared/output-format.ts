import { extname } from "node:path";
import { type Command, Option } from "commander";
import { VarveError } from "../../api/errors.ts";

/** How a command prints: its formats, and which it takes where nothing names one. */
export interface OutputChoice {
  readonly formats: readonly string[];
  readonly preset: string;
  /** What `--format` says of itself in the help. */
  readonly text: string;
}

/** The formats that the endings of files stand for; of those of one ending the first that a command has. */
const formatsOfEnding: ReadonlyMap<string, readonly string[]> = new Map([
  [".arrow", ["arrow"]],
  [".arrows", ["arrow"]],
  [".csv", ["csv"]],
  [".feather", ["arrow"]],
  [".htm", ["html"]],
  [".html", ["html"]],
  [".json", ["json"]],
  [".jsonl", ["jsonl"]],
  [".ndjson", ["jsonl"]],
  [".parquet", ["parquet"]],
  [".txt", ["text", "table"]],
  [".xml", ["junit"]],
]);

/**
 * Adds `--format` and `--output`, the only door by which a command writes to a file: the file's ending names
 * the format unless `--format` does.
 */
export function withOutput(command: Command, { formats, preset, text }: OutputChoice): Command {
  const endings = [...formatsOfEnding.keys()].filter(
    (ending) => formatOfEnding(ending, formats) !== undefined,
  );
  return command
    .addOption(new Option("-f, --format <format>", text).choices(formats).default(preset))
    .addOption(
      new Option(
        "-o, --output <file>",
        `write to a file instead of standard output; without --format, its ending names the format: ${endings.join(", ")}`,
      ),
    )
    .hook("preAction", (_, action) => {
      const output: unknown = action.getOptionValue("output");
      if (typeof output !== "string" || action.getOptionValueSource("format") !== "default") return;
      action.setOptionValueWithSource("format", formatOfFile(output, formats, endings), "implied");
    });
}

/** Whether an Arrow file of this name is one that can be read from any place, and not a stream. */
export function isArrowFile(output: string): boolean {
  return [".arrow", ".feather"].includes(extname(output).toLowerCase());
}

function formatOfFile(output: string, formats: readonly string[], endings: readonly string[]): string {
  const ending = extname(output).toLowerCase();
  const format = formatOfEnding(ending, formats);
  if (format !== undefined) return format;
  const named = ending === "" ? "it has no ending" : `this command has no format for ${ending}`;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot tell the format of ${output}: ${named}. Name it with --format (${formats.join(", ")}), or use a file that ends in ${endings.join(", ")}.`,
    { file: output },
  );
}

function formatOfEnding(ending: string, formats: readonly string[]): string | undefined {
  return formatsOfEnding.get(ending)?.find((format) => formats.includes(format));
}
