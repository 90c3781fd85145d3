import { createReadStream } from "node:fs";
import { VarveError } from "../../api/errors.ts";
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from "../../api/json.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../api/temporary-folders.ts";
import type { QueryResult } from "../../index.ts";
import { cutNote } from "./cut-note.ts";
import type { RowOutputFlags } from "./options.ts";
import { isArrowFile } from "./output-format.ts";
import { isTerminal, printExact } from "./print.ts";
import { copyToOutput, type Output, openOutput } from "./write-output.ts";

/** Maximum number of rows of a table that is not written to a file. */
const mostTableRows = 10_000;

/** A limit on the rows of a query, and a way to count them without it. */
export interface CutRows {
  readonly limit: number;
  readonly count: () => Promise<number>;
}

/** Text around the rows of a query. */
export interface RowFrame {
  /** Above a table. */
  readonly tableHead?: string | undefined;
  /** Around a JSON array, to make it a part of an object. */
  readonly json?: { readonly head: string; readonly tail: string } | undefined;
}

/**
 * Runs a query and prints its result; below a truncated table, the total number of rows is printed. Formats
 * that the engine writes as a file are written to a temporary folder.
 */
export async function runAndPrint(
  flags: RowOutputFlags,
  run: (exportFolder?: string) => Promise<QueryResult>,
  cut?: CutRows,
  frame: RowFrame = {},
): Promise<void> {
  refuseBytesOnTerminal(flags);
  if (flags.format !== "csv" && flags.format !== "parquet") return printQuery(await run(), flags, frame, cut);
  const folder = makeTemporaryFolder();
  try {
    await printQuery(await run(folder), flags, frame);
  } finally {
    await removeTemporaryFolder(folder);
  }
}

/** Prints a query's result as a table. */
export async function printTable(result: QueryResult): Promise<void> {
  await printQuery(result, { format: "table" }, {});
}

/** Refuses to print bytes on a terminal. @throws `INVALID_ARGUMENT` */
export function refuseBytesOnTerminal({ format, output }: RowOutputFlags): void {
  if ((format !== "parquet" && format !== "arrow") || output !== undefined || !isTerminal()) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The format ${format} is binary and is not written to a terminal. Write it to a file with --output, or into a pipe.`,
    { format },
  );
}

/**
 * Streams a query's result in the selected format: memory does not grow with the result (except for tables,
 * which measure their columns).
 */
async function printQuery(
  result: QueryResult,
  flags: RowOutputFlags,
  { tableHead = "", json = { head: "", tail: "\n" } }: RowFrame,
  cut?: CutRows | undefined,
): Promise<void> {
  if (flags.format === "csv" || flags.format === "parquet") return printFile(result, flags.format, flags);
  await using sink = await openOutput(flags.output);
  if (flags.format === "jsonl") for await (const lines of result.jsonLines()) await sink.write(lines);
  else if (flags.format === "json") {
    await sink.write(json.head);
    await writeJsonArray(result, sink);
    await sink.write(json.tail);
  } else if (flags.format === "arrow") await writeArrow(result, sink, flags.output);
  else {
    await sink.write(tableHead);
    await writeTable(result, sink, flags.output, cut);
  }
  await sink.end();
}

async function printFile(
  result: QueryResult,
  format: "csv" | "parquet",
  { output, safeCsv }: RowOutputFlags,
): Promise<void> {
  const file = await result.writeFile(format, { safeCsv });
  if (output !== undefined) {
    await copyToOutput(file, output);
    return;
  }
  // Bytes are unchanged; text for a terminal is escaped.
  const encoding = isTerminal() ? "utf8" : undefined;
  for await (const chunk of createReadStream(file, { encoding })) await printExact(chunk);
}

/** Prints JSON lines that are text already. */
export async function printLines(lines: AsyncIterable<string>, output: string | undefined): Promise<void> {
  await using sink = await openOutput(output);
  for await (const text of lines) await sink.write(text);
  await sink.end();
}

async function writeJsonArray(result: QueryResult, sink: Output): Promise<void> {
  let separator = "[\n";
  for await (const lines of result.jsonLines()) {
    await sink.write(`${separator}  ${lines.slice(0, -1).replaceAll("\n", ",\n  ")}`);
    separator = ",\n";
  }
  await sink.write(separator === "[\n" ? "[]" : "\n]");
}

/** A file with this extension gets Arrow's file format; everything else, its stream format. */
async function writeArrow(result: QueryResult, sink: Output, output: string | undefined): Promise<void> {
  const { RecordBatchFileWriter, RecordBatchStreamWriter } = await import("apache-arrow");
  const isFile = output !== undefined && isArrowFile(output);
  const writer = await (isFile ? RecordBatchFileWriter : RecordBatchStreamWriter).writeAll(result.batches());
  for await (const chunk of writer) await sink.write(chunk as Uint8Array);
}

async function writeTable(
  result: QueryResult,
  sink: Output,
  output: string | undefined,
  cut: CutRows | undefined,
): Promise<void> {
  const { tableWidth, textTable } = await import("./text-table.ts");
  const heads = result.columns.map((column) => column.name);
  const most = output === undefined ? mostTableRows : Number.POSITIVE_INFINITY;
  const rows: string[][] = [];
  let count = 0;
  for await (const line of singleLines(result)) {
    if (count++ >= most) continue;
    const row = parseJson(line);
    if (!isJsonObject(row)) throw new Error("varve internal error: a row is no JSON object");
    rows.push(heads.map((head) => cell(row[head])));
  }
  const numeric = new Set(
    result.columns.flatMap((column, index) =>
      /INT|DOUBLE|FLOAT|DECIMAL/.test(column.type) && !/[[(].*\b(STRUCT|MAP)|\[\]/.test(column.type)
        ? [index]
        : [],
    ),
  );
  await sink.write(`${textTable(heads, rows, { width: tableWidth(output), rightAligned: numeric })}\n`);
  const all = cut !== undefined && count >= cut.limit ? await cut.count() : count;
  if (all > rows.length) await sink.write(cutNote(rows.length, all));
}

async function* singleLines(result: QueryResult): AsyncGenerator<string> {
  for await (const lines of result.jsonLines()) yield* lines.slice(0, -1).split("\n");
}

function cell(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return "null";
  return typeof value === "object" ? stringifyJson(value) : String(value);
}
