import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { formulaStart } from "../../util/formula-text.ts";
import type { FileOptions } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { exportedQuery } from "./export-types.ts";
import { decimalText, jsonText } from "./json-text.ts";
import { dictionarySetting } from "./minus-zero.ts";
import { type OutputType, outputType } from "./output-types.ts";

/** Writes a query's rows to one file; see {@link Session.writeFile}. */
export async function writeFile(core: EngineCore, select: SqlSelect, options: FileOptions): Promise<void> {
  const columns = await core.typedColumns(select);
  const query =
    options.format === "csv"
      ? csvQuery(
          select,
          columns.map(({ name, type }) => ({ name, type: outputType(core.driver, type) })),
          options.safeCsv === true,
        )
      : exportedQuery(core.driver, select, columns).sql;
  const settings =
    options.format === "csv"
      ? [sql`FORMAT csv`, sql`HEADER`]
      : [sql`FORMAT parquet`, sql`COMPRESSION zstd`, ...dictionarySetting(core.driver, columns)];
  await core.run(sql`COPY (${query}) TO ${quoteText(options.file)} (${settings})`, [], options.signal);
}

/**
 * A query's columns as CSV has them: bytes as base64 and nested values as JSON. `safe`: text that a
 * spreadsheet would take for a formula stands behind an apostrophe, in cells and headings.
 */
function csvQuery(
  select: SqlSelect,
  columns: readonly { readonly name: string; readonly type: OutputType }[],
  safe: boolean,
): SqlSelect {
  const items = columns.map(({ name, type }, index) => {
    const value = plainName(`c${index}`);
    const cell = csvCell(value, type);
    const isText = type.kind === "text" || type.kind === "words" || type.kind === "variant";
    const heading = safe && formulaStart.test(name) ? `'${name}` : name;
    return sql`${safe && isText ? safeText(cell) : cell} AS ${quoteName(heading)}`;
  });
  return sql`SELECT ${items} FROM (${select}) AS result(${columns.map((_, index) => plainName(`c${index}`))})`;
}

function csvCell(value: SqlExpression, type: OutputType): SqlExpression {
  switch (type.kind) {
    case "binary":
      return sql`base64(${value})`;
    case "decimal":
      return type.width === type.scale ? decimalText(value, type) : value;
    case "words":
      return sql`CAST(${value} AS VARCHAR)`;
    case "variant":
    case "struct":
    case "union":
    case "list":
    case "map":
      return sql`CASE WHEN ${value} IS NOT NULL THEN ${jsonText(value, type)} END`;
    default:
      return value;
  }
}

function safeText(value: SqlExpression): SqlExpression {
  return sql`CASE WHEN regexp_matches(${value}, ${quoteText(formulaStart.source)}) THEN ${quoteText("'")} || ${value}
    ELSE ${value} END`;
}
