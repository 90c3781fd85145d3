import { Writable } from "node:stream";
import type { SourceRow } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { MicroBatches } from "../util/micro-batches.ts";
import type { World } from "../util/world.ts";
import type { WriteResult } from "../write/plan/write-options.ts";
import { afterConflicts } from "./after-conflicts.ts";
import { knownOptions, type OptionKeys, requireAtLeast } from "./shared/known-options.ts";
import { type AppendOptions, appendKeys } from "./shared/table-options.ts";

/** Options of {@link Table.sink}: when a batch is committed, and those of each append. */
export interface SinkOptions extends Omit<AppendOptions, "txn" | "batchId" | "onProgress"> {
  /** Commit after this many rows; default 100,000. */
  readonly everyRows?: number | undefined;
  /** Commit after about this many bytes of values; default 64 MiB. */
  readonly everyBytes?: number | undefined;
  /** Commit this many milliseconds after the first row of a batch; default 10,000. */
  readonly everyMilliseconds?: number | undefined;
  /**
   * Names the stream, so that each row lands exactly once: every commit records the `offset` of its last row, and rows
   * up to the recorded one are passed over. One sink at a time may write under a name.
   */
  readonly appId?: string | undefined;
  /**
   * With `appId`: the place of a row in its stream, a whole number that grows from row to row, such as the offset of a
   * message; or `"count"`, if the stream always begins with its first row.
   */
  readonly offset?: ((row: SourceRow) => number | bigint) | "count" | undefined;
  /** Called after each commit. */
  readonly onCommit?: ((commit: SinkCommit) => void) | undefined;
}

/** A batch of a stream that is in the table. */
export interface SinkCommit extends Pick<WriteResult, "version" | "rows" | "quarantine" | "gate"> {
  /** The offset of its last row, if the stream has a name. */
  readonly offset?: bigint | undefined;
}

const sinkKeys = (() => {
  const { txn: _txn, batchId: _batchId, onProgress: _onProgress, ...keys } = appendKeys;
  return {
    ...keys,
    everyRows: true,
    everyBytes: true,
    everyMilliseconds: true,
    appId: true,
    offset: true,
    onCommit: true,
  };
})() satisfies OptionKeys<SinkOptions>;

/** What a sink needs of its table. */
export interface SinkHost {
  readonly append: (rows: readonly SourceRow[], options: AppendOptions) => Promise<WriteResult>;
  /** The progress that the table has recorded for an application. */
  readonly landed: (appId: string) => Promise<bigint | undefined>;
  readonly world: World;
}

interface PlacedRow {
  readonly row: SourceRow;
  readonly offset?: bigint | undefined;
}

const defaults = { items: 100_000, bytes: 64 * 1024 * 1024, milliseconds: 10_000 };

/**
 * A stream of rows into a table, which commits them batch by batch: a Node `Writable` in object mode. Its writer waits
 * while a batch is committed and another is complete.
 *
 * `end` commits the last batch; `finish` tells that all rows are in the table. A batch that conflicts with another
 * writer is prepared again; one that fails (say, because its tests reject it) destroys the stream with the error, and
 * no later row lands. For a Web stream, use
 * `Writable.toWeb(sink)`.
 */
export class TableSink extends Writable {
  readonly #host: SinkHost;
  readonly #options: SinkOptions;
  readonly #batches: MicroBatches<PlacedRow>;
  #landed: bigint | undefined;
  #last: bigint | undefined;
  #rowsSkipped = 0;
  #rowsCommitted = 0;

