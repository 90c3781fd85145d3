import { engineTypeText } from "../../../src/dialects/engine-types.ts";
import type { TypeKind } from "../../../src/dialects/spark/term.ts";
import type { DeltaType, StructType } from "../../../src/schema/types.ts";

/**
 * One type of the grid over which translations are proved, with its values: `null`, or text from which both
 * engines make the value.
 */
export interface GridType {
  /** Columns of the type are called by this name and a number, e.g. `i32_1`. */
  readonly name: string;
  readonly kind: TypeKind;
  readonly type: DeltaType;
  readonly values: readonly (string | null)[];
}

const decimal = (precision: number, scale: number): DeltaType => ({ type: "decimal", precision, scale });
const array = (elementType: DeltaType): DeltaType => ({ type: "array", elementType, containsNull: true });
const map = (keyType: DeltaType, valueType: DeltaType): DeltaType => ({
  type: "map",
  keyType,
  valueType,
  valueContainsNull: true,
});
const field = (name: string, type: DeltaType) => ({ name, type, nullable: true, metadata: {} });
const struct: StructType = { type: "struct", fields: [field("a", "integer"), field("B", "string")] };

const texts = [
  ..." |a|A|ab|abc| a b |a%b|a_b|a\\b|ab\\|é|é|😀|😀a\u0301b|👍🏽|ß|Σ|ΑΣ|İ|ÿŸ|a\nb|a\r\nb|\ta|\u00a0a\u3000|!_".split(
    "|",
  ),
  ..."0|12|-7|+5|1.5|128| 5|007|2147483648|9223372036854775808|2024-02-29|2023-02-29|0001-01-01|9999-12-31|10000-01-01|2024-1-1".split(
    "|",
  ),
  "true",
  "\uffff",
  "\u{10000}",
  "a\u0000b",
];

/** Every type that an expression may have, with nulls, extremes and what engines are known to disagree on. */
export const gridTypes: readonly GridType[] = [
  { name: "b", kind: "boolean", type: "boolean", values: [null, "true", "false"] },
  { name: "i8", kind: "byte", type: "byte", values: [null, "-128", "-1", "0", "1", "2", "127"] },
  { name: "i16", kind: "short", type: "short", values: [null, "-32768", "-2", "0", "1", "3", "32767"] },
  {
    name: "i32",
    kind: "integer",
    type: "integer",
    values: [null, "-2147483648", "-2147483647", "-3", "-1", "0", "1", "2", "3", "100", "2147483647"],
  },
  {
    name: "i64",
    kind: "long",
    type: "long",
    values: [
      null,
      "-9223372036854775808",
      "-4294967297",
      "-1",
      "0",
      "1",
      "3",
      "9007199254740993",
      "9223372036854775807",
    ],
  },
  {
    name: "f32",
    kind: "float",
    type: "float",
    values: [
      null,
      "NaN",
      "-0.0",
      "0.0",
      "1.5",
      "-2.5",
      "0.1",
      "Infinity",
      "-Infinity",
      "3.4028235E38",
      "1.4E-45",
      "2147483648",
      "-2147483648",
      "9.223372E18",
    ],
  },
  {
    name: "f64",
    kind: "double",
    type: "double",
    values: [
      ...[
        null,
        "NaN",
        "-0.0",
        "0.0",
        "1.5",
        "-2.5",
        "0.1",
        "2.675",
        "Infinity",
        "-Infinity",
        "1.7976931348623157E308",
        "4.9E-324",
      ],
      ...[
        "2147483647.5",
        "-2147483648.9",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854774784",
        "1E19",
        "9007199254740993",
      ],
    ],
  },
  {
    name: "d5_2",
    kind: "decimal",
    type: decimal(5, 2),
    values: [null, "-999.99", "-2.50", "-0.05", "0.00", "0.01", "2.45", "127.99", "999.99"],
  },
  {
    name: "d10_0",
    kind: "decimal",
    type: decimal(10, 0),
    values: [null, "-9999999999", "-1", "0", "1", "2147483648"],
  },
  {
    name: "d15_6",
    kind: "decimal",
    type: decimal(15, 6),
    values: [null, "-999999999.999999", "-0.000001", "0.000000", "0.500000", "1.255000", "999999999.999999"],
  },
  {
    name: "d38_10",
    kind: "decimal",
    type: decimal(38, 10),
    values: [
      null,
      `-${"9".repeat(28)}.9999999999`,
      "-0.0000000001",
      "0.0000000000",
      "2.5000000000",
      `${"9".repeat(28)}.9999999999`,
    ],
  },
  {
    name: "d38_0",
    kind: "decimal",
    type: decimal(38, 0),
    values: [null, `-${"9".repeat(38)}`, "0", "9223372036854775808", "9".repeat(38)],
  },
  { name: "s", kind: "string", type: "string", values: [null, "", ...texts] },
  {
    name: "bin",
    kind: "binary",
    type: "binary",
    values: [null, "", "00", "61", "6162", "7F", "80", "FF", "F09F9880"],
  },
  {
    name: "dt",
    kind: "date",
    type: "date",
    values: [
      null,
      "0001-01-01",
      "0004-02-29",
      "1582-10-04",
      "1582-10-15",
      "1900-02-28",
      "1969-12-31",
      "1970-01-01",
      "2000-02-29",
      "2023-12-31",
      "2024-02-29",
      "2024-12-30",
      "9999-12-31",
    ],
  },
  {
    name: "ts",
    kind: "timestamp",
    type: "timestamp",
    values: [
      ...[
        null,
        "0001-01-01 00:00:00",
        "1582-10-10 12:00:00",
        "1900-01-01 00:00:00.5",
        "1969-12-31 23:59:59.999999",
        "1970-01-01 00:00:00",
        "1970-01-01 00:00:00.000001",
      ],
      ...[
        "2024-02-29 23:59:59.123400",
        "2024-12-30 12:30:45",
        "2023-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
      ],
    ],
  },
  {
    name: "tn",
    kind: "timestamp_ntz",
    type: "timestamp_ntz",
    values: [
      null,
      "0001-01-01 00:00:00",
      "1969-12-31 23:59:59.999999",
      "1970-01-01 00:00:00",
      "2024-02-29 23:59:59.123400",
      "2024-12-30 12:30:45",
      "9999-12-31 23:59:59.999999",
    ],
  },
  {
    name: "ai",
    kind: "array",
    type: array("integer"),
    values: [null, "", "1", "NULL", "1,NULL,3", "-1,0,2147483647"],
  },
  { name: "as", kind: "array", type: array("string"), values: [null, "", "'a'", "NULL", "'a',NULL,''"] },
  { name: "mi", kind: "map", type: map("string", "integer"), values: [null, "", "'a',1", "'a',NULL,'',2"] },
  {
    name: "ms",
    kind: "map",
    type: map("integer", "string"),
    values: [null, "", "1,'x'", "0,NULL,2147483647,''"],
  },
  { name: "st", kind: "struct", type: struct, values: [null, "1,'x'", "NULL,NULL"] },
];

