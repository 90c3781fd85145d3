import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as arrow from "apache-arrow";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const people = () => schema().long("id", { nullable: false }).string("name");

describe("append", () => {
  it("adds rows of every source in the table's types, one commit each", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: people() });
    writeFileSync(join(folder, "a.csv"), "id,name\n3,c\n");
    writeFileSync(join(folder, "a.ndjson"), '{"id": 4, "name": "d"}\n{"name": "e", "id": 5}\n');
    async function* stream() {
      yield { id: 2n, name: "b" };
    }
    await table.append([{ id: 1, name: "a" }]);
    await table.append(stream());
    await table.append({ csv: join(folder, "*.csv") });
    await table.append({ ndjson: join(folder, "a.ndjson") });
    await table.append({
      parquet: join(folder, "t", String(actionsOf(join(folder, "t"), 1, "add")[0]?.["path"])),
    });
    await table.append(await table.at(2));
    await table.append(arrow.tableFromArrays({ ID: BigInt64Array.of(6n), name: ["f"] }));
    await table.append({ arrow: arrow.tableToIPC(arrow.tableFromArrays({ id: BigInt64Array.of(7n) })) });
    await table.append({ arrow: arrow.tableFromArrays({ id: BigInt64Array.of(8n) }).batches });
    await table.append({
      sql: "SELECT id + 8 AS id, upper(name) AS name FROM t WHERE id = 1",
      tables: { t: await table.at(1) },
    });
    await table.append({
      sql: "SELECT 10::BIGINT AS id, name FROM people LIMIT 1",
      files: { people: join(folder, "a.csv") },
    });
    const rows = await rowsOf(table);
    expect(table.snapshot().version).toBe(11);
    expect(rows.map((row) => `${String(row["id"])}${String(row["name"])}`)).toEqual([
      "1a",
      "1a",
      "1a",
      "2b",
      "2b",
      "3c",
      "4d",
      "5e",
      "6f",
      "7null",
      "8null",
      "9A",
      "10c",
    ]);
    await table.close();
  });

  it("keeps every type exact, nested ones too", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), {
      schema: schema()
        .byte("b")
        .short("s")
        .integer("i")
        .long("l")
        .float("f")
        .double("d")
        .decimal("big", 38, 10)
        .boolean("ok")
        .binary("bin")
        .date("day")
        .timestamp("at")
        .timestampNtz("wall")
        .string("text")
        .struct("st", schema().long("x").array("ys", "string"))
        .map("m", "string", schema().decimal("v", 4, 2)),
    });
    await table.append([
      {
        b: -128,
        s: 32767,
        i: -2147483648,
        l: 9223372036854775807n,
        f: 0.1,
        d: Number.NaN,
        big: "1234567890123456789012345678.0123456789",
        ok: true,
        bin: Uint8Array.of(0, 255),
        day: "2024-02-29",
        at: new Date("2024-01-01T10:00:00.123Z"),
        wall: "1969-12-31 23:59:59.999999",
        text: "naïve 😀",
        st: { x: 1n, ys: ["a", null] },
        m: new Map([["k", { v: "1.50" }]]),
      },
      {},
    ]);
    const [row, empty] = await rowsOf(table);
    expect(row).toMatchObject({
      b: -128,
      l: 9223372036854775807n,
      big: "1234567890123456789012345678.0123456789",
      bin: Uint8Array.of(0, 255),
      at: "2024-01-01T10:00:00.123000Z",
      wall: "1969-12-31T23:59:59.999999",
      text: "naïve 😀",
      st: { x: 1n, ys: ["a", null] },
    });
    expect(Number.isNaN(row?.["d"])).toBe(true);
    expect(Object.values(empty ?? {}).every((value) => value === null)).toBe(true);
    await table.close();
  });

  it.each<[string, unknown[], object]>([
    ["an unknown column", [{ id: 1, other: 1 }], { column: ["other"], reason: "unknown" }],
    [
      "a null in a column without null, after good rows",
      [{ id: 1 }, { id: 2 }, { id: null }],
      { column: ["id"], found: "null", row: 2 },
    ],
    ["a column without null that is absent", [{ name: "a" }], { column: ["id"], found: "no such column" }],
  ])("refuses %s whole and leaves nothing", async (_, rows, data) => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: people() });
    const before = filesBelow(folder);
    await expect(table.append(rows as Record<string, unknown>[])).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data,
    });
    expect(filesBelow(folder)).toEqual(before);
    expect((await table.refresh()).version).toBe(0);
  });

  it("merges new columns in the commit that brings them, and older files read as null", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: people().struct("s", schema().long("a")),
    });
    await table.append([{ id: 1, s: { a: 1 } }]);
    await table.append([{ id: 2, s: { a: 2, b: "x" }, extra: 1.5 }], { mergeSchema: true });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, name: null, s: { a: 1n, b: null }, extra: null },
      { id: 2n, name: null, s: { a: 2n, b: "x" }, extra: 1.5 },
    ]);
    expect(table.snapshot().version).toBe(2);
  });

  it("reads compressed CSV, and says what is wrong with files that it cannot read", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: people() });
    writeFileSync(join(folder, "a.csv.gz"), gzipSync("id,name\n1,a\n"));
    expect((await table.append({ csv: join(folder, "a.csv.gz") })).rows).toBe(1);
    const broken: Record<string, string | Buffer> = {
      "empty.csv": "",
      "many.csv": "id,name\n1,a,b\n",
      "text.csv": "id,name\nx,a\n",
      "twice.csv": "id,ID\n1,2\n",
      "latin.csv": Buffer.from("id,name\n1,\u00e4\n", "latin1"),
    };
    for (const [name, content] of Object.entries(broken)) {
      writeFileSync(join(folder, name), content);
      await expect(table.append({ csv: join(folder, name) })).rejects.toMatchObject({
        code: ["text.csv", "twice.csv"].includes(name) ? "SCHEMA_MISMATCH" : "SOURCE_UNREADABLE",
        message: expect.stringContaining(name),
      });
    }
    writeFileSync(join(folder, "cut.parquet"), "PAR1");
    await expect(table.append({ parquet: join(folder, "cut.parquet") })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    await expect(table.append({ arrow: join(folder, "no.arrow") })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    expect((await table.refresh()).version).toBe(1);
  });

  it("asks before new columns make a table unreadable for older engines", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: people() });
    const wall = { sql: "SELECT 1::BIGINT AS id, TIMESTAMP '2024-01-01 00:00:00' AS wall" };
    await expect(table.append(wall, { mergeSchema: true })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["timestampNtz"] },
    });
    await table.append(wall, { mergeSchema: true, upgradeProtocol: true });
    expect(await rowsOf(table)).toEqual([{ id: 1n, name: null, wall: "2024-01-01T00:00:00.000000" }]);
  });

  it("does nothing the second time for the same transaction or batch", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: people() });
    const other = await openTable(folder);
    const txn = { appId: "etl", version: 7 };
    expect((await table.append([{ id: 1 }], { txn })).outcome).toBe("committed");
    expect(await table.append([{ id: 1 }], { txn })).toMatchObject({
      outcome: "alreadyApplied",
      rows: 0,
      version: 1,
    });
    expect(await other.append([{ id: 1 }], { txn })).toMatchObject({ outcome: "alreadyApplied", rows: 0 });
    expect((await table.append([{ id: 2 }], { batchId: "b1" })).outcome).toBe("committed");
    expect((await table.append([{ id: 2 }], { batchId: "b1" })).outcome).toBe("alreadyApplied");
    expect(await rowsOf(table, ["id"])).toEqual([{ id: 1n }, { id: 2n }]);
    expect(dataFiles(folder)).toHaveLength(2);
  });

  it("stops when told to and leaves nothing", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: people() });
    const before = filesBelow(folder);
    const controller = new AbortController();
    async function* endless() {
      for (let id = 0; ; id++) {
        if (id === 10_000) controller.abort();
        yield { id };
      }
    }
    await expect(table.append(endless(), { signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(filesBelow(folder)).toEqual(before);
  });

  it("commits nothing for a source without rows, unless the commit would say more than that", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: people() });
    const files = filesBelow(folder);
    const unchanged = { outcome: "unchanged", version: 0, rows: 0, filesAdded: 0 };
    writeFileSync(join(folder, "..", "none.csv"), "id,name\n");
    expect(await table.append([])).toMatchObject(unchanged);
    expect(await table.append({ csv: join(folder, "..", "none.csv") }, { mergeSchema: true })).toMatchObject(
      unchanged,
    );
    const gate = suite("any", [check.notNull("id")]);
    expect(await table.append([], { gate })).toMatchObject({
      ...unchanged,
      gate: { accepted: true, rows: 0 },
    });
    expect(await table.overwrite([])).toMatchObject(unchanged);
    expect(filesBelow(folder)).toEqual(files);
    writeFileSync(join(folder, "..", "more.csv"), "id,name,age\n");
    expect(await table.append({ csv: join(folder, "..", "more.csv") }, { mergeSchema: true })).toMatchObject({
      outcome: "committed",
      version: 1,
    });
    expect(await table.append([], { batchId: "empty" })).toMatchObject({ outcome: "committed", version: 2 });
    expect(await table.append([{ id: 1 }], { batchId: "empty" })).toMatchObject({
      outcome: "alreadyApplied",
    });
    await table.append([{ id: 1 }]);
    expect(await table.overwrite([])).toMatchObject({ outcome: "committed", version: 4, filesRemoved: 1 });
    expect(await table.count()).toBe(0);
    await table.close();
  });

  it("tells how far it is", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: people() });
    const phases: string[] = [];
    await table.append([{ id: 1 }], { onProgress: ({ phase }) => phases.push(phase) });
    expect([...new Set(phases)]).toEqual(["reading", "writing", "committing"]);
  });

  it("refuses what is no source, a file that is not there and options that exclude each other", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: people() });
    await expect(table.append("rows.csv" as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(table.append({ csv: "/no/such/*.csv" })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    await expect(table.append({ csv: "/no/such.csv" })).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(table.append([], { txn: { appId: "a", version: 1 }, batchId: "b" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const pinned = await openTable(`${table.uri}@v0`);
    await expect(pinned.append([{ id: 1 }])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("lets SQL of a source read its tables and files only", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: people() });
    const sql = "SELECT 1::BIGINT AS id, content AS name FROM read_text('/etc/hostname')";
    await expect(table.append({ sql })).rejects.toMatchObject({ code: "SQL_REFUSED" });
    expect((await table.refresh()).version).toBe(0);
  });
});

describe("statistics of appended files", () => {
  const statsOf = (folder: string, version: number) =>
    actionsOf(folder, version, "add").map(
      (add) => JSON.parse(String(add["stats"])) as Record<string, unknown>,
    );

  it("bound every value: long texts cut, upper bounds raised, moments rounded outward, no bound above NaN", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().string("s").timestamp("t").double("d").struct("n", schema().long("x")).boolean("b"),
    });
    const long = "a".repeat(40);
    await table.append([
      { s: long, t: "2024-01-01T00:00:00.000001Z", d: 1, n: { x: 5 }, b: true },
      {
        s: `${"\u{10ffff}".repeat(31)}😀z`,
        t: "2024-01-01T00:00:00.000999Z",
        d: Number.NaN,
        n: null,
        b: null,
      },
    ]);
    expect(statsOf(folder, 1)).toEqual([
      {
        numRecords: 2,
        minValues: { s: "a".repeat(32), t: "2024-01-01T00:00:00.000Z", d: 1, n: { x: 5 } },
        maxValues: { s: `${"\u{10ffff}".repeat(31)}😁`, t: "2024-01-01T00:00:00.001Z", n: { x: 5 } },
        nullCount: { s: 0, t: 0, d: 0, n: { x: 1 }, b: 1 },
        tightBounds: true,
      },
    ]);
  });

  it("keep to the columns that the table's properties name", async () => {
    const folder = freshFolder();
    const columns = schema().long("a").struct("s", schema().long("b").long("c")).long("d");
    const row = [{ a: 1, s: { b: 2, c: 3 }, d: 4 }];
    const first = await createTable(join(folder, "n"), {
      schema: columns,
      properties: { "delta.dataSkippingNumIndexedCols": "2" },
    });
    const named = await createTable(join(folder, "s"), {
      schema: columns,
      properties: { "delta.dataSkippingStatsColumns": "s, `d`" },
    });
    await first.append(row);
    await named.append(row);
    expect(statsOf(join(folder, "n"), 1)[0]?.["minValues"]).toEqual({ a: 1, s: { b: 2 } });
    expect(statsOf(join(folder, "s"), 1)[0]?.["minValues"]).toEqual({ s: { b: 2, c: 3 }, d: 4 });
  });

  it("keep all digits of decimals", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().decimal("d", 38, 0) });
    await table.append([{ d: "12345678901234567890123456789012345678" }]);
    expect(String(actionsOf(folder, 1, "add")[0]?.["stats"])).toContain(
      '"minValues":{"d":12345678901234567890123456789012345678}',
    );
  });
});
