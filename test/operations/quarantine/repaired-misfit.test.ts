import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, schema, suite } from "../../../src/index.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite("s", [], { onMisfit: "quarantine", maxBadShare: 1 });

it.each([
  ["a text that is no number", "'abc'", "abc"],
  ["a number with too many digits", "99999999999999999999", "99999999999999999999"],
  ["a fraction", "1.5", "1.5"],
  ["a fraction in an exponent", "'15e-1'", "15e-1"],
])(
  "a repair with %s keeps the row in the quarantine, until one fits",
  async (_name, expression, observed) => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: schema().long("id").long("n") });
    await table.append([{ id: 1, n: "x" }] as never, { gate });
    expect(await table.quarantine.repair({ all: true }, { n: expression })).toBe(1);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 1 });
    expect(await rowsOf(table)).toEqual([]);
    const [row, ...others] = await table.quarantine.read();
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      status: "open",
      attempt: 2,
      errors: [{ columns: ["n"], observed_value: observed }],
    });
    expect(await table.quarantine.repair({ all: true }, { n: "7" })).toBe(1);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ id: 1n, n: 7n }]);
  },
);

describe("a cell that was set aside because its column cannot hold it", () => {
  const columns = schema()
    .long("id")
    .long("whole")
    .decimal("price", 5, 2)
    .float("ratio")
    .date("day")
    .timestamp("moment")
    .array("list", "long")
    .struct("nested", schema().long("n").decimal("d", 5, 2))
    .binary("bytes")
    .boolean("flag")
    .struct("inner", schema().binary("bytes"))
    .array("pieces", "binary");
  const lines = [
    { id: 1, whole: 1.5 },
    { id: 2, price: "2.345" },
    { id: 3, ratio: "16777217" },
    { id: 4, day: "2024-01-01 10:00:00" },
    { id: 5, moment: "2024-01-01 10:00:00.123456789" },
    { id: 6, list: [1, 2.5] },
    { id: 7, nested: { n: 1.5, d: "1.25" } },
    { id: 8, nested: { n: 1, d: "1.257" } },
    { id: 9, bytes: "ab!" },
    { id: 10, bytes: "x\\x41" },
    { id: 11, flag: "yes" },
    { id: 12, inner: { bytes: "ab!" } },
    { id: 13, pieces: ["aGk=", "ab!"] },
  ];

  it("is not rounded or cut by a resubmission", async () => {
    const folder = freshFolder();
    const file = join(folder, "lines.ndjson");
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await using table = await createTable(join(folder, "t"), { schema: columns });
    expect(await table.append({ ndjson: file }, { gate })).toMatchObject({
      rows: 0,
      quarantine: { rows: lines.length },
    });
    for (let round = 0; round < 2; round++)
      expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({
        landed: 0,
        stillBad: lines.length,
      });
    expect(await rowsOf(table)).toEqual([]);
    await table.quarantine.repair({ all: true }, { id: "id" });
    expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({
      landed: 0,
      stillBad: lines.length,
    });
    const refused = expect.objectContaining({ columns: ["bytes"], observed_value: "ab!" });
    expect(await table.quarantine.read()).toContainEqual(expect.objectContaining({ errors: [refused] }));
  });

  it("lands once it is repaired, beside cells that fitted, exactly", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), { schema: columns });
    const bad = { id: 1, whole: "x" };
    const fitting = {
      price: "-2.34",
      ratio: 0.1,
      day: "0001-01-01",
      moment: "2024-01-01T10:00:00.123456Z",
      list: [1n, null, -9223372036854775808n],
      nested: { n: 9223372036854775807n, d: "123.45" },
      bytes: Buffer.from("ab!\\x41\0\u00ff", "latin1"),
      flag: false,
      inner: { bytes: Buffer.from("ab!") },
      pieces: [Buffer.from("[1]"), null, Buffer.alloc(0)],
    };
    await table.append([{ ...bad, ...fitting }] as never, { gate });
    await table.quarantine.repair({ all: true }, { whole: "9223372036854775807" });
    expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({ landed: 1, stillBad: 0 });
    await table.append([{ id: 2, whole: 9223372036854775807n, ...fitting }] as never);
    const [first, second] = (await rowsOf(table)).sort((a, b) => Number(a["id"]) - Number(b["id"]));
    expect({ ...first, id: 2n }).toEqual(second);
  });

  it("of a binary column is repaired from its text, and lands as the bytes of the repair", async () => {
    const folder = freshFolder();
    const file = join(folder, "cells.csv");
    writeFileSync(file, "id,bytes\n1,ab!\n");
    await using table = await createTable(join(folder, "t"), { schema: schema().long("id").binary("bytes") });
    await table.append({ csv: file }, { gate });
    await table.quarantine.repair({ all: true }, { bytes: "encode(replace(raw.bytes, '!', '?'))" });
    expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ id: 1n, bytes: new Uint8Array(Buffer.from("ab?")) }]);
  });
});
