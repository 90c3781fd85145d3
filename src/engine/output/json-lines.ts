import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { lambda, plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { JsonLinesOptions } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { knownValueType, type ValueType, variantParts } from "../core/value-type.ts";

/** Rows that one text of the stream holds, about. */
const linesAtOnce = 8192;

/**
 * Streams a query as lossless JSON lines; see {@link Session.jsonLines}.
 *
 * The engine itself makes the text of every line, so that a row is never an object here.
 */
export async function* jsonLines(
  core: EngineCore,
  select: SqlSelect,
  options: JsonLinesOptions = {},
): AsyncGenerator<string> {
  const { arrowBatches } = await import("./arrow-export.ts");
  const columns = await core.typedColumns(select);
  const plain = new Set(options.jsonColumns ?? []);
  const parts = columns.map(({ name, type }, index) => {
    const column = sql`lines.${plainName(`c${index}`)}`;
    const value = plain.has(name)
      ? sql`coalesce(${column}::VARCHAR, 'null')`
      : jsonText(column, knownValueType(core.driver, name, type), 0);
    return sql`${quoteText(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`)} || ${value}`;
  });
  const names = columns.map((_, index) => plainName(`c${index}`));
  const line = sql`${joinSql(parts, sql` || `)} || ${quoteText("}\n")}`;
  const text = sql`SELECT ${line} AS line FROM (${select}) AS lines(${names})`;
  const settings = { batchRows: linesAtOnce, signal: options.signal };
  for await (const batch of arrowBatches(core, text, settings)) {
    const values: unknown = batch.data.children[0]?.values;
    if (batch.numRows > 0 && values instanceof Uint8Array)
      yield Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("utf8");
  }
}

/**
 * SQL of the JSON text of a value, never NULL.
 *
 * Integers keep all digits, decimals are texts with all digits of their scale, floats the shortest digits
 * that read back the same.
 */
function jsonText(value: SqlExpression, type: ValueType, depth: number): SqlExpression {
  switch (type.kind) {
    case "null":
      return sql`'null'`;
    case "boolean":
    case "integer":
      return sql`coalesce(${value}::VARCHAR, 'null')`;
    case "float":
    case "double":
      return sql`coalesce(CASE WHEN isnan(${value}) THEN '"NaN"'
        WHEN isinf(${value}) THEN if(${value} > 0, '"Infinity"', '"-Infinity"') ELSE ${value}::VARCHAR END, 'null')`;
    case "decimal": {
      const digits = sql`${value}::VARCHAR`;
      // The engine writes no zero before the point of a type that has no whole digits.
      const whole = type.width === type.scale ? sql`regexp_replace(${digits}, '^(-?)\\.', '\\10.')` : digits;
      return sql`coalesce('"' || ${whole} || '"', 'null')`;
    }
    case "date":
      return sql`coalesce('"' || ${value}::VARCHAR || '"', 'null')`;
    case "timestamp":
      return sql`coalesce(strftime(${value}, ${type.zoned ? zonedFormat : localFormat}), 'null')`;
    case "text":
      return sql`coalesce(to_json(${value})::VARCHAR, 'null')`;
    case "binary":
      return sql`coalesce('"' || base64(${value}) || '"', 'null')`;
    case "variant":
      return jsonText(value, variantParts, depth);
    case "struct":
      return structText(value, type, depth);
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

const zonedFormat = quoteText('"%Y-%m-%dT%H:%M:%S.%fZ"');
const localFormat = quoteText('"%Y-%m-%dT%H:%M:%S.%f"');

function structText(
  value: SqlExpression,
  type: Extract<ValueType, { kind: "struct" }>,
  depth: number,
): SqlExpression {
  const fields = type.fields.map((field, index) => {
    const name = quoteText(`${index === 0 ? "{" : ","}${JSON.stringify(field.name)}:`);
    return sql`${name} || ${jsonText(sql`${value}.${quoteName(field.name)}`, field.type, depth)}`;
  });
  const members = fields.length === 0 ? sql`'{'` : joinSql(fields, sql` || `);
  return sql`CASE WHEN ${value} IS NULL THEN 'null' ELSE ${members} || '}' END`;
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
