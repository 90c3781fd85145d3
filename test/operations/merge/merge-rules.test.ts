import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import type { Table } from "../../../src/api/table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { feed, vectors } from "../rewrite/numbers.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";
import { merge } from "./merging.ts";

const texts = async (table: Table, columns?: readonly string[]) =>
  (await rowsOf(table, columns)).map((row) => Object.values(row).map(String).join(" "));

const on = "t.id = s.id";

describe.each([
  ["by writing files again", feed],
  ["by deletion vectors", { ...feed, ...vectors }],
])("the rules of a table that rows are merged into %s", (_, properties) => {
  it("computes generated columns again unless they are assigned, and tests those that are", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").long("a").long("double", { generatedAs: "a * 2" }),
      properties,
    });
    await table.append([1, 2, 3].map((id) => ({ id, a: id })));
    const source = [2, 3, 4].map((id) => ({ id, a: id * 10 }));
    await merge(table, source, {
      on,
      clauses: [
        { when: "matched", if: "s.id = 2", set: { a: "s.a", double: "s.a * 2" } },
        { when: "matched", set: { a: "s.a" } },
        { when: "new", insert: { id: "s.id", a: "s.a" } },
      ],
    });
    expect(await texts(table)).toEqual(["1 1 2", "2 20 40", "3 30 60", "4 40 80"]);
    await expect(
      merge(table, source, { on, clauses: [{ when: "matched", set: { double: "7" } }] }),
    ).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED", data: { kind: "generated", row: 0 } });
  });

  it("numbers identity columns of inserted rows alone, and fills defaults", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema()
        .long("id", { identity: { start: 10, step: 5 } })
        .string("key")
        .string("state", { default: "'new'" }),
      properties,
    });
    await table.append([
      { key: "a", state: "old" },
      { key: "b", state: null },
    ]);
    const source = [{ key: "b" }, { key: "c" }, { key: "d" }, { key: "e" }];
    await merge(table, source, {
      on: "t.key = s.key",
      clauses: [
        { when: "matched", set: { state: "'seen'" } },
        { when: "new", if: "s.key = 'd'", insert: { key: "s.key", state: "NULL" } },
        { when: "new", insert: { key: "s.key" } },
      ],
    });
    const rows = await texts(table);
    expect(rows.slice(0, 2)).toEqual(["10 a old", "15 b seen"]);
    expect(rows.slice(2)).toEqual(["20 c new", "25 d null", "30 e new"]);
    const changed = new Map<string, string>();
    for await (const row of (await table.changes({ from: table.snapshot().version })).rows())
      if (row["_change_type"] === "insert") changed.set(String(row["key"]), String(row["id"]));
    expect([...changed].sort()).toEqual([
      ["c", "20"],
      ["d", "25"],
      ["e", "30"],
    ]);
    await table.append([{ key: "f" }]);
    expect((await texts(table)).at(-1)).toBe("35 f new");
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
  });

  it("goes on from the numbers that a clause gave, where another one numbered rows", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema()
        .long("id", { identity: { start: 1, step: 2, allowExplicitInsert: true } })
        .string("key"),
      properties,
    });
    await table.append([{ key: "a" }]);
    await merge(table, [{ key: "b" }, { key: "c" }], {
      on: "t.key = s.key",
      clauses: [
        { when: "new", if: "s.key = 'b'", insert: { id: "500", key: "s.key" } },
        { when: "new", insert: { key: "s.key" } },
      ],
    });
    await table.append([{ key: "d" }]);
    expect(await texts(table)).toEqual(["1 a", "3 c", "500 b", "501 d"]);
  });

  it("holds CHECK constraints for every row that is written, and says which row of the source breaks one", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").long("n"),
      properties,
    });
    await table.alter({ addConstraints: { positive: "n > 0" }, upgradeProtocol: true });
    await table.append([{ id: 1, n: 1 }]);
    const source = [
      { id: 1, n: 5 },
      { id: 2, n: 2 },
      { id: 3, n: -1 },
    ];
    const clauses = [
      { when: "matched", set: { n: "s.n" } },
      { when: "new", insert: { id: "s.id", n: "s.n" } },
    ] as const;
    await expect(merge(table, source, { on, clauses })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { constraint: "positive", row: 2 },
    });
    await merge(table, source.slice(0, 2), { on, clauses });
    expect(await texts(table)).toEqual(["1 5", "2 2"]);
  });

  it("sets fields of structs in a table with mapped columns", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      source: [
        { id: 1, s: { a: 1, b: { c: "x" } } },
        { id: 2, s: null },
      ],
      properties: { ...properties, "delta.columnMapping.mode": "name" },
    });
    await merge(
      table,
      [
        { id: 1, s: { a: 5 } },
        { id: 2, s: { a: 6 } },
      ],
      {
        on,
        clauses: [{ when: "matched", set: { "s.a": "s.s.a + t.id" } }],
      },
    );
    expect(await rowsOf(table)).toEqual([
      { id: 1n, s: { a: 6n, b: { c: "x" } } },
      { id: 2n, s: { a: 8n, b: null } },
    ]);
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
  });

  it("has the table's suite judge new rows, beside the rows that stay", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [1, 2, 3].map((id) => ({ id, n: id })),
      properties,
    });
    await table.suite.set(suite("unique", [check.unique("n", { acrossTable: true })]));
    const clauses = [
      { when: "matched", set: { n: "s.n" } },
      { when: "new", insert: { id: "s.id", n: "s.n" } },
    ] as const;
    const swapped = [
      { id: 1, n: 2 },
      { id: 2, n: 1 },
      { id: 4, n: 4 },
    ];
    const result = await merge(table, swapped, { on, clauses });
    expect(result.gate).toMatchObject({ accepted: true, rows: 3 });
    await expect(merge(table, [{ id: 9, n: 3 }], { on, clauses })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    expect(await texts(table)).toEqual(["1 2", "2 1", "3 3", "4 4"]);
  });
});

