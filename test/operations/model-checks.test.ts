import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CheckJson, createTable, runSuite, type SuiteJson } from "../../src/index.ts";
import { check, defineSuite, suite } from "../../src/suite.ts";
import { freshFolder } from "./table-folder.ts";

/** Loans whose risk is right for a share of the rows, and the other way round for the rest. */
function loans(count: number, right: number, first = 0) {
  return Array.from({ length: count }, (_, index) => {
    const risk = ((index * 37) % 100) / 100;
    const isRight = (index % 100) / 100 < right;
    const late = risk >= 0.5 === isRight;
    return { id: first + index, risk, late, term: 12 + (index % 24), predicted: 12.5 + (index % 24) };
  });
}

const binary = { problem: "binary", target: "late", score: "risk" };

function metric(kind: "to_be_between" | "not_to_drop", params: CheckJson["params"]): SuiteJson {
  return {
    name: "model",
    checks: [{ kind: `expect_model_metric_${kind}`, params: { ...binary, ...params } }],
  };
}

describe("a check of a model's metric", () => {
  it("is made by the builder, too, and does what its JSON does", async () => {
    const model = { problem: "binary", target: "late", score: "risk" } as const;
    const built = suite("model", [
      check.modelMetric("accuracy", model, { min: 0.8 }, { minRows: 50 }),
      check.modelMetricKept("accuracy", model, { baseline: { value: 0.9 }, maxDrop: 0.05, onFail: "warn" }),
    ]);
    expect(built.json.checks).toEqual([
      {
        kind: "expect_model_metric_to_be_between",
        params: { ...binary, metric: "accuracy", min_rows: 50, min_value: 0.8 },
      },
      {
        kind: "expect_model_metric_not_to_drop",
        params: { ...binary, metric: "accuracy", max_drop: 0.05, baseline: { value: 0.9 } },
        onFail: "warn",
      },
    ]);
    const report = await runSuite(built, loans(1000, 0.82));
    expect(report.checks.map(({ success }) => success)).toEqual([true, false]);
    expect(() => check.modelMetric("mae", null as never, {})).toThrow(/columns of a model must be an object/);
    expect(() => suite("s", [check.modelMetric("mae", { ...model, tagret: "x" } as never, {})])).toThrow(
      /tagret/,
    );
  });

  it("rejects a batch on which the model does badly", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: loans(1000, 0.9) });
    const gate = metric("to_be_between", { metric: "accuracy", min_value: 0.8 });
    await table.append(loans(1000, 0.9, 1000), { gate });
    await expect(table.append(loans(1000, 0.5, 2000), { gate })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
      message: expect.stringMatching(/accuracy of the model must be at least 0.8; found 0\.5/),
    });
    expect(table.snapshot().version).toBe(1);
    await table.close();
  });

  it("gives the figures of an evaluation", async () => {
    const report = await runSuite(
      metric("to_be_between", { metric: "accuracy", min_value: 0.8 }),
      loans(1000, 0.9),
    );
    expect(report.checks[0]).toMatchObject({ success: true, observed: 0.9, details: { labelled: 1000 } });
    const errors: SuiteJson = {
      checks: [
        {
          kind: "expect_model_metric_to_be_between",
          params: {
            problem: "regression",
            target: "term",
            prediction: "predicted",
            metric: "mae",
            max_value: 0.4,
          },
        },
      ],
    };
    expect((await runSuite(errors, loans(1000, 1))).checks[0]).toMatchObject({
      success: false,
      observed: 0.5,
    });
  });

  it("looks at the rows that are selected, and passes with few outcomes", async () => {
    const half = [...loans(1000, 1), ...loans(1000, 0).map((loan) => ({ ...loan, term: 60 }))];
    const good: SuiteJson = {
      checks: [
        {
          ...(metric("to_be_between", { metric: "accuracy", min_value: 0.99 }).checks[0] as CheckJson),
          where: "term < 60",
        },
      ],
    };
    expect((await runSuite(good, half)).accepted).toBe(true);
    const few = await runSuite(
      metric("to_be_between", { metric: "accuracy", min_value: 0.99 }),
      loans(20, 0),
    );
    expect(few.checks[0]).toMatchObject({
      success: true,
      observed: null,
      details: { insufficient: true, labelled: 20, rows_needed: 30 },
    });
  });

  it("refuses what it cannot evaluate", async () => {
    await expect(
      runSuite(metric("to_be_between", { metric: "acuracy", min_value: 0 }), loans(50, 1)),
    ).rejects.toThrow(/unknown metric "acuracy".*Did you mean accuracy/);
    await expect(
      runSuite(
        metric("to_be_between", { metric: "accuracy", target: "nothing", min_value: 0 }),
        loans(50, 1),
      ),
    ).rejects.toMatchObject({ code: "SUITE_INVALID" });
    const wrong = (params: CheckJson["params"]) => () => defineSuite(metric("not_to_drop", params));
    expect(wrong({ metric: "prevalence" })).toThrow(/neither more nor less is better/);
    expect(wrong({ metric: "roc_auc", max_drop: -1 })).toThrow(/max_drop/);
    expect(wrong({ metric: "roc_auc", baseline: { profile: {} } })).toThrow(/unknown member/);
    expect(wrong({ metric: "precision_at", k: [0] })).toThrow(/k.*holds 0/);
    const quarantine = metric("to_be_between", { metric: "accuracy", min_value: 0.5 });
    const [check] = quarantine.checks;
    expect(() => defineSuite({ checks: [{ ...(check as CheckJson), onFail: "quarantine" }] })).toThrow(
      /as a whole/,
    );
  });
});

describe("a check that a metric does not drop", () => {
  it("compares with a pinned version, by both intervals", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: loans(1000, 0.9) });
    await table.pins.add("training");
    await table.overwrite(loans(1000, 0.6));
    const of = async (right: number, rows: number, params: CheckJson["params"] = {}) =>
      (
        await runSuite(
          metric("not_to_drop", { metric: "accuracy", baseline: { pin: "training" }, ...params }),
          loans(rows, right),
          {
            table,
          },
        )
      ).checks[0];
    expect(await of(0.9, 1000)).toMatchObject({ success: true });
    // 0.9 to 0.85 is more than chance for 1,000 rows, and less for 100.
    expect(await of(0.85, 1000)).toMatchObject({ success: false, observed: 0.85 });
    expect(await of(0.85, 100)).toMatchObject({ success: true, details: { drop_low: expect.any(Number) } });
    expect(await of(0.85, 1000, { max_drop: 0.06 })).toMatchObject({ success: true });
    // The table as it is: worse than the batch.
    expect(await of(0.85, 1000, { baseline: null })).toMatchObject({ success: true });
    await table.close();
  });

  it("knows that less of an error is better, and takes a value", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: loans(1000, 0.9) });
    const of = async (name: string, value: number, right: number) =>
      (await runSuite(metric("not_to_drop", { metric: name, baseline: { value } }), loans(1000, right)))
        .accepted;
    expect(await of("log_loss", 0.2, 0.9)).toBe(false);
    expect(await of("log_loss", 5, 0.9)).toBe(true);
    expect(await of("accuracy", 0.99, 0.9)).toBe(false);
    expect(await of("accuracy", 0.5, 0.9)).toBe(true);
    await table.close();
  });
});
