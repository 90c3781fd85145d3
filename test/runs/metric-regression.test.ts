import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { evaluate } from "../../src/api/models/evaluate.ts";
import { openTable } from "../../src/api/open-table.ts";
import { openRuns, type Runs, recordRun } from "../../src/api/records/runs.ts";
import { betterOf, knownBetterOf } from "../../src/performance/metrics/direction.ts";
import type { RegressionRule } from "../../src/runs/metric-regression.ts";
import { verdictOf } from "../../src/runs/metric-verdict.ts";
import { runDifferences } from "../../src/runs/run-differences.ts";
import type { RunRecord } from "../../src/runs/run-record.ts";
import { rowOfRun } from "../../src/runs/runs-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { seededNumbers } from "../../src/statistics/generator.ts";
import { freshFolder } from "../operations/table-folder.ts";

type Changes = Partial<RunRecord>;

/** Kept over all tests, which have a job each. */
const shared = mkdtempSync(join(tmpdir(), "varve-test-metrics-"));
const uri = join(shared, "runs");
let runs: Runs;
let seed: RunRecord;
let jobs = 0;

beforeAll(async () => {
  const recorded = await recordRun(
    { name: "seed", startedAt: "2020-01-01", endedAt: "2020-01-01" },
    { runs: uri },
  );
  seed = recorded.run;
  runs = await openRuns(uri);
});

afterAll(() => rmSync(shared, { recursive: true, force: true }));

/** Records runs of a job of its own in one commit, a day apart from 2026-01-01 on, as `JOB-1`, `JOB-2` and so on. */
async function job(changes: readonly Changes[]): Promise<string> {
  const name = `job${++jobs}`;
  const table = await openTable(uri);
  const rows = changes.map((run, index) =>
    rowOfRun(
      {
        ...seed,
        name,
        runId: `${name}-${index + 1}`,
        startedAt: new Date(Date.UTC(2026, 0, index + 1)),
        ...run,
      },
      "none",
    ),
  );
  await table.append(rows);
  return name;
}

/** Runs of a job with one metric. */
function values(metric: string, ...list: readonly (number | string | null)[]): Promise<string> {
  return job(list.map((value) => ({ metrics: { [metric]: value } })));
}

/** Values that vary as metrics of retrained models do. */
const steady = [0.87, 0.872, 0.868, 0.871, 0.869, 0.873, 0.87, 0.866];

/** Judges the last value by those before it. */
function judged(
  list: readonly (number | null)[],
  {
    better = "higher",
    maxChange,
    against = "last",
  }: Pick<RegressionRule, "better" | "maxChange" | "against"> = {},
) {
  const entries = list.map((value, day) => ({
    runId: `r${day + 1}`,
    startedAt: new Date(Date.UTC(2026, 0, day)),
    value,
  }));
  const last = entries.pop();
  assert(last !== undefined);
  const found = entries.filter(({ value }) => value !== null).reverse();
  const sign = better === "higher" ? 1 : -1;
  const [best] = [...found].sort((a, b) => sign * (Number(b.value) - Number(a.value)));
  return verdictOf({ earlier: found, best }, last, { better, maxChange, against });
}

const refused = { code: "INVALID_ARGUMENT" };

