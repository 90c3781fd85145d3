import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readmePage } from "./readme-page.ts";
import { install, shell } from "./walk.ts";

const blocks = readmePage("Watch your data and your model");

describe("the README's page “Watch your data and your model”, followed word for word in an empty folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-watch-"));
  let printed = "";
  let milliseconds = 0;

  beforeAll(() => {
    install(folder);
    const start = performance.now();
    for (const { language, file, text } of blocks) {
      if (file !== undefined) writeFileSync(join(folder, file), text);
      if (language !== "sh") continue;
      const { status, stdout, stderr } = shell(folder, `set -e\n${text}`);
      printed += stdout;
      expect(`${stderr}${stdout}\n${status}`).toMatch(/\n0$/);
    }
    milliseconds = performance.now() - start;
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("takes less than five minutes", () => {
    expect(milliseconds).toBeLessThan(300_000);
  });

  it("prints what the page shows, block by block", () => {
    const shown = blocks.filter(({ language }) => language === "text");
    expect(shown.length).toBe(3);
    for (const { text } of shown) expect(printed).toContain(text);
  });

  it("ends with pages of both comparisons, and the verdict of each version", () => {
    expect(printed.trimEnd().split("\n").at(-1)).toBe("v0 none, v1 none, v3 none, v4 drift");
    expect(readFileSync(join(folder, "drift.html"), "utf8")).toContain("2015.csv against 2012.csv: ▲ drift");
    const page = readFileSync(join(folder, "inputs.html"), "utf8");
    expect(page).toContain("since v4");
    expect(page).toMatch(/v3 [^,]* quiet, v4 1\.00 drift/);
  });
});
