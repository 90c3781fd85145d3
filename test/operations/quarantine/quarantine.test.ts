import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { SuiteJson } from "../../../src/quality/model/suite.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";

const flights = () => schema().long("id", { nullable: false }).integer("delay").string("file");
const gate: SuiteJson = {
  name: "flights",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "delay", min_value: -60, max_value: 2000 },
      onFail: "quarantine",
    },
    { kind: "expect_column_values_to_not_be_null", params: { column: "file" }, onFail: "quarantine" },
  ],
};
const batch = [
  { id: 1, delay: 5, file: "a" },
  { id: 2, delay: -1116, file: null },
  { id: 3, delay: null, file: "c" },
];
const read = async (folder: string) => rowsOf(await openTable(folder));

describe("a repair of quarantined rows", () => {
  it("takes one expression over the row's own columns for each column, and nothing else", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    await table.append(batch, { gate });
    const breaches = [
      "1) AS VARCHAR)), 'file': to_json(CAST(('b'",
      "(SELECT max(delay) FROM q)",
      "row_number() OVER ()",
      "max(delay)",
    ];
    for (const delay of breaches)
      await expect(table.quarantine.repair({ all: true }, { delay })).rejects.toMatchObject({
        code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/),
      });
    expect(
      await table.quarantine.repair(
        { all: true },
        { delay: "CASE WHEN delay < 0 THEN 0 END -- none below", file: "'b'" },
      ),
    ).toBe(1);
    const [row] = await table.quarantine.read();
    expect(JSON.parse(String(row?.["payload"]))).toMatchObject({ id: 2, delay: "0", file: "b" });
    await table.close();
  });
});

describe("rows that a gate sets aside", () => {
  it("go to the quarantine with every failed check, the others to the table", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const result = await table.append(batch, { gate, batchId: "b1" });
    expect(result).toMatchObject({
      rows: 2,
      gate: { quarantined: 1, clean: 2 },
      quarantine: { version: 1, rows: 1 },
    });
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 3n]);
    const [bad = {}, ...more] = await read(join(folder, "_quarantine"));
    expect(more).toEqual([]);
    expect(bad).toMatchObject({
      batch_id: "b1",
      source_row: 1n,
      base_version: 0n,
      suite: "flights",
      status: "open",
      values: { id: 2n, delay: -1116, file: null },
    });
    expect((bad["errors"] as { check_name: string }[]).map((error) => error.check_name).sort()).toEqual([
      "expect_column_values_to_be_between",
      "expect_column_values_to_not_be_null",
    ]);
    expect(JSON.parse(String(bad["payload"]))).toEqual({ id: 2, delay: -1116, file: null });
  });

  it("are named in history, with what each check said", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    await table.append(batch, { gate });
    expect(actionsOf(folder, 1, "commitInfo")[0]?.["gate"]).toMatchObject({
      rows: 3,
      clean: 2,
      quarantined: 1,
      quarantine: { version: 1 },
    });
  });

  it("are there once when a batch is repeated after a crash between the two commits", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const crash = new AbortController();
    const dying = table.append(batch, {
      gate,
      batchId: "b1",
      signal: crash.signal,
      onProgress: ({ phase }) => {
        if (phase === "committing") crash.abort();
      },
    });
    await expect(dying).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await read(join(folder, "_quarantine"))).toHaveLength(1);
    expect(await read(folder)).toEqual([]);
    const again = await openTable(folder);
    expect((await again.append(batch, { gate, batchId: "b1" })).outcome).toBe("committed");
    expect((await again.append(batch, { gate, batchId: "b1" })).outcome).toBe("alreadyApplied");
    expect(await read(join(folder, "_quarantine"))).toHaveLength(1);
    expect((await read(folder)).map((row) => row["id"])).toEqual([1n, 3n]);
  });

  it("follow the table's schema as it grows, and as a column's type changes", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    await table.append(batch, { gate });
    await table.append([{ id: 4, delay: 9999, file: "d", extra: "x" }], { gate, mergeSchema: true });
    await table.overwrite([{ id: "five", delay: 9999, file: "e" }], { gate, overwriteSchema: true });
    const rows = await read(join(folder, "_quarantine"));
    const values = rows.map((row) => row["values"] as Record<string, unknown>);
    expect(values.map((value) => [value["id"], value["extra"]])).toEqual(
      expect.arrayContaining([
        [2n, null],
        [4n, "x"],
        [null, null],
      ]),
    );
    expect(rows.map((row) => String(row["payload"])).some((payload) => payload.includes("five"))).toBe(true);
  });

  it("may be what a column without null refuses", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const notNull: SuiteJson = {
      checks: [
        { kind: "expect_column_values_to_not_be_null", params: { column: "id" }, onFail: "quarantine" },
      ],
    };
    const result = await table.append([{ id: null, file: "x" }, { id: 1 }], { gate: notNull });
    expect(result).toMatchObject({ rows: 1, quarantine: { rows: 1 } });
  });
});

