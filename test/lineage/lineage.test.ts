import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger } from "../../src/api/ledger.ts";
import { openTable } from "../../src/api/open-table.ts";
import { lineage } from "../../src/api/records/lineage.ts";
import { recordRun } from "../../src/api/records/runs.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

const suite = {
  name: "orders",
  maxBadShare: 1,
  checks: [
    {
      id: "amount:positive",
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
  ],
} as const;

/** A table of three versions, the second of which was judged by a suite. */
async function orders(folder = freshFolder()) {
  const table = await createTable(join(folder, "orders"), { source: [{ id: 1, amount: 5 }] });
  await table.append(
    [
      { id: 2, amount: -1 },
      { id: 3, amount: 7 },
    ],
    { gate: suite, batchId: "may", userMetadata: "from may" },
  );
  await table.append([{ id: 4, amount: 9 }]);
  return { table, folder, at: (name: string) => join(folder, name) };
}

describe("the lineage of a version", () => {
  it("has the commits up to it, newest first, and the suites that judged them", async () => {
    const { table } = await orders();
    const result = await lineage(`${table.uri}@v1`);
    expect(result).toMatchObject({
      scope: "version",
      table: { uri: table.uri, version: 1, timestamp: (await table.at(1)).timestamp },
      commitCount: 2,
      commits: [
        {
          version: 1,
          batchId: "may",
          message: "from may",
          rowsAdded: 1,
          judgement: { suite: "orders", quarantined: 1, dropped: 0, failed: ["amount:positive"] },
        },
        { version: 0, judgement: undefined, rowsAdded: 1 },
      ],
      suites: [{ name: "orders", commits: 1, firstVersion: 1, lastVersion: 1, failed: ["amount:positive"] }],
      pins: [],
      runs: [],
      runsTables: [],
      predictions: [],
    });
    expect(await lineage(await table.at(1))).toEqual(result);
    const whole = await lineage(table);
    expect(whole).toMatchObject({ scope: "table", commitCount: 3, table: { version: 2 } });
    expect(whole.commits.map(({ version }) => version)).toEqual([2, 1, 0]);
    expect(await lineage(table.uri)).toEqual(whole);
    const few = await lineage(table, { limit: 1 });
    expect(few).toMatchObject({ commitCount: 3, suites: [] });
    expect(few.commits.map(({ version }) => version)).toEqual([2]);
  });

  it("of several commits joins what one suite said of them", async () => {
    const { table } = await orders();
    await table.append([{ id: 5, amount: 1 }], { gate: suite });
    const { suites } = await lineage(table);
    expect(suites).toMatchObject([
      { name: "orders", commits: 2, firstVersion: 1, lastVersion: 3, failed: ["amount:positive"] },
    ]);
  });

  it("has the pins of the version and no others", async () => {
    const { table } = await orders();
    await table.pins.add("model-7", { version: 1, reason: "trained on it" });
    await table.pins.add("newest");
    const named = async (uri: string) => {
      const { pins, pinCount } = await lineage(uri);
      expect(pinCount).toBe(pins.length);
      return pins.map(({ name }) => name);
    };
    expect(await named(`${table.uri}@v1`)).toEqual(["model-7"]);
    expect(await named(`${table.uri}@v0`)).toEqual([]);
    expect(await named(`${table.uri}@v2`)).toEqual(["newest"]);
    expect(await named(table.uri)).toEqual(["model-7", "newest"]);
    expect(await lineage(table, { limit: 1 })).toMatchObject({ pins: [{ name: "model-7" }], pinCount: 2 });
  });

  it("by the name of a pin is that of the version it keeps, also once the log is gone", async () => {
    const { table, at } = await orders();
    await table.pins.add("model-7", { version: 1 });
    const byVersion = await lineage(`${table.uri}@v1`);
    for (const uri of [`${table.uri}@model-7`, join(at("orders"), "_pins", "model-7")])
      expect(await lineage(uri)).toEqual({ ...byVersion, table: { ...byVersion.table, name: undefined } });
    expect(await lineage(await table.pins.open("model-7"))).toMatchObject({
      table: { version: 1 },
      scope: "version",
    });
    await using pinned = await openTable(`${table.uri}@model-7`);
    expect(await lineage(pinned)).toMatchObject({ table: { uri: table.uri, version: 1 } });
  });

  it("has the runs that read it, and those that wrote it", async () => {
    const { table, at } = await orders();
    const elsewhere = join(freshFolder(), "runs");
    const train = { name: "train", model: { name: "lateness", version: "3" }, metrics: { error: 0.25 } };
    await recordRun({ runId: "a", ...train, inputs: { name: "orders", table: table.uri, version: 1 } });
    const input = { name: "orders", table: table.uri, version: 2 };
    await recordRun(
      { runId: "b", inputs: input, outputs: { table: table.uri, version: 1 } },
      { runs: elsewhere },
    );
    const other = await createTable(at("other"), { source: [{ id: 1 }] });
    await recordRun({ runId: "c", inputs: other.uri }, { runs: elsewhere });
    const first = await lineage(`${table.uri}@v1`, { runs: elsewhere });
    expect(first).toMatchObject({
      readerCount: 1,
      writerCount: 1,
      runs: [
        { runId: "b", read: [], wrote: [1] },
        { runId: "a", name: "train", status: "complete", read: [1], wrote: [], metrics: { error: 0.25 } },
      ],
      otherRunsTables: [],
    });
    expect(first.runsTables).toEqual([`${table.uri}/_runs`, expect.stringContaining("/runs")]);
    const all = await lineage(table, { runs: [elsewhere, elsewhere] });
    expect(all.runs.map(({ runId, read, wrote }) => [runId, read, wrote])).toEqual([
      ["b", [2], [1]],
      ["a", [1], []],
    ]);
    expect(all).toMatchObject({ readerCount: 2, writerCount: 1 });
    expect(await lineage(table, { runs: elsewhere, limit: 1 })).toMatchObject({
      readerCount: 2,
      runs: [{ runId: "b" }],
    });
    const unnamed = await lineage(table);
    expect(unnamed.runs.map(({ runId }) => runId)).toEqual(["a"]);
    expect(unnamed.otherRunsTables).toEqual([first.runsTables[1]]);
  });

  it("has the runs of tables that its pins name, if they are beside it", async () => {
    const { table, at } = await orders();
    await recordRun({ runId: "beside", inputs: `${table.uri}@v1` }, { runs: at("all-runs") });
    await recordRun({ runId: "below", inputs: `${table.uri}@v1` }, { runs: join(at("deeper"), "runs") });
    const { runs, runsTables, otherRunsTables } = await lineage(`${table.uri}@v1`);
    expect(runs.map(({ runId }) => runId)).toEqual(["below", "beside"]);
    expect(runsTables).toHaveLength(2);
    expect(otherRunsTables).toEqual([]);
  });
});

describe("predictions of a lineage", () => {
  it("are those whose inputs are rows of the version, each once", async () => {
    const { table, at } = await orders();
    const ledger = await createLedger(at("ledger"));
    const input = (version: number, id: number, name?: string) => ({
      table: table.uri,
      version,
      key: { id },
      name,
    });
    const model = { name: "lateness", version: "3" };
    await ledger.record([
      { predictionId: "a", inputs: input(0, 1), output: 1, model, at: "2024-01-01T00:00:00Z" },
      {
        predictionId: "b",
        inputs: [input(1, 1, "x"), input(1, 3, "y"), input(0, 1, "z")],
        output: 1,
        model,
        at: "2024-02-01T00:00:00Z",
      },
      { predictionId: "c", inputs: input(1, 1), output: 1, at: "2024-03-01T00:00:00Z" },
      { predictionId: "d", inputs: { rows: [{ id: 1, tableId: "x", version: 1 }] }, output: 1 },
      { predictionId: "e", features: [1], output: 1 },
    ]);
    const of = async (uri: string, limit?: number) => {
      const { predictions } = await lineage(uri, { ledgers: ledger.uri, limit });
      expect(predictions).toHaveLength(1);
      return predictions[0];
    };
    expect(await of(`${table.uri}@v1`)).toMatchObject({
      ledger: ledger.uri,
      ledgerVersion: 1,
      unreadable: 0,
      fromRows: {
        count: 2,
        first: new Date("2024-02-01"),
        last: new Date("2024-03-01"),
        ids: ["c", "b"],
        models: [
          { name: "lateness", version: "3", count: 1 },
          { name: null, version: null, count: 1 },
        ],
      },
      fromModels: { count: 0, ids: [] },
    });
    expect((await of(`${table.uri}@v2`))?.fromRows).toEqual({ count: 0, ids: [], models: [] });
    expect((await of(table.uri))?.fromRows).toMatchObject({ count: 3, ids: ["c", "b", "a"] });
    expect((await of(table.uri, 1))?.fromRows).toMatchObject({
      count: 3,
      ids: ["c"],
      models: [{ count: 2 }],
    });
  });

  it("are also those that name a pin's folder as their table", async () => {
    const { table, at } = await orders();
    const { uri } = await table.pins.add("model-7", { version: 1 });
    await table.pins.add("newest");
    const ledger = await createLedger(at("ledger"));
    await ledger.record({ predictionId: "a", inputs: { table: uri, version: 0, key: { id: 3 } }, output: 1 });
    const counts = async (at: string) =>
      (await lineage(`${table.uri}${at}`, { ledgers: [ledger.uri] })).predictions[0]?.fromRows.count;
    expect([await counts("@v1"), await counts(""), await counts("@v2"), await counts("@v0")]).toEqual([
      1, 1, 0, 0,
    ]);
  });

  it("are those of models of runs that read the version, by digest or by name and version", async () => {
    const { table, at } = await orders();
    const other = await createTable(at("other"), { source: [{ id: 1 }] });
    const train = (runId: string, table: string, model: object) =>
      recordRun({ runId, inputs: table, model }, { runs: at("runs") });
    await train("digest", `${table.uri}@v1`, { name: "m", version: "1", hash: "sha256:aa" });
    await train("named", `${table.uri}@v1`, { name: "m", version: "2" });
    await train("other", other.uri, { name: "m", version: "3", hash: "sha256:cc" });
    const ledger = await createLedger(at("ledger"));
    const model = (hash: string | undefined, version: string) => ({ name: "m", version, hash });
    await ledger.record(
      Object.entries({
        "same digest": model("sha256:aa", "9"),
        "other digest": model("sha256:bb", "1"),
        "no digest": model(undefined, "1"),
        "the run has no digest": model("sha256:dd", "2"),
        "of another run": model("sha256:cc", "3"),
      }).map(([predictionId, model], index) => ({ predictionId, output: 1, model, at: index * 1000 })),
    );
    const of = async (uri: string) =>
      (await lineage(uri, { runs: at("runs"), ledgers: ledger.uri })).predictions[0]?.fromModels;
    expect(await of(`${table.uri}@v1`)).toMatchObject({
      count: 3,
      ids: ["the run has no digest", "no digest", "same digest"],
    });
    expect(await of(`${table.uri}@v0`)).toMatchObject({ count: 0 });
    expect(await of(other.uri)).toMatchObject({ ids: ["of another run"] });
  });

  it("whose inputs are not JSON are counted, and the others found", async () => {
    const { table, at } = await orders();
    const ledger = await createLedger(at("ledger"));
    await ledger.record({
      predictionId: "a",
      inputs: { table: table.uri, version: 0, key: { id: 1 } },
      output: 1,
    });
    await using rows = await openTable(ledger.uri);
    const { id } = await table.snapshot().describe();
    const time = "2024-01-01T00:00:00Z";
    const row = { digest: "", output: "1", at: time, recorded_at: time };
    await rows.append([
      { ...row, prediction_id: "damaged", inputs: `[{"tableId":"${id}"` },
      { ...row, prediction_id: "odd", inputs: '{"tableId":1}' },
      { ...row, prediction_id: "odd members", inputs: '[1,null,{"tableId":{}},{"version":"x"}]' },
    ]);
    const { predictions } = await lineage(table, { ledgers: ledger.uri });
    expect(predictions).toMatchObject([{ unreadable: 1, fromRows: { count: 1, ids: ["a"] } }]);
  });
});

describe("a lineage refuses", () => {
  it("runs and ledgers that are not there or something else, and options that it does not know", async () => {
    const { table, at } = await orders();
    const refused = (options: object) => expect(lineage(table.uri, options)).rejects;
    await refused({ ledgers: at("none") }).toMatchObject({ code: "NOT_A_TABLE" });
    await refused({ ledgers: table.uri }).toMatchObject({ code: "SCHEMA_MISMATCH" });
    await refused({ runs: at("none") }).toMatchObject({
      code: "NOT_A_TABLE",
      message: expect.stringContaining("none"),
    });
    await refused({ runs: table.uri }).toMatchObject({ code: "SCHEMA_MISMATCH" });
    await refused({ ledgers: `${table.uri}@v0` }).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused({ runs: 5 }).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused({ limit: 0 }).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused({ ledger: at("none") }).toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { nearest: "ledgers" },
    });
    await expect(lineage(`${table.uri}@v9`)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    await expect(lineage(5 as unknown as string)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(lineage(`${table.uri}@nothing`)).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
  });

  it("nothing of a table in the place of another: its pins and predictions are not the new table's", async () => {
    const { table, folder, at } = await orders();
    const ledger = await createLedger(at("ledger"));
    await ledger.record({
      predictionId: "a",
      inputs: { table: table.uri, version: 0, key: { id: 1 } },
      output: 1,
    });
    const { rmSync } = await import("node:fs");
    rmSync(join(folder, "orders"), { recursive: true });
    const again = await createTable(join(folder, "orders"), { schema: schema().long("id") });
    const { predictions } = await lineage(again, { ledgers: ledger.uri });
    expect(predictions).toMatchObject([{ fromRows: { count: 0 } }]);
  });
});
