import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder, rowsOf } from "../table-folder.ts";

const flights = () => schema().long("id", { nullable: false }).double("delay").string("origin");
const gate = suite(
  "flights",
  [
    check.between("delay", { min: -120, max: 1800 }, { onFail: "quarantine" }),
    check.matches("origin", "^[A-Z]{3}$", { onFail: "quarantine" }),
  ],
  { maxBadShare: 1 },
);
const batch = [
  { id: 1, delay: 5, origin: "LAX" },
  { id: 2, delay: -1116, origin: "??" },
  { id: 3, delay: Number.NaN, origin: "SFO" },
];

describe("the quarantine of a table", () => {
  it("is a table of its own below it that holds each bad row as it came, with every reason, before the batch is committed", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const result = await table.append(batch, { gate, batchId: "2001-01" });
    expect(result).toMatchObject({
      outcome: "committed",
      version: 1,
      rows: 1,
      quarantine: { rows: 2, version: 1 },
    });
    const quarantine = await openTable(join(folder, "_quarantine"));
    const rows = (await rowsOf(quarantine)).sort((a, b) => Number(a["source_row"]) - Number(b["source_row"]));
    expect(rows[0]).toMatchObject({
      batch_id: "2001-01",
      base_version: 0n,
      source_row: 1n,
      status: "open",
      attempt: 1,
      suite: "flights",
    });
    expect(JSON.parse(String(rows[0]?.["payload"]))).toEqual({ id: 2, delay: -1116, origin: "??" });
    expect(((rows[0]?.["errors"] ?? []) as { check_id: string }[]).map((error) => error.check_id)).toEqual([
      "delay:values_to_be_between",
      "origin:values_to_match_regex",
    ]);
    expect(JSON.parse(String(rows[1]?.["payload"]))).toEqual({ id: 3, delay: "nan", origin: "SFO" });
    expect(actionsOf(folder, 1, "commitInfo")[0]).toMatchObject({
      gate: { quarantined: 2, batchId: "2001-01", quarantine: { version: 1 } },
    });
    await table.close();
  });

  it("takes the same batch once, whether or not the batch itself was committed after it", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    await table.append(batch, { gate, batchId: "b" });
    expect(await table.append(batch, { gate, batchId: "b" })).toMatchObject({
      outcome: "alreadyApplied",
      rows: 0,
    });
    expect(await rowsOf(await openTable(join(folder, "_quarantine")))).toHaveLength(2);
    await table.close();
  });

  it("takes rows that come from another table, each under an id of its own", async () => {
    const folder = freshFolder();
    const source = await createTable(join(folder, "source"), { schema: flights() });
    await source.append([...batch, { id: 3, delay: 9999, origin: "SFO" }]);
    const table = await createTable(join(folder, "t"), { schema: flights() });
    const range = check.between("delay", { min: -120, max: 1800 }, { onFail: "quarantine" });
    const strict = suite("strict", [range, check.unique("id", { onFail: "quarantine" })], { maxBadShare: 1 });
    expect(await table.append(source, { gate: strict })).toMatchObject({ rows: 1, quarantine: { rows: 3 } });
    const rows = await table.quarantine.read();
    expect(rows.map((row) => JSON.parse(String(row["payload"])).id).sort()).toEqual([2, 3, 3]);
    expect(new Set(rows.map((row) => row["quarantine_id"])).size).toBe(3);
    await source.close();
    await table.close();
  });

  it("names the checks that a row fails in the suite's order, doubles among them", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    const gate = suite(
      "both",
      [
        check.unique("id", { id: "first", onFail: "quarantine" }),
        check.between("delay", { max: 10 }, { id: "second", onFail: "quarantine" }),
      ],
      { maxBadShare: 1 },
    );
    const late = { id: 1, delay: 60, origin: "SFO" };
    expect(await table.append([late, late], { gate })).toMatchObject({ rows: 0, quarantine: { rows: 2 } });
    const named = (await table.quarantine.read()).map((row) =>
      (row["errors"] as { check_id: string }[]).map((error) => error.check_id),
    );
    expect(named).toEqual([
      ["first", "second"],
      ["first", "second"],
    ]);
    await table.close();
  });

  it("refuses a repeated batch whose rows are no longer the same", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const stopping = new AbortController();
    const crash = { ...batch[0], id: 9 };
    const stop = table.append([...batch, crash], {
      gate,
      batchId: "b",
      signal: stopping.signal,
      onProgress: ({ phase }) => phase === "committing" && stopping.abort(),
    });
    await expect(stop).rejects.toThrow();
    expect(table.snapshot().version).toBe(0);
    await expect(table.append(batch.slice(0, 2), { gate, batchId: "b" })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
    expect(await table.append([...batch, crash], { gate, batchId: "b" })).toMatchObject({
      outcome: "committed",
      rows: 2,
    });
    expect(await rowsOf(await openTable(join(folder, "_quarantine")))).toHaveLength(2);
    await table.close();
  });

  it("makes no quarantine while every row is clean", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    await table.append(batch.slice(0, 1), { gate });
    expect(existsSync(join(folder, "_quarantine"))).toBe(false);
    await table.close();
  });

  it("takes rows that do not even fit the schema, with the text that they came with", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "in.csv"), "id,delay,origin\n1,5,LAX\n2,late,SFO\n,7,JFK\n4,9999,LAX\n");
    const table = await createTable(join(folder, "t"), { schema: flights() });
    await expect(table.append({ csv: join(folder, "in.csv") }, { gate })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
    const lenient = suite("flights", [check.between("delay", { max: 1800 }, { onFail: "quarantine" })], {
      maxBadShare: 1,
      onMisfit: "quarantine",
    });
    const result = await table.append({ csv: join(folder, "in.csv") }, { gate: lenient });
    expect(result).toMatchObject({
      rows: 1,
      quarantine: { rows: 3 },
      gate: { rows: 4, clean: 1, quarantined: 3 },
    });
    const rows = (await rowsOf(await openTable(join(folder, "t", "_quarantine")))).sort(
      (a, b) => Number(a["source_row"]) - Number(b["source_row"]),
    );
    expect(
      rows.map((row) => [
        JSON.parse(String(row["payload"])),
        (row["errors"] as { check_id: string; observed_value: string | null }[]).map((error) => [
          error.check_id,
          error.observed_value,
        ]),
      ]),
    ).toEqual([
      [{ id: 2, delay: "late", origin: "SFO" }, [["schema:delay", "late"]]],
      [{ id: null, delay: 7, origin: "JFK" }, [["schema:id", null]]],
      [{ id: 4, delay: 9999, origin: "LAX" }, [["delay:values_to_be_between", "9999.0"]]],
    ]);
    await table.close();
  });

  it("takes values of row objects and JSON lines that are not of their type, nested ones too", async () => {
    const folder = freshFolder();
    const columns = schema()
      .long("id")
      .double("delay")
      .array("stops", "long")
      .struct("st", schema().integer("x").build());
    const bad = [
      { id: 1, delay: "late", stops: [1], st: { x: 1 } },
      { id: 2, delay: 2, stops: [1, "two"], st: { x: 2 } },
      { id: 3, delay: 3, stops: null, st: { x: 0.5, y: 1 } },
      { id: 0.5, delay: true, stops: "none", st: 7 },
    ];
    const good = Array.from({ length: 5000 }, (_, at) => ({
      id: 10 + at,
      delay: at,
      stops: [at],
      st: { x: at },
    }));
    writeFileSync(
      join(folder, "in.ndjson"),
      [...good, ...bad, ...good].map((row) => JSON.stringify(row)).join("\n"),
    );
    for (const [name, source] of [
      ["rows", [...good, ...bad, ...good]],
      ["lines", { ndjson: join(folder, "in.ndjson") }],
    ] as const) {
      const table = await createTable(join(folder, name), { schema: columns });
      await expect(table.append(source)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
      const result = await table.append(source, {
        gate: suite("lenient", [], { maxBadShare: 1, onMisfit: "quarantine" }),
      });
      expect(result).toMatchObject({ rows: 10_000, quarantine: { rows: 4 }, gate: { rows: 10_004 } });
      const found = await table.quarantine.read();
      expect(
        found.map((row) => [
          row["source_row"],
          JSON.parse(String(row["payload"])),
          (row["errors"] as { columns: string[] }[]).map((e) => e.columns[0]),
        ]),
      ).toEqual([
        [5000n, { id: 1, delay: "late", stops: "[1]", st: "{'x': 1}" }, ["delay"]],
        [5001n, { id: 2, delay: 2, stops: '[1,"two"]', st: "{'x': 2}" }, ["stops"]],
        [5002n, { id: 3, delay: 3, stops: null, st: '{"x":0.5,"y":1}' }, ["st"]],
        [5003n, { id: "0.5", delay: "true", stops: "none", st: "7" }, ["id", "delay", "stops", "st"]],
      ]);
      expect(
        await table.quarantine.repair(
          { all: true },
          { delay: "0", stops: "[]", st: "{x: 1}", id: "coalesce(id, 4)" },
        ),
      ).toBe(4);
      expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 4 });
      await table.close();
    }
  });

  it("takes cells of several CSV files, zipped ones too, by the file and line that they stand in, whatever the case of their header", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: flights() });
    writeFileSync(join(folder, "a.csv"), "ID,Delay,ORIGIN\n1,5,LAX\n2,late,SFO\n");
    writeFileSync(
      join(folder, "b.csv.gz"),
      gzipSync("ID,Delay,ORIGIN\n3,5,LAX\n99999999999999999999,6,SFO\n8.5,late,JFK\n"),
    );
    const files = ["a.csv", "b.csv.gz"].map((name) => join(folder, name));
    const result = await table.append(
      { csv: files },
      { gate: suite("lenient", [], { maxBadShare: 1, onMisfit: "quarantine" }) },
    );
    expect(result).toMatchObject({ rows: 2, quarantine: { rows: 3 } });
    expect(
      (await table.quarantine.read()).map((row) => [
        row["source_file"],
        row["source_row"],
        JSON.parse(String(row["payload"])),
      ]),
    ).toEqual([
      [files[0], 1n, { id: 2, delay: "late", origin: "SFO" }],
      [files[1], 1n, { id: "99999999999999999999", delay: 6, origin: "SFO" }],
      [files[1], 2n, { id: "8.5", delay: "late", origin: "JFK" }],
    ]);
    await table.close();
  });

  it("counts rows that do not fit towards the allowed share of bad rows", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "in.csv"), "id,delay,origin\n1,5,LAX\n2,late,SFO\n");
    const table = await createTable(join(folder, "t"), { schema: flights() });
    const strict = suite("flights", [check.between("delay", { max: 1800 }, { onFail: "quarantine" })], {
      onMisfit: "quarantine",
      maxBadShare: 0.4,
    });
    await expect(table.append({ csv: join(folder, "in.csv") }, { gate: strict })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    expect(existsSync(join(folder, "t", "_quarantine"))).toBe(false);
    await table.close();
  });
});
