import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";
import { varve } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-point-in-time-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const table = join(folder, "scores");
const labels = join(folder, "labels.csv");

beforeAll(async () => {
  await using made = await createTable(table, {
    source: [{ id: 1n, "the, time": new Date("2024-01-01"), score: 0.5 }],
    properties: { "delta.columnMapping.mode": "name" },
  });
  await made.append([{ id: 1n, "the, time": new Date("2024-01-02"), score: 0.7 }]);
  await made.alter({ renameColumns: { "the, time": "seen" } });
  writeFileSync(labels, "customer,at\n1,2024-01-03T00:00:00Z\n2,2024-01-03T00:00:00Z\n");
});

const joined = (feature: string, ...more: readonly string[]) =>
  varve("point-in-time", labels, "--time", "at", "--feature", feature, "--format", "csv", ...more);

describe("varve point-in-time", () => {
  it("prints the joined rows, and on standard error the versions that they come from", async () => {
    const { stdout, stderr, code } = await joined(`${table},time=seen,key=customer:id,prefix=was_`);
    expect({ stdout, code }).toEqual({
      code: 0,
      stdout: "customer,at,was_score\n1,2024-01-03 00:00:00+00,0.7\n2,2024-01-03 00:00:00+00,\n",
    });
    expect(stderr).toMatch(/^joined .*scores@v2, committed \d{4}-/);
  });

  it("takes names with commas as JSON, and SQL over the joined rows", async () => {
    const feature = { table: `${table}@v0`, eventTime: "the, time", keys: { customer: "id" } };
    const { stdout, stderr, code } = await joined(
      JSON.stringify(feature),
      "--sql",
      "SELECT max(score) AS s FROM t",
      "-q",
    );
    expect({ stdout, stderr, code }).toEqual({ code: 0, stdout: "s\n0.5\n", stderr: "" });
  });

  it.each([
    [",time=seen,key=id", 2],
    ["./t,key=id", 2],
    ["./t,time=seen,time=at,key=id", 2],
    ["./t,time=seen,key=id,until=3", 2],
    [`${table},time=seen,key=customer:id,key=customer:score`, 2],
    [`${table},time=seen,key=customer:id:score`, 2],
    ["{", 2],
    ["{}", 2],
    [`${table},time=seen,key=customer:id,ttl=soon`, 2],
    [`${table},time=seen,key=nowhere`, 1],
  ])("refuses %s with exit code %i", async (feature, expected) => {
    const { stdout, stderr, code } = await joined(feature);
    expect({ stdout, code }).toEqual({ stdout: "", code: expected });
    expect(stderr).not.toBe("");
  });
});
