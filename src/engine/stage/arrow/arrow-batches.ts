import type { Data, DataType, RecordBatch } from "apache-arrow";
import { VarveError } from "../../../errors.ts";
import type { EngineSource } from "../../core/contract.ts";
import { IpcReader } from "../ipc/read-ipc.ts";

/** Sources of Arrow data: in memory, as bytes, or in a file. */
export type ArrowSource = Extract<EngineSource, { kind: "arrow" | "arrow-ipc" | "arrow-file" }>;

/** A batch of rows with its columns' names and types; the first one of a source may have nothing else. */
export interface ArrowBatch {
  readonly fields: readonly { readonly name: string; readonly type: DataType }[];
  readonly rows: number;
  readonly columns: readonly Data[];
}

/** How far a source was read, for errors. */
export interface ArrowPlace {
  /** Ordinal of the batch that is being read; undefined before the first. */
  batch: number | undefined;
  /** Bytes of the values that were read so far, of a file or stream. */
  bytes: number;
}

/**
 * The batches of a source, as long as it takes; `place` follows.
 *
 * @throws `SOURCE_UNREADABLE` for a file that cannot be opened, whatever the source throws
 */
export async function* batchesOf(source: ArrowSource, place: ArrowPlace): AsyncGenerator<ArrowBatch> {
  if (source.kind !== "arrow") {
    yield* ipcBatches(source.kind === "arrow-file" ? source.file : source.stream, place);
    return;
  }
  const { data } = source;
  if ("batches" in data) yield { fields: data.schema.fields, rows: 0, columns: [] };
  const batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch> = "batches" in data ? data.batches : data;
  place.batch = 0;
  for await (const batch of batches) {
    yield { fields: batch.schema.fields, rows: batch.numRows, columns: batch.data.children };
    place.batch++;
  }
}

async function* ipcBatches(
  source: string | Uint8Array | AsyncIterable<Uint8Array>,
  place: ArrowPlace,
): AsyncGenerator<ArrowBatch> {
  const reader = await IpcReader.open(source);
  try {
    const { fields } = reader;
    yield { fields, rows: 0, columns: [] };
    place.batch = 0;
    for await (const { rows, columns } of reader.batches()) {
      place.bytes = reader.bytes;
      yield { fields, rows, columns };
      place.batch++;
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

/** The error for what was thrown while a source was read, or while what it holds was used. */
export function unreadableArrow(
  source: ArrowSource,
  { batch }: Pick<ArrowPlace, "batch">,
  error: unknown,
): VarveError {
  if (error instanceof VarveError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const file = source.kind === "arrow-file" ? source.file : undefined;
  const subject = file === undefined ? "the Arrow source" : `the Arrow file ${file}`;
  const where = batch === undefined ? "" : ` at batch ${batch}`;
  const data = { ...(file === undefined ? {} : { file }), ...(batch === undefined ? {} : { batch }) };
  return new VarveError("SOURCE_UNREADABLE", `Cannot read ${subject}${where}: ${why}.`, data, error);
}
