import { describe, expect, it } from "vitest";
import { isVarveError } from "../../src/errors.ts";
import {
  decodePartitionValue,
  encodePartitionValue,
  integerRange,
  partitionValueSql,
} from "../../src/schema/partition-values.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { sql } from "../../src/sql/sql.ts";
import fc from "../support/fast-check.ts";

// PROTOCOL.md "Partition Value Serialization".

const decoded = (type: DeltaType, text: string | null) => decodePartitionValue(type, text, ["p"]);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return "none";
};

describe("partition values of the log", () => {
  it("reads an empty text as null for every type", () => {
    const types: DeltaType[] = [
      "string",
      "long",
      "double",
      "boolean",
      "binary",
      "date",
      "timestamp",
      { type: "decimal", precision: 5, scale: 2 },
    ];
    expect(types.map((type) => decoded(type, ""))).toEqual(types.map(() => null));
    expect(types.map((type) => encodePartitionValue(type, ""))).toEqual(types.map(() => null));
  });

  it("reads both spellings of a timestamp as the same moment", () => {
    const spellings = [
      "2021-09-08 11:11:11",
      "2021-09-08T11:11:11.000000Z",
      "2021-09-08 11:11:11.0",
      "2021-09-08T13:11:11+02:00",
    ];
    expect(new Set(spellings.map((text) => decoded("timestamp", text)))).toEqual(
      new Set(["2021-09-08 11:11:11.000000"]),
    );
    expect(encodePartitionValue("timestamp", "2021-09-08 11:11:11.5")).toBe("2021-09-08T11:11:11.500000Z");
  });

  it("keeps moments before 1970 exact to the microsecond", () => {
    expect(decoded("timestamp", "1969-12-31 23:59:59.999999")).toBe("1969-12-31 23:59:59.999999");
    expect(decoded("timestamp_ntz", "0001-01-01 00:00:00")).toBe("0001-01-01 00:00:00.000000");
  });

  it("reads binary as UTF-8 text and as escapes", () => {
    expect(decoded("binary", "\u0001\u0002\u0003")).toEqual(Uint8Array.of(1, 2, 3));
    expect(decoded("binary", "\\u0001\\u00FF")).toEqual(Uint8Array.of(1, 255));
  });

  it("spells decimals with all digits of the scale, exponents included", () => {
    const type: DeltaType = { type: "decimal", precision: 38, scale: 18 };
    expect(decoded(type, "0E-18")).toBe("0.000000000000000000");
    expect(decoded(type, "-12.5")).toBe("-12.500000000000000000");
    expect(decoded({ type: "decimal", precision: 5, scale: 0 }, "1E+2")).toBe("100");
  });

  it.each<[DeltaType, string]>([
    ["byte", "128"],
    ["long", "9223372036854775808"],
    ["integer", "1.5"],
    ["date", "2023-02-29"],
    ["timestamp", "2023-01-01 25:00:00"],
    ["boolean", "yes"],
    [{ type: "decimal", precision: 4, scale: 2 }, "100.00"],
    [{ type: "decimal", precision: 4, scale: 2 }, "1.005"],
    ["variant", "1"],
  ])("refuses for %j the text %s", (type, text) => {
    expect(codeOf(() => decoded(type, text))).toBe("LOG_CORRUPT");
  });

  it("writes typed SQL constants with quotes doubled", () => {
    expect(partitionValueSql("string", "it's", sql`VARCHAR`)).toBe("CAST('it''s' AS VARCHAR)");
    expect(partitionValueSql("timestamp", "2021-01-01T00:00:00Z", sql`TIMESTAMPTZ`)).toBe(
      "CAST('2021-01-01 00:00:00.000000+00' AS TIMESTAMPTZ)",
    );
    expect(partitionValueSql("binary", "a", sql`BLOB`)).toBe("from_hex('61')");
    expect(partitionValueSql("long", null, sql`BIGINT`)).toBe("CAST(NULL AS BIGINT)");
  });
});

describe("partition values, round trips", () => {
  const roundTrip = (type: DeltaType, text: string): void => {
    const value = decoded(type, text);
    expect(decoded(type, encodePartitionValue(type, value))).toEqual(value);
  };

  it("whole numbers", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: integerRange.long[0], max: integerRange.long[1] }), (value) =>
        roundTrip("long", value.toString()),
      ),
    );
  });

  it("doubles, with NaN, infinities and negative zero", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(
          Number(
            decoded("double", encodePartitionValue("double", Object.is(value, -0) ? "-0" : String(value))),
          ),
        ).toBe(value);
      }),
    );
  });

  it("texts", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (value) => {
        expect(decoded("string", encodePartitionValue("string", value))).toBe(value);
      }),
    );
  });

  it("bytes, whether UTF-8 or not", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (value) => {
        expect(decoded("binary", encodePartitionValue("binary", value))).toEqual(Uint8Array.from(value));
      }),
    );
    const escapesAsText = new TextEncoder().encode("\\u0041");
    expect(decoded("binary", encodePartitionValue("binary", escapesAsText))).toEqual(escapesAsText);
  });

  it("dates and timestamps", () => {
    const moments = fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T00:00:00Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, (date) => {
        roundTrip("date", date.toISOString().slice(0, 10));
        expect(
          new Date(`${String(decoded("timestamp", date.toISOString())).replace(" ", "T")}Z`).getTime(),
        ).toBe(date.getTime());
        roundTrip("timestamp", date.toISOString());
        roundTrip("timestamp_ntz", date.toISOString().replace("Z", ""));
      }),
    );
  });

  it("decimals to 38 digits", () => {
    const numbers = fc.tuple(
      fc.integer({ min: 1, max: 38 }),
      fc.nat(38),
      fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(numbers, ([precision, wanted, digits, negative]) => {
        const scale = Math.min(wanted, precision);
        const text = (digits % 10n ** BigInt(precision)).toString().padStart(scale + 1, "0");
        const spelled = `${negative ? "-" : ""}${text.slice(0, text.length - scale)}.${text.slice(text.length - scale)}`;
        roundTrip({ type: "decimal", precision, scale }, spelled);
        const value = decoded({ type: "decimal", precision, scale }, spelled);
        expect(String(value).replace(/[-.]/g, "")).toBe(text);
      }),
    );
  });
});
