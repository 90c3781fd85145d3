import { Field, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import type { SqlSelect } from "../../sql/sql.ts";
import type { ArrowOptions } from "../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../core/core.ts";
import { chunksAhead, onOwnStream, type StreamedQuery } from "../core/result-chunks.ts";
import { arrowType } from "./arrow-types.ts";
import type { ColumnCollector } from "./collector.ts";
import { columnCollector } from "./column-collector.ts";
import { type ExportedQuery, exportedQuery } from "./export-types.ts";

const defaultBatchRows = 65_536;

/**
 * Streams a query as Arrow batches; see {@link Session.arrow}. A result without rows gives one empty batch,
 * so that its schema is known.
 *
 * The result is streamed on a connection of its own, so that no more than a batch and the engine's buffer are
 * held at a time.
 */
export async function* arrowBatches(
  core: EngineCore,
  select: SqlSelect,
  options: ArrowOptions = {},
): AsyncGenerator<RecordBatch> {
  assertNotAborted(options.signal);
  const query = exportedQuery(core.driver, select, await core.typedColumns(select));
  const request = { select: query.sql, caller: select, signal: options.signal };
  yield* onOwnStream(core, request, (stream) =>
    streamed(core, stream, query, options.batchRows ?? defaultBatchRows),
  );
}

async function* streamed(
  core: EngineCore,
  stream: StreamedQuery,
  query: ExportedQuery,
  batchRows: number,
): AsyncGenerator<RecordBatch> {
  const { bindings } = core.driver;
  const schema = new Schema(query.fields.map((field) => new Field(field.name, arrowType(field.type), true)));
  const collectors = query.fields.map((field) => columnCollector(core.driver, field.type, batchRows));
  let rows = 0;
  let isEmpty = true;
  for await (const chunk of chunksAhead(core, stream)) {
    collectors.forEach((collector, index) => {
      collector.append(bindings.data_chunk_get_vector(chunk.chunk, index), chunk.rowCount);
    });
    rows += chunk.rowCount;
    if (rows < batchRows) continue;
    isEmpty = false;
    yield recordBatch(schema, collectors, rows);
    rows = 0;
  }
  if (rows > 0 || isEmpty) yield recordBatch(schema, collectors, rows);
}

function recordBatch(schema: Schema, collectors: readonly ColumnCollector[], rows: number): RecordBatch {
  const children = collectors.map((collector) => collector.finish());
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }),
  );
}
