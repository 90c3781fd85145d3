import { describe, expect, it } from "vitest";
import {
  type AlertEvent,
  alertHistory,
  type RecordedTransition,
} from "../../src/monitors/alerts/alert-events.ts";
import { alertList } from "../../src/monitors/alerts/alert-list.ts";
import type { NamedRule } from "../../src/monitors/alerts/alert-rule.ts";
import { alertTransitions } from "../../src/monitors/alerts/alert-states.ts";
import { newEvents } from "../../src/monitors/alerts/new-events.ts";
import { type ComparedColumn, driftSign, type Reading } from "../../src/monitors/alerts/reading.ts";
import type { Silence } from "../../src/monitors/alerts/silence.ts";
import fc from "../support/fast-check.ts";

const runs = Number(process.env["VARVE_RUNS"] ?? 200);

const rule: NamedRule = {
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

type Effects = Readonly<Record<string, readonly (number | null)[]>>;

function reading(effect: number, version: number): Reading {
  const record: ComparedColumn = {
    verdict: effect >= 0.1 ? "drift" : "none",
    effect,
    threshold: 0.1,
    test: { p_adjusted: 0, alpha: 0.01 },
  };
  return {
    version,
    window: null,
    bins: "",
    text: `moved by ${effect}.`,
    ...driftSign(rule, record, true),
  };
}

/** A table of alerts in memory, and the effects of columns by version that a monitor has looked at; null: not yet. */
class Records {
  events: AlertEvent[] = [];
  now = 0;
  #ids = 0;

  /** Brings the alerts up to date with these results; returns the message, if there is one. */
  update(
    effects: Effects,
    rules: readonly string[] = ["drift"],
  ): Readonly<Record<string, unknown>> | undefined {
    const found = Object.entries(effects).map(([column, list]) => {
      const readings = list.flatMap((effect, version) => (effect === null ? [] : [reading(effect, version)]));
      const key = { monitor: "inputs", rule: "drift", column, slice: null };
      return { key, severity: "warning" as const, transitions: alertTransitions(rule, readings) };
    });
    const added = newEvents(this.events, rules.length === 0 ? [] : found, {
      monitor: "inputs",
      table: "file:///orders",
      tableId: "id",
      rules: new Set(rules),
      targets: ["webhook"],
      version: Math.max(...Object.values(effects).map((list) => list.length - 1)),
      now: this.now,
      id: () => String(this.#ids++).padStart(6, "0"),
    });
    this.events.push(...added);
    const message = added.find((one) => one.event === "message")?.message;
    return message === undefined ? undefined : (JSON.parse(message.body) as Record<string, unknown>);
  }

  silence(some: Partial<Silence>): void {
    const silence: Silence = {
      ...{
        id: `silence ${this.#ids++}`,
        kind: "mute",
        monitor: "inputs",
        rule: null,
        column: null,
        slice: null,
      },
      ...{ by: "ann", reason: "known", at: new Date(this.now), until: { kind: "resolved" } },
      ...some,
    };
    this.events.push({ event: "silence", silence });
  }

  /** What holds, as `column: state@version`. */
  get states(): string[] {
    return [...alertHistory(this.events).transitions.values()]
      .flat()
      .map(({ key, to, version }) => `${key.column}: ${to}@${version}`);
  }
}

const loud = [0, 0.2, 0.2];
const over = [...loud, 0, 0];

/** What alerts of a message say, as `column state`. */
function named(message: Readonly<Record<string, unknown>> | undefined): string[] {
  const list = (message?.["alerts"] ?? []) as readonly Readonly<Record<string, unknown>>[];
  return list.map(({ column, status }) => `${String(column)} ${String(status)}`);
}

describe("a message about alerts", () => {
  it("is sent once when one fires and once when it is resolved, not for what is pending", () => {
    const records = new Records();
    expect(records.update({ age: [0, 0.2] })).toBeUndefined();
    const fired = records.update({ age: loud });
    expect(named(fired)).toEqual(["age firing"]);
    expect(fired).toMatchObject({
      monitor: "inputs",
      table: "file:///orders",
      version: 2,
      firing: 1,
      more: 0,
    });
    expect(fired?.["text"]).toBe("Monitor inputs: 1 firing\nfiring: age since version 1. moved by 0.2.");
    expect(records.update({ age: loud })).toBeUndefined();
    expect(records.update({ age: [...loud, 0.2, 0] })).toBeUndefined();
    expect(named(records.update({ age: [...loud, 0.2, 0, 0] }))).toEqual(["age resolved"]);
    expect(records.update({ age: [...loud, 0.2, 0, 0, 0] })).toBeUndefined();
  });

  it("names the five with the largest effects and counts the rest", () => {
    const records = new Records();
    const many = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`c${index}`, [0, 0.2, 0.2 + index / 100]]),
    );
    const message = records.update(many);
    expect(named(message)).toEqual(["c7", "c6", "c5", "c4", "c3"].map((name) => `${name} firing`));
    expect(message).toMatchObject({ more: 3, firing: 8 });
    expect(message?.["text"]).toContain("and 3 more");
    expect(records.update(many)).toBeUndefined();
  });

  it("does not tell of what fired and ended before anyone could be told", () => {
    const records = new Records();
    expect(named(records.update({ age: over, town: loud }))).toEqual(["town firing"]);
    expect(records.states).toContain("age: resolved@4");
  });

  it("is not sent again when results of earlier versions move the start of an alert", () => {
    const records = new Records();
    expect(named(records.update({ age: [null, null, 0.2, 0.2] }))).toEqual(["age firing"]);
    expect(records.update({ age: [null, 0.2, 0.2, 0.2] })).toBeUndefined();
    expect(records.states).toEqual(["age: pending@1", "age: firing@2"]);
    expect(named(records.update({ age: [null, 0.2, 0.2, 0.2, 0, 0] }))).toEqual(["age resolved"]);
  });
});

