import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { JsonLinesOptions } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { jsonText } from "./json-text.ts";
import { outputType } from "./output-types.ts";

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
      : jsonText(column, outputType(core.driver, type));
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

/** A query with some of its columns as JSON text; see {@link Session.withJsonText}. */
export async function withJsonText(
  core: EngineCore,
  select: SqlSelect,
  names: readonly string[],
): Promise<SqlSelect> {
  const columns = await core.typedColumns(select);
  const places = columns.map((_, index) => plainName(`c${index}`));
  const items = columns.map(({ name, type }, index) => {
    const column = sql`lines.${plainName(`c${index}`)}`;
    const text = jsonText(column, outputType(core.driver, type));
    const value = names.includes(name) ? sql`CASE WHEN ${column} IS NOT NULL THEN ${text} END` : column;
    return sql`${value} AS ${quoteName(name)}`;
  });
  return sql`SELECT ${items} FROM (${select}) AS lines(${places})`;
}
