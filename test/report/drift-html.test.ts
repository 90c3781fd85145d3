import { describe, expect, it } from "vitest";
import { drift } from "../../src/index.ts";
import { driftHtml } from "../../src/report.ts";
import { hostileLabel, hostileReport, movedReport, wideReport } from "./sample-drift.ts";

describe("the page of a comparison", () => {
  it("stays below 300 KB for 100 columns, a third of which move, and has all of them", async () => {
    const report = await wideReport(100);
    const page = driftHtml(report);
    expect(report.counts.drifted).toBe(34);
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(300 * 1000);
    for (const { column } of report.columns) expect(page).toContain(`${column} `);
  });

  it("counts the columns for which it has no room, and says where they are", async () => {
    const report = await movedReport();
    const [first] = report.columns;
    if (first === undefined) throw new Error("no record");
    const columns = Array.from({ length: 3000 }, (_, index) => ({ ...first, column: `c${index}` }));
    const page = driftHtml({ ...report, columns });
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(300 * 1000);
    const shown = page.match(/<details class="column /g)?.length ?? 0;
    expect(shown).toBeGreaterThan(100);
    expect(page).toContain(`${(3000 - shown).toLocaleString("en-US")} columns more had no room here`);
  });

  it("is the same for a report that was read back from JSON", async () => {
    const report = await movedReport();
    expect(driftHtml(JSON.parse(JSON.stringify(report)))).toBe(driftHtml(report));
  });

  it("takes names and values for text only, and shows characters that are not seen", async () => {
    const page = driftHtml(await hostileReport());
    expect(page).not.toContain("<script");
    expect(page).not.toContain("<img");
    expect(page).toContain("\\u001b[31mred L\\u202eXA\\nsecond &lt;/td&gt;");
    expect(page).toMatch(/<p>Magnitude \d+ %: [^<]*\\u001b\[31mred/);
    expect(page).not.toContain(hostileLabel);
    expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'\"");
  });

  it("shows the baseline beside each number, and values that only one side has", async () => {
    const rows = (values: readonly (number | null)[]) => values.map((value) => ({ value }));
    const before = Array.from({ length: 400 }, (_, index) => (index % 97) / 10);
    const after = before.map((value, index) => (index % 4 === 0 ? null : value + 100));
    const page = driftHtml(await drift(rows(before), rows(after)));
    expect(page).toMatch(/<th scope="row">median<\/th><td>4\.\d+<\/td><td>10\d<\/td>/);
    expect(page).toMatch(
      /<th scope="row">null<\/th><td>0 %<\/td><td>25 %<\/td><td>\+25\.0<small>\+20\.\d to \+29\.\d/,
    );
    expect(page).toMatch(/<th scope="row">above<\/th>.*?<td>0 %<\/td><td>75 %<\/td><td>\+75\.0<\/td>/);
  });

  it("says that a column moves since the window after the last quiet one, and nothing where it is quiet again", async () => {
    const { columns, ...report } = await movedReport();
    const [first] = columns;
    if (first === undefined) throw new Error("no record");
    const since = (...verdicts: readonly ("none" | "drift" | "insufficient")[]) => {
      const windows = verdicts.map((verdict, index) => ({
        ...first,
        slice: null,
        verdict,
        window: `2024-0${index + 1}`,
      }));
      return /since ([\d-]+)/.exec(driftHtml({ ...report, columns: windows }))?.[1];
    };
    expect(since("drift", "none", "drift", "drift")).toBe("2024-03");
    expect(since("none", "drift", "insufficient", "drift")).toBe("2024-02");
    expect(since("drift", "drift", "none")).toBeUndefined();
  });

  it("shows a column over versions, oldest first, whatever the order of the history; slices are no versions", async () => {
    const report = await movedReport();
    const at = (version: number) => ({ ...report, current: { ...report.current, version } });
    const points = (...versions: readonly number[]) =>
      /Effect by version or window: ([^;]*);/.exec(driftHtml(at(12), { history: versions.map(at) }))?.[1];
    expect(points(9, 10, 11, 2)).toMatch(
      /^v2 0\.38 broken, v9 0\.38 broken, v10 .*, v11 .*, v12 0\.38 broken$/,
    );
    expect(points(11, 2, 10, 9)).toBe(points(9, 10, 11, 2));
    expect(points(12)).toBeUndefined();
  });

  it("marks what was made of the table at the last version that is not newer", async () => {
    const report = await movedReport();
    const at = (version: number) => ({ ...report, current: { ...report.current, version } });
    const releases = [
      { name: "before all", version: 2 },
      { name: "model-7", version: 10 },
      { name: hostileLabel, version: 12 },
    ];
    const page = driftHtml(at(12), { history: [9, 11].map(at), releases });
    const [points] = /Effect by version or window: [^;]*;/.exec(page) ?? [];
    expect(points).toMatch(/v9 0\.38 broken, release model-7 \(v10\), v11 0\.38 broken, v12 /);
    expect(page).toMatch(/◇ made of the table: \\u001b\[31mred L[^<]*, model-7 \(v10\)<\/p>/);
    expect(page).not.toContain("before all");
    expect(page).not.toContain("<script");
  });

  it("breaks the line of a metric where a window has no value", async () => {
    const values = [0.8, 0.7, null, 0.9, 0.6];
    const points = values.map((value, index) => ({ label: `w${index}`, realised: { value } }));
    const page = driftHtml(await movedReport(), { model: [{ metric: "auc", baseline: 0.85, points }] });
    expect(page).toMatch(/<path class="realised" d="M[\d. ]+L[\d. ]+M[\d. ]+L[\d. ]+"\/>/);
    expect(page).toContain("w2: not known");
  });

  it("names the command that compares files again, as words of a shell", async () => {
    const report = await movedReport();
    const at = (source: string) => ({ ...report.current, source });
    const page = driftHtml({ ...report, baseline: at("/data/orders@v1"), current: at("it's new.csv") });
    expect(page).toContain("varve drift /data/orders@v1 &#39;it&#39;\\&#39;&#39;s new.csv&#39;");
    expect(page).toContain("<title>it&#39;s new.csv against orders@v1: ■ broken</title>");
    expect(driftHtml(report)).not.toContain("varve drift rows");
  });
});
