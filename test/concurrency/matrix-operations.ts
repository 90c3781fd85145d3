import { cp } from "node:fs/promises";
import { join } from "node:path";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { alterTable } from "../../src/operations/alter/alter.ts";
import type { AlterOptions } from "../../src/operations/alter/alter-options.ts";
import { append } from "../../src/operations/append.ts";
import { cloneTable } from "../../src/operations/clone.ts";
import { deleteRows } from "../../src/operations/delete-rows.ts";
import type { MergeClauseRequest } from "../../src/operations/merge/merge-request.ts";
import { mergeRows } from "../../src/operations/merge/merge-rows.ts";
import { type OptimizeOptions, optimize } from "../../src/operations/optimize.ts";
import { overwrite } from "../../src/operations/overwrite.ts";
import { restore } from "../../src/operations/restore.ts";
import { updateRows } from "../../src/operations/update-rows.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { vacuum } from "../../src/vacuum/vacuum.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** A row of the matrix's table. */
export interface MatrixRow {
  readonly [column: string]: number | string;
  readonly id: number;
  readonly p: string;
  readonly n: number;
}

/** What an operation waits for, if anything, between its reading of the table and its commit. */
type Meanwhile = () => Promise<unknown>;

/** An operation on a version of the table, and what it makes of the rows. */
export interface MatrixOperation {
  readonly run: (snapshot: LogSnapshot, meanwhile: Meanwhile) => Promise<unknown>;
  readonly effect: (rows: readonly MatrixRow[]) => readonly MatrixRow[];
}

/** Waits for what is begun after the commit, too. */
type Begun = Promise<{ readonly maintenance?: Promise<unknown> | undefined }>;

/** An operation that reads nothing but the version that it is given. */
function operation(
  begin: (snapshot: LogSnapshot) => Begun,
  effect: MatrixOperation["effect"] = (rows) => rows,
): MatrixOperation {
  return {
    run: async (snapshot, meanwhile) => {
      await meanwhile();
      await (await begin(snapshot)).maintenance;
    },
    effect,
  };
}

const inA = (id: number, n: number): MatrixRow => ({ id, p: "a", n });
const without = (test: (row: MatrixRow) => boolean) => (rows: readonly MatrixRow[]) =>
  rows.filter((row) => !test(row));
const setTo = (id: number, n: number) => (rows: readonly MatrixRow[]) =>
  rows.map((row) => (row.id === id ? { ...row, n } : row));

const deletion = (where: string, test: (row: MatrixRow) => boolean) =>
  operation((snapshot) => deleteRows(snapshot, where), without(test));
const update = (id: number, p: string) =>
  operation(
    (snapshot) => updateRows(snapshot, { set: { n: "50" }, where: `p = '${p}' AND id = ${id}` }),
    setTo(id, 50),
  );
const layout = (options: OptimizeOptions) => operation((snapshot) => optimize(snapshot, options));
const alteration = (options: AlterOptions) => operation((snapshot) => alterTable(snapshot, options));

const upsert: readonly MergeClauseRequest[] = [
  {
    when: "matched",
    action: "update",
    set: [{ path: "n", value: { text: "source.n" } }],
  },
  { when: "not matched", action: "insert", values: { except: ["rest"] } },
];

function merge(source: readonly MatrixRow[], effect: MatrixOperation["effect"], clauses = upsert) {
  return operation(
    (snapshot) =>
      mergeRows(snapshot, source, {
        names: { target: "target", source: "source" },
        on: { text: "target.id = source.id AND target.p = source.p" },
        clauses,
        assignment: "append",
        evolves: false,
        upgradeProtocol: false,
      }),
    effect,
  );
}

/** The rows of the version to which the restore goes, and of the newest one, which deleted 3 and updated 7. */
export const matrixRows: readonly MatrixRow[] = [
  ...[1, 2, 4].map((id) => inA(id, id)),
  ...[5, 6].map((id) => ({ id, p: "b", n: id })),
  { id: 7, p: "b", n: 70 },
];
const restoredRows: readonly MatrixRow[] = [...setTo(7, 7)(matrixRows), inA(3, 3)];
const restoredVersion = 3;

