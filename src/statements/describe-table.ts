import type { DescribeStatement } from "../dialects/statements/syntax.ts";
import type { EngineRow, EngineValue } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { readHistory } from "../operations/history.ts";
import { clusteringDomain } from "../protocol/domains.ts";
import { logicalColumns } from "../table/definition/cluster-by.ts";
import { isJsonObject, type JsonValue } from "../util/json.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";
import { describeColumns } from "./describe-columns.ts";

/** DESCRIBE HISTORY, DESCRIBE DETAIL and DESCRIBE TABLE, with Spark's names of columns. */
export async function describeTable(
  { kind, target, limit, extended = false }: DescribeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const snapshot = await (await context.table(target.table)).read();
  const name = tableText(target.table);
  const rows =
    kind === "DESCRIBE DETAIL"
      ? [await detail(snapshot)]
      : kind === "DESCRIBE TABLE"
        ? await describeColumns(snapshot, { name, extended })
        : await history(snapshot, limit, context);
  return {
    statement: kind,
    outcome: "read",
    table: name,
    version: snapshot.version,
    rows,
  };
}

async function detail(snapshot: LogSnapshot): Promise<EngineRow> {
  const { metadata, protocol, context } = snapshot;
  const totals = await (await snapshot.files({ ignoreFeatures: true })).totals();
  const clustering = logicalColumns(snapshot, (await snapshot.domainMetadata()).get(clusteringDomain));
  return {
    format: "delta",
    id: metadata.id,
    name: metadata.name ?? null,
    description: metadata.description ?? null,
    location: context.store.uri,
    createdAt: metadata.createdTime === undefined ? null : isoTime(metadata.createdTime),
    lastModified: isoTime(snapshot.timestamp),
    partitionColumns: metadata.partitionColumns,
    clusteringColumns: clustering.map((path) => path.join(".")),
    numFiles: totals.files,
    sizeInBytes: totals.bytes,
    properties: metadata.configuration,
    minReaderVersion: protocol.minReaderVersion,
    minWriterVersion: protocol.minWriterVersion,
    tableFeatures: [
      ...new Set([...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])]),
    ].sort(),
  };
}

async function history(
  { context }: LogSnapshot,
  limit: number | undefined,
  { signal }: StatementContext,
): Promise<EngineRow[]> {
  const entries = await readHistory(context, { limit, signal });
  return entries.map((entry) => ({
    version: entry.version,
    timestamp: entry.timestamp.toISOString(),
    operation: entry.operation ?? null,
    operationParameters: plain(entry.operationParameters),
    operationMetrics: plain(entry.operationMetrics),
    userMetadata: entry.userMetadata ?? null,
    engineInfo: entry.engineInfo ?? null,
  }));
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** JSON as a value of a row: exact numbers become bigints or numbers. */
function plain(value: JsonValue): EngineValue {
  if (Array.isArray(value)) return value.map(plain);
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  return value;
}
