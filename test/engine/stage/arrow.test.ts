import {
  Bool,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  Float16,
  Int32,
  LargeUtf8,
  List,
  makeData,
  makeVector,
  RecordBatch,
  RecordBatchReader,
  Schema,
  Struct,
  Table,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Uint64,
  Utf8,
  Utf8View,
  vectorFromArray,
} from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineSource, OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await openSession({ threads: 2 });
});

afterAll(() => session.close());

async function exported(sql: string, batchRows?: number): Promise<Table> {
  const batches: RecordBatch[] = [];
  for await (const batch of session.arrow(unchecked(sql), batchRows === undefined ? {} : { batchRows }))
    batches.push(batch);
  return new Table(batches);
}

async function staged(source: EngineSource) {
  const relation = await session.stage(source);
  return {
    columns: relation.columns.map((column) => `${column.name} ${column.type}`),
    rows: await session.rows(relation.sql),
  };
}

const allTypes = `SELECT (i % 100)::TINYINT AS tiny, i::SMALLINT AS small, i::INTEGER AS int, i AS big, i % 2 = 0 AS bool,
  i::FLOAT / 3 AS f, i::DOUBLE / 3 AS d, (i % 300)::DECIMAL(4,1) AS d4, -i::DECIMAL(9,2) AS d9, i::DECIMAL(18,3) AS d18,
  (-1234567890123456789 * i::DECIMAL(38,0))::DECIMAL(38,5) AS d38, 'é' || i AS short, 'a longer text, number ' || i AS long, NULL::VARCHAR AS nothing,
  ('bytes' || i)::BLOB AS bytes, DATE '1969-12-01' + i::INTEGER AS date, TIMESTAMPTZ '1969-12-31 23:59:59.999999Z' + to_microseconds(i) AS tz,
  TIMESTAMP '2024-01-01 00:00:00.000001' + to_seconds(i) AS ntz, {'a': i, 'b': ['x' || i, NULL, 'something longer than ' || i]} AS st,
  CASE WHEN i % 3 = 0 THEN NULL ELSE list_transform(range(i % 5), lambda x: {'v': x, 'w': [x::VARCHAR]}) END AS nested,
  MAP {'k' || i: i, 'other key that is long': NULL} AS m`;

describe("out and in again", () => {
  it.each([
    ["plain rows", `${allTypes} FROM range(5000) t(i)`],
    [
      "rows with nulls anywhere",
      `SELECT * REPLACE (CASE WHEN i % 7 = 0 THEN NULL ELSE long END AS long, CASE WHEN i % 5 = 0 THEN NULL ELSE d38 END AS d38, CASE WHEN i % 2 = 0 THEN NULL ELSE st END AS st, CASE WHEN i % 4 = 0 THEN NULL ELSE m END AS m, CASE WHEN i % 3 = 0 THEN NULL ELSE bool END AS bool) FROM (${allTypes}, i FROM range(5000) t(i))`,
    ],
    [
      "rows picked by a filter",
      `SELECT * FROM (${allTypes}, i FROM range(20000) t(i)) WHERE hash(i) % 3 = 0`,
    ],
    ["rows in another order", `SELECT * FROM (${allTypes}, i FROM range(7000) t(i)) ORDER BY hash(i)`],
    [
      "repeated texts",
      `SELECT ['a text of a dictionary', 'another one, longer than the first', 'x'][1 + i % 3] AS v FROM range(9000) t(i)`,
    ],
    [
      "very long texts beside empty ones",
      `SELECT CASE WHEN i % 2 = 0 THEN '' ELSE repeat('long ', (i * 37) % 3000) END AS v FROM range(3000) t(i)`,
    ],
  ])("%s keep every value and their order", async (_name, sql) => {
    await session.execute(unchecked("DROP TABLE IF EXISTS reference"));
    await session.execute(unchecked(`CREATE TABLE reference AS ${sql}`));
    for (const batchRows of [1000, 65_536]) {
      const back = await session.stage({ kind: "arrow", data: await exported("FROM reference", batchRows) });
      const differences = `SELECT count(*) AS n FROM (SELECT *, row_number() OVER () AS n FROM (${back.sql})) a
        FULL JOIN (SELECT *, rowid + 1 AS n FROM reference) b USING (n) WHERE a IS DISTINCT FROM b`;
      expect(await session.rows(unchecked(differences))).toEqual([{ n: 0n }]);
    }
  });

  it("an IPC stream of the exported table reads back the same", async () => {
    const table = await exported(`${allTypes} FROM range(100) t(i)`);
    const bytes = tableToIPC(table, "stream");
    const whole = await staged({ kind: "arrow-ipc", stream: bytes });
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    }
    expect(whole.rows).toHaveLength(100);
    expect(await staged({ kind: "arrow-ipc", stream: pieces() })).toEqual(whole);
    expect(tableFromIPC(bytes).schema.fields.map((field) => field.name)).toEqual(
      table.schema.fields.map((field) => field.name),
    );
  });
});

