import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, drift } from "../../src/index.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { MonitorReport } from "../../src/monitors/stores/monitor-record.ts";
import { readResults, writeResults } from "../../src/monitors/stores/results-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const january = Array.from({ length: 400 }, (_, n) => ({
  n,
  amount: (n * 37) % 101,
  place: n % 3 ? "a" : "b",
}));
const february = january.map((row) => ({ ...row, amount: row.amount * 2, place: row.n % 9 ? "a" : null }));

async function reportOf(tableId: string, version: number): Promise<MonitorReport> {
  const report = await drift(january, february, { exclude: ["n"] });
  return {
    ...report,
    monitor: "m",
    table_id: tableId,
    state: "evaluated",
    code_version: "0",
    committed_at: "2024-02-01T00:00:00.000Z",
    bins_id: "b",
    as_of_version: version,
    current: { ...report.current, version, scope: "batch" },
  };
}

describe("the table of results", () => {
  it("gives back what was recorded, field by field", async () => {
    await using table = await createTable(join(folder, "t"), { source: january });
    const log = await openLog(await openContext(table.uri));
    const report = await reportOf(log.metadata.id, 1);
    expect(await writeResults(log, report)).toBe(true);
    expect(await readResults(log, { monitor: "m" })).toEqual([report]);
    expect((await readResults(log, { columns: ["amount"] }))[0]?.columns).toEqual(
      report.columns.filter(({ column }) => column === "amount"),
    );
    expect((await readResults(log, { columns: [] }))[0]).toEqual({ ...report, columns: [] });
    expect(await readResults(log, { monitor: "other" })).toEqual([]);
    expect(await readResults(log, { from: 2 })).toEqual([]);
  });

  it("has a version once, and once more for other bins or a later state", async () => {
    await using table = await createTable(join(folder, "once"), { source: january });
    const log = await openLog(await openContext(table.uri));
    const report = await reportOf(log.metadata.id, 1);
    const again = { ...report, run_id: "later" };
    expect(await writeResults(log, report)).toBe(true);
    expect(await writeResults(log, again)).toBe(false);
    expect(await writeResults(log, { ...again, bins_id: "c" })).toBe(true);
    expect(await writeResults(log, { ...report, run_id: "late", as_of_version: 2 })).toBe(true);
    expect((await readResults(log)).map(({ run_id }) => run_id)).toHaveLength(3);
  });
});
