import type { Vector } from "@duckdb/node-bindings";
import type { Data } from "apache-arrow";
import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { eventLoopPauses } from "../../../util/concurrency.ts";
import { assertNotAborted } from "../../core/core.ts";
import type { Driver } from "../../core/driver.ts";
import { driverType, sqlType, type ValueField } from "../../core/value-type.ts";
import { assertSound } from "../ipc/damage.ts";
import { assertSoundData } from "../ipc/sound-data.ts";
import { type BadCells, cellText } from "../shared/bad-cells.ts";
import { CellProblem, type ColumnBuilder } from "../shared/builder-contract.ts";
import { type ChunkWriter, rowsOfChunk } from "../shared/chunk-writer.ts";
import type { ArrowBatch } from "./arrow-batches.ts";
import { valueTypeOfArrow } from "./arrow-source.ts";
import { NotUtf8 } from "./arrow-texts.ts";
import { writeArrow } from "./arrow-writer.ts";
import { type ArrowWriting, ChunkTooLarge } from "./arrow-writing.ts";
import type { Picked } from "./picked.ts";

/** What batches are appended to, and what errors say of it. */
export interface ArrowTarget {
  readonly driver: Driver;
  readonly writer: ChunkWriter;
  readonly fields: readonly ValueField[];
  readonly file?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The column of bad cells, behind the others, where they are kept; else the source is refused. */
  readonly kept?: KeptCells | undefined;
}

/** Writes a row's bad cells, as JSON, and counts the rows that have some. */
export interface KeptCells {
  readonly builder: ColumnBuilder;
  rows: number;
}

/** Values that are written before others have a turn: some milliseconds' worth. */
const valuesPerTurn = 200_000;
/** Elements of lists, or bytes of texts, that a chunk of several rows may have; one row may have more. */
const mostOfChunk = 2 ** 24;
const mostOfRow = 2 ** 28;

/**
 * Appends the rows of a batch, the first of which is `firstRow` of the source.
 *
 * @throws `SCHEMA_MISMATCH` naming column, row and value unless bad cells are kept; an `ArrowDamage` for arrays that are not sound
 */
export async function appendBatch(target: ArrowTarget, batch: ArrowBatch, firstRow: number): Promise<void> {
  const { fields, driver, writer, signal } = target;
  assertColumns(fields, batch);
  const bytes = batch.columns.reduce((sum, column) => sum + column.byteLength, 0);
  const bytesOfRow = batch.rows === 0 ? 0 : Math.max(16 * fields.length, bytes / batch.rows);
  const pause = eventLoopPauses(valuesPerTurn);
  let step = rowsOfChunk(bytesOfRow);
  for (let start = 0, problems: ChunkProblems = new Map(); start < batch.rows; ) {
    assertNotAborted(signal);
    const count = Math.min(step, batch.rows - start);
    const writing = { driver, most: count === 1 ? mostOfRow : mostOfChunk, bytes: 0 };
    const chunk = { batch, firstRow, start, count, problems };
    try {
      const fill = (vector: Vector, index: number) => fillColumn(target, chunk, writing, vector, index);
      await writer.write(count, fill, () => Math.max(bytesOfRow * count, writing.bytes));
    } catch (error) {
      if (error instanceof ProblemsFound) continue;
      if (!(error instanceof ChunkTooLarge) || count === 1) throw error;
      step = Math.ceil(count / 8);
      problems = new Map();
      continue;
    }
    start += count;
    problems = new Map();
    await pause(count * fields.length);
  }
}

/** Values that do not fit their columns, by column and by row of the chunk. */
type ChunkProblems = Map<number, ReadonlyMap<number, CellProblem>>;

/** The rows of a batch that are written together. */
interface Chunk {
  readonly batch: ArrowBatch;
  readonly firstRow: number;
  readonly start: number;
  readonly count: number;
  readonly problems: ChunkProblems;
}

/** The chunk is to be written again, without the values that were found not to fit. */
class ProblemsFound extends Error {}

function fillColumn(
  target: ArrowTarget,
  chunk: Chunk,
  writing: ArrowWriting,
  vector: Vector,
  index: number,
): void {
  const [field, column] = [target.fields[index], chunk.batch.columns[index]];
  if (field === undefined) fillKept(target, chunk, vector);
  if (field === undefined || column === undefined) return;
  try {
    writeArrow(writing, vector, column, field.type, pickedOf(chunk, index));
  } catch (error) {
    if (!(error instanceof CellProblem)) throw error;
    const problems = problemsOf(target, chunk, column, field);
    const all = [...problems];
    const lost = all.find(([, problem]) => problem instanceof NotUtf8);
    const [row, first] = lost ?? all[0] ?? [0, error];
    // Written again without these cells, the column cannot fail for them: that would never end.
    const isRepeated = chunk.problems.has(index);
    if (target.kept === undefined || problems.size === 0 || lost !== undefined || isRepeated)
      throw cellError(target, field.name, chunk.firstRow + chunk.start + row, first);
    chunk.problems.set(index, problems);
    throw new ProblemsFound();
  }
}

function pickedOf({ start, count, problems }: Chunk, index: number): Picked {
  const bad = problems.get(index);
  if (bad === undefined) return { start, count };
  const positions = Int32Array.from({ length: count }, (_, row) => (bad.has(row) ? -1 : start + row));
  return { start, count, positions, isRange: true };
}

function fillKept({ fields, kept }: ArrowTarget, { count, problems }: Chunk, vector: Vector): void {
  if (kept === undefined) return;
  const cells: BadCells = new Map();
  for (const [index, bad] of problems)
    for (const [row, { value, expected }] of bad)
      cells.set(row, [
        ...(cells.get(row) ?? []),
        { column: fields[index]?.name ?? null, text: shown(value), expected },
      ]);
  for (let row = 0; row < count; row++) {
    const bad = cells.get(row);
    kept.builder.set(row, bad === undefined ? null : JSON.stringify(bad));
  }
  kept.builder.write(vector, count);
  kept.rows += cells.size;
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
    const actual = sqlType(valueTypeOfArrow([name], column.type));
    assertSound(actual === sqlType(type), () => `column ${name} has values of the type ${column.type}`);
  });
}

/** The values of a column that cannot be written by themselves, tried in a chunk that nobody else uses. */
function problemsOf(
  { driver }: ArrowTarget,
  { start, count }: Chunk,
  column: Data,
  { type }: ValueField,
): ReadonlyMap<number, CellProblem> {
  const { api, bindings } = driver;
  const trial = api.DuckDBDataChunk.create([driverType(driver, type)]);
  const problems = new Map<number, CellProblem>();
  for (let row = 0; row < count; row++) {
    trial.reset();
    trial.rowCount = 1;
    const vector = bindings.data_chunk_get_vector(trial.chunk, 0);
    const picked = { start: start + row, count: 1 };
    const problem = problemOf(() =>
      writeArrow({ driver, most: mostOfRow, bytes: 0 }, vector, column, type, picked),
    );
    if (problem !== undefined) problems.set(row, problem);
  }
  return problems;
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
  const column = [name, ...problem.path];
  const text = shown(value);
  const source = file === undefined ? "the Arrow source" : `the Arrow file ${file}`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(column)} of row ${row} of ${source} holds ${text}, expected ${expected}.`,
    { column, row, expected, found: text, ...(file === undefined ? {} : { file }) },
    problem,
  );
}

function shown(value: unknown): string {
  if (!(value instanceof Uint8Array)) return cellText(value);
  const hex = Buffer.from(value.subarray(0, 30)).toString("hex");
  return `the bytes ${hex}${value.length > 30 ? "…" : ""}`;
}
