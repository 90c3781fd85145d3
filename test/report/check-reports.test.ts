import { describe, expect, it } from "vitest";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import { checkHtml } from "../../src/report/check-html.ts";
import { checkJunit } from "../../src/report/check-junit.ts";
import { reportJson } from "../../src/report/check-report.ts";
import { checkText } from "../../src/report/check-text.ts";
import { shown } from "../../src/report/show.ts";
import { stringifyJson } from "../../src/util/json.ts";
import { hostileReport, sampleReport } from "./sample-report.ts";

/** Half a character does not survive being written as UTF-8. */
const isWellFormed = (text: string) => Buffer.from(text, "utf8").toString() === text;

describe("a report of a suite's run", () => {
  it("as text names the outcome, each check and the first failing rows", () => {
    expect(checkText(sampleReport).split("\n").slice(0, 9)).toEqual([
      'REJECTED: table "a&b" at version 7 by flights <2001>, 1,000 rows, 1 of 4 checks passes',
      "990 rows are clean, 10 for the quarantine, 0 to drop",
      "  because rows: number of rows must be at least 5000; found 1000",
      "",
      "  pass  id:unique: id must be unique; 0 of 1,000 rows fail",
      "  FAIL  delay:between: delay must be between -120 and 1800; 30 of 1,000 rows fail",
      "        row 4: delay = -1116, origin = <script>document.title='hacked'</script>",
      "        row 12,346: delay = NaN, origin = null",
      "  warn  origin:warn: origin must match ^[A-Z]{3}$; 1 of 1,000 rows fails",
    ]);
  });

  it("numbers rows from 1 for people, saying so, and from 0 in JSON; a row of no known place has no number", () => {
    const note = "Rows are counted from 1, header lines left out.";
    expect(checkText(sampleReport)).toContain(note);
    expect(checkHtml(sampleReport)).toContain('<th scope="row" class="number">12,346</th>');
    expect(checkHtml(sampleReport)).toContain(note);
    expect(checkJunit(sampleReport)).toMatch(/row 4: .*\nrow 12,346: .*\nRows are counted from 1/);
    const unplaced = (check: CheckResult) => ({
      ...check,
      sample: check.sample.map((row) => ({ ...row, row: null })),
    });
    const nowhere = { ...sampleReport, checks: sampleReport.checks.map(unplaced) };
    expect(checkText(nowhere)).toContain("\n        delay = -1116");
    for (const report of [checkText, checkHtml, checkJunit])
      expect(report(nowhere)).not.toContain("counted from 1");
    expect(checkHtml(nowhere)).not.toContain(">row</th>");
  });

  it("as JSON survives being written and read", () => {
    const json = JSON.parse(stringifyJson(reportJson(sampleReport)));
    expect(json).toMatchObject({
      accepted: false,
      rows: 1000,
      checks: [{ id: "id:unique" }, { id: "delay:between", sample: [{ row: 3 }, { row: 12345 }] }, {}, {}],
    });
    expect(json.metrics[0].points).toHaveLength(3);
  });

  it("as JUnit counts failures, skips what only warns, and escapes the data", () => {
    const xml = checkJunit(sampleReport);
    expect(xml).toContain(
      '<testsuite name="flights &lt;2001&gt;" tests="4" failures="2" errors="0" skipped="1"',
    );
    expect(xml).toContain(
      '<failure type="quarantine" message="delay must be between -120 and 1800; 30 of 1,000 rows fail">',
    );
    expect(xml).not.toContain("<script>");
    expect(xml.match(/<testcase /g)).toHaveLength(4);
  });

  it("as JUnit counts what the schema of Jenkins knows, and tells a rejection that no check tells", () => {
    const { checks } = sampleReport;
    const odd = { ...sampleReport, seconds: 0.3, checks: checks.slice(0, 1), reasons: ["too many bad rows"] };
    const xml = checkJunit(odd);
    expect(xml).toContain('<testsuites tests="2" failures="1" errors="0" time="0.300">');
    expect(xml).toContain('<failure type="reject" message="too many bad rows"/>');
    expect(checkJunit({ ...odd, accepted: true })).toContain(
      '<testsuites tests="1" failures="0" errors="0" time="0.300">',
    );
    expect(checkJunit({ ...odd, accepted: true, checks: [] })).toContain('tests="0"');
  });

  it.each([
    ["text", checkText],
    ["JUnit", checkJunit],
    ["HTML", checkHtml],
  ])(
    "as %s writes out what terminals obey, what XML cannot hold and what turns the direction of reading",
    (_, print) => {
      const text = print(hostileReport);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: looks for exactly these
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u0080-\u009f\u202e\ufffe\uffff]/);
      expect(isWellFormed(text)).toBe(true);
      expect(text).toContain("\\u001b[31mred");
      expect(text).toContain("\\u202e");
      expect(text).toContain("first\\nsecond");
      expect(text).toContain("\\ud800");
    },
  );

  it("cuts long texts between characters, not within them", () => {
    for (const limit of [5, 6, 7]) expect(isWellFormed(shown("😀😀😀😀😀", limit))).toBe(true);
    expect(shown("abcdef", 4)).toBe("abc…");
  });

  it("says where a check had nothing to look at, or too little to compare with", () => {
    const [first] = sampleReport.checks;
    if (first === undefined) throw new Error("no check");
    const one = (change: Partial<CheckResult>) =>
      checkText({ ...sampleReport, checks: [{ ...first, ...change }] });
    expect(one({ considered: 0, unexpected: 0 })).toContain("id must be unique; no row to look at");
    const aggregate = { considered: null, unexpected: null, observed: 5 };
    expect(one({ ...aggregate, details: { history: 1, tooShort: true } })).toContain(
      "found 5, with 1 earlier value to compare with, too few",
    );
    expect(one({ ...aggregate, success: false, details: { history: 9 } })).toContain(
      "found 5, out of line with 9 earlier values",
    );
  });

  it("as HTML holds everything and loads nothing", () => {
    const html = checkHtml(sampleReport);
    expect(html).not.toMatch(/(src|href)=/);
    expect(html).not.toContain("<script>document.title");
    expect(html.match(/<details class="check/g)).toHaveLength(4);
    expect(html.match(/<circle/g)).toHaveLength(4);
    expect(html.indexOf("delay must be")).toBeLessThan(html.indexOf("id must be unique"));
  });

  it("as HTML stays small however many metrics and versions there are, those of the tested columns first", () => {
    const points = Array.from({ length: 200 }, (_, version) => ({
      version,
      timestamp: new Date(version),
      value: version,
    }));
    const names = ["row_count", ...Array.from({ length: 300 }, (_, at) => `mean(c${at})`), "mean(delay)"];
    const html = checkHtml({ ...sampleReport, metrics: names.map((name) => ({ name, points })) });
    expect(html.match(/<figure>/g)).toHaveLength(24);
    expect(html).toContain("278 more metrics are kept");
    expect(html).toContain("mean(delay): 199 in version 199");
    expect(html.match(/<circle/g)).toHaveLength(24);
  });
});
