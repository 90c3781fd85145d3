import { describe, expect, it } from "vitest";
import { mayMatchFile } from "../../src/log/pruning/pruning.ts";
import type { AddAction } from "../../src/protocol/actions.ts";
import type { Literal, Predicate } from "../../src/protocol/predicate.ts";
import type { DeltaType, StructField, StructType } from "../../src/schema/types.ts";
import { add } from "../support/log-tables.ts";

// PROTOCOL.md "Per-file Statistics" and "Partition Value Serialization".

const field = (name: string, type: DeltaType, metadata: StructField["metadata"] = {}): StructField => ({
  name,
  type,
  nullable: true,
  metadata,
});

const schema: StructType = {
  type: "struct",
  fields: [
    field("n", "long"),
    field("s", "string"),
    field("f", "float"),
    field("x", "double"),
    field("widened", "double", { "delta.typeChanges": [{ fromType: "float", toType: "double" }] }),
    field("t", "timestamp"),
    field("day", "date"),
    field("money", { type: "decimal", precision: 20, scale: 2 }),
    field("b", "boolean"),
    field("nested", { type: "struct", fields: [field("n", "integer")] }),
    field("p", "integer"),
    field("q", "string"),
  ],
};

const table = {
  schema,
  protocol: { kind: "protocol", minReaderVersion: 1, minWriterVersion: 2 },
  metadata: {
    kind: "metaData",
    id: "x",
    format: { provider: "parquet", options: {} },
    schemaString: "",
    partitionColumns: ["p", "q"],
    configuration: {},
  },
} as const;

/** A file whose column lies between two bounds, given as JSON. */
function between(column: string, min: string, max: string, nulls = 0): AddAction {
  const nest = (value: string): string =>
    column === "nested.n" ? `{"nested":{"n":${value}}}` : `{${JSON.stringify(column)}:${value}}`;
  return add("f", {
    stats: `{"numRecords":10,"minValues":${nest(min)},"maxValues":${nest(max)},"nullCount":${nest(String(nulls))}}`,
  });
}

const literal = (type: DeltaType, value: Literal["value"]): Literal => ({ type, value });
const is = (
  op: "eq" | "ne" | "lt" | "le" | "gt" | "ge",
  column: string,
  type: DeltaType,
  value: Literal["value"],
): Predicate => ({
  op,
  column: column.split("."),
  value: literal(type, value),
});
const kept = (file: AddAction, predicate: Predicate): boolean => mayMatchFile(predicate, table)(file);

