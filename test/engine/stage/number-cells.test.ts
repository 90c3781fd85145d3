import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { binaryCell, exactCell } from "../../../src/engine/stage/csv/number-cells.ts";
import { exactJson } from "../../../src/engine/stage/shared/exact-json.ts";
import { decimalShape, floatOf, holdsText } from "../../../src/engine/stage/shared/number-text.ts";
import { parseDecimal } from "../../../src/engine/stage/shared/parse-values.ts";
import { sql } from "../../../src/sql/sql.ts";
import { quoteText } from "../../../src/sql/sql-text.ts";
import fc from "../../support/fast-check.ts";

let folder: string;
let session: OpenSession;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "number-cells-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the engine makes of texts: a double, a float, a decimal(38,10), a long. */
async function engineValues(texts: readonly string[]) {
  const text = sql`x`;
  const list = texts.map((one) => quoteText(one));
  const rows = await session.rows(
    sql`SELECT ${binaryCell(text, "DOUBLE")} AS d, ${binaryCell(text, "FLOAT")} AS f,
        CAST(${exactCell(text, sql`DECIMAL(38,10)`, 10)} AS VARCHAR) AS m, CAST(${exactCell(text, sql`BIGINT`, 0)} AS VARCHAR) AS l
      FROM (SELECT unnest([${list}]) AS x)`,
  );
  return rows.map(({ d, f, m, l }) => ({ d, f, m, l }));
}

const isNumber = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

/** The same by the rule for one value, which JSON lines and row objects go by. */
function ownValues(text: string) {
  if (!isNumber.test(text)) return { d: null, f: null, m: null, l: null };
  const value = Number(text);
  const unscaled = parseDecimal(text, 38, 10);
  const whole = parseDecimal(text, 19, 0);
  return {
    d: holdsText(value, text) ? value : null,
    f: floatOf(value, text) ?? null,
    m: unscaled === undefined ? null : pointed(unscaled, 10),
    l: whole === undefined || BigInt.asIntN(64, whole) !== whole ? null : String(whole),
  };
}