describe("export", () => {
  it("a result without rows still has its schema", async () => {
    const table = await exported("SELECT 1 AS a, 'x' AS b WHERE false");
    expect(table.numRows).toBe(0);
    expect(String(table.schema)).toBe("Schema<{ 0: a: Int32, 1: b: Utf8 }>");
  });

  it("types that only the engine has become the nearest that hold every value", async () => {
    const table = await exported(
      "SELECT sum(9223372036854775807) AS s, 200::UTINYINT AS u, TIME '10:00:00' AS t, [1::UBIGINT] AS l FROM range(2)",
    );
    expect(String(table.schema)).toBe(
      "Schema<{ 0: s: Decimal[38e0], 1: u: Int16, 2: t: Utf8, 3: l: List<Decimal[20e0]> }>",
    );
  });

  it("columns of one name get different ones", async () => {
    const table = await exported("SELECT 1 AS a, 2 AS a");
    expect(table.schema.fields.map((field) => field.name)).toEqual(["a", "a_1"]);
  });

  it("batches come one by one and can be left early", async () => {
    let batches = 0;
    for await (const batch of session.arrow(sql`SELECT i FROM range(100000000) t(i)`, {
      batchRows: 10_000,
    })) {
      expect(batch.numRows).toBeGreaterThanOrEqual(10_000);
      if (++batches === 3) break;
    }
    expect(await session.rows(sql`SELECT 1 AS still`)).toEqual([{ still: 1 }]);
  });

  it("a failure on the way is thrown as a VarveError", async () => {
    await expect(
      exported("SELECT CASE WHEN i < 100000 THEN i ELSE error('boom') END FROM range(200000) t(i)"),
    ).rejects.toMatchObject({
      code: "SQL_FAILED",
    });
  });
});

