import type { RecordBatch } from "apache-arrow";
import type {
  ArrowOptions,
  Engine,
  EngineColumn,
  EngineParameter,
  EngineRow,
  EngineSource,
  JsonLinesOptions,
  ParquetWriteOptions,
  Relation,
  Session,
  SessionRequest,
  StagedRelation,
  StageOptions,
  WrittenFile,
} from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { openCore } from "../core/open-core.ts";
import { callerExpression, callerQuery, callerRowExpression } from "../fence/caller-sql.ts";
import { fence } from "../fence/fence.ts";
import { jsonLines } from "../output/json-lines.ts";
import { writeParquet } from "../output/parquet-write.ts";
import { streamRows } from "../output/row-stream.ts";
import { stageSource } from "../stage/stage.ts";
import { registerVariantFunction } from "../variant/variant-function.ts";

/** DuckDB as varve's {@link Engine}; the driver is loaded by the first session. */
export const duckdbEngine: Engine = Object.freeze({ open: openSession });

/**
 * Opens a session with an instance that is its own until it is closed. @throws `ENGINE_FAILED` when the
 * driver cannot be loaded or the options are refused, `CANCELLED` when the signal aborts while it waits.
 */
export async function openSession(options: SessionRequest = {}): Promise<Session> {
  return new DuckdbSession(await openCore(options));
}

class DuckdbSession implements Session {
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  async execute(
    sql: string,
    parameters: readonly EngineParameter[] = [],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    await this.#core.run(sql, parameters, options.signal);
  }

  rows(sql: string, parameters: readonly EngineParameter[] = []): Promise<EngineRow[]> {
    return this.#core.rows(sql, parameters);
  }

  rowStream(
    sql: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterable<EngineRow> {
    return streamRows(this.#core, sql, options.signal);
  }

  describe(sql: string): Promise<EngineColumn[]> {
    return this.#core.describe(sql);
  }

  stage(source: EngineSource, options: StageOptions = {}): Promise<StagedRelation> {
    return stageSource(this.#core, source, options);
  }

  writeParquet(sql: string, options: ParquetWriteOptions): Promise<WrittenFile[]> {
    return writeParquet(this.#core, sql, options);
  }

  async *arrow(sql: string, options: ArrowOptions = {}): AsyncGenerator<RecordBatch> {
    const { arrowBatches } = await import("../output/arrow-export.ts");
    yield* arrowBatches(this.#core, sql, options);
  }

  jsonLines(sql: string, options: JsonLinesOptions = {}): AsyncIterable<string> {
    return jsonLines(this.#core, sql, options);
  }

  fence(limits: {
    readonly files: readonly string[];
    readonly writableFolders?: readonly string[] | undefined;
  }): Promise<void> {
    return fence(this.#core, limits);
  }

  callerQuery(callerSql: string): Promise<Relation> {
    return callerQuery(this.#core, callerSql);
  }

  callerExpression(callerSql: string, columns: readonly EngineColumn[]): Promise<string> {
    return callerExpression(this.#core, callerSql, columns);
  }

  callerRowExpression(callerSql: string): Promise<string> {
    return callerRowExpression(this.#core, callerSql);
  }

  enableVariants(): void {
    this.#core.enableVariants((connection) => registerVariantFunction(this.#core.driver, connection));
  }

  close(): Promise<void> {
    return this.#core.close();
  }
}