it("sets rows aside that would be inserted, which can be repaired and land later", async () => {
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, {
    source: [
      { id: 1, n: 1 },
      { id: 2, n: 2 },
    ],
    properties: feed,
  });
  const tests = suite(
    "positive",
    [
      check.between("n", { min: 0, max: 100 }, { onFail: "quarantine" }),
      check.between("id", { max: 1000 }, { onFail: "drop" }),
    ],
    { maxBadShare: 1 },
  );
  await table.suite.set(tests);
  const clauses = [
    { when: "matched", set: { n: "s.n" } },
    { when: "new", insert: { id: "s.id", n: "s.n * 2" } },
  ] as const;
  const source = [
    { id: 2, n: 20 },
    { id: 3, n: 3 },
    { id: 4, n: -4 },
    { id: 5000, n: 5 },
  ];
  const options = { batch: { batchId: "monday" } };
  const result = await merge(table, source, { on, clauses, options });
  expect(result).toMatchObject({
    rowsInserted: 1,
    rowsUpdated: 1,
    gate: { rows: 4, clean: 2, quarantined: 1, dropped: 1 },
    quarantine: { rows: 1 },
  });
  expect(await texts(table)).toEqual(["1 1", "2 20", "3 6"]);
  const changed: string[] = [];
  for await (const row of (await table.changes({ from: result.version })).rows())
    changed.push(`${String(row["id"])} ${String(row["_change_type"])}`);
  expect(changed.sort()).toEqual(["2 update_postimage", "2 update_preimage", "3 insert"]);
  expect(await table.quarantine.list()).toMatchObject([{ batchId: "monday", open: 1 }]);
  await table.quarantine.repair({ batchId: "monday" }, { n: "abs(n)" });
  await table.quarantine.resubmit({ all: true });
  await table.refresh();
  expect(await texts(table)).toEqual(["1 1", "2 20", "3 6", "4 8"]);
  expect(await merge(table, source, { on, clauses, options })).toMatchObject({ outcome: "alreadyApplied" });
  const tuesday = { on, clauses, options: { batch: { batchId: "tuesday" } } };
  expect(await merge(table, [{ id: 1, n: -1 }], tuesday)).toMatchObject({
    rowsUpdated: 0,
    quarantine: { rows: 1 },
  });
  expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
});

it("does nothing twice under one name", async () => {
  await using table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1, n: 1 }] });
  const clauses = [{ when: "matched", set: { n: "t.n + s.n" } }] as const;
  const options = { batch: { batchId: "a" } };
  const source = [{ id: 1, n: 5 }];
  expect(await merge(table, source, { on, clauses, options })).toMatchObject({ outcome: "committed" });
  expect(await merge(table, source, { on, clauses, options })).toMatchObject({ outcome: "alreadyApplied" });
  expect(await texts(table)).toEqual(["1 6"]);
});
