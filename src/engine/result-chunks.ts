import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from "@duckdb/node-api";

/**
 * Runs a query on a connection that does nothing else and yields its chunks, the engine making the next one while one is used.
 *
 * When the consumer leaves early the query is interrupted, and nothing of it runs any more once this has ended.
 */
export async function* chunksAhead(connection: DuckDBConnection, result: DuckDBResult): AsyncGenerator<DuckDBDataChunk> {
  let fetching = result.fetchChunk();
  let finished = false;
  try {
    for (;;) {
      const chunk = await fetching;
      if (chunk === null || chunk.rowCount === 0) break;
      fetching = result.fetchChunk();
      // A failure is met when its turn comes.
      fetching.catch(() => undefined);
      yield chunk;
    }
    finished = true;
  } finally {
    if (!finished) {
      connection.interrupt();
      await fetching.catch(() => undefined);
    }
  }
}
