import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { afterEach, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Source } from "../../../src/api/shared/table-options.ts";
import { failDisk, restoreDisk } from "../../support/disk-faults.ts";
import { dataFiles, freshFolder } from "../table-folder.ts";

afterEach(restoreDisk);

async function sourceFiles(): Promise<Readonly<Record<string, string>>> {
  const folder = freshFolder();
  const other = join(folder, "other");
  await (await createTable(other, { source: [{ id: 1n }] })).close();
  const files = {
    csv: join(folder, "a.csv"),
    ndjson: join(folder, "a.ndjson"),
    arrow: join(folder, "a.arrow"),
  };
  await writeFile(files.csv, "id\n1\n");
  await writeFile(files.ndjson, '{"id":1}\n');
  await writeFile(files.arrow, tableToIPC(tableFromArrays({ id: [1] }), "stream"));
  return { ...files, parquet: join(other, dataFiles(other)[0] ?? "") };
}

const sources: readonly (readonly [string, string, (file: string) => Source])[] = [
  ["a CSV file", "csv", (csv) => ({ csv })],
  ["an NDJSON file", "ndjson", (ndjson) => ({ ndjson })],
  ["a Parquet file", "parquet", (parquet) => ({ parquet })],
  ["an Arrow file", "arrow", (arrow) => ({ arrow })],
  ["a CSV file of a query", "csv", (f) => ({ sql: "SELECT * FROM f", files: { f } })],
  ["a Parquet file of a query", "parquet", (f) => ({ sql: "SELECT * FROM f", files: { f } })],
];

describe("a source that its permissions forbid to read", () => {
  it.each(sources)("%s is SOURCE_UNREADABLE, with the system's reason", async (_, format, sourceOf) => {
    const file = (await sourceFiles())[format] ?? "";
    const table = join(freshFolder(), "t");
    await (await createTable(table, { source: [{ id: 1n }] })).close();
    const target = await openTable(table);
    failDisk("open", "EACCES", (name) => name === file);
    await expect(target.append(sourceOf(file))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: `Cannot open the file ${file}: EACCES: injected.`,
      data: { file },
    });
    await target.close();
  });
});

describe("a URL that names no local file", () => {
  it("is INVALID_ARGUMENT, with what to pass", async () => {
    const target = await createTable(join(freshFolder(), "t"), { source: [{ id: 1n }] });
    await expect(target.append({ csv: "file://elsewhere/a.csv" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(
        /^Invalid file URL file:\/\/elsewhere\/a.csv: .*file:\/\/\/ and an absolute path/,
      ),
    });
    await target.close();
  });
});
