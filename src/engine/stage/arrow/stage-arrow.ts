import type { Vector } from "@duckdb/node-bindings";
import { type RecordBatch, RecordBatchReader, type Schema } from "apache-arrow";
import { VarveError } from "../../../errors.ts";
import { type SqlName, type SqlText, sql } from "../../../sql/sql.ts";
import { quoteName } from "../../../sql/sql-text.ts";
import type { EngineSource, StagedRelation, StageOptions } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import type { Driver } from "../../core/driver.ts";
import { columnSqlType, driverType, sqlType, type ValueField } from "../../core/value-type.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { chunkRows } from "../shared/chunk-buffers.ts";
import { ChunkWriter, rowsOfChunk } from "../shared/chunk-writer.ts";
import { positionNames, storedName } from "../shared/position.ts";
import { fileAndRow } from "../shared/stage-files.ts";
import { valueTypeOfArrow } from "./arrow-source.ts";
import { writeArrow } from "./arrow-writer.ts";

type ArrowSource = Extract<EngineSource, { kind: "arrow" | "arrow-ipc" }>;

/**
 * Stages Arrow tables, batches and IPC streams, copying whole columns. @throws `SOURCE_UNREADABLE`,
 * `SCHEMA_MISMATCH` naming column and row.
 */
export async function stageArrow(
  core: EngineCore,
  source: ArrowSource,
  options: StageOptions,
): Promise<StagedRelation> {
  const table = core.freshName("staged");
  const writer = new ChunkWriter(core, table);
  let fields: readonly ValueField[] | undefined;
  let rows = 0;
  try {
    for await (const batch of batchesOf(source)) {
      assertNotAborted(options.signal);
      if (fields === undefined) {
        fields = fieldsOf(batch.schema);
        await core.run(sql`CREATE TABLE ${table} (${fields.map(columnDefinition)})`);
        writer.begin(fields.map((field) => driverType(core.driver, field.type)));
      } else assertSameFields(fields, fieldsOf(batch.schema), rows);
      await appendBatch(writer, core.driver, fields, batch, rows);
      rows += batch.numRows;
      options.onProgress?.(rows);
    }
    if (fields === undefined)
      throw new VarveError(
        "SOURCE_UNREADABLE",
        "The Arrow source has no batches, so its columns are unknown. Pass at least one batch, even without rows.",
        {},
      );
    writer.finish();
    return relationOf(table, fields);
  } catch (error) {
    writer.abandon();
    if (!core.closed) await core.run(sql`DROP TABLE IF EXISTS ${table}`);
    throw error;
  }
}

async function* batchesOf(source: ArrowSource): AsyncGenerator<RecordBatch> {
  if (source.kind === "arrow") {
    yield* "batches" in source.data ? tableBatches(source.data) : source.data;
    return;
  }
  try {
    const reader =
      source.stream instanceof Uint8Array
        ? RecordBatchReader.from(source.stream)
        : await RecordBatchReader.from(source.stream);
    let count = 0;
    for await (const batch of await reader.open()) {
      count++;
      yield batch;
    }
    if (count === 0 && reader.schema !== undefined && reader.schema !== null) yield emptyBatch(reader.schema);
  } catch (error) {
    if (error instanceof VarveError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `Cannot read the Arrow IPC stream: ${why}. It may be truncated.`,
      {},
      error,
    );
  }
}

function tableBatches(table: {
  readonly batches: readonly RecordBatch[];
  readonly schema: Schema;
}): readonly RecordBatch[] {
  return table.batches.length > 0 ? table.batches : [emptyBatch(table.schema)];
}

/** A batch's schema is all that is read of one without rows. */
function emptyBatch(schema: Schema): RecordBatch {
  return { schema, numRows: 0 } as unknown as RecordBatch;
}

function fieldsOf(schema: Schema): ValueField[] {
  const seen = new Map<string, string>();
  return schema.fields.map((field) => {
    const twin = seen.get(field.name.toLowerCase());
    if (twin !== undefined) {
      const text = `The Arrow source has two columns of the same name, ${twin} and ${field.name}; Delta ignores case. Rename one.`;
      throw new VarveError("SCHEMA_MISMATCH", text, { column: field.name });
    }
    seen.set(field.name.toLowerCase(), field.name);
    return { name: field.name, type: valueTypeOfArrow(field.name, field.type) };
  });
}

function assertSameFields(expected: readonly ValueField[], actual: readonly ValueField[], row: number): void {
  const text = (fields: readonly ValueField[]) =>
    fields.map((field) => `${field.name} ${sqlType(field.type)}`).join(", ");
  if (text(expected) === text(actual)) return;
  const message = `The Arrow batch that starts at row ${row} has the columns (${text(actual)}), but earlier batches have (${text(expected)}).`;
  throw new VarveError("SCHEMA_MISMATCH", `${message} Use one schema for all batches.`, {
    row,
    expected: text(expected),
    found: text(actual),
  });
}

async function appendBatch(
  writer: ChunkWriter,
  driver: Driver,
  fields: readonly ValueField[],
  batch: RecordBatch,
  firstRow: number,
) {
  const bytesOfRow =
    batch.numRows === 0 ? 0 : Math.max(16 * fields.length, batch.data.byteLength / batch.numRows);
  const step = rowsOfChunk(bytesOfRow);
  for (let start = 0; start < batch.numRows; start += step) {
    const count = Math.min(step, batch.numRows - start);
    const fill = (vector: Vector, index: number) => {
      const [field, column] = [fields[index], batch.data.children[index]];
      if (field === undefined || column === undefined) return;
      inRow(field.name, firstRow + start, () =>
        writeArrow(driver, vector, column, field.type, { start, count }),
      );
    };
    await writer.write(count, fill, () => bytesOfRow * count);
  }
}

function inRow(column: string, row: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CellProblem)) throw error;
    const shown = error.value instanceof Date ? error.value.toISOString() : String(error.value);
    const text = `Column ${column} of the Arrow source, in rows ${row} to ${row + chunkRows - 1}, holds ${shown}, expected ${error.expected}.`;
    throw new VarveError(
      "SCHEMA_MISMATCH",
      text,
      { column, row, expected: error.expected, found: shown },
      error,
    );
  }
}

function relationOf(table: SqlName, fields: readonly ValueField[]): StagedRelation {
  const selected = fields.map(
    ({ name, type }, index) =>
      sql`${type.kind === "null" ? sql`NULL` : storedName(index)} AS ${quoteName(name)}`,
  );
  const names = positionNames(fields.map(({ name }) => name));
  const [file, row] = fileAndRow([]);
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns: fields.map(({ name, type }) => ({ name, type: sqlType(type) })),
    positionedSql: sql`SELECT ${selected}, ${file} AS ${names.file}, ${row} AS ${names.row} FROM ${table}`,
    positionColumns: { file: names.file, row: names.row },
  };
}

function columnDefinition({ type }: ValueField, index: number): SqlText {
  return sql`${storedName(index)} ${columnSqlType(type)}`;
}
