import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const clipped = check.between(
  "id",
  { min: 0 },
  { id: "clipped", onFail: "repair", repair: { with: "clip" } },
);

describe("a repair of values that generated columns follow", () => {
  const fresh = () =>
    createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").column("twice", "long", { generatedAs: "id * 2" }),
      partitionBy: ["twice"],
    });

  it("computes them anew, and tests what came out", async () => {
    const table = await fresh();
    const high = check.between("twice", { max: 100 }, { id: "high", onFail: "quarantine" });
    const low = check.between("twice", { min: 0 }, { id: "low" });
    const result = await table.append([{ id: 1 }, { id: -5 }, { id: 51 }], {
      gate: suite("s", [clipped, high, low]),
    });
    expect(result).toMatchObject({ rows: 2, quarantine: { rows: 1 } });
    expect(await rowsOf(table)).toEqual([
      { id: 0n, twice: 0n },
      { id: 1n, twice: 2n },
    ]);
    await table.close();
  });

  it("cannot make them something else than their expression", async () => {
    const table = await fresh();
    const own = check.between(
      "twice",
      { min: 0 },
      { id: "own", onFail: "repair", repair: { with: "clip", otherwise: "quarantine" } },
    );
    expect(await table.append([{ id: 1 }, { id: -5 }], { gate: suite("s", [own]) })).toMatchObject({
      rows: 1,
      quarantine: { rows: 1 },
    });
    await table.close();
  });
});

it("a repair of a nested field is refused by the place in the suite, and writes nothing", async () => {
  const table = await createTable(join(freshFolder(), "t"), {
    schema: schema().long("id").struct("point", schema().long("x")),
  });
  const nested = check.between("point.x", { min: 0 }, { onFail: "repair", repair: { with: "clip" } });
  await expect(
    table.append([{ id: 1, point: { x: -1n } }], { gate: suite("s", [nested]) }),
  ).rejects.toMatchObject({
    code: "SUITE_INVALID",
    data: { path: "checks[0].params.column" },
  });
  expect(await rowsOf(table)).toEqual([]);
  await table.close();
});

describe("a repair by a default", () => {
  it.each([
    ["text for a number", "abc"],
    ["a fraction for a whole number", 0.5],
    ["a boolean for a number", true],
  ])("is refused where the suite meets the column: %s", async (_, value) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const rules = suite("s", [
      check.between("id", { min: 0 }, { onFail: "repair", repair: { with: "default", value } }),
    ]);
    const refused = { code: "SUITE_INVALID", data: { path: "checks[0].repair.value" } };
    await expect(table.suite.set(rules)).rejects.toMatchObject(refused);
    await expect(table.append([{ id: 1 }], { gate: rules })).rejects.toMatchObject(refused);
    await table.close();
  });
});
