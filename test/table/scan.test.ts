import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { z85Encode } from "../../src/protocol/z85.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { planScan } from "../../src/table/scan/scan.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { field, HandMadeTable, newSession } from "./hand-made-table.ts";

// PROTOCOL.md "Deletion Vectors", "Reader Requirements for Deletion Vectors", "Reader Requirements for Row
// Tracking", "Reader Requirements for Column Mapping" and "Partition Value Serialization".

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
});

afterEach(async () => {
  await session.close();
  table.remove();
});

/** An inline deletion vector of a few rows. */
function vectorOf(...rows: readonly number[]): object {
  const bytes = Buffer.alloc(28 + rows.length * 2 + 4);
  let at = bytes.writeInt32LE(1681511377, 0);
  at = bytes.writeBigInt64LE(1n, at);
  for (const word of [0, 12346, 1]) at = bytes.writeInt32LE(word, at);
  at = bytes.writeUInt16LE(0, at);
  at = bytes.writeUInt16LE(rows.length - 1, at);
  at = bytes.writeInt32LE(16, at);
  for (const row of rows) at = bytes.writeUInt16LE(row, at);
  return {
    storageType: "i",
    pathOrInlineDv: z85Encode(bytes.subarray(0, at)),
    sizeInBytes: at,
    cardinality: rows.length,
  };
}

const withVectors = { features: ["deletionVectors"] };

async function refusal(): Promise<{ code: string; message: string }> {
  try {
    await table.rows(session);
  } catch (error) {
    const { code, message } = error as { code: ErrorCode; message: string };
    return { code, message };
  }
  throw new Error("the read went through");
}

describe("names of data files", () => {
  it.each(["a[1].parquet", "a*.parquet", "a?.parquet", "p=[x]/**/{a,b}.parquet", "it's %25 #1.parquet"])(
    "%s is that file and no other that its name would match as a pattern",
    async (name) => {
      table.create([field("x", "integer")]);
      for (const other of ["a1.parquet", "ab.parquet"])
        await table.add(session, other, "SELECT 99::INTEGER AS x");
      const made = await table.add(session, "made.parquet", "SELECT 1::INTEGER AS x");
      mkdirSync(dirname(join(table.folder, name)), { recursive: true });
      renameSync(join(table.folder, "made.parquet"), join(table.folder, name));
      table.commit({ add: { ...made.add, path: name.split("/").map(encodeURIComponent).join("/") } });
      expect(await table.rows(session)).toEqual([{ x: 1 }]);
    },
  );
});

