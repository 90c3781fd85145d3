import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ParquetWriteOptions, Session, WrittenFile } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";
import { quoteText, textList } from "../../src/sql/sql-text.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let folder: string;
let session: Session;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "parquet write "));
  session = await openSession({ temporaryFolder: folder, threads: 2 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(sql: string, options: Omit<ParquetWriteOptions, "folder"> = {}): Promise<WrittenFile[]> {
  return session.writeParquet(unchecked(sql), { folder: mkdtempSync(join(folder, "out-")), ...options });
}

async function statisticsOf(expression: string) {
  const [file] = await write(`SELECT ${expression} AS c FROM range(3) t(i)`);
  return file?.columns[0];
}

describe("statistics", () => {
  it.each([
    ["i * 10", { min: "0", max: "20", nullCount: 0 }],
    ["NULL::INTEGER", { nullCount: 3 }],
    ["i = 1", { min: "false", max: "true", nullCount: 0 }],
    ["i::DECIMAL(38,2) / -2", { min: "-1.0", max: "-0.0", nullCount: 0, hasNan: false }],
    ["(i - 1)::DECIMAL(38,2)", { min: "-1.00", max: "1.00", nullCount: 0 }],
    ["CASE i WHEN 0 THEN 'nan'::DOUBLE ELSE i END", { min: "1.0", max: "2.0", nullCount: 0, hasNan: true }],
    ["'nan'::FLOAT", { nullCount: 0, hasNan: true }],
    [
      "CASE i WHEN 0 THEN '-inf'::DOUBLE ELSE 'inf'::DOUBLE END",
      { min: "-inf", max: "inf", nullCount: 0, hasNan: false },
    ],
    [
      "TIMESTAMPTZ '2024-01-01 00:00:00.000001+01'",
      { min: "2023-12-31 23:00:00.000001+00", max: "2023-12-31 23:00:00.000001+00", nullCount: 0 },
    ],
    ["DATE '0001-01-01'", { min: "0001-01-01", max: "0001-01-01", nullCount: 0 }],
    ["'\\xAA'::BLOB", { nullCount: 0 }],
    ["repeat('x', 255) || i", { min: `${"x".repeat(255)}0`, maxPrefix: `${"x".repeat(255)}2`, nullCount: 0 }],
    ["repeat('x', 300) || i", { min: "x".repeat(256), maxPrefix: `${"x".repeat(255)}y`, nullCount: 0 }],
    ["['b', 'a', NULL]", { min: "a", max: "b", nullCount: 3 }],
  ])("of %s", async (expression, expected) => {
    const { path, ...facts } = (await statisticsOf(expression)) ?? { path: [] };
    expect(path[0]).toBe("c");
    expect(facts).toEqual(expected);
  });

  it("name nested leaves by their path, whatever the names hold", async () => {
    const [file] = await write(
      `SELECT {'a "b".c': 1, 'l': [{'x': 2}]} AS "top.level ""q""", MAP {'k': true} AS m`,
    );
    expect(file?.columns.map(({ path, min }) => [path, min])).toEqual([
      [["m", "key"], "k"],
      [["m", "value"], "true"],
      [['top.level "q"', 'a "b".c'], "1"],
      [['top.level "q"', "l", "element", "x"], "2"],
    ]);
  });
});

describe("files", () => {
  it("no rows make no file", async () => {
    expect(await write("SELECT 1 AS a LIMIT 0", { targetFileBytes: 1000 })).toEqual([]);
    expect(await write("SELECT 1 AS a, 2 AS p LIMIT 0", { partitionBy: ["p"] })).toEqual([]);
  });

  it("are split near the target size, in order, without losing a row", async () => {
    const files = await write("SELECT i, hash(i) AS h FROM range(600000) t(i)", {
      targetFileBytes: 1_500_000,
      namePrefix: "abc-",
    });
    expect(files.length).toBeGreaterThan(2);
    expect(files.map((file) => file.file.replace(/.*\//, ""))).toEqual(
      files.map((_, at) => `abc-${at}.parquet`),
    );
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(600_000);
    const mins = files.map((file) => Number(file.columns.find((column) => column.path[0] === "i")?.min));
    expect(mins).toEqual([...mins].sort((left, right) => left - right));
  });

  it("carry field ids on every level, and the wanted compression", async () => {
    const fieldIds = {
      id: 1,
      st: { id: 2, children: { a: 3, l: { id: 4, children: { element: 5 } } } },
      m: { children: { key: 7, value: 8 } },
    };
    const [file] = await write("SELECT 1 AS id, {'a': 1, 'l': [1]} AS st, MAP {1: 'x'} AS m", {
      fieldIds,
      compression: "zstd",
    });
    const name = quoteText(file?.file ?? "");
    const schema = await session.rows(
      unchecked(
        `SELECT name, field_id FROM parquet_schema(${name}) WHERE field_id IS NOT NULL ORDER BY field_id`,
      ),
    );
    expect(schema.map((row) => `${row["name"]} ${row["field_id"]}`)).toEqual([
      "id 1",
      "st 2",
      "a 3",
      "l 4",
      "element 5",
      "key 7",
      "value 8",
    ]);
    expect(
      await session.rows(unchecked(`SELECT DISTINCT compression AS c FROM parquet_metadata(${name})`)),
    ).toEqual([{ c: "ZSTD" }]);
  });
});

describe("partitions", () => {
  it.each([
    [
      "text with every odd character, empty text and null",
      `['a=/%25 ü+?#"''', '', NULL, '..', repeat('long', 100)][1 + i % 5]`,
      5,
    ],
    ["binary", "['\\xAA\\x00'::BLOB, ''::BLOB, NULL][1 + i % 3]", 3],
    ["timestamps", "TIMESTAMPTZ '2024-01-01 00:00:00.123456Z' + to_microseconds(i % 4)", 4],
    ["doubles", "['nan'::DOUBLE, 'inf', 0.1, NULL][1 + i % 4]", 4],
    ["decimals", "(i % 3)::DECIMAL(38,10)", 3],
    ["booleans", "i % 2 = 0", 2],
    ["dates", "DATE '2024-01-01' + (i % 3)::INTEGER", 3],
    ["one value only", "'only'", 1],
    ["more values than files are kept open for", "i % 300", 300],
  ])("of %s: one file each, the values as text, the column left out", async (_name, expression, count) => {
    const sql = `SELECT i, ${expression} AS p FROM range(1200) t(i)`;
    const files = await write(sql, { partitionBy: ["p"], fieldIds: { i: 1 } });
    expect(files).toHaveLength(count);
    for (const { file, partitionValues, rows } of files.slice(0, 10)) {
      const value =
        partitionValues[0] === null || partitionValues[0] === undefined
          ? "NULL"
          : quoteText(partitionValues[0]);
      const same = `SELECT count(*) AS n, count(r.i) AS matched FROM read_parquet(${quoteText(file)}) f LEFT JOIN (${sql}) r ON r.i = f.i AND CAST(r.p AS VARCHAR) IS NOT DISTINCT FROM ${value}`;
      expect(await session.rows(unchecked(same))).toEqual([{ n: BigInt(rows), matched: BigInt(rows) }]);
      expect(
        await session.describe(
          unchecked(`SELECT * FROM read_parquet(${quoteText(file)}, hive_partitioning = false)`),
        ),
      ).toMatchObject([{ name: "i" }]);
    }
    const total = `SELECT count(*) AS n, count(DISTINCT i) AS d FROM read_parquet(${textList(files.map((file) => file.file))}, hive_partitioning = false)`;
    expect(await session.rows(unchecked(total))).toEqual([{ n: 1200n, d: 1200n }]);
  });

  it("of several columns keep their order", async () => {
    const files = await write("SELECT i, i % 2 AS a, i % 3 AS b FROM range(60) t(i)", {
      partitionBy: ["b", "a"],
    });
    expect(files.map((file) => file.partitionValues.join()).sort()).toEqual([
      "0,0",
      "0,1",
      "1,0",
      "1,1",
      "2,0",
      "2,1",
    ]);
  });

  it("above the target size are cut, and nothing else is left in the folder", async () => {
    const out = mkdtempSync(join(folder, "out-"));
    const options = { folder: out, partitionBy: ["p"], targetFileBytes: 1_000_000 };
    const files = await session.writeParquet(
      sql`SELECT i, hash(i) AS h, i % 2 AS p FROM range(800000) t(i)`,
      options,
    );
    expect(files.length).toBeGreaterThan(4);
    const onDisk = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(onDisk).toHaveLength(files.length);
    const total = `SELECT count(*) AS n, sum(i) AS s FROM read_parquet(${textList(files.map((file) => file.file))}, hive_partitioning = false)`;
    expect(await session.rows(unchecked(total))).toEqual([{ n: 800_000n, s: 319_999_600_000n }]);
  });
});

describe("dictionaries", () => {
  const rows = "SELECT i % 5000 AS few, i % 20000 AS more, i AS each FROM range(122880) t(i)";
  const withDictionary = async (options: Omit<ParquetWriteOptions, "folder">) => {
    const [written] = await write(rows, { compression: "zstd", ...options });
    return session.rows(
      unchecked(
        `SELECT path_in_schema AS name FROM parquet_metadata(${quoteText(written?.file ?? "")}) WHERE dictionary_page_offset IS NOT NULL ORDER BY name`,
      ),
    );
  };

  it.each([
    ["the engine's own share", undefined, ["few", "more"]],
    ["a share that is enough", 0.17, ["few", "more"]],
    ["a smaller share, of which the least is a fifteenth", 0.001, ["few"]],
    ["a share above the engine's own", 0.9, ["few", "more"]],
  ])("are made of columns with few distinct values: %s", async (_, dictionaryShare, names) => {
    expect(await withDictionary({ dictionaryShare })).toEqual(names.map((name) => ({ name })));
  });

  it.each([
    [
      "holds it",
      "SELECT CASE i % 3 WHEN 0 THEN 0.0::DOUBLE WHEN 1 THEN '-0.0'::DOUBLE ELSE 1 END AS x",
      2000,
    ],
    ["does not", "SELECT CASE i % 3 WHEN 0 THEN 0.0::DOUBLE WHEN 1 THEN 0.5 ELSE 1 END AS x", 0],
  ])("lose no -0 where a superset of the rows %s", async (_, select, found) => {
    const superset = unchecked(`${select} FROM range(9000) t(i)`);
    const [file] = await write(`${select} FROM range(6000) t(i)`, { superset, dictionaryShare: 0.01 });
    const lost = `SELECT count(*) AS n FROM read_parquet(${quoteText(file?.file ?? "")}) WHERE x = 0 AND signbit(x)`;
    expect(await session.rows(unchecked(lost))).toEqual([{ n: BigInt(found) }]);
  });
});

describe("NaN", () => {
  it.each([5, 130_000, 399_999])(
    "is told of row %i of a file with several row groups, in structs too",
    async (at) => {
      const value = `CASE WHEN i = ${at} THEN CAST('nan' AS DOUBLE) ELSE i END`;
      const items = [
        `${value} AS d`,
        `CAST(${value} AS FLOAT) AS f`,
        "CAST(i AS DOUBLE) AS none",
        `{'d': ${value}} AS "s.t"`,
      ];
      const [file] = await write(`SELECT ${items.join(", ")} FROM range(400000) t(i)`);
      expect(file?.columns.map(({ path, hasNan }) => [path.join("/"), hasNan])).toEqual([
        ["d", true],
        ["f", true],
        ["none", false],
        ["s.t/d", true],
      ]);
    },
  );
});

describe("stopping", () => {
  it("an aborted write is CANCELLED", async () => {
    const controller = new AbortController();
    const failure = write("SELECT i, hash(i) AS h FROM range(1000000000) t(i)", {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 100);
    await expect(failure).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("a write that is aborted while its rows are counted is CANCELLED too", async () => {
    const controller = new AbortController();
    const options = { signal: controller.signal, targetFileBytes: 1_000_000, onProgress: () => undefined };
    const failure = write(
      "SELECT i, hash(i) AS h FROM range(1000000000) t(i) WHERE md5(i::VARCHAR) <> ''",
      options,
    );
    setTimeout(() => controller.abort(), 50);
    await expect(failure).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("is not missed, however early it comes: before the engine begins, or between two of its statements", async () => {
    for (let turns = 0; turns < 24; turns++) {
      for (const measured of [{}, { onProgress: () => undefined }]) {
        const controller = new AbortController();
        const failure = write(
          "SELECT i, hash(i) AS h FROM range(1000000000) t(i) WHERE md5(i::VARCHAR) <> ''",
          {
            signal: controller.signal,
            targetFileBytes: 1_000_000,
            ...measured,
          },
        );
        const cancelled = expect(failure).rejects.toMatchObject({ code: "CANCELLED" });
        for (let turn = 0; turn < turns; turn++)
          await (turn % 3 === 0 ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve());
        controller.abort();
        await cancelled;
      }
    }
  });

  it("a failure in the rows is thrown as what it is", async () => {
    await expect(write("SELECT CAST('x' || i AS INTEGER) AS c FROM range(3) t(i)")).rejects.toMatchObject({
      code: "SQL_FAILED",
    });
  });
});
