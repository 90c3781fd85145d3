import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, Session, SourceRow, StageOptions } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let folder: string;
let session: Session;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stage-rows-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

async function stage(rows: Iterable<SourceRow> | AsyncIterable<SourceRow>, options: StageOptions = {}) {
  const staged = await session.stage({ kind: "rows", rows }, options);
  return {
    staged,
    columns: staged.columns.map((column) => `${column.name} ${column.type}`),
    rows: await session.rows(staged.sql),
  };
}

const typed = (type: string): readonly EngineColumn[] => [{ name: "v", type }];

describe("inference", () => {
  it("finds a type for every kind of value", async () => {
    const { columns, rows } = await stage([
      {
        i: 1,
        mixed: 1,
        big: 9007199254740993n,
        f: 0.5,
        s: "a text that is longer than twelve bytes, é",
        short: "é",
        t: new Date(1),
        b: Uint8Array.of(1),
        ok: true,
        n: null,
        l: [1, null, 2],
        o: { x: 1, y: { z: "deep" } },
        m: new Map([["k", 1.5]]),
      },
      { i: null, mixed: 1.5, l: [], o: { x: 2, w: "new" } },
    ]);
    expect(columns).toEqual([
      "i BIGINT",
      "mixed DOUBLE",
      "big BIGINT",
      "f DOUBLE",
      "s VARCHAR",
      "short VARCHAR",
      "t TIMESTAMP WITH TIME ZONE",
      "b BLOB",
      "ok BOOLEAN",
      'n "NULL"',
      "l BIGINT[]",
      'o STRUCT("x" BIGINT, "y" STRUCT("z" VARCHAR), "w" VARCHAR)',
      "m MAP(VARCHAR, DOUBLE)",
    ]);
    expect(rows[0]).toEqual({
      i: 1n,
      mixed: 1,
      big: 9007199254740993n,
      f: 0.5,
      s: "a text that is longer than twelve bytes, é",
      short: "é",
      t: "1970-01-01T00:00:00.001000Z",
      b: Uint8Array.of(1),
      ok: true,
      n: null,
      l: [1n, null, 2n],
      o: { x: 1n, y: { z: "deep" }, w: null },
      m: [["k", 1.5]],
    });
    expect(rows[1]).toMatchObject({ i: null, mixed: 1.5, l: [], o: { x: 2n, y: null, w: "new" }, m: null });
  });

  it.each(["NULL", 'x"NULL"'])("keeps the values of a nested field called %s", async (name) => {
    const rows = [{ v: { [name]: 1, empty: null } }, { v: { [name]: 2.5, empty: null } }];
    const kept = rows.map(({ v }) => ({ v: { ...v } }));
    expect((await stage(rows)).rows).toEqual(kept);
    const given = typed(`STRUCT("${name.replaceAll('"', '""')}" DOUBLE, empty VARCHAR)`);
    expect((await stage(rows, { columns: given })).rows).toEqual(kept);
  });

  it("widens and adds columns long after the first rows, keeping order", async () => {
    async function* source(): AsyncGenerator<SourceRow> {
      for (let i = 0; i < 10_000; i++)
        yield { id: i, v: i < 7000 ? i : i + 0.5, ...(i > 9000 ? { late: { a: [i] } } : {}) };
    }
    const { staged, columns } = await stage(source());
    expect(columns).toEqual(["id BIGINT", "v DOUBLE", 'late STRUCT("a" BIGINT[])']);
    const { row } = staged.positionColumns;
    expect(
      await session.rows(
        unchecked(
          `SELECT count(*) AS n, sum(v) AS v, count(late) AS late, bool_and(id = ${row}) AS ordered FROM (${staged.positionedSql})`,
        ),
      ),
    ).toEqual([{ n: 10_000n, v: 49_996_500, late: 999n, ordered: true }]);
  });

  it.each([
    ["a text after numbers", [{ v: 1 }, { v: "x" }], 1],
    ["a number after objects", [{ v: { a: 1 } }, { v: 1 }], 1],
    ["a function", [{ v: () => 1 }], 0],
    ["an integer of 39 digits", [{ v: 1 }, { v: 10n ** 38n }], 1],
    ["a number with more digits than a decimal has", [{ v: 10n ** 37n }, { v: 0.25 }], 1],
    ["an infinity among integers that no double holds", [{ v: 2n ** 53n + 1n }, { v: Infinity }], 0],
    ["names that differ by case only", [{ V: 1, v: 2 }], 0],
  ])("%s is refused, naming row and column", async (_name, rows: SourceRow[], row) => {
    await expect(stage(rows)).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { row, column: ["v"] },
    });
  });

  it.each([
    ["fields that differ by case only", [{ v: { a: 1 } }, { v: { A: 1 } }], 1, ["v", "A"]],
    [
      "a field with half of a surrogate pair",
      [{ v: null }, { v: [{ "\ud800": 1 }] }],
      1,
      ["v", "element", "\ud800"],
    ],
    ["a field with a NUL", [{ v: new Map([["k", { "a\0b": 1 }]]) }], 0, ["v", "value", "a\0b"]],
    ["a field without a name", [{ v: { a: { "": 1 } } }], 0, ["v", "a", ""]],
  ])("%s is refused, naming row and path", async (_name, rows: SourceRow[], row, column) => {
    await expect(stage(rows)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", data: { row, column } });
  });

  it.each([
    ["integers beyond 64 bits", [2n ** 64n], 1, "DECIMAL(38,0)", ["18446744073709551616", "1"]],
    [
      "a fraction after an integer that no double holds",
      [2n ** 53n + 1n],
      0.5,
      "DECIMAL(38,1)",
      ["9007199254740993.0", "0.5"],
    ],
    [
      "an integer that no double holds after fractions",
      [0.1, 1e-7, 2.5e20, null],
      -(2n ** 53n) - 1n,
      "DECIMAL(38,7)",
      ["0.1000000", "0.0000001", "250000000000000000000.0000000", null, "-9007199254740993.0000000"],
    ],
    [
      "a longer fraction after a decimal",
      [2n ** 53n + 1n, 0.5],
      0.125,
      "DECIMAL(38,3)",
      ["9007199254740993.000", "0.500", "0.125"],
    ],
  ])("%s makes the column a decimal, which keeps each number", async (_name, first, last, type, held) => {
    // rows before are written when the column changes
    const values: unknown[] = [...Array.from({ length: 900 }, () => first).flat(), last];
    const { columns, rows } = await stage(values.map((v) => ({ v })));
    expect(columns).toEqual([`v ${type}`]);
    expect([...new Set(rows.map(({ v }) => v))].map((v) => (v === null ? null : String(v)))).toEqual(held);
  });

  it("numbers of nested values keep their digits, or are refused", async () => {
    const late = (first: unknown, last: unknown) =>
      stage([...Array.from({ length: 3000 }, () => ({ o: { a: [first] } })), { o: { a: [last] } }]);
    expect((await late(1, 0.5)).columns).toEqual(['o STRUCT("a" DOUBLE[])']);
    for (const [first, last] of [
      [2n ** 53n + 1n, 0.5],
      [0.3, 2n ** 64n + 1n],
    ])
      await expect(late(first, last)).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["o"] },
      });
  });

  it.each([
    ["null", [{ v: 1 }, null], 1],
    ["an array", [[1]], 0],
    ["a row without columns", [{}], 0],
  ])("%s instead of a row is SOURCE_UNREADABLE", async (_name, rows, row) => {
    await expect(stage(rows as SourceRow[])).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { row },
    });
  });

  it("no rows and no schema is SOURCE_UNREADABLE; with a schema it is an empty relation", async () => {
    await expect(stage([])).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    expect(await stage([], { columns: typed("BIGINT") })).toMatchObject({ columns: ["v BIGINT"], rows: [] });
  });
});

