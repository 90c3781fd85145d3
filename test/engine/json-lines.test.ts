import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonLinesOptions, Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: Session;

beforeAll(async () => {
  session = await openSession({ threads: 2 });
});

afterAll(() => session.close());

async function lines(sql: string, options: JsonLinesOptions = {}): Promise<string[]> {
  let text = "";
  for await (const part of session.jsonLines(unchecked(sql), options)) {
    expect(part.endsWith("\n")).toBe(true);
    text += part;
  }
  return text.split("\n").slice(0, -1);
}

describe("lossless JSON lines", () => {
  it.each([
    ["9223372036854775807", "9223372036854775807"],
    ["(-128)::TINYINT", "-128"],
    ["true", "true"],
    ["NULL", "null"],
    ["0.1::FLOAT", "0.1"],
    ["0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004"],
    ["3.4028234663852886e38::FLOAT", "3.4028235e+38"],
    ["1e300::DOUBLE", "1e+300"],
    ["'nan'::DOUBLE", '"NaN"'],
    ["'inf'::FLOAT", '"Infinity"'],
    ["'-inf'::DOUBLE", '"-Infinity"'],
    ["1.5::DECIMAL(38,10)", '"1.5000000000"'],
    ["-12345678901234567890123456789012345678::DECIMAL(38,0)", '"-12345678901234567890123456789012345678"'],
    ["DATE '0001-02-03'", '"0001-02-03"'],
    ["TIMESTAMPTZ '2024-01-31 10:00:00+02'", '"2024-01-31T08:00:00.000000Z"'],
    ["TIMESTAMPTZ '0031-01-31 10:00:00.000001Z'", '"0031-01-31T10:00:00.000001Z"'],
    ["TIMESTAMP '1969-12-31 23:59:59.999999'", '"1969-12-31T23:59:59.999999"'],
    ["'\\x00\\xFF'::BLOB", '"AP8="'],
    ["''::BLOB", '""'],
    ["[1, NULL, 3]", "[1,null,3]"],
    ["[]::INTEGER[]", "[]"],
    ["[[0.5::DECIMAL(2,1)], NULL, []]", '[["0.5"],null,[]]'],
    ["MAP {'a': [1], 'b': NULL}", '[["a",[1]],["b",null]]'],
    ["MAP {1: DATE '2024-01-01'}", '[[1,"2024-01-01"]]'],
    [`{'a': 1, 'b "c"': {'d': 'nan'::FLOAT}, 'e': NULL}`, '{"a":1,"b \\"c\\"":{"d":"NaN"},"e":null}'],
    ["CASE WHEN false THEN {'a': 1} END", "null"],
  ])("%s is %s", async (expression, expected) => {
    expect(await lines(`SELECT ${expression} AS v`)).toEqual([`{"v":${expected}}`]);
  });

  it("escapes texts so that they parse back to themselves", async () => {
    const [line] = await lines(
      `SELECT 'quote " backslash \\ tab ' || chr(9) || ' line ' || chr(10) || ' bell ' || chr(7) || ' é 😀' AS "odd ""name"" \\"`,
    );
    expect(JSON.parse(line ?? "")).toEqual({
      'odd "name" \\': 'quote " backslash \\ tab \t line \n bell \u0007 é 😀',
    });
  });

  it("puts the text of JSON columns in as it is", async () => {
    expect(await lines(`SELECT '{"a":[1,"x"]}' AS v, NULL AS w`, { jsonColumns: ["v", "w"] })).toEqual([
      '{"v":{"a":[1,"x"]},"w":null}',
    ]);
  });

  it("streams many rows in order, whole lines at a time", async () => {
    const all = await lines("SELECT i, 'text ' || i AS t FROM range(100000) t(i)");
    expect(all).toHaveLength(100_000);
    expect(all.every((line, at) => line === `{"i":${at},"t":"text ${at}"}`)).toBe(true);
  });

  it("an empty result has no lines", async () => {
    expect(await lines("SELECT 1 AS a WHERE false")).toEqual([]);
  });
});
