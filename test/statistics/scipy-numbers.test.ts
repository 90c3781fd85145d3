import { describe, expect, it } from "vitest";
import { methodAnswer } from "../../src/drift/peers/method-answers.ts";
import { densityDifference } from "../../src/statistics/density-difference.ts";
import { cramerVonMises } from "../../src/statistics/distribution-tests.ts";
import { ksTwoSampleLimit } from "../../src/statistics/kolmogorov.ts";
import { tTest } from "../../src/statistics/location-scale.ts";
import { mannWhitney } from "../../src/statistics/mann-whitney.ts";
import { keyedGenerator } from "../../src/statistics/mersenne-twister.ts";

const [first, second] = [
  [1.5, 2, 3, 4.75, 5.5],
  [2.5, 6, 7, 8.25, 9],
];

describe("small samples, as scipy 1.17.1 has them", () => {
  it("the limit of Kolmogorov's test rounds half a row to an even number, and one row a side has none", () => {
    // 5 · 5 / (5 + 5) = 2.5 rows are 2
    expect(ksTwoSampleLimit(0.8, 5, 5)).toBeCloseTo(0.08, 12);
    expect(ksTwoSampleLimit(1, 1, 1)).toBeNull();
    const column = { type: "numeric", baseline: first, current: second } as const;
    expect(methodAnswer("alibi.ks", column, 0.05)).toMatchObject({ drift: false });
    expect(methodAnswer("alibi.ks", column, 0.05).p).toBeCloseTo(0.08, 12);
    const rows = { type: "numeric", baseline: [1], current: [2] } as const;
    expect(methodAnswer("alibi.ks", rows, 0.05)).toMatchObject({ p: null, reason: "one_value" });
  });

  it("Mann and Whitney's test has one-sided limits, also without the correction for continuity", () => {
    const p = (alternative: "two-sided" | "less" | "greater") =>
      mannWhitney(first, second, { alternative, exact: false, continuity: false }).p;
    expect(p("two-sided")).toBeCloseTo(0.04720176769014221, 12);
    expect(p("greater")).toBeCloseTo(0.023600883845071106, 12);
    expect(p("less")).toBeCloseTo(0.9763991161549289, 12);
  });

  it("half a pair of ties is no evidence in an exact count", () => {
    const p = (alternative: "two-sided" | "less" | "greater") =>
      mannWhitney([1, 1, 2, 2, 3], [2, 2, 3, 3, 3, 4], { alternative, exact: true }).p;
    expect(p("two-sided")).toBeCloseTo(0.12554112554112554, 12);
    expect(p("greater")).toBeCloseTo(0.06277056277056277, 12);
    expect(p("less")).toBeCloseTo(0.974025974025974, 12);
  });

  it("Cramér and von Mises' test is exact or not, as asked, and has nothing to say of one value", () => {
    expect(cramerVonMises(first, second)?.p).toBeCloseTo(0.047619047619047616, 12);
    expect(cramerVonMises(first, second, { exact: false })?.p).toBeCloseTo(0.041359390084507175, 7);
    expect(cramerVonMises([1], second)).toBeNull();
    const column = { type: "numeric", baseline: [1], current: second } as const;
    for (const method of ["cramer_von_mises", "alibi.cvm", "evidently.cramer_von_mises"] as const) {
      const answer = methodAnswer(method, column, 0.05);
      expect(answer.value, method).toBeNull();
      expect(answer.reason, method).toMatch(/\w/);
    }
  });

  it("one value has a place, so Student's test with equal variances takes it, and Welch's does not", () => {
    const test = tTest([3], second, { welch: false });
    expect(test).toMatchObject({ df: 4 });
    expect(test?.p).toBeCloseTo(0.27100609350411475, 12);
    expect(tTest([3], second, { welch: true })).toBeNull();
    expect(tTest([3], [4], { welch: false })).toBeNull();
  });

  it("of equal values only, Evidently's rank test says 1, and varve's own that it is undefined", () => {
    const column = { type: "numeric", baseline: [7, 7, 7], current: [7, 7] } as const;
    expect(methodAnswer("evidently.mannw", column, 0.05)).toMatchObject({ p: 1, drift: false });
    expect(methodAnswer("mann_whitney", column, 0.05)).toMatchObject({ p: null, reason: "one_value" });
  });
});

describe("the least-squares difference of two densities", () => {
  const points = [
    [0, 0],
    [1, 0],
    [0, 1],
    [2, 1],
    [1, 2],
    [3, 3],
    [2, 3],
    [3, 2],
  ];
  const centres = [
    [0.5, 0.5],
    [2.5, 2],
  ];

  it("takes the largest ridge that lowers it by less than a fifth", () => {
    const permutations = [
      [7, 0, 5, 2, 1, 3, 6, 4],
      [2, 5, 3, 6, 0, 7, 1, 4],
      [4, 1, 6, 0, 2, 3, 7, 5],
    ];
    const answer = densityDifference(points, 4, { centres, variance: 0.8, permutations });
    // by the formulas in numpy; the ridge is 1/16
    expect(answer?.lsdd).toBeCloseTo(0.5108324419733008, 12);
    const wanted = [0.006737786587033816, 0.041769937049312214, 0.11882108333706726];
    for (const [index, value] of wanted.entries()) expect(answer?.permuted[index]).toBeCloseTo(value, 12);
  });

  it("is zero between equal points, and undefined without a sample", () => {
    const same = points.map(() => [1, 1]);
    const options = { centres: [[1, 1]], variance: 0, permutations: [[0, 1, 2, 3, 4, 5, 6, 7]] };
    expect(densityDifference(same, 4, options)).toEqual({ lsdd: 0, permuted: [0] });
    expect(densityDifference(points, 8, options)).toBeNull();
  });
});

it("a generator that is seeded by a key gives Python's random bits", () => {
  const { next } = keyedGenerator(0);
  expect([next(), next(), next()]).toEqual([3626764237, 1654615998, 3255389356]);
  const other = keyedGenerator(12345).next;
  expect([other(), other()]).toEqual([1789368711, 3146859322]);
});
