import type { VarveError } from "../../../errors.ts";
import { nameFault } from "../../../schema/schema-json.ts";
import { pathText } from "../../../schema/type-names.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../../sql/sql.ts";
import { optionText } from "../../../util/option-text.ts";
import type { RowCells } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { driverType, sqlType, type ValueField, type ValueType } from "../../core/value-type.ts";
import { columnBuilder } from "../columns/column-builder.ts";
import { noSuchField } from "../columns/nested-builders.ts";
import { shownValueType } from "../columns/shown-value-type.ts";
import { type BadCells, badCellsSql, cellText } from "../shared/bad-cells.ts";
import { type BuilderOptions, CellProblem, type ColumnBuilder } from "../shared/builder-contract.ts";
import { chunkRows } from "../shared/chunk-buffers.ts";
import { ChunkWriter, rowsOfChunk } from "../shared/chunk-writer.ts";
import { nestedNameFault } from "../shared/column-names.ts";
import { ExactNumber } from "../shared/exact-number.ts";
import { type DecimalShape, noDigits, safeDigits } from "../shared/number-text.ts";
import { besideStored, storedName } from "../shared/position.ts";
import { fieldOf, hasFields, isPlainObject } from "../shared/value-shapes.ts";
import { describeValue } from "./describe-value.ts";
import { inferType, inferWithin, mergeTypes, TypeConflict } from "./infer-type.ts";
import { type RowPlace, rowProblem } from "./row-problem.ts";
import {
  lostByWidening,
  storedType,
  type WrittenNumber,
  widenColumn,
  writtenDigits,
} from "./widen-column.ts";
import { decimalFor, isDouble } from "./widen-numbers.ts";

/** Rows of a source's first batch. */
const firstRows = 32;

export interface RowStagerOptions {
  readonly core: EngineCore;
  /** Types that are given; the other columns are inferred, and widen as rows come. */
  readonly given: ReadonlyMap<string, ValueType>;
  /** Whether values come from text (NDJSON), see {@link BuilderOptions}. */
  readonly fromText: boolean;
  /** Says where a row came from; the ordinal counts from 0. */
  readonly placeOf: (ordinal: number) => RowPlace;
  /**
   * Values that are not of their column's type, given or that of the values before, become null and are kept
   * aside, see {@link RowStager.badCells}; default: refuse them.
   */
  readonly keepsBad?: boolean | undefined;
}

interface Column {
  readonly name: string;
  /** What the engine's table calls it. */
  readonly stored: SqlName;
  readonly isGiven: boolean;
  /** The given type, if it leaves parts open: these are inferred, as `null` stands for in it. */
  readonly shape?: ValueType | undefined;
  builder: ColumnBuilder;
  /** The first number of a column of doubles that its double is not printed as: a decimal made of it would differ. */
  otherDigits?: WrittenNumber | undefined;
}

/**
 * Appends row objects, a chunk at a time, to a table of the engine, whose columns are added and widened as
 * values ask for it.
 *
 * A batch is turned to columns first, because setting values row by row costs several times as much.
 */
export class RowStager {
  readonly table: SqlName;
  rows = 0;
  readonly #options: RowStagerOptions;
  readonly #builderOptions: BuilderOptions;
  readonly #columns: Column[] = [];
  readonly #byName = new Map<string, Column>();
  readonly #lowerNames = new Map<string, string>();
  /** Given types by the column's name in lower case: a table finds its columns whatever their case. */
  readonly #given: ReadonlyMap<string, ValueType>;
  #badColumn: Column | undefined;
  readonly #writer: ChunkWriter;
  #isWriting = false;
  readonly #written = { bytes: 0 };
  /** Rows that the next batch should have: few at first, because nothing is known of how large they are. */
  #batchRows = firstRows;

