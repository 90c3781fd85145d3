import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
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
  sql: string,
  options: JsonLinesOptions = {},
): AsyncGenerator<string> {
  const { arrowBatches } = await import("./arrow-export.ts");
  const columns = await core.typedColumns(sql);
  const plain = new Set(options.jsonColumns ?? []);
  const parts = columns.map(({ name, type }, at) => {
    const column = `lines.c${at}`;
    const value = plain.has(name)
      ? `coalesce(${column}::VARCHAR, 'null')`
      : jsonText(column, knownValueType(core.driver, name, type), 0);
    return `${quoteText(`${at === 0 ? "{" : ","}${JSON.stringify(name)}:`)} || ${value}`;
  });
  const names = columns.map((_, at) => `c${at}`).join(", ");
  const text = `SELECT ${parts.join(" || ")} || ${quoteText("}\n")} AS line FROM (${sql}) AS lines(${names})`;
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
function jsonText(value: string, type: ValueType, depth: number): string {
  switch (type.kind) {
    case "null":
      return "'null'";
    case "boolean":
    case "integer":
      return `coalesce(${value}::VARCHAR, 'null')`;
    case "float":
    case "double":
      return `coalesce(CASE WHEN isnan(${value}) THEN '"NaN"' WHEN isinf(${value}) THEN if(${value} > 0, '"Infinity"', '"-Infinity"') ELSE ${value}::VARCHAR END, 'null')`;
    case "decimal": {
      const digits = `${value}::VARCHAR`;
      // The engine writes no zero before the point of a type that has no whole digits.
      const whole = type.width === type.scale ? `regexp_replace(${digits}, '^(-?)\\.', '\\10.')` : digits;
      return `coalesce('"' || ${whole} || '"', 'null')`;
    }
    case "date":
      return `coalesce('"' || ${value}::VARCHAR || '"', 'null')`;
    case "timestamp":
      return `coalesce(strftime(${value}, '"%Y-%m-%dT%H:%M:%S.%f${type.zoned ? "Z" : ""}"'), 'null')`;
    case "text":
      return `coalesce(to_json(${value})::VARCHAR, 'null')`;
    case "binary":
      return `coalesce('"' || base64(${value}) || '"', 'null')`;
    case "variant":
      return jsonText(value, variantParts, depth);
    case "struct":
      return structText(value, type, depth);
    case "list":
      return listText(value, (item) => jsonText(item, type.element, depth + 1), depth);
    case "map": {
      const pair = (entry: string) =>
        `'[' || ${jsonText(`${entry}.key`, type.key, depth + 1)} || ',' || ${jsonText(`${entry}.value`, type.value, depth + 1)} || ']'`;
      return listText(`map_entries(${value})`, pair, depth);
    }
  }
}

function structText(value: string, type: Extract<ValueType, { kind: "struct" }>, depth: number): string {
  const fields = type.fields.map((field, at) => {
    const name = quoteText(`${at === 0 ? "{" : ","}${JSON.stringify(field.name)}:`);
    return `${name} || ${jsonText(`${value}.${quoteName(field.name)}`, field.type, depth)}`;
  });
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${fields.length === 0 ? "'{'" : fields.join(" || ")} || '}' END`;
}

function listText(list: string, item: (name: string) => string, depth: number): string {
  const name = `item${depth}`;
  const items = `list_transform(${list}, ${lambda(name, item)})`;
  return `coalesce('[' || array_to_string(${items}, ',') || ']', 'null')`;
}
