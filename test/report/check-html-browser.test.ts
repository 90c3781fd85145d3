import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHtml } from "../../src/report/check-html.ts";
import { sampleReport } from "./sample-report.ts";

const executablePath = process.env["VARVE_CHROMIUM"] ?? "/usr/bin/chromium";
const found = existsSync(executablePath);
if (!found && process.env["CI"] === undefined) console.log(`skipped: no Chromium at ${executablePath} (name it in VARVE_CHROMIUM)`);

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe.skipIf(!found && process.env["CI"] === undefined)("the report page in a browser", () => {
  let browser: Browser;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "varve-report-"));
    const file = join(folder, "report.html");
    writeFileSync(file, checkHtml(sampleReport));
    url = pathToFileURL(file).href;
    browser = await chromium.launch({ executablePath, args });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(width: number, height: number): Promise<{ readonly page: Page; readonly problems: string[] }> {
    const page = await browser.newPage({ viewport: { width, height } });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => request.url() !== url && problems.push(`asked for ${request.url()}`));
    await page.goto(url);
    return { page, problems };
  }

  it.each([
    ["desktop", 1280, 900],
    ["phone", 375, 720],
  ])(
    "fits a %s: nothing overflows sideways, nothing is loaded, no markup of the data is run",
    async (name, width, height) => {
      const { page, problems } = await open(width, height);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(await page.title()).toBe("flights <2001>: rejected");
      expect(await page.locator("tbody tr").first().isVisible()).toBe(true);
      if (process.env["VARVE_SCREENSHOTS"] !== undefined)
        await page.screenshot({ path: join(process.env["VARVE_SCREENSHOTS"], `report-${name}.png`), fullPage: true });
      expect(problems).toEqual([]);
      await page.close();
    },
    60_000,
  );

  it("filters the checks by a click, and opens the failing ones by itself", async () => {
    const { page, problems } = await open(1000, 800);
    const shown = () => page.locator(".check:visible").count();
    expect(await shown()).toBe(4);
    expect(await page.locator("details[open]").count()).toBe(3);
    await page.getByRole("button", { name: "Passed 1" }).click();
    expect(await shown()).toBe(1);
    expect(await page.getByRole("button", { name: "Passed 1" }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "Failed 3" }).click();
    expect(await shown()).toBe(3);
    await page.getByText("delay must be between -120 and 1800").click();
    expect(await page.getByText("-1116").isVisible()).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  }, 60_000);
});
