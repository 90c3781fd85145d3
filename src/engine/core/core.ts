import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { assertInternal, VarveError } from "../../errors.ts";
import { type SqlName, type SqlSelect, type SqlStatement, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../util/temporary-folder.ts";
import { columnReaders } from "./column-values.ts";
import type { EngineColumn, EngineParameter, EngineRow, SessionOptions } from "./contract.ts";
import type { Driver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { followProgress } from "./follow-progress.ts";
import {
  closeInstance,
  closeLast,
  keepInstance,
  type PooledInstance,
  replaceInstance,
} from "./instance-pool.ts";
import { interruptOnAbort } from "./interrupt.ts";
import { memoryTooSmall, type RowShape } from "./memory-failure.ts";
import { rowMaker } from "./row-objects.ts";
import type { Turn } from "./turns.ts";

/** A column and its type as the driver describes it, with nested types parsed. */
export interface TypedColumn {
  readonly name: string;
  readonly type: DuckDBType;
}

/** What a core is opened with. */
export interface CorePlace {
  readonly turn: Turn;
  readonly options: SessionOptions;
  readonly signal: AbortSignal | undefined;
  readonly stopsQueries: boolean;
}

/**
 * What the parts of a session share: an instance that belongs to it while it is open, a database in it, its
 * main connection, and whether it was fenced.
 *
 * Everything that a session creates is in its database or bound to its connections, and disappears with them,
 * which leaves the instance as it was.
 */
export class EngineCore implements AsyncDisposable {
  readonly driver: Driver;
  readonly connection: DuckDBConnection;
  /** The options of the session, which a sibling inherits. */
  readonly options: SessionOptions;
  /** Stops statements and queries for rows that have no signal of their own. */
  readonly stopSignal: AbortSignal | undefined;
  /** Stops streams of numbers that have no signal of their own; it is not handed on to siblings. */
  readonly signal: AbortSignal | undefined;
  /** The session's turn to compute: everything that runs in the engine runs in its {@link Turn.use}. */
  readonly turn: Turn;
  /** Files, besides the caller's, that staged relations read and a fence must leave readable. */
  readonly ownFiles: string[] = [];
  /**
   * What asks, after a failed query, whether a staged source is at fault: each returns the failure to report
   * instead, or undefined.
   */
  readonly explainers: ((failure: VarveError) => Promise<VarveError | undefined>)[] = [];
  fenced = false;
  /**
   * A connection that counts its progress, created together with the fence, because a fenced instance lets no
   * connection change that setting.
   */
  measured: DuckDBConnection | undefined;
  closed = false;
  /** SQL of callers that this session was given, which messages may show. */
  readonly callerTexts = new Set<string>();
  readonly #pooled: PooledInstance;
  readonly #database: SqlName;
  #folder: string | undefined;
  /** Connections in use besides the two above. */
  #lent = 0;
  #failed = false;
  #widest: RowShape = { columns: 0, bytesOfRow: 0 };
  #names = 0;

  private constructor(
    driver: Driver,
    pooled: PooledInstance,
    connection: DuckDBConnection,
    database: SqlName,
    place: CorePlace,
  ) {
    this.driver = driver;
    this.connection = connection;
    this.options = place.options;
    this.turn = place.turn;
    this.signal = place.signal;
    this.stopSignal = place.stopsQueries ? place.signal : undefined;
    this.#pooled = pooled;
    this.#database = database;
  }

  /** Creates a database for one session in an instance that nothing else uses. */
  static async open(driver: Driver, pooled: PooledInstance, place: CorePlace): Promise<EngineCore> {
    const database = plainName(`varve_${pooled.sessions++}`);
    const connection = await pooled.instance.connect();
    await connection.run(sql`ATTACH ':memory:' AS ${database}; USE ${database}`);
    return new EngineCore(driver, pooled, connection, database, place);
  }

  /** Temporary folder of the session; removed with it. */
  get folder(): string {
    this.#folder ??= makeTemporaryFolder(this.options.temporaryFolder);
    return this.#folder;
  }

  /** The widest rows that were staged so far. */
  get widest(): RowShape {
    return this.#widest;
  }

  /** Records the shape of staged rows, from which an out-of-memory error computes a sufficient limit. */
  noteChunk({
    columns,
    rows,
    bytes,
  }: {
    readonly columns: number;
    readonly rows: number;
    readonly bytes: number;
  }): void {
    this.#widest = {
      columns: Math.max(this.#widest.columns, columns),
      bytesOfRow: Math.max(this.#widest.bytesOfRow, bytes / rows),
    };
  }

  /**
   * Ends the session, when the calls that run are done; its instance is kept for another session unless it
   * was fenced, failed, or is still busy.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      // A query whose connection is closed may fail, or never be answered.
      await this.turn.quiet();
      this.measured?.closeSync();
      const reusable = !this.fenced && !this.#failed && this.#lent === 0 && (await this.#emptied());
      this.connection.closeSync();
      await (reusable ? keepInstance(this.#pooled, this.options) : closeInstance(this.#pooled));
      if (this.#folder !== undefined) await removeTemporaryFolder(this.#folder);
    } finally {
      this.turn.end();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Drops the session's database with everything in it; false if the engine refuses. */
  async #emptied(): Promise<boolean> {
    try {
      await this.connection.run(sql`USE memory; DETACH ${this.#database}`);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Registers functions once in the instance, where they stay; only for functions that depend on their
   * arguments alone.
   */
  enableVariants(register: (connection: DuckDBConnection) => void): void {
    if (this.#pooled.variants) return;
    register(this.connection);
    this.#pooled.variants = true;
  }

  /** Marks the instance as fenced, so that later sessions cannot use it. */
  markFenced(): void {
    this.fenced = true;
    replaceInstance(this.options);
  }

  /** Another connection to the session's database, to be returned to {@link EngineCore.release}. */
  async connect(): Promise<DuckDBConnection> {
    this.assertOpen();
    const connection = await this.#pooled.instance.connect();
    this.#lent++;
    await this.turn.use(() => connection.run(sql`USE ${this.#database}`));
    return connection;
  }

  async release(connection: DuckDBConnection): Promise<void> {
    this.#lent--;
    if (this.closed) await closeLast(connection);
    else connection.closeSync();
  }

  /**
   * Converts an engine failure to a {@link VarveError}. After a failure the instance is not reused, because a
   * damaged file may have broken it.
   */
  failure(error: unknown, text?: string): VarveError {
    this.#failed = true;
    const failure = engineFailure(error, text, this.callerTexts);
    return failure.code === "MEMORY_LIMIT_TOO_SMALL"
      ? memoryTooSmall(failure, this.options, this.#widest)
      : failure;
  }

  /** Converts a failed query's error as {@link EngineCore.failure}, or to that of the source at fault. */
  async failureOfQuery(error: unknown, text?: string): Promise<VarveError> {
    const failure = this.failure(error, text);
    for (const explain of this.explainers) {
      const cause = await explain(failure);
      if (cause !== undefined) return cause;
    }
    return failure;
  }

  /** A name that no other table or view of this session has. */
  freshName(kind: string): SqlName {
    return plainName(`__varve_${kind}_${this.#names++}`);
  }

  async run(
    statement: SqlStatement,
    parameters: readonly EngineParameter[] = [],
    signal?: AbortSignal,
  ): Promise<DuckDBMaterializedResult> {
    this.assertOpen();
    if (signal !== undefined)
      return await this.#interruptible(
        this.connection,
        signal,
        () => this.#run(statement, parameters),
        statement,
      );
    try {
      return await this.turn.use(() => this.#run(statement, parameters));
    } catch (error) {
      throw await this.failureOfQuery(error, statement);
    }
  }

  /** Runs a statement; `onShare` is called with the share of it, 0 to 1, that is done, a few times a second. */
  async runFollowed(
    statement: SqlStatement,
    onShare: ((share: number) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (onShare === undefined) {
      await this.run(statement, [], signal);
      return;
    }
    await this.onMeasuredConnection(signal, async (connection) => {
      const stop = followProgress(connection, onShare);
      try {
        await connection.run(statement);
      } finally {
        stop();
      }
    });
  }

  #run(statement: SqlStatement, parameters: readonly EngineParameter[]): Promise<DuckDBMaterializedResult> {
    if (parameters.length === 0) return this.connection.run(statement);
    const bound = parameters.map((parameter) => bind(this.driver, parameter));
    return this.connection.run(
      statement,
      bound.map((parameter) => parameter.value),
      bound.map((parameter) => parameter.type),
    );
  }

  async rows(select: SqlSelect, parameters: readonly EngineParameter[] = []): Promise<EngineRow[]> {
    const result = await this.run(select, parameters, this.stopSignal);
    const readers = columnReaders(this.driver, result.columnTypes());
    const toRow = rowMaker(result);
    return (await result.fetchAllChunks()).flatMap((chunk) => {
      const columns = readers.map((read) => read(chunk));
      return Array.from({ length: chunk.rowCount }, (_, row) =>
        toRow(columns.map((values) => values[row] ?? null)),
      );
    });
  }

  async describe(select: SqlSelect): Promise<EngineColumn[]> {
    const rows = await this.rows(sql`DESCRIBE ${select}`);
    return rows.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
  }

  /** Columns of a query with the driver's own type objects, without running it. */
  async typedColumns(select: SqlSelect): Promise<TypedColumn[]> {
    this.assertOpen();
    try {
      const prepared = await this.turn.use(() => this.connection.prepare(select));
      const columns = Array.from({ length: prepared.columnCount }, (_, index) => ({
        name: prepared.columnName(index),
        type: prepared.columnType(index),
      }));
      prepared.destroySync();
      return columns;
    } catch (error) {
      throw this.failure(error, select);
    }
  }

  /**
   * Runs `work` on a separate connection, which `signal` interrupts; needed by everything that streams or
   * runs long in parallel with other queries.
   */
  async onOwnConnection<T>(
    signal: AbortSignal | undefined,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    const connection = await this.connect();
    try {
      return await this.#interruptible(connection, signal, work);
    } finally {
      await this.release(connection);
    }
  }

  /**
   * Like {@link EngineCore.onOwnConnection}, on the session's main connection: for work that runs alone and
   * shows no progress.
   */
  onMainConnection<T>(
    signal: AbortSignal | undefined,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    this.assertOpen();
    return this.#interruptible(this.connection, signal, work);
  }

  /**
   * Like {@link EngineCore.onOwnConnection}, on the connection that counts `progress`; one piece of work at a
   * time.
   */
  async onMeasuredConnection<T>(
    signal: AbortSignal | undefined,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    this.assertOpen();
    await this.prepareMeasured();
    assertInternal(this.measured !== undefined, "no connection counts progress");
    return this.#interruptible(this.measured, signal, work);
  }

  /** Makes the connection that counts progress, if there is none yet. */
  async prepareMeasured(): Promise<void> {
    if (this.measured !== undefined) return;
    const connection = await this.#pooled.instance.connect();
    this.measured = connection;
    const settings = sql`SET enable_progress_bar = true; SET enable_progress_bar_print = false`;
    await this.turn.use(() => connection.run(sql`USE ${this.#database}; ${settings}`));
  }

  /** Runs `work`, of the statement `text` if it is one, on a connection that `signal` interrupts. */
  async #interruptible<T>(
    connection: DuckDBConnection,
    signal: AbortSignal | undefined,
    work: (connection: DuckDBConnection) => Promise<T>,
    text?: string,
  ): Promise<T> {
    assertNotAborted(signal);
    const disarm = interruptOnAbort(connection, signal);
    try {
      return await this.turn.use(() => work(connection), signal);
    } catch (error) {
      if (signal?.aborted !== true) throw await this.failureOfQuery(error, text);
      this.failure(error);
      assertNotAborted(signal);
      throw error;
    } finally {
      disarm();
    }
  }

  assertOpen(): void {
    if (this.closed) throw new VarveError("INVALID_ARGUMENT", "This engine session is closed. Open another.");
  }
}

/** @throws `CANCELLED` if the signal was aborted */
export function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new VarveError("CANCELLED", "The work was cancelled.", {}, signal.reason);
}

function bind(
  { api }: Driver,
  parameter: EngineParameter,
): { readonly value: DuckDBValue; readonly type: DuckDBType } {
  if (parameter === null) return { value: null, type: api.SQLNULL };
  if (typeof parameter === "boolean") return { value: parameter, type: api.BOOLEAN };
  if (typeof parameter === "string") return { value: parameter, type: api.VARCHAR };
  if (typeof parameter === "number") {
    return Number.isSafeInteger(parameter)
      ? { value: BigInt(parameter), type: api.BIGINT }
      : { value: parameter, type: api.DOUBLE };
  }
  if (typeof parameter === "bigint")
    return { value: parameter, type: BigInt.asIntN(64, parameter) === parameter ? api.BIGINT : api.HUGEINT };
  if (parameter instanceof Uint8Array) return { value: api.blobValue(parameter), type: api.BLOB };
  return { value: api.listValue([...parameter]), type: api.LIST(api.VARCHAR) };
}
