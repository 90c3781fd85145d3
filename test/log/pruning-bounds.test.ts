import { describe, expect, it } from "vitest";
import { mayMatchFile } from "../../src/log/pruning/pruning.ts";
import type { AddAction } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import type { DeltaType, StructType } from "../../src/schema/types.ts";
import { add } from "../support/log-tables.ts";

const decimal: DeltaType = { type: "decimal", precision: 30, scale: 4 };
type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "nullSafeEq";

const table = (type: DeltaType, partitionColumns: readonly string[] = []) => ({
  schema: {
    type: "struct",
    fields: [{ name: "c", type, nullable: true, metadata: {} }],
  } satisfies StructType as StructType,
  protocol: { kind: "protocol", minReaderVersion: 1, minWriterVersion: 2 } as const,
  metadata: {
    kind: "metaData",
    id: "x",
    format: { provider: "parquet", options: {} },
    schemaString: "",
    partitionColumns,
    configuration: {},
  } as const,
});

const file = (parts: readonly string[]): AddAction => add("f", { stats: `{${parts.join(",")}}` });
/** Of ten rows, of which some are null. */
const between = (min: string, max: string, nulls = 0): AddAction =>
  file([`"numRecords":10,"minValues":{"c":${min}},"maxValues":{"c":${max}},"nullCount":{"c":${nulls}}`]);
const is = (
  op: Comparison,
  type: DeltaType,
  value: string | boolean | null,
  literalType: DeltaType = type,
): Predicate => ({ op, column: ["c"], value: { type: literalType, value } });
const not = (arg: Predicate): Predicate => ({ op: "not", arg });
const kept = (type: DeltaType, each: AddAction, predicate: Predicate): boolean =>
  mayMatchFile(predicate, table(type))(each);

/** Where a constant lies: below the lower bound, at it, between the bounds, at the upper one, above it. */
const keptAt: Readonly<Record<Exclude<Comparison, "nullSafeEq">, readonly boolean[]>> = {
  eq: [false, true, true, true, false],
  ne: [true, true, true, true, true],
  lt: [false, false, true, true, true],
  le: [false, true, true, true, true],
  gt: [true, true, true, false, false],
  ge: [true, true, true, true, false],
};
const opposites = { eq: "ne", ne: "eq", lt: "ge", le: "gt", gt: "le", ge: "lt" } as const;

/** Bounds as statistics have them, and constants at those five places. */
const ordered: readonly (readonly [DeltaType, readonly [string, string], readonly (string | boolean)[]])[] = [
  ["byte", ["-3", "7"], ["-4", "-3", "0", "7", "8"]],
  ["short", ["-300", "-7"], ["-301", "-300", "-8", "-7", "-6"]],
  ["integer", ["9", "10"], ["8", "9", "9.5", "10", "11"]],
  [
    "long",
    ["9007199254740993", "9007199254740995"],
    ["9007199254740992", "9007199254740993", "9007199254740994", "9007199254740995", "9007199254740996"],
  ],
  [decimal, ["1.5", "20.25"], ["1.4999", "1.50", "9", "20.2500", "20.2501"]],
  [decimal, ["-20.25", "-1.5"], ["-20.2501", "-2.025e1", "-9", "-150e-2", "-1.4999"]],
  [
    "date",
    ['"2020-02-28"', '"2020-03-01"'],
    ["2020-02-27", "2020-02-28", "2020-02-29", "2020-03-01", "2020-03-02"],
  ],
  [
    "date",
    ['"1969-12-30"', '"1970-01-01"'],
    ["1969-12-29", "1969-12-30", "1969-12-31", "1970-01-01", "1970-01-02"],
  ],
];

