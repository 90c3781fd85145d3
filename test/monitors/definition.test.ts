import { describe, expect, it } from "vitest";
import { isVarveError } from "../../src/errors.ts";
import { carriedMonitors } from "../../src/monitors/definition/carried-monitors.ts";
import { meetsPattern, takesLeaf } from "../../src/monitors/definition/column-names.ts";
import type { MonitorJson } from "../../src/monitors/definition/monitor-json.ts";
import { binsHash, definitionHash, parseMonitor } from "../../src/monitors/definition/parse-definition.ts";

const whole = {
  name: "orders-inputs",
  baseline: { pin: "model-7-training" },
  scope: "batch",
  columns: {
    include: ["*"],
    exclude: ["order_id"],
    roles: { p_default: "score", defaulted: "target" },
    weights: { income: 3 },
  },
  slices: [{ by: "country" }, { name: "big", where: "amount > 1000" }],
  thresholds: {
    effect: 0.1,
    alpha: 0.01,
    correction: "bh",
    minRows: 30,
    column: { age: { effect: 0.15 }, channel: { history: { min: 8, k: 3 } } },
  },
  performance: {
    problem: "binary",
    score: "p_default",
    prediction: "decision",
    target: "defaulted",
    positive: 1,
    metrics: ["roc_auc", "log_loss", "recall"],
    outcomes: { table: "../outcomes", on: ["application_id"], time: "known_at", minLabelled: 0.5 },
    estimate: "cbpe",
  },
  alerts: [
    {
      when: "drift",
      columns: ["*"],
      effect: 0.1,
      for: [2, 3],
      clear: { ratio: 0.7, for: 2 },
      severity: "warning",
    },
    { when: "broken", severity: "critical" },
    { when: "performance", metric: "roc_auc", drop: 0.03, ci: true, severity: "critical" },
  ],
  notify: [{ webhook: "env:ALERT_URL" }, { file: "alerts.jsonl" }],
  on: "commit",
} satisfies MonitorJson;

