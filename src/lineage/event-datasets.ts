import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { readMetrics, type VersionMetrics } from "../metrics/metrics-store.ts";
import { readHistory } from "../operations/history.ts";
import { estimateDistinct } from "../quality/measures/distinct-sketch.ts";
import type { ColumnState } from "../quality/measures/metric-state.ts";
import type { RunInput, RunOutput } from "../runs/run-record.ts";
import { typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField } from "../schema/types.ts";
import { contextAt } from "../table/definition/open-context.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from "../util/json.ts";
import { type Facets, withoutUndefined } from "./event-facets.ts";

/** A dataset of an event. */
export interface EventDataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets: Facets;
  /** Facets of the dataset as an input, or as an output. */
  readonly useFacets: Facets;
}

/** The identity of a table or file, as OpenLineage names what is on disks and in buckets. */
export function datasetName(uri: string): Pick<EventDataset, "namespace" | "name"> {
  if (uri.startsWith("file:")) return { namespace: "file", name: fileURLToPath(uri) };
  const [, scheme, authority, path] = /^([^:]+:\/\/)([^/]*)\/?(.*)$/s.exec(uri) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined)
    return { namespace: "file", name: uri };
  if (scheme === "memory://")
    return { namespace: "inmemory://", name: [authority, path].join("/").replace(/\/$/, "") };
  return { namespace: `${scheme}${authority}`, name: path === "" ? "/" : path };
}

/**
 * The version of a table that a run read: its schema, size, recorded metrics, and the tests of its last commit.
 *
 * @param context one whose store options the table is opened with
 * @throws errors of the store and of damaged logs
 */
export async function inputDataset(context: TableContext, input: RunInput): Promise<EventDataset> {
  const { table, version, pin, pinUri, fingerprint, contentFingerprint } = input;
  // The pin has the version's schema and files, also where the table's log is not that long any more.
  const pinned = await openLog(await contextAt(context, pinUri), { version: 0 });
  const owner = await contextAt(context, table);
  const { files, bytes } = await (await pinned.files()).totals();
  const metrics = await tableMetrics(owner, input);
  return {
    ...datasetName(table),
    facets: {
      ...tableFacets(pinned, { uri: table, version }),
      varve_pin: withoutUndefined({ pin, uri: pinUri, fingerprint, contentFingerprint }),
    },
    useFacets: {
      inputStatistics: withoutUndefined({ rowCount: metrics?.state.rows, size: bytes, fileCount: files }),
      dataQualityMetrics: metrics === undefined ? undefined : metricsFacet(metrics, { files, bytes }),
      dataQualityAssertions: await assertionsFacet(owner, pinned, version),
    },
  };
}

/** What a run wrote: a version of a table, or a file. @throws as {@link inputDataset} */
export async function outputDataset(context: TableContext, output: RunOutput): Promise<EventDataset> {
  const { table, version, file, hash, bytes } = output;
  if (table !== undefined && version !== undefined) {
    const log = await openLog(await contextAt(context, table), { version });
    const totals = await (await log.files()).totals();
    return {
      ...datasetName(table),
      facets: tableFacets(log, { uri: table, version }),
      useFacets: { outputStatistics: { size: totals.bytes, fileCount: totals.files } },
    };
  }
  return {
    ...(file === undefined ? { namespace: "varve", name: output.name } : { namespace: "file", name: file }),
    facets: {
      datasetType: { datasetType: "FILE" },
      version: hash === undefined ? undefined : { datasetVersion: hash },
    },
    useFacets: {
      outputStatistics: bytes === undefined ? undefined : { size: bytes, fileCount: 1 },
    },
  };
}

function tableFacets(
  { schema, metadata }: LogSnapshot,
  { uri, version }: { readonly uri: string; readonly version: number },
): Facets {
  return {
    version: { datasetVersion: String(version) },
    schema: { fields: fieldsJson(schema.fields) },
    storage: { storageLayer: "delta", fileFormat: "parquet" },
    dataSource: { name: metadata.name ?? basename(datasetName(uri).name), uri },
    datasetType: { datasetType: "TABLE" },
  };
}

function fieldsJson(fields: readonly StructField[]): JsonValue {
  return fields.map(({ name, type, metadata }, index) => {
    const { comment } = metadata;
    const inner = structInside(type);
    return withoutUndefined({
      name,
      type: inner === undefined ? typeText(type) : kindOf(type),
      description: typeof comment === "string" ? comment : undefined,
      ordinal_position: index + 1,
      fields: inner === undefined ? undefined : fieldsJson(inner),
    });
  });
}

/** The fields of a struct, or of the structs in an array. */
function structInside(type: DeltaType): readonly StructField[] | undefined {
  if (typeof type === "string") return undefined;
  if (type.type === "struct") return type.fields;
  return type.type === "array" ? structInside(type.elementType) : undefined;
}

function kindOf(type: DeltaType): string {
  return typeof type === "string" ? type : type.type;
}

async function tableMetrics(
  context: TableContext,
  { tableId, version }: RunInput,
): Promise<VersionMetrics | undefined> {
  const [metrics] = await readMetrics({ context, metadata: { id: tableId } }, { scope: "table", version });
  return metrics;
}

function metricsFacet(
  { state }: VersionMetrics,
  { files, bytes }: { readonly files: number; readonly bytes: number },
): JsonObject {
  const columnMetrics = Object.fromEntries(
    state.columns.map((column) => [column.name, columnJson(column, state.rows)] as const),
  );
  return { rowCount: state.rows, bytes, fileCount: files, columnMetrics };
}

function columnJson({ present, min, max, mean, count, distinct }: ColumnState, rows: number): JsonObject {
  const sum = mean === null ? undefined : mean * count;
  return withoutUndefined({
    nullCount: rows - present,
    count: present,
    distinctCount: distinct === null ? undefined : Math.round(estimateDistinct(distinct)),
    sum: sum === undefined || !Number.isFinite(sum) ? undefined : sum,
    min: min ?? undefined,
    max: max ?? undefined,
  });
}

/** The checks of the commit that made the version, if it has any. */
async function assertionsFacet(
  context: TableContext,
  { schema }: LogSnapshot,
  version: number,
): Promise<JsonObject | undefined> {
  const [entry] = await readHistory(context, { to: version, limit: 1, checkFiles: false });
  const checks = entry?.version === version ? entry.gate?.["checks"] : undefined;
  if (!Array.isArray(checks)) return undefined;
  const columns = new Set(schema.fields.map(({ name }) => name));
  return {
    assertions: checks.filter(isJsonObject).map((check: JsonObject) => assertionJson(check, columns)),
  };
}

function assertionJson(check: JsonObject, columns: ReadonlySet<string>): JsonObject {
  const { id, kind, success, severity, message, observed } = check;
  const [prefix = ""] = typeof id === "string" ? id.split(":") : [];
  return withoutUndefined({
    assertion: typeof kind === "string" ? kind : "unknown",
    success: success === true,
    name: typeof id === "string" ? id : undefined,
    column: columns.has(prefix) ? prefix : undefined,
    severity: severity === "critical" ? "error" : "warn",
    description: typeof message === "string" ? message : undefined,
    actual: observed === undefined ? undefined : stringifyJson(observed),
  });
}
