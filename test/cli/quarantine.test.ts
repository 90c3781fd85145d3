import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const may = file("may.csv", "id,customer,amount\n1,acme,12.5\n2,bolt,8\n");
const june = file("june.csv", 'id,customer,amount\n3,acme,-1\n4,bolt,"12,50"\n5,crux,5\n6,dorn,-2\n');
const suite = file(
  "suite.json",
  JSON.stringify({
    maxBadShare: 1,
    onMisfit: "quarantine",
    checks: [
      {
        id: "positive",
        kind: "expect_column_values_to_be_between",
        params: { column: "amount", min_value: 0 },
        onFail: "quarantine",
      },
    ],
  }),
);

let table: string;
let tables = 0;

beforeEach(async () => {
  table = join(folder, `t${++tables}`);
  await varve("create", table, "--from", may);
  expect(await varve("append", table, june, "--suite", suite, "--batch-id", "june")).toMatchObject({
    code: 0,
  });
});

const quarantine = (verb: string, ...args: readonly string[]) => varve("quarantine", verb, table, ...args);

interface ShownRow {
  readonly quarantine_id: string;
  readonly status: string;
  readonly payload: string;
}

async function rows(...args: readonly string[]): Promise<ShownRow[]> {
  const { stdout } = await quarantine("show", "--format", "json", ...args);
  return JSON.parse(stdout) as ShownRow[];
}

describe("the rows that a command of the quarantine takes", () => {
  it("are named by the ids that show prints, by every command", async () => {
    const shown = (await quarantine("show")).stdout;
    const [id = ""] = /\b[0-9a-f]{12}\b/.exec(shown) ?? [];
    expect(await rows("--id", id)).toHaveLength(1);
    expect((await quarantine("export", "--id", id)).stdout).toContain(id);
    expect((await quarantine("repair", "--id", id, "--set", "amount=1")).stdout).toMatch(/^1 row changed/);
    expect((await quarantine("discard", "--id", id)).stdout).toBe("1 row discarded\n");
    expect((await quarantine("reopen", "--id", id)).stdout).toMatch(/^1 row open again/);
    expect((await quarantine("resubmit", "--id", id)).stdout).toMatch(
      /^1 row appended in version 2; 0 still/,
    );
  });

  it.each([
    ["repair", ["--set", "amount=1"]],
    ["discard", []],
    ["reopen", []],
    ["resubmit", ["--untested"]],
  ])("are never all of them unless --all says so: %s", async (verb, options) => {
    const run = await quarantine(verb, ...options);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/--id, --batch or --check, or .* with --all/);
    if (verb === "reopen") await quarantine("discard", "--all");
    // of the rows without tests, one does not fit the table
    const count = verb === "resubmit" ? 2 : 3;
    expect((await quarantine(verb, "--all", ...options)).stdout).toMatch(new RegExp(`^${count} rows`));
    expect((await quarantine(verb, "--all", "--batch", "june", ...options)).code).toBe(2);
  });

  it.each([
    ["--id", "0000", "No such rows in the quarantine: 0000"],
    ["--batch", "jule", "batch jule"],
    ["--check", "negative", "check negative"],
  ])("are an error where %s is unknown, whatever the command", async (option, value, message) => {
    for (const [verb, ...more] of [
      ["show"],
      ["show", "--format", "jsonl"],
      ["export"],
      ["repair", "--set", "amount=1"],
      ["discard"],
      ["reopen"],
      ["resubmit"],
      ["resubmit", "--untested"],
    ] as const) {
      const run = await quarantine(verb, option, value, ...more);
      expect([verb, run.code, run.stdout]).toEqual([verb, 1, ""]);
      expect(run.stderr).toContain(message);
    }
  });

  it("are an error where none of them is in the state that the command changes", async () => {
    await quarantine("discard", "--check", "positive", "--note", "test rows");
    const again = await quarantine("discard", "--check", "positive");
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/none is open: 2 discarded/);
    await quarantine("reopen", "--check", "positive");
    await quarantine("resubmit", "--untested", "--check", "positive");
    const reopened = await quarantine("reopen", "--check", "positive");
    expect(reopened.code).toBe(1);
    expect(reopened.stderr).toMatch(
      /none is discarded: 2 resubmitted\. Resubmitted rows are part of the table/,
    );
  });
});

describe("a repair at the terminal", () => {
  it("sees the cell as it came, and marks the rows", async () => {
    await quarantine(
      "repair",
      "--batch",
      "june",
      "--set",
      "amount=abs(coalesce(amount, replace(raw.amount, ',', '.')::DOUBLE))",
    );
    expect((await quarantine("show")).stdout.match(/open, repaired/g)).toHaveLength(3);
    expect(JSON.parse((await quarantine("list", "--format", "json")).stdout)).toMatchObject([
      { batchId: "june", open: 3, repaired: 3 },
    ]);
    expect((await quarantine("resubmit", "--all")).stdout).toMatch(
      /^3 rows appended in version 2; 0 still fail/,
    );
    expect(JSON.parse((await quarantine("list", "--format", "json")).stdout)).toMatchObject([
      { batchId: "june", open: 0, resubmitted: 3, repaired: 3 },
    ]);
    expect(
      (await varve("query", "SELECT amount FROM t WHERE id = 4", "-t", `t=${table}`, "--format", "csv"))
        .stdout,
    ).toBe("amount\n12.5\n");
  });
});

describe("what a resubmission prints", () => {
  it("says why rows still fail", async () => {
    expect(await quarantine("resubmit", "--all")).toMatchObject({
      code: 0,
      stdout:
        "0 rows appended; 3 still fail and stay open:\n" +
        "  2: amount must be at least 0 (positive)\n" +
        "  1: amount must be a double (schema:amount)\n",
    });
  });

  it("asks for tests where none were kept", async () => {
    rmSync(join(table, "_quarantine", "_suites"), { recursive: true });
    const run = await quarantine("resubmit", "--all");
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/batch june .*--suite.*--untested.*QUARANTINE_INVALID/s);
    expect((await quarantine("resubmit", "--all", "--suite", suite)).stdout).toMatch(
      /^0 rows appended; 3 still fail/,
    );
  });
});

describe("quarantine purge", () => {
  it("removes the bytes of the rows", async () => {
    const folder = join(table, "_quarantine");
    const files = () => readdirSync(folder).filter((name) => name.endsWith(".parquet"));
    await quarantine("discard", "--all", "--note", "a request");
    const before = files();
    expect((await quarantine("purge", "--older-than", "0m", "--dry-run")).stdout).toBe(
      "3 rows would be removed\n",
    );
    expect(files()).toEqual(before);
    expect((await quarantine("purge", "--older-than", "0m")).stdout).toBe("3 rows removed\n");
    expect(files()).toEqual([]);
    expect((await quarantine("purge", "--help")).stdout.replaceAll(/\s+/g, " ")).toContain(
      "earlier versions of the quarantine can then no longer be read",
    );
  });
});

describe("quarantine show --status", () => {
  it("shows rows in any state", async () => {
    await quarantine("discard", "--check", "positive");
    expect(await rows()).toHaveLength(1);
    expect((await rows("--status", "discarded")).map(({ status }) => status)).toEqual([
      "discarded",
      "discarded",
    ]);
    expect(await rows("--status", "any")).toHaveLength(3);
    expect((await quarantine("export", "--status", "any")).stdout.trim().split("\n")).toHaveLength(3);
    expect((await quarantine("show", "--status", "lost")).code).toBe(2);
  });
});
