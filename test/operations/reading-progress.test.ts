import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { createTable, type Source, type WriteProgress } from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-reading-progress-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 60_000 }, (_, id) => ({ id, text: `row ${id} `.repeat(8) }));
const lines = `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;
const cells = `id,text\n${rows.map(({ id, text }) => `${id},${text}`).join("\n")}\n`;

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

let tables = 0;

/** The steps of reading that a write into a new table reports. */
async function readingSteps(source: Source): Promise<readonly WriteProgress[]> {
  const steps: WriteProgress[] = [];
  const onProgress = (step: WriteProgress) => void (step.phase === "reading" && steps.push(step));
  await using table = await createTable(join(folder, `table${tables++}`), { source, onProgress });
  expect(await table.count()).toBeGreaterThan(0);
  return steps;
}

describe("the progress of reading files", () => {
  const [first, second] = [file("first.ndjson", lines), file("second.ndjson", '{"id":1}\n')];
  const [csv, more] = [file("first.csv", cells), file("second.csv", "id,text\n1,a\n")];

  it("counts the bytes of JSON lines, of all files, up to their size", async () => {
    const steps = await readingSteps({ ndjson: [first, second] });
    const total = statSync(first).size + statSync(second).size;
    const bytes = steps.flatMap(({ bytes: read }) => read ?? []);
    expect(new Set(steps.flatMap(({ totalBytes }) => totalBytes ?? []))).toEqual(new Set([total]));
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(new Set(bytes).size).toBeGreaterThan(4);
    expect(bytes.at(-1)).toBe(total);
    expect(steps.at(-1)).toMatchObject({ share: 1, rows: rows.length + 1 });
  });

  it("counts the bytes of a gzipped file as they are on disk", async () => {
    const zipped = file("zipped.ndjson.gz", gzipSync(lines));
    const steps = await readingSteps({ ndjson: zipped });
    expect(steps.at(-1)).toMatchObject({ bytes: statSync(zipped).size, totalBytes: statSync(zipped).size });
  });

  it("counts the bytes of CSV files, whatever the engine says of them meanwhile", async () => {
    const steps = await readingSteps({ csv: [csv, more] });
    const [size, total] = [statSync(csv).size, statSync(csv).size + statSync(more).size];
    const bytes = steps.flatMap(({ bytes: read }) => read ?? []);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(bytes).toEqual(expect.arrayContaining([0, size, total]));
    expect(steps.at(-1)).toMatchObject({ share: 1, rows: rows.length + 1, totalBytes: total });
  });

  it("counts the rows of row objects, which have no bytes", async () => {
    const steps = await readingSteps(rows);
    expect(steps.at(-1)).toEqual({ phase: "reading", rows: rows.length });
  });
});
