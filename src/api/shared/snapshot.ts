import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { EngineRow } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { ContentFingerprint } from "../../fingerprint/content-fingerprint.ts";
import type { MlflowDataset } from "../../fingerprint/mlflow-dataset.ts";
import type { Verification } from "../../fingerprint/verify.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { clusteringDomain } from "../../protocol/domains.ts";
import type { QueryRequest } from "../../query/query.ts";
import type { QueryResult } from "../../query/query-result.ts";
import { logPathKey } from "../../schema/paths.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import { batchKeys, fingerprintKeys, mlflowKeys, selectKeys } from "./option-keys.ts";
import type { BatchOptions, FingerprintOptions, MlflowOptions, SelectOptions } from "./options.ts";
import { requireText } from "./table-uri.ts";

/** The name of a version in SQL over it. */
const selfName = plainName("t");

/** Summary of a version. */
export interface TableDescription {
  readonly uri: string;
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
  /** When the table was created. */
  readonly created?: Date | undefined;
  readonly columns: number;
  readonly partitionColumns: readonly string[];
  /** Columns by which the table is clustered; a field of a struct as `address.city`. */
  readonly clusteringColumns: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures: readonly string[];
  readonly writerFeatures: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** What a version is compared with. */
export interface VerifyOptions {
  /**
   * A fingerprint of either kind, or a version of a table (a copy of this one, or another version of it) that
   * should have the same rows; default: what `table.fingerprints.record` recorded.
   */
  readonly against?: string | Snapshot | undefined;
  /** Most rows that the result lists, of those that only one of two versions has; default 20. */
  readonly limit?: number | undefined;
  /** Cancels the verification. */
  readonly signal?: AbortSignal | undefined;
}

const verifyKeys = { against: true, limit: true, signal: true } satisfies OptionKeys<VerifyOptions>;

/** An immutable version of a table. Opening it reads protocol and metadata only; rows are read on demand. */
export class Snapshot {
  readonly #log: LogSnapshot;

  private constructor(log: LogSnapshot) {
    this.#log = log;
  }

  /** @internal Made by `Table.snapshot` and `Table.at`. */
  static of(log: LogSnapshot): Snapshot {
    return new Snapshot(log);
  }

  get uri(): string {
    return this.#log.context.store.uri;
  }

  get version(): number {
    return this.#log.version;
  }

