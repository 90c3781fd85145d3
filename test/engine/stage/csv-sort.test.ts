import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { readCsvHeader } from "../../../src/engine/stage/csv/csv-header.ts";
import { sortCsv } from "../../../src/engine/stage/csv/csv-sort.ts";
import fc from "../../support/fast-check.ts";

let folder: string;
let session: OpenSession;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "varve-csv-sort-"));
  session = await openSession({ temporaryFolder: folder, threads: 2 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

async function sorted(text: string) {
  const [file, copy] = [join(folder, "in.csv"), join(folder, "out.csv")];
  writeFileSync(file, text);
  const found = await sortCsv(file, copy, await readCsvHeader(file, {}), {});
  return { found, copy: readFileSync(copy, "utf8") };
}

async function rowsOfEngine(text: string): Promise<number | undefined> {
  const file = join(folder, "engine.csv");
  writeFileSync(file, text);
  try {
    const { sql } = await session.stage({ kind: "csv", files: [file] });
    return (await session.rows(sql)).length;
  } catch {
    return undefined;
  }
}

describe("sorting out a CSV file", () => {
  it("finds broken lines exactly where the engine refuses the file", async () => {
    // no spaces: the engine lets some quotes pass that stand between them
    const parts = fc.array(fc.constantFrom("a", "é", ",", ",", '"', '"', "\n"), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("x", "x,y", "x,y,z"), parts, async (header, text) => {
        const content = `${header}\n${text.join("")}`;
        const [{ found }, rows] = [await sorted(content), await rowsOfEngine(content)];
        expect(found?.broken === 0 ? found.rows : undefined).toBe(rows);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps rows as they were written below a header, and gives broken lines two cells more: what is wrong, and the text", async () => {
    const { found, copy } = await sorted('x,y\n1,"a\nb"\n\n"c\n"\n2,\n');
    expect(found).toMatchObject({ rows: 3, broken: 1 });
    expect(copy).toBe('a,a,a,a\n1,"a\nb",,\n,,"line 5 has 1 cell, expected 2","""c\n"""\n2,,,\n');
  });

  it("finds records, quotes and line ends that lie across blocks of a file", async () => {
    const long = "x".repeat(700_000);
    const { found, copy } = await sorted(
      `x,y\r\n1,"${long}\r\n${long}"\r\n${`2,${"y".repeat(97)}\r\n`.repeat(20_000)}3\r\n`,
    );
    expect(found).toMatchObject({ rows: 20_002, broken: 1 });
    expect(copy.endsWith(',,"line 20004 has 1 cell, expected 2","3"\n')).toBe(true);
  });
});
