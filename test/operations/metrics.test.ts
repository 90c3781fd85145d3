import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openLog } from "../../src/log/open-log.ts";
import { metricHistory, metricSeries, readMetrics, recordMetrics } from "../../src/operations/metrics.ts";
import { check, suite } from "../../src/quality/builder.ts";
import { metricValue } from "../../src/quality/metric-state.ts";
import { arrayOf, schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/open-context.ts";
import { freshFolder } from "./table-folder.ts";

describe("metrics over versions", () => {
  it("are merged from the rows that each append added, and agree with reading all of them", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id").double("delay").string("origin") });
    const batches = [[1, 5, 9], [Number.NaN, 100, -7, 3], [2]];
    for (const [at, delays] of batches.entries()) {
      await table.append(
        delays.map((delay, id) => ({ id: at * 10 + id, delay, origin: id === 0 ? null : "LAX" })),
        { gate: suite("g", [check.between("delay", { max: 50 }, { onFail: "warn", id: "max" })]) },
      );
    }
    const context = await openContext(folder);
    expect(await recordMetrics(await openLog(context, { version: 2 }))).toBe(3);
    expect(await recordMetrics(await openLog(context))).toBe(1);
    expect(await recordMetrics(await openLog(context))).toBe(0);
    const recorded = await readMetrics(context);
    expect(
      recorded.filter((entry) => entry.scope === "batch").map((entry) => [entry.version, entry.state.rows, entry.checks[0]?.unexpected]),
    ).toEqual([
      [1, 3, 0],
      [2, 4, 2],
      [3, 1, 0],
    ]);
    const all = batches.flat().filter(Number.isFinite);
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    const newest = recorded.at(-1)?.state ?? { rows: 0, columns: [] };
    expect(metricValue(newest, "row_count")).toBe(8);
    expect(metricValue(newest, "mean(delay)")).toBeCloseTo(mean, 10);
    expect(metricValue(newest, "stdev(delay)")).toBeCloseTo(
      Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (all.length - 1)),
      10,
    );
    expect(metricValue(newest, "min(delay)")).toBe(-7);
    expect(metricValue(newest, "completeness(origin)")).toBe(5 / 8);
    expect(await metricHistory(context, "row_count")).toEqual([3, 4, 1]);
    expect((await metricSeries(context)).find((series) => series.name === "row_count")?.points.map((point) => point.value)).toEqual([
      0, 3, 7, 8,
    ]);
    await table.close();
  });

  it("feed the checks that compare a batch with the batches before it", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id") });
    const gate = suite("g", [check.normal("row_count", undefined, { rule: "relative_change", max_decrease: 0.5 })]);
    const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));
    await table.append(rows(10), { gate });
    await table.append(rows(11), { gate });
    await expect(table.append(rows(3), { gate })).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    expect(await table.append(rows(9), { gate })).toMatchObject({ version: 3 });
    await table.close();
  });

  it("start anew from all rows after an overwrite", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id"), source: [{ id: 1 }, { id: 2 }] });
    await table.overwrite([{ id: 5 }]);
    const context = await openContext(folder);
    await recordMetrics(await openLog(context));
    expect(
      (await readMetrics(context))
        .filter((entry) => entry.scope === "table")
        .map((entry) => [entry.state.rows, metricValue(entry.state, "max(id)")]),
    ).toEqual([
      [2, 2],
      [1, 5],
    ]);
    await table.close();
  });

  it("take on sketches where states were kept without them, measuring all rows once", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id") });
    const before = schema().string("name").long("present").long("count").double("min").double("max").double("mean").double("squares");
    const old = await createTable(join(folder, "_metrics"), {
      schema: schema()
        .long("version", { nullable: false })
        .timestamp("committed_at")
        .string("scope", { nullable: false })
        .long("rows", { nullable: false })
        .column("columns", arrayOf(before))
        .column("checks", arrayOf(schema().string("id").boolean("success").long("unexpected"))),
    });
    await table.append([{ id: 1 }, { id: 2 }]);
    const state = { name: "id", present: 2, count: 2, min: 1, max: 2, mean: 1.5, squares: 0.5 };
    await old.append([{ version: 1, committed_at: new Date(0), scope: "table", rows: 2, columns: [state], checks: [] }]);
    await old.close();
    await table.append([{ id: 3 }, { id: 4 }, { id: 5 }]);
    const recorded = (await table.versionMetrics()).filter((entry) => entry.scope === "table");
    expect(recorded.map(({ version, state }) => [version, metricValue(state, "approximate_distinct(id)")])).toEqual([
      [1, null],
      [2, 5],
    ]);
    await table.close();
  });

  it("refuse to judge by the history of a metric that is not kept", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().double("delay") });
    const rule = { rule: "batch_normal" } as const;
    await table.append([{ delay: 1 }, { delay: 2 }], { gate: suite("g", [check.normal("median", "delay", rule)]) });
    await expect(table.append([{ delay: 1 }], { gate: suite("g", [check.normal("skewness", "delay", rule)]) })).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { metric: "skewness(delay)" },
    });
    await table.close();
  });
});
