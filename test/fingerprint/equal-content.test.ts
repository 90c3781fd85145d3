import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";

const columns = schema().long("id").string("name").double("x").decimal("price", 9, 2).date("day");

function rowsOf(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: index % 7 === 0 ? null : BigInt(index),
    name: index % 5 === 0 ? null : `name ${index % 3}`,
    x: index % 4 === 0 ? Number.NaN : index / 4,
    price: `${index}.50`,
    day: `2024-01-0${(index % 3) + 1}`,
  }));
}

const content = async (table: Table) => (await table.contentFingerprint()).fingerprint;

describe("tables with the same rows have the same content fingerprint", () => {
  it("whatever their order, files, partitioning, column mapping and deletion vectors", async () => {
    const rows = rowsOf(60);
    const folder = freshFolder();
    await using plain = await createTable(join(folder, "plain"), { schema: columns, source: rows });
    const expected = await content(plain);

    await using pieces = await createTable(join(folder, "pieces"), {
      schema: columns,
      partitionBy: ["day", "name"],
      properties: { "delta.columnMapping.mode": "name", "delta.enableDeletionVectors": "true" },
    });
    for (let start = 0; start < 60; start += 25)
      await pieces.append([...rows.slice(start, start + 25), { price: "0", id: -1n }].reverse());
    expect(await content(pieces)).not.toBe(expected);
    await pieces.delete("id = -1");
    expect(await content(pieces)).toBe(expected);
    const vectors = await pieces.fingerprint();
    await pieces.optimize();
    expect(await content(pieces)).toBe(expected);
    expect(await pieces.fingerprint()).not.toBe(vectors);
  });

  it("after a change is taken back, and differ meanwhile; duplicates count", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns, source: rowsOf(9) });
    const before = await content(table);
    await table.append(rowsOf(1));
    const more = await content(table);
    expect(more).not.toBe(before);
    await table.append(rowsOf(1));
    expect(await content(table)).not.toBe(before);
    expect(await content(table)).not.toBe(more);
    await table.restore({ version: 0 });
    expect(await content(table)).toBe(before);
  });

  it("with nullability, comments and properties of their own, but not with other names, types or order of columns", async () => {
    const folder = freshFolder();
    const of = async (name: string, own: ReturnType<typeof schema>) => {
      await using table = await createTable(join(folder, name), { schema: own, source: [{ a: 1, b: 1 }] });
      return await content(table);
    };
    const expected = await of("plain", schema().long("a").long("b"));
    expect(await of("strict", schema().long("a", { nullable: false, comment: "A" }).long("b"))).toBe(
      expected,
    );
    const others = [
      await of("names", schema().long("A").long("b")),
      await of("types", schema().long("a").integer("b")),
      await of("order", schema().long("b").long("a")),
    ];
    expect(new Set([expected, ...others]).size).toBe(4);
  });
});

describe("recorded fingerprints", () => {
  it("make the next fingerprint read only files that are new", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rowsOf(9) });
    const recorded = await table.fingerprints.record();
    expect(recorded).toMatchObject({ version: 0, rows: 9, state: await table.fingerprint() });
    expect(await table.contentFingerprint()).toMatchObject({
      fingerprint: recorded.content,
      filesRead: 0,
      filesRecorded: 1,
    });
    await table.append(rowsOf(2));
    const grown = await table.contentFingerprint();
    expect(grown).toMatchObject({ rows: 11, filesRead: 1, filesRecorded: 1 });
    await table.alter({ addColumns: [{ column: "more", type: "STRING" }] });
    expect(await table.contentFingerprint()).toMatchObject({ filesRead: 2, filesRecorded: 0 });
    await table.fingerprints.record();
    expect((await table.fingerprints.list()).map(({ version }) => version)).toEqual([0, 2]);
    rmSync(join(folder, "_fingerprints"), { recursive: true });
    expect(await (await openTable(`${folder}@v1`)).contentFingerprint()).toMatchObject({
      fingerprint: grown.fingerprint,
      filesRead: 2,
    });
  });

  it("of a file are not used once a deletion vector or a change of it removed other rows", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: columns,
      properties: { "delta.enableDeletionVectors": "true" },
      source: rowsOf(9),
    });
    await table.fingerprints.record();
    const contents = [await content(table)];
    for (const id of [1, 2]) {
      await table.delete(`id = ${id}`);
      await table.fingerprints.record();
      contents.push(await content(table));
    }
    expect(new Set(contents).size).toBe(3);
    expect(await table.contentFingerprint()).toMatchObject({ rows: 7, filesRead: 0, filesRecorded: 1 });
    rmSync(join(folder, "_fingerprints"), { recursive: true });
    for (const [version, fingerprint] of contents.entries())
      expect(await (await table.at(version)).contentFingerprint()).toMatchObject({ fingerprint });
  });

  it("change no fingerprint when they are damaged, of another scheme, or cannot be read", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rowsOf(9) });
    const { content: expected } = await table.fingerprints.record();
    await using records = await openTable(join(folder, "_fingerprints"));
    await records.update({ set: { rows: "rows + 1" } });
    expect(await table.contentFingerprint()).toMatchObject({ fingerprint: expected, filesRead: 1 });
    expect(await table.fingerprints.list()).toEqual([]);
    await records.restore({ version: 1 });
    expect(await table.contentFingerprint()).toMatchObject({ filesRead: 0 });
    await records.update({ set: { scheme: "'varve-content-0'" } });
    expect(await table.contentFingerprint()).toMatchObject({ fingerprint: expected, filesRead: 1 });
    for (const file of dataFiles(join(folder, "_fingerprints")))
      writeFileSync(join(folder, "_fingerprints", file), "no Parquet");
    expect(await table.contentFingerprint()).toMatchObject({
      fingerprint: expected,
      filesRead: 1,
      recordsUnreadable: expect.stringContaining("table of fingerprints"),
    });
  });
});

