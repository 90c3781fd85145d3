import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as varve from "../../src/index.ts";
import { check, suite } from "../../src/index.ts";

const positive = suite("positive", [check.positive("n", { id: "positive", onFail: "quarantine" })]);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let made = 0;
const created = (source: varve.Source) => varve.createTable(join(folder, `t${made++}`), { source });
const valuesOf = async (rows: AsyncIterable<varve.EngineRow>) => {
  const values: unknown[] = [];
  for await (const row of rows) values.push(row["n"]);
  return values;
};

describe("a table that is read without naming a version", () => {
  it("gives the rows of the version that it saw last, in each form", async () => {
    await using table = await created([{ n: 1n }, { n: 2n }]);
    await using other = await varve.openTable(table.uri);
    await other.append([{ n: 3n }]);
    expect(await table.count()).toBe(2);
    await table.refresh();
    expect(await table.count("n > 1")).toBe(2);
    expect(await valuesOf(table.rows({ where: "n > 2" }))).toEqual([3n]);
    expect((await table.arrow()).numRows).toBe(3);
    let batched = 0;
    for await (const batch of table.batches({ columns: ["n"] })) batched += batch.numRows;
    expect(batched).toBe(3);
    expect(await valuesOf((await table.sql("SELECT sum(n)::BIGINT AS n FROM t")).rows())).toEqual([6n]);
    expect(await (await table.at(0)).count()).toBe(2);
  });

  it("of a table that was opened at a version gives that version", async () => {
    await using table = await created([{ n: 1 }]);
    await table.append([{ n: 2 }]);
    await using before = await varve.openTable(`${table.uri}@v0`);
    expect(await before.count()).toBe(1);
  });
});

describe("the groups of a table", () => {
  it("share the version that one of them wrote", async () => {
    await using table = await created([{ n: 1 }]);
    await table.suite.set(positive);
    expect(table.snapshot().version).toBe(1);
    await (await table.staging.stage([{ n: 2 }, { n: -2 }])).publish();
    expect(await table.count()).toBe(2);
    expect(await table.quarantine.read({ limit: 5 })).toHaveLength(1);
    await table.quarantine.repair({ all: true }, { n: "-n" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1 });
    expect(await table.count()).toBe(3);
  });

  it("refuse to write to a table that was opened at a version, and read it", async () => {
    await using table = await created([{ n: 1 }]);
    await using pinned = await varve.openTable(`${table.uri}@v0`);
    const writes = [
      () => pinned.append([{ n: 1 }]),
      () => pinned.staging.stage([{ n: 1 }]),
      () => pinned.staging.discard("a"),
      () => pinned.suite.set(positive),
      () => pinned.suite.unset(),
      () => pinned.log.checkpoint(),
      () => pinned.log.compact(0, 1),
      () => pinned.log.clean(),
      () => pinned.quarantine.purge(),
      () => pinned.quarantine.resubmit({ all: true }),
    ];
    for (const write of writes)
      await expect(write()).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { version: 0 } });
    expect(await pinned.quarantine.list()).toEqual([]);
    expect(await pinned.staging.list()).toEqual([]);
    expect(await pinned.suite.get()).toBeUndefined();
  });

  it("discard a staged batch by its id", async () => {
    await using table = await created([{ n: 1 }]);
    await table.staging.stage([{ n: 2 }], { id: "june" });
    await table.staging.discard("june");
    expect(await table.staging.list()).toEqual([]);
    await expect(table.staging.get("june")).rejects.toMatchObject({ code: "STAGED_INVALID" });
  });
});

describe("table.suite", () => {
  it("checks the rows that the table has with the suite that it carries, and writes nothing", async () => {
    await using table = await created([{ n: 1 }, { n: -1 }]);
    await expect(table.suite.check()).rejects.toMatchObject({ code: "SUITE_INVALID" });
    await table.suite.set(positive);
    const report = await table.suite.check();
    expect(report).toMatchObject({ source: `${table.uri}@v1`, rows: 2, quarantined: 1 });
    expect((await table.refresh()).version).toBe(1);
  });

  it("is taken off by unset alone", async () => {
    await using table = await created([{ n: 1 }]);
    await table.suite.set(positive);
    await expect(table.suite.set(null as never)).rejects.toMatchObject({ code: "SUITE_INVALID" });
    expect(await table.suite.get()).toMatchObject({ name: "positive" });
    await table.suite.unset();
    expect(await table.suite.get()).toBeUndefined();
  });
});

describe("table.metrics", () => {
  it("are written by record alone: reading them leaves the table's folder as it was", async () => {
    await using table = await created([{ n: 1 }, { n: 3 }]);
    expect(await table.metrics.read()).toEqual([]);
    expect((await table.metrics.series()).flatMap(({ points }) => points)).toEqual([]);
    await expect(varve.openTable(join(table.uri, "_metrics"))).rejects.toMatchObject({ code: "NOT_A_TABLE" });
    expect(await table.metrics.record()).toBe(1);
    expect(await table.metrics.record()).toBe(0);
    expect(await table.metrics.read({ scope: "table" })).toMatchObject([{ version: 0, state: { rows: 2 } }]);
    expect((await table.metrics.series()).find(({ name }) => name === "mean(n)")?.points).toMatchObject([
      { version: 0, value: 2 },
    ]);
  });
});

describe("what is resolved before a time", () => {
  it.each([
    ["a Date", new Date("2999-01-01T00:00:00Z")],
    ["text", "2999-01-01"],
    ["milliseconds", Date.UTC(2999, 0)],
  ])("is purged from the quarantine, the time given as %s", async (_, before) => {
    await using table = await created([{ n: 1 }]);
    await table.append([{ n: -1 }], { gate: positive });
    await table.quarantine.discard({ all: true });
    expect(await table.quarantine.purge({ before: "1999-01-01" })).toBe(0);
    expect(await table.quarantine.purge({ before })).toBe(1);
  });
});
