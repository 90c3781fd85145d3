import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, evaluate, type MonitorJson, openTable, type Table } from "../../src/index.ts";

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

interface Prediction {
  readonly id: number;
  readonly amount: number;
  readonly score: number;
  readonly made: Date;
}

const day = 24 * 3_600_000;
const start = Date.UTC(2024, 0, 1);

function predictions(batch: number, rows = 600): Prediction[] {
  const random = draws(batch);
  return Array.from({ length: rows }, (_, index) => {
    const score = random();
    const amount = 100 * score;
    return { id: batch * 10_000 + index, amount, score, made: new Date(start + batch * day) };
  });
}

/** Outcomes that follow the scores, with other odds where these are given, or with `isMoved` no longer do. */
function outcomesOf(rows: readonly Prediction[], { isMoved = false, after = 1, odds = 1 } = {}) {
  const random = draws(7 + (rows[0]?.id ?? 0));
  return rows.map(({ id, score, made }) => ({
    id,
    bad: random() < (isMoved ? 0.5 : (odds * score) / (1 - score + odds * score)) ? 1 : 0,
    known: new Date(made.getTime() + after * day),
  }));
}

let made = 0;

/** A table of predictions with its outcomes beside it; the baseline's outcomes are known. */
async function watchedTables(change: (monitor: MonitorJson) => MonitorJson = (monitor) => monitor) {
  const place = join(folder, `t${made++}`);
  const baseline = predictions(0, 2_000);
  const table = await createTable(join(place, "scores"), { source: baseline });
  const outcomes = await createTable(join(place, "outcomes"), { source: outcomesOf(baseline) });
  const performance = {
    problem: "binary" as const,
    target: "bad",
    score: "score",
    metrics: ["roc_auc", "log_loss"],
    outcomes: { table: "../outcomes", on: ["id"], time: "known", predictedAt: "made" },
  };
  await table.monitors.create(
    change({
      name: "m",
      baseline: { version: 0 },
      columns: { exclude: ["id", "made"] },
      performance,
      alerts: [{ when: "performance", metric: "roc_auc", drop: 0.1 }],
    }),
  );
  return { table, outcomes };
}

async function firing(table: Table) {
  const changes = await table.monitors.alertHistory();
  return changes.map(({ key, to, version }) => `${key.rule} ${key.column} ${to}@${version}`);
}