describe("a mute", () => {
  it("holds messages back until it ends, and loses none that still matters", () => {
    const records = new Records();
    records.silence({ column: "age", until: { kind: "version", version: 4 } });
    expect(named(records.update({ age: loud, town: loud }))).toEqual(["town firing"]);
    expect(records.states).toContain("age: firing@2");
    expect(records.update({ age: [...loud, 0.2], town: [...loud, 0.2] })).toBeUndefined();
    expect(named(records.update({ age: [...loud, 0.2, 0.2], town: [...loud, 0.2, 0.2] }))).toEqual([
      "age firing",
    ]);
  });

  it("ends at its time", () => {
    const records = new Records();
    records.silence({ until: { kind: "time", time: new Date(1000) } });
    records.now = 999;
    expect(records.update({ age: loud })).toBeUndefined();
    records.now = 1000;
    expect(named(records.update({ age: loud }))).toEqual(["age firing"]);
  });

  it("until resolved covers the end of the alert, and not the next one", () => {
    const records = new Records();
    records.update({ age: loud });
    records.silence({ column: "age" });
    expect(records.update({ age: over })).toBeUndefined();
    expect(named(records.update({ age: [...over, 0.2, 0.2] }))).toEqual(["age firing"]);
  });

  it("covers only its rule, column and slice, and ends when it is taken back", () => {
    const records = new Records();
    records.silence({ id: "one", column: "age", slice: "country=DE" });
    records.silence({ rule: "broken" });
    expect(named(records.update({ age: loud }))).toEqual(["age firing"]);
    const other = new Records();
    other.silence({ id: "one" });
    expect(other.update({ age: loud })).toBeUndefined();
    other.events.push({ event: "unsilenced", monitor: "inputs", silence: "one", by: "bob" });
    expect(named(other.update({ age: loud }))).toEqual(["age firing"]);
  });
});

describe("an acknowledgement", () => {
  it("stops the call for action, not the message about the end", () => {
    const records = new Records();
    records.update({ age: loud });
    const list = (version = 2) => alertList(alertHistory(records.events), { now: records.now, version });
    expect(list().map(({ unattended }) => unattended)).toEqual([true]);
    records.silence({ kind: "acknowledge", reason: "ticket 12" });
    expect(list()[0]).toMatchObject({ status: "firing", acknowledged: { by: "ann", reason: "ticket 12" } });
    expect(list().map(({ unattended }) => unattended)).toEqual([false]);
    expect(named(records.update({ age: over }))).toEqual(["age resolved"]);
  });
});

describe("open alerts", () => {
  it("end as superseded when their rule is gone, and stay as they are when it comes back", () => {
    const records = new Records();
    records.update({ age: loud });
    expect(records.update({ age: loud }, [])).toBeUndefined();
    expect(records.states).toEqual(["age: pending@1", "age: firing@2", "age: superseded@2"]);
    expect(records.update({ age: loud }, [])).toBeUndefined();
    expect(records.states).toHaveLength(3);
    expect(records.update({ age: loud })).toBeUndefined();
    expect(records.states).toEqual(["age: pending@1", "age: firing@2"]);
  });
});

describe("records of alerts", () => {
  const effect = fc.constantFrom(0, 0.06, 0.08, 0.2, 0.45);
  const history = fc.record({
    age: fc.array(effect, { minLength: 12, maxLength: 12 }),
    town: fc.array(effect, { minLength: 12, maxLength: 12 }),
  });
  const order = fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 });

  it("say the same in the end, whatever versions were looked at first", () => {
    fc.assert(
      fc.property(history, order, fc.nat({ max: 3 }), (effects, versions, every) => {
        const [whole, grown] = [new Records(), new Records()];
        whole.update(effects);
        const seen = new Set<number>();
        for (const [index, version] of versions.entries()) {
          seen.add(version);
          if (index % (every + 1) !== 0 && index < 11) continue;
          const part = Object.entries(effects).map(([column, list]) => [
            column,
            list.map((value, at) => (seen.has(at) ? value : null)),
          ]);
          grown.update(Object.fromEntries(part) as Effects);
        }
        expect(holding(grown)).toEqual(holding(whole));
      }),
      { numRuns: runs },
    );
  });

  it("tell of each alert once: of two messages about one, its end lies between", () => {
    fc.assert(
      fc.property(history, (effects) => {
        const records = new Records();
        const told = new Map<string, string[]>();
        for (let length = 1; length <= 12; length++) {
          const part = Object.entries(effects).map(([column, list]) => [column, list.slice(0, length)]);
          for (const one of named(records.update(Object.fromEntries(part) as Effects))) {
            const [column = "", status = ""] = one.split(" ");
            told.set(column, [...(told.get(column) ?? []), status]);
          }
        }
        for (const list of told.values())
          for (const [index, status] of list.entries())
            expect(status).toBe(index % 2 === 0 ? "firing" : "resolved");
        const firings = holding(records).filter(({ to }) => to === "firing" || to === "resolved");
        expect([...told.values()].flat()).toHaveLength(firings.length);
      }),
      { numRuns: runs },
    );
  });
});

function holding(records: Records): Omit<RecordedTransition, "id" | "at" | "replaces">[] {
  return [...alertHistory(records.events).transitions.values()]
    .flat()
    .map(({ id: _, at: __, replaces: ___, ...transition }) => transition)
    .toSorted((a, b) => (a.key.column < b.key.column ? -1 : a.key.column > b.key.column ? 1 : 0));
}
