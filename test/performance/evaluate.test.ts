import { describe, expect, it } from "vitest";
import { createTable, evaluate, type SourceRow } from "../../src/index.ts";
import fc from "../support/fast-check.ts";

const binary = { problem: "binary", score: "score", target: "y" } as const;

const day = (number: number): Date => new Date(Date.UTC(2024, 0, number));

/** Rows with a score of two digits and an outcome that follows it, without randomness. */
function scoredRows(count: number): { id: number; score: number; y: boolean; group: string }[] {
  return Array.from({ length: count }, (_, id) => {
    const score = ((id * 37) % 101) / 100;
    return { id, score, y: (id * 61) % 100 < score * 100, group: id % 4 === 0 ? "b" : "a" };
  });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item, index) => ({ item, place: (index * 7919) % 1009 }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe("evaluate of a binary classifier", () => {
  it("finds the slope of calibration where outcomes do not follow the scores", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const draw = (n: number) => (Math.imul(seed * 7919 + n * 104_729, 2_654_435_761) >>> 0) / 2 ** 32;
      const rows = Array.from({ length: 300 }, (_, n) => ({
        score: (0.5 + draw(2 * n)) / 2,
        y: draw(2 * n + 1) < 0.5,
      }));
      const { metrics } = await evaluate(rows, binary);
      const { value, low, high, reason } = metrics["calibration_slope"] ?? {};
      expect([reason, Number.isFinite(value)]).toEqual([undefined, true]);
      expect(low).toBeLessThan(high ?? Number.NaN);
    }
  });

  it("gives the area under the curve that comparing all pairs gives, with ties as halves", async () => {
    const rows = fc.array(
      fc.record({ score: fc.integer({ min: 0, max: 5 }).map((n) => n / 5), y: fc.boolean() }),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(rows, async (list) => {
        const [positives, negatives] = [list.filter(({ y }) => y), list.filter(({ y }) => !y)];
        const wins = positives.flatMap((p) =>
          negatives.map((n): number => (p.score > n.score ? 1 : p.score === n.score ? 0.5 : 0)),
        );
        const expected = wins.length === 0 ? null : wins.reduce((sum, win) => sum + win, 0) / wins.length;
        const { metrics } = await evaluate(list, binary);
        if (expected === null) expect(metrics["roc_auc"]).toMatchObject({ value: null, reason: "one_class" });
        else expect(metrics["roc_auc"]?.value).toBeCloseTo(expected, 12);
      }),
      { numRuns: 25 },
    );
  });

  it("does not depend on the order of the rows, intervals included", async () => {
    const rows = scoredRows(700);
    const options = { ...binary, by: ["group"] };
    const [first, second] = [await evaluate(rows, options), await evaluate(shuffled(rows), options)];
    expect({ ...second, gains: undefined }).toEqual({ ...first, gains: undefined });
    expect(first.metrics["f1"]?.interval).toBe("bootstrap");
  });

  it("has the bootstrap agree with what theory says of a mean", async () => {
    const rows = scoredRows(900);
    const { metrics } = await evaluate(rows, binary);
    const squares = rows.map(({ score, y }) => (score - Number(y)) ** 2);
    const mean = squares.reduce((sum, value) => sum + value, 0) / squares.length;
    const variance = squares.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (squares.length - 1);
    const half = 1.96 * Math.sqrt(variance / squares.length);
    const { value, low, high } = metrics["brier"] ?? {};
    expect(value).toBeCloseTo(mean, 12);
    expect(((high ?? 0) - (low ?? 0)) / 2 / half).toBeGreaterThan(0.85);
    expect(((high ?? 0) - (low ?? 0)) / 2 / half).toBeLessThan(1.15);
  });

  it("leaves out rows without an outcome or a score, and counts them", async () => {
    const rows = [
      { score: 0.9, y: 1 },
      { score: 0.1, y: 0 },
      { score: 0.4, y: null },
      { score: null, y: 1 },
      { score: 0.3, y: Number.NaN },
    ];
    const result = await evaluate(rows, binary);
    expect(result).toMatchObject({ rows: 5, labelled: 3, unscored: 1, labelledShare: 0.6 });
    expect(result.metrics["accuracy"]).toMatchObject({ value: 1 });
    expect(result.text).toContain("3 of 5 rows with an outcome (1 row of them without a prediction)");
  });

  it("says of no rows that there are none, and of one class what is undefined", async () => {
    const none = await evaluate({ sql: "SELECT 0.5 AS score, true AS y WHERE false" }, binary);
    expect(none).toMatchObject({ rows: 0, labelledShare: null, text: "There are no rows to evaluate." });
    for (const metric of Object.values(none.metrics))
      expect(metric).toMatchObject({ value: null, reason: expect.any(String) });
    const { metrics } = await evaluate([{ score: 0.2, y: true }], binary);
    expect(metrics["roc_auc"]).toEqual({ value: null, low: null, high: null, reason: "one_class" });
    expect(metrics["precision"]).toMatchObject({ value: null, reason: "no_positive_predictions" });
    expect(metrics["recall"]).toMatchObject({ value: 0 });
  });

  it("refuses scores that are no probabilities with the first row and their number", async () => {
    const rows = [
      { score: 0.5, y: 1 },
      { score: 1.5, y: 0 },
      { score: Number.NaN, y: 0 },
    ];
    await expect(evaluate(rows, binary)).rejects.toMatchObject({
      code: "SCORE_INVALID",
      data: { column: ["score"], row: 2, count: 2, value: "1.5" },
    });
  });

  it("names the nearest column", async () => {
    await expect(evaluate([{ score: 0.5, y: 1 }], { ...binary, score: "scor" })).rejects.toMatchObject({
      code: "COLUMN_NOT_FOUND",
      message: expect.stringContaining("Unknown column scor. Did you mean score?"),
      data: { nearest: "score" },
    });
  });

  it.each([
    [{ ...binary, score: "nothing" }, "COLUMN_NOT_FOUND"],
    [{ problem: "binary", target: "y" }, "INVALID_ARGUMENT"],
    [{ ...binary, target: "three" }, "INVALID_ARGUMENT"],
    [{ ...binary, target: "text" }, "INVALID_ARGUMENT"],
    [{ ...binary, score: "text" }, "SCHEMA_MISMATCH"],
    [{ ...binary, window: { column: "y", every: "P1M" } }, "SCHEMA_MISMATCH"],
    [{ ...binary, window: { column: "y", every: "P2M" } }, "INVALID_ARGUMENT"],
    [{ ...binary, shares: [0.5, 0.1] }, "INVALID_ARGUMENT"],
    [{ ...binary, unknown: 1 }, "INVALID_ARGUMENT"],
    [{ ...binary, problem: "clustering" }, "INVALID_ARGUMENT"],
  ])("refuses %j", async (options, code) => {
    const rows = ["a", "b", "c"].map((text, id) => ({ score: id / 2, y: id % 2, three: id, text }));
    await expect(evaluate(rows, options as Parameters<typeof evaluate>[1])).rejects.toMatchObject({ code });
  });

  it("takes hostile names and values as they are", async () => {
    const name = `s"; DROP TABLE x; --'`;
    const rows = scoredRows(60).map(({ score, y, group }) => ({
      [name]: score,
      y: y ? `it's "on"` : "off",
      [`g'"`]: `${group}';--`,
    }));
    const result = await evaluate(rows, {
      problem: "binary",
      score: name,
      target: "y",
      positive: `it's "on"`,
      by: [`g'"`],
    });
    expect(result.slices.map((slice) => slice.name)).toEqual(["a';--", "b';--"]);
    expect(result.metrics["roc_auc"]?.value).toBeGreaterThan(0.5);
  });

  it("evaluates slices, the rest of them together, and what is unequal between them", async () => {
    const rows = scoredRows(800).map((row) => ({
      ...row,
      y: row.group === "b" ? row.score < 0.3 : row.y,
      many: row.id % 30,
    }));
    const { slices, fairness } = await evaluate(rows, { ...binary, by: ["group", "many"] });
    expect(
      slices.filter(({ column }) => column === "group").map(({ name, rows: count }) => [name, count]),
    ).toEqual([
      ["a", 600],
      ["b", 200],
    ]);
    const many = slices.filter(({ column }) => column === "many");
    expect(many).toHaveLength(21);
    expect(many.reduce((sum, { rows: count }) => sum + count, 0)).toBe(800);
    expect(many.at(-1)?.name).toBe("other");
    const gap = fairness.find(({ column, metric }) => column === "group" && metric === "recall");
    expect(gap).toMatchObject({ slice: "b", reference: "a" });
    expect(gap?.high).toBeLessThan(0);
    const own = rows.filter(({ group }) => group === "b");
    const alone = await evaluate(own, binary);
    expect(slices.find(({ name }) => name === "b")?.metrics["roc_auc"]).toEqual(alone.metrics["roc_auc"]);
  });

  it("evaluates windows of times and of rows", async () => {
    const rows = scoredRows(90).map((row) => ({ ...row, at: day(1 + row.id) }));
    const { windows } = await evaluate(rows, { ...binary, window: { column: "at", every: "P1M" } });
    expect(windows.map(({ name, rows: count }) => [name, count])).toEqual([
      ["2024-01-01T00:00:00Z", 31],
      ["2024-02-01T00:00:00Z", 29],
      ["2024-03-01T00:00:00Z", 30],
    ]);
    const chunks = await evaluate(rows, { ...binary, window: { rows: 40 } });
    expect(chunks.windows.map((part) => part.rows)).toEqual([40, 40, 10]);
    expect(chunks.windows[0]?.metrics["log_loss"]).toEqual(
      (await evaluate(rows.slice(0, 40), binary)).metrics["log_loss"],
    );
  });

  it("cuts equal scores at the top by the order of the rows, and says how many there are", async () => {
    const rows = [true, false, true, false].map((y) => ({ score: 0.5, y }));
    const { gains } = await evaluate(rows, { ...binary, shares: [0.25, 0.5] });
    expect(gains).toEqual([
      { share: 0.25, rows: 1, positives: 1, precision: 1, gain: 0.5, lift: 2, tied: 4 },
      { share: 0.5, rows: 2, positives: 1, precision: 0.5, gain: 0.5, lift: 1, tied: 4 },
    ]);
  });

  it("says where a model is no better than a constant", async () => {
    const rows = Array.from({ length: 40 }, (_, id) => ({ score: 0.9, y: id % 4 === 0 }));
    const { text, dummy } = await evaluate(rows, binary);
    expect(dummy["accuracy"]?.value).toBe(0.75);
    expect(text).toContain(
      "No better than a constant prediction in accuracy, roc_auc, average_precision, log_loss, brier",
    );
  });
});

