import { type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { columnReaders } from "../core/column-values.ts";
import type { EngineRow, RowStreamOptions } from "../core/contract.ts";
import { assertNotAborted, type EngineCore, type TypedColumn } from "../core/core.ts";
import type { Driver } from "../core/driver.ts";
import { chunksAhead, onOwnStream, type StreamedQuery } from "../core/result-chunks.ts";
import { rowMaker } from "../core/row-objects.ts";
import { changedValue, nanosecondsText, outputType, type ValueChange, variantJson } from "./output-types.ts";

/**
 * Streams a query's rows as plain objects on a connection of its own: memory stays bounded while they are
 * consumed one by one.
 */
export async function* streamRows(
  core: EngineCore,
  caller: SqlSelect,
  { anyType, signal }: RowStreamOptions = {},
): AsyncGenerator<EngineRow> {
  core.assertOpen();
  assertNotAborted(signal);
  const select = anyType === true ? rowQuery(core.driver, caller, await core.typedColumns(caller)) : caller;
  yield* onOwnStream(core, { select, signal }, (query) => convertedRows(core, query));
}

async function* convertedRows(core: EngineCore, query: StreamedQuery): AsyncGenerator<EngineRow> {
  const toRow = rowMaker(query.result);
  const readers = columnReaders(core.driver, query.result.columnTypes());
  for await (const chunk of chunksAhead(core, query)) {
    const columns = readers.map((read) => read(chunk));
    for (let row = 0; row < chunk.rowCount; row++) yield toRow(columns.map((values) => values[row] ?? null));
  }
}

/** A query with the columns that the driver does not give as they are made texts, and their fields named. */
function rowQuery(driver: Driver, select: SqlSelect, columns: readonly TypedColumn[]): SqlSelect {
  const parts = columns.map(({ type }, index) =>
    changedValue(plainName(`c${index}`), outputType(driver, type), rowChange),
  );
  if (parts.every((part) => part === undefined)) return select;
  const positional = columns.map((_, index) => plainName(`c${index}`));
  const items = columns.map(
    ({ name }, index) => sql`${parts[index] ?? plainName(`c${index}`)} AS ${quoteName(name)}`,
  );
  return sql`SELECT ${items} FROM (${select}) AS streamed(${positional})`;
}

const rowChange: ValueChange = {
  leaf(value, type) {
    if (type.kind === "words") return sql`CAST(${value} AS VARCHAR)`;
    if (type.kind === "nanoseconds") return nanosecondsText(value);
    return type.kind === "variant" ? variantJson(value) : undefined;
  },
  columnar: false,
};