describe("skipping files by statistics", () => {
  it.each([
    ["eq", "5", false],
    ["eq", "10", true],
    ["eq", "21", false],
    ["lt", "10", false],
    ["le", "10", true],
    ["gt", "20", false],
    ["ge", "20", true],
    ["ne", "15", true],
  ] as const)("n %s %s over a file with n from 10 to 20: kept %s", (op, value, expected) => {
    expect(kept(between("n", "10", "20"), is(op, "n", "long", value))).toBe(expected);
  });

  it("skips by != where the file holds that value alone", () => {
    expect(kept(between("n", "7", "7"), is("ne", "n", "long", "7"))).toBe(false);
    expect(kept(between("n", "7", "7", 3), { op: "not", arg: is("eq", "n", "long", "7") })).toBe(false);
  });

  it("keeps int64 apart that one double stands for", () => {
    const file = between("n", "9007199254740993", "9007199254740993");
    expect(kept(file, is("eq", "n", "long", "9007199254740993"))).toBe(true);
    expect(kept(file, is("eq", "n", "long", "9007199254740992"))).toBe(false);
  });

  it("reaches columns inside structs", () => {
    expect(kept(between("nested.n", "1", "2"), is("eq", "nested.n", "integer", "3"))).toBe(false);
    expect(kept(between("nested.n", "1", "2"), is("eq", "NESTED.N", "integer", "2"))).toBe(true);
  });

  it("keeps files without statistics, with damaged ones, and of unknown columns", () => {
    const predicate = is("eq", "n", "long", "3");
    expect(kept(add("f"), predicate)).toBe(true);
    expect(kept(add("f", { stats: "{" }), predicate)).toBe(true);
    expect(kept(add("f", { stats: '{"numRecords":1,"minValues":[5],"maxValues":null}' }), predicate)).toBe(
      true,
    );
    expect(kept(add("f", { stats: '{"minValues":{"n":"x"},"maxValues":{"n":{}}}' }), predicate)).toBe(true);
    expect(kept(between("n", "5", "6"), is("eq", "nowhere", "long", "3"))).toBe(true);
    expect(kept(add("f", { stats: '{"minValues":{"n":5}}' }), predicate)).toBe(false);
  });

  it("counts nulls", () => {
    const [all, none] = [between("n", "null", "null", 10), between("n", "1", "2", 0)];
    expect(kept(all, is("ge", "n", "long", "0"))).toBe(false);
    expect(kept(all, { op: "isNull", column: ["n"] })).toBe(true);
    expect(kept(all, { op: "isNotNull", column: ["n"] })).toBe(false);
    expect(kept(none, { op: "isNull", column: ["n"] })).toBe(false);
    expect(kept(none, { op: "not", arg: { op: "isNull", column: ["n"] } })).toBe(true);
    expect(kept(none, { op: "nullSafeEq", column: ["n"], value: literal("long", null) })).toBe(false);
    expect(
      kept(between("n", "7", "7", 3), {
        op: "not",
        arg: { op: "nullSafeEq", column: ["n"], value: literal("long", "7") },
      }),
    ).toBe(true);
  });

  it("takes a count of nulls for one where it is a whole number alone", () => {
    const counted = (count: string) =>
      kept(add("f", { stats: `{"numRecords":10,"nullCount":{"n":${count}}}` }), {
        op: "isNull",
        column: ["n"],
      });
    expect(["0", '"0"', "0.0", '"00"'].map(counted)).toEqual([false, false, false, false]);
    for (const count of ['""', '" 0"', '"0e1"', '"x0"', '"0x"', "-1", "0.5", "null", "[0]", "false", "1"])
      expect(counted(count), count).toBe(true);
  });

  it("takes no file for all null whose counts are alike, and none", () => {
    const notNull: Predicate = { op: "isNotNull", column: ["n"] };
    const alike = (count: string) =>
      kept(add("f", { stats: `{"numRecords":${count},"nullCount":{"n":${count}}}` }), notNull);
    expect([alike("7"), alike('"7"')]).toEqual([false, false]);
    for (const count of ["0.5", "-1", '""', '"x"', "true", "1e300"]) expect(alike(count), count).toBe(true);
  });

  it("follows three-valued logic", () => {
    const file = between("n", "10", "20");
    const [yes, no] = [is("ge", "n", "long", "10"), is("gt", "n", "long", "20")];
    const unknown: Predicate = { op: "unknown" };
    expect(kept(file, { op: "and", args: [yes, no] })).toBe(false);
    expect(kept(file, { op: "and", args: [unknown, no] })).toBe(false);
    expect(kept(file, { op: "or", args: [unknown, no] })).toBe(true);
    expect(kept(file, { op: "not", arg: { op: "or", args: [yes, unknown] } })).toBe(false);
    expect(kept(file, { op: "not", arg: { op: "and", args: [yes, unknown] } })).toBe(true);
    expect(kept(file, is("eq", "n", "long", null))).toBe(false);
    expect(kept(file, { op: "not", arg: is("eq", "n", "long", null) })).toBe(false);
    expect(kept(file, { op: "constant", value: null })).toBe(false);
    expect(
      kept(file, { op: "in", column: ["n"], values: [literal("long", "5"), literal("long", "15")] }),
    ).toBe(true);
    expect(
      kept(file, {
        op: "not",
        arg: { op: "in", column: ["n"], values: [literal("long", "5"), literal("long", null)] },
      }),
    ).toBe(false);
  });

  it("takes the upper bound of text for a beginning, because it may be cut off", () => {
    const file = between("s", '"bb"', '"dd"');
    expect(kept(file, is("eq", "s", "string", "ddd"))).toBe(true);
    expect(kept(file, is("gt", "s", "string", "dd"))).toBe(true);
    expect(kept(file, is("eq", "s", "string", "de"))).toBe(false);
    expect(kept(file, is("lt", "s", "string", "bb"))).toBe(false);
    expect(kept(between("s", '"a"', '"d\\ud83d"'), is("eq", "s", "string", "d\u{1F600}"))).toBe(true);
  });

  it("orders text by code point, not by UTF-16 unit", () => {
    expect(kept(between("s", '"\u{1F600}"', '"\u{1F600}"'), is("lt", "s", "string", "\uFFFD"))).toBe(false);
    expect(kept(between("s", '"\uFF5E"', '"\uFF5E"'), is("ge", "s", "string", "\u{1F600}"))).toBe(false);
  });

  it("skips by LIKE prefix", () => {
    const file = between("s", '"bb"', '"dd"');
    const prefix = (text: string): Predicate => ({ op: "startsWith", column: ["s"], prefix: text });
    expect(
      [prefix("a"), prefix("b"), prefix("ba"), prefix("cz"), prefix("ddx"), prefix("e")].map((one) =>
        kept(file, one),
      ),
    ).toEqual([false, true, false, true, true, false]);
    expect(kept(between("s", '"abc"', '"abd"'), { op: "not", arg: prefix("ab") })).toBe(false);
    expect(kept(file, { op: "not", arg: prefix("d") })).toBe(true);
  });

  it("never trusts a bound above floating numbers, because NaN may be there", () => {
    const file = between("x", "1.5", "2.5");
    expect(kept(file, is("gt", "x", "double", "9"))).toBe(true);
    expect(kept(file, is("eq", "x", "double", "9"))).toBe(false);
    expect(kept(file, is("lt", "x", "double", "1"))).toBe(false);
    expect(kept(file, { op: "not", arg: is("le", "x", "double", "9") })).toBe(true);
    expect(kept(between("x", '"NaN"', '"NaN"'), is("eq", "x", "double", "1"))).toBe(true);
    expect(kept(file, is("eq", "x", "double", "NaN"))).toBe(true);
  });

  it("knows that a float's statistics are its shortest text", () => {
    // The float nearest 0.7 is below 0.7.
    expect(kept(between("f", "0.7", "0.7"), is("le", "f", "double", "0.69999999"))).toBe(true);
    expect(kept(between("widened", "0.7", "0.7"), is("le", "widened", "double", "0.69999999"))).toBe(true);
    expect(kept(between("x", "0.7", "0.7"), is("le", "x", "double", "0.69999999"))).toBe(false);
  });

  it("allows for timestamps truncated to milliseconds", () => {
    const file = between("t", '"2020-01-01T00:00:00.000Z"', '"2020-01-01T00:00:00.123Z"');
    expect(kept(file, is("gt", "t", "timestamp", "2020-01-01 00:00:00.123456"))).toBe(true);
    expect(kept(file, is("ge", "t", "timestamp", "2020-01-01 00:00:00.124"))).toBe(false);
    expect(kept(file, is("lt", "t", "timestamp", "2020-01-01 00:00:00"))).toBe(false);
    expect(kept(between("day", '"2020-01-01"', '"2020-01-31"'), is("eq", "day", "date", "2020-02-01"))).toBe(
      false,
    );
  });

  it("compares decimals exactly, but not those that came through a double", () => {
    const money: DeltaType = { type: "decimal", precision: 20, scale: 2 };
    expect(kept(between("money", "1.10", "2.20"), is("eq", "money", money, "2.21"))).toBe(false);
    expect(kept(between("money", "1.10", "2.20"), is("eq", "money", money, "2.2"))).toBe(true);
    expect(
      kept(
        between("money", "123456789012345680", "123456789012345680"),
        is("eq", "money", money, "123456789012345678.90"),
      ),
    ).toBe(true);
  });
});

