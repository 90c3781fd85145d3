import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, type MonitorJson, type Table } from "../../src/index.ts";

/** What goes wrong with the batch of a day. */
interface Fault {
  /** Standard deviations by which `age` is shifted. */
  readonly shift?: number;
  /** Share of `amount` that is null. */
  readonly outage?: number;
  /** Share of `channel` that is `kiosk`, which the baseline does not know. */
  readonly kiosk?: number;
}

/** Numbers in [0, 1), the same in each run. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function batch(day: number, rows: number, { shift = 0, outage = 0, kiosk = 0 }: Fault = {}) {
  const random = uniform(1000 + day);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const channel = () =>
    random() < kiosk ? "kiosk" : random() < 0.5 ? "web" : random() < 0.6 ? "app" : "phone";
  return Array.from({ length: rows }, (_, index) => ({
    id: day * 10_000 + index,
    age: 40 + 10 * (normal() + shift),
    amount: random() < outage ? null : Math.exp(normal()),
    channel: channel(),
    country: random() < 0.7 ? "DE" : "FR",
    score: score(day, index),
  }));
}

/** What the model says of a row of a day. */
function score(day: number, index: number): number {
  return uniform(100_000 + 10_000 * day + index)();
}

/** Outcomes of rows of a day: they follow the score, or with a concept drift no longer do. */
function outcomesOf(day: number, from: number, to: number) {
  return Array.from({ length: to - from }, (_, place) => {
    const index = from + place;
    const chance = moved.includes(day) ? 0.5 : score(day, index);
    return { id: day * 10_000 + index, bad: uniform(7_000_000 + 10_000 * day + index)() < chance ? 1 : 0 };
  });
}

const days = 30;
const faults: Readonly<Record<number, Fault>> = {
  ...Object.fromEntries([8, 9, 10, 11].map((day) => [day, { shift: 0.8 }])),
  // One bad day is no alert.
  14: { shift: 0.6 },
  ...Object.fromEntries([17, 18].map((day) => [day, { outage: 0.4 }])),
  ...Object.fromEntries([22, 23, 24].map((day) => [day, { kiosk: 0.2 }])),
};
/** Days on which outcomes do not follow the model's scores. */
const moved = [25, 26];
/** Version 0 is the baseline, version 1 gives the table its monitor, and each day brings a version. */
const versionOf = (day: number) => day + 1;

const monitor = (name: string, more: Partial<MonitorJson> = {}): MonitorJson => ({
  name,
  baseline: { version: 0 },
  columns: { exclude: ["id"] },
  performance: {
    problem: "binary",
    target: "bad",
    score: "score",
    metrics: ["roc_auc", "log_loss"],
    outcomes: { table: "../outcomes", on: ["id"] },
  },
  alerts: [
    { when: "drift" },
    { when: "broken" },
    { when: "performance", metric: "roc_auc", drop: 0.1 },
    { when: "performance", metric: "log_loss", drop: 0.1 },
  ],
  ...more,
});

/** What fired and was resolved, as `rule column status@version`. */
async function course(table: Table, name: string): Promise<string[]> {
  const changes = await table.monitors.alertHistory({ monitor: name });
  return changes
    .filter(({ to }) => to !== "pending" && to !== "ok")
    .toSorted((a, b) => a.version - b.version || (a.key.rule < b.key.rule ? -1 : 1))
    .map(({ key, to, version }) => `${key.rule} ${key.column} ${to}@${version}`);
}

const planted = [
  `drift age firing@${versionOf(9)}`,
  `drift age resolved@${versionOf(13)}`,
  `broken amount firing@${versionOf(17)}`,
  `broken amount resolved@${versionOf(20)}`,
  `broken channel firing@${versionOf(22)}`,
  `performance log_loss log_loss firing@${versionOf(25)}`,
  `performance roc_auc roc_auc firing@${versionOf(25)}`,
  `broken channel resolved@${versionOf(26)}`,
  `performance log_loss log_loss resolved@${versionOf(28)}`,
  `performance roc_auc roc_auc resolved@${versionOf(28)}`,
];

