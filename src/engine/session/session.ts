import type { RecordBatch } from "apache-arrow";
import { type SqlExpression, type SqlSelect, type SqlStatement, sql } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";
import type {
  ArrowOptions,
  Engine,
  EngineColumn,
  EngineParameter,
  EngineRow,
  EngineSource,
  FaultyVariant,
  FencedSession,
  FenceLimits,
  FileOptions,
  HeldSource,
  JsonLinesOptions,
  NamedColumns,
  NumberChunk,
  NumberStreamOptions,
  OpenSession,
  ParquetWriteOptions,
  Relation,
  RowStreamOptions,
  Session,
  SessionRequest,
  StagedRelation,
  StageOptions,
  WrittenFile,
} from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { openCore } from "../core/open-core.ts";
import { callerExpression, callerQuery, callerSubqueries, checkRowExpression } from "../fence/caller-sql.ts";
import { fence } from "../fence/fence.ts";
import { serializedTree } from "../fence/syntax-tree.ts";
import { writeFile } from "../output/file-export.ts";
import { jsonLines, withJsonText } from "../output/json-lines.ts";
import { streamNumbers } from "../output/number-chunks.ts";
import { writeParquet } from "../output/parquet-write.ts";
import { streamRows } from "../output/row-stream.ts";
import { stageSource } from "../stage/stage.ts";
import { registerVariantFunctions } from "../variant/variant-function.ts";

/** DuckDB as varve's {@link Engine}; the driver is loaded by the first session. */
export const duckdbEngine: Engine = Object.freeze({ open: openSession });

/**
 * Opens a session with an instance that belongs to it until it is closed. @throws `ENGINE_FAILED` if the
 * driver cannot be loaded or the options are refused, `CANCELLED` if the signal aborts during the wait.
 */
export async function openSession(options: SessionRequest = {}): Promise<OpenSession> {
  return new OpenDuckdbSession(await openCore(options));
}

class DuckdbSession implements Session {
  protected readonly core: EngineCore;

  constructor(core: EngineCore) {
    this.core = core;
  }

  async execute(
    sql: SqlStatement,
    parameters: readonly EngineParameter[] = [],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    await this.core.run(sql, parameters, options.signal ?? this.core.stopSignal);
  }

  rows(sql: SqlSelect, parameters: readonly EngineParameter[] = []): Promise<EngineRow[]> {
    return this.core.rows(sql, parameters);
  }

  rowStream(sql: SqlSelect, options: RowStreamOptions = {}): AsyncIterable<EngineRow> {
    return streamRows(this.core, sql, options);
  }

  numberChunks(sql: SqlSelect, options: NumberStreamOptions = {}): AsyncIterable<NumberChunk> {
    return streamNumbers(this.core, sql, options);
  }

  writeFile(sql: SqlSelect, options: FileOptions): Promise<void> {
    return writeFile(this.core, sql, options);
  }

  describe(sql: SqlSelect): Promise<EngineColumn[]> {
    return this.core.describe(sql);
  }

  stage(source: HeldSource, options: StageOptions = {}): Promise<StagedRelation> {
    return stageSource(this.core, source, options);
  }

  writeParquet(sql: SqlSelect, options: ParquetWriteOptions): Promise<WrittenFile[]> {
    return writeParquet(this.core, sql, options);
  }

  async *arrow(sql: SqlSelect, options: ArrowOptions = {}): AsyncGenerator<RecordBatch> {
    const { arrowBatches } = await import("../output/arrow-export.ts");
    yield* arrowBatches(this.core, sql, options);
  }

  jsonLines(sql: SqlSelect, options: JsonLinesOptions = {}): AsyncIterable<string> {
    return jsonLines(this.core, sql, options);
  }

  withJsonText(sql: SqlSelect, columns: readonly string[]): Promise<SqlSelect> {
    return withJsonText(this.core, sql, columns);
  }

  syntaxTree(callerSql: string): Promise<JsonValue> {
    return serializedTree(this.core, callerSql);
  }

  checkRowExpression(callerSql: string): Promise<SqlExpression> {
    return checkRowExpression(this.core, callerSql);
  }

  async keepFooters(): Promise<void> {
    if (!this.core.fenced) await this.core.run(sql`SET parquet_metadata_cache = true`, []);
  }

  enableVariants(): void {
    this.core.enableVariants((connection) => registerVariantFunctions(this.core.driver, connection));
  }

  async faultyVariant(file: string, columns: readonly string[]): Promise<FaultyVariant | undefined> {
    const { faultyVariant } = await import("../stage/parquet/faulty-variants.ts");
    return await faultyVariant(this.core, file, columns);
  }

  close(): Promise<void> {
    return this.core.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class OpenDuckdbSession extends DuckdbSession implements OpenSession {
  override stage(source: EngineSource, options: StageOptions = {}): Promise<StagedRelation> {
    return stageSource(this.core, source, options);
  }

  async fence(limits: FenceLimits): Promise<FencedSession> {
    await fence(this.core, limits);
    return new FencedDuckdbSession(this.core);
  }
}

class FencedDuckdbSession extends DuckdbSession implements FencedSession {
  callerQuery(callerSql: string): Promise<Relation> {
    return callerQuery(this.core, callerSql);
  }

  callerExpression(
    callerSql: string,
    columns: readonly EngineColumn[] | readonly NamedColumns[],
  ): Promise<SqlExpression> {
    return callerExpression(this.core, callerSql, columns);
  }

  callerSubqueries(callerSql: string, rows: readonly NamedColumns[]): Promise<SqlExpression> {
    return callerSubqueries(this.core, callerSql, rows);
  }
}
