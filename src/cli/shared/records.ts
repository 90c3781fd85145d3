import { formulaStart } from "../../api/safe-csv.ts";
import type { Cell } from "./text-table.ts";
import { writeOutput } from "./write-output.ts";

/** Formats of short lists that do not come from the engine. */
export interface RecordOutput {
  readonly format: string;
  readonly output?: string | undefined;
  /** All fields of a record, which CSV has as its columns whatever the records have. */
  readonly fields?: readonly string[] | undefined;
  /** Fields that a table does not shorten. */
  readonly kept?: readonly string[] | undefined;
  /** A line below a table. */
  readonly note?: string | undefined;
  /** See `--safe-csv`. */
  readonly safeCsv?: boolean | undefined;
}

/**
 * Prints a short list of records: as a table (in a file as wide as necessary, else at most as wide as the
 * terminal), as a JSON array, as JSON lines or as CSV. @throws for the binary formats.
 */
export async function printRecords(
  records: readonly Readonly<Record<string, unknown>>[],
  flags: RecordOutput,
): Promise<void> {
  await writeOutput(await recordsText(records, flags), flags.output, flags.format === "csv");
}

/** The records as text in the format of {@link printRecords}. */
export async function recordsText(
  records: readonly Readonly<Record<string, unknown>>[],
  { format, fields, kept = [], note = "", output, safeCsv }: RecordOutput,
): Promise<string> {
  const { stringifyJson, toJsonValue } = await import("../../api/json.ts");
  if (format === "jsonl") return records.map((record) => `${stringifyJson(toJsonValue(record))}\n`).join("");
  if (format === "json") return `${stringifyJson(records.map(toJsonValue), 2)}\n`;
  const heads = fields ?? [...new Set(records.flatMap((record) => Object.keys(record)))];
  const cells = records.map((record) => heads.map((head) => cellOf(record[head])));
  if (format === "csv")
    return [heads, ...cells]
      .map((line) => `${line.map((cell) => csvCell(cell, safeCsv === true)).join(",")}\n`)
      .join("");
  if (format === "table") {
    const { tableWidth, textTable } = await import("./text-table.ts");
    const numeric = new Set(
      heads.flatMap((head, index) => (records.every((record) => isNumber(record[head])) ? [index] : [])),
    );
    return records.length === 0
      ? "nothing to show\n"
      : `${textTable(heads, cells, { width: tableWidth(output), rightAligned: numeric, kept: new Set(kept.map((name) => heads.indexOf(name))) })}\n${note}`;
  }
  const { VarveError } = await import("../../api/errors.ts");
  throw new VarveError(
    "INVALID_ARGUMENT",
    `This command supports the formats table, json, jsonl and csv, not ${format}.`,
    {
      format,
    },
  );
}

function isNumber(value: unknown): boolean {
  return value === "" || typeof value === "number" || typeof value === "bigint";
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return "";
  if (typeof value === "object")
    return JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "bigint" ? inner.toString() : inner,
    );
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? value
    : String(value);
}

/** `safe`: put an apostrophe before text that a spreadsheet would take for a formula. */
function csvCell(value: Cell, safe: boolean): string {
  const plain = value === null || value === undefined ? "" : String(value);
  const text = safe && typeof value === "string" && formulaStart.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
