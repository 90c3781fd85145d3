import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { sample } from "../support/sample.ts";
import { runDmlCase, unsupportedStatement } from "./dml-case-run.ts";
import { dmlCasesFile, dmlCasesFound, readDmlCases, underVariant } from "./dml-cases.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-dml-"));
/** Numbers of cases that were not run, by the statement that is not supported yet. */
const pending = new Map<string, number>();
let passed = 0;

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  const kinds = [...pending].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`);
  const waiting = kinds.length === 0 ? "" : `; not supported yet: ${kinds.join(", ")}`;
  process.stderr.write(`DML cases: ${passed} as in Spark${waiting}\n`);
});

describe("statements do to a table what Spark does", () => {
  it("finds the file of cases", ({ skip }) => {
    if (!dmlCasesFound && process.env["CI"] === undefined)
      skip(`no file of cases: ${dmlCasesFile} (name it in VARVE_DML_CASES)`);
    expect(readDmlCases().length, dmlCasesFile).toBeGreaterThan(0);
  });

  const variants = sample(
    readDmlCases().flatMap((item) => (item.alsoUnder ?? []).map((variant) => underVariant(item, variant))),
    8,
  );
  for (const [index, item] of [...readDmlCases(), ...variants].entries()) {
    it(item.id, async ({ skip }) => {
      if (item.disputed !== undefined) skip(`Spark errs: ${item.disputed}`);
      const statement = await unsupportedStatement(item);
      if (statement !== undefined) pend(skip, statement);
      await runDmlCase(item, join(folder, String(index)));
      passed += 1;
    });
  }
});

function pend(skip: (reason: string) => void, what: string): void {
  pending.set(what, (pending.get(what) ?? 0) + 1);
  skip(`${what} is not supported yet`);
}
