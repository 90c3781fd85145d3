import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { EngineColumn, EngineRow, Relation, Session } from "../engine/core/contract.ts";
import { uniqueNames } from "../engine/output/export-types.ts";
import { VarveError } from "../errors.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteName } from "../sql/sql-text.ts";
import type { ScanReport } from "../table/scan/scan.ts";

/** Format of a result that is written to a file. */
export type FileFormat = "csv" | "parquet";

/** How a result may be consumed. */
export interface ResultOptions {
  /** Existing empty folder that {@link QueryResult.writeFile} may write to. */
  readonly exportFolder?: string | undefined;
  /** Cancels the query while its result is being consumed. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The result of a query. It is computed as it is consumed, and can be consumed only once. Consuming it to the
 * end, leaving a loop early and {@link QueryResult.close} all free the engine.
 */
export class QueryResult implements AsyncDisposable {
  readonly columns: readonly EngineColumn[];
  /** Files listed, skipped and read, for each table of the query. */
  readonly scans: Readonly<Record<string, ScanReport>>;
  readonly #session: Session;
  readonly #relation: Relation;
  readonly #exportFolder: string | undefined;
  readonly #signal: AbortSignal | undefined;
  #state: "fresh" | "consumed" | "closed" = "fresh";

  private constructor(
    session: Session,
    relation: Relation,
    scans: Readonly<Record<string, ScanReport>>,
    options: ResultOptions = {},
  ) {
    this.#session = session;
    this.#relation = uniquelyNamed(relation);
    this.#exportFolder = options.exportFolder;
    this.#signal = options.signal;
    this.columns = this.#relation.columns;
    this.scans = scans;
  }

  /** @internal Made by the verbs that read rows. */
  static of(
    session: Session,
    relation: Relation,
    scans: Readonly<Record<string, ScanReport>>,
    options: ResultOptions = {},
  ): QueryResult {
    return new QueryResult(session, relation, scans, options);
  }

  /**
   * @internal Hands a result that nobody consumed to a verb that computes more of it: the rows, and their session,
   * which the verb closes.
   */
  static take(result: QueryResult): { readonly session: Session; readonly relation: Relation } {
    result.#begin();
    return { session: result.#session, relation: result.#relation };
  }

  /**
   * Rows as plain objects: int64 as `bigint`, decimals and temporal values as text, binary as bytes.
   *
   * @example
   * ```ts
   * for await (const row of (await orders.sql("FROM t")).rows()) console.log(row["id"]);
   * ```
   */
  rows(): AsyncIterable<EngineRow> {
    const anyType = this.columns.some(({ type }) => !plainType.test(type));
    return this.#consume((session, query) => session.rowStream(query, { anyType, signal: this.#signal }));
  }

  /**
   * Arrow batches of about `batchRows` rows; memory stays bounded while they are consumed one by one.
   *
   * @example
   * ```ts
   * const result = await orders.sql("SELECT amount FROM t");
   * for await (const batch of result.batches({ batchRows: 10_000 })) console.log(batch.numRows);
   * ```
   */
  batches(
    options: { readonly batchRows?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterable<RecordBatch> {
    return this.#consume((session, query) =>
      session.arrow(query, { ...options, signal: eitherSignal(this.#signal, options.signal) }),
    );
  }

  /**
   * The whole result as one Arrow table in memory.
   *
   * @example
   * ```ts
   * console.log((await (await orders.sql("FROM t")).arrow()).numRows);
   * ```
   */
  async arrow(): Promise<ArrowTable> {
    const { Table } = await import("apache-arrow");
    const batches: RecordBatch[] = [];
    for await (const batch of this.batches()) batches.push(batch);
    return new Table(batches);
  }

  /**
   * Lossless JSON (spec/formats.md): each string holds whole lines, one per row, each ended by a line feed.
   *
   * @example
   * ```ts
   * for await (const lines of (await orders.sql("FROM t")).jsonLines()) process.stdout.write(lines);
   * ```
   */
  jsonLines(): AsyncIterable<string> {
    const jsonColumns = this.columns.filter((column) => column.type === "JSON").map((column) => column.name);
    return this.#consume((session, query) => session.jsonLines(query, { jsonColumns, signal: this.#signal }));
  }

  /**
   * Writes the result to a new file in the query's `exportFolder`, and returns the file's name.
   *
   * In CSV, `safeCsv` puts an apostrophe before text that a spreadsheet would take for a formula; numbers are
   * unchanged.
   *
   * @example
   * ```ts
   * import { mkdir } from "node:fs/promises";
   *
   * await mkdir("export", { recursive: true });
   * const selected = await orders.snapshot().select({ columns: ["id"], exportFolder: "export" });
   * console.log(await selected.writeFile("csv", { safeCsv: true }));
   * ```
   */
  async writeFile(
    format: FileFormat,
    options: { readonly safeCsv?: boolean | undefined } = {},
  ): Promise<string> {
    const folder = this.#exportFolder;
    if (folder === undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        "This query was prepared without a folder to export to. Prepare it with one.",
      );
    const file = `${folder}/result.${format}`;
    this.#begin();
    try {
      const { safeCsv } = options;
      await this.#session.writeFile(this.#relation.sql, { file, format, safeCsv, signal: this.#signal });
    } finally {
      await this.close();
    }
    return file;
  }

  /**
   * Ends a result before it is consumed to its end, and frees the engine.
   *
   * @example
   * ```ts
   * const result = await orders.sql("FROM t"); // or `await using`, which closes it by itself
   * await result.close();
   * ```
   */
  async close(): Promise<void> {
    this.#state = "closed";
    await this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Readies the session for the result, which is consumed once. */
  #begin(): void {
    if (this.#state !== "fresh")
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This query result is already ${this.#state}. Run the query again.`,
      );
    this.#state = "consumed";
    if (this.columns.some(({ type }) => type.includes("VARIANT"))) this.#session.enableVariants();
  }

  async *#consume<T>(produce: (session: Session, query: SqlSelect) => AsyncIterable<T>): AsyncGenerator<T> {
    this.#begin();
    try {
      yield* produce(this.#session, this.#relation.sql);
    } finally {
      await this.close();
    }
  }
}

function eitherSignal(
  signal: AbortSignal | undefined,
  otherSignal: AbortSignal | undefined,
): AbortSignal | undefined {
  return signal === undefined || otherSignal === undefined
    ? (signal ?? otherSignal)
    : AbortSignal.any([signal, otherSignal]);
}

/** A relation whose columns all have names of their own, for formats that know a value by its name alone. */
function uniquelyNamed(relation: Relation): Relation {
  const names = uniqueNames(relation.columns.map(({ name }) => name));
  if (names.every((name, index) => name === relation.columns[index]?.name)) return relation;
  const positional = names.map((_, index) => plainName(`c${index}`));
  const items = names.map((name, index) => sql`${plainName(`c${index}`)} AS ${quoteName(name)}`);
  return {
    sql: sql`SELECT ${items} FROM (${relation.sql}) AS result(${positional})`,
    columns: relation.columns.map(({ type }, index) => ({ name: names[index] ?? "", type })),
  };
}

/** Types that the driver gives as spec/formats.md says, without parameters; lists of them too. */
const plainType =
  /^(?:BOOLEAN|U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR|JSON|BLOB|DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE)(?:\[\])*$/;
