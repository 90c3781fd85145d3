import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-model-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  const rows = Array.from(
    { length: 100 },
    (_, id) => `${id},${(id % 10) / 10},${id % 10 > 4 === (id % 7 !== 0)},${id % 2 ? "DE" : "FR"}`,
  );
  writeFileSync(join(folder, "scored.csv"), `id,risk,late,country\n${rows.join("\n")}\n`);
});

describe("varve model estimate", () => {
  it("says what is expected in words where only one side has a limit, and which side lacks a column", async () => {
    const lines = Array.from(
      { length: 400 },
      (_, id) => `${id},${(id % 10) / 10},${id % 10 > id % 7},${id % 40}`,
    );
    const known = join(folder, "known.csv");
    writeFileSync(known, `id,risk,late,part\n${lines.join("\n")}\n`);
    const estimate = (...flags: string[]) =>
      varve("model", "estimate", known, "--score", "risk", "--target", "late", ...flags);
    const { code, stdout } = await estimate("--baseline", known, "--window", "part");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^9 +10 +accuracy .* at least 0\.\d+$/m);
    expect(stdout).toMatch(/^9 +10 +brier .* at most 0\.\d+$/m);
    const unlabelled = join(folder, "unlabelled.csv");
    writeFileSync(unlabelled, "id,risk\n1,0.5\n");
    expect(await estimate("--baseline", unlabelled)).toMatchObject({
      stderr: expect.stringContaining("Unknown column late. The baseline has: id, risk."),
    });
  });
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

describe("varve model compare", () => {
  const compare = (champion: string, challenger: string, ...more: string[]) => {
    const models = ["--champion-prediction", champion, "--challenger-prediction", challenger];
    const columns = ["--problem", "binary", "--target", "late", "--on", "id"];
    return varve("model", "compare", join(folder, "models.csv"), ...columns, ...models, ...more);
  };

  beforeAll(() => {
    const rows = Array.from(
      { length: 200 },
      (_, id) => `${id},${id % 2},${id % 10 < 4 ? 1 - (id % 2) : id % 2},${id % 2},${id < 3 ? 1 : id % 2}`,
    );
    writeFileSync(join(folder, "models.csv"), `id,late,poor,good,near\n${rows.join("\n")}\n`);
  });

  it("promotes a better model, with every rule", async () => {
    const { code, stdout } = await compare("poor", "good");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Promote challenger: accuracy: gain 0\.4 \[0\.3\d*, 0\.4\d*\], surely not worse/);
    expect(stdout).toMatch(/accuracy +0\.6 +1 +0\.4 +0\.3\d* to 0\.4\d* +mcnemar +< 0\.001/);
    expect(stdout).toMatch(/dummy +pass +accuracy: 1, better than a constant prediction \(0\.5\)/);
  });

  it("exits with 4 where the champion stays or nothing is decided", async () => {
    expect(await compare("good", "poor")).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/^Keep champion/),
    });
    const undecided = await compare("good", "near", "--format", "json");
    expect(undecided.code).toBe(4);
    expect(JSON.parse(undecided.stdout)).toMatchObject({
      verdict: "undecided",
      metrics: [{ test: { p: 0.5 } }],
    });
  });

  it("allows a drop by metric", async () => {
    const { code } = await compare("good", "near", "--max-drop", "accuracy=0.05", "--min-gain", "-0.05");
    expect(code).toBe(0);
  });

  it("renders JUnit with a case for each rule and the verdict", async () => {
    const { stdout } = await compare("good", "poor", "--format", "junit");
    expect(stdout).toContain(
      '<testsuite name="challenger against champion" tests="4" failures="3" errors="0" skipped="0">',
    );
    expect(stdout).toContain('<failure type="keep" message="not promoted"/>');
  });

  it("records the comparison where --runs says, and not with --no-record", async () => {
    const runs = join(folder, "compared");
    const { stdout } = await compare("poor", "good", "--runs", runs, "--run-id", "gate-1");
    expect(stdout).toContain("recorded as run gate-1 in ");
    const shown = await varve("runs", "show", runs, "gate-1", "--json");
    expect(JSON.parse(shown.stdout)).toMatchObject({
      name: "compare-models",
      metrics: { verdict: "promote" },
    });
    expect((await compare("poor", "good", "--runs", runs, "--no-record")).stdout).not.toContain("recorded");
  });
});
