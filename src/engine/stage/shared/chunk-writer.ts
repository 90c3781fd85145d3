import type { DuckDBAppender, DuckDBDataChunk, DuckDBType } from "@duckdb/node-api";
import type { Vector } from "@duckdb/node-bindings";
import type { EngineCore } from "../../core/core.ts";
import { memoryLimitOf } from "../../core/instance-pool.ts";
import { chunkRows } from "./chunk-buffers.ts";

/** Bytes of values that are made into one chunk, about. */
const chunkBytes = 4 * 1024 * 1024;
/** Bytes that wait at most before they are written to the table. */
const mostWaiting = 32 * 1024 * 1024;

/**
 * Appends chunks to a table of the engine.
 *
 * The engine's memory limit does not hold for chunks, nor for those that wait in an appender. So one chunk is
 * used for all, and what waits is written out once it is an eighth of the limit.
 */
export class ChunkWriter {
  readonly #core: EngineCore;
  readonly #table: string;
  readonly #mostWaiting: number;
  #types: readonly DuckDBType[] = [];
  #chunk: DuckDBDataChunk | undefined;
  #appender: DuckDBAppender | undefined;
  #waiting = 0;

  constructor(core: EngineCore, table: string) {
    this.#core = core;
    this.#table = table;
    this.#mostWaiting = Math.min(mostWaiting, memoryLimitOf(core.options) / 8);
  }

  /** Starts over with columns of these types: those of the table, in its order. */
  begin(types: readonly DuckDBType[]): void {
    this.finish();
    this.#types = types;
  }

  /**
   * Appends a chunk of `count` rows; `fill` writes a column's vector, and `bytes` tells afterwards how many
   * there are in all of them.
   */
  async write(
    count: number,
    fill: (vector: Vector, column: number) => void,
    bytes: () => number,
  ): Promise<void> {
    const { api, bindings } = this.#core.driver;
    this.#chunk ??= api.DuckDBDataChunk.create(this.#types);
    const chunk = this.#chunk;
    chunk.reset();
    chunk.rowCount = count;
    for (let column = 0; column < this.#types.length; column++)
      fill(bindings.data_chunk_get_vector(chunk.chunk, column), column);
    this.#core.noteChunk({ columns: this.#types.length, rows: count, bytes: bytes() });
    try {
      this.#appender ??= await this.#core.turn.use(() => this.#core.connection.createAppender(this.#table));
      this.#appender.appendDataChunk(chunk);
      this.#waiting += bytes();
      if (this.#waiting < this.#mostWaiting) return;
      this.#appender.flushSync();
      this.#waiting = 0;
    } catch (error) {
      throw this.#core.failure(error);
    }
  }

  /** Makes the rows visible to queries. */
  finish(): void {
    const appender = this.#appender;
    this.#appender = undefined;
    this.#chunk = undefined;
    this.#waiting = 0;
    try {
      appender?.closeSync();
    } catch (error) {
      throw this.#core.failure(error);
    }
  }

  /** Forgets rows that wait still. */
  abandon(): void {
    try {
      this.finish();
    } catch {
      // What failed before fails again here, and was told.
    }
  }
}

/** How many rows of these many bytes each make a chunk. */
export function rowsOfChunk(bytesOfRow: number): number {
  return Math.max(1, Math.min(chunkRows, Math.floor(chunkBytes / Math.max(1, bytesOfRow))));
}
