import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { feed, numbers, vectors } from "../rewrite/numbers.ts";
import { actionsOf, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";
import { merge } from "./merging.ts";

const texts = async (table: Table) =>
  (await rowsOf(table)).map((row) => Object.values(row).map(String).join(" "));

const changes = async (table: Table, version: number) => {
  const rows: string[] = [];
  for await (const { id, name, _change_type: type } of (await table.changes({ from: version })).rows())
    rows.push(`${String(id)} ${String(name)} ${String(type)}`);
  return rows.sort();
};

const upsert = [
  { when: "matched", set: { name: "s.name", n: "s.n" } },
  { when: "new", insert: { id: "s.id", name: "s.name", n: "s.n" } },
] as const;

describe.each([
  ["by writing files again", {}],
  ["by deletion vectors", vectors],
])("merging rows %s", (_, properties) => {
  it("updates rows that match, and inserts the others of the source", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, { ...properties, ...feed });
    const source = [
      { id: 2, name: "B", n: 20 },
      { id: 5, name: "E", n: null },
      { id: 9, name: "i", n: 9 },
    ];
    const result = await merge(table, source, { on: "t.id = s.id", clauses: upsert });
    expect(result).toMatchObject({
      outcome: "committed",
      version: 3,
      rowsInserted: 1,
      rowsUpdated: 2,
      sourceRows: 3,
    });
    expect(await texts(table)).toEqual(["1 a 1", "2 B 20", "3 c 3", "4 d 4", "5 E null", "9 i 9"]);
    expect(await changes(table, 3)).toEqual([
      "2 B update_postimage",
      "2 b update_preimage",
      "5 E update_postimage",
      "5 e update_preimage",
      "9 i insert",
    ]);
    const [info] = actionsOf(folder, 3, "commitInfo");
    expect(info).toMatchObject({
      operation: "MERGE",
      operationParameters: {
        predicate: '["t.id = s.id"]',
        matchedPredicates: '[{"actionType":"update"}]',
        notMatchedPredicates: '[{"actionType":"insert"}]',
        notMatchedBySourcePredicates: "[]",
      },
      operationMetrics: {
        numSourceRows: "3",
        numTargetRowsInserted: "1",
        numTargetRowsUpdated: "2",
        numTargetRowsMatchedUpdated: "2",
        numTargetRowsDeleted: "0",
      },
    });
    const report = await fsck(folder, { data: true, orphans: true, deep: true });
    expect(report.findings).toEqual([]);
  });

  it("lets the first clause of each kind act whose condition is true", async () => {
    await using table = await numbers(join(freshFolder(), "t"), { ...properties, ...feed });
    const source = [1, 2, 3, 7, 8, 9].map((id) => ({ id, name: `s${id}`, n: id * 10 }));
    const result = await merge(table, source, {
      on: "t.id = s.id",
      clauses: [
        { when: "matched", if: "t.id = 1", delete: true },
        { when: "new", if: "s.n > 75 AND s.n < 85", insert: { id: "s.id" } },
        { when: "missing", if: "name = 'd'", set: { name: "upper(name) || id" } },
        { when: "matched", if: "s.n < 30", set: { name: "t.name || s.name" } },
        { when: "new", if: "s.id = 9", insert: { id: "id + 100", name: "'new'" } },
        { when: "missing", delete: true },
      ],
    });
    expect(result).toMatchObject({ rowsDeleted: 2, rowsUpdated: 2, rowsInserted: 2 });
    expect(await texts(table)).toEqual(["2 bs2 null", "3 c 3", "4 D4 4", "8 null null", "109 new null"]);
    expect(await changes(table, 3)).toEqual([
      "1 a delete",
      "109 new insert",
      "2 b update_preimage",
      "2 bs2 update_postimage",
      "4 D4 update_postimage",
      "4 d update_preimage",
      "5 e delete",
      "8 null insert",
    ]);
  });

  it("changes rows of files that come after others that it only looks at", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    for (const name of ["x", "y"])
      await merge(
        table,
        [
          { id: 3, name, n: 1 },
          { id: 5, name, n: 1 },
          { id: 99, name, n: 1 },
        ],
        {
          on: "t.id = s.id",
          clauses: [{ when: "matched", if: "t.id > 4 OR t.name = 'x'", set: { name: "s.name" } }],
        },
      );
    expect(await texts(table)).toEqual(["1 a 1", "2 b null", "3 c 3", "4 d 4", "5 y 5"]);
  });

  it("matches nothing by null keys", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    await table.append([{ id: null, name: "none", n: 0 }]);
    const source = [{ id: null, name: "new", n: 1 }];
    await merge(table, source, {
      on: "t.id = s.id",
      clauses: [...upsert, { when: "missing", if: "t.id IS NULL", delete: true }],
    });
    expect(await texts(table)).toEqual(["null new 1", "1 a 1", "2 b null", "3 c 3", "4 d 4", "5 e 5"]);
  });

  it("keeps row ids, and gives updated and inserted rows the version of the commit", async () => {
    await using table = await numbers(join(freshFolder(), "t"), {
      ...properties,
      "delta.enableRowTracking": "true",
    });
    const tracked = async () => {
      const rows = new Map<string, unknown>();
      for await (const row of table.rows({ rowTracking: true }))
        rows.set(String(row["id"]), row["_metadata"]);
      return rows;
    };
    const before = await tracked();
    const source = [
      { id: 2, name: "B", n: 2 },
      { id: 6, name: "f", n: 6 },
    ];
    await merge(table, source, { on: "t.id = s.id", clauses: upsert });
    const after = await tracked();
    for (const id of ["1", "3", "4", "5"]) expect(after.get(id)).toEqual(before.get(id));
    expect(after.get("2")).toEqual({ ...(before.get("2") as object), row_commit_version: 3n });
    expect(after.get("6")).toMatchObject({ row_commit_version: 3n });
    expect(new Set([...after.values()].map((ids) => (ids as { row_id: bigint }).row_id)).size).toBe(6);
  });

  it("moves rows between partitions, of which it reads only those that may match", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { ...properties, ...feed },
    });
    await table.append([
      { id: 1, p: "a" },
      { id: 2, p: "a" },
      { id: 3, p: "b" },
    ]);
    const result = await merge(table, [{ id: 2, p: "c" }], {
      on: "t.id = s.id AND t.p = 'a'",
      clauses: [{ when: "matched", set: { p: "s.p" } }],
    });
    expect(result.files.map(({ rows, changed }) => [rows, changed])).toEqual([[2, 1]]);
    expect(await texts(table)).toEqual(["1 a", "2 c", "3 b"]);
    expect(filesBelow(folder).filter((file) => /^p=c\//.test(file))).toHaveLength(1);
  });

  it("refuses several matches for one row, and shows them", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const source = [
      { id: 2, name: "x", n: 1 },
      { id: 2, name: "y", n: 2 },
    ];
    const conditional = [{ when: "matched", if: "s.n = 2", set: { name: "s.name" } }] as const;
    const failure = await merge(table, source, { on: "t.id = s.id", clauses: conditional }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "MERGE_AMBIGUOUS", data: { rows: 1 } });
    expect(String(failure)).toContain("x");
    expect(table.snapshot().version).toBe(2);
    await merge(table, source, {
      on: "t.id = s.id",
      clauses: conditional,
      options: { onDuplicate: "error-if-acting" },
    });
    expect((await texts(table))[1]).toBe("2 y null");
    const result = await merge(table, source, {
      on: "t.id = s.id",
      clauses: [{ when: "matched", delete: true }],
    });
    expect(result).toMatchObject({ rowsDeleted: 1 });
    expect(await texts(table)).toEqual(["1 a 1", "3 c 3", "4 d 4", "5 e 5"]);
  });

  it("commits nothing where no clause acts, and counts without writing", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    const clauses = [{ when: "matched", if: "s.n > 5", delete: true }] as const;
    const source = [{ id: 2, n: 1 }];
    expect(await merge(table, source, { on: "t.id = s.id", clauses })).toMatchObject({
      outcome: "unchanged",
      version: 2,
    });
    expect(
      await merge(table, [], {
        on: "t.id = s.id",
        clauses: [{ when: "missing", if: "id > 9", delete: true }],
      }),
    ).toMatchObject({ outcome: "unchanged" });
    const before = filesBelow(folder);
    const dry = await merge(table, source, {
      on: "t.id = s.id",
      clauses: [{ when: "matched", delete: true }],
      options: { dryRun: true },
    });
    expect(dry).toMatchObject({ outcome: "dryRun", rowsDeleted: 1, files: [{ rows: 3, changed: 1 }] });
    expect(filesBelow(folder)).toEqual(before);
  });

  it("takes a version of the same table as source, and names that hide others", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      source: [1, 2].map((id) => ({
        id,
        s: { id: id * 10 },
        t: "x",
        place: 1,
        rowid: 7,
        clause: 3,
        _metadata: id,
      })),
      properties: { ...properties, ...feed },
    });
    const result = await merge(table, table.snapshot().log, {
      on: "t.id = s.id",
      clauses: [{ when: "matched", if: "s.s.id = 20", set: { t: "t.t || s.place", clause: "t.rowid" } }],
    });
    expect(result).toMatchObject({ rowsUpdated: 1 });
    expect((await rowsOf(table)).map(({ t, clause }) => `${String(t)} ${String(clause)}`)).toEqual([
      "x 3",
      "x1 7",
    ]);
  });

  it("takes names of both sides that begin like its own", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [{ id: 1, v: "a" }],
      properties,
    });
    const result = await merge(
      table,
      [
        { id: 1, v: "b" },
        { id: 2, v: "c" },
      ],
      {
        on: "__varve_a.id = __varve_s.id",
        clauses: [
          { when: "matched", set: { v: "__varve_a.v || __varve_s.v" } },
          { when: "new", insert: { id: "__varve_s.id" } },
        ],
        options: { names: { target: "__varve_a", source: "__varve_s" } },
      },
    );
    expect(result).toMatchObject({ rowsUpdated: 1, rowsInserted: 1 });
  });

  it("refuses a value that its column cannot hold, with the source's row", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("id").byte("b", { nullable: false }),
      properties,
    });
    await table.append([{ id: 1, b: 1 }]);
    const source = { sql: "SELECT * FROM (VALUES (1, 5), (2, 300)) AS v(id, big)" };
    const on = "t.id = s.id";
    await expect(
      merge(table, source, { on, clauses: [{ when: "new", insert: { id: "s.id", b: "s.big" } }] }),
    ).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["b"], found: "300", row: 1 } });
    await expect(
      merge(table, source, { on, clauses: [{ when: "matched", set: { b: "CAST(NULL AS TINYINT)" } }] }),
    ).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["b"] } });
    await expect(
      merge(table, source, { on, clauses: [{ when: "new", insert: { id: "s.id" } }] }),
    ).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["b"] } });
    expect(table.snapshot().version).toBe(1);
  });
});