  /** When the version was committed. */
  get timestamp(): Date {
    return new Date(this.#log.timestamp);
  }

  get schema(): StructType {
    return this.#log.schema;
  }

  get partitionColumns(): readonly string[] {
    return this.#log.metadata.partitionColumns;
  }

  /** Table properties, such as `delta.appendOnly`. */
  get properties(): Readonly<Record<string, string>> {
    return this.#log.metadata.configuration;
  }

  /** @internal The version of the log below, for varve's own verbs. */
  get log(): LogSnapshot {
    return this.#log;
  }

  /**
   * Selects rows. @throws `COLUMN_NOT_FOUND` naming the existing columns, `SQL_FAILED` for a condition that
   * the engine cannot bind, `SQL_REFUSED` for one that is not one expression over the columns of its own row,
   * `DATA_FILE_MISSING`, `UNSUPPORTED_FEATURE`
   *
   * @example
   * ```ts
   * const selected = await orders.snapshot().select({ columns: ["id", "amount"], where: "amount > 10" });
   * console.log(selected.columns, (await selected.arrow()).numRows);
   * ```
   */
  async select(options: SelectOptions = {}): Promise<QueryResult> {
    return this.#select(knownOptions("select", options, selectKeys));
  }

  async #select(options: SelectOptions): Promise<QueryResult> {
    if (options.where !== undefined) requireText(options.where, "where", "where");
    const tracked = options.rowTracking === true ? [plainName("_metadata")] : [];
    const named = options.columns?.map((name) => quoteName(this.#column(name)));
    const columns = named === undefined ? sql`*` : [...named, ...tracked];
    const limit = options.limit === undefined ? sql`` : sql` LIMIT ${checkedLimit(options.limit)}`;
    const rows = sql`SELECT ${columns} FROM ${selfName}`;
    return this.#query(`${rows}${whereClause(options.where)}${limit}`, options, options.where);
  }

  /**
   * Runs one SELECT over this version, which the SQL calls `t`. @throws `SQL_FAILED` with the engine's
   * message and position, `SQL_REFUSED`
   *
   * @example
   * ```ts
   * const top = await orders.snapshot().sql("SELECT * FROM t ORDER BY amount DESC LIMIT 3");
   * for await (const row of top.rows()) console.log(row["customer"]);
   * ```
   */
  async sql(text: string): Promise<QueryResult> {
    requireText(text, "A query", "sql");
    return this.#query(text);
  }

  /**
   * Rows as plain objects: int64 as `bigint`, decimals and temporal values as text, binary as bytes
   * (spec/formats.md).
   *
   * @example
   * ```ts
   * for await (const row of (await orders.at(0)).rows({ limit: 10 })) console.log(row["id"]);
   * ```
   */
  async *rows(options: SelectOptions = {}): AsyncGenerator<EngineRow> {
    yield* (await this.#select(knownOptions("rows", options, selectKeys))).rows();
  }

  /**
   * Arrow batches of about `batchRows` rows; memory does not grow with the table while they are consumed one
   * by one.
   *
   * @example
   * ```ts
   * for await (const batch of orders.snapshot().batches()) console.log(batch.numRows);
   * ```
   */
  async *batches(options: BatchOptions = {}): AsyncGenerator<RecordBatch> {
    const { batchRows, ...select } = knownOptions("batches", options, batchKeys);
    yield* (await this.#select(select)).batches({ batchRows });
  }

  /**
   * The rows as one Arrow table in memory.
   *
   * @example
   * ```ts
   * console.log((await (await orders.at(0)).arrow()).numRows);
   * ```
   */
  async arrow(options: SelectOptions = {}): Promise<ArrowTable> {
    return (await this.#select(knownOptions("arrow", options, selectKeys))).arrow();
  }

  /**
   * Counts the rows of the version, or those that meet a condition (see {@link SelectOptions.where}). @throws
   * as {@link Snapshot.select}
   *
   * @example
   * ```ts
   * console.log(await (await orders.at(0)).count("customer = 'acme'"));
   * ```
   */
  async count(where?: string): Promise<number> {
    if (where !== undefined) requireText(where, "where", "where");
    const counted = sql`SELECT count(*) AS n FROM ${selfName}`;
    const result = await this.#query(`${counted}${whereClause(where)}`, {}, where);
    for await (const row of result.rows()) return Number(row["n"]);
    throw new Error("varve internal error: a count came back without a row");
  }

  /**
   * Names of the data files, in arrays of several thousand: relative to the table's root, or URIs of files
   * elsewhere. Reads only the log.
   *
   * @example
   * ```ts
   * for await (const names of orders.snapshot().files()) console.log(names.length);
   * ```
   */
  async *files(): AsyncGenerator<readonly string[]> {
    for await (const chunk of (await this.#log.files()).paths()) yield chunk.map(logPathKey);
  }

  /**
   * Identity, size, partitioning, protocol, features and properties.
   *
   * @example
   * ```ts
   * const { version, files, bytes, writerFeatures } = await orders.snapshot().describe();
   * console.log(version, files, bytes, writerFeatures);
   * ```
   */
  async describe(): Promise<TableDescription> {
    const { metadata, protocol } = this.#log;
    const totals = await (await this.#log.files({ ignoreFeatures: true })).totals();
    const { logicalColumns } = await import("../../table/definition/cluster-by.ts");
    const clustering = logicalColumns(this.#log, (await this.#log.domainMetadata()).get(clusteringDomain));
    return {
      uri: this.uri,
      id: metadata.id,
      name: metadata.name,
      description: metadata.description,
      version: this.version,
      timestamp: this.timestamp,
      created: metadata.createdTime === undefined ? undefined : new Date(metadata.createdTime),
      columns: this.schema.fields.length,
      partitionColumns: this.partitionColumns,
      clusteringColumns: clustering.map(pathText),
      files: totals.files,
      bytes: totals.bytes,
      minReaderVersion: protocol.minReaderVersion,
      minWriterVersion: protocol.minWriterVersion,
      readerFeatures: protocol.readerFeatures ?? [],
      writerFeatures: protocol.writerFeatures ?? [],
      properties: this.properties,
    };
  }

  /**
   * The fingerprint of the version's state, `varve-state-1:` and SHA-256 in hexadecimal digits, from its log alone:
   * columns, partitioning, column mapping, and the live files with their sizes and deletion vectors. Checkpoints,
   * cleanup of the log, and the table's place change nothing (spec/fingerprints.md).
   *
   * @example
   * ```ts
   * console.log(await orders.snapshot().fingerprint());
   * ```
   */
  async fingerprint(options: FingerprintOptions = {}): Promise<string> {
    const known = knownOptions("fingerprint", options, fingerprintKeys);
    const { stateFingerprint } = await import("../../fingerprint/state-fingerprint.ts");
    return stateFingerprint(this.#log, known);
  }

  /**
   * The fingerprint of the version's rows, `varve-content-1:` and SHA-256 in hexadecimal digits: the same for all
   * tables with the same columns and rows, in whatever order and files, and whoever wrote them
   * (spec/fingerprints.md). Reads the files whose sums {@link TableFingerprints.record} has not recorded. It tells of
   * accidents; it does not stop someone who may choose rows.
   *
   * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * const { fingerprint, rows } = await orders.snapshot().contentFingerprint();
   * console.log(fingerprint, rows);
   * ```
   */
  async contentFingerprint(options: FingerprintOptions = {}): Promise<ContentFingerprint> {
    const known = knownOptions("contentFingerprint", options, fingerprintKeys);
    const { contentFingerprint } = await import("../../fingerprint/content-fingerprint.ts");
    return contentFingerprint(this.#log, known);
  }

  /**
   * The version as a dataset of MLflow: name, digest, source and schema, for `mlflow.log_input` or the REST call
   * `runs/log-inputs` (spec/lineage.md). Unlike MLflow's own digests, it covers all rows.
   *
   * @throws with `content`, as {@link Snapshot.contentFingerprint}
   *
   * @example
   * ```ts
   * const { name, digest, source } = await orders.snapshot().mlflowDataset();
   * console.log(name, digest, source);
   * ```
   */
  async mlflowDataset(options: MlflowOptions = {}): Promise<MlflowDataset> {
    const known = knownOptions("mlflowDataset", options, mlflowKeys);
    const { mlflowDataset } = await import("../../fingerprint/mlflow-dataset.ts");
    return mlflowDataset(this.#log, known);
  }

  /**
   * Reads all data files again and compares their rows with what was recorded of the version and of each file, or with
   * `against`; says which files are missing, damaged or changed and, against another version, which rows differ.
   *
   * @throws `INVALID_ARGUMENT` for text that is not a fingerprint; `SCHEMA_MISMATCH` for a version with other columns
   *
   * @example
   * ```ts
   * const { outcome, faults, differing } = await orders.snapshot().verify({ against: await orders.at(0) });
   * console.log(outcome, faults, differing?.onlyHere, differing?.examples);
   * ```
   */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    const { against, limit = 20, signal } = knownOptions("verify", options, verifyKeys);
    checkedLimit(limit);
    if (against !== undefined && !(against instanceof Snapshot))
      requireText(against, "The option against of verify", "against");
    const { verify } = await import("../../fingerprint/verify.ts");
    return verify(this.#log, {
      against: against instanceof Snapshot ? against.#log : against,
      limit,
      signal,
    });
  }

  async #query(
    callerSql: string,
    options: Pick<SelectOptions, "exportFolder" | "rowTracking" | "signal"> = {},
    condition?: string,
  ): Promise<QueryResult> {
    const { exportFolder, rowTracking, signal } = options;
    const request: QueryRequest = {
      sql: callerSql,
      condition,
      tables: { [selfName]: (point) => this.#itself(point !== undefined) },
      exportFolder,
      rowTracking,
      signal,
    };
    const { prepareQuery } = await import("../../query/query.ts");
    try {
      return await prepareQuery(await this.#log.context.engine(), request);
    } catch (error) {
      if (!isVarveError(error, "DATA_FILE_MISSING")) throw error;
      const { readError } = await import("../../pins/pins-instead.ts");
      throw await readError(error, [this.#log]);
    }
  }

  async #itself(travelled: boolean): Promise<LogSnapshot> {
    if (!travelled) return this.#log;
    throw new VarveError(
      "SQL_FAILED",
      `This query can read version ${this.version} only. To select versions in the query, use query() with the table bound.`,
    );
  }

  #column(name: string): string {
    const names = this.schema.fields.map((field) => field.name);
    const match =
      names.find((candidate) => candidate === name) ??
      names.find((candidate) => foldName(candidate) === foldName(name));
    if (match !== undefined) return match;
    throw new VarveError(
      "COLUMN_NOT_FOUND",
      `Version ${this.version} has no column ${JSON.stringify(name)}. It has: ${names.join(", ")}.`,
      {
        column: [name],
        columns: names,
      },
    );
  }
}

/**
 * A caller's condition in parentheses, on lines of its own, so that a line comment at its end does not
 * swallow the closing one. A plain string, as is every text that it becomes a part of: a caller's text.
 */
function whereClause(where: string | undefined): string {
  return where === undefined ? "" : ` WHERE (\n${where}\n)`;
}

/** @throws `INVALID_ARGUMENT` for anything except a number of rows */
export function checkedLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new VarveError("INVALID_ARGUMENT", `limit must be a non-negative integer, not ${limit}.`, {
    limit,
  });
}
