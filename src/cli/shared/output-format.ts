import { extname } from "node:path";
import { type Command, Option } from "commander";
import { VarveError } from "../../api/errors.ts";

/** Output formats of a command, and its default format. */
export interface OutputChoice {
  readonly formats: readonly string[];
  readonly preset: string;
  /** Help text of `--format`. */
  readonly text: string;
}

/** Formats by file extension; of several, the first that a command supports is used. */
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

/** Adds `--format`, and `--json` for the same as `--format json` where that is one of the formats. */
export function withFormat(command: Command, { formats, preset, text }: OutputChoice): Command {
  command.addOption(new Option("-f, --format <format>", text).choices(formats).default(preset));
  if (!formats.includes("json")) return command;
  return command.option("--json", "the same as --format json").hook("preAction", (_, action) => {
    const format = String(action.getOptionValue("format"));
    if (action.getOptionValue("json") !== true) {
      if (format === "json") action.setOptionValueWithSource("json", true, "implied");
      return;
    }
    if (format !== "json" && action.getOptionValueSource("format") === "cli")
      action.error(`error: --json and --format ${format} name two formats. Leave one out.`);
    action.setOptionValueWithSource("format", "json", "cli");
  });
}

/**
 * Adds `--output` to {@link withFormat}, the only way for a command to write to a file: the file's extension determines
 * the format unless `--format` or `--json` does.
 */
export function withOutput(command: Command, { formats, preset, text }: OutputChoice): Command {
  const endings = [...formatsOfEnding.keys()].filter(
    (ending) => formatOfEnding(ending, formats) !== undefined,
  );
  return withFormat(command, { formats, preset, text })
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

/** Whether an Arrow file of this name has the random-access file format, not the stream format. */
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