describe("the definition of a monitor", () => {
  it("is taken as it was written, with defaults for what is left out", () => {
    expect(parseMonitor(whole)).toMatchObject({
      name: "orders-inputs",
      baseline: { kind: "pin", pin: "model-7-training" },
      by: ["country"],
      slices: [{ name: "big", where: "amount > 1000" }],
      performance: { outcomes: { on: { application_id: "application_id" } } },
      notify: [
        { kind: "webhook", webhook: "env:ALERT_URL" },
        { kind: "file", file: "alerts.jsonl" },
      ],
      on: "commit",
    });
    expect(parseMonitor({ name: "small", baseline: "previous" })).toMatchObject({
      baseline: { kind: "previous", count: 1 },
      scope: "batch",
      columns: { include: ["*"], exclude: [], roles: {}, weights: {} },
      thresholds: { effect: 0.1, isDefaultEffect: true, alpha: 0.01, correction: "bh", minRows: 30 },
      alerts: [],
      notify: [],
      on: "run",
    });
  });

  it.each([
    ["previous:7", { kind: "previous", count: 7 }],
    [{ version: 0 }, { kind: "version", version: 0 }],
    [{ versions: [3, 9] }, { kind: "versions", first: 3, last: 9 }],
    [{ runs: "r1" }, { kind: "runs", id: "r1" }],
    [{ lag: 7 }, { kind: "lag", lag: 7 }],
  ] as const)("has the baseline %j", (baseline, parsed) => {
    expect(parseMonitor({ name: "m", baseline }).baseline).toEqual(parsed);
  });

  it.each([
    ["an unknown field", { thresold: {} }, "thresold", "thresholds"],
    ["a name that no command line takes", { name: "a b" }, "name"],
    ["no baseline", { baseline: undefined }, "baseline"],
    ["a baseline of another kind", { baseline: { tag: "x" } }, "baseline.tag", "lag"],
    ["two baselines", { baseline: { version: 1, pin: "a" } }, "baseline"],
    ["a word that is no baseline", { baseline: "prevous" }, "baseline"],
    ["no versions before", { baseline: "previous:0" }, "baseline"],
    ["versions in the wrong order", { baseline: { versions: [9, 3] } }, "baseline.versions"],
    ["an unknown scope", { scope: "batches" }, "scope", "batch"],
    ["an unknown role", { columns: { roles: { a: "targets" } } }, "columns.roles.a", "target"],
    ["a negative weight", { columns: { weights: { a: -1 } } }, "columns.weights.a"],
    ["a threshold of 0", { thresholds: { effect: 0 } }, "thresholds.effect"],
    [
      "a threshold of 0 for a column",
      { thresholds: { column: { a: { effect: 0 } } } },
      "thresholds.column.a.effect",
    ],
    ["no threshold for a column", { thresholds: { column: { a: {} } } }, "thresholds.column.a"],
    ["an alpha of 1", { thresholds: { alpha: 1 } }, "thresholds.alpha"],
    ["an unknown correction", { thresholds: { correction: "bhh" } }, "thresholds.correction", "bh"],
    [
      "an unknown kind of column",
      { thresholds: { kind: { numbers: { effect: 1 } } } },
      "thresholds.kind.numbers",
    ],
    ["a window of two days", { window: { column: "at", every: "P2D" } }, "window.every", "P1D"],
    ["windows against the previous version", { window: { column: "at", every: "P1D" } }, "window"],
    ["windows beside slices", { window: { column: "at", every: "P1D" }, slices: [{ by: "a" }] }, "window"],
    ["a slice by two ways", { slices: [{ by: "a", name: "b", where: "true" }] }, "slices[0]"],
    ["a slice without a condition", { slices: [{ name: "b" }] }, "slices[0].where"],
    [
      "more than 200 slices",
      { slices: [{ by: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] }] },
      "slices",
    ],
    ["an alert of another kind", { alerts: [{ when: "drfit" }] }, "alerts[0].when", "drift"],
    ["an alert for 3 of 2 versions", { alerts: [{ when: "drift", for: [3, 2] }] }, "alerts[0].for"],
    [
      "an alert that clears above its threshold",
      { alerts: [{ when: "drift", clear: { ratio: 1.5 } }] },
      "alerts[0].clear.ratio",
    ],
    ["persistence of a break", { alerts: [{ when: "broken", for: [2, 3] }] }, "alerts[0].for"],
    ["a metric without the section", { alerts: [{ when: "performance", metric: "roc_auc" }] }, "alerts[0]"],
    ["an address that is not secure", { notify: [{ webhook: "http://example.com/x" }] }, "notify[0].webhook"],
    ["two targets in one", { notify: [{ file: "a", webhook: "env:A" }] }, "notify[0]"],
    ["a command in one text", { notify: [{ command: "mail me" }] }, "notify[0].command"],
    ["an unknown moment", { on: "commits" }, "on", "commit"],
    [
      "an unknown metric",
      { performance: { ...whole.performance, metrics: ["auc_roc"] } },
      "performance.metrics[0]",
    ],
    [
      "an estimate that does not fit",
      { performance: { ...whole.performance, estimate: "dle" } },
      "performance.estimate",
    ],
  ])("is refused with its path for %s", (_, change, path, nearest?: string) => {
    const json = { name: "m", baseline: "previous", ...change };
    const error = thrown(() => parseMonitor(json));
    expect(error.code).toBe("MONITOR_INVALID");
    expect(error.data["path"]).toBe(path);
    expect(error.message).toContain(path);
    expect(error.data["nearest"]).toBe(nearest);
  });

  it.each([
    ["an address", { notify: [{ webhook: "http://example.com/token-7" }] }],
    ["an address that is no text", { notify: [{ webhook: ["https://example.com/token-7"] }] }],
    ["an address where a list belongs", { notify: "https://example.com/token-7" }],
    ["a command in one text", { notify: [{ command: "curl -H token-7" }] }],
    ["two targets in one", { notify: [{ webhook: "https://example.com/token-7", file: "a" }] }],
    ["a misspelt list", { notfy: [{ webhook: "https://example.com/token-7" }] }],
  ])("does not repeat what may hold a secret in an error: %s", (_, fields) => {
    const { message, data } = thrown(() => parseMonitor({ name: "m", baseline: "previous", ...fields }));
    expect(message + JSON.stringify(data)).not.toContain("token-7");
  });

  it("does not repeat the JSON of a definition, which may hold a secret", () => {
    const monitor = { name: "m", baseline: "previous", notify: [{ webhook: "https://example.com/token-7" }] };
    for (const text of [JSON.stringify(monitor), JSON.stringify([monitor, [monitor]]), "[token-7"]) {
      const { message, data } = thrown(() => carriedMonitors({ "varve.monitors": text }));
      expect(message + JSON.stringify(data)).not.toContain("token-7");
    }
    const { message } = thrown(() => parseMonitor(JSON.stringify(monitor)));
    expect(message).toContain("the definition must be an object, not text");
  });

  it("changes its hash with what comparisons depend on, and not with alerts", () => {
    const base = parseMonitor(whole);
    const quiet = parseMonitor({ ...whole, name: "other", alerts: [], notify: [], on: "run" });
    expect(definitionHash(quiet)).toBe(definitionHash(base));
    const strict = parseMonitor({ ...whole, thresholds: { effect: 0.05 } });
    expect(definitionHash(strict)).not.toBe(definitionHash(base));
    expect(binsHash(strict)).toBe(binsHash(base));
    expect(binsHash(parseMonitor({ ...whole, slices: [] }))).not.toBe(binsHash(base));
  });
});

describe("a pattern for columns", () => {
  it.each([
    ["Amount", "amount", true],
    ["amount_eur", "amount*", true],
    ["net_amount_eur", "*amount*", true],
    ["aXbXc", "a*b*c", true],
    ["ab", "a*b*b", false],
    ["amount", "*", true],
    ["amount", "amoun", false],
  ])("%s meets %s: %s", (name, pattern, expected) => {
    expect(meetsPattern(name, pattern)).toBe(expected);
  });

  it("takes the fields of a struct that it names", () => {
    expect(takesLeaf("address.city", "Address")).toBe(true);
    expect(takesLeaf("addresses", "address")).toBe(false);
  });
});

function thrown(work: () => unknown): {
  code: string;
  message: string;
  data: Readonly<Record<string, unknown>>;
} {
  try {
    work();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