describe("import", () => {
  it.each(["NULL", 'x"NULL"'])("keeps the values of a nested field called %s", async (name) => {
    const type = new Struct([new Field(name, new Int32()), new Field("empty", new Utf8())]);
    const values = [
      { [name]: 1, empty: null },
      { [name]: 2, empty: null },
    ];
    const data = new Table({ v: vectorFromArray(values, type) });
    expect((await staged({ kind: "arrow", data })).rows).toEqual(values.map((v) => ({ v })));
  });

  it("reads types that other writers use", async () => {
    const table = new Table({
      dictionary: vectorFromArray(["a", "b", null, "a"], new Dictionary(new Utf8(), new Int32())),
      large: vectorFromArray(["x", "a text longer than twelve", null, ""], new LargeUtf8()),
      millis: vectorFromArray(
        [0, 1, null, 2].map((ms) => (ms === null ? null : new Date(ms))),
        new TimestampMillisecond(),
      ),
      days: makeVector(
        makeData({ type: new DateMillisecond(), data: BigInt64Array.of(0n, 86_400_000n, 0n, -86_400_000n) }),
      ),
      half: makeVector(
        makeData({ type: new Float16(), data: Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x0001) }),
      ),
      unsigned: makeVector(
        makeData({ type: new Uint64(), data: BigUint64Array.of(0n, 2n ** 64n - 1n, 1n, 2n) }),
      ),
      seconds: makeVector(
        makeData({ type: new TimestampSecond("Europe/Paris"), data: BigInt64Array.of(0n, -1n, 1n, 2n) }),
      ),
      nanos: makeVector(
        makeData({ type: new TimestampNanosecond("UTC"), data: BigInt64Array.of(0n, 1000n, -1000n, 2000n) }),
      ),
      flags: vectorFromArray([true, false, null, true], new Bool()),
    });
    const { columns, rows } = await staged({ kind: "arrow", data: table });
    expect(columns).toEqual([
      "dictionary VARCHAR",
      "large VARCHAR",
      "millis TIMESTAMP",
      "days DATE",
      "half FLOAT",
      "unsigned DECIMAL(20,0)",
      "seconds TIMESTAMP WITH TIME ZONE",
      "nanos TIMESTAMP WITH TIME ZONE",
      "flags BOOLEAN",
    ]);
    expect(rows.map((row) => Object.values(row))).toEqual([
      [
        "a",
        "x",
        "1970-01-01T00:00:00.000000",
        "1970-01-01",
        1,
        "0",
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00.000000Z",
        true,
      ],
      [
        "b",
        "a text longer than twelve",
        "1970-01-01T00:00:00.001000",
        "1970-01-02",
        -2,
        "18446744073709551615",
        "1969-12-31T23:59:59.000000Z",
        "1970-01-01T00:00:00.000001Z",
        false,
      ],
      [
        null,
        null,
        null,
        "1970-01-01",
        Number.POSITIVE_INFINITY,
        "1",
        "1970-01-01T00:00:01.000000Z",
        "1969-12-31T23:59:59.999999Z",
        null,
      ],
      [
        "a",
        "",
        "1970-01-01T00:00:00.002000",
        "1969-12-31",
        2 ** -24,
        "2",
        "1970-01-01T00:00:02.000000Z",
        "1970-01-01T00:00:00.000002Z",
        true,
      ],
    ]);
  });

  it("reads view types", async () => {
    const vector = vectorFromArray(
      ["short", "a text that is longer than twelve bytes", null],
      new Utf8View(),
    );
    expect((await staged({ kind: "arrow", data: new Table({ v: vector }) })).rows).toEqual([
      { v: "short" },
      { v: "a text that is longer than twelve bytes" },
      { v: null },
    ]);
  });

  it("reads slices of arrays at any offset", async () => {
    const table = tableFromArrays({ i: Int32Array.from({ length: 100 }, (_, at) => at) });
    const list = vectorFromArray(
      Array.from({ length: 100 }, (_, at) => (at % 3 === 0 ? null : [at, at + 1])),
      new List(new Field("element", new Int32(), true)),
    );
    const flags = vectorFromArray(
      Array.from({ length: 100 }, (_, at) => at % 2 === 0),
      new Bool(),
    );
    const sliced = table.assign(new Table({ list, flags })).slice(13, 16);
    expect((await staged({ kind: "arrow", data: sliced })).rows).toEqual([
      { i: 13, list: [13, 14], flags: false },
      { i: 14, list: [14, 15], flags: true },
      { i: 15, list: null, flags: false },
    ]);
  });

  it("reads batches from an async iterable, and a table without rows", async () => {
    const table = tableFromArrays({ i: Int32Array.of(1, 2) });
    async function* batches() {
      yield* table.batches;
      yield* table.batches;
    }
    expect((await staged({ kind: "arrow", data: batches() })).rows).toEqual([
      { i: 1 },
      { i: 2 },
      { i: 1 },
      { i: 2 },
    ]);
    expect(await staged({ kind: "arrow", data: new Table(table.schema, []) })).toEqual({
      columns: ["i INTEGER"],
      rows: [],
    });
  });

  it.each([
    [
      "nanoseconds that are no whole microseconds",
      new Table({ v: makeVector(makeData({ type: new TimestampNanosecond(), data: BigInt64Array.of(1n) })) }),
    ],
    [
      "a date with a time",
      new Table({ v: makeVector(makeData({ type: new DateMillisecond(), data: BigInt64Array.of(1n) })) }),
    ],
    [
      "a decimal of too many digits",
      new Table({
        v: makeVector(makeData({ type: new Decimal(0, 2, 128), data: Uint32Array.of(100, 0, 0, 0) })),
      }),
    ],
    [
      "texts that are no UTF-8",
      new Table({
        v: makeVector(
          makeData({ type: new Utf8(), valueOffsets: Int32Array.of(0, 1), data: Uint8Array.of(255) }),
        ),
      }),
    ],
  ])("%s are SCHEMA_MISMATCH naming the column", async (_name, data) => {
    await expect(staged({ kind: "arrow", data })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], row: 0 },
    });
  });

  it("two columns of one name are refused", async () => {
    const schema = new Schema([new Field("a", new Int32()), new Field("A", new Int32())]);
    const child = makeData({ type: new Int32(), data: Int32Array.of(1) });
    const batch = new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length: 1, children: [child, child] }),
    );
    await expect(staged({ kind: "arrow", data: [batch] })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["A"] },
    });
  });

  it("a batch of another schema is refused, naming its first row", async () => {
    const [a, b] = [tableFromArrays({ i: Int32Array.of(1) }), tableFromArrays({ i: Float64Array.of(1) })];
    await expect(staged({ kind: "arrow", data: [...a.batches, ...b.batches] })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { row: 1 },
    });
  });

  it("a truncated or empty IPC stream is SOURCE_UNREADABLE", async () => {
    const bytes = tableToIPC(
      tableFromArrays({ i: Int32Array.from({ length: 1000 }, (_, at) => at) }),
      "stream",
    );
    expect(RecordBatchReader.from(bytes)).toBeDefined();
    await expect(staged({ kind: "arrow-ipc", stream: bytes.subarray(0, 2000) })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    await expect(staged({ kind: "arrow-ipc", stream: new Uint8Array(0) })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
    await expect(
      staged({ kind: "arrow-ipc", stream: new TextEncoder().encode("not arrow at all, just text") }),
    ).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
  });

  it("bytes that came with a stream's end, and are no part of it, are not dropped in silence", async () => {
    const one = tableToIPC(tableFromArrays({ i: Int32Array.of(1, 2) }), "stream");
    async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
      yield* parts;
    }
    const two = staged({ kind: "arrow-ipc", stream: pieces(Buffer.concat([one, one])) });
    await expect(two).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringContaining("Pass one stream at a time"),
    });
    const padded = await staged({ kind: "arrow-ipc", stream: pieces(one, new Uint8Array(8)) });
    expect(padded.rows).toHaveLength(2);
  });
});
