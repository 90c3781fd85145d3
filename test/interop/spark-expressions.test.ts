import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { translateSpark } from "../../src/dialects/spark/translate.ts";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { schema } from "../../src/schema/builder.ts";
import { type Cell, canonicalCell, engineCells, makeGrid } from "../support/spark/engine-cells.ts";
import { expectedCells, expectedFile } from "../support/spark/expected.ts";
import { columnsOfType, gridTypes, sparkTypeName, sparkValue } from "../support/spark/grid.ts";
import { allProofs, type Proof } from "../support/spark/proofs.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { sharedPeers } from "./peer.ts";

const peers = sharedPeers();
const proofs = allProofs();
const rules = [...new Set(proofs.map(({ rule }) => rule))];
/** Spark's cells by expression, of all rules: what the fixture is made of. */
const evaluated = new Map<string, readonly Cell[]>();
let session: Session;

beforeAll(async () => {
  session = await openSession({ threads: 2 });
  await makeGrid(session);
  const columns = gridTypes.flatMap(({ name, type }) =>
    columnsOfType.map((number) => [`${name}_${number}`, sparkTypeName(type)]),
  );
  const values = gridTypes.flatMap((type) =>
    columnsOfType.map((number) => [
      `${type.name}_${number}`,
      type.values.map((value) => sparkValue(type, value)),
    ]),
  );
  await peers.call("spark", "make_cells", { columns, values: Object.fromEntries(values) });
});

afterAll(async () => session.close());

/** Spark's type and cells for each proof. */
async function sparkCells(part: readonly Proof[]): Promise<(readonly Cell[])[]> {
  const expressions = part.map(({ expression, columns }) => ({ expression, columns }));
  const answer = await peers.call("spark", "cells", { expressions });
  if (!Array.isArray(answer)) throw new TypeError("spark.cells did not answer a list");
  return answer.map((cells) =>
    Array.isArray(cells) ? cells.map((cell) => (cell === null ? null : String(cell))) : [],
  );
}

/** The first cells in which Spark and the engine differ, as text. */
function differences(proof: Proof, spark: readonly Cell[], engine: readonly Cell[]): string[] {
  const { term, domain, expression } = proof;
  const [type, ...cells] = spark;
  if (cells.length === 0 || type !== sparkTypeName(term.type))
    return [`${expression}: Spark says ${type}, varve ${sparkTypeName(term.type)}`];
  if (cells.length !== engine.length)
    return [`${expression}: ${cells.length} cells in Spark, ${engine.length} in the engine`];
  const differing = cells.flatMap((cell, index) => {
    const [wanted, found] = [canonicalCell(cell, term.type), canonicalCell(engine[index] ?? null, term.type)];
    return wanted === found || (domain !== undefined && found === "!")
      ? []
      : [`${expression} cell ${index}: Spark ${wanted}, varve ${found}`];
  });
  const failing = engine.filter((cell) => cell === "!").length;
  const vacuous =
    failing === engine.length && cells.some((cell) => cell !== "!")
      ? [`${expression}: fails everywhere`]
      : [];
  return [...differing.slice(0, 2), ...vacuous];
}

describe("expressions mean in the engine what they mean in Spark", () => {
  test.each(rules)("%s", async (rule) => {
    const part = proofs.filter((proof) => proof.rule === rule);
    const found: string[] = [];
    const engine = new Map<string, readonly Cell[]>();
    for await (const [proof, cells] of engineCells(session, part)) engine.set(proof.expression, cells);
    for (let start = 0; start < part.length; start += 50) {
      const some = part.slice(start, start + 50);
      const spark = await sparkCells(some);
      for (const [index, proof] of some.entries()) {
        const cells = spark[index] ?? [];
        evaluated.set(proof.expression, cells);
        found.push(...differences(proof, cells, engine.get(proof.expression) ?? []));
      }
    }
    expect(found).toEqual([]);
  });

  test.each(["upper", "lower"])("%s, for every code point but those that it fails for", async (name) => {
    const all =
      "SELECT id, decode(unhex(lpad(hex(id), 8, '0')), 'UTF-32') AS c FROM range(1, 1114112) WHERE id NOT BETWEEN 55296 AND 57343";
    const answer = await peers.sql(
      "",
      `SELECT id, hex(${name}(c)) AS changed FROM (${all}) WHERE ${name}(c) <> c`,
    );
    const changed = answer.rows.map((row) => `(${Number(row["id"])}, '${String(row["changed"])}')`);
    expect(changed.length).toBeGreaterThan(1000);
    const { sql, fails } = translateSpark(`${name}(c)`, schema().string("c").build());
    const engine =
      "SELECT range AS id, chr(CAST(range AS INTEGER)) AS c FROM range(1, 1114112) WHERE range NOT BETWEEN 55296 AND 57343";
    const differing = await session.rows(
      unchecked(`SELECT id FROM (${engine}) LEFT JOIN (VALUES ${changed.join(", ")}) AS spark(id, changed) USING (id)
       WHERE NOT ${fails} AND hex(encode(${sql})) <> coalesce(changed, hex(encode(c)))`),
    );
    expect(differing).toEqual([]);
  });

  // With VARVE_UPDATE_FIXTURES=1 the fixture is written, which the tests without Spark read.
  test("have in the fixture what Spark answers", () => {
    const sampled = expectedCells(proofs, evaluated);
    if (process.env["VARVE_UPDATE_FIXTURES"] === "1") writeFileSync(expectedFile, sampled);
    expect(readFileSync(expectedFile, "utf8") === sampled).toBe(true);
  });
});
