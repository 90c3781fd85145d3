import { readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSession } from "../../../src/engine/session/session.ts";
import { LevelRuns } from "../../../src/engine/stage/parquet/level-runs.ts";
import { pageHeader } from "../../../src/engine/stage/parquet/page-headers.ts";
import { PageReader } from "../../../src/engine/stage/parquet/page-reader.ts";
import { isVarveError } from "../../../src/errors.ts";
import { sql } from "../../../src/sql/sql.ts";
import { columnsOfBrokenPages } from "../../fuzz/parquet-pages.ts";
import { freshFolder } from "../../operations/table-folder.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

/** A file that the engine writes. */
async function written(select: string, options: string): Promise<Buffer> {
  await using session = await openSession({ threads: 1 });
  const file = join(freshFolder(), "written.parquet");
  await session.execute(unchecked(`COPY (${select}) TO '${file}' (FORMAT parquet, ${options})`));
  return readFileSync(file);
}

/** Rows that are read of a file with some bytes, or the refusal. */
async function read(bytes: Buffer) {
  const file = join(freshFolder(), "read.parquet");
  writeFileSync(file, bytes);
  await using session = await openSession({ threads: 1 });
  try {
    const staged = await session.stage({ kind: "parquet", files: [file] });
    return await session.rows(sql`SELECT * FROM (${staged.sql})`);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    const { code, message, data } = error;
    expect(data["file"]).toBe(file);
    return { code, message, column: data["column"] };
  }
}

const lists =
  "SELECT i AS id, CASE WHEN i % 4 = 0 THEN NULL ELSE list_transform(range(i % 4 - 1), lambda j: [j, NULL]) END AS l, [{a: i, b: ['x']}] AS s, MAP {'k' || i: [i], 'm': NULL} AS m FROM range(3000) r(i)";

describe("levels of lists and maps", () => {
  it.each(["uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"])(
    "whole files are read, in any codec and form of page: %s",
    async (codec) => {
      for (const version of ["v1", "v2"])
        expect(
          await read(await written(lists, `COMPRESSION ${codec}, PARQUET_VERSION ${version}`)),
        ).toHaveLength(3000);
    },
  );

  it("each bit of levels that other readers take for broken is refused by column", async () => {
    const select =
      "SELECT CASE WHEN i % 5 = 0 THEN NULL ELSE list_transform(range(i % 5 - 1), lambda j: [j, 7]) END AS l FROM range(12) r(i)";
    for (const version of ["v1", "v2"]) {
      const bytes = await written(select, `COMPRESSION uncompressed, PARQUET_VERSION ${version}`);
      const header = pageHeader(bytes.subarray(4));
      const first = 4 + header.headerBytes + (header.data?.version === 1 ? 4 : 0);
      let broken = 0;
      for (let bit = 0; bit < 8 * 24; bit++) {
        const damaged = Buffer.from(bytes);
        damaged[first + (bit >> 3)] = (damaged[first + (bit >> 3)] ?? 0) ^ (1 << (bit & 7));
        if (!columnsOfBrokenPages(damaged).has("l")) continue;
        broken++;
        expect([bit, await read(damaged)]).toEqual([
          bit,
          {
            code: "SOURCE_UNREADABLE",
            message: expect.any(String),
            column: ["l", "list", "element", "list", "element"],
          },
        ]);
      }
      expect(broken).toBeGreaterThan(20);
    }
  });

  it("keys and values of other lengths are refused, although each alone is sound", async () => {
    const bytes = await written(
      "SELECT MAP {'a': i, 'b': i} AS m FROM range(8) r(i)",
      "COMPRESSION uncompressed, PARQUET_VERSION v1",
    );
    // packed levels of which every second begins a row, for the keys and then for the values
    const levels = Buffer.from([0x41, 0xaa, 0xaa]);
    const ofValues = bytes.lastIndexOf(levels);
    expect(ofValues).toBeGreaterThan(bytes.indexOf(levels));
    expect(bytes.indexOf(levels)).toBeGreaterThan(0);
    bytes.fill(0xcc, ofValues + 1, ofValues + 3);
    expect(await read(bytes)).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringContaining("other lengths"),
      column: ["m", "key_value", "value"],
    });
  });

  it("pages that many columns claim are read once at most", async () => {
    const file = join(freshFolder(), "shared.parquet");
    writeFileSync(file, await written("SELECT [i, i] AS l FROM range(9) r(i)", "COMPRESSION uncompressed"));
    const size = readFileSync(file).length;
    await using handle = await open(file);
    const pages = new PageReader(handle, size);
    const again = async () => {
      for (;;) await pages.header(4);
    };
    await expect(again()).rejects.toThrow("another column's");
  });
});

describe("runs of levels", () => {
  it("levels that are packed, repeated or both are what was packed, at any cut", () => {
    for (const most of [1, 2, 3, 5, 9, 200]) {
      const levels = Array.from({ length: 203 }, (_, index) => (index * index * 7) % (most + 1));
      const bytes = [...packed(levels.slice(0, 64), most), 0x96, 1, most, ...packed(levels.slice(139), most)];
      const expected = levels.map((level, index) => (index >= 64 && index < 139 ? most : level));
      for (const step of [1, 3, 8, 50, 203]) {
        const runs = new LevelRuns(Uint8Array.from(bytes), most);
        const given: number[] = [];
        for (let left = 203; left > 0; left -= step) {
          const some = new Uint8Array(step);
          runs.fill(some, Math.min(step, left));
          given.push(...some.subarray(0, Math.min(step, left)));
        }
        expect(given).toEqual(expected);
      }
      expect(() => new LevelRuns(Uint8Array.from(bytes), most).fill(new Uint8Array(300), 300)).toThrow(
        "ends early",
      );
    }
  });
});

/** A run of packed levels. */
function packed(levels: readonly number[], most: number): number[] {
  const width = 32 - Math.clz32(most);
  let bits = 0n;
  for (const [index, level] of levels.entries()) bits |= BigInt(level) << BigInt(index * width);
  const groups = Math.ceil(levels.length / 8);
  const bytes = Array.from({ length: groups * width }, (_, index) =>
    Number((bits >> BigInt(index * 8)) & 255n),
  );
  return [groups * 2 + 1, ...bytes];
}
