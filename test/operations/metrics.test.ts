import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { query } from "../../src/api/query.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import {
  metricSeries,
  recordedHistory,
  recordMetrics,
  unrecordedHistory,
} from "../../src/metrics/metrics.ts";
import { readMetrics } from "../../src/metrics/metrics-store.ts";
import type { MetricHistory } from "../../src/quality/gate/gate-context.ts";
import { metricValue } from "../../src/quality/measures/metric-state.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { arrayOf, schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { countCalls } from "../support/counting-store.ts";
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
    const recorded = await readMetrics(await openLog(context));
    expect(
      recorded
        .filter((entry) => entry.scope === "batch")
        .map((entry) => [entry.version, entry.state.rows, entry.checks[0]?.unexpected]),
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
    expect(await recordedHistory(await openLog(context))("row_count")).toEqual([3, 4, 1]);
    expect(
      (await metricSeries(await openLog(context)))
        .find((series) => series.name === "row_count")
        ?.points.map((point) => point.value),
    ).toEqual([0, 3, 7, 8]);
    await table.close();
  });

  it("counts what it recorded itself where others record at the same time", async () => {
    const folder = join(freshFolder(), "t");
    await (await createTable(folder, { source: [{ id: 1 }] })).close();
    const context = await openContext(folder);
    const counts = await Promise.all([1, 2, 3].map(async () => recordMetrics(await openLog(context))));
    expect(counts.sort()).toEqual([0, 0, 1]);
  });

  it("feed the checks that compare a batch with the batches before it", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id") });
    const gate = suite("g", [
      check.normal("row_count", undefined, { rule: "relative_change", max_decrease: 0.5 }),
    ]);
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
      (await readMetrics(await openLog(context)))
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
    const before = schema()
      .string("name")
      .long("present")
      .long("count")
      .double("min")
      .double("max")
      .double("mean")
      .double("squares");
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
    await old.append([
      { version: 1, committed_at: new Date(0), scope: "table", rows: 2, columns: [state], checks: [] },
    ]);
    await old.close();
    await table.append([{ id: 3 }, { id: 4 }, { id: 5 }]);
    await table.metrics.record();
    const recorded = (await table.metrics.read()).filter((entry) => entry.scope === "table");
    expect(
      recorded.map(({ version, state }) => [version, metricValue(state, "approximate_distinct(id)")]),
    ).toEqual([
      [1, null],
      [2, 5],
    ]);
    await table.close();
  });

  it("refuse to judge by the history of a metric that is not kept", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().double("delay") });
    const rule = { rule: "batch_normal" } as const;
    await table.append([{ delay: 1 }, { delay: 2 }], {
      gate: suite("g", [check.normal("median", "delay", rule)]),
    });
    await expect(
      table.append([{ delay: 1 }], { gate: suite("g", [check.normal("skewness", "delay", rule)]) }),
    ).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { metric: "skewness(delay)" },
    });
    await table.close();
  });

  it("record a version once, and refuse nobody, when several recorders and writers come at once", async () => {
    const folder = join(freshFolder(), "t");
    const first = await createTable(folder, { schema: schema().long("id") });
    const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));
    for (const count of [10, 11, 12]) await first.append(rows(count));
    const tables = await Promise.all([1, 2, 3, 4].map(() => openTable(folder)));
    const gate = suite("g", [check.normal("row_count", undefined, { rule: "batch_normal" })]);
    await Promise.all([
      ...tables.map((table) => table.metrics.record()),
      ...tables.map((table, at) => table.append(rows(11), at % 2 === 0 ? { gate } : {})),
    ]);
    const newest = await openTable(folder);
    await newest.metrics.record();
    const recorded = await newest.metrics.read();
    expect(recorded.map(({ version, scope }) => `${version} ${scope}`)).toEqual([
      "0 table",
      ...[1, 2, 3, 4, 5, 6, 7].flatMap((version) => [`${version} batch`, `${version} table`]),
    ]);
    expect(recorded.at(-1)?.state.rows).toBe(33 + 4 * 11);
    const kept = await openTable(join(folder, "_metrics"));
    for await (const row of (await query("SELECT count(*) AS n FROM m", { tables: { m: kept } })).rows())
      expect(row).toEqual({ n: 15n });
    await Promise.all([first, newest, kept, ...tables].map((table) => table.close()));
  });

  it("pass over versions whose files a vacuum removed, and appends go on being compared with the rest", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id"), source: [{ id: 1 }] });
    const gone = readdirSync(folder).filter((name) => name.endsWith(".parquet"));
    await table.overwrite([{ id: 5 }, { id: 6 }]);
    await table.append([{ id: 7 }]);
    for (const name of gone) rmSync(join(folder, name));
    const gate = suite("g", [check.normal("row_count", undefined, { rule: "threshold", upper: 3 })]);
    expect(await table.append([{ id: 8 }], { gate })).toMatchObject({
      version: 3,
      gate: { checks: [{ details: { history: 2 } }] },
    });
    await table.metrics.record();
    expect(
      (await table.metrics.read()).map(({ version, scope, state }) => [version, scope, state.rows]),
    ).toEqual([
      [1, "batch", 2],
      [1, "table", 2],
      [2, "batch", 1],
      [2, "table", 3],
      [3, "batch", 1],
      [3, "table", 4],
    ]);
    await table.close();
  });

  it("do not take the rows that a delete or an update wrote anew for a batch", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().long("id"),
      source: [{ id: 1 }, { id: 2 }, { id: 3 }],
    });
    const commit = readFileSync(join(folder, "_delta_log/00000000000000000000.json"), "utf8");
    const { add } = JSON.parse(commit.split("\n").find((line) => line.startsWith('{"add"')) ?? "{}");
    const { path, partitionValues, size, modificationTime } = add;
    const lines = (operation: string, from: string, to: string) =>
      [
        { commitInfo: { timestamp: Date.now(), operation } },
        { remove: { path: from, deletionTimestamp: Date.now(), dataChange: true, partitionValues, size } },
        { add: { path: to, partitionValues, size, modificationTime, dataChange: true } },
      ]
        .map((line) => JSON.stringify(line))
        .join("\n");
    copyFileSync(join(folder, path), join(folder, "rewritten.parquet"));
    writeFileSync(
      join(folder, "_delta_log/00000000000000000001.json"),
      lines("DELETE", path, "rewritten.parquet"),
    );
    await table.refresh();
    await table.append([{ id: 4 }]);
    const context = await openContext(folder);
    await recordMetrics(await openLog(context));
    expect(await recordedHistory(await openLog(context))("row_count")).toEqual([3, 1]);
    await table.close();
  });

  it("are compared with by a standalone check: a version with those before it, files with the batches of a table", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id"), source: [{ id: 1 }] });
    await table.append([{ id: 2 }]);
    await table.append(Array.from({ length: 50 }, (_, id) => ({ id })));
    const grown = suite("g", [
      check.normal("row_count", undefined, { rule: "relative_change", max_increase: 3 }),
    ]);
    expect(await runSuite(grown, await table.at(1))).toMatchObject({
      accepted: true,
      checks: [{ observed: 2 }],
    });
    expect(await runSuite(grown, table)).toMatchObject({
      accepted: false,
      checks: [{ observed: 52, details: { history: 2 } }],
    });
    const few = suite("g", [check.normal("mean", "id", { rule: "threshold", upper: 10 })]);
    const files = { rows: [{ id: 30 }] }.rows;
    expect(await runSuite(few, files, { history: table })).toMatchObject({
      accepted: false,
      checks: [{ details: { history: 3 } }],
    });
    expect(existsSync(join(folder, "_metrics"))).toBe(false);
    await table.close();
  });

  it("are read once for a gate, however many of its checks compare with them", async () => {
    const source = Array.from({ length: 40 }, (_, id) => ({ id, x: id, y: -id }));
    const table = await createTable(join(freshFolder(), "t"), { source });
    for (let batch = 0; batch < 3; batch++) await table.append(source);
    await table.metrics.record();
    const reads = async (checks: number) => {
      const context = await openContext(table.uri);
      const store = countCalls(context.store);
      const history = recordedHistory(await openLog({ ...context, store }));
      const metrics = ["row_count", "mean(id)", "mean(x)", "stdev(x)", "max(y)"].slice(0, checks);
      for (const metric of metrics) expect(await history(metric, metrics)).toHaveLength(4);
      return store.counts().trace.length;
    };
    expect(await reads(5)).toBe(await reads(1));
    const asked: (readonly string[] | undefined)[] = [];
    const history: MetricHistory = async (_metric, metrics) => {
      asked.push(metrics);
      return [];
    };
    await table.append(source, {
      gate: suite("g", [
        check.normal("row_count", undefined, { rule: "batch_normal" }),
        check.normal("mean", "x", { rule: "seasonal", period: 7, ignore_anomalies: false }),
      ]),
      gateOptions: { history },
    });
    expect(asked).toEqual([
      ["row_count", "mean(x)"],
      ["row_count", "mean(x)"],
    ]);
    await table.close();
  });

  it("count a version once that is recorded while a standalone check goes on", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    await table.append([{ id: 1 }, { id: 2 }]);
    await table.append([{ id: 3 }]);
    const context = await openContext(table.uri);
    const history = unrecordedHistory(await openLog(context), "batch");
    expect(await history("row_count")).toEqual([2, 1]);
    await table.metrics.record();
    expect(await history("mean(id)")).toEqual([1.5, 3]);
    await table.close();
  });

  it("are not measured for a standalone check that was cancelled", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    await table.append([{ id: 1 }]);
    await table.append([{ id: 2 }]);
    const rule = suite("g", [check.normal("mean", "id", { rule: "threshold", upper: 10 })]);
    const cancelled = new AbortController();
    const running = runSuite(rule, [{ id: 3 }], {
      history: table,
      signal: cancelled.signal,
      onProgress: ({ phase }) => {
        if (phase === "checking") cancelled.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    await table.close();
  });

  it("leave out what is too large to be computed instead of failing", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().double("x"),
      source: [{ x: 1.7e308 }, { x: 1.7e308 }, { x: -5 }],
    });
    await table.append([{ x: 1 }, { x: Number.POSITIVE_INFINITY }]);
    await table.metrics.record();
    const [newest] = (await table.metrics.read({ scope: "table" })).slice(-1);
    const state = newest?.state ?? { rows: 0, columns: [] };
    expect(
      ["max(x)", "min(x)", "mean(x)", "stdev(x)", "completeness(x)"].map((metric) =>
        metricValue(state, metric),
      ),
    ).toEqual([1.7e308, -5, null, null, 1]);
    expect(state.columns[0]).toMatchObject({ present: 5, count: 4 });
    await table.close();
  });
});

it("metrics of a table that was removed are not those of the one made in its place", async () => {
  const folder = join(freshFolder(), "t");
  await using before = await createTable(folder, { source: [{ id: 1 }] });
  for (const id of [2, 3]) await before.append([{ id }]);
  expect(await before.metrics.record()).toBe(3);
  rmSync(join(folder, "_delta_log"), { recursive: true });
  await using table = await createTable(folder, { source: [{ id: 7 }, { id: 8 }] });
  expect(await table.metrics.read()).toEqual([]);
  expect(await table.metrics.record()).toBe(1);
  expect(await table.metrics.record()).toBe(0);
  const recorded = await table.metrics.read({ scope: "table" });
  expect(recorded.map(({ version, state }) => [version, state.rows])).toEqual([[0, 2]]);
});
