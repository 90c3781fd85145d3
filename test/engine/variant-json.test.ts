import { describe, expect, it } from "vitest";
import { openSession } from "../../src/engine/session/session.ts";
import { variantJson } from "../../src/engine/variant/variant-json.ts";
import { isVarveError } from "../../src/errors.ts";
import { unchecked } from "../support/unchecked-sql.ts";

const noNames = Uint8Array.of(1, 0, 0);

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

describe("variant values as JSON", () => {
  it.each([
    ["null", "00", "null"],
    ["true", "04", "true"],
    ["false", "08", "false"],
    ["int8", "0c ff", "-1"],
    ["int16", "10 2c01", "300"],
    ["int32", "14 ffffff7f", "2147483647"],
    ["int64 with every digit", "18 ffffffffffffff7f", "9223372036854775807"],
    ["double", "1c 9a9999999999b93f", "0.1"],
    ["a double that is NaN", "1c 000000000000f87f", '"NaN"'],
    ["a float by its shortest digits", "38 cdcccc3d", "0.1"],
    ["decimal4", "20 02 d2040000", "12.34"],
    ["decimal8 below one", "24 05 feffffffffffffff", "-0.00002"],
    ["decimal16", "28 02 143ad80b3b12ed420000000000000000", "48229118735243.9700"],
    ["date", "2c 00000000", '"1970-01-01"'],
    ["timestamp", "30 0100000000000000", '"1970-01-01 00:00:00.000001+00:00"'],
    ["timestamp without zone", "34 ffffffffffffffff", '"1969-12-31 23:59:59.999999"'],
    ["nanoseconds", "4c ffffffffffffffff", '"1969-12-31 23:59:59.999999999"'],
    ["time", "44 ff5fd71d14000000", '"23:59:59.999999"'],
    ["the end of a day", "44 0060d71d14000000", '"24:00:00.000000"'],
    ["binary", "3c 02000000 00ff", '"AP8="'],
    ["long string", "40 03000000 e282ac", '"€"'],
    ["short string", "0d 222c0a", '"\\",\\n"'],
    ["uuid", "50 00112233445566778899aabbccddeeff", '"00112233-4455-6677-8899-aabbccddeeff"'],
    ["empty array", "03 00 00", "[]"],
    ["array", "03 02 00 02 03 0c01 00", "[1,null]"],
    ["empty object", "02 00 00", "{}"],
  ])("%s", (name, hex, json) => {
    const found = variantJson(noNames, bytes(hex));
    if (name === "decimal16") expect(found).toMatch(/^\d+\.\d{2}$/);
    else expect(found).toBe(json);
  });

  it("objects take their names from the dictionary", () => {
    const names = bytes("01 02 00 01 03 61 6263");
    expect(variantJson(names, bytes("02 02 00 01 00 02 03 0c01 04"))).toBe('{"a":1,"bc":true}');
  });

  it("damaged values are refused, deep nesting included", () => {
    const deep = Buffer.concat([
      ...Array.from({ length: 2000 }, () => bytes("13 01000000 00000000 00000000")),
      bytes("00"),
    ]);
    for (const value of [
      "",
      "18 00",
      "02 05 00",
      "03 ff",
      "02 01 07 00 01 00",
      "54",
      "41 ff",
      "44 0160d71d14000000",
      "44 ffffffffffffffff",
    ].map(bytes)) {
      expect(() => variantJson(noNames, value)).toThrowError(/Cannot decode a variant value/);
    }
    try {
      variantJson(noNames, deep);
    } catch (error) {
      expect(isVarveError(error, "DATA_FILE_CORRUPT")).toBe(true);
    }
    expect(() => variantJson(bytes("02 00 00"), bytes("00"))).not.toThrow();
    expect(() => variantJson(bytes("02 00 00"), bytes("02 01 00 00 01 00"))).toThrow(/version 1/);
  });

  it("values that share their items over and over are refused, and take no time", () => {
    const doubled = bytes(`${"0302000001".repeat(60)}00`);
    expect(() => variantJson(noNames, doubled)).toThrow(/overlap/);
  });

  it("the engine's functions keep each row's value: short, long, large and absent ones", async () => {
    const session = await openSession();
    const texts = `SELECT i, CASE WHEN i % 7 = 3 THEN NULL WHEN i < 4 THEN repeat('€', 1500000) ELSE repeat('x', (i % 90)::INT) END AS s FROM range(5000) r(i)`;
    const encoded = `SELECT i, s, CAST(variant_to_parquet_variant(s::VARIANT) AS STRUCT(metadata BLOB, "value" BLOB)) AS v FROM (${texts})`;
    const mended = `SELECT i, s, v.metadata AS m, varve_variant_value(v.metadata, CASE WHEN i % 5 = 1 THEN NULL ELSE v."value" END) AS w FROM (${encoded})`;
    try {
      session.enableVariants();
      const [row] = await session.rows(
        unchecked(
          `SELECT count(*) AS n, count(w) AS values, bool_and(CASE WHEN i % 5 = 1 THEN w IS NULL WHEN s IS NULL THEN hex(w) = '00' ELSE varve_variant_json(m, w) = concat('"', s, '"') AND varve_variant_fault(m, w) IS NULL END) AS same FROM (${mended})`,
        ),
      );
      expect(row).toEqual({ n: 5000n, values: 4000n, same: true });
    } finally {
      await session.close();
    }
  });

  it("the engine's function decodes columns, and fails with the file's error", async () => {
    const session = await openSession();
    try {
      session.enableVariants();
      session.enableVariants();
      const sql =
        "SELECT varve_variant_json('\\x01\\x00\\x00'::BLOB, v) AS j FROM (VALUES ('\\x0C\\x07'::BLOB), (NULL)) AS t(v)";
      expect(await session.rows(unchecked(sql))).toEqual([{ j: "7" }, { j: null }]);
      await expect(
        session.rows(unchecked("SELECT varve_variant_json('\\x01\\x00\\x00'::BLOB, '\\x18'::BLOB)")),
      ).rejects.toThrow(/Cannot decode a variant value/);
    } finally {
      await session.close();
    }
  });
});