describe("runs.history", () => {
  it("has a metric of the complete runs, newest first, by name, model, time and number", async () => {
    const name = await job([
      { metrics: { mae: 1 }, model: { name: "m", version: "1" } },
      { metrics: { mae: 2 } },
      { metrics: { other: 2 } },
      { metrics: { mae: 9 }, status: "failed" },
      { metrics: { mae: "NaN" } },
    ]);
    const history = await runs.history("mae", { name });
    expect(history).toEqual([
      { runId: `${name}-5`, startedAt: new Date("2026-01-05"), name, value: null },
      { runId: `${name}-2`, startedAt: new Date("2026-01-02"), name, value: 2 },
      {
        runId: `${name}-1`,
        startedAt: new Date("2026-01-01"),
        name,
        model: "m",
        modelVersion: "1",
        value: 1,
      },
    ]);
    const ids = async (options: Parameters<Runs["history"]>[1]) =>
      (await runs.history("mae", options)).map(({ runId }) => runId);
    expect(await ids({ name, model: "m" })).toEqual([`${name}-1`]);
    expect(await ids({ name, since: "2026-01-02" })).toEqual([`${name}-5`, `${name}-2`]);
    expect(await ids({ name, limit: 1 })).toEqual([`${name}-5`]);
  });

  it("finds names of any characters, and metrics in objects by their path", async () => {
    const metrics = { "a'b/c~d\"": 1, "x.y": 2, x: { y: 3, z: 4 }, __proto__: null };
    const name = await job([{ metrics: JSON.parse(JSON.stringify(metrics)) }]);
    const value = async (metric: string) => (await runs.history(metric, { name }))[0]?.value;
    expect([await value("a'b/c~d\""), await value("x.y"), await value("x.z")]).toEqual([1, 2, 4]);
  });

  it("refuses a metric that no run recorded, and names the nearest", async () => {
    const name = await values("roc_auc", 0.8);
    await expect(runs.history("roc_au", { name })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('Did you mean "roc_auc"?'),
    });
    expect(await runs.history("roc_auc", { name: "nobody" })).toEqual([]);
  });
});

