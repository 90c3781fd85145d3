import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertTable } from "../../src/api/convert-table.ts";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { typeText } from "../../src/schema/type-names.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import { startS3Server } from "../support/s3-server.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const fixtures = join(import.meta.dirname, "../fixtures/parquet");
let session: OpenSession;
beforeAll(async () => {
  session = await duckdbEngine.open();
});
afterAll(() => session.close());

/** Writes the rows of a query to a Parquet file, as the engine itself writes it. */
async function write(folder: string, path: string, query: string, options = ""): Promise<void> {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  await session.execute(unchecked(`COPY (${query}) TO ${quoteText(file)} (FORMAT parquet${options})`));
}

const statistics = (folder: string) =>
  actionsOf(folder, 0, "add").map(({ path, stats }) => ({ path, ...Object(JSON.parse(String(stats))) }));

describe("converting a folder of Parquet files", () => {
  it("makes a table of them where they are, with the columns of all and statistics of each", async () => {
    const folder = freshFolder();
    await write(
      folder,
      "a.parquet",
      "SELECT i::INTEGER AS id, 'name ' || i AS name, {'x': i / 2, 'y': [i]} AS s, CASE WHEN i = 3 THEN 'NaN'::DOUBLE ELSE i END AS f FROM range(5) AS r(i)",
    );
    await write(
      folder,
      "sub folder/b%20[x]*.parquet",
      "SELECT (i + 5)::SMALLINT AS id, repeat('z', 50) AS name, DATE '2024-01-31' AS d FROM range(2) AS r(i)",
    );
    await write(folder, "empty.parquet", "SELECT 1::INTEGER AS id WHERE false");
    writeFileSync(join(folder, "_SUCCESS"), "");
    writeFileSync(join(folder, ".hidden"), "x");
    const before = new Map(filesBelow(folder).map((file) => [file, readFileSync(join(folder, file))]));
    expect(await convertTable(folder, { dryRun: true })).toMatchObject({
      outcome: "dryRun",
      files: 3,
      rows: 7,
    });
    expect(filesBelow(folder)).toEqual([...before.keys()]);
    expect(await convertTable(folder)).toMatchObject({ outcome: "committed", version: 0, files: 3, rows: 7 });
    for (const [file, bytes] of before) expect(readFileSync(join(folder, file)).equals(bytes)).toBe(true);
    await using table = await openTable(folder);
    expect(table.snapshot().schema.fields.map(({ name, type }) => `${name} ${typeText(type)}`)).toEqual([
      "id integer",
      "name string",
      "s struct<x: double, y: array<long>>",
      "f double",
      "d date",
    ]);
    expect((await rowsOf(table)).map(({ id, d }) => [Number(id), d])).toEqual([
      ...[0, 1, 2, 3, 4].map((id) => [id, null]),
      [5, "2024-01-31"],
      [6, "2024-01-31"],
    ]);
    const [a, empty, b] = statistics(folder).sort((one, other) => (one.path < other.path ? -1 : 1));
    expect(a).toMatchObject({
      path: "a.parquet",
      numRecords: 5,
      minValues: { id: 0, name: "name 0", s: { x: 0 }, f: 0 },
      maxValues: { id: 4, name: "name 4", s: { x: 2 } },
      nullCount: { id: 0, name: 0, s: { x: 0 }, f: 0, d: 5 },
      tightBounds: true,
    });
    expect(a.maxValues.f).toBeUndefined();
    expect(empty).toMatchObject({ numRecords: 0, minValues: {} });
    expect(b).toMatchObject({
      path: "sub%20folder/b%2520%5Bx%5D*.parquet",
      minValues: { id: 5, name: "z".repeat(32), d: "2024-01-31" },
      maxValues: { id: 6, name: `${"z".repeat(31)}{` },
      nullCount: { f: 2, s: { x: 2 } },
    });
    expect(await table.count("id = 6 AND name LIKE 'zz%'")).toBe(1);
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
    const [{ operation, operationParameters, operationMetrics } = {}] = await table.history();
    expect({ operation, operationParameters, operationMetrics }).toMatchObject({
      operation: "CONVERT",
      operationParameters: {
        numFiles: "3",
        partitionedBy: "[]",
        collectStats: "true",
        sourceFormat: "parquet",
      },
      operationMetrics: { numConvertedFiles: "3" },
    });
    await table.append([{ id: 9, name: "new" }]);
    await table.delete("id = 5");
    expect((await rowsOf(table)).map(({ id }) => Number(id))).toEqual([0, 1, 2, 3, 4, 6, 9]);
    expect(await convertTable(folder)).toMatchObject({ outcome: "unchanged", version: 2 });
  });

  it("gives the same statistics as appending the rows does", async () => {
    const query = `SELECT i::TINYINT AS b, i::BIGINT * 1000000007 AS l, i::FLOAT / 7 AS f, i::DECIMAL(20,3) / 8 AS dec, i % 2 = 0 AS t,
      CASE WHEN i % 3 = 0 THEN NULL ELSE 'ü' || chr(128512 + i::INTEGER) || repeat('x', i::INTEGER) END AS v, DATE '1999-12-31' + i::INTEGER AS d,
      TIMESTAMPTZ '2024-01-01 00:00:00.123456+00' + INTERVAL (i) MINUTE AS ts, TIMESTAMP '1960-01-01 00:00:00.999999' AS ntz,
      encode('b' || i) AS bin, MAP {'k': i} AS m, NULL::INTEGER AS n FROM range(50) AS r(i)`;
    const folder = freshFolder();
    await write(join(folder, "files"), "a.parquet", query);
    await using table = await createTable(join(folder, "t"), {
      source: { sql: query.replace("NULL::INTEGER AS n", "CAST(NULL AS INTEGER) AS n") },
    });
    await convertTable(join(folder, "files"));
    const [own] = actionsOf(join(folder, "t"), 0, "add");
    const [converted] = actionsOf(join(folder, "files"), 0, "add");
    expect(JSON.parse(String(converted?.["stats"]))).toEqual(JSON.parse(String(own?.["stats"])));
    const schema = (await openTable(join(folder, "files"))).snapshot().schema;
    expect(schema).toEqual(table.snapshot().schema);
  });

  it("without statistics counts rows by the footers", async () => {
    const folder = freshFolder();
    await write(folder, "a.parquet", "SELECT 1 AS id");
    await convertTable(folder, { statistics: false });
    expect(statistics(folder)).toEqual([{ path: "a.parquet", numRecords: 1 }]);
    expect(await (await openTable(folder)).count("id = 1")).toBe(1);
  });

  it("takes partition values from folders, by the types of their columns", async () => {
    const folder = freshFolder();
    const values = [
      "d=2024-01-31/n=07/v=a%20b%3Dü%25",
      "d=__HIVE_DEFAULT_PARTITION__/N=8/v=__HIVE_DEFAULT_PARTITION__",
    ];
    for (const [index, path] of values.entries())
      await write(folder, `${path}/x y.parquet`, `SELECT ${index} AS id, 'in the file' AS v`);
    await convertTable(folder, { partitionBy: ["d date, n int", "`v` string"] });
    await using table = await openTable(folder);
    expect(table.snapshot().schema.fields.map(({ name }) => name)).toEqual(["id", "d", "n", "v"]);
    expect(await rowsOf(table)).toEqual([
      { id: 0, d: "2024-01-31", n: 7, v: "a b=ü%" },
      { id: 1, d: null, n: 8, v: null },
    ]);
    expect(await table.count("d = DATE '2024-01-31' AND v = 'a b=ü%'")).toBe(1);
    await table.delete("n = 8");
    expect((await rowsOf(table)).map(({ id }) => id)).toEqual([0]);
  });

  it("refuses folders that are not those of the partition columns, and values that are not of their types", async () => {
    const folder = freshFolder();
    await write(folder, "d=2024-01-31/n=x/a.parquet", "SELECT 1 AS id");
    const refused = async (partitionBy: string[] | undefined, code: string, data: object) => {
      await expect(convertTable(folder, { partitionBy })).rejects.toMatchObject({ code, data });
      expect(filesBelow(folder)).toEqual(["d=2024-01-31/n=x/a.parquet"]);
    };
    const path = "d=2024-01-31/n=x/a.parquet";
    await refused(undefined, "INVALID_ARGUMENT", { path, found: ["d", "n"] });
    await refused(["d date"], "INVALID_ARGUMENT", { path });
    await refused(["n string", "d date"], "INVALID_ARGUMENT", { path });
    await refused(["d date", "n int"], "SCHEMA_MISMATCH", { column: ["n"], found: "x", file: path });
    await refused(["d dat", "n string"], "SQL_FAILED", {});
    await refused(["d array<int>", "n string"], "SCHEMA_MISMATCH", { column: ["d"] });
    await convertTable(folder, { partitionBy: ["d date", "n string"] });
  });

  it.each([
    ["numbers of other sizes", "1::BIGINT", "1::INTEGER", "long", "integer"],
    ["text and a number", "'1'", "1::INTEGER", "string", "integer"],
    ["decimals of other scales", "1::DECIMAL(9,2)", "1::DECIMAL(9,3)", "decimal(9,2)", "decimal(9,3)"],
    ["a field of a struct", "{'f': 1::BIGINT}", "{'f': 'x'}", "long", "string"],
  ])("refuses files whose types disagree, naming both: %s", async (_, first, second, one, other) => {
    const folder = freshFolder();
    await write(folder, "a.parquet", `SELECT ${first} AS c`);
    await write(folder, "b.parquet", `SELECT ${second} AS c`);
    const failure = await convertTable(folder).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "SCHEMA_MISMATCH" });
    for (const text of ["a.parquet", "b.parquet", one, other]) expect(String(failure)).toContain(text);
    expect(filesBelow(folder)).toEqual(["a.parquet", "b.parquet"]);
  });

  it("refuses a folder with another table in it, whose log says which of its files count", async () => {
    const folder = freshFolder();
    await write(folder, "a.parquet", "SELECT 1 AS id");
    {
      await using inner = await createTable(join(folder, "x", "inner"), { source: [{ id: 1 }] });
      await inner.overwrite([{ id: 2 }]);
    }
    const before = filesBelow(folder);
    await expect(convertTable(folder)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { path: "x/inner" },
    });
    expect(filesBelow(folder)).toEqual(before);
  });

  it("refuses files that belong to the table around the folder, or belonged to it", async () => {
    const folder = freshFolder();
    await using outer = await createTable(folder, { source: [{ id: 1, d: 1 }], partitionBy: ["d"] });
    await outer.append([{ id: 2, d: 2 }]);
    await outer.delete("d = 2");
    for (const inner of ["d=1", "d=2"]) {
      await expect(convertTable(join(folder, inner), { dryRun: true })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        data: { location: outer.uri },
      });
      expect(filesBelow(join(folder, inner))).toHaveLength(1);
    }
    await write(folder, "others/a.parquet", "SELECT 1 AS id");
    expect(await convertTable(join(folder, "others"))).toMatchObject({ outcome: "committed", files: 1 });
  });

  it("takes a folder of a bucket whose other folders may not be listed", async () => {
    const server = await startS3Server();
    try {
      const bucket = server.buckets.get("bucket");
      const folder = freshFolder();
      await write(folder, "a.parquet", "SELECT 1 AS id");
      bucket?.put("x/y/a.parquet", readFileSync(join(folder, "a.parquet")), {});
      const isAbove = ({ query }: { query: ReadonlyMap<string, string> }) =>
        ["x/_delta_log/", "_delta_log/"].includes(query.get("prefix") ?? "");
      server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, isAbove, 9);
      const options = { s3: server.options };
      expect(await convertTable("s3://bucket/x/y", options)).toMatchObject({ files: 1, rows: 1 });
    } finally {
      await server.close();
    }
  });

  it("refuses what is no type of Delta's, names that differ by case, and what is no Parquet file", async () => {
    const folder = freshFolder();
    const queries = {
      unsigned: "SELECT 1::UINTEGER AS c",
      time: "SELECT TIME '10:00' AS c",
      uuid: "SELECT uuid() AS c",
      nanoseconds: "SELECT TIMESTAMP_NS '2024-01-01 00:00:00' AS c",
      nested: "SELECT [1::UBIGINT] AS c",
    };
    for (const [name, query] of Object.entries(queries)) {
      await write(join(folder, name), "a.parquet", query);
      await expect(convertTable(join(folder, name)), name).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    }
    await write(join(folder, "case"), "a.parquet", "SELECT 1 AS c");
    await write(join(folder, "case"), "b.parquet", "SELECT 1 AS C");
    await expect(convertTable(join(folder, "case"))).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await write(join(folder, "text"), "a.parquet", "SELECT 1 AS c");
    writeFileSync(join(folder, "text/readme.txt"), "no Parquet at all, but long enough to be looked at");
    await expect(convertTable(join(folder, "text"))).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
    mkdirSync(join(folder, "none"));
    writeFileSync(join(folder, "none/_SUCCESS"), "");
    for (const name of ["none", "absent"])
      await expect(convertTable(join(folder, name))).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    expect(filesBelow(folder).some((file) => file.includes("_delta_log"))).toBe(false);
  });

  it("reads files of other programs: INT96, times with and without a zone", async () => {
    const folder = freshFolder();
    await write(
      folder,
      "a.parquet",
      "SELECT TIMESTAMP '2024-01-01 10:00:00' AS local, TIMESTAMPTZ '2024-01-01 10:00:00+02' AS zoned",
    );
    await convertTable(folder);
    await using table = await openTable(folder);
    expect(table.snapshot().schema.fields.map(({ type }) => type)).toEqual(["timestamp_ntz", "timestamp"]);
    cpSync(join(fixtures, "int96-exact.parquet"), join(folder, "old/int96.parquet"));
    await convertTable(join(folder, "old"));
    await using old = await openTable(join(folder, "old"));
    expect(old.snapshot().schema.fields.map(({ type }) => type)).toEqual(["timestamp"]);
    expect(await rowsOf(old)).toMatchObject([
      { x: "2023-11-14T22:13:20.123456Z" },
      { x: "1969-12-31T23:59:59.999999Z" },
      { x: null },
    ]);
  });

  it.each(readdirSync(fixtures))("reads the whole file before it writes, or refuses it: %s", async (name) => {
    const folder = freshFolder();
    cpSync(join(fixtures, name), join(folder, name));
    const failure = await convertTable(folder).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) await rowsOf(await openTable(folder));
    else {
      expect(isVarveError(failure), String(failure)).toBe(true);
      expect(filesBelow(folder)).toEqual([name]);
    }
  });

  it("is done by SQL and on S3", async () => {
    const folder = freshFolder();
    await write(folder, "p/d=2024-01-31/a.parquet", "SELECT 1 AS id");
    const [converted, again, read] = await runSql(
      `CONVERT TO DELTA parquet.\`${join(folder, "p")}\` NO STATISTICS PARTITIONED BY (d DATE);
       CONVERT TO DELTA parquet.\`${join(folder, "p")}\`; SELECT * FROM delta.\`${join(folder, "p")}\``,
    );
    expect(converted).toMatchObject({ outcome: "committed", version: 0, metrics: { files: 1, rows: 1 } });
    expect(again).toMatchObject({ outcome: "unchanged", version: 0 });
    expect(read?.rows).toEqual([{ id: 1, d: "2024-01-31" }]);
    const server = await startS3Server();
    try {
      const bytes = readFileSync(join(folder, dataFiles(folder)[0] ?? ""));
      server.buckets.get("bucket")?.put("x y/d=2024-02-01/ä.parquet", bytes, {});
      const options = { s3: server.options };
      await convertTable("s3://bucket/x y", { partitionBy: ["d date"], ...options });
      await using table = await openTable("s3://bucket/x y", options);
      expect(await rowsOf(table)).toEqual([{ id: 1, d: "2024-02-01" }]);
    } finally {
      await server.close();
    }
  });
});
