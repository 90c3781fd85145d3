import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { schema } from "../../../src/schema/builder.ts";
import type { StructType } from "../../../src/schema/types.ts";
import { feed, numbers, vectors } from "../rewrite/numbers.ts";
import { filesBelow, freshFolder, rowsOf } from "../table-folder.ts";
import { merge } from "./merging.ts";

const on = "t.id = s.id";
const upsert = [
  { when: "matched", set: { name: "s.name" } },
  { when: "new", insert: { id: "s.id", name: "s.name" } },
] as const;

/** Files apart from those of the log, which is kept in the background. */
const dataBelow = (folder: string) => filesBelow(folder).filter((file) => !file.startsWith("_delta_log"));

const names = async (table: Table) =>
  (await rowsOf(table)).map(({ id, name }) => `${String(id)} ${String(name)}`);

describe.each([
  ["by writing files again", {}],
  ["by deletion vectors", vectors],
])("a merge %s beside other writers", (_, properties) => {
  it("meets rows that it would have matched, and leaves no file behind", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    const base = table.snapshot().log;
    await table.update({ set: { id: "7" }, where: "id = 5" });
    const before = dataBelow(folder);
    await expect(merge(table, [{ id: 7, name: "G" }], { on, clauses: upsert, base })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    expect(dataBelow(folder)).toEqual(before);
  });

  it("lands beside rows that its source's keys cannot match", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const base = table.snapshot().log;
    await table.append([{ id: 700, name: "g", n: 7 }]);
    await merge(
      table,
      [
        { id: 2, name: "B" },
        { id: 8, name: "h" },
      ],
      { on, clauses: upsert, base },
    );
    expect(await names(table)).toEqual(["1 a", "2 B", "3 c", "4 d", "5 e", "8 h", "700 g"]);
  });

  it("meets any row where rows that the source lacks are changed", async () => {
    const strict = { ...properties, "delta.isolationLevel": "Serializable" };
    await using table = await numbers(join(freshFolder(), "t"), strict);
    const base = table.snapshot().log;
    await table.append([{ id: 700, name: "g", n: 7 }]);
    await expect(
      merge(table, [{ id: 2, name: "B" }], { on, clauses: [{ when: "missing", delete: true }], base }),
    ).rejects.toMatchObject({ code: "CONFLICT_CONCURRENT_APPEND" });
  });

  it("conflicts with a change of the same rows", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const base = table.snapshot().log;
    await table.delete("id = 2");
    const failure = await merge(table, [{ id: 2, name: "B" }], { on, clauses: upsert, base }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: expect.stringMatching(/^CONFLICT_CONCURRENT_/) });
  });

  it("meets a deletion of the row that kept one of its source from being inserted", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const base = table.snapshot().log;
    const source = [
      { id: 1, name: "A" },
      { id: 4, name: "D" },
      { id: 8, name: "h" },
    ];
    const [, insert] = upsert;
    const renames = { when: "matched", if: "t.id > 1", set: { name: "s.name" } } as const;
    const inserts = { on, clauses: [insert], base } as const;
    const upserts = { on, clauses: [renames, insert], base } as const;
    await table.delete("id = 1");
    const met = { code: expect.stringMatching(/^CONFLICT_CONCURRENT_/) };
    await expect(merge(table, source, upserts)).rejects.toMatchObject(met);
    await expect(merge(table, source, inserts)).rejects.toMatchObject(met);
    expect(await names(table)).toEqual(["2 b", "3 c", "4 d", "5 e"]);
  });

  it("meets the deletion of all rows of the file that holds such a row", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const base = table.snapshot().log;
    const source = [
      { id: 4, name: "D" },
      { id: 8, name: "h" },
    ];
    await table.delete("id >= 4");
    for (const clauses of [[upsert[1]], [{ ...upsert[0], if: "t.id > 4" }, upsert[1]]] as const)
      await expect(merge(table, source, { on, clauses, base })).rejects.toMatchObject({
        code: "CONFLICT_CONCURRENT_DELETE_READ",
      });
  });

  it("conflicts with a change of rows that its source reads, though of none that it changes", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    const base = table.snapshot().log;
    await table.update({ set: { n: "100" }, where: "id = 3" });
    const highest = { sql: "SELECT 1 AS id, max(n) AS n FROM x", tables: { x: base } };
    const raise = { on, clauses: [{ when: "matched", set: { n: "s.n" } }], base } as const;
    await expect(merge(table, highest, raise)).rejects.toMatchObject({
      code: expect.stringMatching(/^CONFLICT_CONCURRENT_/),
    });
    await expect(merge(table, base, raise)).rejects.toMatchObject({
      code: expect.stringMatching(/^CONFLICT_CONCURRENT_/),
    });
    const old = await openLog(base.context, { version: base.version - 1 });
    const fixed = { sql: "SELECT 4 AS id, max(n) AS n FROM x", tables: { x: old } };
    expect(await merge(table, fixed, raise)).toMatchObject({ outcome: "committed", rowsUpdated: 1 });
  });

  it("meets rows that may have text in a column that it gives another type", async () => {
    await using table = await createTable(join(freshFolder(), "u"), {
      source: [{ id: 1, v: null }],
      properties,
    });
    const base = table.snapshot().log;
    await table.append([{ id: 9, v: null }]);
    const set = { on, clauses: [{ when: "matched", set: { v: "s.v" } }], base } as const;
    const typing = { columns: (source: StructType) => source, upgradeProtocol: false };
    const source = { sql: "SELECT 1 AS id, 7 AS v" };
    await expect(merge(table, source, { ...set, options: { typing } })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    const text = { sql: "SELECT 1 AS id, 'x' AS v" };
    expect(await merge(table, text, { ...set, options: { typing } })).toMatchObject({ rowsUpdated: 1 });
  });

  it("stops when it is cancelled, and leaves no file behind", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    const before = dataBelow(folder);
    for (const phase of ["reading", "writing", "committing"]) {
      const controller = new AbortController();
      const options = {
        signal: controller.signal,
        onProgress: (progress: { readonly phase: string }) => {
          if (progress.phase === phase) controller.abort();
        },
      };
      await expect(
        merge(table, [{ id: 2, name: "B" }], { on, clauses: upsert, options }),
      ).rejects.toMatchObject({ code: "CANCELLED" });
      expect(dataBelow(folder)).toEqual(before);
    }
  });

  it("gives a column its first values, and tests the rows of every partition", async () => {
    await using untyped = await createTable(join(freshFolder(), "u"), {
      source: [{ id: 1, v: null }],
      properties: { ...properties, ...feed },
    });
    await merge(
      untyped,
      { sql: "SELECT 1 AS id, 'first' AS v UNION ALL SELECT 2, 'second'" },
      {
        on,
        clauses: [
          { when: "matched", set: { v: "s.v" } },
          { when: "new", insert: { id: "s.id", v: "s.v" } },
        ],
      },
    );
    expect(await rowsOf(untyped)).toEqual([
      { id: 1n, v: "first" },
      { id: 2n, v: "second" },
    ]);
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p").byte("n"),
      partitionBy: ["p"],
      properties,
    });
    await table.append([
      { id: 1, p: "a", n: 1 },
      { id: 2, p: null, n: 2 },
    ]);
    await table.alter({ addConstraints: { small: "n < 50" }, upgradeProtocol: true });
    const source = [
      { id: 2, p: "b", n: 30 },
      { id: 3, p: "c", n: 4 },
    ];
    const clauses = (value: string) =>
      [
        { when: "matched", set: { n: value, p: "s.p" } },
        { when: "new", insert: { id: "s.id", p: "s.p", n: "s.n" } },
      ] as const;
    await expect(merge(table, source, { on, clauses: clauses("s.n + 20") })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { constraint: "small", row: 0 },
    });
    await expect(
      merge(table, source, { on, clauses: clauses("CAST(s.n AS INTEGER) + 200") }),
    ).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["n"], found: "230", row: 0 } });
    await merge(table, source, { on, clauses: clauses("s.n + 1") });
    expect((await rowsOf(table)).map((row) => Object.values(row).map(String).join(" "))).toEqual([
      "1 a 1",
      "2 b 31",
      "3 c 4",
    ]);
  });
});

