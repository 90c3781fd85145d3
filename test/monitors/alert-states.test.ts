import { describe, expect, it } from "vitest";
import type { NamedRule } from "../../src/monitors/alerts/alert-rule.ts";
import { alertTransitions } from "../../src/monitors/alerts/alert-states.ts";
import {
  type ComparedColumn,
  driftSign,
  performanceSign,
  type Reading,
} from "../../src/monitors/alerts/reading.ts";
import fc from "../support/fast-check.ts";

const runs = Number(process.env["VARVE_RUNS"] ?? 500);

const drift: NamedRule = {
  name: "drift",
  when: "drift",
  columns: ["*"],
  effect: undefined,
  hits: 2,
  of: 3,
  clearRatio: 0.7,
  clearFor: 2,
  severity: "warning",
  metric: undefined,
  drop: undefined,
  ci: false,
};
const broken: NamedRule = { ...drift, name: "broken", when: "broken" };
const trend: NamedRule = { ...drift, name: "trend", when: "trend" };

/** A comparison with an effect that is no noise, or a verdict without one. */
function compared(what: number | ComparedColumn["verdict"]): ComparedColumn {
  if (typeof what !== "number") return { verdict: what, effect: null, threshold: 0.1, test: null };
  const test = { p_adjusted: 1e-9, alpha: 0.01 };
  return { verdict: what >= 0.1 ? "drift" : "none", effect: what, threshold: 0.1, test };
}

function readings(
  rule: NamedRule,
  columns: readonly (number | ComparedColumn | ComparedColumn["verdict"])[],
) {
  return columns.map((what, version): Reading => {
    const record = typeof what === "object" ? what : compared(what);
    const place = { version, window: null, bins: "first", text: "" };
    return { ...place, ...driftSign(rule, record, false) };
  });
}

/** The transitions by a rule, as `to@version`. */
function course(rule: NamedRule, columns: Parameters<typeof readings>[1]): string[] {
  return alertTransitions(rule, readings(rule, columns)).map(({ to, version }) => `${to}@${version}`);
}

describe("an alert on drift", () => {
  it("fires with two of three versions, not with one", () => {
    expect(course(drift, [0, 0.2, 0, 0, 0])).toEqual(["pending@1", "ok@4"]);
    expect(course(drift, [0, 0.2, 0, 0.2])).toEqual(["pending@1", "firing@3"]);
    expect(course(drift, [0, 0.2, 0, 0, 0.2])).toEqual(["pending@1"]);
  });

  it("clears after two versions in a row under 0.7 of the threshold", () => {
    expect(course(drift, [0.2, 0.2, 0.06, 0.08, 0.06, 0.069])).toEqual([
      "pending@0",
      "firing@1",
      "resolved@5",
    ]);
  });

  it("begins anew after it is resolved", () => {
    expect(course(drift, [0.2, 0.2, 0, 0, 0.2, 0, 0.2])).toEqual([
      "pending@0",
      "firing@1",
      "resolved@3",
      "pending@4",
      "firing@6",
    ]);
  });

  it("fires at once for an effect of 0.4, and where a column is broken", () => {
    expect(course(drift, [0, 0.4])).toEqual(["firing@1"]);
    expect(course(drift, [0, "broken"])).toEqual(["firing@1"]);
  });

  it("leaves breaks to the rule on them where there is one", () => {
    expect(driftSign(drift, compared("broken"), true).sign).toBe("blind");
    expect(course(broken, [0, "broken", 0, 0])).toEqual(["firing@1", "resolved@3"]);
  });

  it("neither fires nor clears by versions with too few rows", () => {
    expect(course(drift, [0.2, "insufficient", "insufficient", "insufficient", 0.2])).toEqual([
      "pending@0",
      "firing@4",
    ]);
    expect(course(drift, [0.4, "insufficient", "not_applicable", "insufficient"])).toEqual(["firing@0"]);
    expect(course(drift, [0.4, 0, "insufficient", 0])).toEqual(["firing@0", "resolved@3"]);
  });

  it("takes a large effect that chance explains for none", () => {
    const noise = { ...compared(0.5), verdict: "none" as const, test: { p_adjusted: 0.3, alpha: 0.01 } };
    expect(course(drift, [noise, noise, noise])).toEqual([]);
  });

  it("takes the rule's own effect for the threshold", () => {
    expect(course({ ...drift, effect: 0.25 }, [0.2, 0.2, 0.26, 0.26])).toEqual(["pending@2", "firing@3"]);
    expect(course({ ...drift, effect: 0.05 }, [0.06, 0.06])).toEqual(["pending@0", "firing@1"]);
  });

  it("says since when: the first version that counted", () => {
    const [, firing] = alertTransitions(drift, readings(drift, [0, 0.2, 0, 0.3]));
    expect(firing).toMatchObject({ to: "firing", version: 3, since: 1, effect: 0.3, threshold: 0.1 });
  });

  it("ends as superseded when the baseline is replaced, and starts from nothing", () => {
    const [old, next] = [readings(drift, [0.2, 0.2, 0.2]), readings(drift, [0, 0, 0, 0.2, 0.2])];
    const list = [...old, ...next.slice(3).map((one) => ({ ...one, bins: "second" }))];
    expect(alertTransitions(drift, list).map(({ to, version }) => `${to}@${version}`)).toEqual([
      "pending@0",
      "firing@1",
      "superseded@3",
      "pending@3",
      "firing@4",
    ]);
  });
});

