import { describe, expect, it } from "vitest";
import type { GateVerdict } from "../../src/quality/gate/verdict.ts";
import { checkHtml } from "../../src/report/check-html.ts";
import { checkReport, reportJson } from "../../src/report/check-report.ts";

const verdict: GateVerdict = {
  suite: { name: "s", fingerprint: "f" },
  accepted: false,
  reasons: ["a: bad"],
  rows: 4,
  clean: 2,
  quarantined: 1,
  dropped: 1,
  tagged: 0,
  checks: [
    {
      id: "c",
      kind: "k",
      level: "row",
      message: "must hold",
      columns: ["a"],
      severity: "critical",
      onFail: "quarantine",
      reaction: "quarantine",
      success: false,
      considered: 4,
      unexpected: 1,
      repaired: 0,
      result: {},
      observed: 0.75,
      sample: [{ file: null, row: 2, values: { a: -1 } }],
      fingerprint: "cf",
    },
  ],
  tagColumn: null,
};

const time = "1970-01-01T00:00:00.005Z";
const metrics = [{ name: "row_count", points: [{ version: 1, timestamp: new Date(5), value: 4 }] }];
const history = [
  {
    version: 1,
    timestamp: new Date(5),
    operation: "WRITE",
    rows: 4,
    quarantined: 1,
    dropped: 0,
    failedChecks: ["c"],
  },
];

describe("a report of a verdict", () => {
  it("of a source without versions has no metrics and no history", () => {
    const report = checkReport(verdict, { source: "rows", timestamp: new Date(7) });
    expect(report).toEqual({
      suite: verdict.suite,
      source: "rows",
      timestamp: new Date(7),
      accepted: false,
      reasons: ["a: bad"],
      rows: 4,
      clean: 2,
      quarantined: 1,
      dropped: 1,
      checks: verdict.checks,
      metrics: [],
      history: [],
    });
  });

  it("gives all of it as JSON, the sample of a check as plain rows", () => {
    const report = checkReport(verdict, {
      source: "t@v1",
      timestamp: new Date(7),
      seconds: 1.5,
      metrics,
      history,
    });
    expect(JSON.parse(JSON.stringify(reportJson(report)))).toEqual({
      suite: verdict.suite,
      source: "t@v1",
      timestamp: "1970-01-01T00:00:00.007Z",
      seconds: 1.5,
      accepted: false,
      reasons: ["a: bad"],
      rows: 4,
      clean: 2,
      quarantined: 1,
      dropped: 1,
      checks: [{ ...verdict.checks[0], sample: [{ file: null, row: 2, values: { a: -1 } }] }],
      metrics: [{ name: "row_count", points: [{ version: 1, timestamp: time, value: 4 }] }],
      history: [{ ...history[0], timestamp: time }],
    });
  });
});

describe("a share in a report", () => {
  it.each([
    [57, 100, "57 %"],
    [29, 100, "29 %"],
    [1, 3, "33.3 %"],
    [999_999, 1_000_000, "99.9 %"],
    [7, 7, "100 %"],
  ])("of %i of %i rows is %s: rounded towards failing, and not below itself", (clean, rows, share) => {
    const counted = { ...verdict, rows, clean, quarantined: rows - clean, dropped: 0 };
    const page = checkHtml(checkReport(counted, { source: "rows", timestamp: new Date(7) }));
    expect(page).toContain(`aria-label="${share} of the rows are clean"`);
  });
});
