import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { alterTable } from "../../src/operations/alter/alter.ts";
import { append } from "../../src/operations/append.ts";
import { deleteRows } from "../../src/operations/delete-rows.ts";
import { optimize } from "../../src/operations/optimize.ts";
import { overwrite } from "../../src/operations/overwrite.ts";
import { restore } from "../../src/operations/restore.ts";
import { updateRows } from "../../src/operations/update-rows.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { freshFolder } from "../operations/table-folder.ts";

type Operation = (snapshot: LogSnapshot) => Promise<{ readonly maintenance?: Promise<unknown> | undefined }>;

/** Two files in each of the partitions a and b; those of a hold the ids 1 to 4. */
const operations: Readonly<Record<string, Operation>> = {
  append: (snapshot) => append(snapshot, [{ id: 9, p: "a", n: 0 }]),
  "delete 1": (snapshot) => deleteRows(snapshot, "p = 'a' AND id = 1"),
  "delete 1 again": (snapshot) => deleteRows(snapshot, "p = 'a' AND id <= 1"),
  "update 2": (snapshot) => updateRows(snapshot, { set: { n: "5" }, where: "p = 'a' AND id = 2" }),
  "update b": (snapshot) => updateRows(snapshot, { set: { n: "5" }, where: "p = 'b' AND id = 6" }),
  "optimize a": (snapshot) => optimize(snapshot, { where: "p = 'a'" }),
  "overwrite a": (snapshot) => overwrite(snapshot, [{ id: 8, p: "a", n: 0 }], { replaceWhere: "p = 'a'" }),
  restore: (snapshot) => restore(snapshot, { version: 1 }),
  alter: (snapshot) => alterTable(snapshot, { set: { "delta.appendOnly": "false", note: "x" } }),
};

const [ok, appended, deleted, changed] = [
  "committed",
  "CONFLICT_CONCURRENT_APPEND",
  "CONFLICT_CONCURRENT_DELETE_DELETE",
  "CONFLICT_METADATA_CHANGED",
];

/** By the later one, then by the earlier one; `spec/conflicts.md`. With vectors, and by writing files again. */
const matrix: readonly (readonly [later: string, earlier: string, byVectors: string, byFiles: string])[] = [
  ["append", "append", ok, ok],
  ["append", "delete 1", ok, ok],
  ["append", "optimize a", ok, ok],
  ["append", "overwrite a", ok, ok],
  ["append", "alter", changed, changed],
  ["delete 1", "append", ok, ok],
  ["delete 1", "delete 1 again", deleted, deleted],
  ["delete 1", "update 2", ok, appended],
  ["delete 1", "update b", ok, ok],
  ["delete 1", "optimize a", deleted, deleted],
  ["delete 1", "overwrite a", deleted, deleted],
  ["delete 1", "alter", changed, changed],
  ["update 2", "append", ok, ok],
  ["update 2", "delete 1", ok, appended],
  ["update 2", "update b", ok, ok],
  ["update b", "overwrite a", ok, ok],
  ["update b", "optimize a", ok, ok],
  ["optimize a", "append", ok, ok],
  ["optimize a", "delete 1", deleted, deleted],
  ["optimize a", "update b", ok, ok],
  ["optimize a", "optimize a", deleted, deleted],
  ["optimize a", "alter", changed, changed],
  ["overwrite a", "update b", ok, ok],
  ["overwrite a", "delete 1", deleted, appended],
  ["restore", "append", appended, appended],
  ["restore", "alter", changed, changed],
  ["alter", "append", ok, ok],
  ["alter", "alter", changed, changed],
];

describe("an operation that another one came before", () => {
  for (const [index, kind] of (["by vectors", "by writing files again"] as const).entries())
    it.each(matrix.map((row) => [row[0], row[1], row[index + 2] ?? ""] as const))(
      `${kind}: %s after %s: %s`,
      async (later, earlier, expected) => {
        const old = await table(kind === "by vectors");
        await (await operations[earlier]?.(old))?.maintenance;
        const outcome = await outcomeOf(operations[later]?.(old));
        expect(outcome).toBe(expected);
        expect((await fsck(old.context.store.uri, { data: true, orphans: true })).findings).toEqual([]);
      },
    );
});

async function table(vectors: boolean): Promise<LogSnapshot> {
  const folder = join(freshFolder(), "t");
  await using created = await createTable(folder, {
    schema: schema().long("id").string("p").long("n"),
    partitionBy: ["p"],
    properties: { "delta.enableDeletionVectors": String(vectors) },
  });
  const rows = (ids: readonly number[], p: string) => ids.map((id) => ({ id, p, n: id }));
  await created.append([...rows([1, 2, 3], "a"), ...rows([5, 6], "b")]);
  await created.append([...rows([4], "a"), ...rows([7], "b")]);
  await created.settled();
  return openLog(await openContext(folder));
}

async function outcomeOf(work: ReturnType<Operation> | undefined): Promise<string> {
  try {
    await (await work)?.maintenance;
    return "committed";
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
}
