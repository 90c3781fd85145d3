import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-suggest-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A month of a feed with counters of year and month, as a batch that comes monthly has them. */
function month(number: number, bad = 0): string {
  const rows = Array.from({ length: 200 }, (_, index) =>
    [number * 1000 + index, 2001, number, ["a", "b", "c"][index % 3], index < bad ? -1 : index % 50].join(
      ",",
    ),
  );
  const file = join(folder, `month-${number}.csv`);
  writeFileSync(file, `id,year,month,class,amount\n${rows.join("\n")}\n`);
  return file;
}

describe("varve suggest", () => {
  it("prints a suite that the next month passes, and that rejects a month that is mostly bad", async () => {
    const [may, june] = [month(5), month(6)];
    const suite = join(folder, "suite.json");
    const table = join(folder, "t");
    expect(await varve("suggest", may, june, "-o", suite)).toMatchObject({ code: 0 });
    expect(await varve("create", table, "--from", may)).toMatchObject({ code: 0 });
    expect(await varve("check", suite, month(7), "--strict")).toMatchObject({ code: 0 });
    const { code, stderr } = await varve("append", table, month(8, 150), "--suite", suite);
    expect(code).toBe(3);
    expect(stderr).toContain(
      "150 of 200 rows failed amount:non_negative (150), more than the 50 % that maxBadShare allows",
    );
  });

  it("tells a program the verdict of a rejected batch on standard output, and what has no suite as such", async () => {
    const table = join(folder, "rejected");
    const strict = join(folder, "strict.json");
    const params = { column: "amount", min_value: 0 };
    const checks = [{ id: "low", kind: "expect_column_values_to_be_between", params }];
    writeFileSync(strict, JSON.stringify({ checks }));
    await varve("create", table, "--from", month(5));
    const { code, stdout, stderr } = await varve("append", table, month(6, 3), "--suite", strict, "--json");
    expect(code).toBe(3);
    expect(stderr).toContain("[BATCH_REJECTED]");
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "rejected",
      reasons: [expect.stringContaining("3 of 200 rows fail")],
      gate: { accepted: false, rows: 200, checks: [{ id: "low", unexpected: 3 }] },
    });
    expect(await varve("suite", "remove", table)).toMatchObject({
      code: 0,
      stdout: "the table has no suite to remove, and stays at version 0\n",
    });
  });

  it("--holdout tests the suite on the last rows, and tells the rates beside the suite", async () => {
    const { code, stdout, stderr } = await varve("suggest", month(5), "--holdout", "0.2");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ maxBadShare: 0.5 });
    expect(stderr).toContain("on 4 batches of 40 held out rows:\n  id:not_null: failed in 0 (0 %)\n");
    expect(await varve("suggest", month(5), "--holdout", "1")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("It must be a number above 0 and below 1"),
    });
  });
});
