import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName, quoteText } from "../../sql/sql-text.ts";
import { nanosecondsText, type OutputField, type OutputType, variantJson } from "./output-types.ts";

/**
 * SQL of the JSON text of a value, never NULL.
 *
 * Whole numbers keep all digits, decimals are texts with all digits of their scale, floats the shortest digits
 * that read back the same; a union is an object of the one member that it has.
 */
export function jsonText(value: SqlExpression, type: OutputType, depth = 0): SqlExpression {
  switch (type.kind) {
    case "null":
      return sql`'null'`;
    case "boolean":
    case "integer":
    case "digits":
      return sql`coalesce(${value}::VARCHAR, 'null')`;
    case "whole":
      return type.column.kind === "timestamp"
        ? jsonText(sql`CAST(${value} AS TIMESTAMP)`, type.column, depth)
        : sql`coalesce(${value}::VARCHAR, 'null')`;
    case "float":
    case "double":
      return sql`coalesce(CASE WHEN isnan(${value}) THEN '"NaN"'
        WHEN isinf(${value}) THEN if(${value} > 0, '"Infinity"', '"-Infinity"') ELSE ${value}::VARCHAR END, 'null')`;
    case "decimal":
      return quoted(decimalText(value, type));
    case "date":
      return momentText(value, dateFormat);
    case "timestamp":
      return momentText(value, type.zoned ? zonedFormat : localFormat);
    case "nanoseconds":
      return quoted(nanosecondsText(value));
    case "text":
      return sql`coalesce(to_json(${value})::VARCHAR, 'null')`;
    case "words":
      return sql`coalesce(to_json(${value}::VARCHAR)::VARCHAR, 'null')`;
    case "binary":
      return quoted(sql`base64(${value})`);
    case "variant":
      return sql`coalesce(${variantJson(value)}, 'null')`;
    case "struct":
      return structText(value, type.fields, depth);
    case "union":
      return unionText(value, type.fields, depth);
    case "list":
      return listText(value, (item) => jsonText(item, type.element, depth + 1), depth);
    case "map": {
      const part = (entry: SqlExpression, name: "key" | "value") =>
        jsonText(sql`${entry}.${plainName(name)}`, type[name], depth + 1);
      const pair = (entry: SqlExpression) =>
        sql`'[' || ${part(entry, "key")} || ',' || ${part(entry, "value")} || ']'`;
      return listText(sql`map_entries(${value})`, pair, depth);
    }
  }
}

/** SQL of a decimal's digits. */
export function decimalText(
  value: SqlExpression,
  { width, scale }: { readonly width: number; readonly scale: number },
): SqlExpression {
  const digits = sql`${value}::VARCHAR`;
  // The engine writes no zero before the point of a type that has no whole digits.
  return width === scale ? sql`regexp_replace(${digits}, '^(-?)\\.', '\\10.')` : digits;
}

/** SQL of a text between quotation marks, whose characters need no escape. */
function quoted(text: SqlExpression): SqlExpression {
  return sql`coalesce('"' || ${text} || '"', 'null')`;
}

/** A moment's format, and the first and last moment whose year has four digits. */
interface MomentFormat {
  readonly format: string;
  readonly first: SqlExpression;
  readonly last: SqlExpression;
}

const dateFormat: MomentFormat = {
  format: "-%m-%d",
  first: sql`DATE '0000-01-01'`,
  last: sql`DATE '9999-12-31'`,
};
const localFormat: MomentFormat = {
  format: "-%m-%dT%H:%M:%S.%f",
  first: sql`TIMESTAMP '0000-01-01 00:00:00'`,
  last: sql`TIMESTAMP '9999-12-31 23:59:59.999999'`,
};
const zonedFormat: MomentFormat = {
  format: "-%m-%dT%H:%M:%S.%fZ",
  first: sql`TIMESTAMPTZ '0000-01-01 00:00:00+00'`,
  last: sql`TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'`,
};

/**
 * SQL of the JSON text of a moment as ISO has it: years beyond four digits have six or more and a sign. The
 * endless ones are `infinity` and `-infinity`.
 */
function momentText(value: SqlExpression, { format, first, last }: MomentFormat): SqlExpression {
  const year = sql`year(${value})`;
  const sign = sql`if(${year} < 0, '-', '+')`;
  const wide = sql`printf('"%s%06d', ${sign}, abs(${year})) || strftime(${value}, ${quoteText(`${format}"`)})`;
  return sql`CASE WHEN ${value} BETWEEN ${first} AND ${last} THEN strftime(${value}, ${quoteText(`"%Y${format}"`)})
    WHEN isfinite(${value}) THEN ${wide} ELSE ${quoted(sql`${value}::VARCHAR`)} END`;
}

function structText(value: SqlExpression, fields: readonly OutputField[], depth: number): SqlExpression {
  const members = fields.map((field, index) => {
    const name = quoteText(`${index === 0 ? "{" : ","}${JSON.stringify(field.name)}:`);
    return sql`${name} || ${jsonText(field.of(value), field.type, depth)}`;
  });
  const text = members.length === 0 ? sql`'{'` : joinSql(members, sql` || `);
  return sql`CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} || '}' END`;
}

function unionText(value: SqlExpression, members: readonly OutputField[], depth: number): SqlExpression {
  const cases = members.map((member) => {
    const name = quoteText(`{${JSON.stringify(member.name)}:`);
    const text = jsonText(member.of(value), member.type, depth);
    return sql`WHEN union_tag(${value})::VARCHAR = ${quoteText(member.name)} THEN ${name} || ${text} || '}'`;
  });
  return sql`CASE ${joinSql(cases, sql` `)} ELSE 'null' END`;
}

function listText(
  list: SqlExpression,
  item: (value: SqlExpression) => SqlExpression,
  depth: number,
): SqlExpression {
  const name = `item${depth}`;
  const items = sql`list_transform(${list}, ${lambda(name, item)})`;
  return sql`coalesce('[' || array_to_string(${items}, ',') || ']', 'null')`;
}
