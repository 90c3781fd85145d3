import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, describe, expect, it } from "vitest";
import { drift } from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-wide-drift-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Shape {
  readonly columns: number;
  readonly rows: number;
  readonly shift: number;
  /** Other columns have one value; default: none has. */
  readonly varied?: readonly number[];
}

/** A Parquet file of columns `c0`, `c1` and so on: each third one texts, the others doubles. */
async function wideFile(name: string, { columns, rows, shift, varied }: Shape) {
  const file = join(folder, name);
  const values = Array.from({ length: columns }, (_, index) => {
    const number = `hash(r * 31 + ${index} + ${shift}) % 1000`;
    if (varied?.includes(index) === false) return `${index}.5 AS c${index}`;
    if (index % 3 === 2) return `'v' || (${number} % 7) AS c${index}`;
    return `(${number}) / 7.0 + ${index === 1000 ? shift : 0} AS c${index}`;
  });
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(`COPY (SELECT ${values} FROM range(${rows}) rows(r)) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return file;
}

describe("wide tables", () => {
  it("compares a thousand columns of a file, and finds the one that moved", async () => {
    const before = await wideFile("before.parquet", { columns: 1_040, rows: 60, shift: 0 });
    const after = await wideFile("after.parquet", { columns: 1_040, rows: 60, shift: 500 });
    const slices = [{ name: "high", where: "c0 > 40" }];
    const { columns, counts } = await drift({ parquet: before }, { parquet: after }, { slices });
    const all = columns.filter(({ slice }) => slice === null);
    const high = columns.filter(({ slice }) => slice !== null);
    for (const part of [all, high]) expect(new Set(part.map(({ column }) => column)).size).toBe(1_040);
    expect(columns).toHaveLength(2_080);
    expect(counts).toMatchObject({ drifted: 2, broken: 0 });
    expect(all[0]).toMatchObject({ column: "c1000", verdict: "drift", direction: "higher" });
    expect(high[0]).toMatchObject({ column: "c1000", verdict: "drift", direction: "higher" });
    // Columns that rank alike stand in the order of the file.
    const equal = all.filter(({ effect }) => effect === 0).map(({ column }) => Number(column.slice(1)));
    expect(equal).toEqual([...equal].sort((a, b) => a - b));
  });

  it("gives the columns of a wide and large baseline the figures that they have alone", async () => {
    const shape = { columns: 260, rows: 70_000, varied: [0, 2, 256] };
    const before = await wideFile("large-before.parquet", { ...shape, shift: 0 });
    const after = await wideFile("large-after.parquet", { ...shape, shift: 3 });
    const all = await drift({ parquet: before }, { parquet: after });
    const names = ["c0", "c2", "c256"];
    const some = await drift({ parquet: before }, { parquet: after }, { columns: names });
    const figures = ({ columns }: typeof all) =>
      Object.fromEntries(
        columns.map(({ column, kind, js, ks, null_share, unseen_share, bins }) => [
          column,
          { kind, js, ks, null_share, unseen_share, bins },
        ]),
      );
    expect(some.columns).toHaveLength(3);
    expect(figures(all)).toMatchObject(figures(some));
  });

  it("gives the figures of all columns where it reads only those that it needs", async () => {
    const connection = await (await DuckDBInstance.create()).connect();
    const write = async (name: string, n: string, shift: number) => {
      const file = join(folder, name);
      const v = `hash(r + ${shift}) % 40`;
      const values = `r AS ${n}, 'k' || r AS id, {'a b': ${v} / 3.0, 't': 'x' || ${v}} AS "s.""1", ${v} % 3 AS d, [r] AS l, (${v} % 2 = 0) AS b, CASE WHEN r % 9 = 0 THEN CAST('NaN' AS DOUBLE) ELSE ${v} % 4 END AS f, DATE '2020-01-01' + CAST(r AS INTEGER) AS day, CASE WHEN r < 0 THEN 'x' END AS none`;
      await connection.run(`COPY (SELECT ${values} FROM range(1200) rows(r)) TO '${file}' (FORMAT parquet)`);
      return { parquet: file };
    };
    const [before, after] = [await write("some.parquet", "n", 0), await write("other.parquet", "N", 7)];
    connection.closeSync();
    // With a condition, all are read.
    const [some, all] = [await drift(before, after), await drift(before, after, { where: "true" })];
    expect(some.columns.map(({ column }) => column)).toContain('s."1.a b');
    expect(some.columns).toEqual(all.columns);
    expect(some.columns.find(({ column }) => column === "none")).toMatchObject({ kind: "category" });
    const { baseline, current } = await drift(before, after, { where: "n >= 600 AND b" });
    expect([baseline.rows, current.rows]).not.toContain(1_200);
    expect(new Set(some.columns.map(({ kind }) => kind)).size).toBeGreaterThan(5);
  });
});
