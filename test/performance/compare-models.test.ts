import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type CompareModelsOptions,
  compareModels,
  createTable,
  openRuns,
  recordRun,
} from "../../src/index.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** A number from 0 to 1 that looks random and is always the same. */
function noise(seed: number, kind: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(kind + 1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296;
}

const ids = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

/** Rows whose outcome follows a hidden risk. */
const outcomes = (count: number) =>
  ids(count).map((id) => ({
    id,
    late: noise(id, 1) < noise(id, 2),
    country: ["DE", "FR", "IT"][id % 3] ?? "",
  }));

/** Scores that know the risk up to an error of this size. */
const scores = (count: number, error: number, kind: number) =>
  ids(count).map((id) => ({
    id,
    risk: Math.min(1, Math.max(0, noise(id, 2) + error * (noise(id, kind) - 0.5))),
  }));

const binary = { problem: "binary", target: "late", on: "id" } as const;

function byScore(count: number, champion: number, challenger: number): CompareModelsOptions {
  return {
    ...binary,
    data: outcomes(count),
    champion: { source: scores(count, champion, 3), score: "risk" },
    challenger: { source: scores(count, challenger, 4), score: "risk" },
  };
}

describe("compareModels", () => {
  it("promotes a challenger that is better for sure", async () => {
    const { verdict, metrics, rules, text } = await compareModels(byScore(3000, 1.5, 0.1));
    expect(verdict).toBe("promote");
    expect(metrics[0]).toMatchObject({ metric: "roc_auc", better: "higher", test: { name: "delong" } });
    expect(metrics[0]?.low).toBeGreaterThan(0);
    expect(rules.map(({ rule, state }) => [rule, state])).toEqual([
      ["drop", "pass"],
      ["gain", "pass"],
      ["calibration", "pass"],
      ["dummy", "pass"],
    ]);
    expect(text).toMatch(/^Promote challenger: roc_auc: gain 0\.\d+ \[0\.\d+, 0\.\d+\]/);
  });

  it("keeps the champion where the challenger is worse for sure", async () => {
    const { verdict, text } = await compareModels(byScore(3000, 0.1, 1.5));
    expect(verdict).toBe("keep");
    expect(text).toMatch(/^Keep champion: roc_auc: gain -0\.\d+ \[-0\.\d+, -0\.\d+\], surely worse/);
  });

  it("is undecided where chance may explain it, and says how many rows would decide", async () => {
    const small = await compareModels(byScore(200, 0.6, 0.55));
    expect(small.verdict).toBe("undecided");
    expect(small.rowsNeeded).toBeGreaterThan(200);
    expect(small.text).toMatch(/about [\d,]+ rows would decide/);
    expect(small.rules[0]).toMatchObject({ rule: "drop", state: "open" });
    expect(small.rowsNeeded).toBe(Math.max(...small.rules.map(({ rowsNeeded }) => rowsNeeded ?? 0)));
    const data = ids(100).map((id) => ({
      id,
      y: id % 2,
      a: id < 2 ? 1 - (id % 2) : id % 2,
      b: id === 5 ? 0 : id % 2,
    }));
    const models = { champion: { prediction: "a" }, challenger: { prediction: "b" } };
    const gained = await compareModels({ problem: "binary", data, target: "y", on: "id", ...models });
    expect(gained.metrics[0]?.gain).toBeCloseTo(0.01, 12);
    expect(gained.rules.slice(0, 2)).toMatchObject([{ state: "open" }, { state: "pass" }]);
  });

  it("lets a small drop pass that the rules allow", async () => {
    const allowed = await compareModels({
      ...byScore(3000, 0.5, 0.55),
      rules: { maxDrop: 0.05, minGain: -0.05 },
    });
    expect(allowed.verdict).toBe("promote");
    expect((await compareModels(byScore(3000, 0.5, 0.55))).verdict).not.toBe("promote");
  });

  it("tests accuracy by McNemar on the rows in which one model alone is right", async () => {
    const data = ids(60).map((id) => ({
      id,
      y: id % 2,
      a: id < 12 ? 1 - (id % 2) : id % 2,
      b: id % 20 === 0 ? 1 : id % 2,
    }));
    const { metrics, champion, challenger } = await compareModels({
      problem: "binary",
      data,
      target: "y",
      on: ["id"],
      champion: { prediction: "a" },
      challenger: { prediction: "b" },
    });
    // The challenger errs in rows 0, 20 and 40, the champion in 0 to 11.
    expect(metrics[0]).toMatchObject({
      metric: "accuracy",
      champion: 48 / 60,
      challenger: 57 / 60,
      test: { name: "mcnemar", exact: true, champion: 2, challenger: 11 },
    });
    // scipy.stats.binomtest(2, 13).pvalue
    expect(metrics[0]?.test.p).toBeCloseTo(0.0224609375, 9);
    expect(champion.metrics["accuracy"]?.value).toBe(48 / 60);
    expect(challenger.metrics["accuracy"]?.value).toBe(57 / 60);
  });

  it("has the paired bootstrap agree with what theory says of a mean difference", async () => {
    const data = ids(2500).map((id) => ({
      id,
      y: 10 * noise(id, 1),
      a: 10 * noise(id, 1) + noise(id, 2),
      b: 10 * noise(id, 1) + 1.1 * noise(id, 3),
    }));
    const { metrics } = await compareModels({
      problem: "regression",
      data,
      target: "y",
      on: "id",
      champion: { prediction: "a" },
      challenger: { prediction: "b" },
      metrics: ["mae", "mse", "rmse", "r2", "mape", "smape", "wape", "huber_1"],
    });
    const differences = data.map(({ y, a, b }) => Math.abs(a - y) - Math.abs(b - y));
    const mean = differences.reduce((sum, value) => sum + value, 0) / data.length;
    const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (data.length - 1);
    const half = 1.96 * Math.sqrt(variance / data.length);
    const [mae] = metrics;
    expect(mae?.gain).toBeCloseTo(mean, 10);
    expect(((mae?.high ?? 0) - (mae?.low ?? 0)) / 2 / half).toBeGreaterThan(0.9);
    expect(((mae?.high ?? 0) - (mae?.low ?? 0)) / 2 / half).toBeLessThan(1.1);
    for (const { metric, champion, challenger, gain, better } of metrics) {
      const signed = better === "higher" ? 1 : -1;
      expect(gain, metric).toBeCloseTo(signed * ((challenger ?? 0) - (champion ?? 0)), 10);
    }
  });

  it("gives each model the values that evaluate gives it alone", async () => {
    const names = [
      "roc_auc",
      "accuracy",
      "balanced_accuracy",
      "precision",
      "recall",
      "specificity",
      "f1",
      "mcc",
      "log_loss",
      "brier",
    ];
    const { metrics, champion, challenger } = await compareModels({
      ...byScore(500, 0.8, 0.3),
      metrics: names,
    });
    expect(metrics.map(({ metric }) => metric)).toEqual(names);
    for (const { metric, ...compared } of metrics) {
      expect(compared.champion, metric).toBeCloseTo(champion.metrics[metric]?.value ?? Number.NaN, 10);
      expect(compared.challenger, metric).toBeCloseTo(challenger.metrics[metric]?.value ?? Number.NaN, 10);
    }
  });

  it("compares several classes by predictions or scores", async () => {
    const rows = ids(900).map((id) => {
      const y = ["a", "b", "c"][Math.floor(3 * noise(id, 1))] ?? "";
      const said = noise(id, 2) < 0.8 ? y : "a";
      const p = (label: string) => (label === y ? 0.5 + 0.3 * noise(id, 3) : 0.1);
      const shares = { pa: p("a"), pb: p("b"), pc: p("c") };
      return { id, y, said, ...shares, qa: shares.pa, qb: shares.pb, qc: shares.pc };
    });
    const champion = { prediction: "said" };
    const challenger = { scores: { a: "pa", b: "pb", c: "pc" } };
    const base = { problem: "multiclass", data: rows, target: "y", on: "id" } as const;
    const result = await compareModels({ ...base, champion, challenger });
    expect(result.metrics[0]).toMatchObject({ metric: "accuracy", challenger: 1 });
    expect(result.verdict).toBe("promote");
    const equal = { scores: { a: "qa", b: "qb", c: "qc" } };
    const both = await compareModels({ ...base, champion: equal, challenger, metrics: ["log_loss"] });
    expect(both.metrics[0]).toMatchObject({ gain: 0, low: 0, high: 0, better: "lower" });
    expect(both.metrics[0]?.champion).toBeCloseTo(both.champion.metrics["log_loss"]?.value ?? 0, 10);
    await expect(
      compareModels({ ...base, champion, challenger, metrics: ["log_loss"] }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("Both models need scores"),
    });
  });

  it("does not depend on the order of the rows", async () => {
    const options = { ...byScore(400, 0.8, 0.3), by: ["country"], metrics: ["roc_auc", "log_loss", "f1"] };
    const turned = { ...options, data: [...outcomes(400)].reverse() };
    expect(await compareModels(turned)).toEqual(await compareModels(options));
  });

  it("keeps the champion for one slice that gets worse for sure, though the whole gains", async () => {
    const count = 3000;
    const options = byScore(count, 1.2, 0.1);
    const harmed = scores(count, 0.1, 4).map((row) =>
      row.id % 3 === 2 ? { ...row, risk: noise(row.id, 9) } : row,
    );
    const by = ["country"];
    const challenger = { source: harmed, score: "risk" };
    const { verdict, rules, slices } = await compareModels({ ...options, challenger, by });
    expect(verdict).toBe("keep");
    expect(rules.find(({ rule }) => rule === "slices")).toMatchObject({
      state: "fail",
      failing: ["country IT"],
      judged: 3,
    });
    expect(slices.map(({ name, rows }) => [name, rows])).toEqual([
      ["DE", 1000],
      ["FR", 1000],
      ["IT", 1000],
    ]);
    const few = await compareModels({ ...options, challenger, by, rules: { minRows: 1001 } });
    expect(few.rules.find(({ rule }) => rule === "slices")).toMatchObject({ state: "pass", judged: 0 });
  });

  it("keeps a champion that is better calibrated, and one that a constant would beat", async () => {
    const options = byScore(2000, 0.5, 0.1);
    const squeezed = scores(2000, 0.1, 4).map(({ id, risk }) => ({ id, risk: 0.9 + risk / 10 }));
    const spoilt = await compareModels({ ...options, challenger: { source: squeezed, score: "risk" } });
    expect(spoilt.rules.find(({ rule }) => rule === "calibration")).toMatchObject({ state: "fail" });
    expect(spoilt.verdict).toBe("keep");
    const rows = ids(200).map((id) => ({ id, y: id === 0 ? 1 : 0, a: 1, b: id < 50 ? 1 : 0 }));
    const constant = await compareModels({
      problem: "binary",
      data: rows,
      target: "y",
      on: "id",
      champion: { prediction: "a" },
      challenger: { prediction: "b" },
    });
    expect(constant.rules.find(({ rule }) => rule === "dummy")).toMatchObject({
      state: "fail",
      metric: "accuracy",
    });
    expect(constant.verdict).toBe("keep");
  });

  it("leaves out rows without an outcome, and refuses rows that one model says nothing about", async () => {
    const data = outcomes(100).map((row) => (row.id < 10 ? { ...row, late: null } : row));
    const options = { ...byScore(100, 0.5, 0.4), data };
    expect(await compareModels(options)).toMatchObject({ rows: 100, labelled: 90, unscored: 0 });
    const lacking = scores(100, 0.4, 4).slice(3);
    await expect(
      compareModels({ ...options, challenger: { source: lacking, score: "risk" } }),
    ).rejects.toMatchObject({
      code: "KEYS_DIFFER",
      message: expect.stringContaining("3 rows of the data have no prediction of the challenger: 0; 1; 2."),
      data: { side: "challenger", missing: 3 },
    });
    const silent = scores(100, 0.4, 4).map((row) => (row.id === 50 ? { ...row, risk: null } : row));
    await expect(
      compareModels({ ...options, challenger: { source: silent, score: "risk" } }),
    ).rejects.toMatchObject({
      code: "KEYS_DIFFER",
      data: { side: "challenger", missing: 1 },
    });
    const twice = [...scores(100, 0.5, 3), { id: 7, risk: 0.5 }];
    await expect(
      compareModels({ ...options, champion: { source: twice, score: "risk" } }),
    ).rejects.toMatchObject({
      code: "KEYS_DIFFER",
      message: expect.stringContaining("1 key of the champion occurs in several rows: 7."),
    });
    const more = await compareModels({
      ...options,
      challenger: { source: scores(150, 0.4, 4), score: "risk" },
    });
    expect(more.challenger.extra).toBe(50);
  });

  it("refuses rows that a model was trained on, unless that is allowed", async () => {
    const options = byScore(200, 0.8, 0.3);
    const challenger = { ...options.challenger, trainedOn: ids(60, 150).map((id) => ({ id, other: 1 })) };
    await expect(compareModels({ ...options, challenger })).rejects.toMatchObject({
      code: "ROWS_IN_TRAINING",
      message: expect.stringContaining("50 rows of the data were in the training of the challenger"),
      data: { side: "challenger", count: 50 },
    });
    const allowed = await compareModels({ ...options, challenger, allowOverlap: true });
    expect(allowed.challenger.trainedRows).toBe(50);
    expect(allowed.champion.trainedRows).toBeNull();
  });

  it("knows the training rows from the record of the run that made the model", async () => {
    const folder = freshFolder();
    const trained = await createTable(join(folder, "trained"), { schema: schema().long("id") });
    await trained.append(ids(20, 190).map((id) => ({ id })));
    const names = await createTable(join(folder, "names"), { schema: schema().string("name") });
    await names.append([{ name: "x" }]);
    const runs = join(folder, "runs");
    await recordRun({ runId: "old", inputs: [trained.uri, names.uri] }, { runs });
    await recordRun({ runId: "other", inputs: names.uri }, { runs });
    // Whatever comes later was not trained on.
    await trained.append([{ id: 0 }]);
    const options = byScore(200, 0.8, 0.3);
    const champion = { ...options.champion, run: "old", runs };
    await expect(compareModels({ ...options, champion })).rejects.toMatchObject({
      code: "ROWS_IN_TRAINING",
      data: { side: "champion", count: 10, keys: ["190", "191", "192", "193", "194"] },
    });
    await expect(
      compareModels({ ...options, champion: { ...champion, run: "other" } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("No input of run other has the key (id)"),
    });
    await expect(
      compareModels({ ...options, champion: { ...champion, inputs: ["x"] } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("its inputs are: trained, names"),
    });
  });

  it("records the comparison as a run, and pins the rows", async () => {
    const folder = freshFolder();
    const data = await createTable(join(folder, "holdout"), {
      schema: schema().long("id").boolean("late").string("country"),
    });
    await data.append(outcomes(300));
    const options = byScore(300, 1.5, 0.1);
    const result = await compareModels({ ...options, data, runId: "gate-1" });
    const [run] = await (await openRuns(data.uri)).list({ name: "compare-models" });
    expect(result.run).toMatchObject({ runId: "gate-1" });
    expect(run).toMatchObject({
      runId: "gate-1",
      status: "complete",
      inputs: [{ name: "data", table: data.uri, version: 1 }],
      params: { target: "late", on: ["id"], champion: { name: "champion" } },
      metrics: { verdict: "promote", challenger: { roc_auc: result.metrics[0]?.challenger } },
    });
    expect((await data.pins.list()).map(({ name, version }) => [name, version])).toEqual([
      ["run-gate-1-v1", 1],
    ]);
    expect(run?.inputs[0]?.fingerprint).toBe(await data.snapshot().fingerprint());
    expect((await compareModels({ ...options, data, record: false })).run).toBeUndefined();
    await expect(compareModels({ ...options, record: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("refuses what cannot be compared, naming it", async () => {
    const options = byScore(50, 0.5, 0.4);
    const refused = (changes: object, text: string) =>
      expect(compareModels({ ...options, ...changes } as CompareModelsOptions)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(text),
      });
    await refused({ metrics: ["auc"] }, 'by "auc". The metrics are: roc_auc, accuracy');
    await refused({ problem: "ranking" }, "binary, multiclass or regression");
    await refused({ rules: { maxDrop: -1 } }, "rules.maxDrop");
    await refused({ on: [] }, "the columns of the key");
    await refused({ champion: { source: [] } }, "champion.score");
    const own = { score: "late" };
    await refused(
      { champion: own, challenger: { ...own, name: "new" } },
      "the same columns of the same rows",
    );
    await refused({ champion: { score: "risk", run: "x" } }, "champion.runs");
    const texts = outcomes(50).map((row) => ({ ...row, id: `k${row.id}` }));
    await expect(compareModels({ ...options, data: texts })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
    const large = scores(50, 0.5, 3).map((row) => ({ ...row, risk: 2 }));
    await expect(
      compareModels({ ...options, champion: { source: large, score: "risk" } }),
    ).rejects.toMatchObject({
      code: "SCORE_INVALID",
      message: expect.stringContaining("champion's risk"),
    });
  });
});
