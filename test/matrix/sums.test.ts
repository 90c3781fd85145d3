import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, schema, suite } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { readWritten } from "./judge.ts";
import { sqlValue } from "./spellings.ts";
import { type StructValue, shapes, type TypeCase, types, type Value } from "./values.ts";

// A sum has the type DECIMAL(38, scale) or HUGEINT, and more digits than that where it overflows.

interface Sum {
  readonly type: TypeCase["type"];
  readonly terms: readonly [string, string];
  readonly total: string;
}

const nines = "9".repeat(38);
const fraction = (zeros: number) => `0.${"0".repeat(zeros)}1`;

/** Two numbers of a type; the sums of the first list fit it, those of the second are one step beyond. */
const sums: Readonly<Record<string, { readonly fits: readonly Sum[]; readonly beyond: readonly Sum[] }>> =
  Object.fromEntries(
    (
      [
        ["decimal(5,2)", "999.99", "0.01", "1000.00"],
        ["decimal(18,4)", "99999999999999.9999", "0.0001", "100000000000000.0000"],
        ["decimal(38,0)", nines, "1", `1${"0".repeat(38)}`],
        ["decimal(38,38)", `0.${nines}`, fraction(37), `1.${"0".repeat(38)}`],
        ["long", "9223372036854775807", "1", "9223372036854775808"],
        ["integer", "2147483647", "1", "2147483648"],
      ] as const
    ).map(([name, largest, step, beyond]) => {
      const type = types[name]?.type ?? "long";
      const sum = (terms: readonly [string, string], total: string): Sum => ({ type, terms, total });
      const fits = [sum([largest, "0"], largest), sum([`-${largest}`, "0"], `-${largest}`)];
      const outside = [sum([largest, step], beyond), sum([`-${largest}`, `-${step}`], `-${beyond}`)];
      // whole numbers have one more below zero
      return [name, { fits, beyond: name.startsWith("decimal") ? outside : outside.slice(0, 1) }];
    }),
  );

/** How SQL puts a value into a shape of the matrix. */
const wraps: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => value,
  struct: (value) => `{'v': ${value}}`,
  array: (value) => `[${value}, NULL, ${value}]`,
  map: (value) => `MAP {'k': ${value}}`,
};

const sumSql = ({ type, terms: [one, other] }: Sum) =>
  `(SELECT sum(x) FROM (SELECT ${sqlValue(type, one)} AS x UNION ALL SELECT ${sqlValue(type, other)}))`;

const cells = Object.entries(sums).flatMap(([name, of]) =>
  Object.entries(wraps).map(([shape, wrap]) => ({ name, shape, wrap, ...of })),
);

/**
 * The engine prints a DECIMAL(38,38) of 1 or more with a byte that it never set, so that the refusal may be
 * one of text that is not UTF-8.
 */
const beyondCells = cells.filter(({ name }) => name !== "decimal(38,38)");

function shaped(shape: string, value: Value): Value {
  return shapes[shape]?.value(value) ?? null;
}

/** Digits without the zeros that only a scale brings, which a new table's column has more of. */
const plain = (value: unknown): unknown =>
  typeof value === "string"
    ? value.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")
    : value instanceof Map
      ? new Map([...value].map(([key, item]) => [key, plain(item)]))
      : Array.isArray(value)
        ? value.map(plain)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
          : value;

const valuesOf = (rows: readonly StructValue[]) => rows.map(({ v }) => plain(v));

describe("sums in SQL", () => {
  it.each(cells)("that fit are stored with all digits: $name $shape", async ({ shape, wrap, fits }) => {
    const [sum] = fits;
    const type = shapes[shape]?.type(sum?.type ?? "long") ?? "long";
    const sql = fits.map((one) => `SELECT ${wrap(sumSql(one))} AS v`).join(" UNION ALL ");
    const expected = fits.map(({ total }) => plain(shaped(shape, total)));
    const [created, appended] = [join(freshFolder(), "created"), join(freshFolder(), "appended")];
    await using _created = await createTable(created, { source: { sql } });
    expect(valuesOf((await readWritten(created)).rows)).toEqual(expected);
    await using table = await createTable(appended, { schema: schema().column("v", type) });
    await table.append({ sql });
    expect(valuesOf((await readWritten(appended)).rows)).toEqual(expected);
  });

  it.each(beyondCells)(
    "one step beyond are refused or set aside: $name $shape",
    async ({ shape, wrap, beyond }) => {
      const gate = suite("aside", [], { onMisfit: "quarantine", maxBadShare: 1 });
      for (const sum of beyond) {
        const folder = join(freshFolder(), "t");
        const type = shapes[shape]?.type(sum.type) ?? "long";
        await using table = await createTable(folder, { schema: schema().column("v", type) });
        const sql = `SELECT NULL AS v UNION ALL SELECT ${wrap(sumSql(sum))}`;
        const refused = table.append({ sql });
        await expect(refused).rejects.toMatchObject({
          code: "SCHEMA_MISMATCH",
          data: { column: expect.arrayContaining(["v"]) },
        });
        await expect(refused).rejects.toThrow(sum.total);
        await table.append({ sql }, { gate });
        expect((await readWritten(folder)).rows).toEqual([{ v: null }]);
        expect(await table.quarantine.read()).toHaveLength(1);
      }
    },
  );
});