describe("a merge and another writer that mark different rows of one file", () => {
  const clauses = [{ when: "matched", if: "t.id <> 3", set: { name: "s.name" } }, upsert[1]] as const;
  const source = [
    { id: 1, name: "A" },
    { id: 3, name: "C" },
    { id: 0, name: "h" },
  ];
  const fed = async (table: Table, version: number) => {
    const rows: string[] = [];
    for await (const row of (await table.changes({ from: version, to: version })).rows())
      rows.push(`${String(row["_change_type"])} ${String(row["id"])} ${String(row["name"])}`);
    return rows.sort();
  };

  it("both win, though the merge also matches a row of the file that stays", async () => {
    await using table = await numbers(join(freshFolder(), "t"), { ...vectors, ...feed });
    const base = table.snapshot().log;
    await table.delete("id = 2");
    const { version } = await merge(table, source, { on, clauses, base });
    expect(await names(table)).toEqual(["0 h", "1 A", "3 c", "4 d", "5 e"]);
    expect(await fed(table, version)).toEqual(["insert 0 h", "update_postimage 1 A", "update_preimage 1 a"]);
  });

  it("both win if the merge comes first", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, { ...vectors, ...feed });
    await using late = await openTable(folder);
    const { version } = await merge(table, source, { on, clauses });
    await late.delete("id = 2");
    await table.refresh();
    expect(await names(table)).toEqual(["0 h", "1 A", "3 c", "4 d", "5 e"]);
    expect(await fed(table, version + 1)).toEqual(["delete 2 b"]);
  });

  it("conflict over a row that both mark, and over one that the merge left as it was", async () => {
    await using table = await numbers(join(freshFolder(), "t"), vectors);
    const base = table.snapshot().log;
    await table.delete("id = 1");
    await expect(merge(table, source, { on, clauses, base })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_DELETE_DELETE",
      data: { rows: 1 },
    });
    const { log: next } = table.snapshot();
    await table.delete("id = 3");
    await expect(merge(table, source, { on, clauses, base: next })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_DELETE_READ",
    });
  });
});
