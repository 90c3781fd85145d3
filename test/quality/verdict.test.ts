import { describe, expect, it } from "vitest";
import { type CheckResult, type GateOutcome, summarizeVerdict } from "../../src/quality/gate/verdict.ts";
import { sql } from "../../src/sql/sql.ts";

const check: CheckResult = {
  id: "c",
  kind: "k",
  level: "row",
  message: "must hold",
  columns: ["a"],
  severity: "critical",
  onFail: "quarantine",
  reaction: "reject",
  success: true,
  considered: 5,
  unexpected: 0,
  repaired: 0,
  result: {},
  observed: 1,
  sample: [],
  fingerprint: "f",
};

const verdict: GateOutcome = {
  suite: { name: "s", fingerprint: "sf" },
  accepted: true,
  reasons: [],
  rows: 5,
  clean: 3,
  quarantined: 1,
  dropped: 1,
  tagged: 0,
  checks: [check],
  cleanSql: sql`SELECT 1`,
  untouched: false,
  tagColumn: null,
  quarantineSql: null,
  disposedSql: null,
  aside: { rows: 1, places: 1, hash: "7" },
};

const summaryOf = (change: Partial<CheckResult>) =>
  summarizeVerdict({ ...verdict, checks: [{ ...check, ...change }] })["checks"];

describe("the summary of a verdict for a commit", () => {
  it("holds numbers and the reaction, and leaves out what is none", () => {
    expect(summarizeVerdict(verdict)).toEqual({
      suite: { name: "s", fingerprint: "sf" },
      accepted: true,
      rows: 5,
      clean: 3,
      quarantined: 1,
      dropped: 1,
      checks: [
        {
          id: "c",
          kind: "k",
          success: true,
          severity: "critical",
          onFail: "reject",
          considered: 5,
          unexpected: 0,
        },
      ],
    });
  });

  it("says how many rows were tagged, and why the batch was rejected", () => {
    expect(summarizeVerdict({ ...verdict, accepted: false, tagged: 2, reasons: ["too many"] })).toMatchObject(
      {
        accepted: false,
        tagged: 2,
        reasons: ["too many"],
      },
    );
  });

  it("gives a failed check its message and its first failing row, without the number of a row that has none", () => {
    const sample = [
      { file: "f", row: 4, values: { a: 1 } },
      { file: "f", row: 5, values: { a: 2 } },
    ];
    expect(summaryOf({ success: false, unexpected: 2, repaired: 1, sample })).toMatchObject([
      { success: false, unexpected: 2, repaired: 1, message: "must hold", first: { row: 4, a: 1 } },
    ]);
    expect(
      summaryOf({ success: false, unexpected: 1, sample: [{ file: null, row: null, values: { a: 1 } }] }),
    ).toMatchObject([{ first: { a: 1 } }]);
    const [none] = summaryOf({ success: false }) as [Record<string, unknown>];
    expect("first" in none).toBe(false);
  });

  it("gives what an aggregate check observed, cut to twenty values", () => {
    const many = Array.from({ length: 23 }, (_, index) => index);
    const aggregate = { level: "aggregate", considered: null, unexpected: null } as const;
    expect(summaryOf({ ...aggregate, observed: many.slice(0, 20) })).toMatchObject([
      { observed: many.slice(0, 20) },
    ]);
    expect(summaryOf({ ...aggregate, observed: many })).toMatchObject([
      { observed: [...many.slice(0, 20), "… 3 more"] },
    ]);
  });
});
