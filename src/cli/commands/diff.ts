import type { Command } from "commander";
import { VarveError } from "../../api/errors.ts";
import type { Table, VersionDiff } from "../../index.ts";
import { openedTable } from "../shared/opened-table.ts";
import {
  nameList,
  type RowOutputFlags,
  type StoreFlags,
  wholeNumber,
  withRowOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { type RowFrame, refuseBytesOnTerminal, runAndPrint } from "../shared/query-output.ts";
import { printRecords, recordsText } from "../shared/records.ts";
import { writeOutput } from "../shared/write-output.ts";

/** `varve diff TABLE A B`: schema, properties, files and rows between two versions. */
export function addDiff(program: Command): void {
  const command = program
    .command("diff")
    .summary("compare two versions of a table")
    .description(
      "Compare two versions of a table: columns, properties, files and, with --rows, the rows that were removed and added.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<from>", "a version such as 3 or v3, or a time such as 2024-06-01T00:00:00Z")
    .argument("[to]", "the same; default: the newest version")
    .option("--rows", "compare the rows too, and print those that differ")
    .option(
      "--key <columns>",
      "with --rows: columns that tell which rows are the same one, separated by commas; changed rows are printed before and after",
      nameList,
    )
    .option("-n, --limit <rows>", "with --rows: maximum number of rows", wholeNumber)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve diff ./flights 0 1\n  $ varve diff ./flights 0 --rows --key id\n  $ varve diff ./flights 0 1 --rows --output changed.parquet\n\nWith --rows, a table shows 20 rows unless --limit says otherwise, json has the rows as changes, and the other formats have the rows alone, all of them.\nThe column _change says removed, added, before or after. Rows are compared over the columns that both versions have with the same type.",
    );
  withStoreFlags(withRowOutput(command)).action(diff);
}

interface DiffFlags extends StoreFlags, RowOutputFlags {
  readonly rows?: boolean | undefined;
  readonly key?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

async function diff(uri: string, from: string, to: string | undefined, flags: DiffFlags): Promise<void> {
  requireRows(flags);
  const { parseTravelPoint } = await import("../../api/shared/table-uri.ts");
  await using table = await openedTable(uri, flags);
  const range = { from: parseTravelPoint(from), to: to === undefined ? undefined : parseTravelPoint(to) };
  if (flags.rows === true) return await printRows(table, range, flags);
  const result = await table.diff(range.from, range.to);
  if (flags.format === "json") await writeOutput(`${JSON.stringify(result, undefined, 2)}\n`, flags.output);
  else await printRecords(differences(result), flags);
}

/** @throws `INVALID_ARGUMENT` for options of rows without `--rows` */
function requireRows({ rows, key, limit, format }: DiffFlags): void {
  if (rows === true) return;
  const isBinary = format === "parquet" || format === "arrow";
  const option = key !== undefined ? "--key" : limit !== undefined ? "--limit" : undefined;
  if (option === undefined && !isBinary) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${option ?? `The format ${format}`} is for rows. Add --rows${option === undefined ? ", or choose table, json, jsonl or csv" : ""}.`,
    { option: "rows" },
  );
}

/** Default number of rows of a table that is not written to a file. */
const shownRows = 20;

interface Range {
  readonly from: Parameters<Table["diff"]>[0];
  readonly to: Parameters<Table["diff"]>[1];
}

async function printRows(table: Table, { from, to }: Range, flags: DiffFlags): Promise<void> {
  refuseBytesOnTerminal(flags);
  const { key, format, output } = flags;
  const isShort = format === "table" && output === undefined;
  const limit = flags.limit ?? (isShort ? shownRows : undefined);
  if (format !== "table" && format !== "json")
    return runAndPrint(flags, (exportFolder) => table.diffRows(from, to, { key, limit, exportFolder }));
  const result = await table.diff(from, to, { rows: true, key });
  const count = countOf(result);
  const frame = format === "json" ? jsonFrame(result) : { tableHead: await tableHead(result, flags, count) };
  if (format === "table" && count === 0) return writeOutput(frame.tableHead ?? "", output);
  await runAndPrint(
    flags,
    () => table.diffRows(result.from, result.to, { key, limit }),
    limit === undefined ? undefined : { limit, count: async () => count },
    frame,
  );
}

/** Number of printed rows: a changed one has two. */
function countOf({ rows }: VersionDiff): number {
  return rows === undefined ? 0 : rows.added + rows.removed + 2 * (rows.changed ?? 0);
}

function jsonFrame(result: VersionDiff): RowFrame {
  const head = JSON.stringify(result, undefined, 2).replace(/\n}$/, ',\n  "changes": ');
  return { json: { head, tail: "\n}\n" } };
}

async function tableHead(result: VersionDiff, flags: DiffFlags, count: number): Promise<string> {
  const text = await recordsText(differences(result), flags);
  return count === 0 ? text : `${text}\n`;
}

function differences({ schema, properties, files, rows }: VersionDiff): Record<string, unknown>[] {
  const both = "removed / added";
  return [
    ...schema.map(({ kind, column, before = "", after = "" }) => ({
      what: `column ${kind}`,
      name: column,
      before,
      after,
    })),
    ...properties.map(({ key, before = "", after = "" }) => ({ what: "property", name: key, before, after })),
    { what: "files", name: both, before: files.removed, after: files.added },
    { what: "bytes", name: both, before: files.bytesRemoved, after: files.bytesAdded },
    ...(rows === undefined ? [] : [{ what: "rows", name: both, before: rows.removed, after: rows.added }]),
    ...(rows?.changed === undefined
      ? []
      : [{ what: "rows", name: "changed", before: rows.changed, after: rows.changed }]),
  ];
}