describe("a monitor over 30 versions", () => {
  // One for all tests of the file.
  const folder = mkdtempSync(join(tmpdir(), "varve-test-thirty-"));
  let table: Table;
  let outcomes: Table;
  const received: { readonly alerts: readonly Readonly<Record<string, unknown>>[]; readonly more: number }[] =
    [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    request.on("end", () => {
      received.push(JSON.parse(text) as (typeof received)[number]);
      response.end();
    });
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const webhook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    table = await createTable(join(folder, "orders"), { source: batch(0, 3000) });
    outcomes = await createTable(join(folder, "outcomes"), { source: outcomesOf(0, 0, 3000) });
    await table.monitors.create(monitor("inputs", { notify: [{ webhook }] }));
    for (let day = 1; day <= days; day++) {
      const { version } = await table.append(batch(day, 1000, faults[day]));
      expect(version).toBe(versionOf(day));
      // Some outcomes come a day late, and the others after two days.
      if (day > 1) await outcomes.append(outcomesOf(day - 1, 0, 400));
      if (day > 2) await outcomes.append(outcomesOf(day - 2, 400, 1000));
      await table.monitors.run("inputs");
    }
  }, 600_000);
  afterAll(async () => {
    await table.close();
    await outcomes.close();
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  it("names each planted fault with its version and column, and gives no other alert", async () => {
    expect(await course(table, "inputs")).toEqual(planted);
    expect(await table.monitors.alerts()).toEqual([]);
    const changes = await table.monitors.alertHistory();
    const firing = changes
      .filter(({ to }) => to === "firing")
      .toSorted((a, b) => a.version - b.version || (a.key.rule < b.key.rule ? -1 : 1));
    expect(firing.map(({ since }) => since)).toEqual([
      ...[versionOf(8), versionOf(17), versionOf(22)],
      ...[versionOf(25), versionOf(25)],
    ]);
    expect(firing.map(({ text }) => text)).toEqual([
      expect.stringContaining("age"),
      expect.stringMatching(/null/),
      expect.stringContaining("channel is broken"),
      ...["log_loss", "roc_auc"].map(() =>
        expect.stringContaining("The relation between inputs and outcomes changed"),
      ),
    ]);
  });

  it("sends one message for each", () => {
    const told = received.flatMap(({ alerts }) =>
      alerts.map(({ rule, column, status, version }) => `${rule} ${column} ${status}@${version}`),
    );
    expect(told.toSorted()).toEqual(planted.toSorted());
    // Both metrics fire together, and are told of when the outcomes are known.
    expect(received).toHaveLength(planted.length - 2);
    expect(told.slice(5, 8)).toEqual([
      `broken channel resolved@${versionOf(26)}`,
      ...["log_loss", "roc_auc"].map((metric) =>
        expect.stringContaining(`${metric} firing@${versionOf(25)}`),
      ),
    ]);
  });

  it("waits for outcomes that come late, and names the cause where they no longer follow the inputs", async () => {
    const found = await table.monitors.performance("inputs", { from: versionOf(1) });
    expect(found.map(({ version }) => version)).toEqual(
      Array.from({ length: days }, (_, n) => versionOf(n + 1)),
    );
    expect(
      found.filter(({ state }) => state !== "evaluated").map(({ version, labelled }) => [version, labelled]),
    ).toEqual([
      [versionOf(29), 400],
      [versionOf(30), 0],
    ]);
    const relation = found.filter(({ cause }) => cause === "relation");
    expect(relation.map(({ version }) => version)).toEqual(moved.map(versionOf));
    const all = await table.monitors.performance("inputs", {
      from: versionOf(5),
      to: versionOf(5),
      allOutcomes: true,
    });
    expect(all.map(({ state, labelled }) => [state, labelled])).toEqual([
      ["immature", 0],
      ["immature", 400],
      ["evaluated", 1000],
    ]);
  });

  it("finds the same by a backfill, newest version first, and sends nothing about the past", async () => {
    const before = received.length;
    const webhook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await table.monitors.create(monitor("again", { notify: [{ webhook }] }));
    await table.monitors.backfill("again", { from: 20 });
    expect((await course(table, "again")).every((one) => planted.includes(one))).toBe(true);
    await table.monitors.backfill("again");
    expect(await course(table, "again")).toEqual(planted);
    expect(received).toHaveLength(before);
  }, 300_000);
});
