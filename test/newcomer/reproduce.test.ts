import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, shell } from "./walk.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const [, page = ""] = /^## Reproduce a prediction\n([\s\S]*?)^## /m.exec(readme) ?? [];

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...page.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(
  ([, language = "", text = ""]) => ({ language, text }),
);

/** What may differ between two runs: folders, times and ids of runs. */
function comparable(text: string, folder: string): string {
  return text
    .replaceAll(folder, "/home/ann")
    .replaceAll(/\d{4}-\d{2}-\d{2}T[0-9:.]+Z/g, "2026-01-01T00:00:00.000Z")
    .replaceAll(/\brun [0-9a-f-]{36}\b/g, "run 01a22501-9c16-7411-aab4-f5b603ec32b4");
}

describe("the README's page “Reproduce a prediction”, followed word for word in an empty folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-reproduce-"));
  const printed: string[] = [];
  const errors: string[] = [];
  let milliseconds = 0;

  beforeAll(() => {
    install(folder);
    const start = performance.now();
    for (const { language, text } of blocks) {
      const [, file] = /^\/\/ (\S+\.mjs)\n/.exec(text) ?? [];
      if (file !== undefined) writeFileSync(join(folder, file), text);
      // What is installed here is the package under test.
      if (language !== "sh" || text.startsWith("npm install")) continue;
      const { status, stdout, stderr } = shell(folder, `set -e\n${text}`);
      printed.push(stdout);
      errors.push(stderr);
      expect(`${stderr}${stdout}\n${status}`).toMatch(/\n0$/);
    }
    milliseconds = performance.now() - start;
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has commands and programs, and they take less than five minutes", () => {
    expect(blocks.filter(({ language }) => language === "sh").length).toBeGreaterThan(4);
    expect(blocks.filter(({ language }) => language === "js").length).toBeGreaterThan(2);
    expect(milliseconds).toBeLessThan(300_000);
  });

  it("loses the version that the prediction was made from", () => {
    expect(printed.join("\n")).toContain("version 0 is gone");
    expect(errors.join("\n")).toContain("[DATA_FILE_MISSING]");
  });

  it("reproduces the prediction, and prints what the page shows", () => {
    const shown = blocks.find(({ language }) => language === "text")?.text ?? "";
    const output = printed.find((text) => text.includes("the model says the same")) ?? "";
    expect(output.slice(output.indexOf("prediction july-4"))).not.toBe("");
    expect(comparable(output.slice(output.indexOf("prediction july-4")), folder)).toBe(shown);
  });

  it("does so from a program, too", () => {
    expect(printed.at(-1)).toMatch(/^model-1 \[[\s\S]*\{ temp_max: [\d.]+ \} true\n$/);
  });
});
