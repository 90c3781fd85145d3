import type { Command } from "commander";
import { isJsonObject, type JsonValue } from "../../api/json.ts";
import type { HistoryEntry, Rejection, Table } from "../../index.ts";
import { openedTable } from "../shared/opened-table.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  wholeNumber,
  withListOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { printRecords } from "../shared/records.ts";

/** `varve history TABLE`: every version, newest first, with the results of its tests. */
export function addHistory(program: Command): void {
  const command = program
    .command("history")
    .summary("list the versions of a table")
    .description(
      "List the versions of a table, newest first: time, operation, batch, message, numbers of rows and files, and the results of the data tests.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("-n, --limit <versions>", "show only the newest versions", wholeNumber)
    .option("--batch <id>", "show only the version of this batch: its --batch-id, or its --txn")
    .option("--grep <text>", "show only versions whose message contains the text, in upper or lower case")
    .option("--rejected", "list the batches that were rejected instead: when, from which files, and why")
    .option("--no-check-files", "do not check whether files that later versions removed still exist")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve history ./flights\n  $ varve history ./flights --limit 5 --format json\n  $ varve history ./flights --batch flights-2001-02\n  $ varve history ./flights --rejected",
    );
  withStoreFlags(withListOutput(command)).action(history);
}

interface HistoryFlags extends StoreFlags, ListOutputFlags {
  readonly limit?: number | undefined;
  readonly checkFiles: boolean;
  readonly batch?: string | undefined;
  readonly grep?: string | undefined;
  readonly rejected?: boolean | undefined;
}

async function history(uri: string, flags: HistoryFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  if (flags.rejected === true) return await rejected(table, flags);
  const entries = await table.history({
    limit: flags.limit,
    batch: flags.batch,
    messageContains: flags.grep,
    checkFiles: flags.checkFiles,
  });
  if (flags.format !== "table")
    return await printRecords(entries.map(plain), { ...flags, fields: Object.keys(plainFields) });
  await printRecords(withoutEmpty(entries.map(summary), ["batch", "message", "pins", "unreadable"]), {
    ...flags,
    kept: ["version", "timestamp"],
  });
}

async function rejected({ rejections }: Table, flags: HistoryFlags): Promise<void> {
  const { limit, batch, grep: messageContains } = flags;
  const entries = await rejections.list({ limit, batch, messageContains });
  if (flags.format !== "table")
    return printRecords(entries.map(plainRejection), { ...flags, fields: Object.keys(rejectionFields) });
  await printRecords(withoutEmpty(entries.map(rejectionSummary), ["batch", "message", "files"]), {
    ...flags,
    kept: ["rejected"],
  });
}

function rejectionSummary(entry: Rejection): Record<string, unknown> {
  const { rejectedAt, batchId, userMetadata, rows, reasons, sources } = entry;
  return {
    rejected: rejectedAt.toISOString(),
    batch: batchId ?? "",
    message: userMetadata ?? "",
    rows: rows ?? "",
    why: reasons.join("; "),
    files: sources.join(", "),
  };
}

/** The fields of a rejection in JSON and CSV, in this order. */
const rejectionFields: Readonly<Record<keyof Rejection, null>> = {
  id: null,
  rejectedAt: null,
  batchId: null,
  userMetadata: null,
  operation: null,
  baseVersion: null,
  sources: null,
  code: null,
  reasons: null,
  suite: null,
  rows: null,
  clean: null,
  quarantined: null,
  dropped: null,
  failedChecks: null,
  gate: null,
};

function plainRejection(entry: Rejection): Record<string, unknown> {
  return { ...rejectionFields, ...entry, rejectedAt: entry.rejectedAt.toISOString() };
}

function summary(entry: HistoryEntry): Record<string, unknown> {
  return {
    version: entry.version,
    timestamp: entry.timestamp.toISOString(),
    operation: entry.operation ?? "",
    batch: entry.batchId ?? (entry.txn === undefined ? "" : `${entry.txn.appId}:${entry.txn.version}`),
    message: entry.userMetadata ?? "",
    rows: rowsText(entry),
    files: `+${entry.filesAdded ?? 0} -${entry.filesRemoved ?? 0}`,
    tests: gateSummary(entry),
    pins: entry.pins?.join(", ") ?? "",
    unreadable: entry.readable.ok ? "" : entry.readable.reason,
  };
}

/** The number of new rows, or what the commit did to others: `5`, `3 deleted`, `1 added, 2 updated`. */
function rowsText({ rowsAdded, rowsDeleted = 0, rowsUpdated = 0 }: HistoryEntry): string | number {
  const others = [
    rowsDeleted > 0 ? `${rowsDeleted} deleted` : "",
    rowsUpdated > 0 ? `${rowsUpdated} updated` : "",
  ].filter((text) => text !== "");
  if (others.length === 0) return rowsAdded ?? "";
  return [...(rowsAdded === undefined || rowsAdded === 0 ? [] : [`${rowsAdded} added`]), ...others].join(
    ", ",
  );
}

/** The records without those of the fields that are empty in all of them. */
function withoutEmpty(
  records: readonly Readonly<Record<string, unknown>>[],
  fields: readonly string[],
): readonly Readonly<Record<string, unknown>>[] {
  const empty = new Set(fields.filter((field) => records.every((record) => record[field] === "")));
  return records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([field]) => !empty.has(field))),
  );
}

/** The fields of a version in JSON and CSV, in this order, which are null where its commit does not have them. */
const plainFields: Readonly<Record<keyof HistoryEntry, null>> = {
  version: null,
  timestamp: null,
  operation: null,
  batchId: null,
  txn: null,
  userMetadata: null,
  rowsAdded: null,
  rowsDeleted: null,
  rowsUpdated: null,
  filesAdded: null,
  filesRemoved: null,
  operationParameters: null,
  operationMetrics: null,
  gate: null,
  readable: null,
  pins: null,
  engineInfo: null,
};

function plain(entry: HistoryEntry): Record<string, unknown> {
  const present = Object.entries(entry).filter(([, value]) => value !== undefined);
  return { ...plainFields, ...Object.fromEntries(present), timestamp: entry.timestamp.toISOString() };
}

/** The results of the tests as short text: `passed`, `51 quarantined, 1 check warned`. */
function gateSummary(entry: HistoryEntry): string {
  const gate = entry.gate;
  if (gate === undefined) return "";
  const rows = (["quarantined", "dropped"] as const).flatMap((key) => {
    const count = gate[key];
    return typeof count === "number" && count > 0 ? [`${count} ${key}`] : [];
  });
  const checks = Array.isArray(gate["checks"]) ? (gate["checks"] as readonly JsonValue[]) : [];
  const warned = checks.filter(
    (check) => isJsonObject(check) && check["success"] === false && check["onFail"] === "warn",
  ).length;
  const parts = warned === 0 ? rows : [...rows, `${warned} warned`];
  return parts.length === 0 ? "passed" : parts.join(", ");
}
