import { readdir, rename, rm } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { createTable, type MonitorJson, openTable } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";

const folder = freshFolder();
afterAll(() => rm(folder, { recursive: true, force: true }));

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ amount: from + ((n * 37) % 101), place: ["a", "b"][n % 2] }));

const monitor: MonitorJson = { name: "watch", baseline: { version: 0 }, on: "commit" };

describe("a monitor on commit", () => {
  it("looks at each commit that brings rows, and its verdict comes with the maintenance", async () => {
    await using table = await createTable(`${folder}/each`, { source: rows(0, 900) });
    await table.monitors.create(monitor);
    await table.append(rows(0, 400));
    await table.append(rows(80, 400));
    await table.merge(rows(0, 1), { on: "false" }).whenNotMatchedInsertAll().execute();
    const verdicts = (await table.settled()).flatMap(({ version, monitors = [] }) =>
      monitors.map(({ verdict, text }) => [version, verdict, text.includes("amount")]),
    );
    expect(verdicts.slice(0, 2)).toEqual([
      [2, "none", false],
      [3, "drift", true],
    ]);
    const recorded = await table.monitors.results("watch", { columns: [] });
    expect(recorded.map(({ current }) => current.version)).toEqual([2, 3, 4]);
  });

  it("does not look at commits where it runs by hand", async () => {
    await using table = await createTable(`${folder}/hand`, { source: rows(0, 900) });
    await table.monitors.create({ ...monitor, on: "run" });
    await table.append(rows(0, 400));
    await table.settled();
    expect(await table.monitors.results("watch")).toEqual([]);
  });

  it("that fails does not fail the commit, and is reported", async () => {
    await using table = await createTable(`${folder}/fails`, { source: rows(0, 900) });
    await table.pins.add("absent", { version: 0 });
    await table.monitors.create({ ...monitor, baseline: { pin: "absent" } });
    await table.pins.remove("absent");
    const { outcome, version } = await table.append(rows(0, 400));
    expect([outcome, version]).toEqual(["committed", 2]);
    const warnings = (await table.settled()).flatMap((report) => report.warnings);
    expect(warnings).toMatchObject([{ step: "monitor", code: "PIN_NOT_FOUND" }]);
    expect(warnings[0]?.message).toContain("Version 2 is committed, but the monitor watch");
    await table.pins.add("absent", { version: 0 });
    await table.append(rows(0, 400));
    await table.settled();
    expect(await table.monitors.results("watch")).toHaveLength(1);
  });

  it("does not need bins for commits without rows, such as that of its own new baseline", async () => {
    await using table = await createTable(`${folder}/renewed`, { source: rows(0, 900) });
    await table.monitors.create(monitor);
    await table.append(rows(0, 400));
    await table.settled();
    await table.monitors.rebaseline("watch", { baseline: { version: 2 } });
    await table.monitors.create({ ...monitor, baseline: { version: 0 } }, { replace: true });
    expect((await table.settled()).flatMap((report) => report.warnings)).toEqual([]);
    await table.monitors.rebaseline("watch");
    await table.append(rows(0, 400));
    expect((await table.settled()).flatMap((report) => report.warnings)).toEqual([]);
  });

  it("reads its bins once, and again where another process has made new ones", async () => {
    const uri = `${folder}/remembered`;
    await using table = await createTable(uri, { source: rows(0, 900) });
    await table.monitors.create(monitor);
    const appended = async () => {
      await table.append(rows(0, 400));
      expect((await table.settled()).flatMap((report) => report.warnings)).toEqual([]);
    };
    await appended();
    await appended();
    const bins = `${uri}/_drift/bins`;
    const files = (await readdir(bins)).filter((name) => name.endsWith(".parquet"));
    for (const file of files) await rename(`${bins}/${file}`, `${bins}/${file}.away`);
    await appended();
    for (const file of files) await rename(`${bins}/${file}.away`, `${bins}/${file}`);
    await using other = await openTable(uri);
    await other.monitors.rebaseline("watch");
    await appended();
    const results = await table.monitors.results("watch", { columns: [] });
    expect(results.map(({ bins_id }) => bins_id?.split("-")[0])).toEqual(["1", "1", "1", "2"]);
  });

  it("reads no rows again for a batch that landed before, and for one without rows", async () => {
    const uri = `${folder}/again`;
    await using table = await createTable(uri, { source: rows(0, 900) });
    await table.monitors.create(monitor);
    await table.append(rows(0, 400), { batchId: "june" });
    await table.settled();
    const files = (await readdir(uri)).filter((name) => name.endsWith(".parquet"));
    for (const file of files) await rename(`${uri}/${file}`, `${uri}/${file}.away`);
    for (const again of [
      () => table.append(rows(0, 400), { batchId: "june" }),
      () => table.append([]),
      () => table.vacuum({ dryRun: true }),
    ]) {
      await again();
      const reports = await table.settled();
      expect(reports.flatMap(({ warnings }) => warnings)).toEqual([]);
      expect(reports.flatMap(({ monitors = [] }) => monitors)).toMatchObject([{ verdict: "none" }]);
    }
  });

  it("whose property names columns that never were says so, instead of finding no drift in nothing", async () => {
    await using table = await createTable(`${folder}/absent`, { source: rows(0, 900) });
    const text = JSON.stringify([{ ...monitor, columns: { include: ["amuont"] } }]);
    await table.alter({ set: { "varve.monitors": text } });
    await table.append(rows(0, 400));
    const warnings = (await table.settled()).flatMap((report) => report.warnings);
    expect(warnings).toMatchObject([{ step: "monitor", code: "MONITOR_INVALID" }]);
    expect(warnings[0]?.message).toContain('Did you mean "amount"?');
  });

  it("whose property is damaged does not fail the commit", async () => {
    await using table = await createTable(`${folder}/damaged`, { source: rows(0, 900) });
    await table.alter({ set: { "varve.monitors": "[{" } });
    await table.append(rows(0, 10));
    const warnings = (await table.settled()).flatMap((report) => report.warnings);
    expect(warnings).toMatchObject(
      [{ step: "monitor", code: "MONITOR_INVALID" }, {}].slice(0, warnings.length),
    );
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings[0]?.message).toContain("is committed, but its monitors could not be read: ");
    await using again = await openTable(`${folder}/damaged`);
    expect(await again.count()).toBe(910);
    await expect(again.monitors.list()).rejects.toMatchObject({ code: "MONITOR_INVALID" });
  });
});
