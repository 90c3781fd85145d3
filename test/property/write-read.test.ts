import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { mapFields } from "../../src/schema/fields.ts";
import type { DecimalType, DeltaType, StructType } from "../../src/schema/types.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { anySchema } from "../schema/arbitrary-schema.ts";
import fc from "../support/fast-check.ts";

// PROTOCOL.md "Delta Data Type to Parquet Type Mappings".

const moments = fc
  .date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true })
  .map((date) => date.toISOString());
const range = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });

function anyValue(type: DeltaType, nullable: boolean): fc.Arbitrary<unknown> {
  return nullable ? fc.option(present(type), { freq: 5 }) : present(type);
}

function present(type: DeltaType): fc.Arbitrary<unknown> {
  if (typeof type !== "string") {
    if (type.type === "decimal") return decimals(type);
    if (type.type === "array")
      return fc.array(anyValue(type.elementType, type.containsNull), { maxLength: 3 });
    if (type.type === "struct") return rowOf(type);
    const entry = fc.tuple(present(type.keyType), anyValue(type.valueType, type.valueContainsNull));
    return fc.uniqueArray(entry, { maxLength: 3, selector: ([key]) => JSON.stringify(plain(key)) });
  }
  const known: Partial<Record<typeof type, fc.Arbitrary<unknown>>> = {
    string: fc.string({ unit: "grapheme", maxLength: 8 }),
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    integer: range(32),
    short: range(16),
    byte: range(8),
    float: fc.float(),
    double: fc.double(),
    boolean: fc.boolean(),
    binary: fc.uint8Array({ maxLength: 5 }),
    date: moments.map((text) => text.slice(0, 10)),
    timestamp: moments.map((text) => text.replace("Z", "123Z")),
    timestamp_ntz: moments.map((text) => text.replace("Z", "123")),
  };
  return known[type] ?? fc.constant(null);
}

function decimals({ precision, scale }: DecimalType): fc.Arbitrary<string> {
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** BigInt(precision) - 1n }), fc.boolean())
    .map(([digits, negative]) => {
      const text = digits.toString().padStart(scale + 1, "0");
      const spelled = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
      return negative && digits > 0n ? `-${spelled}` : spelled;
    });
}

function rowOf(type: StructType): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, anyValue(field.type, true)])), {
    noNullPrototype: true,
  });
}

/** Values in a form that compares: bytes and wide integers as text, NaN equal to itself, 0 to -0. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") return value === 0 ? "0" : String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

const schemas = anySchema.map((schema) =>
  mapFields(schema, (field) => ({ ...field, nullable: true, metadata: {} })),
);
const tables = schemas.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    rows: fc.array(rowOf(schema), { minLength: 1, maxLength: 4 }),
    mode: fc.constantFrom("none", "name", "id"),
  }),
);

describe("rows of any schema", () => {
  it("come back as they were written, columns mapped or not", async () => {
    const folder = freshFolder();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(tables, async ({ schema, rows, mode }) => {
        const properties = mode === "none" ? {} : { "delta.columnMapping.mode": mode };
        const table = await createTable(join(folder, `t${number++}`), { schema, properties, threads: 1 });
        await table.append(rows);
        const found: unknown[] = [];
        for await (const row of table.snapshot().rows()) found.push(row);
        await table.close();
        expect(found.map(plain)).toEqual(rows.map(plain));
      }),
      { numRuns: 25 },
    );
  });
});