describe("a constant beside the bounds of a file's column", () => {
  const cases = ordered.flatMap(([type, bounds, constants]) =>
    (Object.keys(keptAt) as (keyof typeof keptAt)[]).map((op) => ({ type, bounds, constants, op })),
  );
  it.each(cases)("$op, of $type from $bounds.0 to $bounds.1", ({ type, bounds, constants, op }) => {
    const each = between(bounds[0], bounds[1]);
    expect(constants.map((value) => kept(type, each, is(op, type, value)))).toEqual(keptAt[op]);
    expect(constants.map((value) => kept(type, each, not(is(op, type, value))))).toEqual(
      keptAt[opposites[op]],
    );
    expect(constants.map((value) => kept(type, each, not(not(is(op, type, value)))))).toEqual(keptAt[op]);
    const allNull = between("null", "null", 10);
    expect(constants.some((value) => kept(type, allNull, is(op, type, value)))).toBe(false);
  });

  it.each(ordered)("null-safe equality and lists, of %j from %j", (type, bounds, constants) => {
    const each = between(bounds[0], bounds[1]);
    expect(constants.map((value) => kept(type, each, is("nullSafeEq", type, value)))).toEqual(keptAt.eq);
    const lists = constants.map(
      (value): Predicate => ({
        op: "in",
        column: ["c"],
        values: [
          { type, value },
          { type, value: null },
        ],
      }),
    );
    expect(lists.map((list) => kept(type, each, list))).toEqual(keptAt.eq);
    expect(lists.some((list) => kept(type, each, not(list)))).toBe(false);
  });

  it("allows for what timestamps lost of their microseconds above, and dates did not", () => {
    const at = (micros: string) => `2020-01-01 00:00:00.${micros}`;
    for (const [type, zone] of [
      ["timestamp", "Z"],
      ["timestamp_ntz", ""],
    ] as const) {
      const each = between(`"2020-01-01T00:00:00.100${zone}"`, `"2020-01-01T00:00:00.200${zone}"`);
      const answers = (op: Comparison, ...micros: readonly string[]) =>
        micros.map((text) => kept(type, each, is(op, type, at(text))));
      expect(answers("eq", "099999", "1", "2", "200999", "201")).toEqual([false, true, true, true, false]);
      expect(answers("gt", "200998", "200999")).toEqual([true, false]);
      expect(answers("ge", "200999", "201")).toEqual([true, false]);
      expect(answers("lt", "1", "100001")).toEqual([false, true]);
      expect(answers("le", "099999", "1")).toEqual([false, true]);
    }
  });

  it("knows the order of false and true", () => {
    const [low, both, high] = [between("false", "false"), between("false", "true"), between("true", "true")];
    const answers = (op: Comparison, value: boolean | string) =>
      [low, both, high].map((each) => kept("boolean", each, is(op, "boolean", value)));
    expect(answers("eq", true)).toEqual([false, true, true]);
    expect(answers("eq", false)).toEqual([true, true, false]);
    expect(answers("eq", "true")).toEqual([false, true, true]);
    expect(answers("eq", "false")).toEqual([true, true, false]);
    expect(answers("ne", true)).toEqual([true, true, false]);
    expect(answers("eq", "maybe")).toEqual([true, true, true]);
  });

  it("is no reason to skip a file where it is of a kind that does not compare with the column", () => {
    const each = between("1", "2");
    expect(kept("long", each, is("eq", "long", "x", "string"))).toBe(true);
    expect(kept("long", each, is("eq", "long", "99", "string"))).toBe(true);
    expect(kept("long", each, is("eq", "long", true, "boolean"))).toBe(true);
    expect(kept("long", each, is("eq", "long", "99", "float"))).toBe(true);
    expect(kept(decimal, each, is("eq", decimal, "99", "double"))).toBe(true);
    expect(kept("double", each, is("eq", "double", "2020-01-01", "date"))).toBe(true);
    expect(kept("date", between('"2020-01-01"', '"2020-01-01"'), is("eq", "date", "99", "long"))).toBe(true);
    expect(kept("timestamp", between('"2020-01-01"', '"2020-01-01"'), is("eq", "date", "x", "string"))).toBe(
      true,
    );
    expect(kept("string", between('"b"', '"b"'), is("eq", "string", "7", "long"))).toBe(true);
    expect(kept("boolean", between("true", "true"), is("eq", "boolean", "0", "integer"))).toBe(true);
    expect(kept("binary", between('"b"', '"b"'), is("eq", "binary", "zz", "string"))).toBe(true);
    expect(
      kept(
        "date",
        between('"2020-01-01"', '"2020-01-01"'),
        is("eq", "date", "2021-01-01 00:00:00", "timestamp"),
      ),
    ).toBe(false);
  });
});

