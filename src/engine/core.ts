import type { DuckDBConnection, DuckDBInstance, DuckDBMaterializedResult, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { assertInternal, VarveError } from "../errors.ts";
import type { EngineColumn, EngineParameter, EngineRow, SessionOptions } from "./contract.ts";
import type { Driver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { plainConverter } from "./plain-values.ts";
import { removeTemporaryFolder } from "./temporary-folder.ts";

/** A column and its type as the driver describes it, nested types taken apart. */
export interface TypedColumn {
  readonly name: string;
  readonly type: DuckDBType;
}

/** What the parts of a session share: one instance, its main connection, its folder, and whether it was fenced. */
export class EngineCore {
  readonly driver: Driver;
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  /** Temporary folder of the session; removed with it. */
  readonly folder: string;
  /** What the session was opened with; a sibling gets the same. */
  readonly options: SessionOptions;
  /** Files that staged relations read besides the caller's, so that a fence must leave them open. */
  readonly ownFiles: string[] = [];
  fenced = false;
  /** A connection that counts its progress, made when the fence is put up: a fenced instance lets no connection change that setting. */
  measured: DuckDBConnection | undefined;
  closed = false;
  #names = 0;

  constructor(driver: Driver, instance: DuckDBInstance, connection: DuckDBConnection, folder: string, options: SessionOptions) {
    this.driver = driver;
    this.instance = instance;
    this.connection = connection;
    this.folder = folder;
    this.options = options;
  }

  /** Closes the instance and removes its folder. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.measured?.closeSync();
    this.connection.closeSync();
    this.instance.closeSync();
    await removeTemporaryFolder(this.folder);
  }

  /** A name that no other table or view of this session has. */
  freshName(kind: string): string {
    return `__varve_${kind}_${this.#names++}`;
  }

  async run(sql: string, parameters: readonly EngineParameter[] = []): Promise<DuckDBMaterializedResult> {
    this.assertOpen();
    try {
      if (parameters.length === 0) return await this.connection.run(sql);
      const bound = parameters.map((parameter) => bind(this.driver, parameter));
      return await this.connection.run(
        sql,
        bound.map((one) => one.value),
        bound.map((one) => one.type),
      );
    } catch (error) {
      throw engineFailure(error, sql);
    }
  }

  async rows(sql: string, parameters: readonly EngineParameter[] = []): Promise<EngineRow[]> {
    const result = await this.run(sql, parameters);
    return (await result.convertRowObjects(plainConverter(this.driver))) as EngineRow[];
  }

  async describe(sql: string): Promise<EngineColumn[]> {
    const rows = await this.rows(`DESCRIBE ${sql}`);
    return rows.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
  }

  /** Columns of a query with the driver's own type objects, without running it. */
  async typedColumns(sql: string): Promise<TypedColumn[]> {
    this.assertOpen();
    try {
      const prepared = await this.connection.prepare(sql);
      const columns = Array.from({ length: prepared.columnCount }, (_, at) => ({
        name: prepared.columnName(at),
        type: prepared.columnType(at),
      }));
      prepared.destroySync();
      return columns;
    } catch (error) {
      throw engineFailure(error, sql);
    }
  }

  /** Runs `work` on a connection of its own, which `signal` interrupts; needed by whatever streams, or runs long beside other queries. */
  async onOwnConnection<T>(signal: AbortSignal | undefined, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    this.assertOpen();
    const connection = await this.instance.connect();
    try {
      return await interruptible(connection, signal, work);
    } finally {
      connection.closeSync();
    }
  }

  /** As {@link EngineCore.onOwnConnection}, on one whose `progress` is counted; one piece of work at a time. */
  async onMeasuredConnection<T>(signal: AbortSignal | undefined, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    this.assertOpen();
    await this.prepareMeasured();
    assertInternal(this.measured !== undefined, "no connection counts progress");
    return interruptible(this.measured, signal, work);
  }

  /** Makes the connection that counts progress, if there is none yet. */
  async prepareMeasured(): Promise<void> {
    if (this.measured !== undefined) return;
    this.measured = await this.instance.connect();
    await this.measured.run("SET enable_progress_bar = true; SET enable_progress_bar_print = false");
  }

  assertOpen(): void {
    if (this.closed) throw new VarveError("INVALID_ARGUMENT", "This engine session is closed. Open another one.");
  }
}

/** Runs `work` on a connection that `signal` interrupts. */
async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  assertNotAborted(signal);
  const interrupt = () => connection.interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  try {
    return await work(connection);
  } catch (error) {
    assertNotAborted(signal);
    throw engineFailure(error);
  } finally {
    signal?.removeEventListener("abort", interrupt);
  }
}

/** @throws `CANCELLED` when the signal was aborted. */
export function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new VarveError("CANCELLED", "The work was cancelled.", {}, signal.reason);
}

function bind({ api }: Driver, parameter: EngineParameter): { readonly value: DuckDBValue; readonly type: DuckDBType } {
  if (parameter === null) return { value: null, type: api.SQLNULL };
  if (typeof parameter === "boolean") return { value: parameter, type: api.BOOLEAN };
  if (typeof parameter === "string") return { value: parameter, type: api.VARCHAR };
  if (typeof parameter === "number") {
    return Number.isSafeInteger(parameter) ? { value: BigInt(parameter), type: api.BIGINT } : { value: parameter, type: api.DOUBLE };
  }
  if (typeof parameter === "bigint")
    return { value: parameter, type: BigInt.asIntN(64, parameter) === parameter ? api.BIGINT : api.HUGEINT };
  if (parameter instanceof Uint8Array) return { value: api.blobValue(parameter), type: api.BLOB };
  return { value: api.listValue([...parameter]), type: api.LIST(api.VARCHAR) };
}
