import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EngineRow, Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";
import { unchecked } from "../support/unchecked-sql.ts";

const columns = `i % 2 = 0 AS flag, (i % 100)::TINYINT AS tiny, (i % 30000 - 5000)::SMALLINT AS small, -i::INTEGER AS int, i * 450359962737049 AS big,
  i / 7 AS dbl, (i / 7)::FLOAT AS flt, (i / 100)::DECIMAL(12,3) AS dec, 'row ' || i AS short, repeat('långt ', i % 40) || i AS text,
  repeat('x', (i % 90)::INTEGER) AS plain, encode('b' || i) AS blob, DATE '1969-01-01' + i::INTEGER AS date,
  TIMESTAMPTZ '1969-12-31 23:59:59.999999Z' + to_microseconds(i * 86400123457) AS tz,
  TIMESTAMP '0001-01-01' + to_days(i::INTEGER * 300) AS ntz, {'a': i, 'b': ['x' || i]} AS nested, MAP {'k': i} AS map, i::HUGEINT AS huge`;

describe("streamed rows", () => {
  let session: Session;
  beforeEach(async () => {
    session = await openSession({ threads: 1 });
  });
  afterEach(() => session.close());

  async function streamed(sql: string): Promise<EngineRow[]> {
    const rows: EngineRow[] = [];
    for await (const row of session.rowStream(unchecked(sql))) rows.push(row);
    return rows;
  }

  it.each([
    ["without nulls", `SELECT ${columns} FROM range(5000) t(i)`],
    [
      "with nulls anywhere",
      `SELECT ${columns} FROM (SELECT CASE WHEN hash(n) % 3 > 0 THEN n END AS i FROM range(5000) t(n))`,
    ],
    ["picked by a filter", `SELECT ${columns} FROM range(20000) t(i) WHERE hash(i) % 5 = 0`],
    ["in another order", `SELECT ${columns} FROM range(5000) t(i) ORDER BY hash(i)`],
    [
      "at the edges of their types",
      "SELECT * FROM (VALUES (TIMESTAMP 'infinity', DATE '-infinity', TIMESTAMP '290000-01-01', 'nan'::DOUBLE), (NULL, DATE '12000-01-01', TIMESTAMP '0044-03-15 (BC) 12:00:00', '-inf'::DOUBLE)) t(a, b, c, d)",
    ],
    [
      "of more text than is cut out of one",
      "SELECT repeat('abc', 20000) || i AS long, repeat('é', 20000) || i AS wide FROM range(20) t(i)",
    ],
    ["of no rows", "SELECT 1 AS a WHERE false"],
  ])("%s are what the driver's own values make", async (_name, sql) => {
    expect(await streamed(sql)).toEqual(await session.rows(unchecked(sql)));
  });

  it("can be left early, and the session runs on", async () => {
    for await (const row of session.rowStream(sql`SELECT i, 'text ' || i AS t FROM range(100000000) t(i)`))
      if (row["i"] === 3000n) break;
    for await (const batch of session.arrow(sql`SELECT i FROM range(100000000) t(i)`))
      if (batch.numRows > 0) break;
    expect(await session.rows(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  });
});
