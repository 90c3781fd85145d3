import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Session } from "../../../src/engine/core/contract.ts";
import { z85Encode } from "../../../src/protocol/z85.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { quoteName } from "../../../src/sql/sql-text.ts";
import { sample } from "../../support/sample.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { field, HandMadeTable, newSession } from "../../table/hand-made-table.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";
import { hidingNames } from "./hiding-names.ts";

type Row = Readonly<Record<string, unknown>>;

/** Names of what scans and feeds call their own tables and columns, beside those of the engine. */
const short = [
  "f",
  "c",
  "h",
  "b",
  "q",
  "r",
  "s",
  "d",
  "t",
  "m",
  "n",
  "k0",
  "bits",
  "wanted",
  "at",
  "n0",
  "payload",
  "errors",
  "file",
  "row",
];
const feed = ["_change_type", "_commit_version", "_commit_timestamp"];
const names = [
  ...hidingNames,
  "_metadata",
  "quarantine_id",
  "status",
  "batch_id",
  "source_row",
  "values",
  ...short,
];
const cases = { "as they are": names, "in capitals": names.map((name) => name.toUpperCase()) };

/**
 * Rows whose every hostile column holds the number of another row, so that a place taken from it is a wrong
 * one.
 */
const rowAt = (columns: readonly string[], id: number): Row => ({
  id: BigInt(id),
  amount: BigInt(id % 3 === 0 ? -id - 1 : id),
  ...Object.fromEntries(columns.map((name) => [name, BigInt((id * 7 + 3) % 10)])),
});
const rowsFrom = (columns: readonly string[], from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => rowAt(columns, from + at));
const schemaOf = (columns: readonly string[]) =>
  ["id", "amount", ...columns].reduce((built, name) => built.long(name), schema());
const table = (columns: readonly string[], options: object = {}) =>
  createTable(join(freshFolder(), "t"), { schema: schemaOf(columns), ...options });
const same = (found: readonly Row[], wanted: readonly Row[]) => {
  const text = (row: Row) =>
    Object.entries(row)
      .map(([name, value]) => `${name}=${String(value)}`)
      .sort()
      .join(" ");
  expect(found.map(text).sort()).toEqual(wanted.map(text).sort());
};
const payloads = async (of: Awaited<ReturnType<typeof openTable>>) =>
  (await of.quarantine.read()).map((row) => {
    const payload = JSON.parse(String(row["payload"])) as Record<string, number>;
    return Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, BigInt(value)]));
  });
const negative = check.between("amount", { min: 0 }, { onFail: "quarantine" });
const bad = (row: Row) => Number(row["amount"]) < 0;

function vectorOf(...rows: readonly number[]): object {
  const bytes = Buffer.alloc(32 + rows.length * 2);
  bytes.writeInt32LE(1681511377, 0);
  bytes.writeBigInt64LE(1n, 4);
  for (const [at, word] of [0, 12346, 1].entries()) bytes.writeInt32LE(word, 12 + at * 4);
  bytes.writeUInt16LE(0, 24);
  bytes.writeUInt16LE(rows.length - 1, 26);
  bytes.writeInt32LE(16, 28);
  for (const [at, row] of rows.entries()) bytes.writeUInt16LE(row, 32 + at * 2);
  return {
    storageType: "i",
    pathOrInlineDv: z85Encode(bytes),
    sizeInBytes: bytes.length,
    cardinality: rows.length,
  };
}

let session: Session;
beforeAll(async () => {
  session = await newSession();
});
afterAll(() => session.close());

