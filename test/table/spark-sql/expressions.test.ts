import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../../src/dialects/spark/translate.ts";
import type { Session } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { canonicalCell, engineCells, makeGrid } from "../../support/spark/engine-cells.ts";
import { heldCells, sampledIndexes } from "../../support/spark/expected.ts";
import { allProofs } from "../../support/spark/proofs.ts";

const proofs = allProofs();
let session: Session;

beforeAll(async () => {
  session = await openSession({ threads: 2 });
  await makeGrid(session);
});

afterAll(async () => session.close());

describe("the translation of Spark's expressions", () => {
  it("has proofs of every rule under every name", () => {
    const names = rules.flatMap((rule) =>
      rule.names.filter(() => !proofs.some((proof) => proof.rule === rule.names[0])),
    );
    expect(names).toEqual([]);
  });

  it("is in the specification, name by name", () => {
    const spec = readFileSync(join(import.meta.dirname, "../../../spec/spark-expressions.md"), "utf8");
    const missing = rules.flatMap(({ names }) =>
      names.filter((name) => /^[a-z0-9_]+$/.test(name) && !new RegExp(`\\b${name}\\b`, "i").test(spec)),
    );
    expect(missing).toEqual([]);
  });

  it("has Spark's answers to every proof, and gives the same", async () => {
    const expected = heldCells();
    const found: string[] = [];
    for await (const [{ expression, term, domain }, cells] of engineCells(session, proofs)) {
      const spark = expected[expression];
      if (spark === undefined)
        found.push(`${expression}: no answer of Spark; run test/interop/spark-expressions.test.ts`);
      for (const [place, index] of sampledIndexes(cells.length).entries()) {
        const [wanted, given] = [
          canonicalCell(spark?.[place] ?? null, term.type),
          canonicalCell(cells[index] ?? null, term.type),
        ];
        if (wanted !== given && !(domain !== undefined && given === "!"))
          found.push(`${expression} cell ${index}: Spark ${wanted}, varve ${given}`);
      }
    }
    expect(found).toEqual([]);
    expect(Object.keys(expected)).toHaveLength(proofs.length);
  });
});