describe("evaluate of outcomes that come late", () => {
  const predictions = Array.from({ length: 100 }, (_, id) => ({
    id,
    score: (id % 10) / 10,
    made: day(1 + id),
  }));
  const outcomes = predictions
    .filter(({ id }) => id + 10 <= 100)
    .map(({ id }) => ({ key: id, y: id % 10 > 5, known: day(11 + id) }));
  const late = { on: { id: "key" }, time: "known", predictedAt: "made" };

  it("joins predictions and outcomes, each at its version", async () => {
    await using made = await createTable("memory://made", { source: predictions });
    await using known = await createTable("memory://known", { source: outcomes });
    const before = known.snapshot();
    await known.append([{ key: 95, y: true, known: day(120) }]);
    const result = await evaluate(made, { ...binary, outcomes: { ...late, source: before } });
    expect(result).toMatchObject({
      rows: 100,
      labelled: 91,
      outcomes: { labelledShare: 0.91, repeated: 0, unmatched: 0 },
    });
    const newer = await evaluate(made, { ...binary, outcomes: { ...late, source: known } });
    expect(newer.labelled).toBe(92);
  });

  it("takes the newest outcome of a key, and counts repeated and unmatched ones", async () => {
    const more = [...outcomes, { key: 0, y: true, known: day(400) }, { key: -1, y: true, known: day(401) }];
    const [rows, only] = [
      [
        { id: 0, score: 0.9, made: day(1) },
        { id: 1, score: 0.1, made: day(1) },
      ],
      more.filter(({ key }) => key < 2),
    ];
    const result = await evaluate(rows, { ...binary, outcomes: { ...late, source: only } });
    expect(result).toMatchObject({ labelled: 2, outcomes: { repeated: 1, unmatched: 1 } });
    expect(result.confusion).toEqual({ tp: 1, fp: 0, tn: 1, fn: 0 });
  });

  it("calls predictions immature until the outcomes that are to come are there", async () => {
    const old = await evaluate(predictions.slice(0, 80), {
      ...binary,
      outcomes: { ...late, source: outcomes },
    });
    expect(old.outcomes).toMatchObject({ verdict: "mature" });
    const recent = await evaluate(predictions.slice(60), {
      ...binary,
      outcomes: { ...late, source: outcomes },
    });
    expect(recent.outcomes?.verdict).toBe("immature");
    expect(recent.outcomes?.reached).toBeLessThan(0.9);
    expect(recent.outcomes?.maturity.at(-1)).toEqual({ days: 10, share: 1 });
    const few = await evaluate(predictions, {
      ...binary,
      outcomes: { on: { id: "key" }, source: outcomes, minLabelled: 0.95 },
    });
    expect(few.outcomes).toMatchObject({ verdict: "immature", reached: null });
  });

  it("refuses outcomes that were known before the prediction, and names them", async () => {
    const early = outcomes.map((row) => (row.key === 7 ? { ...row, known: day(2) } : row));
    await expect(
      evaluate(predictions, { ...binary, outcomes: { ...late, source: early } }),
    ).rejects.toMatchObject({
      code: "OUTCOMES_LEAKED",
      data: { count: 1, rows: [{ key: "7", known: "2024-01-02T00:00:00Z", made: "2024-01-08T00:00:00Z" }] },
    });
  });
});

