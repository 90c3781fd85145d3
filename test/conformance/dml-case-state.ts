import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Table } from "../../src/api/table.ts";
import { supportedReaderFeatures, supportedWriterFeatures } from "../../src/protocol/features.ts";
import { type ColumnMappingMode, physicalName } from "../../src/schema/column-mapping.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../src/util/json.ts";
import type { DiskFiles, ExpectedStep } from "./dml-cases.ts";

/** Features that one of the two lists and the other does not, and why. */
const ownFeatures: Readonly<Record<string, string>> = {
  appendOnly:
    "implied by the protocol version that Spark's tables began with; here a table lists what it uses",
  invariants: "as appendOnly",
};

/** Compares what a step left in the log and on disk, besides rows and schema. */
export async function compareState(table: Table, wanted: ExpectedStep, sql: string): Promise<void> {
  const found = await table.snapshot().describe();
  if (wanted.partitionColumns !== undefined)
    expect(found.partitionColumns, `partition columns after ${sql}`).toEqual(wanted.partitionColumns);
  if (wanted.liveFilesFixed === true && wanted.liveFiles !== undefined)
    expect(found.files, `live files after ${sql}`).toBe(wanted.liveFiles);
  if (wanted.protocol !== undefined)
    expect(featuresOf(found), `protocol after ${sql}`).toEqual(featuresOf(wanted.protocol));
  if (wanted.domains !== undefined) compareDomains(table, wanted.domains, sql);
}

type Protocol = NonNullable<ExpectedStep["protocol"]>;

/** What readers and writers must know, however it is listed: by names, or by a version that implies it. */
function featuresOf(protocol: Protocol): { readonly readers: string[]; readonly writers: string[] } {
  const action = { ...protocol, kind: "protocol" as const };
  const own = (features: ReadonlySet<string>) =>
    [...features].filter((name) => ownFeatures[name] === undefined).sort();
  return { readers: own(supportedReaderFeatures(action)), writers: own(supportedWriterFeatures(action)) };
}

/** The numbers of row ids are each writer's own, and so are physical names. */
function compareDomains(table: Table, wanted: Readonly<Record<string, string>>, sql: string): void {
  const found = domainsOf(fileURLToPath(table.uri));
  expect([...found.keys()].sort(), `domains after ${sql}`).toEqual(Object.keys(wanted).sort());
  const text = wanted["delta.clustering"];
  if (text === undefined) return;
  const names = (configuration: string | undefined) =>
    Object(parseJson(configuration ?? "{}"))["clusteringColumns"];
  const { schema, properties } = table.snapshot();
  const mode = (properties["delta.columnMapping.mode"] ?? "none") as ColumnMappingMode;
  const physical = new Map(schema.fields.map((field) => [physicalName(field, mode), field.name]));
  const logical: unknown = (names(found.get("delta.clustering")) as string[][]).map((path) =>
    path.map((name, index) => (index === 0 ? (physical.get(name) ?? name) : name)),
  );
  expect(logical, `clustering columns after ${sql}`).toEqual(names(text));
}

/** Domains by name, by the commits of a table whose log is whole. */
function domainsOf(folder: string): Map<string, string> {
  const domains = new Map<string, string>();
  const log = join(folder, "_delta_log");
  for (const name of readdirSync(log).sort()) {
    if (!/^\d{20}\.json$/.test(name)) continue;
    for (const line of readFileSync(join(log, name), "utf8").split("\n")) {
      const action = line === "" ? undefined : parseJson(line);
      const domain = isJsonObject(action) ? action["domainMetadata"] : undefined;
      if (!isJsonObject(domain)) continue;
      const own = domain as JsonObject & { readonly domain: string; readonly configuration: string };
      if (domain["removed"] === true) domains.delete(own.domain);
      else domains.set(own.domain, own.configuration);
    }
  }
  return domains;
}

/** Numbers of the files below a table, by what they are. */
export function filesOnDisk(folder: string): DiskFiles {
  const count = { parquet: 0, deletionVectors: 0, changeFiles: 0, other: 0 };
  if (!existsSync(folder)) return count;
  for (const path of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const place = join(path.parentPath, path.name).slice(folder.length + 1);
    if (!path.isFile() || /^_(?!change_data)/.test(place)) continue;
    if (place.startsWith("_change_data")) count.changeFiles += 1;
    else if (place.endsWith(".parquet")) count.parquet += 1;
    else if (/deletion_vector_.*\.bin$/.test(place)) count.deletionVectors += 1;
    else count.other += 1;
  }
  return count;
}

/** Compares what a VACUUM left, where the same files were there before. */
export function compareDisk(folder: string, before: DiskFiles, wanted: ExpectedStep, sql: string): void {
  const { diskBefore, diskAfter } = wanted;
  if (diskBefore === undefined || diskAfter === undefined) return;
  if (JSON.stringify(before) !== JSON.stringify(diskBefore)) return;
  expect(filesOnDisk(folder), `files on disk after ${sql}`).toEqual(diskAfter);
}
