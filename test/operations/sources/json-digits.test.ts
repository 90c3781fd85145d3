import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Source } from "../../../src/api/shared/table-options.ts";
import { createTable, type SchemaBuilder, schema } from "../../../src/index.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

/** One number as the only cell of a file. */
const files: Record<string, (number: string) => Source> = {
  csv: (number) => ({ csv: written("n.csv", `x\n${number}\n`) }),
  ndjson: (number) => ({ ndjson: written("n.ndjson", `{"x":${number}}\n`) }),
};

function written(name: string, text: string): string {
  const path = join(freshFolder(), name);
  writeFileSync(path, text);
  return path;
}

async function landed(columns: SchemaBuilder, source: Source | undefined): Promise<unknown> {
  await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
  const outcome = await table.append(source ?? []).catch((error: { readonly code?: unknown }) => error);
  return "code" in outcome ? outcome.code : (await rowsOf(table))[0]?.["x"];
}

describe.each(Object.keys(files))("a number whose double is printed with other digits, from %s", (format) => {
  it.each<[string, string, SchemaBuilder, unknown]>([
    ["0.10000000000000001", "decimal(38,20)", schema().decimal("x", 38, 20), "0.10000000000000001000"],
    ["0.10000000000000001", "decimal(38,10)", schema().decimal("x", 38, 10), "SCHEMA_MISMATCH"],
    ["9.999999999999999e22", "decimal(38,0)", schema().decimal("x", 38, 0), "99999999999999990000000"],
    ["0.10000000000000001", "float", schema().float("x"), "SCHEMA_MISMATCH"],
    ["0.10000000000000001", "double", schema().double("x"), 0.1],
    ["4.9e-324", "double", schema().double("x"), 5e-324],
    ["100000000000000000000000", "double", schema().double("x"), 1e23],
    ["9007199254740993.0", "long", schema().long("x"), 9007199254740993n],
    ["9223372036854775808.0", "long", schema().long("x"), "SCHEMA_MISMATCH"],
  ])("%s in %s keeps its digits or is refused", async (number, _, columns, expected) => {
    expect(await landed(columns, files[format]?.(number))).toEqual(expected);
  });
});

describe("a number in a variant whose double is printed with other digits", () => {
  it.each([
    ["0.10000000000000001", "0.10000000000000001"],
    // no decimal has its exponent
    ["4.9e-324", "5e-324"],
  ])("%s of JSON lines is %s", async (number, expected) => {
    expect(await landed(schema().column("x", "variant"), files["ndjson"]?.(number))).toEqual(expected);
  });
});

it("a column of such numbers is inferred as doubles, from JSON lines", async () => {
  const source = { ndjson: written("n.ndjson", '{"x":0.10000000000000001}\n{"x":0.5}\n') };
  await using table = await createTable(join(freshFolder(), "t"), { source });
  expect(await rowsOf(table)).toEqual([{ x: 0.1 }, { x: 0.5 }]);
});

it("a column of such numbers does not become decimals by later rows, which would not have their digits", async () => {
  const many = '{"x":0.5}\n'.repeat(70_000);
  const later = '{"x":0.1234567890123456789012345}\n';
  const create = (first: string) =>
    createTable(join(freshFolder(), "t"), {
      source: { ndjson: written("n.ndjson", `${many}{"x":${first}}\n${many}${later}`) },
    });
  await expect(create("0.10000000000000001")).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: expect.stringContaining("holds 0.10000000000000001 as a double"),
    data: { column: ["x"] },
  });
  await using table = await create("0.1");
  expect(await table.count("x = 0.1::DECIMAL(38,25)")).toBe(1);
});