describe("runs.regression", () => {
  it("says how far a metric fell out of its normal range, and what the runs were given differently", async () => {
    const folder = freshFolder();
    const orders = await createTable(join(folder, "orders"), { schema: schema().long("id") });
    for (const id of [1, 2]) await orders.append([{ id }]);
    const train = (rate: number, version: number, auc: number, day: number) =>
      recordRun(
        {
          runId: `r${day}`,
          model: { name: "churn", version: String(day) },
          inputs: { name: "orders", table: orders.uri, version },
          params: { rate, depth: 3 },
          metrics: { roc_auc: auc },
          startedAt: `2026-02-0${day}`,
          endedAt: `2026-02-0${day}`,
        },
        { runs: join(folder, "runs") },
      );
    for (const [index, auc] of steady.slice(0, 5).entries()) await train(0.1, 1, auc, index + 1);
    await train(0.2, 2, 0.81, 6);
    const opened = await openRuns(join(folder, "runs"));
    const result = await opened.regression("roc_auc");
    expect(result).toMatchObject({
      verdict: "regressed",
      better: "higher",
      run: { runId: "r6", model: "churn", modelVersion: "6", value: 0.81 },
      last: { runId: "r5", value: 0.869, change: 0.81 - 0.869 },
      best: { runId: "r2", value: 0.872 },
      earlier: 5,
      range: { runs: 5 },
      regressedSince: { runId: "r6" },
      differences: {
        from: "r5",
        changes: [
          { what: "input", name: "orders", before: "v1", after: "v2" },
          { what: "parameter", name: "rate", before: "0.1", after: "0.2" },
        ],
      },
    });
    expect(result.last?.relative).toBeCloseTo(-0.0679, 4);
    expect(result.text).toMatch(
      /^roc_auc of churn fell from 0\.869 to 0\.81 \(6\.79 %\), below the normal range 0\.8\d+ to 0\.8\d+ of 5 earlier runs; changed since run r5: inputs orders v1 → v2; parameters rate 0\.1 → 0\.2\.$/,
    );
    const sources = result.differences?.changes[0]?.sources ?? [];
    const rows = sources.map(async (source) => (await openTable(source)).snapshot().version);
    expect(await Promise.all(rows)).toEqual([0, 0]);
    expect(sources).toEqual([`${orders.uri}@run-r5-v1`, `${orders.uri}@run-r6-v2`]);
  });

  it("knows the better direction of varve's metrics, and asks for that of others", async () => {
    const name = await values("auc", ...steady, 0.8);
    await expect(runs.regression("auc", { name })).rejects.toMatchObject({
      ...refused,
      data: { metric: "auc", option: "better" },
    });
    expect(await runs.regression("auc", { name, better: "higher" })).toMatchObject({ verdict: "regressed" });
    const compared = await job([{ metrics: { challenger: { log_loss: 0.3 } } }]);
    expect(await runs.regression("challenger.log_loss", { name: compared })).toMatchObject({
      better: "lower",
    });
  });

  it("needs 4 earlier runs for a range, and one for a largest change", async () => {
    const name = await values("mae", 1, 1.1, 0.9, 1.05, 1);
    const judged = async (run: number, options = {}) =>
      runs.regression("mae", { name, run: `${name}-${run}`, ...options });
    expect(await judged(1)).toMatchObject({ verdict: "insufficient", earlier: 0, runsNeeded: 4, last: null });
    expect(await judged(1, { maxChange: 0 })).toMatchObject({ verdict: "insufficient", runsNeeded: 1 });
    expect(await judged(4)).toMatchObject({
      verdict: "insufficient",
      earlier: 3,
      runsNeeded: 1,
      range: null,
    });
    expect(await judged(4, { maxChange: 0.1 })).toMatchObject({ verdict: "regressed", runsNeeded: null });
    expect(await judged(5)).toMatchObject({ verdict: "none", earlier: 4, range: { runs: 4 } });
  });

  it("does not get used to bad runs, and says since when they are bad", async () => {
    const params = [...steady, 0.81, 0.812, 0.809].map((auc, index) => ({
      metrics: { roc_auc: auc },
      params: { rate: index < steady.length ? 1 : 2 },
    }));
    const name = await job(params);
    const first = steady.length + 1;
    expect(await runs.regression("roc_auc", { name })).toMatchObject({
      verdict: "regressed",
      regressedSince: { runId: `${name}-${first}` },
      range: { runs: steady.length },
      differences: {
        from: `${name}-${first - 1}`,
        changes: [{ what: "parameter", before: "1", after: "2" }],
      },
      text: expect.stringContaining(`as in all runs since ${name}-${first}`),
    });
    const accepted = await runs.regression("roc_auc", { name, since: `2026-01-0${first}` });
    expect(accepted).toMatchObject({ verdict: "insufficient", earlier: 2 });
  });

  it("compares with runs of the same name and model, unless one of them is chosen", async () => {
    const model = (name: string, mae: number) => ({ model: { name }, metrics: { mae } });
    const name = await job([model("a", 1), model("b", 5), model("a", 2)]);
    const run = `${name}-3`;
    expect(await runs.regression("mae", { run, maxChange: 0 })).toMatchObject({
      earlier: 1,
      last: { runId: `${name}-1` },
    });
    expect(await runs.regression("mae", { name, maxChange: 0 })).toMatchObject({
      earlier: 2,
      last: { runId: `${name}-2` },
    });
    expect(await runs.regression("mae", { model: "b", maxChange: 0 })).toMatchObject({
      run: { runId: `${name}-2` },
    });
  });

  it("orders runs of one moment by their ids", async () => {
    const startedAt = new Date("2026-01-01");
    const name = await job([2, 1, 3].map((mae) => ({ startedAt, metrics: { mae } })));
    const { run, last } = await runs.regression("mae", { name, maxChange: 0 });
    expect([run.runId, last?.runId]).toEqual([`${name}-3`, `${name}-2`]);
  });

  it("takes NaN, infinities and null for a regression, and leaves them out of what is normal", async () => {
    const name = await values("roc_auc", 0.9, "NaN");
    const { verdict, run, text } = await runs.regression("roc_auc", { name });
    expect([verdict, run.value]).toEqual(["regressed", null]);
    expect(text).toContain(`roc_auc of ${name} was 0.9 and is not a number`);
    const infinite = await job(["Infinity", "-Infinity", null].map((mae) => ({ metrics: { mae } })));
    for (const id of [1, 2, 3])
      expect(await runs.regression("mae", { run: `${infinite}-${id}` })).toMatchObject({
        verdict: "regressed",
      });
    const mixed = await job([
      { metrics: { mae: 1 } },
      { metrics: { mae: "NaN" } },
      {},
      { metrics: { mae: 1 } },
    ]);
    expect(await runs.regression("mae", { name: mixed, maxChange: 0 })).toMatchObject({
      verdict: "none",
      earlier: 1,
      last: { runId: `${mixed}-1` },
      leftOut: { missing: 1, notFinite: 1, future: 0 },
    });
  });

  it("judges no run without a number, but does not pass over it either", async () => {
    const name = await job([{ metrics: { mae: 1, kind: "good" } }, {}, { status: "failed" }]);
    await expect(runs.regression("mae", { name })).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(
        new RegExp(`^Run ${name}-2 is complete, but recorded no "mae".* ${name}-1, `),
      ),
    });
    const of = (run: number, metric = "mae") =>
      runs.regression(metric, { name, run: `${name}-${run}`, better: "lower", maxChange: 0 });
    expect(await of(1)).toMatchObject({ verdict: "insufficient" });
    await expect(of(2)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('recorded no "mae"'),
    });
    await expect(of(3)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("it is failed"),
    });
    await expect(of(4)).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    await expect(of(1, "kind")).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('is "good"'),
    });
    await expect(runs.regression("mae", { run: `${name}-1`, name: "other" })).rejects.toMatchObject(refused);
  });

  it("leaves out runs from the future", async () => {
    const name = await job([
      { metrics: { mae: 1 } },
      { metrics: { mae: 1 } },
      { metrics: { mae: 7 }, startedAt: new Date("2200-01-01") },
    ]);
    expect(await runs.regression("mae", { name, maxChange: 0 })).toMatchObject({
      verdict: "none",
      run: { runId: `${name}-2` },
      leftOut: { future: 1 },
    });
    const run = `${name}-3`;
    expect(await runs.regression("mae", { name, run, maxChange: 0 })).toMatchObject({ verdict: "regressed" });
    const alone = await job([{ metrics: { mae: 1 }, startedAt: new Date("2200-01-01") }]);
    await expect(runs.regression("mae", { name: alone })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("claims to start in the future"),
    });
  });

  it("refuses what is no option, and says where there is nothing to judge", async () => {
    const name = await values("mae", 1, 1);
    for (const options of [
      { better: "up" },
      { against: "first" },
      { against: "best" },
      { maxChange: -0.1 },
      { maxChange: Number.NaN },
      { maxChange: "2%" },
      { run: "no id!" },
      { since: "yesterday" },
      { min: 3 },
    ])
      await expect(runs.regression("mae", { name, ...options } as never)).rejects.toMatchObject(refused);
    await expect(runs.regression("mae", { name: "nobody", since: "2026-01-01" })).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
      message: expect.stringContaining(
        ' has no complete run of the name "nobody" since 2026-01-01T00:00:00.000Z; ',
      ),
    });
  });

  it("names the run whose metrics another program damaged", async () => {
    const table = await openTable(uri);
    const [name, damaged] = [`job${++jobs}`, `damaged${jobs}`];
    const row = rowOfRun({ ...seed, name, runId: damaged, status: "complete" }, "none");
    await table.append([{ ...row, metrics: '{"mae":' }]);
    await expect(runs.regression("mae", { name })).rejects.toMatchObject({
      code: "DATA_FILE_CORRUPT",
      message: expect.stringContaining(damaged),
    });
  });
});

