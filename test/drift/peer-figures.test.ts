import { describe, expect, it } from "vitest";
import { type EvidentlyMethod, evidentlyAnswer } from "../../src/drift/peers/evidently.ts";
import { evidentlyPreset } from "../../src/drift/peers/evidently-preset.ts";
import { evidentlyColumnQuality, evidentlyTableQuality } from "../../src/drift/peers/evidently-quality.ts";
import { methodAnswer } from "../../src/drift/peers/method-answers.ts";
import type { DriftMethod } from "../../src/drift/peers/method-names.ts";
import type { PeerColumn, PeerValue } from "../../src/drift/peers/peer-column.ts";

const texts = {
  before: `help email crash refund|damaged email reset late|email update email login|reset code crash help
help phone reset crash|crash reset app late|refund help late refund|crash app phone login
late update refund email|login code login code|reset email phone app|phone app app phone
email reset refund damaged|update login refund reset|help code late app|late code app crash
app email damaged crash|email app email help|damaged late login code|email late phone refund
phone damaged crash email|email update phone late|help late email code|code update update reset`.split(
    /[|\n]/,
  ),
  after: `missing late code crash|code email damaged help|reset email email code|help order order help
email parcel order crash|phone reset phone app|help reset help code|code order phone help|app email reset order
reset damaged parcel help|crash crash crash damaged|email email late phone|email missing order missing
phone code order phone|reset email missing parcel|parcel app reset email|reset phone reset phone
crash help email order|crash help email order|order missing damaged help`.split(/[|\n]/),
};
const a = [1.1, 2.2, 3.1, 4.7, 2.9, 1.8, 3.3, 2.4, 2.6, 3.9, 1.3, 2.05];
const b = [2.3, 3.4, 4.1, 5.9, 3.8, 2.7, 4.4, 3.5, 4.6, 2.1, 3.05, 4.85];
const times = (count: number, value: PeerValue) => new Array<PeerValue>(count).fill(value);

function column(
  type: PeerColumn["type"],
  baseline: readonly PeerValue[],
  current: readonly PeerValue[],
): PeerColumn {
  return { type, baseline, current };
}

/** The score of Evidently, or why there is none. */
function evidently(
  method: EvidentlyMethod,
  ...sides: Parameters<typeof column>
): number | string | undefined {
  const { score, reason } = evidentlyAnswer(column(...sides), method);
  return score ?? reason;
}

/** What a method of the public door answers. */
function method(name: DriftMethod, ...sides: Parameters<typeof column>) {
  return methodAnswer(name, column(...sides), 0.01);
}