describe("floating numbers", () => {
  it("are compared with whole numbers and decimals as the engine does", () => {
    const each = between("1.5", "2.5");
    for (const type of ["float", "double"] as const) {
      const lt = (value: string, literal: DeltaType) => kept(type, each, is("lt", type, value, literal));
      expect([lt("1", "long"), lt("2", "long"), lt("-3", "byte")]).toEqual([false, true, false]);
      expect([lt("1.5", decimal), lt("1.75", decimal), lt("0.5", decimal)]).toEqual([false, true, false]);
      expect([lt("1.5", "double"), lt("1.75", "double")]).toEqual([false, true]);
    }
    const whole = between("1", "3");
    const long = (op: Comparison, value: string) => kept("long", whole, is(op, "long", value, "double"));
    expect([long("lt", "1"), long("lt", "1.5"), long("gt", "3"), long("gt", "2.5")]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect([long("eq", "3.5"), long("eq", "2")]).toEqual([false, true]);
  });

  it("of single precision prove nothing against a constant that only double precision holds", () => {
    const each = between("1.5", "2.5");
    expect(kept("float", each, is("lt", "float", "0.1", decimal))).toBe(true);
    expect(kept("double", each, is("lt", "double", "0.1", decimal))).toBe(false);
    expect(kept("float", each, is("lt", "float", "16777217", "long"))).toBe(true);
    expect(kept("float", each, is("gt", "float", "16777216", "long"))).toBe(true);
    expect(kept("float", between("2e7", "3e7"), is("lt", "float", "16777217", "long"))).toBe(true);
    expect(kept("float", between("2e7", "3e7"), is("lt", "float", "16777216", "long"))).toBe(false);
  });

  it("may be infinite, in any spelling", () => {
    const lt = (min: string, value: string) =>
      kept("double", between(min, '"Infinity"'), is("lt", "double", value));
    for (const text of ['"Infinity"', '"+Infinity"', '"inf"', '"INF"'])
      expect([lt(text, "1e308"), lt(text, "Infinity")]).toEqual([false, false]);
    for (const text of ['"-Infinity"', '"-inf"']) expect(lt(text, "-1e308")).toBe(true);
    expect(lt('"-Infinity"', "-Infinity")).toBe(false);
    expect(kept("double", between("1", '"Infinity"'), is("eq", "double", "Infinity"))).toBe(true);
    expect(kept("double", between('"-Infinity"', '"-Infinity"'), is("le", "double", "-Infinity"))).toBe(true);
    expect(lt('"Infinityy"', "0")).toBe(true);
    expect(lt('"xinf"', "0")).toBe(true);
  });

  it.each(["1.5", "+1.5", "15e-1", "0.15E+1", "1.50", "01.5"])("are read in the spelling %s", (text) => {
    expect(kept("double", between(JSON.stringify(text), "9"), is("lt", "double", "1.5"))).toBe(false);
    expect(kept("double", between(JSON.stringify(text), "9"), is("le", "double", "1.5"))).toBe(true);
  });

  it.each(["1.5x", "x1.5", "1.5.2", "", "e5", ".", "0x10", "1e", "--1"])("are not read from %j", (text) => {
    expect(kept("double", between(JSON.stringify(text), "9"), is("lt", "double", "-1e300"))).toBe(true);
  });

  it("begin or end with the point", () => {
    expect(kept("double", between('".5"', "9"), is("lt", "double", "0.5"))).toBe(false);
    expect(kept("double", between('"5."', "9"), is("lt", "double", "5"))).toBe(false);
  });

  it("that a column had as float bound it outwards by what single precision lost", () => {
    const widened =
      (min: string, max: string) =>
      (op: Comparison, value: string): boolean => {
        const metadata = { "delta.typeChanges": [{ fromType: "float", toType: "double" }] };
        const base = table("double");
        const schema: StructType = {
          type: "struct",
          fields: [{ name: "c", type: "double", nullable: true, metadata }],
        };
        return mayMatchFile(is(op, "double", value), { ...base, schema })(between(min, max));
      };
    // The float nearest 0.1 is above 0.1, the one nearest 0.7 below 0.7.
    const [tenth, sevenTenths] = [widened("0.1", "0.1"), widened("0.7", "0.7")];
    expect([tenth("le", "0.1"), tenth("le", "0.09999999"), tenth("eq", "0.1000000014901161")]).toEqual([
      true,
      false,
      true,
    ]);
    expect([tenth("eq", "0.10000001"), tenth("eq", "0.1")]).toEqual([false, true]);
    expect([
      sevenTenths("eq", "0.6999999880790710"),
      sevenTenths("eq", "0.7"),
      sevenTenths("eq", "0.69"),
    ]).toEqual([true, true, false]);
    expect(sevenTenths("eq", "0.7000001")).toBe(false);
  });
});

describe("exact numbers", () => {
  it("of decimals that may have gone through a double are bounded outwards by its last digit", () => {
    const answers = (bounds: string, ...values: readonly string[]) =>
      values.map((value) => kept(decimal, between(bounds, bounds), is("eq", decimal, value)));
    // Fifteen digits survive.
    expect(answers("12345678901.2345", "12345678901.2344", "12345678901.2345", "12345678901.2346")).toEqual([
      false,
      true,
      false,
    ]);
    expect(
      answers("-12345678901.2345", "-12345678901.2344", "-12345678901.2345", "-12345678901.2346"),
    ).toEqual([false, true, false]);
    // Of sixteen the last may be off by ten.
    expect(
      answers(
        "123456789012.3456",
        "123456789012.3445",
        "123456789012.3446",
        "123456789012.3466",
        "123456789012.3467",
      ),
    ).toEqual([false, true, true, false]);
    expect(
      answers(
        "-123456789012.3456",
        "-123456789012.3445",
        "-123456789012.3446",
        "-123456789012.3466",
        "-123456789012.3467",
      ),
    ).toEqual([false, true, true, false]);
  });

  it("are the same in every spelling", () => {
    for (const text of ["1500", "1.5e3", "15E2", "150e+1", "1500.000", "15000e-1", "+1500", "001500"]) {
      const each = between(JSON.stringify(text), JSON.stringify(text));
      expect([
        kept(decimal, each, is("eq", decimal, "1500")),
        kept(decimal, each, is("ne", decimal, "1500")),
      ]).toEqual([true, false]);
    }
    const each = between('"-0.5"', '"-0.5"');
    expect([
      kept(decimal, each, is("eq", decimal, "-5e-1")),
      kept(decimal, each, is("eq", decimal, "0.5")),
    ]).toEqual([true, false]);
  });

  it("are not read from what is none, and prove nothing then", () => {
    for (const text of ["1.5x", "x1", "1e", "", ".5", "1e1000", "1-", "NaN"])
      expect(kept("long", between(JSON.stringify(text), JSON.stringify(text)), is("eq", "long", "99"))).toBe(
        true,
      );
    expect(kept("long", between("[1]", "[2]"), is("eq", "long", "99"))).toBe(true);
    expect(kept("long", between("true", "true"), is("eq", "long", "99"))).toBe(true);
  });

  it("of more digits than a double keep them all", () => {
    const [low, high] = ["123456789012345678901234567890", "123456789012345678901234567891"];
    const each = between(`${low}.5`, `${low}.5`);
    expect(kept("long", each, is("lt", "long", low))).toBe(false);
    expect(kept("long", each, is("lt", "long", high))).toBe(true);
  });
});

describe("text", () => {
  const answers = (each: AddAction, op: Comparison, ...values: readonly string[]) =>
    values.map((value) => kept("string", each, is(op, "string", value)));

  it("is bounded by what may be the beginning of a longer one above, and by the whole below", () => {
    const each = between('"b"', '"dd"');
    expect(answers(each, "eq", "a", "b", "c", "dd", "dde", "de", "e")).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(answers(each, "lt", "a", "b", "ba")).toEqual([false, false, true]);
    expect(answers(each, "le", "a", "b")).toEqual([false, true]);
    expect(answers(each, "gt", "dc", "dd", "ddz", "de")).toEqual([true, true, true, false]);
    expect(answers(each, "ge", "d", "dd", "ddz", "de")).toEqual([true, true, true, false]);
    expect(answers(between('"b"', '"b"'), "ne", "b", "c"), "longer ones may be there").toEqual([true, true]);
  });

  it("is ordered by code point", () => {
    const order = ["", "a", "ab", "b", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10000}a", "\u{10ffff}"];
    for (const [index, bound] of order.entries()) {
      const each = between(JSON.stringify(bound), JSON.stringify("\u{10ffff}\u{10ffff}"));
      expect(answers(each, "le", ...order)).toEqual(order.map((_, other) => other >= index));
      expect(answers(each, "lt", ...order)).toEqual(order.map((_, other) => other > index));
    }
  });

  it("that was cut in the middle of a character bounds nothing by its broken end", () => {
    for (const end of ["\\ufffd", "\\ufffd\\ufffd", "\\ud83d"]) {
      const each = between('"a"', `"d${end}"`);
      expect(answers(each, "ge", "d\u{1f600}", "da", "e")).toEqual([true, true, false]);
    }
    expect(answers(between('"a"', '"d\\ufffdx"'), "ge", "da", "e", "d\ufffdxx", "d\ufffdy")).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  const prefix = (text: string): Predicate => ({ op: "startsWith", column: ["c"], prefix: text });

  it("may begin with a prefix where the bounds allow for it", () => {
    const each = between('"bb"', '"dd"');
    const values = ["a", "b", "ba", "bb", "bbz", "bc", "c", "d", "dc", "dd", "dde", "de", "e", ""];
    expect(values.filter((text) => kept("string", each, prefix(text)))).toEqual([
      "b",
      "bb",
      "bbz",
      "bc",
      "c",
      "d",
      "dc",
      "dd",
      "dde",
      "",
    ]);
    expect(kept("string", between("null", "null", 10), prefix(""))).toBe(false);
    expect(kept("string", file(['"numRecords":1']), prefix("x"))).toBe(true);
  });

  it("cannot lack a prefix that both bounds begin with, and can otherwise", () => {
    const lacks = (min: string, max: string, text: string) =>
      kept("string", between(min, max), not(prefix(text)));
    expect([
      lacks('"abc"', '"abd"', "ab"),
      lacks('"abc"', '"abd"', "abc"),
      lacks('"ab"', '"abd"', "abd"),
    ]).toEqual([false, true, true]);
    expect([lacks('"abc"', "null", "ab"), lacks("null", '"abc"', "ab")]).toEqual([true, true]);
    expect(kept("string", between("null", "null", 10), not(prefix("a")))).toBe(false);
  });

  it("is what a prefix is asked of alone", () => {
    expect(kept("long", between("1", "2"), prefix("9"))).toBe(true);
    expect(kept("long", between("1", "2"), not(prefix("1")))).toBe(true);
    expect(
      mayMatchFile(
        { ...prefix("x"), column: ["nowhere"] } as Predicate,
        table("string"),
      )(between('"a"', '"b"')),
    ).toBe(true);
  });
});

describe("nulls", () => {
  const isNull: Predicate = { op: "isNull", column: ["c"] };
  const isNotNull: Predicate = { op: "isNotNull", column: ["c"] };
  const all = (each: AddAction, predicates: readonly Predicate[]) =>
    predicates.map((predicate) => kept("long", each, predicate));
  const questions = [isNull, isNotNull, not(isNull), not(isNotNull), is("ge", "long", "0")];

  it.each([
    ["none of ten", '"numRecords":10,"nullCount":{"c":0}', [false, true, true, false, true]],
    ["some of ten", '"numRecords":10,"nullCount":{"c":9}', [true, true, true, true, true]],
    ["all of ten", '"numRecords":10,"nullCount":{"c":10}', [true, false, false, true, false]],
    ["all of none", '"numRecords":0,"nullCount":{"c":0}', [false, true, true, false, true]],
    ["as text", '"numRecords":"10","nullCount":{"c":"10"}', [true, false, false, true, false]],
    ["of unknown rows", '"nullCount":{"c":10}', [true, true, true, true, true]],
    ["unknown", '"numRecords":10', [true, true, true, true, true]],
    ["no number", '"numRecords":"ten","nullCount":{"c":"ten"}', [true, true, true, true, true]],
    ["negative", '"numRecords":-1,"nullCount":{"c":-1}', [true, true, true, true, true]],
    ["fractions", '"numRecords":1.5,"nullCount":{"c":1.5}', [true, true, true, true, true]],
    ["of another column", '"numRecords":10,"nullCount":{"d":10}', [true, true, true, true, true]],
    ["inherited names", '"numRecords":10,"nullCount":[10]', [true, true, true, true, true]],
  ])("%s", (_, stats, expected) => {
    expect(all(file([stats]), questions)).toEqual(expected);
  });

  it("satisfy null-safe equality with null, and inequality with anything else", () => {
    const [none, some, whole] = [between("7", "7", 0), between("7", "7", 3), between("null", "null", 10)];
    const same = is("nullSafeEq", "long", null);
    const seven = is("nullSafeEq", "long", "7");
    const answers = (predicate: Predicate) =>
      [none, some, whole].map((each) => kept("long", each, predicate));
    expect(answers(same)).toEqual([false, true, true]);
    expect(answers(not(same))).toEqual([true, true, false]);
    expect(answers(seven)).toEqual([true, true, false]);
    expect(answers(not(seven))).toEqual([false, true, true]);
    expect(answers(not(is("nullSafeEq", "long", "8")))).toEqual([true, true, true]);
  });

  it("as constants of other comparisons and lists match nothing", () => {
    const each = between("1", "9", 3);
    const list = (...values: readonly (string | null)[]): Predicate => ({
      op: "in",
      column: ["c"],
      values: values.map((value) => ({ type: "long", value })),
    });
    for (const op of ["eq", "ne", "lt", "le", "gt", "ge"] as const)
      expect([
        kept("long", each, is(op, "long", null)),
        kept("long", each, not(is(op, "long", null))),
      ]).toEqual([false, false]);
    expect(
      [list(), list(null), list("5", null), list("0", "10"), list("0", "5")].map((one) =>
        kept("long", each, one),
      ),
    ).toEqual([false, false, true, false, true]);
    expect(
      [list(), list(null), list("5", null), list("0", "10"), list("0", "5")].map((one) =>
        kept("long", each, not(one)),
      ),
    ).toEqual([true, false, false, true, true]);
    expect(kept("long", between("5", "5"), not(list("5", "6")))).toBe(false);
  });
});

describe("parts of a condition", () => {
  const each = between("10", "20");
  const [yes, no, maybe] = [is("ge", "long", "10"), is("gt", "long", "20"), { op: "unknown" } as const];
  const constant = (value: boolean | null): Predicate => ({ op: "constant", value });
  const both = (op: "and" | "or", ...args: readonly Predicate[]): Predicate => ({ op, args });

  it("that nothing is known of keep the file, and leave the word to the others", () => {
    expect([maybe, not(maybe)].map((one) => kept("long", each, one))).toEqual([true, true]);
    expect(
      [both("and", maybe, yes), both("and", maybe, no), both("or", maybe, no)].map((one) =>
        kept("long", each, one),
      ),
    ).toEqual([true, false, true]);
    expect(
      [both("and", yes, yes, no), both("or", no, no, yes), both("or", no, no)].map((one) =>
        kept("long", each, one),
      ),
    ).toEqual([false, true, false]);
  });

  it("that are constants decide as they are, and null is neither true nor false", () => {
    const answers = [constant(true), constant(false), constant(null)];
    expect(answers.map((one) => kept("long", each, one))).toEqual([true, false, false]);
    expect(answers.map((one) => kept("long", each, not(one)))).toEqual([false, true, false]);
    expect([both("and"), both("or")].map((one) => kept("long", each, one))).toEqual([true, false]);
    expect([both("and"), both("or")].map((one) => kept("long", each, not(one)))).toEqual([false, true]);
    expect(kept("long", each, both("and", constant(true), yes))).toBe(true);
    expect(kept("long", each, both("or", constant(false), no))).toBe(false);
    expect(kept("long", each, both("and", constant(false), maybe))).toBe(false);
    expect(kept("long", each, both("or", constant(true), no))).toBe(true);
  });
});

describe("values of partitions", () => {
  const part = (value: string | null | undefined): AddAction =>
    add("f", { partitionValues: value === undefined ? {} : { c: value } });
  const keptPart = (type: DeltaType, value: string | null | undefined, predicate: Predicate): boolean =>
    mayMatchFile(predicate, table(type, ["c"]))(part(value));

  it("bound their files exactly, text and moments too", () => {
    expect(keptPart("string", "dd", is("eq", "string", "dde"))).toBe(false);
    expect(keptPart("string", "dd", is("ne", "string", "dd"))).toBe(false);
    expect(
      keptPart("timestamp", "2020-01-01 00:00:00.1", is("gt", "timestamp", "2020-01-01 00:00:00.1")),
    ).toBe(false);
    expect(
      keptPart("timestamp", "2020-01-01 00:00:00.1", is("ge", "timestamp", "2020-01-01 00:00:00.1")),
    ).toBe(true);
    expect(keptPart(decimal, "123456789012.3456", is("eq", decimal, "123456789012.3457"))).toBe(false);
    expect(keptPart("boolean", "true", is("eq", "boolean", false))).toBe(false);
    expect(keptPart("date", "2020-01-01", is("eq", "date", "2020-01-01"))).toBe(true);
    expect(keptPart("date", "2020-01-01", is("eq", "date", "2020-01-02"))).toBe(false);
  });

  it("prove no more than whether they are null where they cannot be ordered or read", () => {
    const isNull: Predicate = { op: "isNull", column: ["c"] };
    for (const [type, value] of [
      ["binary", "abc"],
      ["integer", "seven"],
      ["double", "NaN"],
    ] as const) {
      expect(keptPart(type, value, is("eq", type, "1"))).toBe(true);
      expect(keptPart(type, value, isNull)).toBe(false);
      expect(keptPart(type, value, not(isNull))).toBe(true);
    }
    expect(keptPart("integer", undefined, is("eq", "integer", "1"))).toBe(true);
    expect([keptPart("integer", undefined, isNull), keptPart("integer", undefined, not(isNull))]).toEqual([
      true,
      true,
    ]);
  });

  it("come before statistics of the same name, which writers may leave in", () => {
    const each = add("f", {
      partitionValues: { c: "7" },
      stats: '{"numRecords":1,"minValues":{"c":1},"maxValues":{"c":1}}',
    });
    expect(mayMatchFile(is("eq", "integer", "7"), table("integer", ["C"]))(each)).toBe(true);
    expect(mayMatchFile(is("eq", "integer", "1"), table("integer", ["C"]))(each)).toBe(false);
  });
});

describe("columns inside structs", () => {
  const inner: StructType = {
    type: "struct",
    fields: [{ name: "c", type: "long", nullable: true, metadata: {} }],
  };
  const nested = add("f", {
    stats: '{"numRecords":9,"minValues":{"c":{"c":5}},"maxValues":{"c":{"c":6}},"nullCount":{"c":{"c":0}}}',
  });
  const ask = (path: readonly string[], partitions: readonly string[] = []) =>
    mayMatchFile(
      { op: "eq", column: path, value: { type: "long", value: "9" } },
      table(inner, partitions),
    )(nested);

  it("are found by their whole path, and are no partition columns whatever their name", () => {
    expect(ask(["c", "c"])).toBe(false);
    expect(ask(["c", "c"], ["c"])).toBe(false);
    expect(ask(["C", "c"])).toBe(false);
    expect([ask(["c"]), ask(["c", "d"]), ask(["c", "c", "c"]), ask([])]).toEqual([true, true, true, true]);
  });
});
