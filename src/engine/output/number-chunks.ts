import type { SqlSelect } from "../../sql/sql.ts";
import { type ColumnValues, columnReaders } from "../core/column-values.ts";
import type { NumberChunk, NumberStreamOptions, NumberVector } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { validityBits, vectorBytes } from "../core/native-vector.ts";
import { chunksAhead, onOwnStream, type StreamedQuery } from "../core/result-chunks.ts";

/**
 * Streams a query's DOUBLE columns as the engine has them in memory, a chunk of at most 2,048 rows at a time, on a
 * connection of its own.
 */
export async function* streamNumbers(
  core: EngineCore,
  select: SqlSelect,
  { signal = core.signal }: NumberStreamOptions = {},
): AsyncGenerator<NumberChunk> {
  yield* onOwnStream(core, { select, signal }, (query) => chunksOf(core, query));
}

async function* chunksOf(core: EngineCore, query: StreamedQuery): AsyncGenerator<NumberChunk> {
  const { driver } = core;
  const types = query.result.columnTypes();
  const isDouble = types.map(({ typeId }) => typeId === driver.api.DuckDBTypeId.DOUBLE);
  const readers = columnReaders(driver, types);
  for await (const chunk of chunksAhead(core, query)) {
    const rows = chunk.rowCount;
    const numbers: NumberVector[] = [];
    const others: ReturnType<ColumnValues>[] = [];
    for (const [index, read] of readers.entries()) {
      if (isDouble[index] !== true) {
        others.push(read(chunk));
        continue;
      }
      const vector = driver.bindings.data_chunk_get_vector(chunk.chunk, index);
      const values = doublesOf(vectorBytes(driver, vector, rows, 8), rows);
      numbers.push({ values, valid: validityBits(driver, vector, rows) });
    }
    yield { rows, numbers, others };
    hastenCollector(numbers.length * rows);
  }
}

/** The bytes as numbers; copied where they do not begin at a multiple of eight. */
function doublesOf(bytes: Uint8Array, rows: number): Float64Array {
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
  return new Float64Array(buffer, byteOffset, rows);
}

/** Slots of an array that the collector frees with the other new objects. */
const mostSlots = 12_000;

/**
 * The collector frees the engine's chunks, but does not count their memory, and comes after 400 of them: new memory for
 * each takes longer than memory that was freed. An array for it to collect lets it come after 60.
 */
function hastenCollector(values: number): void {
  new Array<number>(Math.min(mostSlots, values)).fill(0);
}