describe("verify", () => {
  it("says which file has other rows than recorded, is missing or damaged", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rowsOf(9) });
    expect(await table.verify()).toMatchObject({ outcome: "unrecorded", faults: [], rows: 9 });
    await table.append(rowsOf(9).map((row) => ({ ...row, day: "2024-02-01" })));
    const { content: fingerprint } = await table.fingerprints.record();
    expect(await table.verify()).toMatchObject({
      outcome: "same",
      fingerprint,
      expected: fingerprint,
      filesRead: 2,
      filesRecorded: 2,
    });
    expect(await table.verify(0)).toMatchObject({ outcome: "unrecorded", filesRecorded: 1 });
    const [first = "", second = ""] = dataFiles(folder).filter((file) => !file.startsWith("_"));
    const [one, two] = [readFileSync(join(folder, first)), readFileSync(join(folder, second))];
    writeFileSync(join(folder, first), two);
    const changed = await table.verify();
    expect(changed).toMatchObject({ outcome: "different", rows: 18 });
    expect(changed.faults).toEqual([
      {
        path: first,
        fault: "changed",
        message: "Its 9 rows do not have the values that were recorded.",
      },
    ]);
    expect(await table.verify(1, { against: fingerprint })).toMatchObject({ outcome: "different" });
    writeFileSync(join(folder, first), one.subarray(0, 40));
    rmSync(join(folder, second));
    const { faults, fingerprint: none } = await table.verify();
    expect(none).toBeUndefined();
    expect(faults.map(({ path, fault }) => [path, fault]).sort()).toEqual(
      [
        [first, "unreadable"],
        [second, "missing"],
      ].sort(),
    );
  });

  it("lists the rows that only one of two tables has, each as often as it is there too often", async () => {
    const folder = freshFolder();
    const own = schema().long("id").double("x").column("l", schema().string("a"));
    await using here = await createTable(join(folder, "here"), {
      schema: own,
      source: [{ id: 1, x: 0 }, { id: 2, x: Number.NaN }, { id: 3 }, { id: 3 }, { id: 3 }],
    });
    await using there = await createTable(join(folder, "there"), {
      schema: own,
      partitionBy: ["id"],
      source: [{ id: 1, x: -0 }, { id: 2, x: Number.NaN }, { id: 3 }, { id: 4, l: { a: "b" } }],
    });
    const result = await here.verify(undefined, { against: there.snapshot() });
    expect(result.outcome).toBe("different");
    expect(result.differing).toMatchObject({ onlyHere: 3, onlyThere: 2 });
    expect(result.differing?.examples).toHaveLength(5);
    expect(result.differing?.examples).toEqual(
      expect.arrayContaining([
        { side: "here", row: { id: 1n, x: 0, l: null } },
        { side: "here", row: { id: 3n, x: null, l: null } },
        { side: "there", row: { id: 1n, x: -0, l: null } },
        { side: "there", row: { id: 4n, x: null, l: { a: "b" } } },
      ]),
    );
    const few = await here.verify(undefined, { against: there.snapshot(), limit: 3 });
    expect(few.differing?.examples.map(({ side }) => side).sort()).toEqual(["here", "here", "there"]);
    const same = await here.verify(0, { against: await here.at(0) });
    expect(same).toMatchObject({ outcome: "same" });
    expect(same.differing).toBeUndefined();
  });

  it("lists rows of tables whose columns are called like what varve's own queries use", async () => {
    const folder = freshFolder();
    const names = ["r", "t", "d", "n", "hash", "surplus", "file", "rows", "low", "key", "__varve_hash"];
    const row = (value: bigint) => Object.fromEntries(names.map((name) => [name, value]));
    await using here = await createTable(join(folder, "here"), { source: [row(1n), row(2n)] });
    await using there = await createTable(join(folder, "there"), { source: [row(1n), row(3n)] });
    const { differing } = await here.verify(undefined, { against: there.snapshot() });
    expect(differing).toEqual({
      onlyHere: 1,
      onlyThere: 1,
      examples: [
        { side: "here", row: row(2n) },
        { side: "there", row: row(3n) },
      ],
    });
  });

  it("compares with a fingerprint of either kind, and refuses what is none, and other columns", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), { source: [{ id: 1 }] });
    const state = await table.fingerprint();
    expect(await table.verify(0, { against: state })).toMatchObject({ outcome: "same", state });
    await table.append([{ id: 2 }]);
    expect(await table.verify(1, { against: state })).toMatchObject({ outcome: "different" });
    for (const against of ["varve-content-1:0f", `varve-content-2:${"0".repeat(64)}`, "orders"])
      await expect(table.verify(0, { against })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await using other = await createTable(join(folder, "other"), { source: [{ key: 1 }] });
    await expect(table.verify(0, { against: other.snapshot() })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
  });
});
