import { isPrimitive, parseTypeName } from "../../schema/type-names.ts";
import type { DeltaType, StructField } from "../../schema/types.ts";
import type { TokenReader } from "./token-reader.ts";

/** Spark's names of types that Delta names otherwise. */
const typeWords: Readonly<Record<string, DeltaType>> = {
  int: "integer",
  bigint: "long",
  smallint: "short",
  tinyint: "byte",
  real: "float",
  timestamp_ltz: "timestamp",
};

/** Deepest nesting of a type that is read. */
const maxTypeDepth = 50;

/**
 * Reads a type as Spark's DDL spells it: `BIGINT`, `decimal(10, 2)`, `ARRAY<STRUCT<a: INT, b: STRING>>`;
 * `char(n)` and `varchar(n)` are strings.
 *
 * @throws what the reader makes of a token that cannot stand there
 */
export function readType(reader: TokenReader, depth = 0): DeltaType {
  if (depth > maxTypeDepth) throw reader.unexpected("a type that is less deeply nested");
  const { kind, value } = reader.peek();
  const word = kind === "word" ? value.toLowerCase() : "";
  if (reader.take("array")) {
    reader.expect("<");
    const elementType = readType(reader, depth + 1);
    reader.expect(">");
    return { type: "array", elementType, containsNull: true };
  }
  if (reader.take("map")) {
    reader.expect("<");
    const keyType = readType(reader, depth + 1);
    reader.expect(",");
    const valueType = readType(reader, depth + 1);
    reader.expect(">");
    return { type: "map", keyType, valueType, valueContainsNull: true };
  }
  if (reader.take("struct")) return { type: "struct", fields: readFields(reader, depth + 1) };
  if (word === "decimal" || word === "dec" || word === "numeric") return readDecimal(reader);
  if ((word === "char" || word === "character" || word === "varchar") && reader.peek(1).value === "(") {
    reader.take(word, "(");
    readDigits(reader);
    reader.expect(")");
    return "string";
  }
  const type = Object.hasOwn(typeWords, word) ? typeWords[word] : parseTypeName(word);
  if (type === undefined || !isPrimitive(type)) throw reader.unexpected("a type");
  reader.advance();
  return type;
}

function readFields(reader: TokenReader, depth: number): StructField[] {
  if (reader.take("<>")) return [];
  reader.expect("<");
  const fields: StructField[] = [];
  if (reader.take(">")) return fields;
  do {
    const name = reader.peek();
    if (name.kind !== "word" && name.kind !== "name") throw reader.unexpected("a field's name");
    reader.advance();
    reader.take(":");
    const type = readType(reader, depth);
    const nullable = !reader.take("not", "null");
    const metadata = reader.take("comment") ? { comment: readText(reader) } : {};
    fields.push({ name: name.value, type, nullable, metadata });
  } while (reader.take(","));
  reader.expect(">");
  return fields;
}

function readDecimal(reader: TokenReader): DeltaType {
  const word = reader.advance();
  if (!reader.take("(")) return { type: "decimal", precision: 10, scale: 0 };
  const precision = readDigits(reader);
  const scale = reader.take(",") ? readDigits(reader) : 0;
  reader.expect(")");
  if (precision < 1 || precision > 38 || scale > precision)
    throw reader.unexpected(`a precision from 1 to 38 and a scale up to it in ${word.value}`);
  return { type: "decimal", precision, scale };
}

function readDigits(reader: TokenReader): number {
  const { kind, value } = reader.peek();
  if (kind !== "number" || !/^\d{1,9}$/.test(value)) throw reader.unexpected("a number");
  reader.advance();
  return Number(value);
}

function readText(reader: TokenReader): string {
  if (reader.peek().kind !== "text") throw reader.unexpected("a string");
  return reader.advance().value;
}
