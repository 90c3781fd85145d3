import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, runSuite, type Table } from "../../../src/index.ts";
import { check, suite } from "../../../src/suite.ts";
import { freshFolder } from "../table-folder.ts";

/** A column with quotes, one with a line break, one with a dot, and values that no rule should trip over. */
const columns = (moved: boolean) => `SELECT
  range % 50 + ${moved ? 30 : 0} AS "it's ""quoted""; DROP",
  range % 40 AS "line
break ☃",
  CASE range % 4 WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN 'inf'::DOUBLE ELSE range % 90 END AS odd,
  NULL::INTEGER AS nothing,
  ('1' || repeat('0', 30))::DECIMAL(38, 0) + range % 70 AS wide,
  'v' || (range * 7919) % 10000 AS many,
  {x: range % 60 + ${moved ? 40 : 0}, y: [range]} AS inner,
  range % 30 AS "a.b"`;

const batch = (rows: number, moved = false) => ({ sql: `${columns(moved)} FROM range(${rows})` });

async function table(): Promise<Table> {
  return createTable(join(freshFolder(), "t"), {
    source: batch(2_000),
    properties: { "delta.columnMapping.mode": "name" },
  });
}

const all = suite("all", [check.driftShareBelow(0.01)]);

describe("checks of drift over hostile names and values", () => {
  it("pass for equal rows, name what moved, and break where all is null", async () => {
    const versions = await table();
    const equal = await runSuite(all, batch(2_000), { table: versions });
    expect(equal.checks[0]).toMatchObject({ success: true, details: { drifted: 0 } });
    const moved = await runSuite(all, batch(2_000, true), { table: versions });
    expect(moved.checks[0]).toMatchObject({ success: false, details: { drifted: 2 } });
    const names = moved.checks[0]?.details?.["columns"] as readonly string[];
    expect([...names].sort()).toEqual(["inner.x", 'it\'s "quoted"; DROP']);
    const nulls = { sql: `SELECT * REPLACE (NULL::BIGINT AS "a.b") FROM (${batch(2_000).sql})` };
    const broken = await runSuite(suite("s", [check.driftBelow("a.b")]), nulls, { table: versions });
    expect(broken.checks[0]).toMatchObject({ success: false, details: { reason: "all_null" } });
    await versions.close();
  });

  it("pass with too few rows for an empty batch, and say that a column of nulls has nothing to compare", async () => {
    const versions = await table();
    const empty = await runSuite(all, batch(0), { table: versions });
    expect(empty).toMatchObject({ accepted: true });
    expect(empty.checks[0]).toMatchObject({ details: { insufficient: true, tested: 0 } });
    const nothing = suite("s", [
      check.driftBelow("nothing"),
      check.driftBelow("odd"),
      check.driftBelow("wide"),
    ]);
    const { checks } = await runSuite(nothing, batch(2_000), { table: versions });
    expect(checks.map(({ success }) => success)).toEqual([true, true, true]);
    await versions.close();
  });

  it("say that a column came, is gone, or has another type, and refuse a column that the baseline never had", async () => {
    const reference = await table();
    const tables = { reference: reference.snapshot() };
    const run = (sql: string, column: string) =>
      runSuite(
        suite("s", [check.driftBelow(column, { baseline: { table: "reference" } })]),
        { sql },
        { tables },
      );
    const retyped = await run(`SELECT * REPLACE ("a.b" || '' AS "a.b") FROM (${batch(500).sql})`, "a.b");
    expect(retyped.checks[0]).toMatchObject({ success: false, details: { reason: "type_changed" } });
    const share = suite("s", [check.driftShareBelow(0.01, { baseline: { table: "reference" } })]);
    const gone = { sql: `SELECT * EXCLUDE (odd) FROM (${batch(2_000).sql})` };
    const { checks } = await runSuite(share, gone, { tables });
    expect(checks[0]).toMatchObject({ success: false, details: { drifted: 1, columns: ["odd"] } });
    await expect(run(`SELECT 1 AS fresh FROM range(500)`, "fresh")).rejects.toMatchObject({
      code: expect.stringMatching(/^(SUITE_INVALID|COLUMN_NOT_FOUND)$/),
      message: expect.stringContaining("fresh"),
    });
    await reference.close();
  });

  it("are refused where the files of a named version went with a vacuum", async () => {
    const versions = await table();
    await versions.overwrite(batch(100));
    await versions.vacuum({ retainHours: 0, retentionCheck: false });
    const { version } = versions.snapshot();
    const gate = suite("s", [check.driftBelow("many", { baseline: { version: 0 } })]);
    await expect(versions.append(batch(100), { gate })).rejects.toMatchObject({
      code: "BASELINE_UNREADABLE",
    });
    expect(versions.snapshot().version).toBe(version);
    await versions.close();
  });
});
