import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CheckJson, createTable, runSuite, type SuiteJson, type Table } from "../../src/index.ts";
import { check, defineSuite, suite } from "../../src/suite.ts";
import { freshFolder } from "./table-folder.ts";

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

interface Order {
  readonly id: number;
  readonly amount: number | null;
  readonly channel: string;
}

interface Month {
  readonly rows?: number;
  readonly shift?: number;
  readonly nulls?: number;
  readonly app?: number;
  readonly seed: number;
}

/** Orders of a month: amounts around 50 with a deviation of 10, a third of them by app. */
function month({ rows = 2000, shift = 0, nulls = 0, app = 1 / 3, seed }: Month): Order[] {
  const random = uniform(seed);
  return Array.from({ length: rows }, (_, index) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const amount = random() < nulls ? null : 50 + 10 * (normal + shift);
    return { id: seed * 1_000_000 + index, amount, channel: random() < app ? "app" : "web" };
  });
}

function drifting(params: CheckJson["params"], options: Partial<CheckJson> = {}): SuiteJson {
  return { name: "alike", checks: [{ kind: "expect_column_drift_to_be_below", params, ...options }] };
}

async function orders(first: Month = { seed: 1 }): Promise<Table> {
  return createTable(join(freshFolder(), "orders"), { source: month(first) });
}

describe("a batch that does not look like its table", () => {
  it("is rejected before it lands, with what moved", async () => {
    const table = await orders();
    await table.append(month({ seed: 2 }), { gate: drifting({ column: "amount" }) });
    const error = await table
      .append(month({ seed: 3, shift: 1 }), { gate: drifting({ column: "amount" }) })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "BATCH_REJECTED" });
    expect(String(error)).toMatch(
      /amount is higher: median [45]\d\.\d → (5[89]|6[01])\.?\d* \(effect 0\.[34]\d, large/,
    );
    expect(table.snapshot().version).toBe(1);
    await table.close();
  });

  it("lands with a warning if the check only warns", async () => {
    const table = await orders();
    const { version, gate } = await table.append(month({ seed: 2, app: 0.6 }), {
      gate: drifting({ column: "channel" }, { onFail: "warn" }),
    });
    expect(version).toBe(1);
    expect(gate?.checks[0]).toMatchObject({ success: false, details: { verdict: "drift" } });
    expect(gate?.checks[0]?.observed).toBeGreaterThan(0.1);
    await table.close();
  });

  it("is found by a suite that the table carries, in appends, overwrites and staged batches", async () => {
    const table = await orders();
    await table.suite.set(drifting({ column: "amount" }));
    const shifted = month({ seed: 4, shift: -1 });
    await expect(table.append(shifted)).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    await expect(table.overwrite(shifted)).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    const staged = await table.staging.stage(shifted);
    expect(await staged.audit()).toMatchObject({ accepted: false });
    await expect(staged.publish()).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    const sound = await table.staging.stage(month({ seed: 5 }));
    expect(await sound.publish()).toMatchObject({ outcome: "committed" });
    await table.close();
  });

  it("is found where nulls took the place of values", async () => {
    const table = await orders();
    const report = await runSuite(drifting({ column: "amount" }), month({ seed: 6, nulls: 0.3 }), { table });
    expect(report).toMatchObject({ accepted: false });
    expect(report.checks[0]).toMatchObject({ details: { verdict: "broken", reason: "nulls" } });
    await table.close();
  });

  it("may be another slice than the one that is tested", async () => {
    // In the table, too, orders by app are another lot: not those, all rows would be another baseline.
    const byChannel = (web: number, app: number, appShift: number) => [
      ...month({ seed: web, app: 0 }),
      ...month({ seed: app, app: 1, shift: appShift }),
    ];
    const table = await createTable(join(freshFolder(), "orders"), { source: byChannel(5, 6, 4) });
    const mixed = byChannel(7, 8, 6);
    const of = async (where: string) =>
      (await runSuite(drifting({ column: "amount" }, { where }), mixed, { table })).accepted;
    expect(await of("channel = 'web'")).toBe(true);
    expect(await of("channel = 'app'")).toBe(false);
    await table.close();
  });

  it("passes as insufficient with few rows, and while there is no table", async () => {
    const table = await orders();
    const few = await runSuite(drifting({ column: "amount" }), month({ seed: 9, rows: 5, shift: 3 }), {
      table,
    });
    expect(few.accepted).toBe(true);
    expect(few.checks[0]).toMatchObject({
      success: true,
      details: {
        verdict: "insufficient",
        insufficient: true,
        rows_needed: 37,
        rows: { baseline: 2000, current: 5 },
      },
    });
    const first = await createTable(join(freshFolder(), "t"), {
      source: month({ seed: 1 }),
      gate: drifting({ column: "amount" }),
    });
    expect(first.snapshot().version).toBe(0);
    await first.close();
    await table.close();
  });
});

