import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuns } from "../../src/index.ts";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-openlineage-"));
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,amount\n1,5\n");
  await varve("create", at("orders"), "--from", at("may.csv"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: readonly string[]) => varve("run", "--input", `features=${at("orders")}`, ...args);

describe("varve run --openlineage", () => {
  it("writes how a run began and ended, and leaves the exit code of the command alone", async () => {
    const file = at("events.jsonl");
    const output = `report=${at("report")}`;
    const options = ["--openlineage", file, "--openlineage-namespace", "nightly", "--output", output];
    expect(
      await run(...options, "--name", "train", "--", "sh", "-c", 'echo x > "$VARVE_OUTPUT_REPORT"'),
    ).toMatchObject({
      code: 0,
    });
    expect(await run("--openlineage", file, "--", "sh", "-c", "exit 3")).toMatchObject({ code: 3 });
    const events = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ eventType, job }) => [eventType, job.namespace, job.name])).toEqual([
      ["START", "nightly", "train"],
      ["COMPLETE", "nightly", "train"],
      ["START", "varve", "sh"],
      ["FAIL", "varve", "sh"],
    ]);
    const [start, complete, , failed] = events;
    expect(complete.run.runId).toBe(start.run.runId);
    expect(start).toMatchObject({
      inputs: [{ name: at("orders"), facets: { version: { datasetVersion: "0" } } }],
      outputs: [],
    });
    expect(complete).toMatchObject({
      inputs: start.inputs,
      outputs: [{ namespace: "file", name: at("report"), outputFacets: { outputStatistics: { size: 2 } } }],
      run: { facets: { varve_run: { exitCode: 0, durationMilliseconds: expect.any(Number) } } },
    });
    expect(failed.run.facets.errorMessage.message).toBe("The command exited with code 3.");
  });

  it("loses no run to a receiver that fails: it warns", async () => {
    const place = "http://127.0.0.1:1/";
    const { code, stderr } = await run("--openlineage", place, "--run-id", "kept", "--", "true");
    expect(code).toBe(0);
    expect(stderr.match(/was not sent to http:\/\/127\.0\.0\.1:1\//g)).toHaveLength(2);
    expect(await (await openRuns(at("orders"))).get("kept")).toMatchObject({ status: "complete" });
  });

  it("refuses a receiver that is not encrypted before anything is pinned or run", async () => {
    const made = at("never");
    const options = ["--openlineage", "http://example.org", "--run-id", "never"];
    const { code, stderr } = await run(...options, "--", "touch", made);
    expect([code, stderr]).toEqual([2, expect.stringContaining("not encrypted")]);
    expect(() => readFileSync(made)).toThrow();
    await expect((await openRuns(at("orders"))).get("never")).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
    });
  });
});
