import { TokenReader } from "../../dialects/spark/token-reader.ts";
import { scan } from "../../dialects/spark/tokenize.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { findField } from "../../schema/fields.ts";
import { isPrimitive, pathText } from "../../schema/type-names.ts";
import type { DeltaType, StructField } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";

/** A column's or field's text of a limited length, as a condition that is true where a value has it. */
export interface LengthRule {
  readonly kind: "length";
  /** The column. */
  readonly name: string;
  readonly label: string;
  readonly sql: SqlExpression;
}

/**
 * `char(n)` and `varchar(n)` are strings in Delta, inside other types too; Spark keeps the type that was declared in
 * the column's metadata and enforces its lengths, and so does varve. A declared type that cannot be read has none.
 */
export function lengthRules(field: StructField): LengthRule[] {
  const declared = field.metadata[metadataKeys.charVarchar];
  const limits = typeof declared === "string" ? limitsOf(declared) : undefined;
  if (limits === undefined) return [];
  return conditions(field.type, limits, { value: quoteName(field.name), path: [field.name], depth: 0 }).map(
    ({ label, sql }) => ({ kind: "length", name: field.name, label, sql }),
  );
}

/** The lengths of a type: of a text itself, or of the parts of a nested type by their names in paths. */
interface Limits {
  readonly limit?: { readonly kind: "char" | "varchar"; readonly length: number } | undefined;
  readonly parts?: ReadonlyMap<string, Limits> | undefined;
}

class Unreadable extends Error {}

function limitsOf(declared: string): Limits | undefined {
  const refuse = () => new Unreadable(declared);
  try {
    const reader = new TokenReader(scan(declared, refuse), refuse);
    const limits = readLimits(reader);
    return reader.peek().kind === "end" ? limits : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function readLimits(reader: TokenReader): Limits {
  if (reader.take("array", "<")) return { parts: readParts(reader, ["element"]) };
  if (reader.take("map", "<")) return { parts: readParts(reader, ["key", "value"]) };
  if (reader.take("struct", "<>")) return {};
  if (reader.take("struct", "<")) return { parts: readParts(reader) };
  const word = reader.advance().value.toLowerCase();
  if (!reader.take("(")) return {};
  const length = Number(reader.advance().value);
  while (!reader.take(")")) reader.advance();
  const kind = word === "character" ? "char" : word;
  return (kind === "char" || kind === "varchar") && Number.isSafeInteger(length)
    ? { limit: { kind, length } }
    : {};
}

/** Parts up to the bracket that ends them, with given names or, in a struct, names of their own. */
function readParts(reader: TokenReader, names?: readonly string[]): Map<string, Limits> {
  const parts = new Map<string, Limits>();
  do {
    const name = names === undefined ? reader.advance().value : (names[parts.size] ?? "");
    if (names === undefined) reader.take(":");
    parts.set(name, readLimits(reader));
    reader.take("not", "null");
    if (reader.take("comment")) reader.advance();
  } while (reader.take(","));
  reader.expect(">");
  return parts;
}

interface Place {
  readonly value: SqlExpression;
  readonly path: readonly string[];
  readonly depth: number;
}

interface Condition {
  readonly label: string;
  readonly sql: SqlExpression;
}

function conditions(type: DeltaType, { limit, parts }: Limits, { value, path, depth }: Place): Condition[] {
  if (type === "string") {
    if (limit === undefined) return [];
    const label = `length of column ${pathText(path)}, a ${limit.kind}(${limit.length})`;
    return [{ label, sql: sql`(${value} IS NULL OR length(${value}) <= ${limit.length})` }];
  }
  if (parts === undefined || isPrimitive(type) || type.type === "decimal") return [];
  if (type.type === "struct")
    return [...parts].flatMap(([name, inner]) => {
      const field = findField(type, name);
      if (field === undefined) return [];
      const member = sql`struct_extract(${value}, ${quoteText(field.name)})`;
      return conditions(field.type, inner, { value: member, path: [...path, field.name], depth });
    });
  const items = (list: SqlExpression, part: string, of: DeltaType): Condition[] => {
    const inner = parts.get(part);
    if (inner === undefined) return [];
    const name = `varve_l${depth}`;
    const place = { path: [...path, part], depth: depth + 1 };
    return conditions(of, inner, { ...place, value: sql`` }).map(({ label }, index) => {
      const isTooLong = lambda(name, (item) => {
        const condition = conditions(of, inner, { ...place, value: item })[index];
        return sql`NOT ${condition?.sql ?? sql`true`}`;
      });
      return { label, sql: sql`coalesce(len(list_filter(${list}, ${isTooLong})) = 0, true)` };
    });
  };
  return type.type === "array"
    ? items(value, "element", type.elementType)
    : [
        ...items(sql`map_keys(${value})`, "key", type.keyType),
        ...items(sql`map_values(${value})`, "value", type.valueType),
      ];
}
