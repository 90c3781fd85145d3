import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, drift, openTable } from "../../src/index.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { readStore } from "../../src/monitors/stores/drift-store.ts";
import type { MonitorReport } from "../../src/monitors/stores/monitor-record.ts";
import { readResults, resultsStore, writeResults } from "../../src/monitors/stores/results-store.ts";
import { querySql, type StoreQuery } from "../../src/monitors/stores/store-query.ts";
import { type SqlSelect, sql } from "../../src/sql/sql.ts";
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

  it("is read without the engine as by it", async () => {
    await using table = await createTable(join(folder, "both"), { source: january.slice(0, 9) });
    const context = await openContext(table.uri);
    const log = await openLog(context);
    const report = await reportOf(log.metadata.id, 1);
    for (const [index, monitor] of ["m", "'; --", "m", "𝒳", "\uffee"].entries()) {
      const at = new Date(Date.UTC(2024, 5, 5 - index)).toISOString();
      const current = { ...report.current, version: index % 3 };
      const text = index === 0 ? "\u0000\ufeff<b>" : report.text;
      await writeResults(log, { ...report, monitor, at, text, current, run_id: `${index}` });
    }
    const withoutEngine = () => Promise.reject(new Error("the engine was started"));
    const small = { metadata: log.metadata, context: { ...context, engine: withoutEngine } };
    const order = ["version", "monitor", "at", "rank"];
    const queries: StoreQuery[] = [
      { where: [], order },
      { where: [], order: ["monitor", "at", "rank"] },
      { where: [{ column: "monitor", oneOf: ["m", "'; --"] }], order },
      { where: [{ column: "version", from: 1, to: 1 }], order: ["monitor", ...order] },
      { where: [{ column: "version", oneOf: [0, 2] }], newest: "version", order },
      { columns: ["text"], where: [{ column: "column", oneOf: [null] }], order },
      { columns: ["effect"], where: [{ column: "column", oneOf: ["amount", null] }], order },
      { columns: ["text"], where: [{ column: "monitor", oneOf: [] }], order },
    ];
    const counts: number[] = [];
    for (const { where, ...more } of queries) {
      const query = { ...more, where: [...where, { column: "table_id", oneOf: [log.metadata.id] }] };
      const byEngine = {
        where: sql`true`,
        select: (rows: SqlSelect) => querySql(resultsStore.columns, query, rows),
      };
      const rows = await readStore(small, resultsStore, query);
      expect(rows).toEqual(await readStore(log, resultsStore, byEngine));
      counts.push(rows.length);
    }
    const each = report.columns.length + 1;
    expect(counts).toEqual([5 * each, 5 * each, 3 * each, 2 * each, each, 5, 10, 0]);
    // Rows that are marked as deleted are the engine's.
    await using results = await openTable(join(folder, "both", "_drift", "results"));
    await results.alter({ set: { "delta.enableDeletionVectors": "true" }, upgradeProtocol: true });
    await results.delete("\"column\" = 'amount'");
    const left = await readResults(log);
    expect(left.map(({ columns }) => columns.length)).toEqual(Array(5).fill(report.columns.length - 1));
  });
});
