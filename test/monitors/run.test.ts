import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, drift, type MonitorJson, openTable, type Table } from "../../src/index.ts";
import { readCommit } from "../../src/log/segment/tail-read.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let made = 0;
const days = 24 * 3_600_000;

/** Rows that are alike for each seed, unless `change` says otherwise. */
function rowsOf(seed: number, count = 400, change: (row: Row) => object = (row) => row) {
  return Array.from({ length: count }, (_, index) => {
    const draw = (step: number) =>
      (Math.imul(seed * 7919 + index * 104_729 + step * 1_299_709, 2_654_435_761) >>> 0) / 2 ** 32;
    const amount = Math.round(1_000 * draw(1) * draw(2)) / 10;
    const channel = ["web", "app", "phone"][Math.floor(3 * draw(3) ** 2)] ?? "web";
    return change({
      amount,
      channel,
      age: 18 + Math.floor(60 * draw(4)),
      placed: new Date(Date.UTC(2024, 0, 1) + seed * 30 * days),
    });
  });
}

interface Row {
  readonly amount: number;
  readonly channel: string;
  readonly age: number;
  readonly placed: Date;
}

async function monitored(definition: Partial<MonitorJson> = {}, batches = 1): Promise<Table> {
  const table = await createTable(join(folder, `t${made++}`), { source: rowsOf(0, 2_000) });
  await table.monitors.create({ name: "m", baseline: { version: 0 }, ...definition });
  for (let batch = 1; batch <= batches; batch++) await table.append(rowsOf(batch));
  return table;
}

/** The path of the file that the newest version of a table added. */
async function newestFile(uri: string): Promise<string> {
  await using opened = await openTable(uri);
  const { log } = opened.snapshot();
  const actions = await readCommit(log.context.store, log.version);
  const [path] = actions.flatMap((action) => (action.kind === "add" ? [action.path] : []));
  if (path === undefined) throw new Error("the newest version added no file");
  return path;
}

async function reportOf(table: Table, version?: number) {
  const outcome = await table.monitors.run("m", { version });
  if (!("report" in outcome)) throw new Error(`no report: ${outcome.outcome}`);
  return outcome.report;
}

