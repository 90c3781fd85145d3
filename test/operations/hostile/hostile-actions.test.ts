import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Session } from "../../../src/engine/core/contract.ts";
import { fsck } from "../../../src/fsck/fsck.ts";
import type { FsckOptions } from "../../../src/fsck/fsck-finding.ts";
import { schema } from "../../../src/schema/builder.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { field, HandMadeTable, newSession } from "../../table/hand-made-table.ts";
import { freshFolder } from "../table-folder.ts";

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
  table.create([field("id", "long")], { features: ["deletionVectors"] });
});
afterEach(async () => {
  await session.close();
  table.remove();
});

const add = (more: object): object => ({
  add: { path: "a.parquet", partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, ...more },
});
const vector = { storageType: "i", pathOrInlineDv: "wi5b=", sizeInBytes: 4, cardinality: 1 };
const named = "_delta_log/00000000000000000001.json, line 1";

async function findings(options: FsckOptions = {}, folder = table.folder): Promise<string[]> {
  return (await fsck(await openContext(folder), options)).findings.map(
    ({ code, path }) => `${code} ${path ?? ""}`,
  );
}

describe("an action that no file or checkpoint can hold", () => {
  it.each([
    ["a NUL in a path, escaped", add({ path: "a%00b" }), "path must be the path of a file"],
    ["a NUL in a path", add({ path: "a\0b" }), "path must be the path of a file"],
    ["an empty path", add({ path: "" }), "path must be the path of a file"],
    [
      "a NUL in a removed path",
      { remove: { path: "a%00b", dataChange: true } },
      "path must be the path of a file",
    ],
    [
      "an offset of 2^52",
      add({ deletionVector: { ...vector, offset: 2 ** 52 } }),
      "offset must be below 2^31",
    ],
    [
      "a vector of 2^31 bytes",
      add({ deletionVector: { ...vector, sizeInBytes: 2 ** 31 } }),
      "sizeInBytes must be below 2^31",
    ],
    ["a file of 2^53 bytes", add({ size: 2 ** 53 }), "size must be an integer below 2^53"],
    ["a file of -1 bytes", add({ size: -1 }), "size must be 0 or more"],
    [
      "2^53 deleted rows",
      add({ deletionVector: { ...vector, cardinality: 2 ** 53 } }),
      "cardinality must be an integer below 2^53",
    ],
    ["a time that no date is", add({ modificationTime: 2 ** 53 - 1 }), "modificationTime must be at most"],
    [
      "a protocol of 2^31",
      { protocol: { minReaderVersion: 2 ** 31, minWriterVersion: 7 } },
      "minReaderVersion must be below 2^31",
    ],
  ])("is refused by its file and line: %s", async (_name, action, what) => {
    table.commit(action);
    const work = async () => (await (await table.snapshot()).files()).totals();
    await expect(work()).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringContaining(`${named}, `),
    });
    await expect(work()).rejects.toThrow(what);
    expect(await findings()).toContain("COMMIT_CORRUPT ");
  });

  it("is a table made at a time that no date is", async () => {
    const text = readFileSync(join(table.folder, "_delta_log/00000000000000000000.json"), "utf8");
    writeFileSync(
      join(table.folder, "_delta_log/00000000000000000000.json"),
      text.replace('"partitionColumns"', '"createdTime":9000000000000000,"partitionColumns"'),
    );
    const describeTable = async () => (await openTable(table.folder)).snapshot().describe();
    await expect(describeTable()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it.each(["a//b", "a/"])(
    "is a path that no store takes when rows are read, and fsck names it: %s",
    async (path) => {
      table.commit(add({ path }));
      await expect(table.rows(session)).rejects.toMatchObject({
        code: "LOG_CORRUPT",
        message: expect.stringContaining(JSON.stringify(path)),
      });
      expect(await findings()).toContain(`PATH_INVALID ${path}`);
      expect(await findings({ data: false })).toContain(`PATH_INVALID ${path}`);
    },
  );
});

describe("fsck", () => {
  it.each([
    "../secret.parquet",
    "/etc/passwd",
    "file:///etc/passwd",
    "s3://elsewhere/a.parquet",
    "%2E%2E/secret.parquet",
  ])("names a path outside the table as that: %s", async (path) => {
    table.commit(add({ path }));
    expect((await findings()).filter((one) => one.startsWith("DATA_FILE"))).toEqual([]);
    expect(await findings()).toContain(`PATH_OUTSIDE_TABLE ${path}`);
    table.commit({ remove: { path, deletionTimestamp: Date.UTC(2200, 0), dataChange: true } });
    expect(await findings({ deep: true })).toContain(`PATH_OUTSIDE_TABLE ${path}`);
  });

  it("names the file of a deletion vector outside the table as that", async () => {
    const outside = { ...vector, storageType: "p", pathOrInlineDv: "file:///etc/passwd", offset: 1 };
    table.commit(
      await table.add(session, "a.parquet", "SELECT 1::BIGINT AS id", {
        deletionVector: outside,
        stats: '{"numRecords":1}',
      }),
    );
    expect(await findings()).toContain("PATH_OUTSIDE_TABLE a.parquet");
  });

  it.each([
    '"tableSizeBytes":-1,"numFiles":1',
    '"tableSizeBytes":1,"numFiles":1e99',
    '"numFiles":1',
    "damaged",
  ])("names a checksum of an older version that holds no counts: %s", async (counts) => {
    const folder = join(freshFolder(), "t");
    const made = await createTable(folder, { schema: schema().long("id"), source: [{ id: 1n }] });
    const file = "_delta_log/00000000000000000000.crc";
    await made.close();
    writeFileSync(join(folder, file), `{${counts}}`);
    const opened = await openTable(folder);
    await opened.append([{ id: 2n }]);
    await opened.log.checkpoint();
    await opened.close();
    expect(await findings({}, folder)).toEqual([`CHECKSUM_WRONG ${file}`]);
  });
});
