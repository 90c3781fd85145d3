import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { toCheckedRun } from "../../src/api/records/asked-run.ts";
import type { RunDescription } from "../../src/api/records/run-options.ts";
import { openRuns, recordRun } from "../../src/api/records/runs.ts";
import { shortRun } from "../../src/cli/commands/records/runs.ts";
import { recordRun as endRun } from "../../src/runs/record-run.ts";
import { startRun } from "../../src/runs/start-run.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

/** A table with two versions of rows, in a folder of its own. */
async function features() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "features"), {
    schema: schema().long("id").double("weight"),
  });
  await table.append([{ id: 1, weight: 1.5 }]);
  await table.append([{ id: 2, weight: 2.5 }]);
  return { folder, table, uri: table.uri, runs: join(folder, "runs") };
}

const sha256 = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

describe("recordRun", () => {
  it("keeps what a run read, was given and made", async () => {
    const { folder, table, uri, runs } = await features();
    writeFileSync(join(folder, "model.bin"), "weights");
    writeFileSync(join(folder, "scores.csv"), "1,2\n");
    const { outcome, run } = await recordRun(
      {
        runId: "r1",
        name: "lateness",
        inputs: [uri, { name: "first", table: uri, version: 1, content: true }],
        model: { name: "lateness", version: "3", file: join(folder, "model.bin") },
        code: { name: "train.py", hash: "abc" },
        params: { rate: 0.1, layers: [8, 4] },
        metrics: { error: 0.25, worst: Number.NaN },
        seed: 42,
        environment: { gpu: "none" },
        outputs: [join(folder, "scores.csv"), { name: "scored", table: uri }],
        exitCode: 0,
        startedAt: "2024-06-01T10:00:00Z",
        endedAt: "2024-06-01T10:00:05Z",
      },
      { runs },
    );
    expect(outcome).toBe("recorded");
    expect(await (await openRuns(runs)).list()).toEqual([run]);
    expect(run).toMatchObject({
      runId: "r1",
      status: "complete",
      name: "lateness",
      inputs: [
        {
          name: "features",
          table: uri,
          version: 2,
          pin: "run-r1-v2",
          fingerprint: await table.fingerprint(),
        },
        {
          name: "first",
          version: 1,
          pin: "run-r1-v1",
          contentFingerprint: (await (await table.at(1)).contentFingerprint()).fingerprint,
        },
      ],
      model: { name: "lateness", version: "3", hash: sha256("weights") },
      code: { name: "train.py", hash: "abc" },
      params: { rate: 0.1, layers: [8, 4] },
      metrics: { error: 0.25, worst: "NaN" },
      seed: 42,
      outputs: [
        { name: "scores.csv", file: join(folder, "scores.csv"), hash: sha256("1,2\n"), bytes: 4 },
        { name: "scored", table: uri, version: 2 },
      ],
      durationMilliseconds: 5_000,
      exitCode: 0,
      environment: { given: { gpu: "none" }, node: process.version },
    });
  });

  it("pins the versions that were read, so that they outlive a vacuum", async () => {
    const { table, uri, runs } = await features();
    const { run } = await recordRun({ inputs: `${uri}@v1`, runId: "kept" }, { runs });
    await table.delete("true");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const [pin] = await table.pins.list();
    expect(pin).toMatchObject({ name: "run-kept-v1", version: 1, run: { id: "kept" } });
    expect(pin?.reason).toContain("run kept as features");
    expect(await rowsOf(await openTable(run.inputs[0]?.pinUri ?? ""))).toEqual([{ id: 1n, weight: 1.5 }]);
  });

  it("records a run once, and refuses other content under its id", async () => {
    const { uri, runs, table } = await features();
    const description: RunDescription = { runId: "once", inputs: `${uri}@latest`, params: { a: 1 } };
    const first = await recordRun(description, { runs });
    await table.append([{ id: 3, weight: 3.5 }]);
    const second = await recordRun(description, { runs });
    expect(second).toEqual({ ...first, outcome: "alreadyRecorded" });
    await expect(recordRun({ ...description, params: { a: 2 } }, { runs })).rejects.toMatchObject({
      code: "RUN_EXISTS",
    });
    expect(await table.pins.list()).toHaveLength(1);
    expect(await (await openRuns(runs)).list()).toHaveLength(1);
  });

  it("records a run once when processes race", async () => {
    const { uri, runs } = await features();
    const description: RunDescription = { runId: "raced", inputs: uri, startedAt: 0, endedAt: 1 };
    const results = await Promise.all([1, 2, 3].map(() => recordRun(description, { runs })));
    expect(new Set(results.map(({ run }) => run.inputs[0]?.pin))).toEqual(new Set(["run-raced-v2"]));
    expect(await (await openRuns(runs)).list()).toHaveLength(1);
  });

  it("pins the version of the process that recorded the run first", async () => {
    const { uri, runs, table } = await features();
    await recordRun({ runId: "before", inputs: uri }, { runs });
    const description: RunDescription = { runId: "second", inputs: `${uri}@latest` };
    const start = await toCheckedRun("recordRun", description, { runs });
    const { store } = start.runs;
    let isFirst = true;
    const putIfAbsent: typeof store.putIfAbsent = async (...parameters) => {
      if (isFirst) {
        isFirst = false;
        await table.append([{ id: 3, weight: 3.5 }]);
        const faster = await toCheckedRun("recordRun", description, { runs });
        await startRun(faster.runs, faster.asked);
      }
      return store.putIfAbsent(...parameters);
    };
    const slower = { ...start.runs, store: { ...store, putIfAbsent } };
    const { outcome, run } = await startRun(slower, start.asked);
    expect([outcome, run.inputs[0]?.version]).toEqual(["resumed", 3]);
    expect(await table.pins.list()).toMatchObject([
      { name: "run-before-v2", version: 2 },
      { name: "run-second-v3", version: 3 },
    ]);
  });

  it("takes the end that another process with the same call recorded first", async () => {
    const { uri, runs } = await features();
    const description: RunDescription = { runId: "ended", inputs: uri, metrics: { a: 1 } };
    const slow = await toCheckedRun("recordRun", description, { runs });
    const { store } = slow.runs;
    let commits = 0;
    const putIfAbsent: typeof store.putIfAbsent = async (path, ...rest) => {
      // After the table itself and the start.
      const isEnd = path.startsWith("_delta_log/") && ++commits === 3;
      if (isEnd) expect((await recordRun(description, { runs })).outcome).toBe("recorded");
      return store.putIfAbsent(path, ...rest);
    };
    // Ends without a time are of different milliseconds.
    const end = { ...slow.end, endedAt: Date.now() + 1_000 };
    const late = await endRun({ ...slow.runs, store: { ...store, putIfAbsent } }, slow.asked, end);
    expect(commits).toBeGreaterThanOrEqual(3);
    const [recorded, ...others] = await (await openRuns(runs)).list();
    expect([late.outcome, late.run, others]).toEqual(["alreadyRecorded", recorded, []]);
  });

  it("finds the state of the code by itself", async () => {
    const { runs } = await features();
    const { run } = await recordRun({ name: "here" }, { runs });
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
    const { environment } = run;
    expect(environment.git?.commit).toBe(commit);
    expect(environment.lockFiles[0]).toMatchObject({ file: join(process.cwd(), "package-lock.json") });
    expect(environment.packages).toHaveProperty(["apache-arrow"]);
    expect(environment.command).toEqual(process.argv);
  });

  it("keeps runs below the first input's table if no place is named", async () => {
    const { uri, table } = await features();
    const { runs } = await recordRun({ inputs: uri, runId: "below" });
    expect(runs).toBe(`${uri}/_runs`);
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    expect((await (await openRuns(uri)).get("below")).status).toBe("complete");
    await expect(recordRun({ name: "nowhere" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("takes no table of something else for the runs table, and no version of one", async () => {
    const { uri, table } = await features();
    await expect(recordRun({ inputs: uri }, { runs: uri })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining("is not a runs table"),
    });
    await expect(recordRun({ inputs: uri }, { runs: `${uri}@v1` })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect([(await openTable(uri)).snapshot().version, ...(await table.pins.list())]).toEqual([2]);
    expect(existsSync(`${fileURLToPath(uri)}@v1`)).toBe(false);
  });

  it("leaves nothing behind when it fails", async () => {
    const { folder, uri, table, runs } = await features();
    const other = await createTable(join(folder, "gone"), { schema: schema().long("id") });
    await other.append([{ id: 1 }]);
    await other.delete("true");
    await other.vacuum({ retainHours: 0, retentionCheck: false });
    const inputs = [uri, `${other.uri}@v1`];
    await expect(recordRun({ runId: "bad", inputs }, { runs })).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
    });
    expect(await table.pins.list()).toEqual([]);
    expect(await (await openRuns(runs)).list()).toEqual([]);
    const missing = { inputs: uri, outputs: join(folder, "nothing.csv") };
    await expect(recordRun(missing, { runs })).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    expect(await (await openRuns(runs)).list()).toEqual([]);
    for (const unreadable of [{ code: join(folder, "nothing.py") }, { model: folder }])
      await expect(recordRun({ inputs: uri, ...unreadable }, { runs })).rejects.toMatchObject({
        code: "SOURCE_UNREADABLE",
      });
    expect([...(await table.pins.list()), ...(await (await openRuns(runs)).list())]).toEqual([]);
  });

  it("keeps the times that it is given, and none that go backwards", async () => {
    const { runs } = await features();
    const endedAt = "2024-06-01T10:00:05Z";
    const { run } = await recordRun({ endedAt }, { runs });
    expect([run.startedAt, run.endedAt]).toEqual([new Date(endedAt), new Date(endedAt)]);
    const backwards = recordRun({ startedAt: "2024-06-01T10:00:06Z", endedAt }, { runs });
    await expect(backwards).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("completes what was interrupted, with the versions of the first attempt", async () => {
    const { uri, runs, table } = await features();
    const description: RunDescription = { runId: "cut", inputs: `${uri}@latest`, metrics: { a: 1 } };
    const { asked, runs: context } = await toCheckedRun("recordRun", description, { runs });
    await startRun(context, asked);
    await table.pins.remove("run-cut-v2");
    await table.append([{ id: 3, weight: 3.5 }]);
    const { outcome, run } = await recordRun(description, { runs });
    expect([outcome, run.status, run.inputs[0]?.version]).toEqual(["recorded", "complete", 2]);
    expect(await table.pins.list()).toMatchObject([{ name: "run-cut-v2", version: 2 }]);
  });

  it("uses the pin that an input names, and adds no other", async () => {
    const { uri, runs, table } = await features();
    await table.pins.add("model-7", { version: 1 });
    const { run } = await recordRun({ inputs: `${uri}@model-7` }, { runs });
    expect(run.inputs).toMatchObject([
      { table: uri, version: 1, pin: "model-7", pinUri: `${uri}/_pins/model-7` },
    ]);
    expect(await table.pins.list()).toHaveLength(1);
    expect(await (await openRuns(runs)).list({ tableId: run.inputs[0]?.tableId ?? "", version: 1 })).toEqual([
      run,
    ]);
    expect(await (await openRuns(runs)).list({ version: 2 })).toEqual([]);
  });

  it("refuses a file that changes while it is read", async () => {
    const { folder, runs } = await features();
    const file = join(folder, "growing.bin");
    writeFileSync(file, Buffer.alloc(50_000_000));
    const timer = setInterval(() => appendFileSync(file, "x"), 1);
    try {
      await expect(recordRun({ model: file }, { runs })).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    } finally {
      clearInterval(timer);
    }
  });

  it("shows no control characters that another program wrote to the table", async () => {
    const { runs } = await features();
    const { run } = await recordRun({}, { runs });
    const hostile = { ...run, runId: "a\u001b[2J", signal: "\u001b]0;x\u0007", metrics: { "\u009b": 1 } };
    expect(shortRun(hostile)).toMatch(/^run a\\u001b\[2J complete, ended by \\u001b\]0;x\\u0007.*\\u009b/);
  });

  it("keeps ten megabytes of parameters and metrics", async () => {
    const { runs } = await features();
    const text = "x".repeat(10_000_000);
    const { run } = await recordRun({ params: { text }, metrics: { text } }, { runs });
    const found = await (await openRuns(runs)).get(run.runId);
    expect(found.metrics?.["text"] === text && Object(found.params)["text"] === text).toBe(true);
  });

  it.each<[string, string, string]>([
    ["a word of the command is a number", '"command":["train"]', '"command":[1]'],
    ["a lock file is null", '"lockFiles":[]', '"lockFiles":[null]'],
    ["the process is text", '"pid":', '"pid":"1","was":'],
    ["the branch is an object", '"branch":"main"', '"branch":{}'],
  ])("says that the table is damaged if %s", async (_, before, after) => {
    const { runOfRow, rowOfRun, runsOf } = await import("../../src/runs/runs-table.ts");
    const { asked } = await toCheckedRun("recordRun", {}, { runs: "memory://runs" });
    const git = { commit: "c", branch: "main", untrackedFiles: 0 };
    const environment = { git, lockFiles: [], command: ["train"], packages: {}, variables: {} };
    const here = { folder: "/f", node: "v20", platform: "linux", host: "h", pid: 1 };
    const row = rowOfRun(
      {
        runId: asked.runId,
        status: "started",
        inputs: [],
        outputs: [],
        environment: { ...environment, ...here },
        startedAt: new Date(0),
        problems: [],
      },
      "",
    );
    const context = { store: { uri: "memory://runs" } } as Parameters<typeof runsOf>[0];
    const read = (changes: Readonly<Record<string, string>>) =>
      runOfRow({ ...row, started_at: 0, ended_at: null, ...changes }, context);
    expect(read({}).environment.git).toEqual(git);
    const text = String(row["environment"]);
    expect(text).toContain(before);
    expect(() => read({ environment: text.replace(before, after) })).toThrow("environment of run");
    expect(() => read({ model: '{"name":"m","file":{}}' })).toThrow("model of run");
  });

  it.each<[string, RunDescription]>([
    ["an end that no table can hold", { startedAt: 0, endedAt: new Date(253_402_300_800_000) }],
    ["a beginning that no table can hold", { startedAt: new Date(-62_198_755_200_000) }],
    ["an id like a path", { runId: "../x" }],
    ["two inputs of one name", { inputs: ["./a/orders", "./b/orders"] }],
    [
      "names that are the same variable",
      {
        inputs: [
          { name: "a-b", table: "x" },
          { name: "a_b", table: "y" },
        ],
      },
    ],
    ["a name of odd characters", { inputs: { name: "a b;$(x)", table: "x" } }],
    ["metrics that are no object", { metrics: [1] as unknown as Record<string, unknown> }],
    ["an unknown status", { status: "started" as "complete" }],
    ["a seed that is no JSON", { seed: (() => 1) as unknown as number }],
  ])("refuses %s", async (_, description) => {
    const { runs } = await features();
    await expect(recordRun(description, { runs })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("does not read untracked files of more than a gigabyte", async () => {
    const { gitState } = await import("../../src/runs/git-state.ts");
    const folder = freshFolder();
    const git = (...parameters: string[]) => execFileSync("git", parameters, { cwd: folder });
    git("init", "--quiet");
    git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "--allow-empty", "-m", "x");
    writeFileSync(join(folder, "small"), "1");
    const small = await gitState(folder);
    expect(small.git).toMatchObject({ untrackedFiles: 1, untrackedHash: expect.stringMatching(/^sha256:/) });
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), 2 ** 30);
    const { git: large } = await gitState(folder);
    expect([large?.untrackedFiles, large?.untrackedHash]).toEqual([2, undefined]);
  });

  it("says why there is no git commit", async () => {
    const { runEnvironment } = await import("../../src/runs/run-environment.ts");
    const folder = join(freshFolder(), "plain");
    mkdirSync(folder);
    const options = {
      command: ["train", "--api-key", "k", "--token=t", "s3://u:p@h/x"],
      folder,
      variables: [],
    };
    expect(await runEnvironment(options)).toMatchObject({
      git: null,
      gitReason: "not in a git repository",
      command: ["train", "--api-key", "***", "--token=***", "s3://u:***@h/x"],
    });
  });
});
