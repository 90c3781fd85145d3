import type { DeltaType } from "../../src/schema/types.ts";

/**
 * A value apart from every source: numbers, dates and moments as their text, structs as objects, maps as
 * `Map`.
 */
export type Value =
  | null
  | string
  | boolean
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<Value, Value>
  | StructValue;

export interface StructValue {
  readonly [field: string]: Value;
}

/** A value that a type cannot hold, and the type in which sources with types bring it. */
export interface Misfit {
  readonly value: Value;
  /** Absent where no type of the source can hold it: only text sources spell it. */
  readonly as?: CarrierType | undefined;
}

/** Delta's types, and moments with nanoseconds. */
export type CarrierType = DeltaType | "nanoseconds" | "zoned nanoseconds";

export interface TypeCase {
  readonly type: DeltaType;
  readonly values: Readonly<Record<string, Value>>;
  readonly misfits?: Readonly<Record<string, Misfit>> | undefined;
}

/** `decimal(precision,scale)`. */
const decimal = (precision: number, scale: number): DeltaType => ({
  type: "decimal",
  precision,
  scale,
});

function whole(bits: 8 | 16 | 32 | 64, type: DeltaType, wider: DeltaType): TypeCase {
  const limit = 1n << BigInt(bits - 1);
  return {
    type,
    values: { ordinary: "7", zero: "0", largest: String(limit - 1n), smallest: String(-limit) },
    misfits: {
      "one above": { value: String(limit), as: wider },
      "one below": { value: String(-limit - 1n), as: wider },
      fraction: { value: "1.5", as: "double" },
      tiny: { value: "1e-400" },
      huge: { value: "1e400" },
      NaN: { value: "NaN", as: "double" },
      infinity: { value: "Infinity", as: "double" },
    },
  };
}

const binaryFractions = {
  ordinary: "1.5",
  zero: "0",
  "minus zero": "-0",
  NaN: "NaN",
  infinity: "Infinity",
  "minus infinity": "-Infinity",
};

const moments = (zone: string) => ({
  ordinary: `2024-06-01T10:00:00.123456${zone}`,
  first: `0001-01-01T00:00:00.000000${zone}`,
  last: `9999-12-31T23:59:59.999999${zone}`,
  "before 1970": `1969-12-31T23:59:59.999999${zone}`,
});

const nines = "9".repeat(38);
const element = (name: string, type: DeltaType) => ({ name, type, nullable: true, metadata: {} });

