import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { duckdbEngine } from "../../src/engine/session.ts";
import { openLog } from "../../src/log/open-log.ts";
import { profile, suggest } from "../../src/operations/profile.ts";
import { defineSuite } from "../../src/quality/define.ts";
import { evaluateGate } from "../../src/quality/gate.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/open-context.ts";
import { freshFolder } from "../operations/table-folder.ts";

const rows = Array.from({ length: 400 }, (_, at) => ({
  id: at,
  origin: ["LAX", "SFO", "JFK"][at % 3],
  delay: at % 10 === 0 ? null : (at % 40) - 10,
  distance: at === 7 ? Number.NaN : at * 1.5,
  code: String(at * 3),
  note: at % 5 === 0 ? null : `note ${at}`,
}));

async function flights() {
  const folder = join(freshFolder(), "t");
  const types = schema().long("id").string("origin").integer("delay").double("distance").string("code").string("note");
  const table = await createTable(folder, { schema: types, source: rows });
  await table.close();
  return openLog(await openContext(folder));
}

describe("a profile", () => {
  it("counts nulls and NaN apart, measures what each type allows, and says what is approximate", async () => {
    const { rows: count, columns } = await profile(await flights());
    const by = Object.fromEntries(columns.map((column) => [column.name, column]));
    expect(count).toBe(400);
    expect(by["delay"]).toMatchObject({ class: "integer", completeness: 0.9, nulls: 40, min: -9, max: 29 });
    expect(by["distance"]).toMatchObject({ nans: 1, min: 0, max: 598.5 });
    expect(by["distance"]?.mean).toBeCloseTo(rows.reduce((sum, row) => sum + (Number.isNaN(row.distance) ? 0 : row.distance), 0) / 399, 9);
    expect(by["origin"]).toMatchObject({
      minLength: 3,
      maxLength: 3,
      histogram: [
        { value: "LAX", count: 134 },
        { value: "JFK", count: 133 },
        { value: "SFO", count: 133 },
      ],
    });
    expect(by["code"]).toMatchObject({ textKinds: { Integral: 1 } });
  });

  it("suggests a suite with reasons, which the same rows pass", async () => {
    const snapshot = await flights();
    const { suite, reasons } = await suggest(snapshot);
    expect(suite.checks.map((check) => check.id)).toEqual([
      "id:not_null",
      "id:non_negative",
      "id:unique",
      "origin:not_null",
      "origin:category",
      "origin:length",
      "delay:completeness",
      "delay:category",
      "distance:not_null",
      "code:not_null",
      "code:castable",
      "code:unique",
      "note:completeness",
    ]);
    expect(reasons["delay:completeness"]).toBe("90 % of the rows have a value; 0.86 is the lower end of its 95 % confidence interval");
    const session = await duckdbEngine.open();
    const staged = await session.stage(
      { kind: "rows", rows },
      {
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "origin", type: "VARCHAR" },
          { name: "delay", type: "INTEGER" },
          { name: "distance", type: "DOUBLE" },
          { name: "code", type: "VARCHAR" },
          { name: "note", type: "VARCHAR" },
        ],
      },
    );
    const verdict = await evaluateGate(session, defineSuite(suite), staged, { now: 0 });
    expect(verdict.checks.filter((check) => !check.success).map((check) => check.id)).toEqual([]);
    await session.close();
  });

  it("suggests nothing for a table without rows", async () => {
    const folder = join(freshFolder(), "t");
    await createTable(folder, { schema: schema().long("id") });
    expect(await suggest(await openLog(await openContext(folder)))).toEqual({ suite: { name: "suggested", checks: [] }, reasons: {} });
  });
});
