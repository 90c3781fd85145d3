import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, type Table } from "../../src/index.ts";

describe("a version's data files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("are named as they lie below the table, each version its own", async () => {
    const table = await createTable(join(folder, "a table"), {
      source: [{ day: "1 %/é", n: 1 }],
      partitionBy: ["day"],
    });
    await table.append([{ day: "2", n: 2 }]);
    const names: string[][] = [[], []];
    for (const version of [0, 1])
      for await (const chunk of (await table.at(version)).files()) names[version]?.push(...chunk);
    expect(names.map((one) => one.length)).toEqual([1, 2]);
    expect(names[1]).toContain(names[0]?.[0]);
    expect(names[1]?.every((name) => existsSync(join(folder, "a table", name)))).toBe(true);
    await table.close();
  });
});

describe("a condition", () => {
  let folder = "";
  let table: Table;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-test-"));
    table = await createTable(join(folder, "t"), {
      source: [
        { n: 1, day: "a" },
        { n: 2, day: "b" },
      ],
    });
  });
  afterAll(async () => {
    await table.close();
    await rm(folder, { recursive: true, force: true });
  });

  const breaches: readonly (readonly [string, string])[] = [
    ["that closes its parenthesis and reads the table again", "true) UNION ALL SELECT * FROM t WHERE (true"],
    ["that closes its parenthesis and groups", "true) GROUP BY ALL HAVING (true"],
    ["that closes its parenthesis and sets a limit", "true) LIMIT (1"],
    ["with a sub-query", "n = (SELECT max(n) FROM t)"],
    ["with EXISTS", "EXISTS (FROM t)"],
    ["with an aggregate", "n = max(n)"],
    ["with a window", "row_number() OVER () = 1"],
    ["with an alias", "n = 1 AS one"],
    ["that is two", "true, true"],
    ["that is none", ""],
  ];
  it.each(breaches)("%s is refused by every verb that takes one", async (_, where) => {
    const version = table.snapshot();
    const refused = { code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/) };
    await expect(version.select({ where })).rejects.toMatchObject(refused);
    await expect(version.count(where)).rejects.toMatchObject(refused);
    await expect(version.rows({ where }).next()).rejects.toMatchObject(refused);
    await expect(version.batches({ where }).next()).rejects.toMatchObject(refused);
    await expect(version.arrow({ where })).rejects.toMatchObject(refused);
  });

  it("may name the version, end in a comment and depend on the moment", async () => {
    for (const where of [
      "t.n = 2",
      "n = 2 -- the last",
      "n = 2 AND now() > TIMESTAMPTZ '2020-01-01'",
      "n = 2 AND current_date > DATE '2020-01-01'",
    ])
      expect(await table.snapshot().count(where)).toBe(1);
  });

  it("that does not parse is shown at its own place", async () => {
    await expect(table.snapshot().count("n = = 2")).rejects.toMatchObject({
      code: "SQL_FAILED",
      data: { line: 1, column: 5 },
    });
  });
});
