import type { SqlSelect } from "../../sql/sql.ts";
import { columnReaders } from "../core/column-values.ts";
import type { EngineRow } from "../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../core/core.ts";
import { interruptOnAbort } from "../core/interrupt.ts";
import { chunksAhead, type StreamedQuery, streamQuery } from "../core/result-chunks.ts";
import { rowMaker } from "../core/row-objects.ts";

/**
 * Streams a query's rows as plain objects on a connection of its own: memory stays bounded while they are
 * consumed one by one.
 */
export async function* streamRows(
  core: EngineCore,
  select: SqlSelect,
  signal?: AbortSignal,
): AsyncGenerator<EngineRow> {
  core.assertOpen();
  assertNotAborted(signal);
  const connection = await core.connect();
  const disarm = interruptOnAbort(connection, signal);
  try {
    yield* convertedRows(core, await streamQuery(core, { connection, select, signal }));
  } catch (error) {
    const failure = core.failure(error, select);
    assertNotAborted(signal);
    throw failure;
  } finally {
    disarm();
    await core.release(connection);
  }
}

async function* convertedRows(core: EngineCore, query: StreamedQuery): AsyncGenerator<EngineRow> {
  const toRow = rowMaker(core.driver, query.result);
  const readers = columnReaders(core.driver, query.result.columnTypes());
  for await (const chunk of chunksAhead(core, query)) {
    const columns = readers.map((read) => read(chunk));
    for (let row = 0; row < chunk.rowCount; row++) yield toRow(columns.map((values) => values[row] ?? null));
  }
}