describe.each(Object.entries(cases))("columns that hide names of the engine, %s", (_, columns) => {
  const selectOf = (rows: readonly Row[], called: (name: string) => string) =>
    `SELECT * FROM (VALUES ${rows
      .map(
        (row) =>
          `(${Object.values(row)
            .map((value) => `CAST(${String(value)} AS BIGINT)`)
            .join(", ")})`,
      )
      .join(", ")}) AS t(${Object.keys(rows[0] ?? {})
      .map((name) => quoteName(called(name)))
      .join(", ")})`;

  it.each(["none", "name", "id"])(
    "are read of tables that others wrote, with and without vectors, mapped by %s",
    async (mode) => {
      const made = new HandMadeTable();
      const all = ["id", "amount", ...columns];
      const mapped = mode !== "none";
      // physical names are hostile as well, each another column's
      const physical = new Map(
        all.map((name, at) => [name, mapped ? (all[(at + 1) % all.length] ?? name) : name]),
      );
      const metadata = (name: string, at: number) =>
        mapped
          ? { "delta.columnMapping.id": at + 1, "delta.columnMapping.physicalName": physical.get(name) }
          : {};
      made.create(
        all.map((name, at) => field(name, "long", metadata(name, at))),
        {
          features: ["deletionVectors", ...(mapped ? ["columnMapping"] : [])],
          configuration: mapped
            ? { "delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": String(all.length) }
            : {},
        },
      );
      const stats = JSON.stringify({ numRecords: 5 });
      const ids =
        mode === "id"
          ? `, FIELD_IDS {${all.map((name, at) => `${quoteName(physical.get(name) ?? name)}: ${at + 1}`).join(", ")}}`
          : "";
      const written = async (path: string, from: number, more: object) => {
        const sql = selectOf(rowsFrom(columns, from, from + 5), (name) => physical.get(name) ?? name);
        if (mode !== "id") return made.add(session, path, sql, { stats, ...more });
        const file = join(made.folder, path);
        await session.execute(unchecked(`COPY (${sql}) TO '${file}' (FORMAT parquet${ids})`));
        const added = {
          path,
          partitionValues: {},
          size: statSync(file).size,
          modificationTime: 0,
          dataChange: true,
        };
        return { add: { ...added, stats, ...more } };
      };
      made.commit(
        await written("a.parquet", 0, { deletionVector: vectorOf(1, 3) }),
        await written("b.parquet", 5, {}),
      );
      made.commit(await written("c.parquet", 10, { deletionVector: vectorOf(0) }));
      const opened = await openTable(made.folder);
      const wanted = [
        ...rowsFrom(columns, 0, 10).filter((row) => row["id"] !== 1n && row["id"] !== 3n),
        ...rowsFrom(columns, 11, 15),
      ];
      same(await rowsOf(opened), wanted);
      expect(await opened.snapshot().count()).toBe(wanted.length);
      for (const name of columns.slice(0, 12))
        expect(await opened.snapshot().count(`${quoteName(name)} = 3`), name).toBe(
          wanted.filter((row) => row[name] === 3n).length,
        );
      const report = await fsck(made.folder, { data: true, deep: true } as object);
      expect(JSON.stringify(report.findings.filter((finding) => finding.severity === "error"))).toBe("[]");
      made.remove();
    },
  );

  it("are told in the change feed and between versions", async () => {
    const made = await table(columns, { properties: { "delta.enableChangeDataFeed": "true" } });
    await made.append(rowsFrom(columns, 0, 6));
    await made.overwrite(rowsFrom(columns, 4, 9));
    const changes: Row[] = [];
    for await (const row of (await made.changes({ from: 0 })).rows()) changes.push(row);
    const told = (type: string) =>
      changes
        .filter((row) => row["_change_type"] === type)
        .map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !feed.includes(name))));
    same(told("insert"), [...rowsFrom(columns, 0, 6), ...rowsFrom(columns, 4, 9)]);
    same(told("delete"), rowsFrom(columns, 0, 6));
    expect((await made.diff(1, 2, { rows: true })).rows).toEqual({ added: 3, removed: 4 });
    expect(
      (await fsck(made.uri, { data: true, deep: true } as object)).findings.filter(
        (finding) => finding.severity === "error",
      ),
    ).toEqual([]);
  });

  it.each([false, true])(
    "keep and replace rows where replaceWhere says so, row tracking %s",
    async (tracked) => {
      const made = await table(
        columns.filter((name) => !tracked || name.toLowerCase() !== "_metadata"),
        tracked ? { properties: { "delta.enableRowTracking": "true" } } : {},
      );
      const own = columns.filter((name) => !tracked || name.toLowerCase() !== "_metadata");
      await made.append(rowsFrom(own, 0, 6));
      await made.append(rowsFrom(own, 6, 12));
      const result = await (await openTable(made.uri)).overwrite(rowsFrom(own, 8, 20), {
        replaceWhere: "id >= 8",
        gate: suite("s", [negative]),
      });
      expect([result.gate?.clean, result.gate?.quarantined]).toEqual([8, 4]);
      same(await rowsOf(await openTable(made.uri)), [
        ...rowsFrom(own, 0, 8),
        ...rowsFrom(own, 8, 20).filter((row) => !bad(row)),
      ]);
      same(await payloads(await openTable(made.uri)), rowsFrom(own, 8, 20).filter(bad));
    },
  );

  it("are partition columns, and whole partitions are replaced", async () => {
    const parts = columns.slice(0, 24);
    const made = await table(columns, { partitionBy: parts });
    await made.append(rowsFrom(columns, 0, 12));
    const result = await (await openTable(made.uri)).overwrite(rowsFrom(columns, 10, 15), {
      dynamicPartitions: true,
      gate: suite("s", [negative]),
    });
    expect([result.gate?.clean, result.gate?.quarantined]).toEqual([4, 1]);
    const clean = rowsFrom(columns, 10, 15).filter((row) => !bad(row));
    const key = (row: Row) => String(row[parts[0] ?? ""]);
    same(await rowsOf(await openTable(made.uri)), [
      ...rowsFrom(columns, 0, 12).filter((row) => !clean.some((one) => key(one) === key(row))),
      ...clean,
    ]);
    await (await openTable(made.uri)).overwrite(rowsFrom(columns, 0, 1), {
      replaceWhere: `${quoteName(parts[0] ?? "")} = 3`,
    });
    same(
      (await rowsOf(await openTable(made.uri))).filter((row) => key(row) === "3"),
      rowsFrom(columns, 0, 1),
    );
  });

  it("are rejected whole, repaired by a function, staged, audited, published and resubmitted", async () => {
    // The cost of a column is that of all verbs here.
    const some = sample(columns, 4);
    const made = await table(some);
    const rejecting = suite("r", [check.between("amount", { min: 0 }, { onFail: "reject" })]);
    const own = check.between("amount", { min: 0 }, { onFail: "repair" });
    const zero = check.repairedBy("zero", (batch) => Array.from({ length: batch.numRows }, () => 0n), own);
    const other = await table(some);
    await other.append(rowsFrom(some, 0, 10), { gate: suite("f", [zero]) });
    same(
      await rowsOf(await openTable(other.uri)),
      rowsFrom(some, 0, 10).map((row) => (bad(row) ? { ...row, amount: 0n } : row)),
    );
    await expect(made.append(rowsFrom(some, 0, 10), { gate: rejecting })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    const staged = await made.staging.stage(rowsFrom(some, 0, 10));
    const report = await staged.audit(suite("s", [negative]));
    expect([report.clean, report.quarantined]).toEqual([6, 4]);
    await staged.publish();
    same(
      await rowsOf(await openTable(made.uri)),
      rowsFrom(some, 0, 10).filter((row) => !bad(row)),
    );
    same(await payloads(made), rowsFrom(some, 0, 10).filter(bad));
    const first = some[0] ?? "";
    const now = await openTable(made.uri);
    expect(
      await now.quarantine.repair({ all: true }, { amount: "-amount", [first]: `${quoteName(first)} + 100` }),
    ).toBe(4);
    expect(await now.quarantine.resubmit({ all: true, gate: suite("s", [negative]) })).toMatchObject({
      landed: 4,
      stillBad: 0,
    });
    const repaired = rowsFrom(some, 0, 10).map((row) =>
      bad(row) ? { ...row, amount: -Number(row["amount"]), [first]: Number(row[first]) + 100 } : row,
    );
    same(await rowsOf(await openTable(made.uri)), repaired);
    expect(
      (await fsck(made.uri, { data: true, deep: true } as object)).findings.filter(
        (finding) => finding.severity === "error",
      ),
    ).toEqual([]);
  });
});
