import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { RecordBatch } from "apache-arrow";
import { VarveError } from "../errors.ts";
import type {
  Engine,
  EngineColumn,
  EngineParameter,
  EngineRow,
  EngineSource,
  Relation,
  Session,
  SessionOptions,
  StagedRelation,
  WrittenFile,
} from "./contract.ts";
import { type Driver, loadDriver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { plainConverter } from "./plain-values.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.ts";

const gibibyte = 1024 ** 3;

/** DuckDB as varve's {@link Engine}; the driver is loaded by the first session. */
export const duckdbEngine: Engine = Object.freeze({ open: openSession });

/** Opens a session of its own instance. @throws `ENGINE_FAILED` when the driver cannot be loaded or the options are refused. */
export async function openSession(options: SessionOptions = {}): Promise<Session> {
  const driver = await loadDriver();
  const folder = makeTemporaryFolder(options.temporaryFolder);
  try {
    const instance = await driver.api.DuckDBInstance.create(":memory:", {
      memory_limit: `${Math.floor(options.memoryLimit ?? defaultMemoryLimit())}B`,
      threads: String(options.threads ?? availableParallelism()),
      temp_directory: join(folder, "spill"),
      preserve_insertion_order: "true",
      autoload_known_extensions: "false",
      autoinstall_known_extensions: "false",
      allow_community_extensions: "false",
      errors_as_json: "true",
    });
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL Calendar = 'gregorian'");
    return new DuckdbSession(driver, instance, connection, folder);
  } catch (error) {
    await removeTemporaryFolder(folder);
    throw engineFailure(error);
  }
}

/** A quarter of what the process may use, at most 4 GiB. */
function defaultMemoryLimit(): number {
  const allowed = process.constrainedMemory() ?? 0;
  const machine = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.min(machine / 4, 4 * gibibyte);
}

class DuckdbSession implements Session {
  readonly driver: Driver;
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly folder: string;
  #closed = false;

  constructor(driver: Driver, instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.driver = driver;
    this.instance = instance;
    this.connection = connection;
    this.folder = folder;
  }

  async execute(sql: string, parameters: readonly EngineParameter[] = []): Promise<void> {
    await this.#run(sql, parameters);
  }

  async rows(sql: string, parameters: readonly EngineParameter[] = []): Promise<EngineRow[]> {
    const result = await this.#run(sql, parameters);
    return (await result.convertRowObjects(plainConverter(this.driver))) as EngineRow[];
  }

  async describe(sql: string): Promise<EngineColumn[]> {
    const rows = await this.rows(`DESCRIBE ${sql}`);
    return rows.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
  }

  stage(_source: EngineSource): Promise<StagedRelation> {
    return Promise.reject(new VarveError("ENGINE_FAILED", "Staging is not implemented yet."));
  }

  writeParquet(): Promise<WrittenFile[]> {
    return Promise.reject(new VarveError("ENGINE_FAILED", "Writing is not implemented yet."));
  }

  arrow(): AsyncIterable<RecordBatch> {
    throw new VarveError("ENGINE_FAILED", "Arrow is not implemented yet.");
  }

  fence(): Promise<void> {
    return Promise.reject(new VarveError("ENGINE_FAILED", "Fences are not implemented yet."));
  }

  callerQuery(): Promise<Relation> {
    return Promise.reject(new VarveError("ENGINE_FAILED", "Caller queries are not implemented yet."));
  }

  callerExpression(): Promise<string> {
    return Promise.reject(new VarveError("ENGINE_FAILED", "Caller expressions are not implemented yet."));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.closeSync();
    this.instance.closeSync();
    await removeTemporaryFolder(this.folder);
  }

  async #run(sql: string, parameters: readonly EngineParameter[]) {
    if (this.#closed) throw new VarveError("INVALID_ARGUMENT", "This engine session is closed. Open another one.");
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