/** Every type of Delta's, with values that it holds and values that it does not. */
export const types: Readonly<Record<string, TypeCase>> = {
  byte: whole(8, "byte", "short"),
  short: whole(16, "short", "integer"),
  integer: whole(32, "integer", "long"),
  long: whole(64, "long", decimal(19, 0)),
  float: {
    type: "float",
    values: {
      ...binaryFractions,
      largest: "3.4028234663852886e+38",
      smallest: "1.401298464324817e-45",
      "most digits": "16777216",
    },
    misfits: {
      "one beyond the digits": { value: "16777217", as: "integer" },
      "beyond the largest": { value: "3.5e+38", as: "double" },
      "below the smallest": { value: "1e-46", as: "double" },
      huge: { value: "1e400" },
    },
  },
  double: {
    type: "double",
    values: {
      ...binaryFractions,
      largest: "1.7976931348623157e+308",
      smallest: "5e-324",
      "seventeen digits": "0.30000000000000004",
      "most digits": "9007199254740992",
    },
    misfits: {
      "one beyond the digits": { value: "9007199254740993", as: "long" },
      "digits beyond": { value: "0.123456789012345678912345678", as: decimal(38, 30) },
      huge: { value: "1e400" },
      tiny: { value: "1e-400" },
    },
  },
  "decimal(5,2)": {
    type: decimal(5, 2),
    values: { ordinary: "1.50", zero: "0.00", largest: "999.99", smallest: "-999.99" },
    misfits: {
      "one above": { value: "1000.00", as: decimal(6, 2) },
      "one below": { value: "-1000.00", as: decimal(6, 2) },
      "a digit more": { value: "1.505", as: decimal(6, 3) },
      "a double": { value: "0.125", as: "double" },
      huge: { value: "1e400" },
      NaN: { value: "NaN", as: "double" },
    },
  },
  "decimal(18,4)": {
    type: decimal(18, 4),
    values: { largest: "99999999999999.9999", smallest: "-99999999999999.9999" },
    misfits: { "one above": { value: "100000000000000.0000", as: decimal(19, 4) } },
  },
  "decimal(38,0)": {
    type: decimal(38, 0),
    values: { ordinary: "-7", largest: nines, smallest: `-${nines}` },
    misfits: {
      "one above": { value: `1${"0".repeat(38)}` },
      fraction: { value: "0.5", as: decimal(2, 1) },
    },
  },
  "decimal(38,38)": {
    type: decimal(38, 38),
    values: { largest: `0.${nines}`, smallest: `-0.${nines}`, least: `0.${"0".repeat(37)}1` },
    misfits: { one: { value: "1.0", as: decimal(2, 1) } },
  },
  boolean: { type: "boolean", values: { true: true, false: false } },
  string: {
    type: "string",
    values: {
      ordinary: "text",
      empty: "",
      NUL: "a\0b",
      emoji: "😀",
      quotes: 'a "b", \n\té\\',
      "a number": "007",
      "a null": "NULL",
    },
    misfits: {
      "high surrogate": { value: "a\ud800b" },
      "low surrogate": { value: "\udc00" },
    },
  },
  binary: {
    type: "binary",
    values: {
      ordinary: Uint8Array.of(1, 2, 3),
      empty: new Uint8Array(0),
      any: Uint8Array.of(0, 255, 34, 10),
    },
  },
  date: {
    type: "date",
    values: { ordinary: "2024-02-29", first: "0001-01-01", last: "9999-12-31", "before 1970": "1969-12-31" },
    misfits: {
      "no day": { value: "2023-02-29" },
      "a moment": { value: "2024-02-29T00:00:00.000001", as: "timestamp_ntz" },
      endless: { value: "infinity", as: "date" },
    },
  },
  timestamp: {
    type: "timestamp",
    values: moments("Z"),
    misfits: {
      nanoseconds: { value: "2024-06-01T10:00:00.123456789Z", as: "zoned nanoseconds" },
      "nanoseconds before 1970": { value: "1969-12-31T23:59:59.999999999Z", as: "zoned nanoseconds" },
      endless: { value: "infinity", as: "timestamp" },
      "no time": { value: "2024-06-01T25:00:00.000000Z" },
    },
  },
  timestamp_ntz: {
    type: "timestamp_ntz",
    values: moments(""),
    misfits: {
      nanoseconds: { value: "2024-06-01T10:00:00.123456789", as: "nanoseconds" },
      "nanoseconds before 1970": { value: "1969-12-31T23:59:59.999999999", as: "nanoseconds" },
      endless: { value: "infinity", as: "timestamp_ntz" },
    },
  },
};

/** How a value is put into a column: as it is, or one level down. */
export const shapes: Readonly<
  Record<
    string,
    {
      readonly type: (type: DeltaType) => DeltaType;
      readonly value: (value: Value) => Value;
      /** Whether the value may be null below the shape. */
      readonly holdsNull: boolean;
    }
  >
> = {
  plain: { type: (type) => type, value: (value) => value, holdsNull: false },
  struct: {
    type: (type) => ({ type: "struct", fields: [element("v", type)] }),
    value: (value) => ({ v: value }),
    holdsNull: true,
  },
  array: {
    type: (elementType) => ({ type: "array", elementType, containsNull: true }),
    value: (value) => [value, null, value],
    holdsNull: true,
  },
  map: {
    type: (valueType) => ({ type: "map", keyType: "string", valueType, valueContainsNull: true }),
    value: (value) => new Map([["k", value]]),
    holdsNull: true,
  },
  "map keys": {
    type: (keyType) => ({ type: "map", keyType, valueType: "string", valueContainsNull: true }),
    value: (value) => new Map([[value, "v"]]),
    holdsNull: false,
  },
  "array of structs": {
    type: (type) => ({
      type: "array",
      elementType: { type: "struct", fields: [element("v", type)] },
      containsNull: true,
    }),
    value: (value) => [{ v: value }, null],
    holdsNull: true,
  },
};

/** Values of a nested column that none of its members brings. */
export const bareValues: Readonly<Record<string, Value>> = {
  array: [],
  map: new Map<Value, Value>(),
  "map keys": new Map<Value, Value>(),
};