describe("an alert on a trend", () => {
  it("sees a creep that no version reaches the threshold by", () => {
    const creep = Array.from({ length: 10 }, () => 0.09);
    expect(course(drift, creep)).toEqual([]);
    expect(course(trend, [0, 0, ...creep])).toEqual(["firing@9"]);
    expect(alertTransitions(trend, readings(trend, [0, 0, ...creep]))[0]?.since).toBe(2);
  });

  it("adds up no noise, and forgets a creep that went back", () => {
    const noise = { ...compared(0.09), test: { p_adjusted: 0.2, alpha: 0.01 } };
    expect(
      course(
        trend,
        Array.from({ length: 60 }, () => noise),
      ),
    ).toEqual([]);
    expect(
      course(
        trend,
        Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? 0.09 : 0)),
      ),
    ).toEqual([]);
  });
});

describe("an alert on performance", () => {
  const rule: NamedRule = {
    ...drift,
    when: "performance",
    metric: "roc_auc",
    drop: 0.03,
    hits: 1,
    of: 1,
    ci: true,
  };
  const metric = { value: 0.8, low: 0.78, high: 0.82, baseline: 0.84, higherIsBetter: true, mature: true };

  it("counts a loss of the rule's size that the interval excludes the baseline by", () => {
    expect(performanceSign(rule, metric)).toMatchObject({ sign: "hit", threshold: 0.03 });
    expect(performanceSign(rule, metric).effect).toBeCloseTo(0.04, 12);
    expect(performanceSign(rule, { ...metric, high: 0.85 }).sign).toBe("between");
    expect(performanceSign({ ...rule, ci: false }, { ...metric, high: 0.85 }).sign).toBe("hit");
    expect(performanceSign(rule, { ...metric, value: 0.815 }).sign).toBe("between");
    expect(performanceSign(rule, { ...metric, value: 0.83 }).sign).toBe("quiet");
    expect(performanceSign(rule, { ...metric, value: 0.9 }).sign).toBe("quiet");
  });

  it("knows metrics that are better the lower they are", () => {
    const loss = { ...metric, value: 0.5, low: 0.48, high: 0.52, baseline: 0.4, higherIsBetter: false };
    expect(performanceSign(rule, loss).sign).toBe("hit");
    expect(performanceSign(rule, { ...loss, value: 0.3, low: 0.28 }).sign).toBe("quiet");
  });

  it("says nothing before the outcomes are known", () => {
    expect(performanceSign(rule, { ...metric, value: 0.2, high: 0.3, mature: false }).sign).toBe("blind");
    expect(performanceSign(rule, { ...metric, value: null }).sign).toBe("blind");
  });
});

const verdict = fc.oneof(
  fc.double({ min: 0, max: 0.5, noNaN: true }),
  fc.constantFrom("broken" as const, "insufficient" as const, "not_applicable" as const),
);
const aRule = fc
  .record({
    when: fc.constantFrom("drift" as const, "broken" as const, "trend" as const),
    of: fc.integer({ min: 1, max: 4 }),
    hits: fc.integer({ min: 1, max: 4 }),
    clearFor: fc.integer({ min: 1, max: 3 }),
    clearRatio: fc.constantFrom(0.5, 0.7, 1),
  })
  .map((some): NamedRule => ({ ...drift, ...some, hits: Math.min(some.hits, some.of) }));
const aHistory = fc.array(fc.record({ what: verdict, bins: fc.constantFrom("a", "a", "a", "b") }), {
  maxLength: 30,
});

describe("alerts of any history", () => {
  const sample = fc.tuple(aRule, aHistory).map(([rule, history]) => ({
    rule,
    list: readings(
      rule,
      history.map(({ what }) => what),
    ).map((one, index) => ({ ...one, bins: history[index]?.bins ?? "a" })),
  }));

  it("do not depend on the order in which versions were looked at", () => {
    const shuffled = sample.chain(({ rule, list }) =>
      fc.shuffledSubarray(list, { minLength: list.length }).map((other) => ({ rule, list, other })),
    );
    fc.assert(
      fc.property(shuffled, ({ rule, list, other }) => {
        const twice = [...other, ...other.toReversed()];
        expect(alertTransitions(rule, other)).toEqual(alertTransitions(rule, list));
        expect(alertTransitions(rule, twice)).toEqual(alertTransitions(rule, list));
      }),
      { numRuns: runs },
    );
  });

  it("are what they were, whatever versions follow", () => {
    fc.assert(
      fc.property(sample, fc.nat({ max: 30 }), ({ rule, list }, length) => {
        const before = list.slice(0, length);
        const whole = alertTransitions(rule, list).filter(({ version }) => version < length);
        expect(alertTransitions(rule, before)).toEqual(whole);
      }),
      { numRuns: runs },
    );
  });

  it("go from state to state as they may, and change nothing by blind readings", () => {
    const may: Readonly<Record<string, readonly string[]>> = {
      ok: ["pending", "firing"],
      pending: ["ok", "firing", "superseded"],
      firing: ["resolved", "superseded"],
      resolved: ["pending", "firing"],
      superseded: ["pending", "firing"],
    };
    fc.assert(
      fc.property(sample, ({ rule, list }) => {
        let status = "ok";
        const seen = list.filter(({ sign }) => sign !== "blind");
        for (const { from, to, version, since } of alertTransitions(rule, list)) {
          expect(from).toBe(status);
          expect(may[from]).toContain(to);
          expect(since).toBeLessThanOrEqual(version);
          status = to;
        }
        const blindFirst = list.some(({ sign }) => sign === "blind");
        const sameBaseline = new Set(list.map(({ bins }) => bins)).size <= 1;
        if (blindFirst && sameBaseline)
          expect(alertTransitions(rule, seen)).toEqual(alertTransitions(rule, list));
      }),
      { numRuns: runs },
    );
  });
});