  constructor(options: RowStagerOptions) {
    this.#options = options;
    this.#builderOptions = {
      driver: options.core.driver,
      fromText: options.fromText,
      written: this.#written,
    };
    this.#given = new Map([...options.given].map(([name, type]) => [name.toLowerCase(), type]));
    this.table = options.core.freshName("staged");
    this.#writer = new ChunkWriter(options.core, this.table);
  }

  /**
   * SQL of a row's list of cells that are not of their type, see {@link StageOptions.badCells}; absent where
   * every cell is.
   */
  get badCells(): SqlExpression | undefined {
    return this.#badColumn === undefined ? undefined : badCellsSql(this.#badColumn.stored);
  }

  /** Rows that the next batch should have, so that its memory is bounded; at most {@link chunkRows}. */
  get batchRows(): number {
    return this.#batchRows;
  }

  /** Columns found so far, in order of first appearance, with what the engine's table calls them. */
  get fields(): (ValueField & { readonly stored: SqlName })[] {
    return this.#columns
      .filter((column) => column !== this.#badColumn)
      .map(({ name, stored, builder }) => ({ name, stored, type: builder.type }));
  }

  /** Adds columns of the given types that no row had; for a source without rows. */
  async addGiven(): Promise<void> {
    const missing = [...this.#options.given].filter(([name]) => !this.#byName.has(name));
    await this.#addColumns(missing.map(([name, type]) => this.#noteColumn(name, type, { isGiven: true })));
  }

  /** Appends at most {@link chunkRows} rows; `bad` names those that are none, each of them empty. */
  async append(batch: readonly RowCells[], bad: BadCells = new Map()): Promise<void> {
    await this.#findColumns(batch);
    if (this.#columns.length === 0) await this.addGiven();
    if (this.#columns.length === 0) throw this.#problem(0, undefined, "has no columns");
    for (const column of this.#columns) if (column !== this.#badColumn) await this.#fill(column, batch, bad);
    await this.#fillBad(batch.length, bad);
    await this.#writeChunk(batch.length);
    this.rows += batch.length;
  }

  /** Makes the rows visible to queries. */
  finish(): void {
    this.#writer.finish();
    this.#isWriting = false;
  }

  /** Forgets the rows that are not in the table yet. */
  abandon(): void {
    this.#writer.abandon();
  }

  async #findColumns(batch: readonly RowCells[]): Promise<void> {
    const found: Column[] = [];
    let at = 0;
    for (const row of batch) {
      if (!isPlainObject(row)) throw this.#problem(at, undefined, `is ${describeValue(row)}, not an object`);
      if (!hasFields(row))
        throw this.#problem(at, undefined, `is ${describeValue(row)}, which has no columns of its own`);
      let next = 0;
      for (const name in row) {
        // Rows mostly have their columns in the order of the ones before.
        const likely = this.#columns[next++];
        if ((likely !== this.#badColumn && likely?.name === name) || this.#byName.has(name)) continue;
        if (!Object.hasOwn(row, name)) continue;
        this.#checkName(at, name);
        found.push(await this.#newColumn(name, batch));
      }
      at++;
    }
    await this.#addColumns(found);
  }

  async #newColumn(name: string, batch: readonly RowCells[]): Promise<Column> {
    const given = this.#given.get(name.toLowerCase());
    if (given !== undefined && !isOpen(given)) return this.#noteColumn(name, given, { isGiven: true });
    const type = await this.#inferNumbers({ name, shape: given }, batch, given ?? { kind: "null" });
    return this.#noteColumn(name, type, { isGiven: false, shape: given });
  }

  #checkName(at: number, name: string): void {
    if (name === "") throw this.#problem(at, [name], "has no name. Rename it");
    const fault = nameFault(name);
    if (fault !== undefined) throw this.#problem(at, [name], `has a name with ${fault}. Rename it`);
    const same = this.#lowerNames.get(name.toLowerCase());
    if (same === undefined) return;
    throw this.#problem(
      at,
      [name],
      `has the name of the column ${same}, because Delta ignores case. Rename it`,
    );
  }

  #inferColumn(
    { name, shape }: Pick<Column, "name" | "shape">,
    batch: readonly RowCells[],
    start: ValueType,
  ): ValueType {
    let type = start;
    for (const [at, row] of batch.entries()) {
      const value = cellOf(row, name);
      if (value === null || value === undefined) continue;
      type = this.#mergeValue(at, { name, shape }, type, value);
    }
    return type;
  }

  #mergeValue(
    at: number,
    { name, shape }: Pick<Column, "name" | "shape">,
    type: ValueType,
    value: unknown,
  ): ValueType {
    const isKept = this.#options.keepsBad === true;
    try {
      const own = shape === undefined ? inferType(value) : inferWithin(shape, value);
      // the type is that of the values before, and this one is kept aside when the column is filled
      if (own === undefined && isKept) return type;
      if (own === undefined)
        throw this.#problem(at, [name], `holds ${describeValue(value)}${noTypeReason(value)}`);
      const merged = mergeTypes(type, own);
      const fault = nestedNameFault(merged);
      if (fault !== undefined)
        throw this.#problem(at, [name, ...fault.path], `holds an object in which ${fault.what}. Rename it`);
      return merged;
    } catch (error) {
      if (!(error instanceof TypeConflict)) throw error;
      if (isKept) return type;
      const text = `holds ${describeValue(value)}, but earlier rows make it ${shownValueType(type)}; pass the column's type`;
      throw this.#problem(at, [name], text, {
        expected: shownValueType(error.left),
        found: shownValueType(error.right),
      });
    }
  }

  #noteColumn(name: string, type: ValueType, kind: Pick<Column, "isGiven" | "shape">): Column {
    const stored = storedName(this.#columns.length);
    const column: Column = { name, stored, ...kind, builder: columnBuilder(this.#builderOptions, type) };
    this.#columns.push(column);
    this.#byName.set(name, column);
    this.#lowerNames.set(name.toLowerCase(), name);
    return column;
  }

  async #addColumns(added: readonly Column[]): Promise<void> {
    if (added.length === 0) return;
    this.finish();
    const definitions = added.map(({ stored, builder }) => sql`${stored} ${storedType(builder.type)}`);
    const isFirst = added.length === this.#columns.length;
    const alter = definitions.map((definition) => sql`ALTER TABLE ${this.table} ADD COLUMN ${definition}`);
    await this.#options.core.run(
      isFirst ? sql`CREATE TABLE ${this.table} (${definitions})` : joinSql(alter, sql`; `),
    );
  }

  async #fill(column: Column, batch: readonly RowCells[], bad: BadCells): Promise<void> {
    let at = 0;
    try {
      const { name, builder } = column;
      if (name in Object.prototype) for (; at < batch.length; at++) builder.set(at, cellOf(batch[at], name));
      else for (; at < batch.length; at++) builder.set(at, batch[at]?.[name]);
      this.#noteDigits(column, batch);
    } catch (error) {
      if (!(error instanceof CellProblem)) throw error;
      if (column.isGiven && this.#options.keepsBad === true) return this.#fillAround(column, batch, bad);
      if (column.isGiven) throw this.#cellProblem(at, column, error);
      const widened = await this.#inferNumbers(column, batch, column.builder.type);
      if (sqlType(widened) === sqlType(column.builder.type)) {
        if (this.#options.keepsBad === true) return this.#fillAround(column, batch, bad);
        throw this.#cellProblem(at, column, error);
      }
      await this.#widen(column, widened);
      await this.#fill(column, batch, bad);
    }
  }

  #noteDigits(column: Column, batch: readonly RowCells[]): void {
    const { name, isGiven, builder, otherDigits } = column;
    if (!this.#options.fromText || isGiven || otherDigits !== undefined || builder.type.kind !== "double")
      return;
    for (const [at, row] of batch.entries()) {
      const value = cellOf(row, name);
      if (!(value instanceof ExactNumber)) continue;
      column.otherDigits = { ordinal: this.rows + at, text: value.text };
      return;
    }
  }

  /**
   * Fills a column with null where a value is not of its type; each value is tried by itself, because a
   * builder that refused one may be spoilt.
   */
  #fillAround(column: Column, batch: readonly RowCells[], bad: BadCells): void {
    const { name } = column;
    const { type } = column.builder;
    column.builder = columnBuilder(this.#builderOptions, type);
    let trial = columnBuilder(this.#builderOptions, type);
    for (const [at, row] of batch.entries()) {
      const value = cellOf(row, name);
      const problem = problemOf(trial, at, value);
      column.builder.set(at, problem === undefined ? value : null);
      if (problem === undefined) continue;
      trial = columnBuilder(this.#builderOptions, type);
      const cells = bad.get(at) ?? [];
      cells.push({
        column: name,
        text: cellText(value),
        expected: problem.path.length === 0 ? problem.expected : shownValueType(type),
      });
      bad.set(at, cells);
    }
  }

  async #fillBad(count: number, bad: BadCells): Promise<void> {
    if (bad.size > 0 && this.#badColumn === undefined) {
      // under no name: a row may well have a column called so
      const name = besideStored.badCells;
      this.#badColumn = {
        name,
        stored: name,
        isGiven: true,
        builder: columnBuilder(this.#builderOptions, { kind: "text" }),
      };
      this.#columns.push(this.#badColumn);
      await this.#addColumns([this.#badColumn]);
    }
    for (let at = 0; this.#badColumn !== undefined && at < count; at++) {
      const cells = bad.get(at);
      this.#badColumn.builder.set(at, cells === undefined ? null : JSON.stringify(cells));
    }
  }

  /** As {@link #inferColumn}; numbers that no double holds become decimals, where these hold all of the column. */
  async #inferNumbers(
    { name, stored, shape }: Pick<Column, "name" | "shape"> & { readonly stored?: SqlName | undefined },
    batch: readonly RowCells[],
    start: ValueType,
  ): Promise<ValueType> {
    const type = this.#inferColumn({ name, shape }, batch, start);
    if (type.kind !== "double" && type.kind !== "decimal") return type;
    const values = batch.map((row) => cellOf(row, name));
    const written = stored === undefined ? noDigits : await this.#writtenDigits(stored);
    const isHeld = start.kind !== "integer" || (written?.whole ?? 0) <= safeDigits;
    if (type.kind === "double" && isHeld && values.every(isDouble)) return type;
    return decimalFor(written, values) ?? type;
  }

  async #writtenDigits(column: SqlName): Promise<DecimalShape | undefined> {
    this.finish();
    return await writtenDigits({ core: this.#options.core, table: this.table, column });
  }

  async #widen(column: Column, type: ValueType): Promise<void> {
    this.finish();
    const { core } = this.#options;
    const stored = { core, table: this.table, column: column.stored };
    const { otherDigits } = column;
    const lost = await lostByWidening(stored, { from: column.builder.type, to: type, otherDigits });
    if (lost !== undefined) throw this.#problem(lost.ordinal - this.rows, [column.name], lost.what);
    await widenColumn(stored, column.builder.type, type);
    column.builder = columnBuilder(this.#builderOptions, type);
  }

  async #writeChunk(count: number): Promise<void> {
    const { driver } = this.#options.core;
    const columns = this.#columns;
    if (!this.#isWriting) this.#writer.begin(columns.map(({ builder }) => driverType(driver, builder.type)));
    this.#isWriting = true;
    this.#written.bytes = 0;
    const bytes = () => this.#written.bytes + 16 * columns.length * count;
    await this.#writer.write(count, (vector, at) => columns[at]?.builder.write(vector, count), bytes);
    this.#batchRows = Math.min(rowsOfChunk(bytes() / count), this.#batchRows * 4);
  }

  #cellProblem(at: number, column: Column, problem: CellProblem): VarveError {
    const path = [column.name, ...problem.path];
    if (problem.expected === noSuchField) {
      const text = `is no field of column ${pathText([column.name])}, a ${shownValueType(column.builder.type)}. Leave it out, or write with ${optionText("mergeSchema")} to add it`;
      return this.#problem(at, path, text, { expected: noSuchField, found: cellText(problem.value) });
    }
    const expected = `${problem.expected}${problem.path.length > 0 ? ` (column ${pathText([column.name])} is ${shownValueType(column.builder.type)})` : ""}`;
    return this.#problem(at, path, `holds ${describeValue(problem.value)}, expected ${expected}`, {
      expected: problem.expected,
      found: cellText(problem.value),
    });
  }

  #problem(
    at: number,
    column: readonly string[] | undefined,
    what: string,
    data: Readonly<Record<string, unknown>> = {},
  ): VarveError {
    const row = this.rows + at;
    return rowProblem({ ...this.#options.placeOf(row), row }, { column, what, data });
  }
}

/** A row's own value of a column. */
function cellOf(row: RowCells | null | undefined, name: string): unknown {
  return row === null || row === undefined ? undefined : fieldOf(row, name);
}

/** Whether a type leaves parts open. */
function isOpen(type: ValueType): boolean {
  return type.kind === "null" || (type.kind === "struct" && type.fields.some((field) => isOpen(field.type)));
}

function problemOf(builder: ColumnBuilder, at: number, value: unknown): CellProblem | undefined {
  try {
    builder.set(at, value);
    return undefined;
  } catch (error) {
    if (error instanceof CellProblem) return error;
    throw error;
  }
}

function noTypeReason(value: unknown): string {
  return typeof value === "object" && value !== null && !(value instanceof ExactNumber)
    ? " with more than 100 levels, or a part that no column type can hold"
    : ", which no column type can hold";
}
