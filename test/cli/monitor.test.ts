import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";
import { varve } from "../support/cli.ts";
import { varveHere } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-"));
const table = join(folder, "orders");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    id: n,
    amount: from + ((n * 37) % 101),
    place: ["a", "b"][n % 2],
  }));

beforeAll(async () => {
  await using made = await createTable(table, { source: rows(0, 900) });
  await made.append(rows(0, 400));
  await made.append(rows(70, 400));
});

describe("varve monitor", () => {
  it("is created, runs with exit code 4 for drift, and shows what it found", async () => {
    expect(await varve("monitor", "create", table, "m", "--baseline", "v0", "--exclude", "id")).toMatchObject(
      {
        code: 0,
        stdout: expect.stringContaining("from version 3 on"),
      },
    );
    const run = await varve("monitor", "run", table, "m");
    expect(run.code).toBe(4);
    expect(run.stdout).toContain("amount");
    expect((await varve("monitor", "run", table, "m", "--version", "v1")).code).toBe(0);
    const shown = await varve("monitor", "show", table, "m", "--format", "json");
    expect(JSON.parse(shown.stdout)).toMatchObject([
      { version: 1, verdict: "none", rows: 400 },
      { version: 2, verdict: "drift", drifted: 1 },
    ]);
    const one = await varve("monitor", "show", table, "m", "--version", "2", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({
      monitor: "m",
      columns: [{ column: "amount", verdict: "drift" }, {}, {}],
    });
    expect((await varve("pin", "add", table, "model-7", "--version", "1")).code).toBe(0);
    const page = join(folder, "page.html");
    expect(await varve("monitor", "show", table, "m", "--html", page)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(page, "utf8")).toMatch(/amount is higher.*since v2.*release model-7 \(v1\)/s);
    const filled = await varve("monitor", "backfill", table, "m");
    expect([filled.code, filled.stdout]).toEqual([
      4,
      "1 version compared, 2 known, 1 without rows\ndrift in v2\n",
    ]);
  });

  it("takes a monitor from a file, and names the path of a mistake in it", async () => {
    const file = join(folder, "monitor.json");
    writeFileSync(file, JSON.stringify({ name: "f", baseline: "previous", scop: "table" }));
    const refused = await varve("monitor", "run", table, "--file", file);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('scop is an unknown field. Did you mean "scope"?');
    writeFileSync(file, JSON.stringify({ name: "f", baseline: "previous" }));
    const run = await varve("monitor", "run", table, "--file", file, "--json");
    expect([run.code, JSON.parse(run.stdout)]).toMatchObject([4, { report: { baseline: { version: 1 } } }]);
  });

  it("is created with alerts by options, which name the nearest rule", async () => {
    const create = ["monitor", "create", table, "alerting", "--baseline", "v0"];
    expect(await varve(...create, "--alert", "drfit")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Did you mean "drift"?'),
    });
    const flags = ["--threshold", "0.2", "--alert", "drift,broken", "--notify-file", "sent.jsonl"];
    expect((await varve(...create, ...flags)).code).toBe(0);
    const { stdout } = await varve("monitor", "list", table, "--json");
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({
        definition: {
          name: "alerting",
          baseline: { version: 0 },
          thresholds: { effect: 0.2 },
          alerts: [{ when: "drift" }, { when: "broken" }],
          notify: [{ file: "sent.jsonl" }],
        },
      }),
    );
    const run = await varve("monitor", "run", table, "alerting", "--version", "v2");
    expect([run.code, run.stdout]).toEqual([
      4,
      expect.stringMatching(/\n2 alerts firing: see varve monitor alerts .*orders\n$/),
    ]);
  });

  it("run, backfill and alerts end with exit code 4 while an alert of the model is unattended", async () => {
    const scored = join(folder, "scored");
    const predictions = (count: number, isGood: boolean) =>
      Array.from({ length: count }, (_, n) => {
        const score = ((n * 37) % 101) / 101;
        return { score, bad: isGood ? score > 0.5 : score < 0.5 };
      });
    await using made = await createTable(scored, { source: predictions(606, true) });
    await made.append(predictions(606, false));
    await made.monitors.create({
      name: "model",
      baseline: { version: 0 },
      columns: { include: ["score"] },
      performance: { problem: "binary", target: "bad", score: "score", metrics: ["roc_auc"] },
      alerts: [{ when: "performance", metric: "roc_auc", drop: 0.1 }],
    });
    const codes = async () => {
      const run = await varveHere("monitor", "run", scored, "model", "--json");
      expect(JSON.parse(run.stdout)).toMatchObject({ report: { verdict: "none" } });
      const { code: backfill } = await varveHere("monitor", "backfill", scored, "model");
      const { code: alerts } = await varveHere("monitor", "alerts", scored, "--monitor", "model");
      return { run: run.code, backfill, alerts };
    };
    expect(await codes()).toEqual({ run: 4, backfill: 4, alerts: 4 });
    const silence = ["monitor", "acknowledge", scored, "model", "--column", "roc_auc"];
    expect((await varveHere(...silence, "--reason", "retraining")).code).toBe(0);
    expect(await codes()).toEqual({ run: 0, backfill: 0, alerts: 0 });
  });

  it("says why there is no result of a version", async () => {
    expect(await varve("monitor", "show", table, "m", "--version", "v99")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("The newest version is"),
    });
    expect(await varve("monitor", "show", table, "m", "--version", "v3")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("brought no rows has no result"),
    });
  });

  it("refuses options that do not go together, and words that are no baseline", async () => {
    for (const words of [
      ["x"],
      ["x", "--baseline", "yesterday"],
      ["x", "--file", "a.json"],
      ["--file", "a.json", "--on-commit"],
      [],
    ])
      expect((await varve("monitor", "create", table, ...words)).code).toBe(2);
    expect(await varve("monitor", "run", table, "mm")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Did you mean m?"),
    });
  });
});
