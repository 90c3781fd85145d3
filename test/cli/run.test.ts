import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuns, openTable, type RunRecord, recordRun } from "../../src/index.ts";
import { startVarve, varve } from "../support/cli.ts";
import { varveHere } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-run-"));
const at = (name: string) => join(folder, name);
const [features, runs] = [at("features"), at("runs")];

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,city,weight\n1,Bern,1.5\n2,Chur,2.5\n");
  expect(await varve("create", features, "--from", at("may.csv"))).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program of Node with the inputs and options given. */
function runNode(id: string, options: readonly string[], script: string) {
  return varve("run", "--runs", runs, "--run-id", id, ...options, "--", process.execPath, "-e", script);
}

const recorded = async (id: string): Promise<RunRecord> => (await openRuns(runs)).get(id);

describe("varve runs regression", () => {
  it("says what got worse and what changed, with exit code 4", async () => {
    const table = at("trained");
    for (const [index, mae] of [1, 1.5].entries())
      await recordRun(
        {
          runId: `m${index + 1}`,
          name: "train",
          inputs: { name: "x", table: features },
          metrics: { mae, note: "x", all: { mae } },
        },
        { runs: table },
      );
    const { code, stdout } = await varve("runs", "regression", table, "mae", "--max-change", "2%");
    expect(code).toBe(4);
    expect(stdout).toContain(
      "REGRESSED: mae of train rose from 1 to 1.5 (50 %), worse by more than the 2 % accepted against the last run; nothing that was recorded differs from run m1.\n",
    );
    expect(stdout).toMatch(/^last {2}m1 .* {2}1 {2}\S* *\+0\.5 {2,}\+50 %$/m);
    const json = await varve("runs", "regression", table, "mae", "--max-change", "0.6", "--json");
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([0, { verdict: "none", maxChange: 0.6 }]);
    const csv = await varve("runs", "history", table, "mae", "--format", "csv", "--limit", "1");
    expect(csv.stdout).toMatch(/^run,started,name,model,value\nm2,.*,train,,1\.5\n$/);
    const unknown = await varve("runs", "regression", table, "mea", "--max-change", "2%");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('Did you mean "mae"?')]);
    for (const [text, remedy] of [
      [["mae", "--max-change", "2"], "Write 2% or 0.02."],
      [["mae", "--against", "best"], "Give --max-change, or leave it out."],
      [["note", "--better", "lower"], 'is "x", and not a number. Name a metric that is a number.'],
      [["all", "--better", "lower"], 'Name a member that is a number by its path: "all.NAME".'],
    ] as const)
      expect(await varve("runs", "regression", table, ...text)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(remedy),
      });
  });
});

describe("a folder that is not there", () => {
  it("is refused by all verbs of runs and of tables, with the nearest table beside it", async () => {
    const near = at("seasons");
    await recordRun({ inputs: { name: "x", table: features }, metrics: { mae: 1 } }, { runs: near });
    const [typo, far] = [at("season"), at("quite-another")];
    const runsVerbs = [["list"], ["history", "mae"], ["regression", "mae"], ["show", "x"]];
    for (const [verb = "", ...more] of runsVerbs)
      for (const [place, advice] of [
        [typo, `season. Did you mean ${near}? Name the one`],
        [far, "quite-another. Name the one"],
      ] as const)
        expect({ verb, ...(await varveHere("runs", verb, place, ...more)) }).toMatchObject({
          code: 1,
          stdout: "",
          stderr: expect.stringContaining(advice),
        });
    for (const args of [["history"], ["monitor", "list"], ["pin", "list"], ["drift", features]])
      expect(await varveHere(...args, typo)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(` Did you mean ${near}? [NOT_A_TABLE]`),
      });
    expect((await varveHere("history", far)).stderr).not.toContain("Did you mean");
  });
});

