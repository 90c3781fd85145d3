import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { EngineRow, EngineSource } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { freshFolder } from "../../operations/table-folder.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

/** Rows of a file that is written twice, by two sessions of one warm instance. */
async function rowsOfBoth(
  ending: string,
  contents: readonly [Uint8Array, Uint8Array],
  source: (file: string) => EngineSource,
): Promise<EngineRow[][]> {
  const file = join(freshFolder(), `same.${ending}`);
  const found: EngineRow[][] = [];
  for (const content of contents) {
    writeFileSync(file, content);
    await using session = await openSession({ threads: 1 });
    found.push(await session.rows((await session.stage(source(file))).sql));
  }
  return found;
}

describe("a file that is replaced within a second by one of the same size", () => {
  it("is read anew if it is Parquet: neither its footer nor its pages are those of before", async () => {
    const folder = freshFolder();
    const write = async (name: string, select: string) => {
      await using session = await openSession({});
      const file = join(folder, name);
      await session.execute(
        unchecked(`COPY (${select}) TO '${file}' (FORMAT parquet, COMPRESSION uncompressed)`),
      );
      return readFileSync(file);
    };
    const [first, second] = [await write("1", "SELECT 1 AS a"), await write("2", "SELECT 2 AS b")];
    expect(first.length).toBe(second.length);
    const read = await rowsOfBoth("parquet", [first, second], (file) => ({ kind: "parquet", files: [file] }));
    expect(read).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  });

  it("is read anew if it is CSV", async () => {
    const contents = [Buffer.from("a\n1\n"), Buffer.from("b\n2\n")] as const;
    const read = await rowsOfBoth("csv", contents, (file) => ({ kind: "csv", files: [file] }));
    expect(read).toEqual([[{ a: 1n }], [{ b: 2n }]]);
  });
});
