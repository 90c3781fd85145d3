import { describe, expect, it } from "vitest";
import { drift } from "../../src/index.ts";
import { driftJunit, driftText } from "../../src/report.ts";

/** A number from 0 to 1 that looks random and follows from the seed. */
function noise(seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const rows = (count: number, from: number, shift: number) =>
  Array.from({ length: count }, (_, index) => ({
    amount: Math.round((noise(from + index) + shift) * 10_000) / 10_000,
    country: ["DE", "FR", "IT"][Math.floor(noise(from * 3 + index) * 3)] ?? "DE",
    paid: noise(from * 7 + index) < 0.3 + shift,
    id: `order ${from + index}, ${Math.floor(noise(index) * 1e9)}`,
  }));
const before = rows(300, 0, 0);
const after = rows(300, 5_000, 0.15);
const few = { columns: ["amount", "country", "paid"] };

/** What the method of a column says. */
async function answers(options: Parameters<typeof drift>[2]) {
  const { columns } = await drift(before, after, options);
  return Object.fromEntries(columns.map((record) => [record.column, record]));
}

describe("methods", () => {
  it("stand beside the verdict of the two keys, and do not replace it", async () => {
    const plain = await answers(few);
    const asked = await answers({ ...few, method: "ks" });
    for (const [column, record] of Object.entries(plain)) {
      const { method, undefined_because: _, ...rest } = asked[column] ?? {};
      const { undefined_because: __, ...own } = record;
      expect(rest).toEqual(own);
      expect(record).not.toHaveProperty("method");
      expect(method?.name).toBe("ks");
    }
    expect(asked["amount"]?.method?.threshold).toBe(0.01);
    expect(asked["amount"]?.method?.drift).toBe(true);
    expect(asked["country"]?.method).toEqual({
      name: "ks",
      value: null,
      p: null,
      threshold: null,
      drift: null,
    });
    expect(asked["country"]?.undefined_because["method"]).toBe("kind_category");
  });

  it("have the figures of scipy 1.17.1", async () => {
    const small = (list: readonly number[]) => list.map((x) => ({ x, k: x > 2.45 ? "b" : "a" }));
    const a = small([1.1, 2.2, 3.1, 4.7, 2.9, 1.8, 3.3, 2.4, 2.6, 3.9, 1.3, 2.05]);
    const b = small([2.3, 3.4, 4.1, 5.9, 3.8, 2.7, 4.4, 3.5, 4.6, 2.1, 3.05, 4.85]);
    const of = async (method: keyof typeof scipy) => {
      const { columns } = await drift(a, b, {
        columns: [method === "chi2" || method === "z" ? "k" : "x"],
        method,
      });
      return [columns[0]?.method?.value, columns[0]?.method?.p];
    };
    const scipy = {
      ks: [0.5, 0.09954677170991616],
      wasserstein: [1.1125, null],
      energy: [0.8109493750468576, null],
      cramer_von_mises: [0.5347222222222223, 0.03345812889493062],
      anderson_darling: [2.568435394762638, 0.028802739210168793],
      mann_whitney: [33, 0.02622938783485702],
      t_welch: [2.5208777426507947, 0.019494293004212314],
      levene: [0.09396814879670615, 0.7620742373756498],
      epps_singleton: [4.715509111379766, 0.3177526299632743],
      chi2: [3, 0.08326451666355042],
      z: [1.7320508075688774, 0.0832645166635504],
    } as const;
    for (const [name, [value, p]] of Object.entries(scipy)) {
      const [ownValue, ownP] = await of(name as keyof typeof scipy);
      expect(ownValue, name).toBeCloseTo(value, 9);
      if (p === null) expect(ownP, name).toBeNull();
      else expect(ownP, name).toBeCloseTo(p, 7);
    }
  });

  it("answer as other libraries do, by column, with their own thresholds and verdicts", async () => {
    const { amount, country, paid } = await answers({
      ...few,
      methods: { AMOUNT: "evidently.psi", country: "nannyml.jensen_shannon", paid: "alibi.fet" },
    });
    expect(amount?.method).toMatchObject({ name: "evidently.psi", p: null, threshold: 0.1, drift: true });
    expect(country?.method).toMatchObject({ name: "nannyml.jensen_shannon", p: null });
    expect(country?.method?.threshold).toBeGreaterThan(0);
    expect(paid?.method).toMatchObject({ name: "alibi.fet", threshold: 0.05, drift: true });
    // odds ratio of the current side: ones are the rows that are true
    const share = (side: typeof before) => side.filter((row) => row.paid).length / side.length;
    const odds = (p: number) => p / (1 - p);
    expect(paid?.method?.value).toBeCloseTo(odds(share(after)) / odds(share(before)), 9);
  });

  it("are in the text and in JUnit XML", async () => {
    const report = await drift(before, after, { ...few, methods: { amount: "evidently.psi" } });
    expect(driftText(report)).toMatch(
      / {2}method {2}evidently\.psi: amount [\d.]+, drift \(threshold 0\.1\)\n/,
    );
    expect(driftJunit(report)).toMatch(
      /<system-out>method evidently\.psi: amount [\d.]+, drift \(threshold 0\.1\)<\/system-out>/,
    );
  });

  it("say why there is no figure", async () => {
    const { id, country, paid } = await answers({
      columns: ["id", "country", "paid"],
      method: "evidently.fisher_exact",
    });
    expect([id?.method?.value, id?.undefined_because["method"]]).toEqual([null, "identifier"]);
    expect([country?.method?.drift, country?.undefined_because["method"]]).toEqual([
      null,
      "more than two categories",
    ]);
    expect(paid?.method?.p).toBeLessThan(0.1);
    // alibi-detect refuses what is neither 0 nor 1
    const fet = await answers({ columns: ["country"], method: "alibi.fet" });
    expect(fet["country"]?.method).toMatchObject({ value: null, p: null, drift: null });
    expect(fet["country"]?.undefined_because["method"]).toBe("not_zero_or_one");
  });

  it("that are unknown, do not fit, or read too much are refused", async () => {
    const refused = (options: unknown) => drift(before, after, options as typeof few);
    await expect(refused({ method: "psi" })).rejects.toThrow(
      /Unknown method "psi" of drift\. Did you mean evidently\.psi\?/,
    );
    await expect(refused({ methods: { amount: "evidently.psy" } })).rejects.toThrow(/mean evidently\.psi\?/);
    await expect(refused({ method: "toString" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(refused({ methods: { country: "ks" } })).rejects.toThrow(
      /does not take the column country, whose kind is category: it takes numeric, discrete\. Choose one of chi2, z,/,
    );
    await expect(refused({ columns: ["country"], method: "ks" })).rejects.toThrow(
      /takes none of the columns/,
    );
    await expect(refused({ methods: { amuont: "ks" } })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
    await expect(refused({ columns: ["paid"], methods: { amount: "ks" } })).rejects.toThrow(
      /not among the columns that are compared/,
    );
    await expect(refused({ method: "ks", window: { column: "amount", every: "P1D" } })).rejects.toThrow(
      /Windows cannot be compared by method/,
    );
    const many = { sql: "SELECT i % 100 AS n FROM range(2000001) AS t(i)" };
    await expect(
      drift(
        many,
        before.map(({ amount }) => ({ n: amount })),
        { method: "ks" },
      ),
    ).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      data: { method: "ks", column: ["n"], value: 2_000_001, limit: 2_000_000 },
    });
  });
});