describe("the verdict", () => {
  it("calls a value improved beyond the range on the good side, whichever that is", () => {
    expect(judged([...steady, 0.9])).toMatchObject({ verdict: "improved" });
    expect(judged([...steady, 0.84])).toMatchObject({ verdict: "regressed" });
    expect(judged([...steady, 0.867])).toMatchObject({ verdict: "none" });
    expect(judged([...steady, 0.9], { better: "lower" })).toMatchObject({ verdict: "regressed" });
    expect(judged([...steady, 0.84], { better: "lower" })).toMatchObject({ verdict: "improved" });
    expect(judged(Array.from({ length: 9 }, () => 0.1))).toMatchObject({ verdict: "none" });
  });

  it.each([
    ["exactly as much as accepted", [0.9, 0.882], 0.02, "none"],
    ["a little more", [0.9, 0.8819], 0.02, "regressed"],
    ["better by more", [0.9, 0.95], 0.02, "improved"],
    ["equal values", [0.9, 0.9], 0, "none"],
    ["from 0", [0, -1e-9], 0.5, "regressed"],
    ["0 and 0", [0, 0], 0, "none"],
    ["negative values", [-0.5, -0.52], 0.05, "none"],
    ["negative values that are worse", [-0.5, -0.6], 0.05, "regressed"],
    ["values whose difference is not finite", [1.5e308, -1.5e308], 0.5, "regressed"],
    ["tiny values", [3e-320, 2e-320], 0.1, "regressed"],
  ] as const)("is by the largest change that is accepted: %s", (_, list, maxChange, verdict) => {
    expect(judged(list, { maxChange })).toMatchObject({ verdict });
  });

  it("has no relative change from 0, and no infinite one", () => {
    expect(judged([0, 1]).last).toMatchObject({ change: 1, relative: null });
    expect(judged([1.5e308, -1.5e308]).last).toMatchObject({ change: null, relative: -2 });
  });

  it("has a range of the largest and of the smallest numbers", () => {
    for (const unit of [1.7e307, 1e-200]) {
      const noise = [1, 1.1, 0.9, 1.05, 0.95, 1].map((value) => value * unit);
      expect(judged([...noise, unit])).toMatchObject({ verdict: "none" });
      expect(judged([...noise, unit / 10])).toMatchObject({ verdict: "regressed" });
    }
  });

  it("is by the best run on demand, which a slow decline does not escape", () => {
    const slow = [0.9, 0.89, 0.88, 0.87];
    expect(judged(slow, { maxChange: 0.02 })).toMatchObject({ verdict: "none" });
    expect(judged(slow, { maxChange: 0.02, against: "best" })).toMatchObject({
      verdict: "regressed",
      reference: { runId: "r1" },
    });
  });

  it("holds runs to an improvement", () => {
    expect(judged([...steady, 0.9, 0.901, 0.899, 0.9, 0.87])).toMatchObject({
      verdict: "regressed",
      range: { runs: 4 },
    });
    expect(judged([...steady, 0.9, 0.87])).toMatchObject({ verdict: "insufficient", runsNeeded: 3 });
    expect(judged([...steady, 0.9, 0.8])).toMatchObject({ verdict: "regressed" });
  });

  it("is not misled by an outlier among the first runs", () => {
    expect(judged([0.5, ...steady, 0.8])).toMatchObject({ verdict: "regressed" });
  });

  it("seldom calls a run of equal ones worse, and mostly one that is 8 deviations worse", () => {
    const random = seededNumbers(7);
    // Irwin and Hall: nearly normal, with a deviation of 1.
    const draw = () => Array.from({ length: 12 }, random).reduce((sum, value) => sum + value, -6);
    let [alarms, found] = [0, 0];
    for (let trial = 0; trial < 400; trial++) {
      const noise = Array.from({ length: 13 }, draw);
      const [last = 0] = noise;
      if (judged([...noise.slice(1), last]).verdict === "regressed") alarms++;
      if (judged([...noise.slice(1), last - 8]).verdict === "regressed") found++;
    }
    expect(alarms).toBeLessThan(8);
    expect(found).toBeGreaterThan(380);
  });
});