describe("partition values in rare spellings", () => {
  it.each([
    ["date", "10000-01-01", "10000-01-01"],
    ["date", "+12024-02-29", "12024-02-29"],
    ["date", "0001-01-01", "0001-01-01"],
    ["timestamp", "+10000-01-01T00:00:00.000001Z", "10000-01-01 00:00:00.000001+00"],
    ["timestamp", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999+00"],
    ["timestamp_ntz", "10000-01-01 00:00:00", "10000-01-01 00:00:00"],
    ["string", "+10000-01-01", "+10000-01-01"],
  ])("of type %s spelled %s are read, far years too", async (type, text, expected) => {
    table.create([field("x", "integer"), field("p", type)], {
      partitionColumns: ["p"],
      features: ["timestampNtz"],
    });
    const file = await table.add(session, "a.parquet", "SELECT 1::INTEGER AS x", {
      partitionValues: { p: text },
    });
    table.commit(file);
    const scan = await planScan(session, await table.snapshot());
    expect(await session.rows(unchecked(`SELECT CAST(p AS VARCHAR) AS p FROM (${scan.sql})`))).toEqual([
      { p: expected },
    ]);
  });
});

describe("spellings of paths", () => {
  it("a file is found by a path with segments that say nothing", async () => {
    table.create([field("x", "integer")]);
    const { add } = await table.add(session, "sub/a.parquet", "SELECT 1::INTEGER AS x");
    table.commit({ add: { ...add, path: "./sub/%2E/a.parquet" } });
    expect(await table.rows(session)).toEqual([{ x: 1 }]);
  });
});

describe("columns of data files", () => {
  it.each([["x"], ["file_index"]])(
    "a text that is null in the whole file meets no condition that a null does not (beside a column %s)",
    async (other) => {
      const fields = [
        field("p", "string"),
        field("added", "string"),
        field("v", "variant"),
        field(other, "long"),
      ];
      table.create(fields, { partitionColumns: ["p"], features: ["variantType"] });
      table.commit(
        await table.add(session, "a.parquet", `SELECT range AS "${other}" FROM range(3)`, {
          partitionValues: { p: null },
        }),
      );
      const scan = await planScan(session, await table.snapshot());
      for (const column of ["p", "added", "v::VARCHAR"]) {
        for (const condition of [
          `${column} LIKE '%'`,
          `contains(${column}, '')`,
          `${column} IS NULL AND ${column} LIKE '%%'`,
        ]) {
          const sql = `SELECT count(*) AS n FROM (${scan.sql}) WHERE "${other}" > 99 OR (${condition})`;
          expect({ condition, rows: await session.rows(unchecked(sql)) }).toEqual({
            condition,
            rows: [{ n: 0n }],
          });
        }
      }
    },
  );

  it("bytes and shorts that a preview of type widening made decimals of few digits are read, every value exactly", async () => {
    const widened = (name: string, fromType: string, toType: string) =>
      field(name, toType, { "delta.typeChanges": [{ fromType, toType, tableVersion: 2 }] });
    table.create(
      [
        widened("b", "byte", "decimal(4,1)"),
        widened("s", "short", "decimal(5,0)"),
        widened("l", "long", "decimal(20,1)"),
      ],
      {
        features: ["typeWidening-preview"],
      },
    );
    const values = "SELECT (-128)::TINYINT AS b, 32767::SMALLINT AS s, 9223372036854775807 AS l";
    table.commit(await table.add(session, "narrow.parquet", values));
    expect(await table.rows(session)).toEqual([{ b: "-128.0", s: "32767", l: "9223372036854775807.0" }]);
  });

  it("a column that a file lacks reads as null, a column that the table lacks is left out", async () => {
    table.create([field("a", "long"), field("added", { type: "struct", fields: [field("x", "string")] })]);
    table.commit(await table.add(session, "old.parquet", "SELECT 1::BIGINT AS a, 'gone' AS dropped"));
    table.commit(await table.add(session, "new.parquet", "SELECT 2::BIGINT AS a, {'x': 'here'} AS added"));
    expect(await table.rows(session)).toEqual([
      { a: 1n, added: null },
      { a: 2n, added: { x: "here" } },
    ]);
  });

  it("names match without regard to case when nothing matches exactly", async () => {
    table.create([field("Amount", "integer")]);
    table.commit(await table.add(session, "f.parquet", 'SELECT 7 AS "aMOUNT"'));
    expect(await table.rows(session)).toEqual([{ Amount: 7 }]);
  });

  it("folder names like partitions add no columns and change none", async () => {
    table.create([field("a", "integer"), field("b", "integer")]);
    table.commit(await table.add(session, "a=99/c=5/f.parquet", "SELECT 1 AS a, 2 AS b"));
    expect(await table.rows(session)).toEqual([{ a: 1, b: 2 }]);
  });

  it("file names with glob characters are read literally", async () => {
    table.create([field("a", "integer")]);
    await table.add(session, "x1.parquet", "SELECT 666 AS a");
    table.commit(await table.add(session, "x[1]*?.parquet", "SELECT 1 AS a"));
    expect(await table.rows(session)).toEqual([{ a: 1 }]);
  });

  it("a type that Delta does not allow the file to hold is refused, naming column and file", async () => {
    table.create([field("a", "integer")]);
    table.commit(await table.add(session, "wide.parquet", "SELECT 5::BIGINT AS a"));
    const { code, message } = await refusal();
    expect(code).toBe("DATA_FILE_CORRUPT");
    expect(message).toMatch(/wide\.parquet stores column a as BIGINT/);
  });

  it("nested values are widened, renamed and completed at every level", async () => {
    const mapped = (name: string, type: unknown, id: number, physical: string): object =>
      field(name, type, { "delta.columnMapping.id": id, "delta.columnMapping.physicalName": physical });
    const inner = {
      type: "struct",
      fields: [mapped("wide", "long", 3, "w"), mapped("new", "string", 4, "n")],
    };
    const configuration = { "delta.columnMapping.mode": "name" };
    table.create(
      [
        mapped("list", { type: "array", elementType: inner, containsNull: true }, 1, "l"),
        mapped("map", { type: "map", keyType: "string", valueType: inner, valueContainsNull: true }, 2, "m"),
      ],
      {
        configuration,
        features: ["columnMapping", "typeWidening"],
      },
    );
    table.commit(
      await table.add(
        session,
        "f.parquet",
        "SELECT [{'w': 1::INTEGER}, NULL] AS l, MAP {'k': {'w': 2::SMALLINT}} AS m UNION ALL SELECT NULL, NULL",
      ),
    );
    expect(await table.rows(session)).toEqual([
      { list: [{ wide: 1n, new: null }, null], map: [["k", { wide: 2n, new: null }]] },
      { list: null, map: null },
    ]);
  });
});

describe("deletion vectors", () => {
  it("leave out rows by position, in files with and without one in the same table", async () => {
    table.create([field("id", "long")], withVectors);
    const stats = JSON.stringify({ numRecords: 10 });
    const deleted = await table.add(session, "a.parquet", "SELECT range AS id FROM range(10)", {
      stats,
      deletionVector: vectorOf(0, 3, 9),
    });
    table.commit(deleted, await table.add(session, "b.parquet", "SELECT range + 100 AS id FROM range(2)"));
    const rows = await table.rows(session);
    expect(rows.map((row) => Number(row["id"]))).toEqual([1, 2, 4, 5, 6, 7, 8, 100, 101]);
  });

  it("count positions rightly in a file that has columns named like the engine's own", async () => {
    table.create([field("file_row_number", "long"), field("file_index", "long")], withVectors);
    const stats = JSON.stringify({ numRecords: 4 });
    const add = await table.add(
      session,
      "a.parquet",
      "SELECT 3 - range AS file_row_number, 7::BIGINT AS file_index FROM range(4)",
      {
        stats,
        deletionVector: vectorOf(1),
      },
    );
    table.commit(
      add,
      await table.add(
        session,
        "b.parquet",
        "SELECT 50 + range AS file_row_number, 8::BIGINT AS file_index FROM range(2)",
        {
          deletionVector: vectorOf(1),
        },
      ),
    );
    const rows = await table.rows(session);
    expect(rows.map((row) => Number(row["file_row_number"]))).toEqual([0, 1, 3, 50]);
  });

  it("a position beyond the file's rows is an error", async () => {
    table.create([field("id", "long")], withVectors);
    const more = { stats: JSON.stringify({ numRecords: 2 }), deletionVector: vectorOf(5) };
    table.commit(await table.add(session, "a.parquet", "SELECT range AS id FROM range(2)", more));
    expect((await refusal()).code).toBe("DELETION_VECTOR_CORRUPT");
  });

  it.each([undefined, JSON.stringify({ numRecords: 1000 })])(
    "a position beyond the file's own rows is an error, with the statistics %s too",
    async (stats) => {
      table.create([field("id", "long")], withVectors);
      const more = { ...(stats === undefined ? {} : { stats }), deletionVector: vectorOf(1, 5) };
      table.commit(await table.add(session, "a.parquet", "SELECT range AS id FROM range(2)", more));
      const { code, message } = await refusal();
      expect(code).toBe("DELETION_VECTOR_CORRUPT");
      expect(message).toContain("row 5 of a file with 2 rows");
    },
  );

  it("a vector that claims gigabytes for a file of two rows is refused before its file is fetched", async () => {
    table.create([field("id", "long")], withVectors);
    const deletionVector = {
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 4,
      sizeInBytes: 2 ** 31 - 1,
      cardinality: 2,
    };
    table.commit(
      await table.add(session, "a.parquet", "SELECT range AS id FROM range(2)", { deletionVector }),
    );
    const { code, message } = await refusal();
    expect(code).toBe("DELETION_VECTOR_CORRUPT");
    expect(message).toContain("a file with 2 rows needs");
  });

  it("a vector whose file is gone is an error that names it", async () => {
    table.create([field("id", "long")], withVectors);
    const deletionVector = {
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 4,
      sizeInBytes: 40,
      cardinality: 6,
    };
    table.commit(
      await table.add(session, "a.parquet", "SELECT range AS id FROM range(9)", { deletionVector }),
    );
    const { code, message } = await refusal();
    expect(code).toBe("DATA_FILE_MISSING");
    expect(message).toContain("ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  });
});

describe("row tracking", () => {
  const configuration = {
    "delta.enableRowTracking": "true",
    "delta.rowTracking.materializedRowIdColumnName": "_row_id",
    "delta.rowTracking.materializedRowCommitVersionColumnName": "_row_version",
  };

  it("takes ids from the file where it has them, else from the log", async () => {
    table.create([field("id", "long")], { configuration, features: ["rowTracking"] });
    const more = { baseRowId: 100, defaultRowCommitVersion: 4 };
    table.commit(
      await table.add(
        session,
        "a.parquet",
        "SELECT range AS id, CASE WHEN range = 1 THEN 7 END::BIGINT AS _row_id FROM range(3)",
        more,
      ),
    );
    table.commit(
      await table.add(session, "b.parquet", "SELECT 9::BIGINT AS id", {
        baseRowId: 200,
        defaultRowCommitVersion: 5,
      }),
    );
    const rows = await table.rows(session, { rowTracking: true });
    expect(rows.map((row) => row["_metadata"])).toEqual([
      { row_id: 100n, row_commit_version: 4n },
      { row_id: 7n, row_commit_version: 4n },
      { row_id: 102n, row_commit_version: 4n },
      { row_id: 200n, row_commit_version: 5n },
    ]);
  });

  it("is refused on a table that does not track rows", async () => {
    table.create([field("id", "long")]);
    await expect(table.rows(session, { rowTracking: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("files that cannot be read", () => {
  it("a missing file is named", async () => {
    table.create([field("id", "long")]);
    const add = await table.add(session, "gone.parquet", "SELECT 1::BIGINT AS id");
    table.commit(add);
    rmSync(join(table.folder, "gone.parquet"));
    const { code, message } = await refusal();
    expect(code).toBe("DATA_FILE_MISSING");
    expect(message).toContain("gone.parquet");
  });

  it.each([
    ["empty", Buffer.alloc(0)],
    ["too short", Buffer.from("PAR1")],
    ["no Parquet", Buffer.from("a,b\n1,2\n".repeat(20))],
    ["without its end", undefined],
  ])("a file that is %s is named among many", async (_, bytes) => {
    table.create([field("id", "long")]);
    const adds = [];
    for (const name of ["one", "two", "bad", "three"])
      adds.push(await table.add(session, `${name}.parquet`, "SELECT range AS id FROM range(1000)"));
    table.commit(...adds);
    const file = join(table.folder, "bad.parquet");
    const { readFileSync } = await import("node:fs");
    writeFileSync(file, bytes ?? readFileSync(file).subarray(0, 500));
    const { code, message } = await refusal();
    expect(code).toBe("DATA_FILE_CORRUPT");
    expect(message).toContain("bad.parquet");
  });

  it.each([
    "../outside.parquet",
    "%2E%2E/outside.parquet",
    "/etc/hostname",
    "file:///etc/hostname",
    "a/../../outside.parquet",
  ])("a path that leaves the table is refused: %s", async (path) => {
    table.create([field("id", "long")]);
    table.commit({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } });
    expect((await refusal()).code).toBe("PATH_OUTSIDE_TABLE");
  });

  it("an absolute path is read where the caller allowed its folder, and found to be the table's own where it is", async () => {
    const other = new HandMadeTable();
    try {
      await other.add(session, "data folder/f%1.parquet", "SELECT 5::BIGINT AS id");
      await table.add(session, "own.parquet", "SELECT 6::BIGINT AS id");
      table.create([field("id", "long")]);
      const add = (path: string): object => ({
        add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true },
      });
      table.commit(
        add(`file://${other.folder}/data%20folder/f%251.parquet`),
        add(`file:${table.folder}/own.parquet`),
      );
      const context = await openContext(table.folder, { allowedPrefixes: [other.folder] });
      const scan = await planScan(session, await openLog(context));
      expect(await session.rows(unchecked(`SELECT * FROM (${scan.sql}) ORDER BY id`))).toEqual([
        { id: 5n },
        { id: 6n },
      ]);
    } finally {
      other.remove();
    }
  });
});

describe("partition values", () => {
  it("come from the log, typed, with null for empty text, and differ from file to file", async () => {
    table.create(
      [
        field("id", "integer"),
        field("day", "date"),
        field("at", "timestamp"),
        field("bytes", "binary"),
        field("text", "string"),
      ],
      {
        partitionColumns: ["day", "at", "bytes", "text"],
      },
    );
    const values = [
      { day: "2024-02-29", at: "2024-01-01 10:00:00.5", bytes: "\\u00FF", text: "it's 100%" },
      { day: "", at: "2024-01-01T10:00:00.000001Z", bytes: null, text: "" },
    ];
    const adds = [];
    for (const [at, partitionValues] of values.entries())
      adds.push(
        await table.add(session, `p${at}.parquet`, `SELECT ${at} AS id, 'ignored' AS text`, {
          partitionValues,
        }),
      );
    table.commit(...adds);
    expect(await table.rows(session)).toEqual([
      {
        id: 0,
        day: "2024-02-29",
        at: "2024-01-01T10:00:00.500000Z",
        bytes: Uint8Array.of(255),
        text: "it's 100%",
      },
      { id: 1, day: null, at: "2024-01-01T10:00:00.000001Z", bytes: null, text: null },
    ]);
  });
});

describe("partition columns named oddly", () => {
  it("are found in another case, and not in what every object has", async () => {
    table.create([field("id", "integer"), field("Day", "string"), field("constructor", "string")], {
      partitionColumns: ["Day", "constructor"],
    });
    table.commit(await table.add(session, "a.parquet", "SELECT 1 AS id", { partitionValues: { day: "x" } }));
    const [row] = await table.rows(session);
    expect(new Map(Object.entries(row ?? {}))).toEqual(
      new Map<string, unknown>([
        ["id", 1],
        ["Day", "x"],
        ["constructor", null],
      ]),
    );
  });
});

describe("scans in general", () => {
  it("a version without files has the columns and no rows", async () => {
    table.create([
      field("a", { type: "map", keyType: "string", valueType: "decimal(10,2)", valueContainsNull: true }),
    ]);
    const scan = await planScan(session, await table.snapshot());
    expect(scan.columns).toEqual([{ name: "a", type: "MAP(VARCHAR, DECIMAL(10,2))" }]);
    expect(await session.rows(scan.sql)).toEqual([]);
  });

  it("many files of different shapes are one relation", async () => {
    table.create([field("id", "long")]);
    mkdirSync(table.folder, { recursive: true });
    const adds = [];
    for (let at = 0; at < 40; at++)
      adds.push(
        await table.add(session, `f${at}.parquet`, `SELECT ${at}::BIGINT AS id, ${at} AS "other${at}"`),
      );
    table.commit(...adds);
    const scan = await planScan(session, await table.snapshot(), { columns: ["ID"] });
    expect(
      await session.rows(
        unchecked(`SELECT count(*)::INTEGER AS n, sum(id)::INTEGER AS total FROM (${scan.sql})`),
      ),
    ).toEqual([{ n: 40, total: 780 }]);
    expect(scan.report).toMatchObject({ filesListed: 40, filesSkipped: 0, filesRead: 40 });
  });

  it("an unknown column is an error that names it", async () => {
    table.create([field("id", "long")]);
    await expect(table.rows(session, { columns: ["idd"] })).rejects.toMatchObject({
      code: "COLUMN_NOT_FOUND",
    });
  });
});