  private constructor(host: SinkHost, options: SinkOptions) {
    // Rows may be of any size, and all that wait here are besides the bytes of the batches.
    super({ objectMode: true, highWaterMark: 1 });
    this.#host = host;
    this.#options = options;
    const { everyRows, everyBytes, everyMilliseconds } = options;
    this.#batches = new MicroBatches<PlacedRow>({
      world: host.world,
      limits: {
        items: everyRows ?? defaults.items,
        bytes: everyBytes ?? defaults.bytes,
        milliseconds: everyMilliseconds ?? defaults.milliseconds,
      },
      commit: (rows) => this.#commit(rows),
      onFailure: (error) => this.destroy(asError(error)),
    });
  }

  /** @internal Made by `table.sink`. */
  static of(host: SinkHost, options: SinkOptions): TableSink {
    const known = knownOptions("sink", options, sinkKeys);
    requireOffset(known);
    const { everyRows, everyBytes, everyMilliseconds } = known;
    requireAtLeast("sink", { everyRows, everyBytes, everyMilliseconds }, 1);
    return new TableSink(host, known);
  }

  /** Number of rows that this sink has committed. */
  get rowsCommitted(): number {
    return this.#rowsCommitted;
  }

  /** Number of rows that were passed over, because the table had them already. */
  get rowsSkipped(): number {
    return this.#rowsSkipped;
  }

  /** @internal Reads how far the stream has landed. */
  override _construct(done: (error?: Error | null) => void): void {
    const { appId } = this.#options;
    if (appId === undefined) {
      done();
      return;
    }
    this.#host.landed(appId).then(
      (landed) => {
        this.#landed = landed;
        done();
      },
      (error: unknown) => done(asError(error)),
    );
  }

  /** @internal */
  override _write(row: SourceRow, _encoding: string, done: (error?: Error | null) => void): void {
    this.#take(row).then(
      () => done(),
      (error: unknown) => done(asError(error)),
    );
  }

  /** @internal */
  override _final(done: (error?: Error | null) => void): void {
    this.#batches.end().then(
      () => done(),
      (error: unknown) => done(asError(error)),
    );
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#batches.discard().then(
      () => done(error),
      (other: unknown) => done(asError(other)),
    );
  }

  async #take(row: SourceRow): Promise<void> {
    const offset = this.#offsetOf(row);
    if (offset !== undefined && this.#landed !== undefined && offset <= this.#landed) {
      this.#rowsSkipped += 1;
      return;
    }
    await this.#batches.add({ row, offset }, approximateBytes(row));
  }

  #offsetOf(row: SourceRow): bigint | undefined {
    const { appId, offset: place } = this.#options;
    if (appId === undefined || place === undefined) return undefined;
    const offset = place === "count" ? (this.#last ?? 0n) + 1n : offsetOf(place(row));
    if (this.#last !== undefined && offset <= this.#last)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The offset ${offset} of a row follows the offset ${this.#last}: offsets of a stream must grow from row to row. The batch with this row was not committed.`,
        { appId, offset, after: this.#last },
      );
    this.#last = offset;
    return offset;
  }

  async #commit(placed: readonly PlacedRow[]): Promise<void> {
    const {
      everyRows,
      everyBytes,
      everyMilliseconds,
      appId,
      offset: _offset,
      onCommit,
      ...options
    } = this.#options;
    const offset = placed.at(-1)?.offset;
    const txn = appId === undefined || offset === undefined ? undefined : { appId, version: offset };
    const rows = placed.map(({ row }) => row);
    const appendOptions = txn === undefined ? options : { ...options, txn };
    const result = await afterConflicts(() => this.#host.append(rows, appendOptions));
    this.#rowsCommitted += rows.length;
    const { version, quarantine, gate } = result;
    onCommit?.({ version, rows: result.rows, quarantine, gate, offset });
  }
}

function requireOffset({ appId, offset }: SinkOptions): void {
  if (appId !== undefined && (typeof appId !== "string" || appId === ""))
    throw invalid("The option appId of sink must be a text that is not empty.", "appId");
  if (offset !== undefined && offset !== "count" && typeof offset !== "function")
    throw invalid('The option offset of sink must be a function of a row, or "count".', "offset");
  if (appId !== undefined && offset === undefined)
    throw invalid(
      'A sink with an appId passes over rows that have landed, and needs offset to tell them: a function that gives the place of a row in its stream, or "count" if the stream always begins with its first row.',
      "offset",
    );
  if (appId === undefined && offset !== undefined)
    throw invalid(
      "The option offset of sink needs appId, the name under which offsets are recorded.",
      "appId",
    );
}

function offsetOf(value: unknown): bigint {
  if (typeof value === "bigint" && value >= 0n && value < 2n ** 63n) return value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The offset of a row must be a whole number of 0 or more, a number or a bigint, not ${String(value)}.`,
    { offset: String(value) },
  );
}

function invalid(message: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Bytes of a row's values in memory, more or less. */
function approximateBytes(value: unknown, depth = 0): number {
  if (typeof value === "string") return value.length * 2;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null || depth > 5) return 8;
  let bytes = 16;
  for (const part of Array.isArray(value) ? value : Object.values(value))
    bytes += 8 + approximateBytes(part, depth + 1);
  return bytes;
}
