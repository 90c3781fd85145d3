import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";

describe("a version's data files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("are named as they lie below the table, each version its own", async () => {
    const table = await createTable(join(folder, "a table"), { source: [{ day: "1 %/é", n: 1 }], partitionBy: ["day"] });
    await table.append([{ day: "2", n: 2 }]);
    const names: string[][] = [[], []];
    for (const version of [0, 1]) for await (const chunk of (await table.at(version)).files()) names[version]?.push(...chunk);
    expect(names.map((one) => one.length)).toEqual([1, 2]);
    expect(names[1]).toContain(names[0]?.[0]);
    expect(names[1]?.every((name) => existsSync(join(folder, "a table", name)))).toBe(true);
    await table.close();
  });
});
