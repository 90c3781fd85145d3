import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { driftCasesFile, driftCasesFound, readDriftCases } from "./drift-cases.ts";
import { comparisonOf } from "./drift-kinds.ts";

const { cases, series } = readDriftCases();
const passed = new Map<string, number>();
const pending = new Map<string, number>();
const argued = arguedCases(readFileSync(resolve(import.meta.dirname, "../../spec/drift.md"), "utf8"));

afterAll(() => {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([kind, count]) => `${kind} ${count}`).join(", ");
  const waiting = pending.size === 0 ? "" : `; not supported yet: ${list(pending)}`;
  process.stderr.write(`drift cases that agree: ${list(passed)}${waiting}\n`);
});

describe("what other projects answered about drift and models", () => {
  it("finds the file of cases", ({ skip }) => {
    if (!driftCasesFound && process.env["CI"] === undefined)
      skip(`no file of cases: ${driftCasesFile} (name it in VARVE_DRIFT_CASES)`);
    expect(cases.length, driftCasesFile).toBeGreaterThan(0);
  });

  for (const item of cases) {
    const compare = comparisonOf(item);
    it(item.id, async ({ skip }) => {
      if (compare === undefined) {
        count(pending, item.kind);
        return skip(`${item.method} (${item.kind}) is not supported yet`);
      }
      if (argued.has(item.id)) return await expectDifference(() => compare(item, series), item.id);
      await compare(item, series);
      count(passed, item.kind);
    });
  }
});

/** A case that is argued must still differ, or the argument is stale. */
async function expectDifference(compare: () => Promise<void> | void, id: string): Promise<void> {
  let differs = false;
  try {
    await compare();
  } catch {
    differs = true;
  }
  expect(differs, `${id} agrees: remove its row from spec/drift.md`).toBe(true);
}

/** Ids in the first column of the table below the heading "Cases that are argued". */
function arguedCases(document: string): ReadonlySet<string> {
  const section = document.split(/^## /m).find((part) => part.startsWith("Cases that are argued"));
  return new Set([...(section ?? "").matchAll(/^\| `([^`]+)` \|/gm)].map(([, id]) => id ?? ""));
}

function count(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