describe("a monitor", () => {
  it("compares the newest version that brought rows, and says the same as a comparison of these rows", async () => {
    await using table = await monitored();
    const shifted = rowsOf(7, 500, (row) => ({ ...row, amount: row.amount + 30 }));
    const { version } = await table.append(shifted);
    await table.optimize();
    const { outcome, ...found } = await table.monitors.run("m");
    expect(outcome).toBe("recorded");
    expect(found).toMatchObject({ version, report: { verdict: "drift", current: { version, rows: 500 } } });
    const report = await reportOf(table);
    const direct = await drift(`${table.uri}@v0`, shifted);
    // Rows that are no version have no age.
    const shared = report.columns.filter(({ part }) => part !== "age");
    expect(shared.map(({ column, effect }) => [column, effect])).toEqual(
      direct.columns.map(({ column, effect }) => [column, effect]),
    );
    expect(shared).toEqual(direct.columns);
    expect(report.text).toContain("amount");
  });

  it("records a version once, and reads it back", async () => {
    await using table = await monitored();
    expect((await table.monitors.run("m")).outcome).toBe("recorded");
    expect((await table.monitors.run("m")).outcome).toBe("known");
    const results = await table.monitors.results("m");
    expect(results).toHaveLength(1);
    expect(results[0]).toEqual(await reportOf(table));
    await expect(table.monitors.results("m", { from: -1 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option: "from" },
    });
  });

  it("records times and dates of any year, and finds them alike", async () => {
    const sql = `SELECT CASE r % 3 WHEN 0 THEN DATE '9999-12-31' WHEN 1 THEN DATE '0001-01-01' ELSE DATE '2024-01-01' END AS due,
      CASE r % 3 WHEN 0 THEN make_timestamp(9223372036854775806) WHEN 1 THEN make_timestamp(-9223372022400000000) ELSE TIMESTAMP '2024-01-01' END AS seen
      FROM range(300) rows(r)`;
    await using table = await createTable(join(folder, `t${made++}`), { source: { sql } });
    await table.monitors.create({ name: "m", baseline: { version: 0 } });
    await table.append({ sql });
    const { columns } = await reportOf(table);
    const cycles = columns.filter(({ part }) => part !== "age");
    expect(cycles.map(({ effect }) => effect)).toEqual([0, 0, 0, 0, 0]);
    const direct = await drift(`${table.uri}@v0`, { sql });
    expect(cycles.map(({ bins }) => bins)).toEqual(direct.columns.map(({ bins }) => bins));
  });

  it("finds no batch in versions that only optimized, deleted or set a property", async () => {
    await using table = await monitored({}, 2);
    const optimized = await table.optimize();
    const deleted = await table.delete("age > 70");
    for (const version of [1, optimized.version, deleted.version])
      expect(await table.monitors.run("m", { version })).toMatchObject({ outcome: "no_rows", version });
  });

  it("with the scope of the table compares all rows, also after a delete", async () => {
    await using table = await monitored({ scope: "table" }, 1);
    const { version } = await table.delete("channel = 'web'");
    const report = await reportOf(table, version);
    expect(report).toMatchObject({
      verdict: "drift",
      current: { scope: "table", rows: await table.count() },
    });
    expect(report.columns[0]?.column).toBe("channel");
    await expect(table.monitors.run("m", { version: 0 })).rejects.toMatchObject({
      code: "BASELINE_IS_CURRENT",
    });
  });

  it("adds an append to the counts of the table before it", async () => {
    await using table = await monitored({ scope: "table" }, 3);
    const looked: number[] = [];
    await table.monitors.backfill("m", { onProgress: ({ version }) => looked.push(version) });
    // From the oldest on, so that each adds its own rows.
    expect(looked.slice(0, -1)).toEqual([1, 2, 3, 4]);
    const third = await reportOf(table, 4);
    const direct = await drift(`${table.uri}@v0`, `${table.uri}@v4`);
    // Exact quantiles do not merge, so summaries are those of the cells.
    const figures = (columns: typeof direct.columns) =>
      columns.map(({ column, part, effect, js, moved, test, rows, null_share }) => ({
        column,
        part,
        effect,
        js,
        moved,
        p: test?.p,
        rows,
        null_share,
      }));
    // Rows that a table keeps grow older: a monitor of all rows measures no ages, and none is compared here.
    const others = direct.columns.filter(({ part }) => part !== "age");
    expect(direct.columns.filter(({ part }) => part === "age")).toMatchObject([
      { verdict: "not_applicable" },
    ]);
    expect(figures(third.columns)).toEqual(figures(others));
    // A compaction changes no row: after it, too, no other rows are read.
    await table.optimize();
    const compacted = await newestFile(table.uri);
    await table.append(rowsOf(5));
    await rm(join(fileURLToPath(table.uri), compacted));
    expect(await reportOf(table)).toMatchObject({ state: "evaluated", current: { version: 6, rows: 3_600 } });
  });

  it("names columns that went, came, changed their type or are left out", async () => {
    await using table = await monitored({ columns: { exclude: ["age"] } });
    await table.overwrite(
      rowsOf(3, 400, ({ channel, age }) => ({ amount: `x${age}`, channel, age, extra: 1 })),
      { overwriteSchema: true } as object,
    );
    const report = await reportOf(table);
    const reasons = Object.fromEntries(report.columns.map(({ column, reason }) => [column, reason]));
    expect(reasons).toMatchObject({
      amount: "type_changed",
      placed: "missing_column",
      extra: "new_column",
      age: "excluded",
    });
    expect(report.verdict).toBe("broken");
  });

  it("compares slices by the values of the baseline, and by conditions", async () => {
    await using table = await monitored({ slices: [{ by: "channel" }, { name: "old", where: "age > 50" }] });
    await table.append(
      rowsOf(2, 900, (row) => (row.channel === "app" ? { ...row, amount: row.amount + 60 } : row)),
    );
    const report = await reportOf(table);
    const drifted = report.columns.filter(
      ({ verdict, slice }) => verdict === "drift" && slice?.key === "channel",
    );
    expect(drifted.map(({ column, slice }) => [column, slice?.value])).toEqual([["amount", "app"]]);
    expect(report.columns.some(({ slice }) => slice?.key === "old")).toBe(true);
  });

  it("compares with the versions before, together or a number of them back", async () => {
    await using table = await monitored({ baseline: "previous:2" }, 3);
    const report = await reportOf(table);
    expect(report.baseline).toMatchObject({ source: "versions 2 to 3", rows: 800, scope: "batch" });
    await table.monitors.create({ name: "lagging", baseline: { lag: 2 } });
    const outcome = await table.monitors.run("lagging");
    expect(outcome).toMatchObject({ report: { baseline: { source: "version 2", rows: 400 } } });
    expect(await table.monitors.run("lagging", { version: 0 })).toMatchObject({
      outcome: "no_baseline",
      version: 0,
    });
  });

  it("takes a column that counts on for a sequence, whichever versions before it is compared with", async () => {
    const numbered = (batch: number) =>
      rowsOf(batch, 400).map((row, index) => ({ ...row, n: 400 * batch + index }));
    await using table = await createTable(join(folder, `t${made++}`), { source: numbered(0) });
    for (const name of ["one", "two"])
      await table.monitors.create({ name, baseline: name === "one" ? "previous" : "previous:2" });
    for (const batch of [1, 2, 3]) await table.append(numbered(batch));
    for (const name of ["one", "two"]) {
      await table.monitors.backfill(name);
      const found = (await table.monitors.results(name)).flatMap(({ columns }) =>
        columns.filter(({ column }) => column === "n").map(({ verdict, reason }) => [verdict, reason]),
      );
      expect(found).toEqual(Array.from({ length: 3 }, () => ["not_applicable", "sequence"]));
    }
  });

  it("compares a window again when a later version brings rows for it", async () => {
    await using table = await monitored({ window: { column: "placed", every: "P1M" } }, 2);
    await table.append(rowsOf(1, 300));
    const [first, , late] = [await reportOf(table, 2), await reportOf(table, 3), await reportOf(table, 4)];
    const window = first.columns[0]?.window;
    expect(window).toBe("2024-01");
    expect(late.columns[0]).toMatchObject({ window, rows: { current: 2_000 + 400 + 300 } });
    expect([first.as_of_version, late.as_of_version]).toEqual([2, 4]);
  });

  it("says that a version without rows that it looks at is empty", async () => {
    await using table = await monitored({ where: "age > 1000" });
    expect(await reportOf(table)).toMatchObject({ state: "empty", columns: [] });
  });

  it("takes thresholds by column, role and kind, and from the history of quiet versions", async () => {
    await using table = await monitored(
      {
        columns: { roles: { age: "score" } },
        thresholds: {
          effect: 0.3,
          column: { amount: { history: { min: 3, k: 3 } } },
          role: { score: { effect: 0.25 } },
          kind: { category: { effect: 0.2 } },
        },
      },
      5,
    );
    await table.monitors.backfill("m");
    const report = await reportOf(table, 6);
    const of = (name: string) => report.columns.find(({ column }) => column === name);
    expect(of("age")).toMatchObject({ threshold: 0.25, threshold_source: "role" });
    expect(of("channel")).toMatchObject({ threshold: 0.2, threshold_source: "kind" });
    expect(of("amount")?.threshold_source).toBe("history");
    expect(of("placed")).toMatchObject({ threshold: 0.3, threshold_source: "run" });
  });

  it("refuses bins of another baseline until they are renewed, and keeps the results", async () => {
    await using table = await monitored({}, 2);
    await table.monitors.run("m");
    await table.monitors.create({ name: "m", baseline: { version: 2 } }, { replace: true });
    await expect(table.monitors.run("m")).rejects.toMatchObject({
      code: "BINS_CHANGED",
      message: expect.stringContaining("rebaseline"),
    });
    expect(await table.monitors.rebaseline("m")).toMatchObject({ generation: 2, baseline: { version: 2 } });
    expect((await table.monitors.run("m")).outcome).toBe("recorded");
    expect(await table.monitors.results("m", { allDefinitions: true })).toHaveLength(2);
    expect(await table.monitors.results("m")).toHaveLength(1);
  });

  it("refuses a baseline that the table does not have, and changes nothing", async () => {
    await using table = await monitored({}, 2);
    await table.monitors.run("m");
    const { version } = await table.snapshot();
    for (const [baseline, code] of [
      [{ version: 99 }, "BASELINE_UNREADABLE"],
      [{ versions: [1, 99] }, "BASELINE_UNREADABLE"],
      [{ pin: "absent" }, "PIN_NOT_FOUND"],
      [{ runs: "absent" }, "BASELINE_UNREADABLE"],
    ] as const) {
      await expect(table.monitors.create({ name: "other", baseline })).rejects.toMatchObject({ code });
      await expect(table.monitors.rebaseline("m", { baseline })).rejects.toMatchObject({ code });
    }
    await expect(table.monitors.create({ name: "other", baseline: { version: 99 } })).rejects.toThrow(
      /Version 99 .*does not exist yet\. The newest version is/,
    );
    expect((await table.snapshot()).version).toBe(version);
    expect((await table.monitors.run("m")).outcome).toBe("known");
  });

  it("names the pins where its baseline cannot be read, and keeps working from recorded bins", async () => {
    await using table = await monitored({});
    await table.pins.add("gone", { version: 0 } as object);
    await table.monitors.create({ name: "m", baseline: { pin: "gone" } }, { replace: true });
    await table.pins.remove("gone");
    await expect(table.monitors.run("m")).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
    await table.pins.add("kept", { version: 0 } as object);
    expect(await table.monitors.rebaseline("m", { baseline: { pin: "kept" } })).toMatchObject({
      baseline: { pin: "kept", version: 0, rows: 2_000 },
    });
    await table.pins.remove("kept");
    expect((await reportOf(table)).baseline.pin).toBe("kept");
  });
});

