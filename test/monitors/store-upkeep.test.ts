import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTable, type MonitorJson, openTable } from "../../src/index.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { updateAlerts } from "../../src/monitors/alerts/update-alerts.ts";
import type { PerformanceReport } from "../../src/monitors/stores/performance-record.ts";
import { readPerformance, writePerformance } from "../../src/monitors/stores/performance-store.ts";
import { readResults } from "../../src/monitors/stores/results-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { failDisk, restoreDisk } from "../support/disk-faults.ts";
import { startS3Server } from "../support/s3-server.ts";
import { addResults, monitorWith } from "./some-results.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterEach(restoreDisk);
afterAll(() => rm(folder, { recursive: true, force: true }));

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ amount: from + ((n * 37) % 101), place: ["a", "b"][n % 2] }));

const watch: MonitorJson = { name: "watch", baseline: { version: 0 }, on: "commit" };

async function logOf(name: string) {
  await using table = await createTable(join(folder, name), { source: rows(0, 10) });
  return await openLog(await openContext(table.uri));
}

function evaluation(tableVersion: number, bins: string, hour: number): PerformanceReport {
  return {
    ...{ monitor: "inputs", run_id: bins, at: `2026-01-01T0${hour}:00:00.000Z`, performance_hash: "p" },
    ...{
      code_version: "0",
      bins_id: bins,
      version: tableVersion,
      outcome_table: null,
      outcome_version: null,
    },
    ...{ state: "evaluated", rows: 10, labelled: 10, reached: null, repeated: 0, cause: null, because: null },
    ...{ text: bins, metrics: [], estimate: null, parts: [] },
  };
}

describe("the tables of monitors", () => {
  it("hold what was found with the newest bins, also after the clock was set back", async () => {
    const log = await logOf("clock");
    await addResults(log, 1, { age: 0.5 }, { bins: "1-a", hour: 5 });
    await addResults(log, 1, { age: 0.02 }, { bins: "2-b", hour: 3 });
    const { alerts } = await updateAlerts(log, monitorWith(), []);
    expect(alerts.map(({ column, status }) => [column, status])).toEqual([]);
    await writePerformance(log, evaluation(1, "1-a", 5));
    await writePerformance(log, evaluation(1, "2-b", 3));
    expect((await readPerformance(log, { monitor: "inputs" })).map(({ text }) => text)).toEqual(["2-b"]);
  }, 120_000);

  it("write their small files together, and lose no row", async () => {
    const log = await logOf("small");
    const versions = Array.from({ length: 23 }, (_, index) => index + 1);
    for (const version of versions) await addResults(log, version, { age: 0.5 });
    const found = await readResults(log, { monitor: "inputs" });
    expect(found.map(({ current, columns }) => [current.version, columns.length])).toEqual(
      versions.map((version) => [version, 1]),
    );
    const results = await openTable(join(folder, "small", "_drift", "results"));
    const { files } = await results.snapshot().describe();
    await results.close();
    expect(files).toBeLessThan(8);
    // The version that they were compacted in has them still.
    const names = await readdir(join(folder, "small", "_drift", "results"));
    expect(names.filter((name) => name.endsWith(".parquet")).length).toBeGreaterThan(20);
  }, 120_000);

  it.each([
    ["EROFS", "STORE_FORBIDDEN", /read-only. Mount it for writing/],
    ["ENOSPC", "STORE_FULL", /disk is full. Free some space/],
  ])(
    "that cannot be written (%s) do not fail a commit, and the warning says what to do",
    async (fault, code, remedy) => {
      const place = join(folder, fault);
      await using table = await createTable(place, { source: rows(0, 900) });
      await table.monitors.create(watch);
      for (const name of ["open", "mkdir", "link", "rename", "copyFile"])
        failDisk(name, fault, (file) => String(file).includes("_drift"));
      const { version } = await table.append(rows(80, 400));
      const warnings = (await table.settled()).flatMap((report) => report.warnings);
      expect(warnings).toMatchObject([{ step: "monitor", code }]);
      expect(warnings[0]?.message).toMatch(remedy);
      expect(warnings[0]?.message).toContain(`Version ${version} is committed, but the monitor watch`);
      restoreDisk();
      expect(await table.count()).toBe(1_300);
      expect(await table.monitors.run("watch")).toMatchObject({ version, outcome: "recorded" });
    },
    120_000,
  );

  it("that cannot be compacted after a record landed are warnings, and alerts are settled all the same", async () => {
    await using table = await createTable(join(folder, "full"), { source: rows(0, 900) });
    await table.monitors.create({ ...watch, name: "inputs", on: "run", alerts: [{ when: "broken" }] });
    const log = await openLog(await openContext(table.uri));
    // The twentieth commit of the results is that of the run.
    await addResults(log, 3, { other: 0 });
    await using stored = await openTable(join(folder, "full", "_drift", "results"));
    for (let next = stored.snapshot().version + 1; next < 20; next++)
      await stored.alter({ set: { "varve.test": String(next) } });
    const { version } = await table.append(rows(0, 400).map(({ place }) => ({ amount: null, place })));
    const commits = join("full", "_drift", "results", "_delta_log");
    let linked = 0;
    failDisk("link", "ENOSPC", (file) => String(file).includes(commits) && linked++ > 0);
    const found = await table.monitors.run("inputs");
    expect(found.warnings).toEqual([
      { code: "STORE_FULL", message: expect.stringMatching(/monitors' results .*a later run.*disk is full/) },
    ]);
    expect(found).toMatchObject({ outcome: "recorded", version, report: { verdict: "broken" } });
    expect(found.alerts.transitions).toMatchObject([{ to: "firing", key: { column: "amount" } }]);
  }, 120_000);

  it("lie on S3 as on disk", async () => {
    const server = await startS3Server({ buckets: ["bucket"] });
    const s3 = server.options;
    await using table = await createTable("s3://bucket/orders", { source: rows(0, 900), s3 });
    await table.monitors.create(watch);
    const { version } = await table.append(rows(80, 400));
    await table.settled();
    const found = await table.monitors.results("watch");
    expect(found).toMatchObject([{ current: { version }, verdict: "drift" }]);
    const written = server.log.filter(
      ({ method, key }) => method === "PUT" && key.includes("_drift/results"),
    );
    expect(written.length).toBeGreaterThan(1);
    await server.close();
  }, 120_000);
});
