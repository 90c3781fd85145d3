import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  createTable,
  type DriftOptions,
  type DriftRecord,
  type DriftReport,
  drift,
  type Source,
} from "../../src/index.ts";
import { driftJunit, driftText } from "../../src/report.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-drift-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Row = Readonly<Record<string, unknown>>;

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function rowsOf(count: number, row: (random: () => number, index: number) => Row, seed = 1): Row[] {
  const random = uniform(seed);
  return Array.from({ length: count }, (_, index) => row(random, index));
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function columnOf({ columns }: DriftReport, name: string, part: DriftRecord["part"] = null): DriftRecord {
  const record = columns.find((candidate) => candidate.column === name && candidate.part === part);
  if (record === undefined) throw new Error(`no record of ${name}`);
  return record;
}

async function verdictOf(a: Source, b: Source, options: DriftOptions = {}): Promise<string> {
  const { columns } = await drift(a, b, options);
  return columns
    .map(({ column, verdict, reason }) => `${column} ${verdict}${reason === null ? "" : ` ${reason}`}`)
    .join(", ");
}

describe("a column with a dot in its name", () => {
  it("is another one than the field of a struct that is called alike", async () => {
    const sql = (shift: number) =>
      `SELECT {b: range % 100} AS a, range % 100 + ${shift} AS "a.b" FROM range(2000)`;
    const report = await drift({ sql: sql(0) }, { sql: sql(50) });
    expect(columnOf(report, "a.b").verdict).toBe("none");
    expect(columnOf(report, "`a.b`").verdict).toBe("drift");
    const only = await drift({ sql: sql(0) }, { sql: sql(50) }, { columns: ["`a.b`"] });
    expect(only.columns.map(({ column }) => column)).toEqual(["`a.b`"]);
  });
});

describe("windows of a year", () => {
  const days = (first: number, last: number) =>
    rowsOf((last - first) * 24, (random, index) => ({
      at: new Date(Date.UTC(2024, 0, first + Math.floor(index / 24), index % 24)),
      amount: normal(random),
    }));
  const compared = async (every: string) => {
    const { verdict, columns } = await drift(days(1, 32), days(32, 152), { window: { column: "at", every } });
    const parts = columns.filter(({ test }) => test !== null).map(({ part }) => part);
    return { verdict, parts: [...new Set(parts)].sort() };
  };

  it("do not drift because the calendar goes on: a month has hours and weekdays, and is one month", async () => {
    expect(await compared("P1M")).toEqual({ verdict: "none", parts: ["hour", null, "weekday"] });
    expect(await compared("P1W")).toEqual({ verdict: "none", parts: ["hour", null] });
  });
});

describe("sides that are named", () => {
  it("are opened whatever options say what is compared", async () => {
    const place = join(folder, "named");
    const rows = (factor: number) =>
      rowsOf(200, (random) => ({ id: random(), amount: normal(random) + factor }));
    await using table = await createTable(place, { source: rows(0) });
    await table.overwrite(rows(3));
    const { columns } = await drift(`${place}@v0`, place, {
      columns: ["amount", "id"],
      exclude: ["id"],
      roles: { amount: "target" },
      weights: { amount: 2 },
      threshold: 0.2,
      thresholds: { amount: 0.3 },
    });
    expect(columns[0]).toMatchObject({ column: "amount", verdict: "drift", role: "target", weight: 2 });
    expect(columns[1]).toMatchObject({ column: "id", reason: "excluded" });
  });
});

describe("what moved", () => {
  it("says how numbers moved, by how much, and which bins", async () => {
    const rows = (shift: number, scale: number, seed: number) =>
      rowsOf(
        2000,
        (random) => ({ up: normal(random) + shift, wide: normal(random) * scale, still: normal(random) }),
        seed,
      );
    const report = await drift(rows(0, 1, 1), rows(0.8, 2, 3));
    expect(report.verdict).toBe("drift");
    expect(report.counts).toMatchObject({ tested: 3, drifted: 2, broken: 0 });
    const up = columnOf(report, "up");
    expect(up).toMatchObject({ verdict: "drift", level: "large", direction: "higher", kind: "numeric" });
    expect(up.text).toMatch(
      /^up is higher: median -?0\.\d+ → 0\.\d+ \(effect 0\.\d\d, large; \d\d(\.\d)? % of the rows moved; p < 0\.001\)\.$/,
    );
    expect(up.bins.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(1, 9);
    expect(up.summary?.current.median).toBeCloseTo(0.8, 0);
    expect(columnOf(report, "wide")).toMatchObject({ verdict: "drift", direction: "wider" });
    expect(columnOf(report, "still")).toMatchObject({ verdict: "none", direction: null });
    expect(report.columns.map(({ column }) => column).at(-1)).toBe("still");
    const sum = report.columns.reduce((all, { contribution }) => all + (contribution ?? 0), 0);
    expect(sum).toBeCloseTo(1, 9);
  });

  it("says which categories moved", async () => {
    const rows = (app: number, seed: number) =>
      rowsOf(
        1000,
        (random) => ({ channel: random() < app ? "app" : random() < 0.7 ? "web" : "phone" }),
        seed,
      );
    const { columns } = await drift(rows(0.3, 1), rows(0.6, 2));
    expect(columns[0]).toMatchObject({ verdict: "drift", kind: "category", direction: "shape" });
    expect(columns[0]?.text).toMatch(/^channel moved: app 28.2 → 57.8 %, web /);
  });

  it("says that an effect above the threshold may be chance", async () => {
    const side = (count: number) =>
      Array.from({ length: 60 }, (_, index) => ({ kind: index < count ? "a" : "b" }));
    const report = await drift(side(30), side(42));
    const kind = columnOf(report, "kind");
    expect(kind.verdict).toBe("none");
    expect(kind.effect).toBeGreaterThan(0.1);
    expect(kind.text).toMatch(/^kind does not drift \(effect 0\.\d\d, which may be chance\)\.$/);
    expect(driftText(report)).toMatch(/quiet {3}kind 0\.\d\d \(may be chance\)/);
  });

  it("finds nothing between equal rows, whatever their order", async () => {
    const rows = rowsOf(700, (random, index) => ({
      number: normal(random),
      few: index % 7,
      text: `v${Math.floor(random() ** 3 * 400)}`,
      flag: random() < 0.3,
      none: random() < 0.2 ? null : random(),
    }));
    const { columns } = await drift(rows, [...rows].reverse());
    expect(columns).toHaveLength(5);
    for (const { column, js, effect, moved, verdict, ks } of columns)
      expect({ column, js, effect, moved, verdict, ks: ks?.low ?? 0 }).toEqual({
        column,
        js: 0,
        effect: 0,
        moved: 0,
        verdict: "none",
        ks: 0,
      });
  });

  it("gives the same figures for the same rows in another order", async () => {
    const [a, b] = [
      rowsOf(400, (random) => ({ x: normal(random) }), 1),
      rowsOf(400, (random) => ({ x: normal(random) * 1.5 }), 2),
    ];
    const [one, other] = [
      await drift(a, b),
      await drift(
        [...a].reverse(),
        [...b].sort((p, q) => Number(p["x"]) - Number(q["x"])),
      ),
    ];
    const figures = ({ columns }: DriftReport) =>
      columns.map(({ js, psi, ks, wasserstein, test }) => [
        js,
        psi,
        ks?.low,
        ks?.high,
        wasserstein?.high,
        test?.p,
      ]);
    expect(figures(other)).toEqual(figures(one));
  });

  it("gives the same records for the same rows of a table in other files, in another order, with rows deleted", async () => {
    const row = (random: () => number, index: number) => ({
      id: index,
      x: normal(random),
      few: index % 7,
      text: `v${Math.floor(random() ** 3 * 40)}`,
      at: new Date(Date.UTC(2024, 0, 1 + (index % 40), index % 24)),
      inner: { y: random() < 0.1 ? null : random() },
    });
    const [before, after] = [rowsOf(400, row, 1), rowsOf(400, row, 2)];
    const tables = await Promise.all(
      [[before], [before.slice(250).reverse(), before.slice(0, 90), before.slice(90, 250)]].map(
        async (files, index) => {
          const path = join(folder, `files-${index}`);
          const properties = { "delta.enableDeletionVectors": "true" };
          const table = await createTable(path, { source: files[0] ?? [], properties });
          for (const rows of files.slice(1)) await table.append(rows);
          if (index === 1) {
            await table.append(rowsOf(60, (random) => ({ ...row(random, -1), x: 100 })));
            await table.delete("id = -1");
          }
          return table;
        },
      ),
    );
    const reports = [];
    for (const table of tables) reports.push(await drift(table.snapshot(), after));
    // only sums of numbers are rounded in the order of the rows
    const [one, other] = reports.map(({ columns }) =>
      JSON.stringify(columns, (name, value) =>
        (name === "mean" || name === "sd") && typeof value === "number" ? value.toPrecision(12) : value,
      ),
    );
    expect(one).toContain('"inner.y"');
    expect(JSON.parse(other ?? "")).toEqual(JSON.parse(one ?? ""));
    for (const table of tables) await table.close();
  });

  it("names points, such as zeros that were not there", async () => {
    const rows = (zeros: number, seed: number) =>
      rowsOf(800, (random) => ({ x: random() < zeros ? 0 : 1 + random() }), seed);
    const { columns } = await drift(rows(0.3, 1), rows(0.6, 2));
    expect(columns[0]?.bins[0]).toMatchObject({ label: "= 0", low: 0, high: 0 });
    expect(columns[0]?.bins[0]?.baseline).toBeCloseTo(0.3, 1);
  });

  it("compares the leaves of structs, lengths of lists and texts, and cycles of times", async () => {
    const rows = (k: number) =>
      rowsOf(1500, (random, index) => ({
        s: { a: normal(random) + k },
        list: Array.from({ length: Math.floor(random() * 40) + 20 * k }, () => 1),
        text: `${index} ${"x".repeat(Math.floor(random() * 50) * (1 + k))}`.slice(index % 9),
        at: new Date(Date.UTC(2024, 0, 1 + (index % 60), Math.floor(random() * 24) >> k)),
      }));
    const report = await drift(rows(0), rows(1));
    expect(columnOf(report, "s.a")).toMatchObject({ verdict: "drift", direction: "higher" });
    expect(columnOf(report, "list")).toMatchObject({ verdict: "drift", direction: "higher" });
    expect(columnOf(report, "at", "hour")).toMatchObject({ verdict: "drift", kind: "time" });
    expect(columnOf(report, "at", "weekday").verdict).toBe("none");
    expect(columnOf(report, "at", "month")).toMatchObject({ verdict: "not_applicable", reason: "sequence" });
  });
});

describe("what is not a matter of distances", () => {
  const many = (row: (index: number) => Row, count = 200) =>
    Array.from({ length: count }, (_, index) => row(index));

  it("calls columns broken that are gone, new, of another type or null now", async () => {
    const before = many((index) => ({
      gone: index % 5,
      kind: index % 5,
      empty: index % 3,
      text: "a",
      some: index % 4,
    }));
    const after = many((index) => ({
      kind: `${index % 5}`,
      empty: null,
      text: "a",
      some: index % 2 === 0 ? null : index % 4,
      fresh: 1,
    }));
    const report = await drift(before, after);
    expect(report.verdict).toBe("broken");
    expect(columnOf(report, "kind").text).toContain("it no longer has the type long");
    const of = (name: string) => columnOf(report, name).reason;
    expect([of("gone"), of("fresh"), of("kind"), of("empty"), of("some"), of("text")]).toEqual([
      "missing_column",
      "new_column",
      "type_changed",
      "all_null",
      "nulls",
      null,
    ]);
    expect(columnOf(report, "some").text).toBe("some is broken: null 0 → 50 %.");
  });

  it("does not call a column of nulls a change of type", async () => {
    const before = many((index) => ({ x: index / 7 }));
    const csv = join(folder, "nulls.csv");
    const { writeFileSync } = await import("node:fs");
    writeFileSync(
      csv,
      `x,y\n${many(() => ({}))
        .map(() => ",1")
        .join("\n")}\n`,
    );
    expect(await verdictOf(before, { csv }, { columns: ["x"] })).toBe("x broken all_null");
  });

  it("calls new values broken only if chance does not explain them", async () => {
    const rows = (random: () => number) => ({ city: `c${Math.floor(random() * 60)}` });
    expect(await verdictOf(rowsOf(40, rows, 1), rowsOf(40, rows, 2))).toBe("city none");
    const known = many((index) => ({ city: `c${index % 4}` }));
    const fresh = many((index) => ({ city: `c${(index % 5) + 1}` }));
    expect(await verdictOf(known, fresh)).toBe("city broken unseen");
  });

  it("leaves out identifiers, sequences, and columns that are excluded", async () => {
    const rows = (from: number) =>
      many((index) => ({
        uuid: `u${from + index}`,
        order: from + index,
        big: 10_000 + (((from + index) * 37) % 997),
        skip: index,
      }));
    const report = await drift(rows(0), rows(5000), { exclude: ["skip"] });
    expect(columnOf(report, "uuid")).toMatchObject({ verdict: "not_applicable", reason: "identifier" });
    expect(columnOf(report, "order")).toMatchObject({
      verdict: "not_applicable",
      reason: "sequence",
      kind: "sequence",
    });
    expect(columnOf(report, "skip")).toMatchObject({ verdict: "not_applicable", reason: "excluded" });
    expect(columnOf(report, "big").verdict).toBe("none");
  });

  it("has too few rows of a side, or for two bins, and says how many it takes", async () => {
    const rows = (count: number) => many((index) => ({ x: index / 3 }), count);
    const report = await drift(rows(20), rows(200));
    expect(report).toMatchObject({ verdict: "insufficient", counts: { tested: 0, insufficient: 1 } });
    expect(report.columns[0]).toMatchObject({ reason: "few_rows", rows_needed: 37, test: null });
    expect(await verdictOf(rows(33), rows(33))).toBe("x insufficient few_rows");
    const none = { sql: "SELECT 1.5 AS x LIMIT 0" };
    expect(await verdictOf(none, rows(33))).toBe("x insufficient few_rows");
    expect(await verdictOf(rows(33), none)).toBe("x insufficient few_rows");
  });

  it("bins as many ranges as the rows allow", async () => {
    const bins = async (count: number) => {
      const rows = rowsOf(count, (random) => ({ x: normal(random) }));
      return (await drift(rows, rows)).columns[0]?.bins.length;
    };
    expect([await bins(40), await bins(120), await bins(200), await bins(400), await bins(700)]).toEqual([
      2, 4, 5, 10, 20,
    ]);
  });

  it("keeps NaN, infinities and constants out of the moments, and says why a figure is null", async () => {
    const before = many((index) => ({
      x: index === 0 ? Number.NaN : index / 3,
      y: 5,
      z: index % 2 === 0 ? null : 1e200 * index,
    }));
    const after = many((index) => ({
      x: index < 3 ? Infinity : index / 3,
      y: 5,
      z: index % 2 === 0 ? null : 1e200 * index,
    }));
    const report = await drift(before, after);
    const x = columnOf(report, "x");
    expect(x.nan_share?.baseline).toBeCloseTo(1 / 200, 12);
    expect(x.above_share?.current).toBeCloseTo(3 / 200, 12);
    expect(x.summary?.baseline.mean).toBeCloseTo(100 / 3, 9);
    expect(Number.isFinite(x.summary?.current.mean)).toBe(true);
    expect(columnOf(report, "y")).toMatchObject({ verdict: "none", wasserstein_scaled: null });
    expect(columnOf(report, "y").undefined_because["wasserstein_scaled"]).toBe("constant");
    expect(x.undefined_because).toEqual({ wasserstein: "infinite_values" });
  });

  it("counts rows that large numbers do not blur", async () => {
    const rows = (shift: number) => many((index) => ({ x: 1_000_000_000 + (index % 97) + shift }), 700);
    const { columns } = await drift(rows(0), rows(60));
    expect(columns[0]).toMatchObject({ verdict: "drift", direction: "higher" });
    expect(columns[0]?.summary?.baseline.sd).toBeCloseTo(28, 0);
  });

  it("has the deviation of a few large values, by value and by slice", async () => {
    const large = 1_000_000_000_000_000;
    const rows = (shift: number) =>
      many((index) => ({ x: large + (index % 2) * 2 + shift, part: index % 4 < 2 ? "a" : "b" }), 400);
    const { columns } = await drift(rows(0), rows(2), { columns: ["x"], by: ["part"] });
    for (const { kind, summary } of columns) {
      expect(kind).toBe("discrete");
      expect(summary?.baseline.mean).toBe(large + 1);
      expect(summary?.current.mean).toBe(large + 3);
      expect(summary?.baseline.sd).toBeCloseTo(1, 1);
      expect(summary?.current.sd).toBeCloseTo(1, 1);
    }
  });
});

describe("slices, windows and conditions", () => {
  const rows = (shift: number) =>
    rowsOf(3000, (random, index) => ({
      country: ["DE", "FR", null][index % 3],
      amount: normal(random) + (index % 3 === 1 ? shift : 0),
      day: new Date(Date.UTC(2024, index % 2 === 0 ? 0 : 2, 1 + (index % 28))),
    }));

  it("finds the slice that moved", async () => {
    const report = await drift(rows(0), rows(2), {
      columns: ["amount"],
      by: ["country"],
      slices: [{ name: "german", where: "country = 'DE'" }],
    });
    const verdicts = report.columns.map(
      ({ slice, verdict }) => `${slice?.key ?? "all"} ${slice?.value ?? ""} ${verdict}`,
    );
    expect(verdicts[0]).toBe("country FR drift");
    expect(verdicts.sort()).toEqual([
      "all  drift",
      "country DE none",
      "country FR drift",
      "country null none",
      "german  none",
    ]);
    expect(report.columns.find(({ slice }) => slice?.value === "FR")?.rows).toEqual({
      baseline: 1000,
      current: 1000,
    });
  });

  it("compares windows of the current side, and records those without rows", async () => {
    const report = await drift(rows(0), rows(2), {
      columns: ["amount"],
      window: { column: "day", every: "P1M" },
    });
    expect(report.columns.map(({ window, verdict }) => `${window} ${verdict}`).sort()).toEqual([
      "2024-01 drift",
      "2024-02 insufficient",
      "2024-03 drift",
    ]);
  });

  it("compares the rows that meet a condition", async () => {
    const report = await drift(rows(0), rows(2), { columns: ["amount"], where: "country = 'DE'" });
    expect(report).toMatchObject({ verdict: "none", baseline: { rows: 1000 }, current: { rows: 1000 } });
  });
});

describe("versions", () => {
  it("compares two versions of a table by their URIs, and a pin", async () => {
    const uri = join(folder, "orders");
    await using orders = await createTable(uri, {
      source: rowsOf(500, (random) => ({ amount: normal(random) })),
    });
    await orders.pins.add("first");
    await orders.overwrite(rowsOf(500, (random) => ({ amount: normal(random) + 1 }), 5));
    const report = await drift(`${uri}@v0`, orders);
    expect(report).toMatchObject({
      verdict: "drift",
      baseline: { version: 0, rows: 500 },
      current: { version: 1, source: `${uri}@v1` },
    });
    expect(report.table_id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await drift(`${uri}@first`, uri)).verdict).toBe("drift");
    await expect(drift(orders, `${uri}@v1`)).rejects.toMatchObject({ code: "BASELINE_IS_CURRENT" });
  });

  it("names the pins where files of the baseline are gone", async () => {
    const uri = join(folder, "vacuumed");
    await using table = await createTable(uri, { source: rowsOf(100, (random) => ({ x: random() })) });
    await table.pins.add("model-7");
    const [file = ""] = readdirSync(uri).filter((name) => name.endsWith(".parquet"));
    await table.overwrite(rowsOf(100, (random) => ({ x: random() }), 3));
    rmSync(join(uri, file));
    expect(existsSync(join(uri, file))).toBe(false);
    await expect(drift(`${uri}@v0`, table)).rejects.toMatchObject({
      code: "BASELINE_UNREADABLE",
      message: expect.stringContaining("model-7"),
      data: { version: 0, pins: ["model-7"] },
    });
    await expect(drift(table, `${uri}@v0`)).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
  });
});

describe("bad input", () => {
  const rows = [{ x: 1 }];

  it.each([
    [{ threshold: 0 }, "threshold"],
    [{ threshold: 1.5 }, "threshold"],
    [{ alpha: 1 }, "alpha"],
    [{ alpha: Number.NaN }, "alpha"],
    [{ correction: "fdr" }, "correction"],
    [{ roles: { x: "features" } }, "roles.x"],
    [{ thresholds: { x: -1 } }, "thresholds.x"],
    [{ weights: { x: -1 } }, "weights.x"],
    [{ minRows: 0.5 }, "minRows"],
    [{ by: "x" }, "by"],
    [{ slices: [{ name: "a" }] }, "slices[0].where"],
    [{ window: { column: "x", every: "P1M" }, by: ["x"] }, "window"],
  ])("refuses %j", async (options, option) => {
    await expect(drift(rows, rows, options as DriftOptions)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option },
    });
  });

  it("refuses columns that neither side has, conditions that fail, and windows of anything but times", async () => {
    await expect(drift(rows, rows, { columns: ["y"] })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
    await expect(drift(rows, rows, { by: ["y"] })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
    await expect(drift(rows, rows, { where: "y > 1" })).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(drift(rows, rows, { where: "random() > 1" })).rejects.toMatchObject({ code: "SQL_REFUSED" });
    const number = { code: "SQL_FAILED", message: expect.stringContaining("not true or false") };
    await expect(drift(rows, rows, { where: "x + 1" })).rejects.toMatchObject(number);
    const slices = [{ name: "s", where: "x + 1" }];
    await expect(drift(rows, rows, { slices })).rejects.toMatchObject(number);
    const window = { column: "x", every: "P1M" };
    await expect(drift(rows, rows, { window })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(drift(rows, rows, { window: { ...window, every: "1 month" } })).rejects.toMatchObject({
      message: expect.stringContaining("P1M"),
    });
    await expect(drift(rows, rows, { by: Array.from({ length: 10 }, () => "x") })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
  });

  it("compares windows of far times, and refuses more than it can show before it makes them", async () => {
    const times = (...moments: readonly string[]) => ({
      sql: `SELECT unnest([${moments.join(", ")}]) AS t, unnest(range(${moments.length})) AS x FROM range(40)`,
    });
    const near = times("TIMESTAMP '2024-01-05'");
    const windowsFor = async (every: "PT1H" | "P1M" | "P1Y", ...moments: readonly string[]) => {
      const report = await drift(near, times(...moments), { window: { column: "t", every } });
      return [...new Set(report.columns.flatMap(({ window }) => (window === null ? [] : [window])))].sort();
    };
    const far = ["DATE '12024-01-05'", "DATE '12025-01-05'"].map((text) => `CAST(${text} AS TIMESTAMP)`);
    expect(await windowsFor("P1Y", ...far)).toEqual(["12024-01-01T00:00:00", "12025-01-01T00:00:00"]);
    const ends = ["make_timestamp(-9223372022400000000)", "TIMESTAMP 'infinity'"];
    expect(await windowsFor("P1M", "TIMESTAMP '2024-01-05'", ...ends)).toEqual(["2024-01"]);
    const all = ["make_timestamp(-9000000000000000000)", "make_timestamp(9000000000000000000)"];
    await expect(windowsFor("PT1H", ...all)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("shows hostile names and values as text", async () => {
    const evil = "\u001b[2Jgone<script>alert(1)</script>";
    const before = Array.from({ length: 100 }, (_, index) => ({ [evil]: index % 2 === 0 ? "a" : "b" }));
    const after = Array.from({ length: 100 }, (_, index) => ({ [evil]: index % 20 === 0 ? "a" : evil }));
    const report = await drift(before, after);
    expect(report.verdict).toBe("broken");
    expect(driftText(report)).not.toContain("\u001b");
    const xml = driftJunit(report);
    expect(xml).not.toContain("\u001b");
    expect(xml).not.toContain("<script>");
    expect(xml).toContain('failures="1"');
  });

  it("takes quotes, NUL and long texts as values", async () => {
    const values = ["it's", 'say "x"', "a\u0000b", "x".repeat(400), "€\u{1f600}"];
    const rows = (shift: number) =>
      Array.from({ length: 300 }, (_, index) => ({ v: values[(index * shift) % values.length] }));
    const { columns } = await drift(rows(1), rows(2));
    expect(columns[0]).toMatchObject({ kind: "category", effect: 0 });
    expect(columns[0]?.unseen_share?.current).toBe(0);
  });

  it("compares 200 columns, and a category with many values", async () => {
    const wide = {
      sql: `SELECT ${Array.from({ length: 200 }, (_, index) => `hash(i + ${index}) % 1000 / 7 AS c${index}`).join(", ")} FROM range(60) t(i)`,
    };
    const { columns } = await drift(wide, wide);
    expect(columns).toHaveLength(200);
    expect(columns.every(({ verdict }) => verdict === "none")).toBe(true);
    const values = (shift: number) => ({
      sql: `SELECT CASE WHEN i % 20 < 19 THEN 'top' || i % 3 ELSE 'v' || (i + ${shift}) END AS c FROM range(300000) t(i)`,
    });
    const report = await drift(values(0), values(7));
    expect(report.columns[0]).toMatchObject({ kind: "category", verdict: "none", unseen_share: null });
  }, 120_000);

  it("sees a wider spread of few rows by those beyond the baseline's extremes", async () => {
    const side = (factor: number, seed: number) =>
      rowsOf(150, (random) => ({ v: factor * normal(random), w: normal(random), x: normal(random) }), seed);
    const report = await drift(side(1, 39), side(1.8, 139));
    expect(columnOf(report, "v")).toMatchObject({
      verdict: "drift",
      test: { name: "tails", statistic: null },
    });
    expect([columnOf(report, "w").verdict, columnOf(report, "x").verdict]).toEqual(["none", "none"]);
    const equal = await drift(side(1, 39), side(1, 139));
    expect(columnOf(equal, "v").verdict).toBe("none");
  });
});
