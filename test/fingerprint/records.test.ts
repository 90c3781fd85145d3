import { hash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { EngineRow } from "../../src/engine/core/contract.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

const columns = schema().long("id").column("v", "variant");
const rows = [{ id: 1, v: { b: [1, 2.5], a: null } }, { id: 2 }];

describe("records of fingerprints", () => {
  it("of several writers at once are one record of the version", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rows });
    await using other = await openTable(folder);
    const [one, two] = await Promise.all([table.fingerprints.record(), other.fingerprints.record()]);
    expect(two).toMatchObject({ content: one.content, state: one.state });
    expect(await table.fingerprints.list()).toHaveLength(1);
    expect(await table.verify()).toMatchObject({ outcome: "same", filesRecorded: 1 });
  });

  it("of a file that disagree are not used, and one with another number of rows is a fault", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rows });
    const { content } = await table.fingerprints.record();
    await using records = await openTable(join(folder, "_fingerprints"));
    const stored: EngineRow[] = [];
    for await (const row of records.rows()) if (row["file"] !== null) stored.push(row);
    const [record = {}] = stored;
    const planted = (change: object): EngineRow => {
      const changed: EngineRow = { ...record, ...change };
      const values = ["table_id", "scheme", "version", "state", "content", "path", "file", "rows", "sum"];
      const texts = values.map((name) => (changed[name] === null ? null : String(changed[name])));
      return { ...changed, proof: hash("sha256", JSON.stringify(texts), "hex") };
    };
    await records.append([planted({ sum: "1".padStart(32, "0") })]);
    expect(await table.contentFingerprint()).toMatchObject({ fingerprint: content, filesRead: 1 });
    expect(await table.verify()).toMatchObject({ faults: [{ fault: "changed" }], outcome: "different" });
    await records.overwrite([planted({ rows: 3n })]);
    expect(await table.verify()).toMatchObject({ faults: [{ fault: "changed" }], outcome: "different" });
    const other = content.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    const version = { version: 0n, state: "", path: null, file: null, sum: null, rows: 2n };
    await records.overwrite([
      planted({ ...version, content }),
      planted({ ...version, content: other, recorded_at: new Date(4e12) }),
    ]);
    expect(await table.verify()).toMatchObject({ faults: [], expected: other, outcome: "different" });
  });

  it("count for a renamed column, and not for another one that has its old name and type", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("a").string("b"),
      properties: { "delta.columnMapping.mode": "name" },
      source: [{ id: 1, a: "a", b: "b" }],
    });
    const { content } = await table.fingerprints.record();
    await table.alter({ renameColumns: { a: "c" } });
    const renamed = await table.contentFingerprint();
    expect(renamed).toMatchObject({ filesRead: 0, filesRecorded: 1 });
    expect(renamed.fingerprint).not.toBe(content);
    await table.alter({
      dropColumns: ["c"],
      addColumns: [{ column: "a", type: "STRING", position: { after: "id" } }],
    });
    const replaced = await table.contentFingerprint();
    expect(replaced).toMatchObject({ filesRead: 1, filesRecorded: 0 });
    await using same = await createTable(join(folder, "..", "same"), {
      schema: schema().long("id").string("a").string("b"),
      source: [{ id: 1, b: "b" }],
    });
    expect((await same.contentFingerprint()).fingerprint).toBe(replaced.fingerprint);
  });

  it("of a table are not those of its copy", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, source: rows });
    await table.fingerprints.record();
    await using copy = await table
      .clone(join(freshFolder(), "copy"), { deep: true })
      .then(({ uri }) => openTable(uri));
    expect(await copy.fingerprints.list()).toEqual([]);
    expect(await copy.verify(undefined, { against: table.snapshot() })).toMatchObject({ outcome: "same" });
  });

  it("and fingerprints work for a table in memory, and are cancelled", async () => {
    await using table = await createTable(`memory://${crypto.randomUUID()}/t`, {
      schema: columns,
      source: rows,
    });
    const { content, state } = await table.fingerprints.record();
    expect(await table.fingerprint()).toBe(state);
    expect(await table.contentFingerprint()).toMatchObject({ fingerprint: content, filesRead: 0 });
    const signal = AbortSignal.abort();
    const cancelled = { code: "CANCELLED" };
    await expect(table.contentFingerprint({ signal })).rejects.toMatchObject(cancelled);
    await expect(table.fingerprint({ signal })).rejects.toMatchObject(cancelled);
    await expect(table.fingerprints.record({ signal })).rejects.toMatchObject(cancelled);
    await expect(table.verify(0, { signal })).rejects.toMatchObject(cancelled);
  });
});
