import { type Command, InvalidArgumentError, Option } from "commander";
import { withFormat, withOutput } from "./output-format.ts";

/** Options of every command that opens a table. */
export interface StoreFlags {
  readonly s3Endpoint?: string | undefined;
  readonly s3Region?: string | undefined;
  readonly s3PathStyle?: boolean | undefined;
  readonly memoryLimit?: number | undefined;
  readonly allowedPrefix?: readonly string[] | undefined;
  readonly quiet?: boolean | undefined;
}

/** Adds the options of every command that opens a table. */
export function withStoreFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--s3-endpoint <url>", "S3 endpoint, for servers other than AWS").env("AWS_ENDPOINT_URL_S3"),
    )
    .addOption(new Option("--s3-region <region>", "S3 region").env("AWS_REGION"))
    .addOption(new Option("--s3-path-style", "put the bucket in the path instead of the host name"))
    .addOption(
      new Option(
        "--memory-limit <size>",
        "memory that DuckDB may use before it spills to disk, e.g. 512MB or 2GB",
      ).argParser(byteSize),
    )
    .addOption(
      new Option(
        "--allowed-prefix <uri>",
        "folder or URI outside of the table below which its log may name files, e.g. of another program's clone; repeatable",
      ).argParser(repeated),
    )
    .addOption(new Option("-q, --quiet", "no progress"));
}

/** The values of an option that may be given several times. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** Adds `--format` with text or JSON, and `--json`, to a command that prints what it did. */
export function withJson(command: Command, text = "how to print the result"): Command {
  return withFormat(command, { formats: ["text", "json"], preset: "text", text });
}

/** Formats that rows can be printed in. */
const rowFormats = ["table", "json", "jsonl", "csv", "parquet", "arrow"] as const;
export type RowFormat = (typeof rowFormats)[number];

/** Options of every command that prints rows. */
export interface RowOutputFlags {
  readonly format: RowFormat;
  readonly output?: string | undefined;
  readonly safeCsv?: boolean | undefined;
}

/** Adds `--format`, `--json` and `--output`. */
export function withRowOutput(command: Command, preset: RowFormat = "table"): Command {
  return withOutput(command, { formats: rowFormats, preset, text: "how to print rows" }).addOption(
    safeCsvOption(),
  );
}

function safeCsvOption(): Option {
  const text =
    "in CSV, prefix text that starts with = + - @, a tab or a carriage return with an apostrophe, so that spreadsheets do not run it";
  return new Option("--safe-csv", `${text}; numbers stay`);
}

/** Formats that short lists can be printed in. */
const listFormats = ["table", "json", "jsonl", "csv"] as const;

/** Options of every command that prints a short list. */
export interface ListOutputFlags {
  readonly format: (typeof listFormats)[number];
  readonly output?: string | undefined;
  readonly safeCsv?: boolean | undefined;
}

/** Adds `--format`, `--json` and `--output` for short lists. */
export function withListOutput(command: Command): Command {
  return withOutput(command, { formats: listFormats, preset: "table", text: "how to print" }).addOption(
    safeCsvOption(),
  );
}

/** Parses a whole number of 0 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("It must be a non-negative integer.");
  return value;
}

/** Parses a whole number of 1 or more. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("It must be at least 1.");
  return value;
}

/** Parses bytes such as `512MB`, `2GiB` or `1000000`. */
export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(k|m|g|t)?(i?b)?$/i.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("It must be a size such as 512MB or 2GiB.");
  const base = match[3]?.toLowerCase() === "ib" ? 1024 : 1000;
  const power = ["", "k", "m", "g", "t"].indexOf((match[2] ?? "").toLowerCase());
  return Math.round(Number(match[1]) * base ** power);
}

/** Parses an age such as `90d`, `12h` or `30m` to milliseconds. */
export function age(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(m|h|d|w)$/i.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("It must be an age such as 90d, 12h or 30m.");
  const minutes = { m: 1, h: 60, d: 1440, w: 10_080 }[match[2]?.toLowerCase() ?? ""] ?? 1;
  return Math.round(Number(match[1]) * minutes * 60_000);
}

/** Parses a time such as `500ms`, `10s`, `5m` or `1h` to milliseconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/i.exec(text.trim());
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2]?.toLowerCase() ?? ""];
  const milliseconds = Math.round(Number(match?.[1]) * (unit ?? 0));
  if (!(milliseconds > 0)) throw new InvalidArgumentError("It must be a time such as 500ms, 10s, 5m or 1h.");
  return milliseconds;
}

/** Collects `key=value` options into a record. */
export function keyValue(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const index = text.indexOf("=");
  if (index <= 0) throw new InvalidArgumentError("It must have the form name=value.");
  return { ...before, [text.slice(0, index)]: text.slice(index + 1) };
}

/** Splits a list of names at commas. */
export function nameList(text: string): readonly string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** A number of at least 0, of an option. */
export function atLeastZero(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0))
    throw new InvalidArgumentError("It must be a number of at least 0.");
  return value;
}
