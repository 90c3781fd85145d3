import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineSource, OpenSession, StageOptions } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { plainName } from "../../../src/sql/sql-text.ts";
import { badCellsOf } from "../../fuzz/source-format.ts";

/** What every object inherits: no value, and no field. */
const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"] as const;

let folder: string;
let session: OpenSession;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "inherited-names-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function staged(source: EngineSource, options: StageOptions) {
  const relation = await session.stage(source, options);
  const bad = relation.positionColumns.badCells;
  const rows = await session.rows(
    sql`SELECT * FROM (${bad === undefined ? relation.sql : relation.positionedSql})`,
  );
  return rows.map((row) => ({ row, bad: badCellsOf(bad === undefined ? null : row[bad]) }));
}

describe.each(["DOUBLE", "FLOAT"])("%s of a text that every object has as a name", (type) => {
  it.each(inherited)(
    "%s is no number: refused in JSON lines, in a struct and in a cell's JSON",
    async (text) => {
      const number = { columns: [{ name: "d", type }] };
      const nested = { columns: [{ name: "s", type: `STRUCT("d" ${type})` }] };
      const lines = written("cell.ndjson", `{"d":1}\n{"d":"${text}"}\n`);
      const inStruct = written("struct.ndjson", `{"s":{"d":"${text}"}}\n`);
      const inCell = written("cell.csv", `s,t\n"{""d"":""${text}""}",\n`);
      await expect(staged({ kind: "ndjson", files: [lines] }, number)).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["d"] },
      });
      await expect(staged({ kind: "ndjson", files: [inStruct] }, nested)).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
      });
      await expect(staged({ kind: "csv", files: [inCell] }, nested)).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
      });
    },
  );

  it.each(inherited)("%s is set aside with its text where such cells are kept", async (text) => {
    const file = written("kept.ndjson", `{"d":"${text}"}\n{"d":"NaN"}\n`);
    const [first, second] = await staged(
      { kind: "ndjson", files: [file] },
      { columns: [{ name: "d", type }], badCells: "keep" },
    );
    expect(first?.row["d"]).toBe(null);
    expect(first?.bad).toMatchObject([{ column: "d", text }]);
    expect(second?.row["d"]).toBe(Number.NaN);
  });
});

describe("a field that a struct does not have", () => {
  it.each(inherited)("%s is null, not what every object inherits", async (name) => {
    const type = `STRUCT("a" BIGINT, "${name}" STRUCT("b" BIGINT))`;
    const file = written("missing.ndjson", `{"s":{"a":1}}\n{"s":{"a":1,"${name}":{"b":2}}}\n`);
    const relation = await session.stage(
      { kind: "ndjson", files: [file] },
      { columns: [{ name: "s", type }] },
    );
    const rows = await session.rows(
      sql`SELECT (s).${plainName(name)} IS NULL AS missing, CAST(s AS VARCHAR) AS s FROM (${relation.sql})`,
    );
    expect(rows.map(({ missing }) => missing)).toEqual([true, false]);
  });
});
