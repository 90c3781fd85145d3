import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from "@duckdb/node-api";
import { VarveError } from "../../errors.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { assertNotAborted, type EngineCore } from "./core.ts";
import { interruptOnAbort } from "./interrupt.ts";

/** A query whose result is streamed. */
export interface StreamedQuery {
  /** Does nothing else meanwhile. */
  readonly connection: DuckDBConnection;
  readonly select: SqlSelect;
  /** The caller has it interrupt the connection. */
  readonly signal: AbortSignal | undefined;
  readonly result: DuckDBResult;
}

/** What to stream. */
interface StreamRequest {
  readonly select: SqlSelect;
  /** The query that errors are about; default: `select`. */
  readonly caller?: SqlSelect | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Streams a query on a connection of its own, which the signal interrupts, and yields what `read` makes of it.
 *
 * @throws the error of the query, `CANCELLED`
 */
export async function* onOwnStream<T>(
  core: EngineCore,
  { select, caller = select, signal }: StreamRequest,
  read: (query: StreamedQuery) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  core.assertOpen();
  assertNotAborted(signal);
  const connection = await core.connect();
  const disarm = interruptOnAbort(connection, signal);
  try {
    const result = await core.turn.use(() => connection.stream(select), signal);
    yield* read({ connection, select, signal, result });
  } catch (error) {
    const failure = await core.failureOfQuery(error, caller);
    assertNotAborted(signal);
    throw failure;
  } finally {
    disarm();
    await core.release(connection);
  }
}

/**
 * Yields the chunks of a streamed query; the engine computes the next one while one is used.
 *
 * If the consumer leaves early, the query is interrupted, and nothing of it runs any more once this has
 * ended.
 *
 * @throws the engine's error if the query fails partway, `CANCELLED` if the signal interrupted it
 */
export async function* chunksAhead(core: EngineCore, query: StreamedQuery): AsyncGenerator<DuckDBDataChunk> {
  const { connection, result, signal } = query;
  const fetch = () => core.turn.use(() => result.fetchChunk(), signal);
  let fetching = fetch();
  let finished = false;
  try {
    for (;;) {
      const chunk = await fetching;
      if (chunk === null || chunk.rowCount === 0) break;
      fetching = fetch();
      // A failure is handled when its chunk is awaited.
      fetching.catch(() => undefined);
      yield chunk;
    }
    finished = true;
    if (!hasFailed(core, result)) return;
    assertNotAborted(signal);
    throw await failureOf(core, query);
  } finally {
    if (!finished) {
      connection.interrupt();
      await drain(fetching, fetch);
    }
  }
}

/**
 * Reads what the engine had already computed, because only a result that was read to its end releases its
 * instance.
 */
async function drain(
  fetching: Promise<DuckDBDataChunk | null>,
  fetch: () => Promise<DuckDBDataChunk | null>,
): Promise<void> {
  let chunk = await fetching.catch(() => null);
  while (chunk !== null && chunk.rowCount > 0) chunk = await fetch().catch(() => null);
}

/** The driver ends a result that fails partway like a complete one, except for its type. */
function hasFailed({ driver }: EngineCore, result: DuckDBResult): boolean {
  return result.returnType === driver.api.ResultReturnType.INVALID;
}

/** The driver does not report the error, so the query runs again to get it, without keeping its rows. */
async function failureOf(
  { turn }: EngineCore,
  { connection, select, signal }: StreamedQuery,
): Promise<unknown> {
  try {
    await turn.use(() => connection.run(sql`EXPLAIN ANALYZE ${select}`), signal);
  } catch (error) {
    return error;
  }
  const text =
    "The engine failed partway through a result, but not when the query was run again. Run the query again from the start.";
  return new VarveError("ENGINE_FAILED", text, {});
}