describe("skipping files by partition values", () => {
  const file = (p: string | null, q: string | null): AddAction => add("f", { partitionValues: { p, q } });

  it("compares the value itself", () => {
    expect(kept(file("7", "a"), is("eq", "p", "integer", "8"))).toBe(false);
    expect(kept(file("7", "a"), is("eq", "p", "integer", "7"))).toBe(true);
    expect(kept(file("10", "a"), is("lt", "p", "integer", "9"))).toBe(false);
    expect(kept(file("7", "ab"), is("eq", "q", "string", "abc"))).toBe(false);
    expect(kept(file("7", "ab"), { op: "not", arg: { op: "startsWith", column: ["q"], prefix: "a" } })).toBe(
      false,
    );
  });

  it("takes null and empty text for null", () => {
    for (const value of [null, ""]) {
      expect(kept(file(value, "a"), is("ne", "p", "integer", "8"))).toBe(false);
      expect(kept(file(value, "a"), { op: "isNull", column: ["p"] })).toBe(true);
    }
    expect(kept(file("7", "a"), { op: "isNull", column: ["p"] })).toBe(false);
  });

  it("keeps files whose value is missing or cannot be read", () => {
    expect(kept(add("f"), is("eq", "p", "integer", "8"))).toBe(true);
    expect(kept(file("seven", "a"), is("eq", "p", "integer", "8"))).toBe(true);
  });
});

describe("column mapping", () => {
  it("finds partition values and statistics by physical names", () => {
    const mapped: StructType = {
      type: "struct",
      fields: [
        field("n", "long", { "delta.columnMapping.physicalName": "col-1", "delta.columnMapping.id": 1 }),
        field("p", "integer", { "delta.columnMapping.physicalName": "col-2", "delta.columnMapping.id": 2 }),
      ],
    };
    const protocol = { kind: "protocol", minReaderVersion: 2, minWriterVersion: 5 } as const;
    const metadata = {
      ...table.metadata,
      partitionColumns: ["p"],
      configuration: { "delta.columnMapping.mode": "name" },
    };
    const test = (predicate: Predicate, file: AddAction): boolean =>
      mayMatchFile(predicate, { schema: mapped, protocol, metadata })(file);
    const file = add("f", {
      partitionValues: { "col-2": "1" },
      stats: '{"minValues":{"col-1":5,"n":1},"maxValues":{"col-1":6,"n":2}}',
    });
    expect(test(is("eq", "n", "long", "1"), file)).toBe(false);
    expect(test(is("eq", "n", "long", "5"), file)).toBe(true);
    expect(test(is("eq", "p", "integer", "2"), file)).toBe(false);
  });
});
