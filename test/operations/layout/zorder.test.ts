import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder } from "../table-folder.ts";
import { filesOf, firstDifference, rowTexts, shareRead } from "./layout-table.ts";

const all = {
  "delta.enableDeletionVectors": "true",
  "delta.enableChangeDataFeed": "true",
  "delta.enableRowTracking": "true",
  "delta.columnMapping.mode": "name",
};

/** Eight files of rows in no order by `a` and `b`. */
async function scattered(
  folder: string,
  {
    properties = {},
    partitionBy,
    rows = 20_000,
  }: {
    readonly properties?: Readonly<Record<string, string>>;
    readonly partitionBy?: readonly string[];
    readonly rows?: number;
  } = {},
) {
  const table = await createTable(folder, {
    schema: schema()
      .long("id")
      .integer("a")
      .double("b")
      .string("p")
      .struct("s", schema().integer("c"))
      .binary("x")
      .array("l", "integer"),
    properties,
    partitionBy: partitionBy === undefined ? undefined : [...partitionBy],
  });
  for (let file = 0; file < 8; file++)
    await table.append({
      sql: `SELECT i AS id, CASE WHEN i % 100 = 0 THEN NULL ELSE CAST(hash(i) % 10000 AS INTEGER) END AS a,
        CASE WHEN i % 1000 = 7 THEN 'NaN'::DOUBLE ELSE CAST(hash(i + 1) % 10000 AS DOUBLE) END AS b,
        'p' || (i % 2) AS p, {c: CAST(hash(i + 2) % 10000 AS INTEGER)} AS s, encode('x' || i) AS x, [1, i]::INTEGER[] AS l
        FROM range(${(file * rows) / 8}, ${((file + 1) * rows) / 8}) AS r(i)`,
    });
  return table;
}

