import { describe, expect, it } from "vitest";
import { checkHtml } from "../../src/report/check-html.ts";
import { checkJunit } from "../../src/report/check-junit.ts";
import { escapeMarkup } from "../../src/report/show.ts";
import { sampleReport } from "./sample-report.ts";

const quotes = `a" onload="x' onload='y & <b> &amp;`;

describe("markup in texts of the data", () => {
  it("is written as what it says, once, quotes of both kinds too", () => {
    expect(escapeMarkup(quotes)).toBe("a&quot; onload=&quot;x&#39; onload=&#39;y &amp; &lt;b&gt; &amp;amp;");
  });

  it("does not leave the attribute that it stands in", () => {
    const points = [1, 2].map((version) => ({ version, timestamp: new Date(version), value: version }));
    const checks = sampleReport.checks.map((check) => ({ ...check, id: quotes, message: quotes }));
    const report = { ...sampleReport, checks, metrics: [{ name: quotes, points }] };
    for (const page of [checkHtml(report), checkJunit(report)]) {
      expect(page).not.toMatch(/onload=["']/);
      expect(page).toContain("a&quot; onload=&quot;x&#39; onload=&#39;y");
    }
  });
});
