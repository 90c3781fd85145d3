import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-model-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  const rows = Array.from(
    { length: 100 },
    (_, id) => `${id},${(id % 10) / 10},${id % 10 > 4 === (id % 7 !== 0)},${id % 2 ? "DE" : "FR"}`,
  );
  writeFileSync(join(folder, "scored.csv"), `id,risk,late,country\n${rows.join("\n")}\n`);
});

describe("varve model evaluate", () => {
  it("prints metrics with intervals, slices and what a constant reaches", async () => {
    const file = join(folder, "scored.csv");
    const result = await varve(
      "model",
      "evaluate",
      file,
      "--problem",
      "binary",
      "--score",
      "risk",
      "--target",
      "late",
      "--by",
      "country",
    );
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toMatch(/^On 100 rows: roc_auc 0\.\d+ \[/);
    expect(result.stdout).toMatch(/roc_auc +0\.\d+ +0\.\d+ to 0\.\d+ +0\.5/);
    expect(result.stdout).toContain("country DE: On 50 rows");
  });

  it("prints everything as JSON", async () => {
    const file = join(folder, "scored.csv");
    const { stdout } = await varve(
      "model",
      "evaluate",
      file,
      "--problem",
      "binary",
      "--score",
      "risk",
      "--target",
      "late",
      "--window",
      "25",
      "--value",
      "0,-1,-2,3",
      "--format",
      "json",
    );
    const evaluation = JSON.parse(stdout);
    expect(evaluation).toMatchObject({ problem: "binary", rows: 100, positive: true });
    expect(evaluation.windows).toHaveLength(4);
    expect(evaluation.metrics.business_value.value).toEqual(expect.any(Number));
  });

  it("refuses what is not complete as a usage error", async () => {
    const file = join(folder, "scored.csv");
    expect(await varve("model", "evaluate", file, "--problem", "binary", "--target", "late")).toMatchObject({
      code: 2,
    });
    expect(
      await varve(
        "model",
        "evaluate",
        file,
        "--problem",
        "binary",
        "--target",
        "late",
        "--score",
        "risk",
        "--value",
        "1,2",
      ),
    ).toMatchObject({ code: 2 });
  });
});