describe("varve run", () => {
  it("tells the command where its pinned inputs are, and records what it made", async () => {
    const script = `const fs = require("fs");
      const { VARVE_INPUT_MY_FEATURES: input, VARVE_MODEL, VARVE_METRICS, VARVE_OUTPUT_SCORES, VARVE_RUN_ID } = process.env;
      fs.writeFileSync(VARVE_MODEL, "weights");
      fs.writeFileSync(VARVE_METRICS, '{"error":0.25,"best":NaN,"text":"NaN \\\\" Infinity"}');
      fs.writeFileSync(VARVE_OUTPUT_SCORES, fs.readdirSync(input).join());
      console.log(VARVE_RUN_ID, input);`;
    const { code, stdout, stderr } = await runNode(
      "first",
      ["--input", `my-features=${features}@latest`, "--model", at("model.bin"), "--model-name", "m"].concat(
        ["--output", `scores=${at("scores.txt")}`, "--param", "rate=0.1", "--param", "kind=plain"],
        ["--seed", "42", "--name", "lateness"],
      ),
      script,
    );
    expect([code, stdout]).toEqual([0, `first ${features}/_pins/run-first-v0\n`]);
    expect(stderr).toContain("varve: run first complete, exit code 0");
    const run = await recorded("first");
    expect(run).toMatchObject({
      status: "complete",
      name: "lateness",
      inputs: [{ name: "my-features", version: 0, pin: "run-first-v0" }],
      outputs: [{ name: "scores", file: at("scores.txt") }],
      model: { name: "m", file: at("model.bin") },
      params: { rate: 0.1, kind: "plain" },
      metrics: { error: 0.25, best: "NaN", text: 'NaN " Infinity' },
      seed: 42,
      exitCode: 0,
      problems: [],
    });
    expect(run.model?.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(readFileSync(at("scores.txt"), "utf8")).toContain("_delta_log");
    expect(await (await openTable(run.inputs[0]?.pinUri ?? "")).count()).toBe(2);
  });

  it("records no variable of the environment but those of its list and those that are named", async () => {
    process.env["VARVE_TEST_SECRET"] = "hunter2";
    process.env["VARVE_TEST_NAMED"] = "seen";
    try {
      const { code } = await runNode(
        "quiet",
        ["--env", "VARVE_TEST_NAMED"],
        "process.env.VARVE_TEST_SECRET || x",
      );
      expect(code).toBe(0);
    } finally {
      delete process.env["VARVE_TEST_SECRET"];
      delete process.env["VARVE_TEST_NAMED"];
    }
    const run = await recorded("quiet");
    expect(JSON.stringify(run)).not.toContain("hunter2");
    expect(run.environment.variables).toMatchObject({ VARVE_TEST_NAMED: "seen" });
  });

  it.each<[string, string, Partial<RunRecord>, number]>([
    ["its exit code", "process.exit(3)", { status: "failed", exitCode: 3 }, 3],
    [
      "the signal that ended it",
      "process.kill(process.pid, 'SIGKILL')",
      { status: "aborted", signal: "SIGKILL" },
      137,
    ],
    [
      "metrics that are not JSON",
      "require('fs').writeFileSync(process.env.VARVE_METRICS, '{\"a\":')",
      {
        status: "complete",
        problems: [expect.stringContaining("The metrics are not recorded: they are not JSON")],
      },
      0,
    ],
    [
      "metrics that are no object",
      "require('fs').writeFileSync(process.env.VARVE_METRICS, '[1]')",
      { status: "complete", problems: [expect.stringContaining("not a JSON object")] },
      0,
    ],
    [
      "metrics that are huge",
      "require('fs').writeFileSync(process.env.VARVE_METRICS, '{\"a\":\"' + 'x'.repeat(2e6) + '\"}')",
      { status: "complete", problems: [expect.stringContaining("at most 1048576 are kept")] },
      0,
    ],
    [
      "metrics in whose place is a folder",
      "require('fs').mkdirSync(process.env.VARVE_METRICS)",
      { status: "complete", problems: [expect.stringContaining("no plain file")] },
      0,
    ],
  ])("exits with the command's code, and records %s", async (what, script, end, exitCode) => {
    const id = what.replaceAll(" ", "-");
    expect((await runNode(id, ["--input", features], script)).code).toBe(exitCode);
    const run = await recorded(id);
    expect(run).toMatchObject(end);
    if (run.status === "complete") expect(run.metrics).toBeUndefined();
  });

  it("keeps metrics of almost a megabyte, and a huge output by its hash", async () => {
    const script = `const fs = require("fs");
      fs.writeFileSync(process.env.VARVE_METRICS, JSON.stringify({ a: "x'".repeat(500000) }));
      fs.writeFileSync(process.env.VARVE_OUTPUT_BIG, Buffer.alloc(20e6));`;
    expect((await runNode("big", ["--output", `big=${at("big.bin")}`], script)).code).toBe(0);
    const run = await recorded("big");
    expect(String(run.metrics?.["a"])).toHaveLength(1_000_000);
    expect(run.outputs).toMatchObject([{ name: "big", bytes: 20_000_000 }]);
  });

  it("fails if the command does not write what was named, though it ended well", async () => {
    const { code, stderr } = await runNode(
      "idle",
      ["--output", at("nothing.txt"), "--model", at("no-model.bin")],
      "0",
    );
    expect(code).toBe(1);
    expect(stderr).toContain("The output nothing.txt cannot be recorded");
    expect(stderr).toContain("no-model.bin, which the run names: there is no such file.");
    expect(stderr).not.toContain("ENOENT");
    const run = await recorded("idle");
    expect(run).toMatchObject({ status: "failed", exitCode: 0, outputs: [] });
    expect(run.problems).toHaveLength(2);
  });

  it("says when an output was there before and not written, and when the model was changed", async () => {
    writeFileSync(at("old.txt"), "old");
    writeFileSync(at("changed.bin"), "before");
    const script = "require('fs').writeFileSync(process.env.VARVE_MODEL, 'after')";
    const options = ["--output", at("old.txt"), "--model", at("changed.bin")];
    expect((await runNode("stale", options, script)).code).toBe(0);
    const { model, problems, outputs } = await recorded("stale");
    expect(problems).toEqual(["The output old.txt was there before, and the run did not write it."]);
    expect(outputs).toHaveLength(1);
    expect(model?.hashBefore).toMatch(/^sha256:/);
    expect(model?.hashBefore).not.toBe(model?.hash);
  });

  it("records the version of a table that the command wrote", async () => {
    const main = JSON.stringify(join(import.meta.dirname, "../../dist/cli/main.js"));
    const script = `require("child_process").execFileSync(process.execPath, [${main}, "create", process.env.VARVE_OUTPUT_SCORED, "--from", ${JSON.stringify(at("may.csv"))}])`;
    expect((await runNode("table", ["--output-table", `scored=${at("scored")}`], script)).code).toBe(0);
    expect((await recorded("table")).outputs).toMatchObject([
      { name: "scored", table: `file://${at("scored")}`, version: 0 },
    ]);
  });

  it("records a program that does not exist, or is none", async () => {
    const missing = await varve(
      "run",
      "--runs",
      runs,
      "--run-id",
      "missing",
      "--",
      "no-such-program-of-varve",
    );
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain("there is no such program");
    expect(await recorded("missing")).toMatchObject({ status: "failed", exitCode: 127 });
    const none = await varve("run", "--runs", runs, "--run-id", "no-program", "--", at("may.csv"));
    expect(none.code).toBe(126);
  });

  it("runs a command once under an id", async () => {
    const script = `require("fs").appendFileSync(${JSON.stringify(at("count"))}, "x")`;
    expect((await runNode("once", [], script)).code).toBe(0);
    const again = await runNode("once", [], script);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("[RUN_EXISTS]") });
    expect(readFileSync(at("count"), "utf8")).toBe("x");
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "gives %s to the command, and records its end",
    async (signal) => {
      const mark = at(`ready-${signal}`);
      const script = `require("fs").writeFileSync(${JSON.stringify(mark)}, ""); setInterval(() => 0, 1000);`;
      const child = startVarve(
        ["run", "--runs", runs, "--run-id", signal, "--", process.execPath, "-e", script],
        {
          stdin: "ignore",
        },
      );
      while (!existsSync(mark) && child.exitCode === null) await sleep(5);
      child.kill(signal);
      const [code, endedBy] = await once(child, "close");
      expect([code, endedBy]).toEqual([null, signal]);
      expect(await recorded(signal)).toMatchObject({ status: "aborted", signal });
    },
  );

  it("waits for a command that takes its time to stop, and has its exit code", async () => {
    const mark = at("ready-slow");
    const script = `process.on("SIGTERM", () => setTimeout(() => process.exit(7), 200)); require("fs").writeFileSync(${JSON.stringify(mark)}, ""); setInterval(() => 0, 1000);`;
    const child = startVarve(
      ["run", "--runs", runs, "--run-id", "slow", "--", process.execPath, "-e", script],
      {
        stdin: "ignore",
      },
    );
    while (!existsSync(mark) && child.exitCode === null) await sleep(5);
    child.kill("SIGTERM");
    const [code, endedBy] = await once(child, "close");
    expect([code, endedBy]).toEqual([7, null]);
    expect(await recorded("slow")).toMatchObject({ status: "aborted", exitCode: 7 });
  });

  it("leaves a run started that was killed, and runs it again under its id with the same version", async () => {
    const mark = at("ready-killed");
    const script = `require("fs").writeFileSync(${JSON.stringify(mark)}, String(process.pid)); setTimeout(() => 0, 1000 * ${"process.env.VARVE_WAIT || 0"});`;
    const options = ["run", "--runs", runs, "--run-id", "killed", "--input", `f=${features}@latest`, "--"];
    const words = [...options, process.execPath, "-e", script];
    process.env["VARVE_WAIT"] = "60";
    const child = startVarve(words, { stdin: "ignore" });
    delete process.env["VARVE_WAIT"];
    while (!existsSync(mark) && child.exitCode === null) await sleep(5);
    child.kill("SIGKILL");
    // Its output is open as long as the command runs.
    await once(child, "exit");
    process.kill(Number(readFileSync(mark, "utf8")), "SIGKILL");
    expect(await recorded("killed")).toMatchObject({ status: "started" });
    const listed = await varve("runs", "list", runs, "--status", "started");
    expect(listed.stdout).toContain("started, its process is gone");
    writeFileSync(at("june.csv"), "id,city,weight\n3,Bern,3.5\n");
    expect(await varve("append", features, at("june.csv"))).toMatchObject({ code: 0 });
    expect(await varve(...words)).toMatchObject({ code: 0 });
    expect(await recorded("killed")).toMatchObject({ status: "complete", inputs: [{ version: 0 }] });
  });

  it("lists and shows runs", async () => {
    const { stdout, code } = await varve("runs", "list", runs, "--name", "lateness", "--format", "csv");
    expect(code).toBe(0);
    expect(stdout).toContain("first,complete,lateness,");
    const shown = await varve("runs", "show", runs, "first");
    expect(shown.stdout).toContain("run first complete, exit code 0");
    expect(shown.stdout).toContain(`my-features: file://${features}@v0, pinned as run-first-v0`);
    const json = await varve("runs", "show", runs, "first", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ runId: "first", params: { rate: 0.1 } });
    expect(await varve("runs", "show", runs, "frist")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("[RUN_NOT_FOUND]"),
    });
    expect(await varve("runs", "list", features)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no runs are recorded below it"),
    });
  });

  it.each([
    ["no inputs and no runs table", ["run", "--", "true"]],
    ["two inputs of one name", ["run", "--input", features, "--input", `${features}@v0`, "--", "true"]],
    ["a parameter without a name", ["run", "--runs", runs, "--param", "=1", "--", "true"]],
    ["no command", ["run", "--runs", runs]],
    ["an id like a path", ["run", "--runs", runs, "--run-id", "../x", "--", "true"]],
  ])("refuses %s", async (_, words) => {
    expect((await varve(...words)).code).toBe(2);
  });
});