describe("runDifferences", () => {
  const input = {
    name: "i",
    table: "/t",
    tableId: "t",
    version: 1,
    pin: "p1",
    pinUri: "/p",
    fingerprint: "f",
  };

  it("has inputs that came, went, moved on and were exchanged", () => {
    const before = {
      ...seed,
      inputs: [input, { ...input, name: "old" }, { ...input, name: "same" }, { ...input, name: "x" }],
    };
    const after = {
      ...seed,
      inputs: [
        { ...input, version: 2, pin: "p2" },
        { ...input, name: "same" },
        { ...input, name: "x", tableId: "u", table: "/u" },
        { ...input, name: "new" },
      ],
    };
    expect(runDifferences(before, after)).toEqual([
      { what: "input", name: "i", before: "v1", after: "v2", sources: ["/t@p1", "/t@p2"] },
      { what: "input", name: "old", before: "/t@v1", after: null },
      { what: "input", name: "x", before: "/t@v1", after: "/u@v1" },
      { what: "input", name: "new", before: null, after: "/t@v1" },
    ]);
    const of = (contentFingerprint: string, version: number) => ({
      ...seed,
      inputs: [{ ...input, version, contentFingerprint }],
    });
    expect(runDifferences(of("a", 1), of("a", 2))).toMatchObject([{ sameRows: true }]);
    expect(runDifferences(of("a", 1), of("b", 2))).toMatchObject([{ sameRows: false }]);
  });

  it("has code, parameters, lock files, packages and environment, and nothing of two equal runs", () => {
    const run = (environment: object, changes: Changes = {}): RunRecord => ({
      ...seed,
      ...changes,
      environment: { ...seed.environment, lockFiles: [], packages: {}, variables: {}, ...environment },
    });
    const git = { commit: "a", untrackedFiles: 0 };
    const before = run(
      {
        git,
        lockFiles: [
          { file: "/one/uv.lock", hash: "1" },
          { file: "/one/yarn.lock", hash: "1" },
        ],
        packages: { numpy: "1" },
      },
      { params: { rate: 1, deep: { x: 1, y: 2 } }, code: { file: "/one/train.py", hash: "1" }, seed: 1 },
    );
    const after = run(
      {
        git: { ...git, commit: "b", diffHash: "c" },
        lockFiles: [
          { file: "/two/uv.lock", hash: "2" },
          { file: "/two/yarn.lock", hash: "1" },
        ],
        packages: { numpy: "2" },
        variables: { TZ: "UTC" },
        node: "v99",
      },
      { params: { rate: 2, deep: { y: 2, x: 1 } }, code: { file: "/two/train.py", hash: "2" }, seed: 2 },
    );
    expect(
      runDifferences(before, after).map(({ what, name, before: old, after: now }) => [what, name, old, now]),
    ).toEqual([
      ["git", "commit", "a", "b"],
      ["git", "uncommitted changes", null, "c"],
      ["code", "train.py", "1", "2"],
      ["parameter", "rate", "1", "2"],
      ["seed", "seed", "1", "2"],
      ["lockFile", "uv.lock", "1", "2"],
      ["package", "numpy", "1", "2"],
      ["environment", "Node", seed.environment.node, "v99"],
      ["environment", "TZ", null, "UTC"],
    ]);
    expect(runDifferences(before, before)).toEqual([]);
  });
});

