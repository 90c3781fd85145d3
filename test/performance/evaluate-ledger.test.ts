import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLedger, createTable, evaluate, openTable } from "../../src/index.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

const day = (number: number) => new Date(Date.UTC(2024, 0, number));

/** A ledger of 40 predictions, two versions of a model, and outcomes of the first 30, a day later. */
async function recorded() {
  const folder = freshFolder();
  const orders = await createTable(join(folder, "orders"), {
    schema: schema().long("order_id").string("country"),
  });
  const ids = Array.from({ length: 40 }, (_, id) => id);
  await orders.append(ids.map((id) => ({ order_id: id, country: id % 2 === 0 ? "DE" : "FR" })));
  const ledger = await createLedger(join(folder, "ledger"));
  await ledger.record(
    ids.map((id) => ({
      predictionId: `p${id}`,
      inputs: { table: orders.uri, version: 1, key: { order_id: id } },
      features: { country: id % 2 === 0 ? "DE" : "FR", "a/b~c": id % 4 },
      output: { late: (id % 10) / 10 },
      model: { name: "lateness", version: id < 20 ? "1" : "2" },
      at: day(1 + (id % 5)),
    })),
  );
  const outcomes = await createTable(join(folder, "outcomes"), {
    schema: schema().long("order_id").boolean("was_late").timestamp("known_at"),
  });
  const known = ids.slice(0, 30).map((id) => ({
    order_id: id,
    was_late: id % 10 >= 5,
    known_at: day(2 + (id % 5)),
  }));
  await outcomes.append(known);
  const predictions = async () => (await openTable(ledger.uri)).snapshot();
  return { ledger, predictions, outcomes };
}

const binary = { problem: "binary", score: "late", target: "was_late" } as const;

describe("evaluate of a prediction ledger", () => {
  it("joins recorded outputs with outcomes by the key of the input, as of both versions", async () => {
    const { predictions, outcomes, ledger } = await recorded();
    const source = await predictions();
    const late = { source: outcomes, on: ["order_id"], time: "known_at" };
    const result = await evaluate(source, { ...binary, ledger: true, outcomes: late, by: ["country"] });
    expect(result).toMatchObject({ rows: 40, labelled: 30, unscored: 0 });
    expect(result.metrics["roc_auc"]?.value).toBe(1);
    expect(result.slices.map(({ name, rows }) => [name, rows])).toEqual([
      ["DE", 20],
      ["FR", 20],
    ]);
    expect(result.asOf).toEqual({
      predictions: { uri: ledger.uri, version: source.version },
      outcomes: { uri: outcomes.uri, version: 1 },
    });
  });

  it("is another evaluation once more outcomes are known, and the old version gives the old one", async () => {
    const { predictions, outcomes } = await recorded();
    const before = outcomes.snapshot();
    await outcomes.append([{ order_id: 39, was_late: false, known_at: day(20) }]);
    const of = async (source: typeof before) =>
      evaluate(await predictions(), {
        ...binary,
        ledger: true,
        outcomes: { source, on: { order_id: "order_id" } },
      });
    expect(await of(outcomes.snapshot())).toMatchObject({ labelled: 31, asOf: { outcomes: { version: 2 } } });
    expect(await of(before)).toMatchObject({ labelled: 30, asOf: { outcomes: { version: 1 } } });
  });

  it("takes one version of a model, windows by when predictions were made, and features of any name", async () => {
    const { predictions, outcomes } = await recorded();
    const options = { ...binary, outcomes: { source: outcomes, on: ["order_id"] } };
    const second = await evaluate(await predictions(), {
      ...options,
      ledger: { modelName: "lateness", modelVersion: "2" },
      window: { column: "at", every: "P1D" },
    });
    expect(second).toMatchObject({ rows: 20, labelled: 10 });
    expect(second.windows.map(({ name }) => name)[0]).toBe("2024-01-01T00:00:00Z");
    expect(second.windows).toHaveLength(5);
    const named = await evaluate(await predictions(), { ...options, ledger: true, by: ["a/b~c"] });
    expect(named.slices).toHaveLength(4);
    const byId = await evaluate(await predictions(), {
      ...options,
      ledger: true,
      outcomes: {
        source: [{ id: "p7", was_late: true }],
        on: { prediction_id: "id" },
      },
    });
    expect(byId).toMatchObject({ rows: 40, labelled: 1 });
  });

  it("refuses outcomes that were known before the prediction was made", async () => {
    const { predictions } = await recorded();
    const source = [{ order_id: 4, was_late: true, known_at: day(2) }];
    await expect(
      evaluate(await predictions(), {
        ...binary,
        ledger: true,
        outcomes: { source, on: ["order_id"], time: "known_at" },
      }),
    ).rejects.toMatchObject({ code: "OUTCOMES_LEAKED", data: { count: 1 } });
  });

  it("refuses members that no prediction has, what is no ledger, and a ledger without outcomes", async () => {
    const { predictions, outcomes } = await recorded();
    const options = { ...binary, ledger: true, outcomes: { source: outcomes, on: ["order_id"] } };
    await expect(evaluate(await predictions(), { ...options, score: "risk" })).rejects.toMatchObject({
      code: "COLUMN_NOT_FOUND",
      data: { column: ["risk"] },
    });
    await expect(evaluate(outcomes, options)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await expect(evaluate(await predictions(), { ...options, outcomes: undefined })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("has no outcomes"),
    });
  });

  it("takes an output that is a number as it is", async () => {
    const ledger = await createLedger(join(freshFolder(), "ledger"));
    await ledger.record([
      { predictionId: "a", features: { id: 1 }, output: 10 },
      { predictionId: "b", features: { id: 2 }, output: 22 },
    ]);
    const { metrics } = await evaluate((await openTable(ledger.uri)).snapshot(), {
      problem: "regression",
      prediction: "output",
      target: "delay",
      ledger: true,
      outcomes: {
        source: [
          { id: 1, delay: 12 },
          { id: 2, delay: 20 },
        ],
        on: ["id"],
      },
    });
    expect(metrics["mae"]?.value).toBe(2);
  });
});
