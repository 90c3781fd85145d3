import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { FsckOptions } from "../../src/fsck/fsck-finding.ts";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checkpointPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { field, HandMadeTable, newSession } from "../table/hand-made-table.ts";

// PROTOCOL.md "Version Checksum File", "State Validation" and "Per-file Statistics".

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
  table.create([
    { ...field("id", "long"), nullable: false },
    field("name", "string"),
    field("at", "timestamp"),
  ]);
});

afterEach(async () => {
  await session.close();
  table.remove();
});

const rows =
  "SELECT range AS id, 'name ' || range AS name, TIMESTAMPTZ '2024-01-01 00:00:00.0009Z' AS at FROM range(10)";
const truth = {
  numRecords: 10,
  minValues: { id: 0, name: "name 0", at: "2024-01-01T00:00:00.000Z" },
  maxValues: { id: 9, name: "name", at: "2024-01-01T00:00:00.000Z" },
  nullCount: { id: 0, name: 0, at: 0 },
};

async function add(stats: object, path = "a.parquet", sql = rows) {
  return table.add(session, path, sql, { stats: JSON.stringify(stats) });
}

async function codes(options: FsckOptions = {}): Promise<string[]> {
  const report = await fsck(await table.context(), options);
  return report.findings.map((finding) => finding.code).sort();
}

describe("fsck", () => {
  it("finds nothing wrong with a sound table, whose statistics are cut short", async () => {
    table.commit(await add(truth));
    const report = await fsck(await table.context());
    expect(report).toMatchObject({ version: 1, findings: [], commits: 2, files: 1, rows: 10 });
  });

  it.each<[string, object]>([
    ["too great a minimum", { ...truth, minValues: { id: 1 } }],
    ["too small a maximum", { ...truth, maxValues: { id: 8 } }],
    ["too small a maximum of text", { ...truth, maxValues: { name: "nama" } }],
    ["a maximum a millisecond too early", { ...truth, maxValues: { at: "2023-12-31T23:59:59.999Z" } }],
    ["a wrong null count", { ...truth, nullCount: { name: 3 } }],
  ])("finds %s", async (_, stats) => {
    table.commit(await add(stats));
    expect(await codes()).toEqual(["STATISTICS_WRONG"]);
    expect(await codes({ data: false })).toEqual([]);
  });

  it("finds a wrong number of rows, a wrong size and nulls where none may be", async () => {
    const wrong = await add({ numRecords: 11 });
    table.commit(
      { add: { ...wrong.add, size: 1 } },
      await add({ numRecords: 1 }, "b.parquet", "SELECT NULL::BIGINT AS id, 'x' AS name"),
    );
    expect(await codes()).toEqual(["FILE_SIZE_WRONG", "NULL_NOT_ALLOWED", "ROW_COUNT_WRONG"]);
  });

  it("finds missing and damaged files among sound ones, and files that nobody names", async () => {
    const adds = [];
    for (const name of ["a", "b", "c", "d", "e"]) adds.push(await add(truth, `${name}.parquet`));
    table.commit(...adds);
    rmSync(join(table.folder, "b.parquet"));
    writeFileSync(
      join(table.folder, "d.parquet"),
      readFileSync(join(table.folder, "d.parquet")).fill(7, 4, 200),
    );
    writeFileSync(join(table.folder, "e.parquet"), "not Parquet at all");
    writeFileSync(join(table.folder, "stray.parquet"), "x");
    const report = await fsck(await table.context());
    const found = report.findings.map((finding) => `${finding.code} ${finding.path}`).sort();
    expect(found).toEqual([
      "DATA_FILE_CORRUPT d.parquet",
      "DATA_FILE_CORRUPT e.parquet",
      "DATA_FILE_MISSING b.parquet",
      "FILE_SIZE_WRONG e.parquet",
      "ORPHAN_FILE stray.parquet",
    ]);
    expect(report.rows).toBe(20);
  });

  it("finds gaps in the log, commits that are damaged, and commits that say two things at once", async () => {
    const file = await add(truth);
    table.commit(file, file);
    expect(await codes()).toEqual(["COMMIT_INVALID"]);
    table.commit({ txn: { appId: "a", version: 1 } });
    table.commit({ txn: { appId: "a", version: 2 } });
    rmSync(join(table.folder, "_delta_log", "00000000000000000002.json"));
    writeFileSync(join(table.folder, "_delta_log", "00000000000000000001.json"), "{ not json");
    expect(await codes()).toEqual(["COMMIT_CORRUPT", "LOG_GAP", "TABLE_UNREADABLE"]);
  });

  it("finds a checkpoint that only others cannot read", async () => {
    table.commit(await add(truth));
    const snapshot = await openLog(await table.context());
    await writeCheckpoint(snapshot);
    expect(await codes()).toEqual([]);
    const file = join(table.folder, checkpointPath(snapshot.version));
    const sound = readFileSync(file);
    // The footer's last field is unknown: an empty list of a type that there is none of.
    const tail = Buffer.from([9, 60, 13, 0, 0, 0, 0, 0, ...Buffer.from("PAR1")]);
    tail.writeUInt32LE(sound.readUInt32LE(sound.length - 8) + 3, 4);
    writeFileSync(file, Buffer.concat([sound.subarray(0, -9), tail]));
    const engine = () => Promise.reject(new Error("the engine was started"));
    const reopened = await openLog({ ...(await table.context()), engine });
    expect(await (await reopened.files()).totals()).toMatchObject({ files: 1 });
    expect(await codes()).toEqual(["CHECKPOINT_CORRUPT"]);
  });

  it("finds a checksum file that contradicts the log, and a hint that names no checkpoint", async () => {
    table.commit(await add(truth));
    writeFileSync(
      join(table.folder, "_delta_log", "00000000000000000001.crc"),
      JSON.stringify({ tableSizeBytes: 1, numFiles: 5 }),
    );
    writeFileSync(
      join(table.folder, "_delta_log", "_last_checkpoint"),
      JSON.stringify({ version: 1, size: 1 }),
    );
    expect(await codes()).toEqual(["CHECKSUM_WRONG", "HINT_INVALID"]);
  });

  it("says what keeps a table from being read, and refuses what is no table", async () => {
    table.commit({
      protocol: {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ["nobodyKnows"],
        writerFeatures: ["nobodyKnows"],
      },
    });
    expect(await codes()).toEqual(["TABLE_UNREADABLE"]);
    rmSync(join(table.folder, "_delta_log"), { recursive: true });
    await expect(codes()).rejects.toMatchObject({ code: "NOT_A_TABLE" });
  });
});
