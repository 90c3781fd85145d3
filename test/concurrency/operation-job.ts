import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { convertTable } from "../../src/api/convert-table.ts";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `operation-process.ts` is told, as its only argument in JSON. */
export interface OperationJob {
  /** A folder with the table `t`. */
  readonly uri: string;
  readonly operation: string;
  readonly kill?: KillPlan;
}

/** An operation that gives the same table however often it is run. */
export interface KilledOperation {
  /** Properties of the table, besides those for change feed and row ids. */
  readonly properties?: Readonly<Record<string, string>>;
  /** What is done to the table before. */
  readonly prepare?: (table: Table, folder: string) => Promise<unknown>;
  readonly run: (table: Table, folder: string) => Promise<unknown>;
  /** The folder of the table that it makes or changes; default: that of the table itself. */
  readonly target?: "copy" | "files" | "t/_pins/kept";
}

const feed = { "delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true" };
const vectors = { "delta.enableDeletionVectors": "true" };
const named = { "delta.columnMapping.mode": "name" };

const mergeSource = [
  { id: 2, n: 20, p: "a" },
  { id: 6, n: 60, p: "a" },
  { id: 7, n: 70, p: "b" },
];
const mergeChanges = (table: Table) =>
  table
    .merge(mergeSource, { on: "target.id = source.id" })
    .whenMatchedUpdate({ set: { n: "source.n" }, condition: "target.n <> source.n" })
    .whenNotMatchedInsertAll()
    .execute();

/** The operations that are killed, by what the tests call them. */
export const operations: Readonly<Record<string, KilledOperation>> = {
  "a deletion by vectors": { properties: vectors, run: (table) => table.delete("id % 2 = 0") },
  "a deletion that writes files again": { run: (table) => table.delete("id % 2 = 0") },
  "an update that writes files again": {
    run: (table) => table.update({ set: { n: "7" }, where: "id % 2 = 0 AND n <> 7" }),
  },
  "a merge by vectors": { properties: vectors, run: mergeChanges },
  "a merge that writes files again": { run: mergeChanges },
  "an overwrite by a condition": {
    run: (table) => table.overwrite([{ id: 2, n: 9 }], { replaceWhere: "id % 2 = 0" }),
  },
  "a restore": { properties: vectors, run: (table) => table.restore(2) },
  "an optimization": { properties: vectors, run: (table) => table.optimize() },
  "a Z-order with a commit for each partition": {
    prepare: (table) => table.alter({ partitionBy: ["p"] }),
    run: (table) => table.optimize({ zorderBy: ["n"], maxCommitBytes: 1 }),
  },
  "a change of columns and properties": {
    run: (table) => table.alter({ set: { note: "x" }, alterColumns: { n: { comment: "a number" } } }),
  },
  "a change of the partitioning": { run: (table) => table.alter({ partitionBy: ["p"] }) },
  "a removal of the column mapping": {
    properties: named,
    run: (table) => table.alter({ unset: ["delta.columnMapping.mode"] }),
  },
  "the drop of a feature of readers": {
    properties: vectors,
    run: async (table) => {
      const { writerFeatures } = await table.snapshot().describe();
      if (!writerFeatures.includes("deletionVectors")) return;
      await table.alter({ dropFeatures: ["deletionVectors"] });
    },
  },
  "a shallow clone": {
    properties: vectors,
    target: "copy",
    run: (table, folder) => table.clone(join(folder, "copy"), { ifNotExists: true }),
  },
  "a deep clone": {
    properties: vectors,
    target: "copy",
    run: (table, folder) => table.clone(join(folder, "copy"), { deep: true, ifNotExists: true }),
  },
  "a conversion": {
    // Its files have no columns of varve's own.
    properties: { "delta.enableRowTracking": "false" },
    target: "files",
    prepare: async (table, folder) => {
      await table.clone(join(folder, "files"), { deep: true });
      await rm(join(folder, "files", "_delta_log"), { recursive: true });
    },
    run: (_, folder) => convertTable(join(folder, "files")),
  },
  "a pin": {
    properties: vectors,
    target: "t/_pins/kept",
    run: (table) => table.pins.add("kept", { version: 2 }),
  },
  "a pin by reference": {
    properties: vectors,
    target: "t/_pins/kept",
    run: (table) => table.pins.add("kept", { version: 2, keep: "reference" }),
  },
  "a restore from a pin": {
    properties: vectors,
    prepare: async (table) => {
      await table.pins.add("good", { version: 2 });
      await table.overwrite([{ id: 9, n: 9, p: "a" }]);
      await table.vacuum({ retainHours: 0, retentionCheck: false });
    },
    run: (table) => table.restore("good"),
  },
  "a list of files for other engines": {
    prepare: async (table) => {
      await table.generate("symlink_format_manifest");
      await table.append([{ id: 7, n: 7, p: "a" }]);
    },
    run: (table) => table.generate("symlink_format_manifest"),
  },
};

/** A table of two files and a deleted row, with a version to go back to. */
export async function createBase(folder: string, operation: string): Promise<void> {
  const { properties = {}, prepare } = operationNamed(operation);
  await using table = await createTable(join(folder, "t"), {
    threads: 1,
    schema: schema().long("id").long("n").string("p"),
    properties: { ...feed, "delta.enableDeletionVectors": "false", ...properties },
  });
  const rows = (ids: readonly number[]) => ids.map((id) => ({ id, n: id, p: id % 2 === 0 ? "a" : "b" }));
  await table.append(rows([1, 2, 3]));
  await table.append(rows([4, 5, 6]));
  await table.delete("id = 5");
  await prepare?.(table, folder);
}

/** Runs the operation on a table that may have it behind it. */
export async function runOperation(folder: string, operation: string): Promise<void> {
  await using table = await openTable(join(folder, "t"), { threads: 1 });
  await operationNamed(operation).run(table, folder);
  await table.settled();
}

/** The tables that an operation has to do with; the last is the one that it makes or changes. */
export function tablesOf(folder: string, operation: string): readonly string[] {
  const { target } = operationNamed(operation);
  const own = join(folder, "t");
  return target === undefined ? [own] : [own, join(folder, target)];
}

/** What a reader sees of the table that an operation makes or changes; of none, version -1. */
export async function stateOf(folder: string, operation: string) {
  const uri = tablesOf(folder, operation).at(-1) ?? folder;
  try {
    await using table = await openTable(uri, { threads: 1 });
    const rows: string[] = [];
    for await (const { id, n, p } of table.rows()) rows.push(`${String(id)} ${String(n)} ${String(p)}`);
    const snapshot = table.snapshot();
    const { files, partitionColumns, properties, readerFeatures, writerFeatures } = await snapshot.describe();
    // Clones have ids of their own.
    const definition = {
      schema: snapshot.schema,
      partitionColumns,
      properties,
      readerFeatures,
      writerFeatures,
    };
    return {
      version: snapshot.version,
      rows: rows.sort(),
      content: { files, manifest: await manifestOf(uri), definition: withoutIds(definition) },
    };
  } catch (error) {
    if (!isVarveError(error, "NOT_A_TABLE")) throw error;
    return { version: -1, rows: [], content: {} };
  }
}

async function manifestOf(uri: string): Promise<string> {
  const path = join(uri, "_symlink_format_manifest", "manifest");
  return existsSync(path) ? (await readFile(path, "utf8")).replaceAll(/^.*\//gm, "") : "";
}

function withoutIds(value: object): string {
  return JSON.stringify(value).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "an id");
}

function operationNamed(name: string): KilledOperation {
  const operation = operations[name];
  if (operation === undefined) throw new Error(`There is no operation ${name}`);
  return operation;
}
