import { mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { areAgesByNature } from "../../src/drift/profile/ages.ts";
import { noCounts } from "../../src/drift/profile/count-rows.ts";
import { createTable, type DriftReport, drift, openTable, type Table } from "../../src/index.ts";
import { driftHtml } from "../../src/report.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-record-fields-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recordOf({ columns }: DriftReport, column: string, part: string | null = null) {
  const record = columns.find((candidate) => candidate.column === column && candidate.part === part);
  if (record === undefined) throw new Error(`no record of ${column} (${part})`);
  return record;
}

/** Whole numbers below `below` from a seed (mulberry32). */
function draws(count: number, below: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  });
}

describe("a text", () => {
  it("is measured by its words, too, which any white space parts", async () => {
    const side = (separator: (index: number) => string, seed: number) =>
      draws(3_000, 1_800, seed).map((value, index) => ({
        note: ["", "ab", String(value).padStart(4, "0"), "cd"].join(separator(index)),
      }));
    const spaces = [" ", "\t", "\n", "\r"];
    const parted = side((index) => spaces[index % 4] ?? " ", 1);
    const same = recordOf(
      await drift(
        side(() => " ", 1),
        parted,
      ),
      "note",
      "tokens",
    );
    expect(same).toMatchObject({ verdict: "none", effect: 0, summary: { current: { median: 3, q05: 3 } } });
    const report = await drift(
      side(() => " ", 1),
      side(() => "_", 2),
    );
    expect(recordOf(report, "note", "length").verdict).toBe("none");
    const words = recordOf(report, "note", "tokens");
    expect(words).toMatchObject({ verdict: "drift", summary: { current: { median: 1 } } });
    expect(words.text).toMatch(/^note \(tokens\) moved: /);
  });

  it("has one answer of a method", async () => {
    const rows = draws(3_000, 1_800, 3).map((value) => ({ note: `${value} a` }));
    const { columns } = await drift(rows, rows, { methods: { note: "evidently.perc_text_content_drift" } });
    expect(columns.filter(({ method }) => method !== undefined).map(({ part }) => part)).toEqual(["length"]);
  });
});

describe("different values", () => {
  it("are counted of identifiers, which say if they are repeated more than before", async () => {
    const orders = (ids: number, seed: number) =>
      draws(2_000, 3, seed).map((kind, index) => ({ id: `o${seed}-${index % ids}`, kind: `k${kind}` }));
    const report = await drift(orders(2_000, 1), orders(1_800, 2));
    const id = recordOf(report, "id");
    expect(id).toMatchObject({ verdict: "not_applicable", reason: "identifier" });
    expect(id.distinct_share).toMatchObject({ baseline: 1, current: 0.9 });
    expect(id.distinct_share?.high).toBeLessThan(0);
    expect(id.text).toBe("id is not compared: it looks like an identifier; different values 100 → 90 %.");
    expect(recordOf(report, "kind").distinct_share).toMatchObject({ baseline: 0.0015, current: 0.0015 });
    const quiet = recordOf(await drift(orders(2_000, 1), orders(2_000, 2)), "id");
    expect(quiet.text).toBe("id is not compared: it looks like an identifier.");
  });
});

describe("many categories that are about as frequent", () => {
  const stores = (extra: (index: number) => boolean, seed: number) =>
    draws(6_000, 200, seed).map((store, index) => ({ store: extra(index) ? "store 7" : `store ${store}` }));

  it("are compared by those that most rows of both sides have, so that one that grows is named", async () => {
    const report = await drift(
      stores(() => false, 1),
      stores((index) => index % 5 === 0, 2),
    );
    const record = recordOf(report, "store");
    expect(record.verdict).toBe("drift");
    expect(record.bins[0]?.label).toBe("store 7");
  });

  it.each(["rare", "unseen", "rare or unseen", "null"])("may be called %s like any other", async (name) => {
    const [before, after] = [stores(() => false, 1), stores((index) => index % 5 === 0, 2)];
    // Rows of values that the baseline has not are few, and belong to the rare ones in the test.
    const fresh = [...after, ...Array.from({ length: 3 }, (_, index) => ({ store: `new ${index}` }))];
    const renamed = (rows: readonly { readonly store: string }[]) =>
      rows.map(({ store }) => ({ store: store === "store 7" ? name : store }));
    const { rare_share, unseen_share, effect, test } = recordOf(await drift(before, fresh), "store");
    expect(rare_share?.baseline).toBeGreaterThan(0.6);
    const report = await drift(renamed(before), renamed(fresh));
    const record = recordOf(report, "store");
    expect(record).toMatchObject({ rare_share, unseen_share, effect, test });
    // All that a reader sees tells the value from the bin of that name.
    expect(record.bins[0]?.label).toBe(`"${name}"`);
    expect(record.text).toContain(`"${name}" `);
    expect(driftHtml(report)).toContain(`&quot;${name}&quot;`);
  });

  it("say that most of them share a bin", async () => {
    const record = recordOf(
      await drift(
        stores(() => false, 1),
        stores(() => false, 2),
      ),
      "store",
    );
    expect(record.verdict).toBe("none");
    expect(record.rare_share?.current).toBeGreaterThan(0.6);
    expect(record.text).toMatch(/; the values of \d\d(\.\d)? % of the rows share one bin\)/);
  });
});

const day = 86_400_000;
/** When the versions of the tables below are committed. */
const commits = Date.UTC(2026, 5, 1);