describe("evaluate of other problems", () => {
  it("does not let a target of 0, an infinity or a constant make a number of a regression", async () => {
    const rows: SourceRow[] = [
      { y: 0, p: 1 },
      { y: 2, p: 3 },
      { y: 2, p: Number.POSITIVE_INFINITY },
      { y: null, p: 1 },
    ];
    const { metrics, zeroTargets, unscored, labelled } = await evaluate(rows, {
      problem: "regression",
      prediction: "p",
      target: "y",
    });
    expect({ zeroTargets, unscored, labelled }).toEqual({ zeroTargets: 1, unscored: 1, labelled: 3 });
    expect(metrics["mape"]?.value).toBe(0.5);
    expect(metrics["mean_error"]).toMatchObject({ value: 1, low: 1, high: 1 });
    const constant = await evaluate(
      [
        { y: 5, p: 4 },
        { y: 5, p: 6 },
      ],
      { problem: "regression", prediction: "p", target: "y" },
    );
    expect(constant.metrics["r2"]).toMatchObject({ value: null, reason: "constant_target" });
    expect(constant.metrics["correlation"]).toMatchObject({ value: null, reason: "constant_target" });
  });

  it("refuses a class without scores, and takes the likeliest class where none is predicted", async () => {
    const options = { problem: "multiclass", scores: { cat: "c", dog: "d" }, target: "y" } as const;
    const rows = [
      { c: 0.8, d: 0.2, y: "cat" },
      { c: 0.3, d: 0.7, y: "dog" },
      { c: 0.6, d: 0.4, y: "dog" },
    ];
    const { metrics, confusion, classes } = await evaluate(rows, options);
    expect(confusion).toEqual({
      classes: ["cat", "dog"],
      matrix: [
        [1, 0],
        [1, 1],
      ],
    });
    expect(metrics["accuracy"]?.value).toBeCloseTo(2 / 3, 12);
    expect(classes?.["dog"]?.["recall"]).toMatchObject({ value: 0.5 });
    await expect(evaluate([...rows, { c: 0, d: 1, y: "owl" }], options)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { value: "owl" },
    });
  });

  it("has no figures of no rows, and refuses numbers whose squares are none", async () => {
    const none = { sql: "SELECT 'cat' AS y, 'dog' AS p WHERE false" };
    const { rows, metrics } = await evaluate(none, { problem: "multiclass", prediction: "p", target: "y" });
    expect(rows).toBe(0);
    expect(metrics["accuracy"]).toMatchObject({ value: null, reason: "no_rows" });
    const huge = [
      { y: 1, p: 1e160 },
      { y: 2, p: -1e160 },
    ];
    await expect(
      evaluate(huge, { problem: "regression", prediction: "p", target: "y" }),
    ).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("ranks for each user, and leaves out those without a relevant item", async () => {
    const rows = [
      { u: "a", s: 0.9, r: 0 },
      { u: "a", s: 0.8, r: 1 },
      { u: "b", s: 0.5, r: 1 },
      { u: "b", s: 0.5, r: 0 },
      { u: "c", s: 0.1, r: 0 },
    ];
    const options = { problem: "ranking", score: "s", target: "r", user: "u", k: [1, 2] } as const;
    const { metrics, users } = await evaluate(rows, options);
    expect(users).toEqual({ ranked: 2, withoutRelevant: 1, tied: 1 });
    expect(metrics["precision_at_1"]?.value).toBe(0.25);
    expect(metrics["hit_rate_at_1"]?.value).toBe(0);
    expect(metrics["mrr_at_2"]?.value).toBe(0.5);
    const byRow = await evaluate(rows, { ...options, ties: "row" });
    expect(byRow.metrics["precision_at_1"]?.value).toBe(0.5);
  });
});
