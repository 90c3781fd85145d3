import type { Vector } from "@duckdb/node-bindings";
import type { Data } from "apache-arrow";
import { VarveError } from "../../../errors.ts";
import { eventLoopPauses } from "../../../util/concurrency.ts";
import { assertNotAborted } from "../../core/core.ts";
import type { Driver } from "../../core/driver.ts";
import { sqlType, type ValueField } from "../../core/value-type.ts";
import { assertSound } from "../ipc/damage.ts";
import { assertSoundData } from "../ipc/sound-data.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { type ChunkWriter, rowsOfChunk } from "../shared/chunk-writer.ts";
import type { ArrowBatch } from "./arrow-batches.ts";
import { valueTypeOfArrow } from "./arrow-source.ts";
import { writeArrow } from "./arrow-writer.ts";
import { ChunkTooLarge } from "./arrow-writing.ts";

/** What batches are appended to, and what errors say of it. */
export interface ArrowTarget {
  readonly driver: Driver;
  readonly writer: ChunkWriter;
  readonly fields: readonly ValueField[];
  readonly file?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Values that are written before others have a turn: some milliseconds' worth. */
const valuesPerTurn = 200_000;
/** Elements of lists, or bytes of texts, that a chunk of several rows may have; one row may have more. */
const mostOfChunk = 2 ** 24;
const mostOfRow = 2 ** 28;

/**
 * Appends the rows of a batch, the first of which is `firstRow` of the source.
 *
 * @throws `SCHEMA_MISMATCH` naming column, row and value; an `ArrowDamage` for arrays that are not sound
 */
export async function appendBatch(target: ArrowTarget, batch: ArrowBatch, firstRow: number): Promise<void> {
  const { fields, driver, writer, signal } = target;
  assertColumns(fields, batch);
  const bytes = batch.columns.reduce((sum, column) => sum + column.byteLength, 0);
  const bytesOfRow = batch.rows === 0 ? 0 : Math.max(16 * fields.length, bytes / batch.rows);
  const pause = eventLoopPauses(valuesPerTurn);
  let step = rowsOfChunk(bytesOfRow);
  for (let start = 0; start < batch.rows; ) {
    assertNotAborted(signal);
    const count = Math.min(step, batch.rows - start);
    const written = { driver, most: count === 1 ? mostOfRow : mostOfChunk, bytes: 0 };
    const fill = (vector: Vector, index: number) => {
      const [field, column] = [fields[index], batch.columns[index]];
      if (field === undefined || column === undefined) return;
      inRow(target, firstRow, { vector, column, field, start, count }, () =>
        writeArrow(written, vector, column, field.type, { start, count }),
      );
    };
    try {
      await writer.write(count, fill, () => Math.max(bytesOfRow * count, written.bytes));
    } catch (error) {
      if (!(error instanceof ChunkTooLarge) || count === 1) throw error;
      step = Math.ceil(count / 8);
      continue;
    }
    start += count;
    await pause(count * fields.length);
  }
}

function assertColumns(fields: readonly ValueField[], { rows, columns }: ArrowBatch): void {
  fields.forEach(({ name, type }, index) => {
    const column = rows === 0 ? undefined : columns[index];
    if (column === undefined) {
      assertSound(rows === 0, () => `column ${name} is missing`);
      return;
    }
    assertSoundData(name, column);
    assertSound(column.length >= rows, () => `column ${name} has ${column.length} values for ${rows} rows`);
    const actual = sqlType(valueTypeOfArrow(name, column.type));
    assertSound(actual === sqlType(type), () => `column ${name} has values of the type ${column.type}`);
  });
}

/** Values of a column that are written together. */
interface Written {
  readonly vector: Vector;
  readonly column: Data;
  readonly field: ValueField;
  readonly start: number;
  readonly count: number;
}

/** Where a value does not fit, its row is looked for: the first that cannot be written by itself. */
function inRow(target: ArrowTarget, firstRow: number, written: Written, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CellProblem)) throw error;
    const { vector, column, field, start, count } = written;
    for (let row = start; row < start + count; row++) {
      const problem = problemOf(() =>
        writeArrow({ driver: target.driver, most: mostOfRow, bytes: 0 }, vector, column, field.type, {
          start: row,
          count: 1,
        }),
      );
      if (problem !== undefined) throw cellError(target, field.name, firstRow + row, problem);
    }
    throw cellError(target, field.name, firstRow + start, error);
  }
}

function problemOf(work: () => void): CellProblem | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof CellProblem) return error;
    throw error;
  }
}

function cellError({ file }: ArrowTarget, name: string, row: number, problem: CellProblem): VarveError {
  const { expected, value } = problem;
  const column = [name, ...problem.path].join(".");
  const text = value instanceof Date ? value.toISOString() : shown(value);
  const source = file === undefined ? "the Arrow source" : `the Arrow file ${file}`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${column} of row ${row} of ${source} holds ${text}, expected ${expected}.`,
    { column, row, expected, found: text, ...(file === undefined ? {} : { file }) },
    problem,
  );
}

function shown(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(value);
  const hex = Buffer.from(value.subarray(0, 30)).toString("hex");
  return `the bytes ${hex}${value.length > 30 ? "…" : ""}`;
}
