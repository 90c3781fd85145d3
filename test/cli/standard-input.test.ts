import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { mainFile, startVarve, varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-stdin-"));
const suite = join(folder, "suite.json");
const csv = "id,amount\n1,2.5\n2,-1\n";
const ndjson = '{"id":1,"amount":2.5}\n{"id":2,"amount":-1}\n';

writeFileSync(
  suite,
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

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A fresh folder for the temporary files of one run. */
function temporary(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await sleep(20);
}

describe("standard input as a source", () => {
  it.each([
    ["csv", csv],
    ["ndjson", ndjson],
  ])("is checked, and the report names its failing rows: %s", async (format, text) => {
    const run = await varveReading(text, "check", suite, "-", "--input-format", format, "--format", "json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({
      source: "standard input",
      rows: 2,
      quarantined: 1,
      checks: [{ unexpected: 1, sample: [{ file: "standard input", row: 1, values: { amount: -1 } }] }],
    });
  });

  it("creates tables, is appended beside files, profiled and suggested from", async () => {
    const table = join(folder, "orders");
    const june = join(folder, "june.csv");
    writeFileSync(june, csv);
    expect(await varveReading(csv, "create", table, "--from", "-", "--input-format", "csv")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(await varveReading(csv, "append", table, june, "-", "--input-format", "csv")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(
      (await varve("query", "SELECT count(*) AS n FROM o", "--table", `o=${table}`, "--format", "jsonl"))
        .stdout,
    ).toBe('{"n":6}\n');
    const profile = JSON.parse(
      (await varveReading(csv, "profile", "-", "--input-format", "csv", "--format", "json")).stdout,
    );
    expect(profile).toMatchObject([{ name: "id", rows: 2 }, { name: "amount" }]);
    expect(
      JSON.parse((await varveReading(csv, "suggest", "-", "--input-format", "csv")).stdout),
    ).toMatchObject({ name: "standard input" });
  });

  it("needs its format, and is read once", async () => {
    expect(await varveReading(csv, "check", suite, "-")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--input-format"),
    });
    expect(await varveReading(csv, "check", suite, "-", "-", "--input-format", "csv")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("twice"),
    });
  });

  it("leaves no temporary file, whether the run ends well, in an error or by a signal", async () => {
    const kept = temporary("kept");
    for (const [args, input] of [
      [["check", suite, "-", "--input-format", "csv"], csv],
      [["check", suite, "-", "--input-format", "csv"], ""],
    ] as const) {
      const child = startVarve(args, { stdin: "pipe", folder: kept });
      child.stdin?.end(input);
      await once(child, "close");
      expect(readdirSync(kept)).toEqual([]);
    }
    const child = startVarve(["check", suite, "-", "--input-format", "csv"], { stdin: "pipe", folder: kept });
    child.stdin?.write(csv);
    await until(() => readdirSync(kept).length > 0);
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([null, "SIGTERM"]);
    expect(readdirSync(kept)).toEqual([]);
  });
});

describe("progress of check", () => {
  it("is shown on a terminal, and with --quiet or elsewhere not", async ({ skip }) => {
    const run = promisify(execFile);
    const found =
      process.platform === "linux" &&
      (await run("script", ["--version"]).catch(() => undefined)) !== undefined;
    if (!found) skip("no script command of util-linux, which lends a terminal");
    const source = join(folder, "progress.csv");
    writeFileSync(source, csv);
    const onTerminal = async (...more: readonly string[]) => {
      const command = [process.execPath, mainFile, "check", suite, source, ...more]
        .map((part) => `'${part}'`)
        .join(" ");
      return (await run("script", ["-qec", command, "/dev/null"])).stdout;
    };
    const shown = await onTerminal();
    // The line is drawn every tenth of a second and at its end, so that a short phase may pass unseen.
    expect(shown).toMatch(/(?:reading|checking) [=-]{16} \d+ %/);
    expect(shown).toContain("must be at least 0");
    expect(await onTerminal("--quiet")).not.toMatch(/[=-]{16}/);
    expect((await varve("check", suite, source)).stderr).toBe("");
  });
});