describe("directions of metrics", () => {
  it("are known of all that varve evaluates, unless neither is better", async () => {
    const rows = Array.from({ length: 30 }, (_, id) => ({
      ...{
        user: id % 3,
        t: id % 3 === 0,
        s: (id % 10) / 10,
        c: "abc"[id % 3],
        a: 0.5,
        b: 0.3,
        p: 0.2,
        y: id % 7,
      },
    }));
    const evaluations = await Promise.all([
      evaluate(rows, {
        problem: "binary",
        score: "s",
        target: "t",
        value: [
          [0, -1],
          [-1, 1],
        ],
      }),
      evaluate(rows, { problem: "multiclass", scores: { a: "a", b: "b", c: "p" }, target: "c" }),
      evaluate(rows, { problem: "regression", prediction: "s", target: "y" }),
      evaluate(rows, { problem: "ranking", user: "user", score: "s", target: "y" }),
    ]);
    const names = evaluations.flatMap(({ metrics }) => Object.keys(metrics));
    expect(names.length).toBeGreaterThan(60);
    expect(names.filter((name) => knownBetterOf(name) !== betterOf(name))).toEqual([]);
    expect(names.filter((name) => betterOf(name) === undefined)).toEqual([
      ...["prevalence", "selection_rate", "mean_score", "calibration_slope", "calibration_intercept"],
      ...["mean_error", "underestimate_share"],
    ]);
  });
});
