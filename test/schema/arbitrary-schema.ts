import type { DeltaType, StructField, StructType } from "../../src/schema/types.ts";
import fc from "../support/fast-check.ts";

const decimals = fc
  .integer({ min: 1, max: 38 })
  .chain((precision) => fc.nat(precision).map((scale): DeltaType => ({ type: "decimal", precision, scale })));

/** Types without parts that every engine can hold. */
const primitives: fc.Arbitrary<DeltaType> = fc.oneof(
  fc.constantFrom<DeltaType>(
    "string",
    "long",
    "integer",
    "short",
    "byte",
    "float",
    "double",
    "boolean",
    "binary",
    "date",
    "timestamp",
    "timestamp_ntz",
  ),
  decimals,
);

const names = fc.oneof(
  fc.constantFrom("a", "b", "id", "naïve name", 'quo"te', "dot.ted", "__proto__"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }),
);

const metadata = fc.dictionary(
  fc.constantFrom("comment", "delta.columnMapping.id", "x"),
  fc.oneof(fc.string(), fc.nat(), fc.boolean(), fc.constant(null)),
  {
    noNullPrototype: true,
  },
);

const { type: anyDeltaType, struct } = fc.letrec<{ type: DeltaType; struct: StructType }>((tie) => ({
  type: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    primitives,
    fc.record(
      { type: fc.constant("array" as const), elementType: tie("type"), containsNull: fc.boolean() },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        type: fc.constant("map" as const),
        keyType: primitives,
        valueType: tie("type"),
        valueContainsNull: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
    tie("struct"),
  ),
  struct: fc
    .uniqueArray(
      fc.record(
        { name: names, type: tie("type"), nullable: fc.boolean(), metadata },
        { noNullPrototype: true },
      ) as fc.Arbitrary<StructField>,
      {
        minLength: 1,
        maxLength: 5,
        selector: (field) => field.name.toLowerCase(),
      },
    )
    .map((fields): StructType => ({ type: "struct", fields })),
}));

/** Any type, nested to a few levels. */
export const anyType: fc.Arbitrary<DeltaType> = anyDeltaType;

/** Any schema: at least one field, names unique without regard to case. */
export const anySchema: fc.Arbitrary<StructType> = struct;