describe("a monitor whose table changed", () => {
  it("refuses a version that is to come, and looks at it when it is there", async () => {
    await using table = await monitored({}, 1);
    await expect(table.monitors.run("m", { version: 3 })).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      data: { version: 3, latest: 2 },
    });
    await table.append(rowsOf(2));
    expect(await table.monitors.run("m", { version: 3 })).toMatchObject({
      outcome: "recorded",
      report: { state: "evaluated" },
    });
  });

  it("refuses bins of other windows until they are renewed", async () => {
    await using table = await monitored({}, 1);
    await table.monitors.run("m");
    const other = {
      name: "m",
      baseline: { version: 0 },
      window: { column: "placed", every: "P1M" },
    } as const;
    await table.monitors.create(other, { replace: true });
    await expect(table.monitors.run("m")).rejects.toMatchObject({ code: "BINS_CHANGED" });
    await table.monitors.rebaseline("m");
    const months = new Set((await reportOf(table)).columns.map(({ window }) => window));
    expect([...months]).toEqual(["2024-01"]);
    const daily = { ...other, window: { column: "placed", every: "P1D" } };
    await table.monitors.create(daily, { replace: true });
    await table.monitors.rebaseline("m");
    expect((await reportOf(table)).columns[0]?.window).toBe("2024-01-31");
  });

  it("with a moving baseline whose rows are gone has none, whichever version comes first", async () => {
    await using table = await monitored({ baseline: "previous" }, 2);
    await table.optimize();
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const { version } = await table.append(rowsOf(3));
    expect(await table.monitors.run("m")).toMatchObject({ outcome: "no_baseline", version });
    await table.append(rowsOf(4));
    expect(await reportOf(table)).toMatchObject({ state: "evaluated", baseline: { version } });
  });

  it("with a moving baseline makes no bins of an empty one, by which all later versions would be unlike", async () => {
    await using table = await monitored({ baseline: "previous", scope: "table" }, 1);
    await table.delete("true");
    const { version } = await table.append(rowsOf(3));
    await table.append(rowsOf(4));
    const empty = await table.monitors.run("m", { version });
    expect(empty).toMatchObject({ outcome: "no_baseline", version });
    const { drifted, recorded } = await table.monitors.backfill("m");
    expect(recorded).toContain(version + 1);
    expect(drifted).toEqual([]);
  });

  it("with a moving baseline takes no category for unseen that the baseline has by then", async () => {
    await using table = await monitored({ baseline: "previous" }, 1);
    await table.monitors.run("m");
    const fax = (row: Row) => (row.age % 2 === 0 ? { ...row, channel: "fax" } : row);
    const first = await table.append(rowsOf(2, 400, fax));
    const second = await table.append(rowsOf(3, 400, fax));
    const channelOf = async (version: number) =>
      (await reportOf(table, version)).columns.find(({ column }) => column === "channel");
    expect(await channelOf(first.version)).toMatchObject({ verdict: "broken", reason: "unseen" });
    expect(await channelOf(second.version)).toMatchObject({ verdict: "none" });
  });

  it("says that its own tables are damaged, not that the version is, and goes on without them", async () => {
    await using table = await monitored({}, 2);
    await table.monitors.run("m", { version: 2 });
    await table.monitors.run("m", { version: 3 });
    const own = fileURLToPath(`${table.uri}/_drift/profiles`);
    // The counts of the newest version lie in the newest file.
    await rm(join(own, await newestFile(own)));
    await table.monitors.create(
      { name: "m", baseline: { version: 0 }, thresholds: { effect: 0.2 } },
      { replace: true },
    );
    await expect(table.monitors.run("m", { version: 3 })).rejects.toMatchObject({
      code: "MONITOR_STORE_DAMAGED",
      message: expect.stringContaining("remove the folder _drift/profiles"),
    });
    expect(await table.monitors.results("m")).toEqual([]);
    await rm(own, { recursive: true });
    expect(await reportOf(table, 3)).toMatchObject({ state: "evaluated" });
  });
});

