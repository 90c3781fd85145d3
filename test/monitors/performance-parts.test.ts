import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, estimate, evaluate, type MonitorJson, type Table } from "../../src/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Numbers in [0, 1), the same for each seed. */
function draws(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const day = 24 * 3_600_000;
const start = Date.UTC(2024, 0, 1);

/** Predictions of a day; with `isHard`, scores are near the middle, so that the model tells less apart. */
function predictions(date: number, rows = 400, isHard = false) {
  const random = draws(date);
  return Array.from({ length: rows }, (_, index) => {
    const score = isHard ? 0.4 + 0.2 * random() : random();
    const country = random() < 0.5 ? "DE" : "FR";
    return { id: date * 10_000 + index, country, score, made: new Date(start + date * day) };
  });
}

type Prediction = ReturnType<typeof predictions>[number];

/** Outcomes that follow the scores, but where `isMoved`. */
function outcomesOf(rows: readonly Prediction[], isMoved: (row: Prediction) => boolean = () => false) {
  const random = draws(7 + (rows[0]?.id ?? 0));
  return rows.map((row) => {
    const isBad = random() < (isMoved(row) ? 0.5 : row.score);
    return { id: row.id, bad: isBad ? 1 : 0, known: new Date(row.made.getTime() + day) };
  });
}

let made = 0;

async function watched(more: Partial<MonitorJson> = {}, estimated?: "cbpe") {
  const place = join(folder, `t${made++}`);
  const baseline = predictions(0, 2_000);
  const table = await createTable(join(place, "scores"), { source: baseline });
  const outcomes = await createTable(join(place, "outcomes"), { source: outcomesOf(baseline) });
  await table.monitors.create({
    name: "m",
    baseline: { version: 0 },
    columns: { exclude: ["id", "made"] },
    performance: {
      problem: "binary",
      target: "bad",
      score: "score",
      metrics: ["roc_auc", "log_loss"],
      outcomes: { table: "../outcomes", on: ["id"] },
      estimate: estimated,
    },
    alerts: [{ when: "performance", metric: "roc_auc", drop: 0.1 }],
    ...more,
  });
  const close = async () => {
    await outcomes.close();
    await table.close();
  };
  return { table, outcomes, baseline, close };
}

async function course(table: Table) {
  const changes = await table.monitors.alertHistory();
  return changes.map(({ key, to, version, window }) =>
    [key.rule, key.slice?.value ?? window ?? "", `${to}@${version}`].join(" "),
  );
}

const binary = { problem: "binary", target: "bad", score: "score" } as const;

async function aucOf(
  rows: readonly Prediction[],
  known: readonly { readonly id: number; readonly bad: number }[],
) {
  const byId = new Map(known.map(({ id, bad }) => [id, bad]));
  const found = await evaluate(
    rows.map((row) => ({ ...row, bad: byId.get(row.id) ?? null })),
    binary,
  );
  return found.metrics["roc_auc"]?.value;
}

describe("the time windows of a monitored model", () => {
  it("are evaluated each, late outcomes only those that they are about, and alerts name them", async () => {
    const { table, outcomes, close } = await watched({ window: { column: "made", every: "P1D" } });
    const [first, second] = [predictions(1), predictions(2)];
    const { version } = await table.append([...first, ...second]);
    const early = (await table.monitors.run("m")).performance;
    expect(early).toMatchObject([{ version, state: "immature", rows: 800, labelled: 0, metrics: [] }]);
    expect(early[0]?.parts.map(({ window, state }) => [window, state])).toEqual([
      ["2024-01-02", "immature"],
      ["2024-01-03", "immature"],
    ]);
    const known = outcomesOf(second, () => true);
    await outcomes.append(known);
    const [late] = (await table.monitors.run("m")).performance;
    expect(late?.parts).toMatchObject([{ window: "2024-01-03", state: "evaluated", labelled: 400 }]);
    expect(late?.parts[0]?.metrics[0]?.value).toBeCloseTo((await aucOf(second, known)) ?? 0, 12);
    expect(late?.parts[0]?.metrics[0]?.baseline).toBeGreaterThan(0.75);
    expect(await course(table)).toEqual([`performance roc_auc 2024-01-03 firing@${version}`]);
    // Outcomes of what nobody predicted are about no window.
    await outcomes.append([{ id: -1, bad: 0, known: new Date(start) }]);
    expect((await table.monitors.run("m")).performance).toEqual([]);
    const [whole] = await table.monitors.performance("m");
    expect(whole).toMatchObject({ state: "evaluated", rows: 800, labelled: 400, outcome_version: 1 });
    expect(whole?.parts.map(({ window, state }) => [window, state])).toEqual([
      ["2024-01-02", "immature"],
      ["2024-01-03", "evaluated"],
    ]);
    await close();
  }, 120_000);

  it("take the rows that come later, whose version then says what of the window holds", async () => {
    const { table, outcomes, close } = await watched({ window: { column: "made", every: "P1M" } });
    const [first, second] = [predictions(1), predictions(2)];
    await table.append(first);
    const known = outcomesOf([...first, ...second]);
    await outcomes.append(known);
    await table.monitors.run("m");
    const { version } = await table.append(second);
    const { performance } = await table.monitors.run("m");
    const all = [...predictions(0, 2_000), ...first, ...second];
    expect(performance).toMatchObject([{ version, rows: all.length, labelled: all.length }]);
    const expected = await aucOf(all, [...outcomesOf(predictions(0, 2_000)), ...known]);
    expect(performance[0]?.parts[0]?.metrics[0]?.value).toBeCloseTo(expected ?? 0, 12);
    expect(await table.monitors.performance("m")).toHaveLength(2);
    await close();
  }, 120_000);
});

describe("the slices of a monitored model", () => {
  it("have metrics of their own beside those of the baseline's slice, and alerts name the one that is worse", async () => {
    const slices = [{ by: "country" }, { name: "sure", where: "score > 0.8" }];
    const { table, outcomes, baseline, close } = await watched({ slices });
    const rows = predictions(1, 1_000);
    const { version } = await table.append(rows);
    const known = outcomesOf(rows, ({ country }) => country === "FR");
    await outcomes.append(known);
    const [found] = (await table.monitors.run("m")).performance;
    const byName = new Map(found?.parts.map((part) => [part.slice?.value ?? part.slice?.key, part]));
    expect([...byName.keys()].sort()).toEqual(["DE", "FR", "sure"]);
    const ofFrance = (row: Prediction) => row.country === "FR";
    const metric = byName.get("FR")?.metrics[0];
    expect(metric?.value).toBeCloseTo((await aucOf(rows.filter(ofFrance), known)) ?? 0, 12);
    const before = await aucOf(baseline.filter(ofFrance), outcomesOf(baseline));
    expect(metric?.baseline).toBeCloseTo(before ?? 0, 12);
    expect(byName.get("sure")?.rows).toBe(rows.filter(({ score }) => score > 0.8).length);
    expect([byName.get("FR")?.cause, byName.get("DE")?.cause]).toEqual(["relation", "none"]);
    const fired = (await course(table)).filter((change) => !change.startsWith("performance roc_auc  "));
    expect(fired).toEqual([`performance roc_auc FR firing@${version}`]);
    const alert = (await table.monitors.alerts()).find(({ slice }) => slice?.value === "FR");
    expect(alert?.text).toMatch(/^country = FR: roc_auc is 0\.[45]/);
    await close();
  }, 120_000);
});

describe("the estimate of a monitored model", () => {
  const alerts: MonitorJson["alerts"] = [
    { when: "performance", metric: "roc_auc", drop: 0.1 },
    { when: "estimate", metric: "roc_auc", drop: 0.1 },
  ];

  it("stands in for outcomes that are not there, fires with a wording of its own, and outcomes take it back", async () => {
    const { table, outcomes, baseline, close } = await watched({ alerts }, "cbpe");
    const rows = predictions(1, 1_000, true);
    const { version } = await table.append(rows);
    const [early] = (await table.monitors.run("m")).performance;
    const known = outcomesOf(baseline);
    const labelled = baseline.map((row, index) => ({ ...row, bad: known[index]?.bad ?? null }));
    const direct = (await estimate(rows, { ...binary, baseline: labelled, key: ["id"] })).windows[0]?.metrics
      .roc_auc;
    const metric = early?.metrics[0];
    expect(early).toMatchObject({ version, state: "immature", estimate: { method: "cbpe", reason: null } });
    expect(metric).toMatchObject({ value: null, reason: "not_evaluated" });
    expect(metric?.estimated).toBeCloseTo(direct?.value ?? 0, 3);
    expect([metric?.estimated_low ?? 1, metric?.estimated_high ?? 0]).toEqual([
      expect.closeTo(direct?.low ?? 0, 3),
      expect.closeTo(direct?.high ?? 0, 3),
    ]);
    expect(early?.text).toMatch(
      /^Too early: .*roc_auc is estimated at 0\.5.*cannot be seen without outcomes\.$/,
    );
    expect(await course(table)).toEqual([`estimate roc_auc  firing@${version}`]);
    const [alert] = await table.monitors.alerts();
    expect(alert?.text).toMatch(/estimated at 0\.5\d* \(0\.\d+ to 0\.\d+\), 0\.8\d* on the baseline/);
    // The model was right after all.
    await outcomes.append(
      rows.map(({ id, score, made: at }) => ({
        id,
        bad: score > 0.5 ? 1 : 0,
        known: new Date(at.getTime() + day),
      })),
    );
    const [late] = (await table.monitors.run("m")).performance;
    expect(late).toMatchObject({ state: "evaluated", cause: "relation" });
    expect(late?.metrics[0]).toMatchObject({ value: 1, estimated: metric?.estimated });
    expect(late?.because).toContain("where the scores promise 0.5");
    expect((await table.monitors.alerts()).filter(({ status }) => status === "firing")).toEqual([]);
    await close();
  }, 120_000);

  it("of each window has its own band, and says why there is none", async () => {
    const window = { column: "made", every: "P1D" };
    const { table, close } = await watched({ alerts, window }, "cbpe");
    await table.append([...predictions(1), ...predictions(2, 400, true)]);
    const [found] = (await table.monitors.run("m")).performance;
    const figures = found?.parts.map(({ metrics }) => metrics[0]?.estimated ?? 0) ?? [];
    expect(figures[0]).toBeGreaterThan(0.78);
    expect(figures[1]).toBeLessThan(0.65);
    expect((await course(table)).map((change) => change.replace(/@.*/, ""))).toEqual([
      "estimate roc_auc 2024-01-03 firing",
    ]);
    await close();
    const place = join(folder, `t${made++}`);
    await using few = await createTable(place, {
      source: predictions(0, 100).map((row) => ({ ...row, bad: 1 })),
    });
    await few.monitors.create({
      name: "m",
      baseline: { version: 0 },
      performance: { ...binary, metrics: ["roc_auc"], estimate: "cbpe" },
    });
    await few.append(predictions(1).map((row) => ({ ...row, bad: null })));
    const [none] = (await few.monitors.run("m")).performance;
    expect(none).toMatchObject({ state: "immature", metrics: [{ estimated: null }] });
    expect(none?.estimate?.reason).toContain("an estimate needs 300");
  }, 120_000);

  it("of a regression follows the losses that the features promise, and fires", async () => {
    /** Errors grow with the load, of which the guess says nothing. */
    const guesses = (count: number, least: number, hasOutcomes: boolean) => {
      const random = draws(count);
      return Array.from({ length: count }, (_, id) => {
        const [load, guess] = [least + (10 - least) * random(), 100 * random()];
        const error = (2 * random() - 1) * load;
        return { id, load, guess, value: hasOutcomes ? guess + error : null };
      });
    };
    const [before, after] = [guesses(600, 0, true), guesses(300, 5, false)];
    await using table = await createTable(join(folder, `t${made++}`), { source: before });
    await table.monitors.create({
      name: "m",
      baseline: { version: 0 },
      columns: { exclude: ["id"] },
      performance: {
        ...{ problem: "regression", target: "value", prediction: "guess" },
        ...{ metrics: ["mae"], estimate: "dle" },
      },
      alerts: [{ when: "estimate", metric: "mae", drop: 0.5 }],
    });
    const { version } = await table.append(after);
    const [found] = (await table.monitors.run("m")).performance;
    const [metric] = found?.metrics ?? [];
    expect(found).toMatchObject({ version, state: "immature", estimate: { method: "dle", reason: null } });
    expect(found?.estimate?.cannot_see).not.toBe("");
    expect(metric).toMatchObject({ metric: "mae", value: null, reason: "not_evaluated" });
    // A load of 7.5 on average instead of 5 has errors half as large again.
    expect(metric?.baseline).toBeCloseTo(2.5, 0);
    expect(metric?.estimated).toBeGreaterThan(3.4);
    expect(metric?.estimated).toBeLessThan(4.1);
    expect(await course(table)).toEqual([`estimate mae  firing@${version}`]);
  }, 120_000);

  it("is refused for metrics that nothing estimates", async () => {
    const gini: MonitorJson["alerts"] = [{ when: "estimate", metric: "log_loss" }];
    await expect(watched({ alerts: gini })).rejects.toMatchObject({ code: "MONITOR_INVALID" });
    const performance: MonitorJson["performance"] = {
      ...binary,
      target: "id",
      metrics: ["gini"],
      estimate: "cbpe",
    };
    const more: Partial<MonitorJson> = { performance, alerts: [{ when: "estimate", metric: "gini" }] };
    await expect(watched(more)).rejects.toMatchObject({ code: "MONITOR_INVALID" });
  }, 120_000);
});
