import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

/** A row that every check passes, and for each check the values by which a row fails it alone. */
const good = { id: 1, amount: 5, price: 1.5, code: "c1", kind: "a", mail: "x@example.org", low: 1, high: 2 };
const bad: Readonly<Record<string, Partial<Record<keyof typeof good, unknown>>>> = {
  present: { kind: null },
  range: { amount: 11 },
  strict: { price: 0 },
  member: { kind: "z" },
  banned: { code: "c13" },
  characters: { code: "c12345" },
  order: { low: 3 },
};
const checks = [
  check.notNull("kind", { id: "present" }),
  check.between("amount", { min: 0, max: 10 }, { id: "range", onFail: "quarantine" }),
  check.between("price", { min: 0, strictMin: true }, { id: "strict" }),
  check.oneOf("kind", ["a", "b"], { id: "member" }),
  check.noneOf("code", ["c13"], { id: "banned" }),
  // patterns stay varve's own: Spark's regular expressions are other ones
  check.matches("code", "^c[0-9]+$", { id: "pattern" }),
  check.length("code", { min: 1, max: 5 }, { id: "characters" }),
  check.format("mail", "email", { id: "format" }),
  check.greater("high", "low", { id: "order" }),
];

const columns = [
  ["id", "int64"],
  ["amount", "int64"],
  ["price", "double"],
  ["code", "string"],
  ["kind", "string"],
  ["mail", "string"],
  ["low", "int64"],
  ["high", "int64"],
] as const;

async function guarded(name: string): Promise<string> {
  const path = join(folder, name);
  const made = schema()
    .long("id")
    .long("amount")
    .double("price")
    .string("code")
    .string("kind")
    .string("mail")
    .long("low")
    .long("high");
  await using table = await createTable(path, { schema: made });
  const { constraints } = await table.suite.set(suite("guarded", checks), {
    registerConstraints: true,
    upgradeProtocol: true,
  });
  expect(constraints.map(({ checkId }) => checkId)).toEqual(Object.keys(bad));
  return path;
}

const literal = (value: unknown) =>
  value === null ? "NULL" : typeof value === "string" ? `'${value}'` : String(value);

describe("row checks that a table carries as constraints", () => {
  test("keep bad rows out of what Spark writes, and nothing else", async () => {
    const path = await guarded("spark");
    const insert = (row: object) =>
      peers.sql(path, `INSERT INTO {table} VALUES (${Object.values(row).map(literal).join(", ")})`);
    await insert(good);
    await insert({ ...good, amount: null, price: null, code: null, mail: null });
    for (const [id, change] of Object.entries(bad))
      await expect(insert({ ...good, ...change }), id).rejects.toThrow(new RegExp(`varve_${id}`));
    expect((await peers.read("spark", path)).rows).toHaveLength(2);
  });

  test("keep bad rows out of what deltalake writes, and nothing else", async () => {
    const path = await guarded("deltalake");
    const append = (row: object) => peers.call("deltalake", "append", { path, rows: [row], columns });
    await append(good);
    await append({ ...good, amount: null, price: null, code: null, mail: null });
    for (const [id, change] of Object.entries(bad))
      await expect(append({ ...good, ...change }), id).rejects.toThrow(/failed validation check/);
    expect((await peers.read("deltalake", path)).rows).toHaveLength(2);
  });
});
