import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { startVarve, varve } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-interruption-"));
const source = join(folder, "many.csv");
const row = `${"x".repeat(60)},1.25\n`;
writeFileSync(source, `name,amount\n${row.repeat(3_000_000)}`);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Everything below a folder. */
function filesBelow(path: string): readonly string[] {
  return (readdirSync(path, { recursive: true }) as string[]).sort();
}

/** Starts the command, sends `signal` as soon as `begun` holds, and waits for the end. */
async function stopped(args: readonly string[], begun: () => boolean, ...signals: readonly NodeJS.Signals[]) {
  const temporary = mkdtempSync(join(folder, "temporary-"));
  const child = startVarve(args, { stdin: "ignore", folder: temporary });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const closed = once(child, "close");
  while (!begun() && child.exitCode === null) await sleep(2);
  for (const signal of signals) {
    child.kill(signal);
    await sleep(1);
  }
  const [code, signal] = await closed;
  return { code, signal, stderr, left: readdirSync(temporary) };
}

const staged = (path: string) => () => filesBelow(path).some((file) => file.includes("staging"));

describe("a command that is stopped by a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("leaves the table as it was, and says so: %s", async (signal) => {
    const table = join(folder, `orders-${signal}`);
    const small = join(folder, "small.csv");
    writeFileSync(small, "name,amount\nx,1.5\n");
    expect(await varve("create", table, "--from", small)).toMatchObject({ code: 0 });
    const before = filesBelow(table);
    const run = await stopped(["append", table, source], staged(table), signal);
    expect(run).toMatchObject({ code: null, signal, left: [] });
    expect(run.stderr).toContain("varve: stopping");
    expect(run.stderr).toContain(`Stopped by ${signal} before the commit: the table is unchanged`);
    expect(run.stderr).toContain("[CANCELLED]");
    expect(filesBelow(table)).toEqual(before);
  });

  it("creates no table, and leaves no folder", async () => {
    const place = join(folder, "place");
    mkdirSync(place);
    const run = await stopped(["create", join(place, "t"), "--from", source], staged(place), "SIGINT");
    expect(run).toMatchObject({ code: null, signal: "SIGINT", left: [] });
    expect(run.stderr).toContain("before the commit");
    expect(readdirSync(place)).toEqual([]);
  });

  it("ends at once by a second signal, and takes its temporary folders along", async () => {
    const place = join(folder, "twice");
    mkdirSync(place);
    const run = await stopped(
      ["create", join(place, "t"), "--from", source],
      staged(place),
      "SIGINT",
      "SIGTERM",
    );
    expect(run).toMatchObject({ code: null, left: [] });
    expect(readdirSync(place)).toEqual([]);
  });

  it("says that it was ended where it only reads", async () => {
    const query = `SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000) b`;
    let begun = false;
    setTimeout(() => {
      begun = true;
    }, 1500);
    const run = await stopped(["query", query], () => begun, "SIGINT");
    expect(run).toMatchObject({ code: null, signal: "SIGINT", stderr: "varve: ended by SIGINT\n", left: [] });
  });
});