describe("given types", () => {
  it.each([
    ["TINYINT", -128, -128],
    ["BIGINT", -9223372036854775808n, -9223372036854775808n],
    ["BIGINT", Number.MIN_SAFE_INTEGER, BigInt(Number.MIN_SAFE_INTEGER)],
    ["BIGINT", -1, -1n],
    ["FLOAT", 0.1, Math.fround(0.1)],
    ["DOUBLE", Number.NaN, Number.NaN],
    ["DOUBLE", Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ["DOUBLE", -0, -0],
    ["DECIMAL(4,2)", 12.34, "12.34"],
    ["DECIMAL(9,2)", "-1234567.8", "-1234567.80"],
    ["DECIMAL(18,0)", 999999999999999999n, "999999999999999999"],
    [
      "DECIMAL(38,10)",
      "-1234567890123456789012345678.0123456789",
      "-1234567890123456789012345678.0123456789",
    ],
    ["DECIMAL(38,0)", 1e22, "10000000000000000000000"],
    ["DATE", "2024-02-29", "2024-02-29"],
    ["DATE", new Date("1969-12-31T00:00:00Z"), "1969-12-31"],
    ["TIMESTAMPTZ", "2024-01-01T00:00:00.123456+05:30", "2023-12-31T18:30:00.123456Z"],
    ["TIMESTAMPTZ", "0001-01-01 00:00", "0001-01-01T00:00:00.000000Z"],
    ["TIMESTAMP", "1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999"],
    ["BLOB", new ArrayBuffer(2), Uint8Array.of(0, 0)],
    [
      "MAP(VARCHAR, INTEGER)",
      { a: 1, b: null },
      [
        ["a", 1],
        ["b", null],
      ],
    ],
    ["MAP(INTEGER, VARCHAR)", [[1, "x"]], [[1, "x"]]],
    ["STRUCT(a STRUCT(b INTEGER[])[])", { a: [{ b: [1, null] }, null] }, { a: [{ b: [1, null] }, null] }],
    ["VARCHAR", "a\u0000b", "a\u0000b"],
  ])("%s holds %o exactly", async (type, value, expected) => {
    expect((await stage([{ v: value }], { columns: typed(type) })).rows).toEqual([{ v: expected }]);
  });

  it.each([
    ["TINYINT", 128],
    ["INTEGER", 1.5],
    ["INTEGER", "1"],
    ["BIGINT", 2n ** 63n],
    ["BIGINT", 2 ** 53],
    ["FLOAT", 1e300],
    ["DOUBLE", 2n ** 53n + 1n],
    ["DECIMAL(4,2)", "1.234"],
    ["DECIMAL(4,2)", 100],
    ["DECIMAL(4,2)", Number.NaN],
    ["DECIMAL(4,2)", "1e"],
    ["DATE", "2023-02-29"],
    ["DATE", new Date(1)],
    ["TIMESTAMPTZ", new Date("nonsense")],
    ["TIMESTAMPTZ", "2024-01-01T00:00:00.1234567Z"],
    ["TIMESTAMPTZ", "yesterday"],
    ["TIMESTAMPTZ", "2024-01-01T25:00:00Z"],
    ["TIMESTAMP", "2024-01-01T00:00:00Z"],
    ["BLOB", "text"],
    ["VARCHAR", "\ud800"],
    ["VARCHAR", 1],
    ["BOOLEAN", 1],
    ["BIGINT[]", { 0: 1 }],
    [
      "MAP(VARCHAR, INTEGER)",
      [
        ["a", 1],
        ["a", 2],
      ],
    ],
    ["MAP(VARCHAR, INTEGER)", [[null, 1]]],
    ["STRUCT(a INTEGER)", { a: 1, b: 2 }],
  ])("%s does not hold %o", async (type, value) => {
    const rows = [{ v: null }, { v: value }];
    await expect(stage(rows, { columns: typed(type) })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { row: 1 },
    });
  });

  it("a value deep inside is named by its path", async () => {
    const rows = [{ v: { a: [{ b: 1 }, { b: "x" }] } }];
    await expect(stage(rows, { columns: typed("STRUCT(a STRUCT(b INTEGER)[])") })).rejects.toMatchObject({
      data: { column: ["v", "a", "element", "b"] },
    });
  });
});

