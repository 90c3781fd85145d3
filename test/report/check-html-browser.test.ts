import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkHtml } from "../../src/report/check-html.ts";
import { checkJunit } from "../../src/report/check-junit.ts";
import { hostileReport, sampleReport } from "./sample-report.ts";

const executablePath = process.env["VARVE_CHROMIUM"] ?? "/usr/bin/chromium";
const found = existsSync(executablePath);
if (!found && process.env["CI"] === undefined)
  console.log(`skipped: no Chromium at ${executablePath} (name it in VARVE_CHROMIUM)`);

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
  const pages: Record<string, string> = {};

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "varve-report-"));
    const nothing = {
      ...sampleReport,
      accepted: true,
      reasons: [],
      rows: 0,
      clean: 0,
      quarantined: 0,
      checks: [],
      metrics: [],
      history: [],
    };
    for (const [name, report] of Object.entries({ sample: sampleReport, hostile: hostileReport, nothing })) {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, checkHtml(report));
      pages[name] = pathToFileURL(file).href;
    }
    url = pages["sample"] ?? "";
    browser = await chromium.launch({ executablePath, args });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    width: number,
    height: number,
    address = url,
    colorScheme: "light" | "dark" = "light",
  ): Promise<{ readonly page: Page; readonly problems: string[] }> {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => request.url() !== address && problems.push(`asked for ${request.url()}`));
    await page.goto(address);
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
        await page.screenshot({
          path: join(process.env["VARVE_SCREENSHOTS"], `report-${name}.png`),
          fullPage: true,
        });
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

  it.each([
    ["hostile", 1280, "light"],
    ["hostile", 375, "dark"],
    ["nothing", 375, "light"],
  ] as const)(
    "stands the %s report at a width of %i in the %s: no overflow, no script, no element of the data's making",
    async (name, width, scheme) => {
      const { page, problems } = await open(width, 800, pages[name], scheme);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(await page.title()).not.toBe("hacked");
      expect(await page.locator("script").count()).toBe(1);
      if (name === "nothing") expect(await page.getByText("The suite has no checks").isVisible()).toBe(true);
      if (process.env["VARVE_SCREENSHOTS"] !== undefined)
        await page.screenshot({
          path: join(process.env["VARVE_SCREENSHOTS"], `report-${name}-${width}.png`),
          fullPage: true,
        });
      expect(problems).toEqual([]);
      await page.close();
    },
    60_000,
  );

  it("is worked by the keyboard alone, and everything that takes the focus has a name", async () => {
    const { page, problems } = await open(1000, 800);
    const names: string[] = [];
    for (let times = 0; times < 7; times++) {
      await page.keyboard.press("Tab");
      names.push(
        String(
          await page.evaluate(
            "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText",
          ),
        ),
      );
    }
    expect(names.slice(0, 3)).toEqual(["All 4", "Failed 3", "Passed 1"]);
    expect(names[3]).toContain("delay must be between -120 and 1800");
    expect(names[4]).toBe("Failing rows: delay must be between -120 and 1800");
    expect(names.every((name) => name.trim() !== "")).toBe(true);
    const first = page.locator("details").first();
    expect(await first.getAttribute("open")).not.toBeNull();
    await first.locator("summary").focus();
    await page.keyboard.press("Enter");
    expect(await first.getAttribute("open")).toBeNull();
    await page.emulateMedia({ media: "print" });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await first.getAttribute("open")).not.toBeNull();
    expect(await page.locator(".filter").isVisible()).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  }, 60_000);

  it("reads the JUnit report of hostile data as XML, with the same counts", async () => {
    const { page } = await open(800, 600);
    const read = `(xml) => {
      const read = new DOMParser().parseFromString(xml, "application/xml");
      const count = (name) => read.getElementsByTagName(name).length;
      return { broken: count("parsererror"), suites: count("testsuite"), cases: count("testcase"), failures: count("failure"), script: count("script") };
    }`;
    expect(await page.evaluate(`(${read})(${JSON.stringify(checkJunit(hostileReport))})`)).toEqual({
      broken: 0,
      suites: 1,
      cases: 1,
      failures: 1,
      script: 0,
    });
    await page.close();
  }, 60_000);
});