describe("the performance section of a monitor", () => {
  it("waits for outcomes, and evaluates a version again as they come", async () => {
    const { table, outcomes } = await watchedTables();
    const batch = predictions(1);
    const { version } = await table.append(batch);
    const early = await table.monitors.run("m");
    expect(early.performance).toMatchObject([
      { version, state: "immature", labelled: 0, outcome_version: 0 },
    ]);
    // The same outcomes say the same.
    expect((await table.monitors.run("m")).performance).toEqual([]);
    const known = outcomesOf(batch);
    // These look as if the model were wrong throughout.
    const isWrong = ({ bad }: { readonly bad: number }, index: number) =>
      bad !== Math.round(batch[index]?.score ?? 0);
    const wrong = known.filter(isWrong);
    await outcomes.append(wrong);
    const some = await table.monitors.run("m");
    expect(some.performance).toMatchObject([
      { version, state: "immature", labelled: wrong.length, rows: 600 },
    ]);
    expect(some.performance[0]?.metrics[0]?.high).toBeLessThan(0.5);
    expect(some.alerts.transitions).toEqual([]);
    await outcomes.append(known.filter((row, index) => !isWrong(row, index)));
    const [all] = (await table.monitors.run("m")).performance;
    expect(all).toMatchObject({
      version,
      state: "evaluated",
      labelled: 600,
      outcome_version: 2,
      cause: "none",
    });
    const direct = await evaluate(
      batch.map((row, index) => ({ ...row, bad: known[index]?.bad ?? null })),
      {
        problem: "binary",
        target: "bad",
        score: "score",
      },
    );
    const auc = all?.metrics[0];
    expect([auc?.value, auc?.low, auc?.high]).toEqual(
      ["value", "low", "high"].map((name) => direct.metrics["roc_auc"]?.[name as "value"]),
    );
    expect(auc?.baseline).toBeGreaterThan(0.75);
    const results = await table.monitors.performance("m");
    expect(results).toEqual([all]);
    expect(await table.monitors.performance("m", { allOutcomes: true })).toHaveLength(3);
    // Later outcomes of other rows change nothing about rows whose outcomes are all known.
    await outcomes.append([{ id: -1, bad: 0, known: new Date(start + 9 * day) }]);
    expect((await table.monitors.run("m")).performance).toEqual([]);
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("fires when the relation moves, names the cause, and clears", async () => {
    const { table, outcomes } = await watchedTables();
    for (const batch of [1, 2, 3, 4, 5]) {
      const rows = predictions(batch);
      await table.append(rows);
      await outcomes.append(outcomesOf(rows, { isMoved: batch === 2 }));
      await table.monitors.run("m");
    }
    expect(await firing(table)).toEqual([
      "performance roc_auc roc_auc firing@3",
      "performance roc_auc roc_auc resolved@5",
    ]);
    const [first] = await table.monitors.alertHistory();
    expect(first?.text).toMatch(
      /^roc_auc is 0\.\d+ \(.*on the baseline\. The relation between inputs and outcomes changed/,
    );
    const causes = (await table.monitors.performance("m")).map(({ version, cause }) => [version, cause]);
    expect(causes).toEqual([
      [2, "none"],
      [3, "relation"],
      [4, "none"],
      [5, "none"],
      [6, "none"],
    ]);
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("names another mix of outcomes", async () => {
    const { table, outcomes } = await watchedTables();
    const rows = predictions(1);
    await table.append(rows);
    await outcomes.append(outcomesOf(rows, { odds: 3 }));
    const { performance } = await table.monitors.run("m");
    expect(performance).toMatchObject([
      { cause: "target_mix", because: "The mix of outcomes changed: bad moved, no feature did." },
    ]);
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("finds the same in a backfill, and records each once however many do so at once", async () => {
    const { table, outcomes } = await watchedTables();
    for (const batch of [1, 2, 3]) {
      const rows = predictions(batch);
      await table.append(rows);
      await outcomes.append(outcomesOf(rows, { isMoved: batch === 2 }));
    }
    const others = await Promise.all([openTable(table.uri), openTable(table.uri)]);
    const found = await Promise.all([table, ...others].map((one) => one.monitors.backfill("m")));
    const recorded = found.flatMap(({ performance }) => performance.map(({ version }) => version));
    // The version of the baseline is compared, too.
    expect(recorded.sort()).toEqual([0, 2, 3, 4]);
    expect(await firing(table)).toEqual(["performance roc_auc roc_auc firing@3"]);
    for (const other of others) await other.close();
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("records rows whose outcome was known before the prediction as refused", async () => {
    const { table, outcomes } = await watchedTables();
    const rows = predictions(1);
    const { version } = await table.append(rows);
    await outcomes.append(outcomesOf(rows, { after: -1 }));
    const { performance } = await table.monitors.run("m");
    expect(performance).toMatchObject([{ version, state: "refused", metrics: [] }]);
    expect(performance[0]?.text).toContain("known before their prediction");
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("takes outcomes from the table itself, under the monitor's condition", async () => {
    const rows = (batch: number) => {
      const all = predictions(batch, 1_000);
      const known = outcomesOf(all);
      return all.map((row, index) => ({ ...row, bad: known[index]?.bad ?? null }));
    };
    await using table = await createTable(join(folder, `t${made++}`), { source: rows(0) });
    await table.monitors.create({
      name: "m",
      baseline: { version: 0 },
      where: "amount < 50",
      performance: { problem: "binary", target: "bad", score: "score", metrics: ["brier"] },
    });
    const batch = rows(1);
    await table.append(batch);
    const { performance } = await table.monitors.run("m");
    const chosen = batch.filter(({ amount }) => amount < 50);
    const direct = await evaluate(chosen, { problem: "binary", target: "bad", score: "score" });
    expect(performance).toMatchObject([{ state: "evaluated", rows: chosen.length, outcome_version: null }]);
    expect(performance[0]?.metrics[0]?.value).toBeCloseTo(direct.metrics["brier"]?.value ?? 0, 12);
    expect((await table.monitors.run("m")).performance).toEqual([]);
  }, 120_000);

  it("reads outcomes beside the table, or where the caller allows it, and nowhere else", async () => {
    const { table, outcomes } = await watchedTables((monitor) => {
      const { performance } = monitor;
      if (performance?.outcomes === undefined) throw new Error("no outcomes");
      return {
        ...monitor,
        performance: { ...performance, outcomes: { ...performance.outcomes, table: folder } },
      };
    });
    await table.append(predictions(1));
    await expect(table.monitors.run("m")).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
    // What it says of the columns is recorded all the same.
    expect(await table.monitors.results("m", { columns: [] })).toHaveLength(1);
    await outcomes.close();
    await table.close();
  }, 120_000);

  it("refuses rules on metrics that are neither good nor bad", async () => {
    await expect(
      watchedTables((monitor) => {
        const { performance } = monitor;
        if (performance === undefined) throw new Error("no performance");
        return {
          ...monitor,
          performance: { ...performance, metrics: ["prevalence"] },
          alerts: [{ when: "performance", metric: "prevalence" }],
        };
      }),
    ).rejects.toMatchObject({ code: "MONITOR_INVALID" });
  });
});