/** Numbers of columns of each type. */
export const columnsOfType = [1, 2, 3] as const;

/** The grid's columns: all of {@link gridTypes}, several times. */
export const gridSchema: StructType = {
  type: "struct",
  fields: gridTypes.flatMap(({ name, type }) =>
    columnsOfType.map((number) => field(`${name}_${number}`, type)),
  ),
};

/**
 * Names of the grid's columns that a text uses, in the schema's order: its cells are the product of their
 * values, the last one fastest.
 */
export function columnsIn(expression: string): readonly string[] {
  const words = new Set(expression.match(/[a-z0-9]+(?:_\d+)+/g) ?? []);
  return gridSchema.fields.map(({ name }) => name).filter((name) => words.has(name));
}

export function typeOfColumn(column: string): GridType {
  const found = gridTypes.find(({ name }) => name === column.replace(/_\d$/, ""));
  if (found === undefined) throw new Error(`no type of the grid: ${column}`);
  return found;
}

const hex = (text: string): string => Buffer.from(text, "utf8").toString("hex").toUpperCase();
const sparkNames: Readonly<Record<string, string>> = {
  long: "bigint",
  integer: "int",
  short: "smallint",
  byte: "tinyint",
};

/** A type as Spark SQL writes it. */
export function sparkTypeName(type: DeltaType): string {
  if (typeof type === "string") return sparkNames[type] ?? type;
  if (type.type === "decimal") return `decimal(${type.precision},${type.scale})`;
  if (type.type === "array") return `array<${sparkTypeName(type.elementType)}>`;
  if (type.type === "map") return `map<${sparkTypeName(type.keyType)},${sparkTypeName(type.valueType)}>`;
  return `struct<${type.fields.map(({ name, type: inner }) => `${name}:${sparkTypeName(inner)}`).join(",")}>`;
}

/** A value of the grid in Spark SQL. */
export function sparkValue({ kind, type }: GridType, value: string | null): string {
  const name = sparkTypeName(type);
  if (value === null) return `CAST(NULL AS ${name})`;
  if (kind === "string") return `CAST(X'${hex(value)}' AS STRING)`;
  if (kind === "binary") return `X'${value}'`;
  if (kind === "array") return `CAST(array(${value}) AS ${name})`;
  if (kind === "map") return `CAST(map(${value}) AS ${name})`;
  if (kind === "struct") return `CAST(struct(${value}) AS ${name})`;
  return `CAST('${value}' AS ${name})`;
}

/** A value of the grid in the engine's SQL. */
export function engineValue({ kind, type }: GridType, value: string | null): string {
  const name = engineTypeText(type);
  if (value === null) return `CAST(NULL AS ${name})`;
  if (kind === "string") return `decode(unhex('${hex(value)}'))`;
  if (kind === "binary") return `unhex('${value}')`;
  if (kind === "array") return `CAST([${value}] AS ${name})`;
  if (kind === "map") {
    const parts = value === "" ? [] : value.split(",");
    const pick = (odd: number) => parts.filter((_, index) => index % 2 === odd).join(", ");
    return `CAST(map([${pick(0)}], [${pick(1)}]) AS ${name})`;
  }
  if (kind === "struct") return `CAST(row(${value}) AS ${name})`;
  return `CAST('${value}${kind === "timestamp" ? "+00" : ""}' AS ${name})`;
}
