import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-cli-check-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("check --table", () => {
  it("says what append then does, with the table's types and broken cells set aside", async () => {
    const table = join(folder, "orders");
    await varve("create", table, "--from", file("may.csv", "id,amount\n1,2.5\n"));
    const suite = file(
      "suite.json",
      '{"onMisfit":"quarantine","checks":[{"kind":"expect_column_values_to_be_between","params":{"column":"amount","min_value":0},"onFail":"quarantine"}]}',
    );
    const june = file("june.csv", "id,amount\n1,many\n2,-1\n3,2\n4,3\n5,4\n");
    const report = await varve("check", suite, june, "--table", table, "--format", "json");
    expect([report.code, report.stderr]).toEqual([0, ""]);
    expect(JSON.parse(report.stdout)).toMatchObject({ accepted: true, rows: 5, clean: 3, quarantined: 2 });
    expect(JSON.parse((await varve("history", table, "--format", "json")).stdout)).toHaveLength(1);

    const appended = await varve("append", table, june, "--suite", suite, "--json");
    expect(JSON.parse(appended.stdout)).toMatchObject({ rows: 3, gate: { rows: 5, quarantined: 2 } });
  });

  it("fails as append does for a column that the table does not have", async () => {
    const table = join(folder, "other");
    await varve("create", table, "--from", file("ids.csv", "id\n1\n"));
    const suite = file("empty.json", '{"checks":[]}');
    const wrong = file("wrong.csv", "id,surprise\n1,2\n");
    const [check, append] = [
      await varve("check", suite, wrong, "--table", table),
      await varve("append", table, wrong, "--suite", suite),
    ];
    expect(check).toMatchObject({ code: append.code, stdout: "", stderr: append.stderr });
    expect(check.stderr).toContain("surprise");
  });
});