describe("Evidently 0.7.23", () => {
  it("tells texts apart by the same classifier, to the last digit", () => {
    const { before, after } = texts;
    expect(evidently("abs_text_content_drift", "text", before, after)).toBeCloseTo(0.7727272727272727, 12);
    const halves = [before.slice(0, 12), before.slice(12)] as const;
    expect(evidently("abs_text_content_drift", "text", ...halves)).toBeCloseTo(0.45714285714285713, 12);
    expect(evidentlyAnswer(column("text", ...halves), "perc_text_content_drift").drifted).toBe(false);
    expect(
      evidently("abs_text_content_drift", "text", times(9, "same words"), times(9, "same words")),
    ).toMatch(/no word/);
  });

  it("answers for constants, two values, single rows and infinities", () => {
    expect(evidently("mannw", "numeric", times(9, 7), times(12, 7))).toBe(1);
    const two = [
      [...times(50, 0), ...times(10, 1)],
      [...times(20, 0), ...times(35, 1)],
    ] as const;
    expect(evidently("es", "numeric", ...two)).toBeCloseTo(6.0286719608572735e-9, 18);
    expect(evidently("t_test", "numeric", [3.5], [2, 4, 6, 7.5])).toBeCloseTo(0.6428352765650776, 12);
    expect(evidently("cramer_von_mises", "numeric", [3.5], [2, 4, 6, 7.5])).toMatch(/two values/);
    expect(evidently("empirical_mmd", "numeric", [0, 0, 0, 1], [0, 1, 1, 1])).toBeCloseTo(0.47, 12);
    const near = (step: number) => Array.from({ length: 40 }, (_, index) => 1 + index * step);
    expect(evidently("hellinger", "numeric", near(1e-12), near(1.5e-12))).toBeCloseTo(0.37847342052275174, 9);
    const infinite = Array.from({ length: 30 }, (_, index) => [1.5, 2, Infinity][index % 3] ?? 0);
    const finite = Array.from({ length: 30 }, (_, index) => [1.5, 2, 2][index % 3] ?? 0);
    expect(evidently("psi", "categorical", infinite, finite)).toBeCloseTo(0.11552453009332421, 12);
  });

  it("counts a score on the threshold as each test does", () => {
    const equal = column("numeric", [1, 2], [1, 2]);
    const isDrift = (name: EvidentlyMethod, threshold: number) =>
      evidentlyAnswer(equal, name, { threshold }).drifted;
    expect([isDrift("ks", 1), isDrift("t_test", 1), isDrift("ed", 0), isDrift("wasserstein", 0)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it("judges a column by its own choice, then by that of its type, then by that for all", () => {
    const columns = {
      x: column("numeric", a, b),
      y: column("numeric", a, a),
      t: column("text", ["u"], ["v"]),
    };
    const { columns: answers, driftedColumns } = evidentlyPreset(columns, {
      method: "ks",
      methodByType: { numeric: "wasserstein", text: "abs_text_content_drift" },
      methodByColumn: { y: "t_test" },
      thresholdByType: { text: 0.7 },
    });
    expect(Object.values(answers).map(({ test, threshold }) => [test, threshold])).toEqual([
      ["Wasserstein distance (normed)", 0.1],
      ["t_test", 0.05],
      ["Absolute text content drift", 0.7],
    ]);
    expect(driftedColumns).toBe(1);
  });

  it("lists categories of either side, and null as the share of nothing", () => {
    const { values, inBaseline } = evidentlyColumnQuality(
      column("categorical", ["a", "b", null], ["b", "c", "b", null]),
    );
    expect(values.map(({ value, count, share }) => [value, count, share])).toEqual([
      ["a", 0, 0],
      ["b", 2, 0.5],
      ["c", 1, 0.25],
    ]);
    expect(inBaseline).toEqual({ count: 2, share: 2 / 3 });
    expect(evidentlyColumnQuality(column("categorical", ["a"], [])).missing).toEqual({
      count: 0,
      share: null,
    });
    const { missing, numbers } = evidentlyColumnQuality(
      column("numeric", a, [1, 2, Infinity, Number.NaN, null]),
    );
    expect([missing, numbers?.max, numbers?.min]).toEqual([{ count: 2, share: 0.4 }, Infinity, 1]);
    expect(evidentlyColumnQuality(column("numeric", a, [null])).numbers).toMatchObject({
      mean: null,
      sum: 0,
    });
  });

  it("counts pairs of equal and of nearly equal columns", () => {
    const table = { a: [1, 2, 3], b: [1, 2, 3], c: [1, 2, 3], d: ["x", null, "z"], e: ["x", null, "z"] };
    expect(evidentlyTableQuality(table)).toMatchObject({
      duplicatedColumns: 4,
      almostDuplicatedColumns: 4,
    });
    // a missing number equals nothing
    const missing = { a: [1, null, null], b: [1, null, null] };
    expect(evidentlyTableQuality(missing)).toMatchObject({
      duplicatedColumns: 1,
      almostDuplicatedColumns: 0,
    });
  });
});

describe("whylogs 1.6.4", () => {
  it("compares shares at a hundred quantiles, infinite values among them", () => {
    const ks = method("whylogs.KS", "numeric", [...a, Infinity], b.slice(0, 5));
    expect(ks.value).toBeCloseTo(0.5692307692307692, 12);
    expect(ks.p).toBeCloseTo(0.09576658380308815, 9);
    const ties = method("whylogs.KS", "numeric", [1, 1, 2, 3, 4], [2, 2, 3, 5, 5]);
    expect([ties.value, ties.p?.toFixed(9)]).toEqual([0.4, "0.820000000"]);
    expect(method("whylogs.KS", "numeric", [1], [2]).reason).toBe("few_values");
  });

  it("cuts bins by the rows of both sides, and none finer than single precision", () => {
    const shifted = (by: number, values: readonly number[]) => values.map((value) => value + by);
    expect(method("whylogs.Hellinger", "numeric", a, b).value).toBeCloseTo(0.44624675675014464, 12);
    expect(method("whylogs.Hellinger", "numeric", shifted(1e9, a), shifted(1e9, b)).value).toBe(0);
    expect(method("whylogs.Hellinger", "numeric", a, [...b, Infinity]).reason).toBe("not_finite");
  });

  it("scales categories by all rows, and has the current side's degrees of freedom", () => {
    const before = [...times(5, "a"), ...times(4, "b"), ...times(3, "c"), ...times(4, null)];
    const after = [...times(4, "a"), ...times(7, "b"), ...times(3, null)];
    const { value, p } = method("whylogs.ChiSquare", "categorical", before, after);
    expect([value?.toFixed(12), p?.toFixed(12)]).toEqual(["7.333333333333", "0.006768741147"]);
  });
});
