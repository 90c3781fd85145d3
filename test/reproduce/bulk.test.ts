import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger } from "../../src/api/ledger.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

const columns = schema().long("id").string("city").double("weight").timestamp("seen");
const seen = new Date("2024-05-01T10:00:00.123Z");
const rows = [
  { id: 1n, city: "Bern", weight: 1.5, seen },
  { id: 2n, city: null, weight: -0, seen: null },
  // So often that the lower half of the sum of their hashes carries over.
  ...Array.from({ length: 40 }, () => ({
    id: 3n,
    city: `O'"x`,
    weight: Number.NaN,
    seen: new Date("1969-01-01T00:00:00Z"),
  })),
];

async function features() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "features"), { schema: columns });
  const { version } = await table.append(rows);
  const ledger = await createLedger(join(folder, "ledger"));
  return { folder, table, version, ledger, uri: table.uri };
}

const values = (list: string, names: string) => ({ sql: `FROM (VALUES ${list}) AS t(${names})` });

describe("recording predictions from a source", () => {
  it("records the same as one by one, so that either finds what the other recorded", async () => {
    const { folder, version, ledger, uri } = await features();
    const other = await createLedger(join(folder, "other"));
    const model = { name: "m", version: "1" };
    const key = (index: number) => ({
      id: rows[index]?.id,
      city: rows[index]?.city,
      seen: rows[index]?.seen,
    });
    const single = [0, 1, 2].map((index) => ({
      predictionId: `p${index}`,
      inputs: [
        { name: "row", table: uri, version, key: key(index) },
        { table: uri, version, where: "id > 1" },
      ],
      features: { a: 1 / 3, b: [1.0, null], big: 9007199254740993n },
      output: index === 0 ? 2.0 : 1e-7,
      model,
      at: new Date(1_700_000_000_123 + index),
    }));
    await other.record(single);
    const source = await createTable(join(folder, "bulk"), {
      source: {
        sql: `SELECT 'p' || (row_number() OVER () - 1) AS prediction_id, id, city, seen AS noticed,
          {big: 9007199254740993, a: 1 / 3::DOUBLE, b: [1.0::DOUBLE, NULL]} AS features,
          CASE id WHEN 1 THEN 2.0::DOUBLE ELSE 1e-7::DOUBLE END AS output,
          epoch_ms(1700000000123 + row_number() OVER () - 1) AT TIME ZONE 'UTC' AS "at"
          FROM (SELECT DISTINCT id, city, seen FROM f ORDER BY id)`,
        tables: { f: await openTable(uri) },
      },
    });
    const options = {
      inputs: [
        { name: "row", table: uri, version, key: { id: "id", city: "city", seen: "noticed" } },
        { table: uri, version, where: "id > 1" },
      ],
      model,
    };
    const bulk = source.snapshot();
    expect(await ledger.recordFrom(bulk, options)).toEqual({
      outcome: "recorded",
      version: 1,
      recorded: 3,
      alreadyRecorded: 0,
    });
    for (const { predictionId } of single) {
      const [a, b] = [await ledger.reproduce(predictionId), await other.reproduce(predictionId)];
      const { recordedAt: _, ...prediction } = b.prediction;
      expect(a.prediction).toMatchObject(prediction);
      expect(a.inputs).toEqual(b.inputs);
    }
    const again = { outcome: "alreadyRecorded", recorded: 0, alreadyRecorded: 3 };
    expect(await ledger.recordFrom(bulk, options)).toMatchObject(again);
    expect(await ledger.record(single)).toMatchObject(again);
    expect(await other.recordFrom(bulk, options)).toMatchObject(again);
    await expect(ledger.record({ ...single[0], output: 3 } as never)).rejects.toMatchObject({
      code: "PREDICTION_EXISTS",
      data: { predictionId: "p0" },
    });
    await expect(
      other.recordFrom(bulk, { ...options, model: { name: "m", version: "2" } }),
    ).rejects.toMatchObject({ code: "PREDICTION_EXISTS" });
  });

  it("reads files of every format", async () => {
    const { folder, version, ledger, uri } = await features();
    const inputs = { table: uri, version, key: ["id"] };
    const csv = join(folder, "p.csv");
    writeFileSync(csv, "prediction_id,id,output,at\nc1,1,0.5,2024-05-01\nc2,3,0.25,\n");
    expect(await ledger.recordFrom({ csv }, { inputs })).toMatchObject({ recorded: 2 });
    const ndjson = join(folder, "p.ndjson");
    writeFileSync(
      ndjson,
      '{"prediction_id":"n1","id":1,"output":{"late":0.25},"features":[1,2]}\n{"prediction_id":"n2","id":2,"output":{"late":1}}\n',
    );
    expect(await ledger.recordFrom({ ndjson }, { inputs })).toMatchObject({ recorded: 2 });
    expect(await ledger.get("c1")).toMatchObject({ output: 0.5, at: new Date("2024-05-01T00:00:00Z") });
    expect((await ledger.reproduce("c2")).inputs[0]).toMatchObject({ rows: 40 });
    expect(await ledger.get("n1")).toMatchObject({ output: { late: 0.25 }, features: [1, 2] });
    expect(await ledger.get("n2")).toMatchObject({ output: { late: 1 }, features: undefined });
  });

  it("takes a row that is there twice once, and refuses an id with two contents", async () => {
    const { ledger } = await features();
    const twice = "('a', 1), ('a', 1), ('b', 2)";
    expect(await ledger.recordFrom(values(twice, "prediction_id, output"))).toMatchObject({ recorded: 2 });
    await expect(
      ledger.recordFrom(values("('c', 1), ('d', 1), ('c', 2)", "prediction_id, output")),
    ).rejects.toMatchObject({ code: "PREDICTION_EXISTS", data: { predictionId: "c" } });
    expect(await (await openTable(ledger.uri)).count()).toBe(2);
  });

  it.each([
    ["an id", "(NULL::VARCHAR, 1, 1)", "PREDICTION_INVALID", "no prediction_id"],
    ["a character of its id", "('', 1, 1)", "PREDICTION_INVALID", "1 to 1024"],
    ["an output", "('x', 1, NULL)", "PREDICTION_INVALID", "no output"],
    ["a row of its key", "('x', 7, 1)", "PREDICTION_INVALID", "no row with its key"],
    ["a row of a key that is null", "('x', NULL::INT, 1)", "PREDICTION_INVALID", "no row with its key"],
    ["a key that fits its column", "('x', '1x', 1)", "PREDICTION_INVALID", "does not fit the column id"],
    ["a whole number as a key", "('x', 1.5, 1)", "PREDICTION_INVALID", "does not fit the column id"],
    ["an id of text", "(1.5, 1, 1)", "SCHEMA_MISMATCH", "must be text"],
  ])("refuses a row without %s, and writes nothing", async (_, row, code, text) => {
    const { version, ledger, uri } = await features();
    const source = values(row, "prediction_id, id, output");
    const inputs = { table: uri, version, key: ["id"] };
    await expect(ledger.recordFrom(source, { inputs })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(await (await openTable(ledger.uri)).count()).toBe(0);
  });

  it.each([
    ["a column that nothing uses", "prediction_id, output, other", {}, "INVALID_ARGUMENT", "other"],
    ["no output", "prediction_id, out, features", {}, "COLUMN_NOT_FOUND", "output"],
    ["no column of a key", "prediction_id, output, features", { key: ["id"] }, "COLUMN_NOT_FOUND", "id"],
    ["a moment of numbers", 'prediction_id, output, "at"', {}, "SCHEMA_MISMATCH", "timestamp"],
    ["a key of floats", "prediction_id, output, weight", { key: ["weight"] }, "SCHEMA_MISMATCH", "double"],
    ["a column that the table lacks", "prediction_id, output, nr", { key: ["nr"] }, "COLUMN_NOT_FOUND", "nr"],
    ["an empty key", 'prediction_id, output, "at"', { key: [] }, "INVALID_ARGUMENT", "key"],
    [
      "a condition that selects nothing",
      "prediction_id, output, features",
      { where: "id > 9" },
      "PREDICTION_INVALID",
      "no such row",
    ],
    [
      "a condition that reads a file",
      "prediction_id, output, features",
      { where: "id IN (FROM read_text('/etc/passwd'))" },
      "PREDICTION_INVALID",
      "cannot be read",
    ],
  ])("refuses a source with %s", async (_, names, input, code, text) => {
    const { version, ledger, uri } = await features();
    const inputs = Object.keys(input).length === 0 ? [] : { table: uri, version, ...input };
    await expect(ledger.recordFrom(values("('x', 1, 2)", names), { inputs })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  });

  it("keeps names and texts that are full of quotes as they are", async () => {
    const { folder, ledger } = await features();
    const name = `it's "x" \\ ;--`;
    const table = await createTable(join(folder, "odd"), { schema: schema().string(name).long("rows") });
    const { version } = await table.append([{ [name]: `'"\\\n`, rows: 5n }]);
    const source = { sql: `SELECT * FROM f`, tables: { f: table } };
    const other = await createTable(join(folder, "bulk"), {
      schema: schema().string("prediction_id").string("output").string(name),
    });
    await other.append([{ prediction_id: `p'"\\`, output: `o'"\\\n`, [name]: `'"\\\n` }]);
    expect(source.tables.f).toBe(table);
    const model = { name, version: "';" };
    const inputs = { name, table: table.uri, version, key: [name] };
    await ledger.recordFrom(other.snapshot(), { inputs, model });
    const {
      prediction,
      inputs: [input],
    } = await ledger.reproduce(`p'"\\`);
    expect(prediction).toMatchObject({ output: `o'"\\\n`, model });
    expect(input).toMatchObject({ name, data: [{ [name]: `'"\\\n`, rows: 5n }] });
  });
});

describe("versions that pins and times name", () => {
  it("reads from the pin, though the version is gone, and says so when the pin is", async () => {
    const { table, version, ledger, uri } = await features();
    await table.pins.add("model-7", { version });
    await table.delete("true");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    await ledger.record({
      predictionId: "p",
      inputs: { table: `${uri}@model-7`, key: { id: 1 } },
      output: 1,
    });
    const inputs = { table: `${uri}@model-7`, key: ["id"] };
    await ledger.recordFrom(values("('b', 1, 2)", "prediction_id, id, output"), { inputs });
    for (const id of ["p", "b"]) {
      const {
        inputs: [input],
        prediction,
      } = await ledger.reproduce(id);
      expect(input).toMatchObject({ pin: "model-7", version, data: [{ id: 1n, weight: 1.5 }] });
      expect(prediction.inputs[0]).toMatchObject({ pinName: "model-7", table: uri, version });
    }
    await table.pins.remove("model-7");
    for (const id of ["p", "b"])
      await expect(ledger.reproduce(id)).rejects.toMatchObject({
        code: "PREDICTION_NOT_REPRODUCIBLE",
        data: { gone: ["rows"] },
      });
    await expect(
      ledger.record({ predictionId: "q", inputs: { table: `${uri}@model-8`, key: { id: 1 } }, output: 1 }),
    ).rejects.toMatchObject({ code: "PREDICTION_INVALID", message: expect.stringContaining("model-8") });
  });

  it("takes the version that a time names, for each row its own, and no time to come", async () => {
    const { table, ledger, uri } = await features();
    const before = new Date();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await table.update({ set: { weight: "9" } });
    const ask = (predictionId: string, knownAt: Date) => ({
      predictionId,
      inputs: { table: uri, knownAt, key: { id: 1 } },
      output: 1,
    });
    await ledger.record([ask("old", before), ask("new", new Date())]);
    const weight = async (id: string) => (await ledger.reproduce(id)).inputs[0]?.data[0]?.["weight"];
    expect([await weight("old"), await weight("new")]).toEqual([1.5, 9]);
    await expect(ledger.record(ask("later", new Date(Date.now() + 60_000)))).rejects.toMatchObject({
      code: "PREDICTION_INVALID",
      message: expect.stringContaining("has not come yet"),
    });
    const twice = {
      ...ask("twice", before),
      inputs: { table: `${uri}@v1`, knownAt: before, key: { id: 1 } },
    };
    await expect(ledger.record(twice)).rejects.toMatchObject({ code: "PREDICTION_INVALID" });
  });
});