function pointed(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Zero has one sign here: what reads the sign of a text is told apart elsewhere. */
const unsigned = <T extends { readonly d: unknown; readonly f: unknown }>(values: T): T => ({
  ...values,
  d: values.d === 0 ? 0 : values.d,
  f: values.f === 0 ? 0 : values.f,
});

describe("a number's text", () => {
  it.each([
    ["0.1", 0.1, Math.fround(0.1), "0.1000000000", null],
    ["16777217", 16777217, null, "16777217.0000000000", "16777217"],
    ["9007199254740993", null, null, "9007199254740993.0000000000", "9007199254740993"],
    ["1e39", 1e39, null, null, null],
    ["1e400", null, null, null, null],
    ["1e-400", null, null, null, null],
    ["0E-18", 0, 0, "0.0000000000", "0"],
    ["-1.5E1", -15, -15, "-15.0000000000", "-15"],
    ["100e-2", 1, 1, "1.0000000000", "1"],
    ["0.1234567890123456789", null, null, null, null],
    ["0.10000000149011612", 0.10000000149011612, Math.fround(0.1), null, null],
    ["0.123456789", 0.123456789, null, "0.1234567890", null],
    ["4.9e-324", 5e-324, null, null, null],
    ["1e99999999999", null, null, null, null],
    ["12345678901234567890123456789", null, null, null, null],
    ["1e", null, null, null, null],
    ["", null, null, null, null],
  ])("%s is the double %s, the float %s, the decimal %s and the long %s", async (text, d, f, m, l) => {
    expect((await engineValues([text])).map(unsigned)).toEqual([{ d, f, m, l }]);
    expect(unsigned(ownValues(text))).toEqual({ d, f, m, l });
  });

  it("is read alike by the engine, which reads CSV, and by varve, which reads JSON", async () => {
    const digits = fc.stringMatching(/^[0-9]{0,22}$/);
    const written = fc
      .tuple(
        fc.constantFrom("", "-", "+"),
        digits,
        fc.option(digits),
        fc.option(fc.integer({ min: -330, max: 330 })),
      )
      .map(([sign, whole, fraction, power]) =>
        [sign, whole, fraction === null ? "" : `.${fraction}`, power === null ? "" : `e${power}`].join(""),
      );
    const printed = fc
      .tuple(fc.oneof(fc.double({ noNaN: true }), fc.float({ noNaN: true })), fc.integer({ min: 1, max: 25 }))
      .map(([value, size]) => (size > 21 ? String(value) : value.toPrecision(size)))
      .filter((text) => isNumber.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(written, printed), { minLength: 200, maxLength: 200 }),
        async (texts) => {
          expect((await engineValues(texts)).map(unsigned)).toEqual(
            texts.map((text) => unsigned(ownValues(text))),
          );
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("a number of JSON", () => {
  it("is the same whichever parser reads its line", () => {
    const number = fc.oneof(
      fc.stringMatching(/^-?(0|[1-9][0-9]{0,22})([.][0-9]{1,22})?([eE][+-]?[0-9]{1,4})?$/),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    );
    fc.assert(
      fc.property(fc.array(number), (texts) => {
        const list = texts.map((text) => `${text},`).join("");
        // the last one has the line read digit by digit
        const [alone, slowly] = [`[${list}0]`, `[${list}9007199254740993]`].map(exactJson) as unknown[][];
        expect(alone?.slice(0, -1)).toEqual(slowly?.slice(0, -1));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("types that CSV and JSON lines are found to have", () => {
  async function found(ending: "csv" | "ndjson", texts: readonly string[]) {
    const file = join(folder, `found.${ending}`);
    const lines = ending === "csv" ? ["x", ...texts] : texts.map((text) => `{"x":${text}}`);
    writeFileSync(file, `${lines.join("\n")}\n`);
    const { sql: select, columns } = await session.stage({ kind: ending, files: [file] });
    const rows = await session.rows(sql`SELECT CAST(x AS VARCHAR) AS x FROM (${select})`);
    return [columns[0]?.type, ...rows.map(({ x }) => x)];
  }

  it.each([
    ["longs", ["1", "-9223372036854775808"], "BIGINT", ["1", "-9223372036854775808"]],
    [
      "ids of 20 digits",
      ["12345678901234567890", "12345678901234567891"],
      "DECIMAL(38,0)",
      ["12345678901234567890", "12345678901234567891"],
    ],
    [
      "fractions",
      ["0.1", "2.5e-7", "0.30000000000000004"],
      "DOUBLE",
      ["0.1", "2.5e-07", "0.30000000000000004"],
    ],
    [
      "fractions of many digits",
      ["0.1234567890123456789", "1.5"],
      "DECIMAL(38,19)",
      ["0.1234567890123456789", "1.5000000000000000000"],
    ],
    [
      "an integer that no double holds",
      ["1.5", "9007199254740993"],
      "DECIMAL(38,1)",
      ["1.5", "9007199254740993.0"],
    ],
  ])("%s", async (_name, texts, type, values) => {
    expect(await found("csv", texts)).toEqual([type, ...values]);
    expect(await found("ndjson", texts)).toEqual([type, ...values]);
  });

  it.each([
    ["a fraction", "0.5", "DOUBLE"],
    ["a code", "007", "VARCHAR"],
    ["a number of 20 digits", "12345678901234567890", "DECIMAL(38,0)"],
    ["a fraction that no double holds", "0.1234567890123456789", "DECIMAL(38,19)"],
    ["a date", "2024-01-31", "VARCHAR"],
  ])("are those of every cell: %s after 3,000 whole numbers of CSV", async (_name, last, type) => {
    const whole = Array.from({ length: 3000 }, (_, index) => String(index));
    expect((await found("csv", [...whole, last]))[0]).toBe(type);
    expect((await found("csv", [last, ...whole]))[0]).toBe(type);
  });

  it("are text in CSV where no number says as much, and refused in JSON", async () => {
    const longest = "1".repeat(39);
    for (const texts of [["1e5", "2e7"], [longest], ["1e400"], ["1e-400", "1"], ["0.5", "1".repeat(38)]])
      expect(await found("csv", texts)).toEqual(["VARCHAR", ...texts]);
    for (const text of [longest, "1e400", "1e-400", `${"1".repeat(38)}.5`])
      await expect(found("ndjson", [text])).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        message: expect.stringContaining(`the number ${text}, which no column type can hold`),
      });
  });

  it("are refused where a line names a field twice", async () => {
    for (const [text, ...column] of [
      ['1,"x":2', "x"],
      ['{"a":{"b":1,"b":1}}', "x", "a", "b"],
      ['[{"a":"\\\\","a":1}]', "x", "element", "a"],
      ['1,"\\u0078":2', "x"],
      ['9007199254740993,"x":2', "x"],
    ] as const)
      await expect(found("ndjson", [text])).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        message: expect.stringContaining("twice"),
        data: { line: 1, column },
      });
    expect(await found("ndjson", ['{"a":"\\"a\\":1","b":{"a":1}}', '{"a":"c:","b":{"a":2}}'])).toHaveLength(
      3,
    );
  });
});

describe("a number of a million digits", () => {
  it("is looked at once, wherever its zeros are", () => {
    const zeros = "0".repeat(1_000_000);
    expect(decimalShape(`1${zeros}1`)).toEqual({ whole: 1_000_002, scale: 0 });
    expect(decimalShape(`1.${zeros}1${zeros}`)).toEqual({ whole: 1, scale: 1_000_001 });
    expect(decimalShape(`${zeros}.${zeros}`)).toEqual({ whole: 0, scale: 0 });
  });
});