describe("the baseline of a check", () => {
  it("is a version, a pin, another table or the table as it is", async () => {
    const table = await orders();
    await table.pins.add("training");
    for (const seed of [11, 12, 13]) await table.append(month({ seed, shift: 1 }));
    const old = month({ seed: 14 });
    const newer = month({ seed: 15, shift: 1 });
    const accepts = async (
      baseline: Readonly<Record<string, string | number>> | undefined,
      rows: Order[],
    ) => {
      const params = { column: "amount", ...(baseline === undefined ? {} : { baseline }) };
      const report = await runSuite(drifting(params), rows, {
        table,
        tables: { reference: await table.at(0) },
      });
      return report.accepted;
    };
    for (const baseline of [{ version: 0 }, { pin: "training" }, { table: "reference" }]) {
      expect(await accepts(baseline, old), JSON.stringify(baseline)).toBe(true);
      expect(await accepts(baseline, newer), JSON.stringify(baseline)).toBe(false);
    }
    expect(await accepts(undefined, old)).toBe(false);
    expect(await accepts({ version: 3 }, old)).toBe(false);
    await table.close();
  });

  it("is the version before, for a version of a table", async () => {
    const table = await orders();
    await table.overwrite(month({ seed: 16, shift: 1 }));
    await table.overwrite(month({ seed: 17, shift: 1 }));
    const verdicts = [];
    for (const version of [0, 1, 2])
      verdicts.push((await runSuite(drifting({ column: "amount" }), await table.at(version))).accepted);
    expect(verdicts).toEqual([true, false, true]);
    await table.close();
  });

  it("is counted once: its rows are not read again", async () => {
    const table = await orders();
    await table.pins.add("training");
    const gate = drifting({ column: "amount", baseline: { pin: "training" } });
    await table.append(month({ seed: 18 }), { gate });
    const pin = join(new URL(table.uri).pathname, "_pins", "training");
    const files = readdirSync(pin).filter((file) => file.endsWith(".parquet"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) rmSync(join(pin, file));
    await table.append(month({ seed: 19 }), { gate });
    await expect(table.append(month({ seed: 20, shift: 1 }), { gate })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    await table.close();
  });

  it("is refused with the pins that exist where its files are gone", async () => {
    const table = await orders();
    await table.overwrite(month({ seed: 21 }));
    await table.pins.add("kept");
    const folder = new URL(table.uri).pathname;
    const [first] = await filesOf(await table.at(0));
    rmSync(join(folder, first ?? ""));
    const gate = drifting({ column: "channel", baseline: { version: 0 } });
    const error = await table.append(month({ seed: 22 }), { gate }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "BASELINE_UNREADABLE", data: { pins: ["kept"] } });
    await table.close();
  });

  it("is refused if it is none", async () => {
    const table = await orders();
    const found = async (baseline: CheckJson["params"]) =>
      runSuite(drifting({ column: "amount", baseline: baseline ?? {} }), month({ seed: 23 }), { table }).then(
        () => undefined,
        (error: { readonly code: string }) => error.code,
      );
    expect(await found({ version: 7 })).toBe("VERSION_NOT_FOUND");
    expect(await found({ pin: "trainings" })).toBe("PIN_NOT_FOUND");
    expect(await found({ table: "nowhere" })).toBe("SUITE_INVALID");
    for (const wrong of [
      {},
      { version: -1 },
      { version: 1, pin: "x" },
      { pin: "" },
      { profile: {} },
      { value: 1 },
    ])
      expect(await found(wrong), JSON.stringify(wrong)).toBe("SUITE_INVALID");
    await expect(runSuite(drifting({ column: "amount" }), month({ seed: 24 }))).rejects.toThrow(/--table/);
    await table.close();
  });
});

async function filesOf(version: Awaited<ReturnType<Table["at"]>>): Promise<string[]> {
  const paths: string[] = [];
  for await (const names of version.files()) paths.push(...names);
  return paths;
}

describe("checks of drift", () => {
  it("are made by the builder, too, and do what their JSON does", async () => {
    const rule = { baseline: { version: 0 }, threshold: 0.2, alpha: 0.001, minRows: 50 } as const;
    const built = suite("alike", [
      check.driftBelow("amount", { ...rule, onFail: "warn" }),
      check.driftShareBelow(0.6, { columns: ["amount", "channel"], exclude: ["id"], threshold: 0.2 }),
    ]);
    const { minRows, ...params } = rule;
    expect(built.json.checks).toEqual([
      {
        kind: "expect_column_drift_to_be_below",
        params: { column: "amount", ...params, min_rows: minRows },
        onFail: "warn",
      },
      {
        kind: "expect_table_drift_share_to_be_below",
        params: { share: 0.6, column_list: ["amount", "channel"], exclude: ["id"], threshold: 0.2 },
      },
    ]);
    const table = await orders();
    const report = await runSuite(built, month({ seed: 3, shift: 1 }), { table });
    expect(report.checks.map(({ success }) => success)).toEqual([false, true]);
    expect(() => check.driftBelow("amount", null as never)).toThrow(/must be an object/);
    expect(() => suite("s", [check.driftBelow("amount", { treshold: 0.2 } as never)])).toThrow(/treshold/);
    await table.close();
  });

  it("name no rows, and have a threshold and an alpha", () => {
    const wrong = (params: CheckJson["params"], options: Partial<CheckJson> = {}) => {
      try {
        defineSuite(drifting({ column: "amount", ...params }, options));
      } catch (error) {
        return String(error);
      }
      return undefined;
    };
    for (const onFail of ["quarantine", "drop", "tag"] as const)
      expect(wrong({}, { onFail })).toMatch(/tests the batch as a whole/);
    for (const threshold of [0, -0.1, 1.5]) expect(wrong({ threshold })).toMatch(/threshold.*at most 1/);
    for (const alpha of [0, 1, 2]) expect(wrong({ alpha })).toMatch(/alpha.*below 1/);
    expect(wrong({ min_rows: 0 })).toMatch(/min_rows/);
    expect(wrong({ treshold: 0.2 })).toMatch(/unknown parameter/);
    expect(wrong({})).toBeUndefined();
  });

  it("refuse an identifier, which is new in every batch", async () => {
    const rows = (seed: number) => month({ seed }).map((order) => ({ ...order, code: `c${order.id}` }));
    const table = await createTable(join(freshFolder(), "t"), { source: rows(1) });
    await expect(runSuite(drifting({ column: "code" }), rows(2), { table })).rejects.toThrow(
      /code.*looks like an identifier/,
    );
    const share: SuiteJson = {
      checks: [{ kind: "expect_table_drift_share_to_be_below", params: { share: 0.1 } }],
    };
    expect(await runSuite(share, rows(2), { table })).toMatchObject({ accepted: true });
    await table.close();
  });

  it("say which share of the columns drifted", async () => {
    const table = await orders();
    const share = (limit: number, more: CheckJson["params"] = {}): SuiteJson => ({
      checks: [
        { kind: "expect_table_drift_share_to_be_below", params: { share: limit, exclude: ["id"], ...more } },
      ],
    });
    const shifted = month({ seed: 30, shift: 1 });
    const report = await runSuite(share(0.5), shifted, { table });
    expect(report.checks[0]).toMatchObject({
      success: false,
      observed: 0.5,
      details: { tested: 2, drifted: 1, columns: ["amount"] },
    });
    expect((await runSuite(share(0.6), shifted, { table })).accepted).toBe(true);
    expect((await runSuite(share(0.5, { column_list: ["channel"] }), shifted, { table })).accepted).toBe(
      true,
    );
    expect((await runSuite(share(0.1, { threshold: 0.9 }), shifted, { table })).accepted).toBe(true);
    await table.close();
  });

  it("are one family: many columns of noise raise no alarm", async () => {
    const noise = (seed: number) => {
      const random = uniform(seed);
      return Array.from({ length: 400 }, () =>
        Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`c${index}`, random()])),
      );
    };
    const table = await createTable(join(freshFolder(), "t"), { source: noise(40) });
    const gate: SuiteJson = {
      checks: Array.from({ length: 40 }, (_, index) => ({
        kind: "expect_column_drift_to_be_below",
        params: { column: `c${index}`, threshold: 0.05, alpha: 0.05 },
      })),
    };
    const batch = noise(42);
    const report = await runSuite(gate, batch, { table });
    expect(report.checks.filter(({ success }) => !success)).toEqual([]);
    // Of two columns each would have raised one alone.
    const alone = await Promise.all(
      gate.checks.map(async (check) => (await runSuite({ checks: [check] }, batch, { table })).accepted),
    );
    expect(alone.filter((accepted) => !accepted)).toHaveLength(2);
    await table.close();
  });
});