describe("bounds", () => {
  it("more rows than the memory limit holds are staged by spilling", async () => {
    const small = await openSession({ temporaryFolder: folder, threads: 1, memoryLimit: 64 * 1024 * 1024 });
    try {
      function* source(): Generator<SourceRow> {
        for (let i = 0; i < 400_000; i++)
          yield { id: i, text: `a text of no use but its length, which is large ${i} ${"x".repeat(200)}` };
      }
      const staged = await small.stage({ kind: "rows", rows: source() });
      expect(
        await small.rows(
          unchecked(
            `SELECT count(*) AS n, sum(id) AS s, sum(length(text)) > 90000000 AS large FROM (${staged.sql})`,
          ),
        ),
      ).toEqual([{ n: 400_000n, s: 79_999_800_000n, large: true }]);
    } finally {
      await small.close();
    }
  });

  it("a signal stops the staging and leaves nothing behind", async () => {
    const controller = new AbortController();
    function* source(): Generator<SourceRow> {
      for (let i = 0; ; i++) {
        if (i === 5000) controller.abort();
        yield { i };
      }
    }
    await expect(stage(source(), { signal: controller.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(
      await session.rows(
        sql`SELECT count(*) AS n FROM duckdb_tables() WHERE table_name LIKE '%staged%' AND estimated_size > 4000 AND column_count = 1`,
      ),
    ).toEqual([{ n: 0n }]);
  });

  it("an error of the source itself comes through", async () => {
    function* source(): Generator<SourceRow> {
      yield { i: 1 };
      throw new RangeError("the source broke");
    }
    await expect(stage(source())).rejects.toThrow("the source broke");
  });
});
