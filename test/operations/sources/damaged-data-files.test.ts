import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createTable, fsck, isVarveError, openTable, schema } from "../../../src/index.ts";
import { Random } from "../../fuzz/random.ts";
import { freshFolder } from "../table-folder.ts";

const count = 500;
const runs = Number(process.env["VARVE_RUNS"] ?? 60);

let folder: string;
let file: string;
let whole: Buffer;

beforeEach(async () => {
  folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").string("name").double("x") });
  const rows = Array.from({ length: count }, (_, id) => ({
    id,
    name: id % 7 === 0 ? null : `n${id % 20}`,
    x: id / 3,
  }));
  await table.append(rows);
  await table.close();
  file = join(folder, readdirSync(folder).find((name) => name.endsWith(".parquet")) ?? "");
  whole = readFileSync(file);
});

/** One to three bytes changed of the footer, the first page's header, or the pages. */
function damaged(seed: number): Buffer {
  const random = new Random(seed);
  const bytes = Buffer.from(whole);
  const footer = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
  const places = [
    [footer, whole.length],
    [4, 64],
    [4, footer],
  ] as const;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const [from, to] = random.pick(places);
    const index = from + random.below(to - from);
    const flipped = (bytes[index] ?? 0) ^ (1 << random.below(8));
    bytes[index] = random.pick([flipped, 0, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  return bytes;
}

/** What reading the table came to: its number of rows, or the code of the error. */
async function outcome(): Promise<number | string> {
  await using table = await openTable(folder, { memoryLimit: 512 * 1024 * 1024 });
  try {
    let rows = 0;
    for await (const _ of table.rows()) rows++;
    return rows;
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
}

describe("data files whose footers and page headers lie", () => {
  it(`give every row or DATA_FILE_CORRUPT, never a crash or another error, in ${runs} changes`, async () => {
    const outcomes: (number | string)[] = [];
    for (let seed = 0; seed < runs; seed++) {
      writeFileSync(file, damaged(seed));
      const found = await outcome();
      expect([count, "DATA_FILE_CORRUPT"], `seed ${seed}`).toContain(found);
      outcomes.push(found);
    }
    // Damage that is always noticed, or never, would test nothing.
    expect(new Set(outcomes).size).toBe(2);
  });

  it("are named by fsck where the engine does not say which file it read", async () => {
    const bytes = Buffer.from(whole);
    bytes.fill(0xff, 4, 12);
    writeFileSync(file, bytes);
    expect(await outcome()).toBe("DATA_FILE_CORRUPT");
    const { findings } = await fsck(folder);
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "DATA_FILE_CORRUPT", path: file.slice(folder.length + 1) }),
    );
  });
});
