import { describe, expect, it } from "vitest";
import { reportJson } from "../../src/quality/check-report.ts";
import { checkHtml } from "../../src/report/check-html.ts";
import { checkJunit } from "../../src/report/check-junit.ts";
import { checkText } from "../../src/report/check-text.ts";
import { stringifyJson } from "../../src/util/json.ts";
import { sampleReport } from "./sample-report.ts";

describe("a report of a suite's run", () => {
  it("as text names the outcome, each check and the first failing rows", () => {
    expect(checkText(sampleReport).split("\n").slice(0, 9)).toEqual([
      'REJECTED: table "a&b" at version 7 by flights <2001>, 1,000 rows, 1 of 4 checks pass',
      "990 rows are clean, 10 for the quarantine, 0 to drop",
      "  because rows: number of rows must be at least 5000; found 1000",
      "",
      "  pass  id:unique: id must be unique; 0 of 1,000 rows fail",
      "  FAIL  delay:between: delay must be between -120 and 1800; 30 of 1,000 rows fail",
      "        row 3: delay = -1116, origin = <script>document.title='hacked'</script>",
      "        row 12345: delay = NaN, origin = null",
      "  warn  origin:warn: origin must match ^[A-Z]{3}$; 1 of 1,000 rows fail",
    ]);
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
    expect(xml).toContain('<testsuite name="flights &lt;2001&gt;" tests="4" failures="2" errors="0" skipped="1"');
    expect(xml).toContain('<failure type="quarantine" message="delay must be between -120 and 1800; 30 of 1000 rows fail">');
    expect(xml).not.toContain("<script>");
    expect(xml.match(/<testcase /g)).toHaveLength(4);
  });

  it("as XML leaves out characters that XML cannot hold", () => {
    const odd = { ...sampleReport, suite: { name: "a\u0000b\u001b", fingerprint: "f" } };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looks for exactly these
    expect(checkJunit(odd)).not.toMatch(/[\u0000-\u0008\u001b]/);
  });

  it("as HTML holds everything and loads nothing", () => {
    const html = checkHtml(sampleReport);
    expect(html).not.toMatch(/(src|href)=/);
    expect(html).not.toContain("<script>document.title");
    expect(html.match(/<details class="check/g)).toHaveLength(4);
    expect(html.match(/<circle/g)).toHaveLength(4);
  });
});