describe("a backfill", () => {
  it("compares what is missing, newest first, and goes on where it was interrupted", async () => {
    await using table = await monitored({}, 6);
    await table.append(rowsOf(9, 400, (row) => ({ ...row, channel: "fax" })));
    const seen: number[] = [];
    const abort = new AbortController();
    const interrupted = table.monitors.backfill("m", {
      signal: abort.signal,
      onProgress: ({ version }) => {
        if (seen.push(version) === 4) abort.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: "CANCELLED" });
    expect(seen).toEqual([8, 7, 6, 5]);
    expect(await table.monitors.results("m", { columns: [] })).toHaveLength(3);
    const result = await table.monitors.backfill("m", { from: 2 });
    expect(result).toMatchObject({
      monitor: "m",
      recorded: [2, 3, 4, 5],
      known: [6, 7, 8],
      withoutRows: [],
      unreadable: [],
      drifted: [8],
    });
  });

  it("records versions whose files are gone as unreadable", async () => {
    await using table = await monitored({}, 2);
    await table.monitors.create({ name: "m", baseline: { version: 3 } }, { replace: true });
    const file = (await readdir(new URL(table.uri))).filter((name) => name.endsWith(".parquet"));
    const { version } = await table.overwrite(rowsOf(5));
    await table.append(rowsOf(6));
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    expect(file.length).toBeGreaterThan(2);
    await table.monitors.rebaseline("m", { baseline: { version } });
    const result = await table.monitors.backfill("m");
    expect(result.unreadable).toEqual([0, 2, 3]);
    expect(result.drifted).toEqual([]);
    expect((await table.monitors.backfill("m")).recorded).toEqual([]);
  });

  it("reads the rows of a version once, and none of versions that are recorded", async () => {
    await using table = await monitored({}, 3);
    await table.monitors.backfill("m");
    await table.monitors.create(
      { name: "m", baseline: { version: 0 }, thresholds: { effect: 0.5 } },
      { replace: true },
    );
    // Without a file of the table, only recorded counts can be compared.
    for (const name of await readdir(new URL(table.uri)))
      if (name.endsWith(".parquet")) await rm(join(new URL(table.uri).pathname, name));
    await using again = await openTable(table.uri);
    const result = await again.monitors.backfill("m", { from: 2 });
    expect(result).toMatchObject({ recorded: [2, 3, 4], unreadable: [] });
  });
});
