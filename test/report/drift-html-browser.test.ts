import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { driftHtml } from "../../src/report.ts";
import {
  fewReport,
  hostileReport,
  monitorReports,
  movedReport,
  quietReport,
  togetherReport,
  wideReport,
  windowsReport,
} from "./sample-drift.ts";

const executablePath = process.env["VARVE_CHROMIUM"] ?? "/usr/bin/chromium";
const found = existsSync(executablePath);
if (!found && process.env["CI"] === undefined)
  console.log(`skipped: no Chromium at ${executablePath} (name it in VARVE_CHROMIUM)`);

const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
const samples = {
  moved: movedReport,
  windows: windowsReport,
  quiet: quietReport,
  few: fewReport,
  together: togetherReport,
  hostile: hostileReport,
};
type Sample = keyof typeof samples | "wide" | "monitor";

describe.skipIf(!found && process.env["CI"] === undefined)("the page of a comparison in a browser", () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), "varve-test-drift-page-"));

  beforeAll(async () => {
    for (const [name, report] of Object.entries({ ...samples, wide: () => wideReport(100) }))
      writeFileSync(join(folder, `${name}.html`), driftHtml(await report()));
    const monitor = await monitorReports();
    writeFileSync(join(folder, "monitor.html"), driftHtml(monitor.report, monitor.options));
    browser = await chromium.launch({ executablePath, args });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    name: Sample,
    width = 1280,
    colorScheme: "light" | "dark" = "light",
  ): Promise<{ readonly page: Page; readonly problems: string[] }> {
    const address = pathToFileURL(join(folder, `${name}.html`)).href;
    // Without scripts: the page must be readable so.
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => request.url() !== address && problems.push(`asked for ${request.url()}`));
    await page.goto(address);
    return { page, problems };
  }

  const widths = [
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 390],
  ] as const;
  const all: readonly Sample[] = [
    "moved",
    "windows",
    "quiet",
    "few",
    "together",
    "hostile",
    "wide",
    "monitor",
  ];

  it.each(all.flatMap((name) => widths.map(([scheme, width]) => [name, width, scheme] as const)))(
    "shows the %s comparison at %i pixels in the %s: no overflow, no script, nothing loaded",
    async (name, width, scheme) => {
      const { page, problems } = await open(name, width, scheme);
      await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(await page.locator("script, img, link, iframe").count()).toBe(0);
      expect(await page.title()).not.toBe("hacked");
      expect(problems).toEqual([]);
      if (process.env["VARVE_SCREENSHOTS"] !== undefined)
        await page.screenshot({
          path: join(process.env["VARVE_SCREENSHOTS"], `drift-${name}-${width}-${scheme}.png`),
          fullPage: true,
        });
      await page.close();
    },
    60_000,
  );

  it.each(["light", "dark"] as const)(
    "has enough contrast in the %s for every text that is seen",
    async (scheme) => {
      for (const name of ["moved", "windows", "quiet", "few", "together", "monitor"] as const) {
        const { page } = await open(name, 1280, scheme);
        await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
        expect(await page.evaluate(`(${weakTexts})()`), name).toEqual([]);
        await page.close();
      }
    },
    60_000,
  );

  it("says the verdict first, then ranks the columns, and ends with the method", async () => {
    const { page } = await open("moved");
    expect(await page.locator("h1").textContent()).toContain("■ broken");
    expect(await page.locator(".verdict").textContent()).toMatch(
      /^4 breaks, and drift in \d+ of \d+ comparisons\.\s*age .*is broken: null 0\.\d → 30\.\d %/,
    );
    expect(await page.locator("h2").allInnerTexts()).toEqual(["What moved", "How this was decided"]);
    const lines = await page.locator("section > .column > summary").allInnerTexts();
    expect(lines.map((line) => line.replaceAll(/\s+/g, " ").slice(0, 22))).toEqual([
      "■ broken age is broken",
      "▲ drift channel moved:",
      "▲ drift score is highe",
    ]);
    expect(await page.locator(".effect").first().textContent()).toMatch(/^0\.\d\d, threshold 0\.10$/);
    expect(await page.locator(".bar").first().getAttribute("aria-label")).toMatch(
      /^effect 0\.3\d, threshold 0\.10, noise floor 0\.0\d$/,
    );
    await page.close();
  }, 60_000);

  it("opens a column by the keyboard: both distributions, their numbers, and where it moved", async () => {
    const { page } = await open("moved");
    const channel = page.locator(".column", { hasText: "channel moved" });
    expect(await channel.locator(".inside").isVisible()).toBe(false);
    await channel.locator("summary").focus();
    await page.keyboard.press("Enter");
    expect(await channel.locator(".inside").isVisible()).toBe(true);
    const [app = ""] = await channel.locator(".bins tbody tr").allInnerTexts();
    expect(app.split(/\s+/).slice(0, 3)).toEqual(["app", "30", "%"]);
    const bars = channel.locator(".bins tbody tr").first().locator("td.pair");
    const [before, now] = [await bars.locator("u").boundingBox(), await bars.locator("i").boundingBox()];
    expect((before?.width ?? 0) / (now?.width ?? 1)).toBeCloseTo(30 / 56.7, 1);
    const slices = await channel.locator(".parts tbody th").allInnerTexts();
    expect(slices.sort()).toEqual(["all rows", "country = AT", "country = DE", "country = FR"]);
    expect(await channel.locator("h3").allInnerTexts()).toContain("Where it moved");
    await page.getByText("3 columns quiet").click();
    expect(await page.getByText("amount does not drift").isVisible()).toBe(true);
    await page.close();
  }, 60_000);

  it("shows since when a column moves, over windows from old to new", async () => {
    const { page } = await open("windows");
    const channel = page.locator(".column", { hasText: "channel in 2024-07" });
    expect(await channel.locator(".since").textContent()).toBe("since 2024-06");
    expect(await channel.locator(".spark .moves").count()).toBe(1);
    const chart = channel.locator("svg.past");
    expect(await chart.locator("text").allTextContents()).toEqual(
      expect.arrayContaining(["2024-02", "2024-04", "2024-07"]),
    );
    expect(await chart.locator("path.moves").count()).toBe(2);
    expect(await chart.locator("circle.still").count()).toBe(4);
    expect((await channel.locator(".parts tbody th").allInnerTexts())[0]).toBe("2024-07");
    await page.close();
  }, 60_000);

  it("shows a monitor's alerts in red above all, each column over versions, and the model", async () => {
    const { page } = await open("monitor");
    const alerts = page.locator(".alerts");
    expect(await alerts.locator("li").allTextContents()).toEqual([
      "● warning at v11, since v10 (acknowledged): channel moved in 2 of 3 versions.",
    ]);
    const red = "getComputedStyle(document.querySelector('.alerts h2')).color";
    expect(await page.evaluate(red)).toBe("rgb(184, 49, 31)");
    expect(await page.locator("h2").allTextContents()).toEqual([
      "1 alert firing",
      "What moved",
      "The model",
      "How this was decided",
    ]);
    const channel = page.locator(".column", { hasText: "channel moved" });
    expect(await channel.locator(".since").textContent()).toBe("since v10");
    expect(await channel.locator("svg.past text").allTextContents()).toEqual(
      expect.arrayContaining(["v7", "v8", "v9", "v10", "v11", "v12"]),
    );
    expect(await channel.locator("svg.past .fires").count()).toBe(1);
    expect(await channel.locator("svg.past path.moves").count()).toBe(3);
    expect(await channel.locator("svg.past .release title").allTextContents()).toEqual([
      "model-7 (v9)",
      expect.stringContaining("\\u001b[31mred"),
    ]);
    expect(await channel.locator("p.key").textContent()).toMatch(/^◇ made of the table: .*, model-7 \(v9\)$/);
    const auc = page.locator(".metric", { hasText: "roc_auc" });
    expect(await auc.locator("circle.known").count()).toBe(4);
    expect(await auc.locator("path.realised").getAttribute("d")).toMatch(/^M[^M]*$/);
    expect(await auc.getByText("The estimate holds as long as").isVisible()).toBe(true);
    await auc.getByText("The numbers").click();
    expect((await auc.locator("tbody tr").allTextContents())[3]).toMatch(
      /^v100\.80\.78 to 0\.82.*0\.8370 %$/,
    );
    expect(await page.getByText("No value is known yet.").isVisible()).toBe(true);
    await page.close();
  }, 60_000);

  it("shows what all columns say at once: how well the sides are told apart, by which columns, and pairs", async () => {
    const { page } = await open("together");
    const section = page.locator("section", { has: page.locator("#together") });
    expect(await section.locator(".card > p").allTextContents()).toEqual([
      expect.stringMatching(/^Magnitude \d\d %: a classifier tells the sides apart/),
      expect.stringMatching(/^Reconstruction: /),
      expect.stringMatching(/^Correlations: the largest change is /),
      expect.stringMatching(/^Mean discrepancy /),
    ]);
    const [first, second] = await section.locator(".apart tbody tr").allInnerTexts();
    expect(first).toMatch(/^(age|channel|score)\s+0\.\d{3}$/);
    const fall = (line: string | undefined) => Number(line?.split(/\s+/).at(-1));
    expect(fall(first)).toBeGreaterThan(fall(second));
    const bars = section.locator(".apart td.pair i");
    const [one, two] = [await bars.nth(0).boundingBox(), await bars.nth(1).boundingBox()];
    expect((two?.width ?? 0) / (one?.width ?? 1)).toBeCloseTo(fall(second) / fall(first), 1);
    expect(await section.locator(".pairs tbody tr").count()).toBe(6);
    await page.close();
  }, 60_000);

  it("breaks the names of ranges between numbers only, on a phone", async () => {
    const { page } = await open("moved", 390);
    await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
    expect(await page.evaluate(`(${brokenRanges})()`)).toEqual([]);
    await page.close();
  }, 60_000);

  it("says that nothing moved, or that the rows were too few, in words", async () => {
    const quiet = await open("quiet");
    expect(await quiet.page.locator("h1").textContent()).toContain("no drift");
    expect(await quiet.page.getByText("No column moved.").isVisible()).toBe(true);
    const few = await open("few");
    expect(await few.page.locator(".verdict").textContent()).toContain("Too few rows to compare.");
    await few.page.getByText("with too few rows").click();
    expect(
      await few.page.getByText(/has too few rows \(10 rows and 10 rows\); 37 on each side/).count(),
    ).toBe(8);
    for (const { page } of [quiet, few]) await page.close();
  }, 60_000);

  it("prints without the marks of folding, on white", async () => {
    const { page } = await open("moved", 800, "dark");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    expect(await page.evaluate("getComputedStyle(document.querySelector('.said')).color")).toBe(
      "rgb(0, 0, 0)",
    );
    await page.close();
  }, 60_000);
});

/** Texts whose contrast with what is behind them is below 4.5 (WCAG AA). */
const weakTexts = `() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || element.closest("title, svg") || element.getClientRects().length === 0) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) weak.push(element.className + ": " + element.textContent.slice(0, 40) + " " + contrast.toFixed(2));
  }
  return weak;
}`;

/** Names of ranges of which a word stands on more than one line. */
const brokenRanges = `() => {
  const broken = [];
  for (const { firstChild: text } of document.querySelectorAll(".bins th.range"))
    for (const { 0: word, index } of text.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) broken.push(text.data);
    }
  return broken;
}`;
