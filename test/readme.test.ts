import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { varve } from "./support/cli.ts";

const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const built = pathToFileURL(fileURLToPath(new URL("../dist/index.js", import.meta.url))).href;
const folder = mkdtempSync(join(tmpdir(), "varve-test-readme-"));

/** The first block of a language in the README. */
function block(language: string, containing: string): string {
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))].map(
    (match) => match[1] ?? "",
  );
  const found = blocks.find((one) => one.includes(containing));
  if (found === undefined) throw new Error(`README.md has no ${language} block with ${containing}`);
  return found;
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("README", () => {
  it("the library's tour runs as it stands", () => {
    writeFileSync(
      join(folder, "june.csv"),
      "id,customer,amount,placed\n2,acme,250.00,2024-06-02T10:00:00Z\n3,zenith,-1.00,2024-06-03T10:00:00Z\n",
    );
    const script = join(folder, "tour.mjs");
    writeFileSync(script, block("ts", "createTable").replace('from "varve"', `from "${built}"`));
    const run = spawnSync(process.execPath, [script], { cwd: folder, encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.stdout).toContain("{ id: 2n }");
    expect(run.stdout).toMatch(/2 WRITE 1 \{/);
  });

  it("names no method that the library does not export", () => {
    const report = readFileSync(new URL("../spec/varve.api.md", import.meta.url), "utf8");
    const rows = text.split("\n").map((line) => line.split("|"));
    const start = rows.findIndex((cells) => cells[2]?.trim() === "method");
    const end = rows.findIndex((cells, index) => index > start && cells.length === 1);
    const methods = rows
      .slice(start + 2, end)
      .flatMap((cells) => [...(cells[2] ?? "").matchAll(/`(?:\w+\.)?(\w+)`/g)].map(([, name]) => name));
    expect(methods).toContain("pointInTime");
    expect(methods.filter((name) => !new RegExp(`\\b${name}\\b`).test(report))).toEqual([]);
  });

  it("the command line's tour runs as it stands", async () => {
    writeFileSync(join(folder, "may.csv"), "id,customer,amount\n1,acme,10.00\n");
    writeFileSync(join(folder, "june2.csv"), "id,customer,amount\n2,zenith,20.00\n3,zenith,-1.00\n");
    writeFileSync(
      join(folder, "suite.json"),
      JSON.stringify({
        checks: [
          {
            kind: "expect_column_values_to_be_between",
            params: { column: "amount", min_value: 0 },
            onFail: "quarantine",
          },
        ],
      }),
    );
    const at = (name: string): string => join(folder, name);
    const names: Readonly<Record<string, string>> = { "may.parquet": "may.csv", "june.csv": "june2.csv" };
    const lines = block("sh", "varve create ./orders")
      .split("\n")
      .filter((line) => line.startsWith("varve "));
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      const plain = line.replace(/\s+#.*$/, "").replace(/ > \S+$/, "");
      const words = [...plain.matchAll(/"([^"]*)"|(\S+)/g)]
        .map((match) => match[1] ?? match[2] ?? "")
        .slice(1);
      const args = words.map((word) =>
        word
          .replace(/^(.*=)?\.\/orders/, (_, name: string | undefined) => `${name ?? ""}${at("cli-orders")}`)
          .replace(/^[\w-]+\.(parquet|csv|json)$/, (file) => at(names[file] ?? file)),
      );
      const run = await varve(...args);
      expect(`${line}: ${run.stderr}${run.code}`).toBe(
        line.startsWith("varve fsck") ? `${line}: ${run.stderr}0` : `${line}: 0`,
      );
    }
  });
});