/** The operations, by the names that they have in the matrix. */
export const operations: Readonly<Record<string, MatrixOperation>> = {
  append: operation(
    (snapshot) => append(snapshot, [inA(9, 0)]),
    (rows) => [...rows, inA(9, 0)],
  ),
  "delete 1": deletion("p = 'a' AND id = 1", ({ id }) => id === 1),
  "delete 1-2": deletion("p = 'a' AND id <= 2", ({ id }) => id <= 2),
  "delete 4": deletion("p = 'a' AND id = 4", ({ id }) => id === 4),
  "update 2": update(2, "a"),
  "update 6": update(6, "b"),
  "merge 2": merge([inA(2, 60)], setTo(2, 60)),
  "merge 6": merge([{ id: 6, p: "b", n: 60 }], setTo(6, 60)),
  "merge new": merge([inA(11, 0)], (rows) => [...rows, inA(11, 0)], upsert.slice(1)),
  "overwrite a": operation(
    (snapshot) => overwrite(snapshot, [inA(8, 0)], { replaceWhere: "p = 'a'" }),
    (rows) => [...rows.filter(({ p }) => p === "b"), inA(8, 0)],
  ),
  overwrite: operation(
    (snapshot) => overwrite(snapshot, [inA(8, 0)]),
    () => [inA(8, 0)],
  ),
  "optimize a": layout({ where: "p = 'a'" }),
  "z-order a": layout({ where: "p = 'a'", zorderBy: ["n"] }),
  "purge b": layout({ where: "p = 'b'", purge: true }),
  restore: operation(
    (snapshot) => restore(snapshot, { version: restoredVersion }),
    () => restoredRows,
  ),
  property: alteration({ set: { note: "x" } }),
  comment: alteration({ alterColumns: { n: { comment: "a number" } } }),
  "add column": alteration({ addColumns: ["more STRING"] }),
  "drop column": alteration({ dropColumns: ["rest"] }),
  constraint: alteration({ addConstraints: { positive: "n >= 0" }, upgradeProtocol: true }),
  partitioning: alteration({ partitionBy: [] }),
  vacuum: {
    run: async (snapshot, meanwhile) => {
      // It looks for files in the newest version, so whatever is to be a race comes after that.
      const request = { retainHours: 0, retentionCheck: false } as const;
      const confirm = async () => {
        await meanwhile();
        return true;
      };
      const { maintenance } = await vacuum(snapshot, { ...request, confirm });
      await maintenance;
    },
    effect: (rows) => rows,
  },
  clone: operation((snapshot) => cloneTable(snapshot, cloneOf(snapshot))),
};

/** The rows of the clustered table. */
export const clusteredRows: readonly MatrixRow[] = [1, 2, 3, 4].map((id) => inA(id, id));

/** Operations on the clustered table. */
export const clusteredOperations: Readonly<Record<string, MatrixOperation>> = {
  append: named("append"),
  delete: deletion("id = 1", ({ id }) => id === 1),
  cluster: layout({}),
  "other columns": alteration({ clusterBy: ["id"] }),
};

function named(name: string): MatrixOperation {
  const found = operations[name];
  if (found === undefined) throw new Error(`There is no operation ${name}`);
  return found;
}

/** Makes a table that is clustered by a column, of two files that no clustering wrote. */
export async function createClusteredTable(folder: string): Promise<void> {
  await using table = await createTable(folder, {
    schema: schema().long("id").string("p").long("n"),
    clusterBy: ["n"],
    properties: { "delta.enableDeletionVectors": "true" },
  });
  await table.append(clusteredRows.slice(0, 2));
  await table.append(clusteredRows.slice(2));
  await table.settled();
}

/** Where the operation `clone` puts its clone. */
export function cloneOf({ context }: LogSnapshot): string {
  return context.store.uri.replace(/\/t\/?$/, "/copy");
}

/**
 * Makes a table of two files in each of the partitions a and b, with {@link matrixRows}, a file that only earlier
 * versions need, and files that hold values of a column that was dropped.
 */
export async function createMatrixTable(folder: string, vectors: boolean): Promise<void> {
  await using table = await createTable(join(folder, "t"), {
    schema: schema().long("id").string("p").long("n").long("rest").long("dropped"),
    partitionBy: ["p"],
    properties: {
      "delta.columnMapping.mode": "name",
      "delta.enableDeletionVectors": String(vectors),
    },
  });
  await appendIds(table, [1, 2, 3], [5, 6]);
  await appendIds(table, [4], [7]);
  await table.alter({ dropColumns: ["dropped"] });
  await table.delete("p = 'a' AND id = 3");
  await table.update({ set: { n: "70" }, where: "p = 'b' AND id = 7" });
  await table.settled();
}

async function appendIds(table: Table, a: readonly number[], b: readonly number[]): Promise<void> {
  const rows = (ids: readonly number[], p: string) =>
    ids.map((id) => ({ id, p, n: id, rest: 0, dropped: 0 }));
  await table.append([...rows(a, "a"), ...rows(b, "b")]);
}

/** A copy of the table that is gone after the test. */
export async function copyOf(folder: string): Promise<LogSnapshot> {
  const copy = freshFolder();
  await cp(join(folder, "t"), join(copy, "t"), { recursive: true, preserveTimestamps: true });
  return openLog(await openContext(join(copy, "t")));
}
