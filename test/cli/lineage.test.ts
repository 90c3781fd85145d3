import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, createTable, recordRun } from "../../src/index.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-lineage-"));
const at = (name: string) => join(folder, name);
const suite = {
  name: "orders",
  maxBadShare: 1,
  checks: [
    {
      id: "amount:positive",
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "drop",
    },
  ],
};

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,amount\n1,5\n");
  writeFileSync(at("june.csv"), "id,amount\n2,-1\n3,7\n");
  writeFileSync(at("suite.json"), JSON.stringify(suite));
  await varve("create", at("orders"), "--from", at("may.csv"));
  await varve(
    "append",
    at("orders"),
    at("june.csv"),
    "--suite",
    at("suite.json"),
    "--batch-id",
    "june",
    "-m",
    "late",
  );
  await varve(
    "pin",
    "add",
    at("orders"),
    "model-7",
    "--version",
    "1",
    "--reason",
    "trained on it",
    "--owner",
    "ada",
  );
  await recordRun({
    runId: "r1",
    name: "train",
    inputs: `${at("orders")}@v1`,
    model: { name: "lateness", version: "3" },
  });
  const ledger = await createLedger(at("ledger"));
  const inputs = { table: at("orders"), version: 1, key: { id: 3 } };
  await ledger.record([
    {
      predictionId: "p1",
      inputs,
      output: 1,
      model: { name: "lateness", version: "3" },
      at: "2024-01-01T00:00:00Z",
    },
    { predictionId: "p2", inputs, output: 1, at: "2024-02-01T00:00:00Z" },
  ]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;

describe("varve lineage", () => {
  it("draws a tree of what made a version and what came of it", async () => {
    const { code, stdout, stderr } = await varve("lineage", `${at("orders")}@v1`, "--ledger", at("ledger"));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.replace(new RegExp(time, "g"), "TIME").replaceAll(folder, "").split("\n");
    expect(lines).toEqual([
      "file:///orders@v1 (TIME)",
      "├─ made by 2 commits",
      '│  ├─ v1 TIME WRITE; batch june; 1 added; suite orders: failed amount:positive, 1 dropped; "late"',
      expect.stringMatching(/^│ {2}└─ v0 TIME CREATE TABLE/),
      "├─ judged by",
      expect.stringMatching(/^│ {2}└─ orders \([0-9a-f]{12}\): 1 commit, v1; failed: amount:positive$/),
      "├─ kept by 2 pins",
      '│  ├─ model-7; since TIME; by ada; "trained on it"',
      expect.stringMatching(/^│ {2}└─ run-r1-v1; since TIME/),
      "├─ read by 1 run",
      expect.stringMatching(/^│ {2}└─ train r1 TIME complete; read; model lateness 3(; code [0-9a-f]{12})?$/),
      "└─ predictions",
      "   └─ file:///ledger",
      "      ├─ 2 predictions from its rows, TIME to TIME",
      "      │  ├─ model lateness 3: 1",
      "      │  ├─ p2",
      "      │  └─ p1",
      "      └─ 1 prediction by models of runs that read it, TIME",
      "         ├─ model lateness 3: 1",
      "         └─ p1",
      "",
    ]);
  });

  it("without a version is that of all, and says how much it leaves out", async () => {
    const { stdout } = await varve("lineage", at("orders"), "--limit", "1", "--ledger", at("ledger"));
    expect(stdout).toMatch(/^file:\/\/\S+orders, versions 0 to 1 \(/);
    expect(stdout).toContain("read v1; model lateness 3");
    expect(stdout).toContain("model-7 of v1; since");
    expect(stdout.match(/… and \d+ more/g)).toEqual(["… and 1 more", "… and 1 more", "… and 1 more"]);
    const bare = await varve("lineage", at("orders"));
    expect(bare.stdout).toContain("└─ predictions: no ledger was named (--ledger)\n");
  });

  it("prints all of it as JSON", async () => {
    const { stdout } = await varve("lineage", `${at("orders")}@model-7`, "--ledger", at("ledger"), "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      scope: "version",
      table: { version: 1 },
      commitCount: 2,
      commits: [{ version: 1, batchId: "june" }, { version: 0 }],
      pins: [{ name: "model-7" }, { name: "run-r1-v1", run: { id: "r1" } }],
      runs: [{ runId: "r1", read: [1], wrote: [] }],
      predictions: [{ fromRows: { count: 2, first: "2024-01-01T00:00:00.000Z" } }],
    });
  });

  it("escapes what a terminal would obey, and keeps each name on its line", async () => {
    const evil = "x\u001b[2J\u202e\n└─ forged";
    const table = await createTable(at("evil"), { source: [{ id: 1 }] });
    await table.append([{ id: 2 }], { batchId: evil, userMetadata: evil });
    await table.pins.add("p", { reason: evil, owner: evil });
    await recordRun({ name: evil, inputs: table.uri, model: { name: evil } });
    const ledger = await createLedger(at("evil-ledger"));
    const inputs = { table: table.uri, version: 1, key: { id: 2 } };
    await ledger.record({ predictionId: evil, inputs, output: 1, model: { name: evil, version: evil } });
    const { code, stdout } = await varve("lineage", at("evil"), "--ledger", at("evil-ledger"));
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not arrive
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(stdout).not.toMatch(/^[ │├└─]*forged/m);
    expect(stdout.match(/forged/g)?.length).toBeGreaterThanOrEqual(7);
  });

  it("writes large numbers as people read them", async () => {
    const rows = Array.from({ length: 1_500 }, (_, id) => ({ id }));
    await createTable(at("large"), { source: rows });
    expect((await varve("lineage", at("large"))).stdout).toMatch(/; 1,500 added\n/);
  });

  it("shortens a text that is too long for a line", async () => {
    const table = await createTable(at("long"), { source: [{ id: 1 }] });
    await table.append([{ id: 2 }], { userMetadata: "😀".repeat(10_000) });
    const { stdout } = await varve("lineage", at("long"));
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThan(500);
    expect(stdout).toMatch(/😀…\n/u);
  });

  it("ends with 1 and a remedy for what it cannot read", async () => {
    for (const args of [
      ["--ledger", at("none")],
      ["--runs", at("none")],
      ["--ledger", at("orders")],
    ])
      expect(await varve("lineage", at("orders"), ...args)).toMatchObject({ code: 1, stdout: "" });
    expect(await varve("lineage", at("orders"), "--limit", "0")).toMatchObject({ code: 2 });
  });
});