/** Sets when the versions of a table were committed, in days after the first. */
function commitAt({ uri }: Table, ...days: readonly number[]): void {
  for (const [version, after] of days.entries()) {
    const name = `${String(version).padStart(20, "0")}.json`;
    const time = new Date(commits + after * day);
    utimesSync(join(fileURLToPath(uri), "_delta_log", name), time, time);
  }
}

/** Rows of a day, made so many days after the first commit; hours go round. */
function made(after: number, seed: number) {
  return draws(600, 86_400, seed).map((second) => ({
    at: new Date(commits + (after - 1) * day + second * 1_000),
    amount: second % 500,
  }));
}

describe("the age of times", () => {
  it("drifts where a version brings rows later than they used to come", async () => {
    await using written = await createTable(join(folder, "stale"), { source: made(0, 1) });
    await written.monitors.create({ name: "m", baseline: { version: 0 } });
    await written.append(made(5, 2));
    await written.append(made(5, 3));
    commitAt(written, 0, 0, 5, 7);
    await using table = await openTable(written.uri);
    const of = async (version: number) => {
      const outcome = await table.monitors.run("m", { version });
      if (!("report" in outcome)) throw new Error(outcome.outcome);
      return outcome.report;
    };
    expect((await of(2)).verdict).toBe("none");
    const late = await of(3);
    expect(late).toMatchObject({ verdict: "drift", counts: { drifted: 1 } });
    const age = recordOf(late, "at", "age");
    expect(age).toMatchObject({ kind: "time", verdict: "drift", direction: "higher" });
    expect(age.summary?.baseline.median).toBeCloseTo(day / 2_000, -4);
    expect(age.text).toMatch(/^at \(age\) is higher: median 1\d(\.\d)? h → 2\.\d+ d \(effect/);
    expect(late.baseline.fingerprint).toMatch(/^varve-state-1:[0-9a-f]{64}$/);
  });

  it("is known of times and dates that the engine can barely hold", async () => {
    const sql = `SELECT * FROM (VALUES
      (make_timestamp(-9223372022400000000), DATE '5000000-01-01 (BC)'),
      (make_timestamp(9223372036854775806), DATE '5000000-01-01')) AS t(seen, due)
      UNION ALL SELECT TIMESTAMP '2024-01-01' + to_hours(i), DATE '2024-01-01' + (i % 90)::INTEGER FROM range(500) r(i)`;
    await using table = await createTable(join(folder, "extreme"), { source: { sql } });
    await table.append({ sql });
    const { columns } = await drift(`${table.uri}@v0`, table);
    expect(columns.filter(({ part }) => part === "age").map(({ column }) => column)).toEqual(["seen", "due"]);
    expect(columns.filter(({ verdict }) => verdict === "drift" || verdict === "broken")).toEqual([]);
    // In so many rows, a file has each date once.
    const many = `SELECT CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN DATE '5881580-07-10' ELSE DATE '2024-01-01' END AS due FROM range(4096) r(i)`;
    await using far = await createTable(join(folder, "far"), { source: { sql: many } });
    await far.append({ sql: many });
    const due = recordOf(await drift(`${far.uri}@v0`, far), "due", "age");
    expect(due.null_share).toMatchObject({ current: 0.5 });
  });

  it("is not compared where a table keeps its rows, and is none of rows without a version", async () => {
    await using table = await createTable(join(folder, "kept"), { source: made(0, 1) });
    await table.pins.add("first", { version: 0 });
    await table.append(made(1, 2));
    commitAt(table, 0, 1);
    const report = await drift(`${table.uri}@first`, table);
    expect(recordOf(report, "at", "age")).toMatchObject({ verdict: "not_applicable", reason: "sequence" });
    expect(report.baseline).toMatchObject({ version: 0, pin: "first", source: `${folder}/kept@first` });
    expect(report.baseline.fingerprint).toMatch(/^varve-state-1:/);
    expect(report.current.fingerprint).not.toBe(report.baseline.fingerprint);
    expect(report.code_version).toMatch(/^\d+\.\d+\.\d+/);
    const rows = await drift(`${table.uri}@v0`, made(1, 2));
    expect(rows.columns.map(({ part }) => part)).not.toContain("age");
    expect(rows.current.fingerprint).toBeNull();
  });

  it("is compared where times and commits move alike, or times stay behind", () => {
    const side = (first: number, last: number, committed: number) => ({
      span: [first * day * 1_000, last * day * 1_000] as const,
      counts: {
        ...noCounts({ form: "numeric", quantiles: [], points: [], edges: "exact" }, 1),
        min: (committed - last) * 86_400,
      },
    });
    const isByNature = (a: readonly [number, number, number], b: readonly [number, number, number]) =>
      areAgesByNature(side(...a), side(...b));
    expect(isByNature([0, 1, 1], [1, 2, 2])).toBe(false);
    expect(isByNature([0, 1, 1], [1, 2, 4])).toBe(false);
    expect(isByNature([0, 1, 1], [0, 1, 3])).toBe(false);
    // History that was loaded at once, a table that grows, and a batch against a table.
    expect(isByNature([0, 30, 90], [30, 60, 90])).toBe(true);
    expect(isByNature([0, 30, 30], [0, 34, 34])).toBe(true);
    expect(isByNature([0, 30, 30], [30, 31, 31])).toBe(true);
    // The last of all days stays in the future.
    expect(isByNature([0, 9_000, 1], [1, 9_000, 2])).toBe(true);
    expect(isByNature([0, 3, 1], [1, 4, 2])).toBe(false);
  });
});