describe("a Z-order", () => {
  it("says in a dry run what it gains, as the files then show", async () => {
    await using table = await scattered(join(freshFolder(), "t"));
    await table.delete("id < 5000");
    const bytes = (await filesOf(table)).reduce((sum, { size }) => sum + size, 0);
    const options = { zorderBy: ["a", "s.c"], targetFileBytes: Math.ceil(bytes / 16) };
    const { gain } = await table.optimize({ ...options, dryRun: true });
    expect(gain).toMatchObject({ smallFiles: 0, deletedShare: 0 });
    expect(gain?.columns).toEqual(
      ["a", "s.c"].map((column) => ({
        column,
        skippedShare: expect.closeTo(0, 1) as number,
        expectedShare: expect.closeTo(0.75, 1) as number,
      })),
    );
    await table.optimize(options);
    const after = await table.optimize({ ...options, dryRun: true });
    expect(after).toMatchObject({ outcome: "unchanged", filesAdded: 0 });
    for (const { skippedShare, expectedShare } of after.gain?.columns ?? []) {
      expect(skippedShare).toBeGreaterThan(0.55);
      // There is nothing to do, so it stays as it is.
      expect(expectedShare).toBeCloseTo(skippedShare, 10);
    }
  });

  it("is not proposed where files are skipped already, and counts deleted rows", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").double("d").string("s").date("day").binary("x"),
      properties: { "delta.enableDeletionVectors": "true", "delta.columnMapping.mode": "name" },
    });
    for (const from of [0, 100, 200, 300])
      await table.append({
        sql: `SELECT i AS id, ${from / 1000} + 0.1 AS d, 'customer ' || lpad(i::VARCHAR, 4, '0') AS s,
          CASE WHEN i < 200 THEN DATE '2024-01-01' ELSE DATE '2024-01-02' END AS day, NULL::BLOB AS x
          FROM range(${from}, ${from + 100}) AS r(i)`,
      });
    await table.delete("id % 10 = 0");
    expect((await table.optimize({ dryRun: true })).gain).toEqual({
      smallFiles: 4,
      deletedShare: 0.1,
      columns: [
        { column: "id", skippedShare: 0.75, expectedShare: undefined },
        { column: "d", skippedShare: 0.75, expectedShare: undefined },
        { column: "s", skippedShare: 0.75, expectedShare: undefined },
        { column: "day", skippedShare: 0.5, expectedShare: undefined },
      ],
    });
  });

  it("makes a condition on any of its columns skip most files, and changes no row", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await scattered(folder);
    const before = await rowTexts(table);
    const bytes = (await filesOf(table)).reduce((sum, { size }) => sum + size, 0);
    expect(await shareRead(table, "a", 5000)).toBe(1);
    const result = await table.optimize({ zorderBy: ["a", "b"], targetFileBytes: Math.ceil(bytes / 16) });
    expect(result).toMatchObject({ outcome: "committed", kind: "zorder", filesRemoved: 8, commits: 1 });
    expect(result.filesAdded).toBeGreaterThanOrEqual(8);
    for (const column of ["a", "b"])
      for (const value of [17, 2500, 5000, 9990])
        expect(await shareRead(table, column, value), `${column} = ${value}`).toBeLessThanOrEqual(0.55);
    expect(firstDifference(await rowTexts(table), before)).toBeUndefined();
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
    const [entry] = await table.history({ limit: 1 });
    expect(entry?.operationParameters).toMatchObject({ zOrderBy: '["a","b"]', clusterBy: "[]" });
    expect(await table.optimize({ zorderBy: ["a", "b"] })).toMatchObject({
      outcome: "unchanged",
      kind: "zorder",
    });
    expect(await table.optimize({ zorderBy: ["b"] })).toMatchObject({ outcome: "committed", filesAdded: 1 });
  });

  it("by one column gives files ranges that do not overlap", async () => {
    await using table = await scattered(join(freshFolder(), "t"));
    const bytes = (await filesOf(table)).reduce((sum, { size }) => sum + size, 0);
    const { filesAdded } = await table.optimize({ zorderBy: ["s.c"], targetFileBytes: Math.ceil(bytes / 6) });
    const ranges = (await filesOf(table))
      .map(({ stats }) => JSON.parse(stats ?? "{}") as Record<string, { s: { c: number } }>)
      .map(({ minValues, maxValues }) => [minValues?.s.c ?? 0, maxValues?.s.c ?? 0] as const)
      .sort(([a], [b]) => a - b);
    expect(filesAdded).toBeGreaterThanOrEqual(4);
    ranges.forEach(([low], index) => {
      if (index > 0) expect(low).toBeGreaterThanOrEqual(ranges[index - 1]?.[1] ?? 0);
    });
  });

  it("keeps row ids and commit versions, deleted rows and the change feed as they are", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await scattered(folder, { properties: all, rows: 800 });
    await table.delete("id % 3 = 1");
    await table.update({ set: { b: "b + 1" }, where: "id % 7 = 2" });
    const before = await rowTexts(table, true);
    const { version } = await table.optimize({ zorderBy: ["b", "a", "s.c"] });
    expect(await rowTexts(table, true)).toEqual(before);
    for (const add of actionsOf(folder, version, "add"))
      expect(add).toMatchObject({ dataChange: false, tags: { ZCUBE_ZORDER_BY: '["b","a","s.c"]' } });
    for await (const row of (await table.changes({ from: version })).rows()) expect(row).toBeUndefined();
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("orders each partition by itself, and those of a condition only", async () => {
    await using table = await scattered(join(freshFolder(), "t"), { partitionBy: ["p"], rows: 800 });
    const before = await rowTexts(table);
    expect(await table.optimize({ zorderBy: ["a", "b"], where: "p = 'p1'" })).toMatchObject({
      filesRemoved: 8,
      filesAdded: 1,
    });
    expect(await table.optimize({ zorderBy: ["a", "b"] })).toMatchObject({ filesRemoved: 8, filesAdded: 1 });
    expect(firstDifference(await rowTexts(table), before)).toBeUndefined();
  });

  it("is refused by columns that cannot order files", async () => {
    await using table = await scattered(join(freshFolder(), "t"), {
      partitionBy: ["p"],
      rows: 80,
      properties: { "delta.dataSkippingStatsColumns": "a,s,l" },
    });
    for (const [zorderBy, message] of [
      [["p"], /column p: it partitions the table/],
      [["a", "P"], /it partitions the table/],
      [["b"], /no statistics of it/],
      [["l"], /array.* has no order/],
      [["s"], /struct.* has no order/],
      [["l.element"], /inside a list or map/],
      [["a", "A"], /named twice/],
      [[], /names no column/],
    ] as const)
      await expect(table.optimize({ zorderBy }), zorderBy.join()).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(message) as string,
      });
    for (const name of ["nope", "s.nope", "a.b"])
      await expect(table.optimize({ zorderBy: [name] }), name).rejects.toMatchObject({
        code: "COLUMN_NOT_FOUND",
      });
    await expect(table.optimize({ full: true })).rejects.toThrow("needs a clustered table");
    await expect(table.optimize({ purge: true, zorderBy: ["a"] })).rejects.toThrow("excludes purge");
    await expect(table.optimize({ purge: true, full: true })).rejects.toThrow("excludes purge");
    for (const [options, other] of [
      [{ purge: true }, "purge"],
      [{ zorderBy: ["a"] }, "zorderBy"],
    ] as const)
      await expect(table.optimize({ ...options, minFileBytes: 5 })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(`excludes ${other}`) as string,
        data: { option: "minFileBytes" },
      });
    expect(table.snapshot().version).toBe(8);
  });
});

describe("commits of an optimization in parts", () => {
  it("stay when it is stopped, and a second run does the rest", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await scattered(folder, { partitionBy: ["p"], rows: 800 });
    const before = await rowTexts(table);
    const stop = new AbortController();
    const optimizing = table.optimize({
      zorderBy: ["a"],
      maxCommitBytes: 1,
      onProgress: (share) => {
        if (share === 1) stop.abort();
      },
      signal: stop.signal,
    });
    await expect(optimizing).rejects.toMatchObject({ code: "CANCELLED" });
    await table.refresh();
    expect(table.snapshot().version).toBe(9);
    expect(await table.optimize({ zorderBy: ["a"], maxCommitBytes: 1 })).toMatchObject({
      version: 10,
      commits: 1,
      filesRemoved: 8,
    });
    expect(firstDifference(await rowTexts(table), before)).toBeUndefined();
    expect((await fsck(folder, { orphans: true })).findings).toEqual([]);
  });

  it("are as many as their size asks for", async () => {
    await using table = await scattered(join(freshFolder(), "t"), { partitionBy: ["p"], rows: 800 });
    expect(await table.optimize({ maxCommitBytes: 1 })).toMatchObject({
      commits: 2,
      version: 10,
      filesAdded: 2,
    });
  });
});
