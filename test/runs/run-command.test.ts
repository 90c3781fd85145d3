import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CommandDescription } from "../../src/api/records/run-options.ts";
import { openRuns, runCommand } from "../../src/api/records/runs.ts";
import { VarveError } from "../../src/errors.ts";
import { orProblem } from "../../src/runs/run-outputs.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** A program of Node and the folder that it may use. */
function program(script: string, description: Partial<CommandDescription> = {}) {
  const folder = freshFolder();
  const runs = join(folder, "runs");
  const command = [process.execPath, "-e", script];
  return { folder, runs, run: () => runCommand({ command, ...description }, { runs }) };
}

describe("runCommand", () => {
  it("fails if the command does not write what was named", async () => {
    const { folder, runs } = program("");
    const outputs = [join(folder, "nothing.txt"), { table: join(folder, "no-table") }];
    const command = [process.execPath, "-e", "0"];
    const { exitCode, run } = await runCommand({ command, outputs }, { runs });
    expect([exitCode, run.status, run.exitCode]).toEqual([1, "failed", 0]);
    expect(run.problems).toHaveLength(2);
  });

  it("records the end of a command that leaves links to themselves in the places of metrics and output", async () => {
    const loop = join(freshFolder(), "loop");
    symlinkSync(loop, loop);
    const { run } = program(
      `require("fs").symlinkSync(process.env.VARVE_METRICS, process.env.VARVE_METRICS)`,
      {
        outputs: loop,
      },
    );
    const { exitCode, run: record } = await run();
    expect([exitCode, record.status, record.exitCode]).toEqual([1, "failed", 0]);
    expect(record.problems).toEqual([
      expect.stringContaining("The metrics are not recorded: they cannot be read (ELOOP)"),
      expect.stringContaining("The output loop cannot be recorded"),
    ]);
  });

  it("says that the folder of a command is not there", async () => {
    const folder = join(freshFolder(), "absent");
    const { exitCode, run } = await program("", { folder }).run();
    expect([exitCode, run.status]).toEqual([127, "failed"]);
    expect(run.problems).toEqual([expect.stringContaining(`there is no folder ${folder}`)]);
  });

  it("records an output whose store does not answer as a problem", async () => {
    const problems: string[] = [];
    const refused = new VarveError("STORE_UNAVAILABLE", "The store does not answer.");
    expect(await orProblem("output scores", problems, () => Promise.reject(refused))).toBeUndefined();
    expect(problems).toEqual(["The output scores cannot be recorded: The store does not answer."]);
  });

  it("runs a command once under an id", async () => {
    const { folder, run } = program(`require("fs").appendFileSync("count", "x")`, {
      runId: "once",
      folder: freshFolder(),
    });
    const first = await run();
    expect(first.exitCode).toBe(0);
    await expect(run()).rejects.toMatchObject({ code: "RUN_EXISTS" });
    expect(folder).not.toBe(first.run.environment.folder);
    expect(readFileSync(join(first.run.environment.folder, "count"), "utf8")).toBe("x");
  });

  it("takes metrics of Python, which writes NaN and Infinity", async () => {
    const text = JSON.stringify('{"a": NaN, "b": -Infinity, "c": "NaN, \\" Infinity", "d": [1, Infinity]}');
    const { run } = program(`require("fs").writeFileSync(process.env.VARVE_METRICS, ${text})`);
    expect((await run()).run.metrics).toEqual({
      a: "NaN",
      b: "-Infinity",
      c: 'NaN, " Infinity',
      d: [1, "Infinity"],
    });
  });

  it.each<[string, string]>([
    ["a link to itself", `require("fs").symlinkSync("metrics.json", process.env.VARVE_METRICS)`],
    ["a folder", `require("fs").mkdirSync(process.env.VARVE_METRICS)`],
    [
      "below a file in the place of its folder",
      `const fs = require("fs"), folder = require("path").dirname(process.env.VARVE_METRICS);
       fs.rmSync(folder, { recursive: true }); fs.writeFileSync(folder, "")`,
    ],
    // Half a megabyte of a text that is not closed.
    ["not closed", `require("fs").writeFileSync(process.env.VARVE_METRICS, '"' + '\\\\"'.repeat(250_000))`],
  ])("records the end of a command whose metrics are %s", async (_, script) => {
    const { runs, run } = program(script, { runId: "odd" });
    expect((await run()).run.problems).toMatchObject([expect.stringContaining("metrics are not recorded")]);
    expect(await (await openRuns(runs)).get("odd")).toMatchObject({ status: "complete", exitCode: 0 });
  });

  it("stops a command when it is cancelled, and records that", async () => {
    const { runs } = program("");
    const controller = new AbortController();
    const stopped = runCommand(
      { command: [process.execPath, "-e", "setTimeout(() => 0, 8_000)"], runId: "stopped" },
      { runs, signal: controller.signal, onProcess: () => setTimeout(() => controller.abort(), 300) },
    );
    await expect(stopped).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await (await openRuns(runs)).get("stopped")).toMatchObject({
      status: "aborted",
      signal: "SIGTERM",
    });
  });

  it("tells its start and its end as they are recorded", async () => {
    const { runs } = program("");
    const seen: string[] = [];
    await runCommand(
      { command: [process.execPath, "-e", "0"] },
      {
        runs,
        onStarted: ({ status }) => void seen.push(status),
        onEnded: ({ status }) => void seen.push(status),
      },
    );
    expect(seen).toEqual(["started", "complete"]);
  });

  it.each<[string, unknown]>([
    ["text instead of a list", "rm -rf x"],
    ["an empty list", []],
    ["an empty program", [""]],
  ])("refuses %s as a command", async (_, command) => {
    const run = runCommand({ command: command as string[] }, { runs: join(freshFolder(), "runs") });
    await expect(run).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
