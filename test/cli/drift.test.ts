import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-cli-drift-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [table, quiet, moved] = [join(folder, "orders"), join(folder, "quiet.csv"), join(folder, "moved.csv")];

/** 400 rows, whose amounts are `factor` times as large. */
function rows(factor: number): { readonly amount: number; readonly country: string }[] {
  return Array.from({ length: 400 }, (_, index) => ({
    amount: ((index * 37) % 101) * factor + 0.5,
    country: ["DE", "FR"][index % 2] ?? "",
  }));
}

beforeAll(async () => {
  const csv = (factor: number) =>
    `amount,country\n${rows(factor)
      .map(({ amount, country }) => `${amount},${country}\n`)
      .join("")}`;
  writeFileSync(quiet, csv(1));
  writeFileSync(moved, csv(2));
  await using made = await createTable(table, { source: rows(1) });
  await made.overwrite(rows(2));
});

describe("varve drift", () => {
  it("says what moved between two versions, with exit code 4", async () => {
    const { stdout, stderr, code } = await varve("drift", `${table}@v0`, table);
    expect({ stderr, code }).toEqual({ stderr: "", code: 4 });
    expect(stdout).toBe(
      `${table}@v0 (400 rows) against ${table}@v1 (400 rows)\nDRIFT: 1 in 2 comparisons\n\n  DRIFT   amount is higher: median 50.5 → 101 (effect 0.54, large; 49.2 % of the rows moved; p < 0.001).\n  quiet   country 0.00\n`,
    );
  });

  it("ends with exit code 0 where nothing moved, also between a table and a file", async () => {
    expect(await varve("drift", `${table}@v0`, quiet)).toMatchObject({ code: 0, stderr: "" });
    const exempt = await varve("drift", quiet, moved, "--threshold", "0.1", "--threshold", "amount=0.9");
    expect(exempt).toMatchObject({ code: 0 });
    expect(await varve("drift", quiet, moved, "--exclude", "amount")).toMatchObject({ code: 0 });
  });

  it("names each column once where one is unknown, and the nearest", async () => {
    const named =
      "Unknown column amuont. Did you mean amount? The columns are: amount, country. [COLUMN_NOT_FOUND]";
    for (const flags of [
      ["--columns", "amuont"],
      ["--threshold", "amuont=0.2"],
    ])
      expect(await varve("drift", quiet, moved, ...flags)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(named),
      });
  });

  it("prints JSON and JUnit XML", async () => {
    const json = await varve("drift", quiet, moved, "--format", "json", "--slice", "german=country = 'DE'");
    expect(json.code).toBe(4);
    const report = JSON.parse(json.stdout);
    expect(report).toMatchObject({ verdict: "drift", counts: { tested: 4, drifted: 2 } });
    expect(report.columns[0]).toMatchObject({ column: "amount", direction: "higher", reason: null });
    const file = join(folder, "report.json");
    expect(await varve("drift", quiet, moved, "--json", "--output", file)).toMatchObject({
      code: 4,
      stdout: "",
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ counts: { tested: 2, drifted: 1 } });
    const output = join(folder, "drift.xml");
    expect(await varve("drift", quiet, moved, "--output", output)).toMatchObject({ code: 4, stdout: "" });
    expect(readFileSync(output, "utf8")).toContain('<failure type="drift" message="amount is higher');
  });

  it("writes a page, which names the command that makes it again", async () => {
    const output = join(folder, "drift.html");
    expect(await varve("drift", quiet, moved, "-o", output)).toMatchObject({
      code: 4,
      stdout: "",
      stderr: "",
    });
    const page = readFileSync(output, "utf8");
    expect(page).toContain("<title>moved.csv against quiet.csv: ▲ drift</title>");
    expect(page).toContain(`varve drift ${quiet} ${moved}`);
    const { stdout, code } = await varve("drift", `${table}@v0`, table, "--format", "html");
    expect({ code, start: stdout.slice(0, 15) }).toEqual({ code: 4, start: "<!doctype html>" });
  });

  it("counts a baseline once, and compares with its bins", async () => {
    const bins = join(folder, "quiet.JSON");
    expect(await varve("drift", quiet, "--bins", "--output", bins)).toMatchObject({ code: 0, stdout: "" });
    expect(JSON.parse(readFileSync(bins, "utf8"))).toMatchObject({ format: 1, rows: 400 });
    const [stored, own] = [await varve("drift", bins, moved), await varve("drift", quiet, moved)];
    expect(stored).toEqual({ ...own, stdout: own.stdout.replace(quiet, bins) });
    expect(await varve("drift", bins, quiet)).toMatchObject({ code: 0 });
    const page = await varve("drift", bins, moved, "--format", "html");
    expect(page).toMatchObject({ code: 4, stdout: expect.stringContaining("400 rows") });
    const sql = await varve("drift", bins, "lake.orders", "--sql", "spark");
    expect(sql).toEqual(await varve("drift", quiet, "lake.orders", "--sql", "spark"));
    const refused = await varve("drift", bins, moved, "--by", "country");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("[ROWS_NEEDED]") });
    expect(refused.stderr).toContain("Leave out --by,");
    for (const option of ["--columns", "--exclude", "--where"]) {
      const chosen = await varve("drift", bins, "lake.orders", "--sql", "spark", option, "amount");
      expect(chosen).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(option) });
    }
    for (const door of [["--bins"], ["lake.orders", "--sql", "spark"]]) {
      const idle = await varve("drift", quiet, ...door, "--min-rows", "50");
      expect(idle).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--min-rows") });
    }
    const swapped = await varve("drift", quiet, bins);
    expect(swapped).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("no rows") });
    writeFileSync(bins, `\uFEFF${readFileSync(bins, "utf8")}`);
    expect(await varve("drift", bins, moved)).toEqual(stored);
    writeFileSync(bins, readFileSync(bins, "utf8").slice(1));
    const changed = { ...JSON.parse(readFileSync(bins, "utf8")), rows: 7 };
    writeFileSync(bins, JSON.stringify(changed));
    expect(await varve("drift", bins, moved)).toMatchObject({ code: 2, stdout: "" });
    writeFileSync(bins, `{"format":1,"rows":2,"columns":3}\n`.repeat(2));
    expect((await varve("drift", bins, bins)).stdout).toContain("(2 rows)");
  });

  it("says in one line that a folder by the name of a stored baseline is no baseline", async () => {
    const place = mkdtempSync(join(folder, "folder-"));
    renameSync(place, `${place}.json`);
    const { code, stderr } = await varve("drift", `${place}.json`, moved);
    expect({ code, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 1, lines: 1 });
    expect(stderr).toContain("[SOURCE_UNREADABLE]");
  });

  it.each([
    [["--threshold", "much"], 2],
    [["--threshold", "2"], 2],
    [["--threshold", "amuont=0.2"], 1],
    [["--window", "amount"], 2],
    [["--slice", "german"], 2],
    [["--correction", "fdr"], 2],
    [["--window", "amount:P1M"], 2],
    [["--columns", "amuont"], 1],
  ])("refuses %j with exit code %i", async (flags, code) => {
    expect(await varve("drift", quiet, moved, ...flags)).toMatchObject({ code, stdout: "" });
  });

  it.each([[[quiet]], [[quiet, moved, "--bins"]], [[quiet, "--bins", "--sql", "spark"]]])(
    "refuses %j: one side is counted, and two are compared",
    async (parameters) => {
      const { stdout, stderr, code } = await varve("drift", ...parameters);
      expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
      expect(stderr).toMatch(/--bins/);
    },
  );
});