describe("a batch that a gate rejects", () => {
  it("leaves neither rows nor files but its record, and says why", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: flights() });
    const before = filesBelow(folder);
    const strict: SuiteJson = { ...gate, maxBadShare: 0.1 };
    await expect(table.append(batch, { gate: strict })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
      data: { gate: { quarantined: 1, accepted: false } },
    });
    const others = filesBelow(folder).filter((file) => !file.startsWith("t/_rejections/"));
    expect(others).toEqual(before);
  });

  it("does so when it is not unique against the table", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    await table.append([{ id: 1 }]);
    const unique: SuiteJson = {
      checks: [{ kind: "expect_column_values_to_be_unique", params: { column: "id", across_table: true } }],
    };
    await table.append([{ id: 2 }], { gate: unique });
    await expect(table.append([{ id: 1 }], { gate: unique })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
  });

  it("does so when another writer adds the same key meanwhile", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: flights() });
    const unique: SuiteJson = {
      checks: [{ kind: "expect_column_values_to_be_unique", params: { column: "id", across_table: true } }],
    };
    const late = await openTable(folder);
    await table.append([{ id: 1 }]);
    await expect(late.append([{ id: 1 }], { gate: unique })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    expect(await read(folder)).toHaveLength(1);
  });
});

describe("rows that a gate tags", () => {
  const tagging: SuiteJson = {
    checks: [
      {
        kind: "expect_column_values_to_not_be_null",
        id: "delay-known",
        params: { column: "delay" },
        onFail: "tag",
      },
    ],
  };

  it("stay, and name their failed checks in a column that the batch may add", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    await expect(table.append(batch, { gate: tagging })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["_failed_checks"] },
    });
    await table.append(batch, { gate: tagging, mergeSchema: true });
    await table.append([{ id: 4, delay: null }], { gate: tagging });
    expect(await rowsOf(table, ["id", "_failed_checks"])).toEqual([
      { id: 1n, _failed_checks: null },
      { id: 2n, _failed_checks: null },
      { id: 3n, _failed_checks: ["delay-known"] },
      { id: 4n, _failed_checks: ["delay-known"] },
    ]);
  });

  it("do so in a table's first batch", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: batch, gate: tagging });
    expect(table.snapshot().schema.fields.map((field) => field.name)).toEqual([
      "id",
      "delay",
      "file",
      "_failed_checks",
    ]);
    expect(await table.snapshot().count("_failed_checks IS NOT NULL")).toBe(1);
  });
});

describe("quarantined rows that are read by their ids", () => {
  it("are those that meet the rest of the selection too, of any status where it names none", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    await table.append(batch, { gate, batchId: "first" });
    await table.append(batch, { gate, batchId: "second" });
    const idsOf = async (selection: Parameters<typeof table.quarantine.read>[0]) =>
      (await table.quarantine.read(selection)).map((row) => String(row["quarantine_id"]));
    const first = await idsOf({ batchId: "first" });
    const second = await idsOf({ batchId: "second" });
    const ids = [...first, ...second];
    expect(ids).toHaveLength(2);
    await table.quarantine.discard({ batchId: "first" });
    expect(await idsOf({ ids })).toEqual(ids);
    expect(await idsOf({ ids, status: "open" })).toEqual(second);
    expect(await idsOf({ ids, status: "discarded" })).toEqual(first);
    expect(await idsOf({ ids, batchId: "first" })).toEqual(first);
    expect(await idsOf({ ids, checkId: "no such check" })).toEqual([]);
    expect(await idsOf({ ids, limit: 1 })).toEqual(first);
    expect(await idsOf({ ids: [] })).toEqual([]);
    await table.close();
  });

  it("are unknown where the quarantine does not have them, or there is none, with a limit too", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: flights() });
    const unknown = { code: "QUARANTINE_INVALID", data: { ids: ["x"] } };
    await expect(table.quarantine.read({ ids: ["x"] })).rejects.toMatchObject(unknown);
    await table.append(batch, { gate, batchId: "first" });
    const [row] = await table.quarantine.read();
    const ids = [String(row?.["quarantine_id"]), "x"];
    await expect(table.quarantine.read({ ids })).rejects.toMatchObject(unknown);
    await expect(table.quarantine.read({ ids, limit: 1 })).rejects.toMatchObject(unknown);
    await table.close();
  });
});
