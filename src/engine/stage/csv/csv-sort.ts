import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { TextDecoder } from "node:util";
import { VarveError } from "../../../errors.ts";
import type { CsvOptions } from "../../core/contract.ts";
import { textBlocks } from "../shared/text-blocks.ts";
import type { CsvDialect } from "./csv-header.ts";
import { type CsvBytes, type CsvRecord, countLineEnds, csvBytes, csvRecord } from "./csv-records.ts";

/** The longest record that the engine reads; a quote that is open for longer counts as never closed. */
const maxRecordBytes = 2_000_000;

/**
 * The longest line that is set aside: with all its quotes doubled it has to be a record that the engine
 * reads.
 */
const maxBrokenBytes = 900_000;

/** A CSV file sorted out into a copy that the engine can read. */
export interface SortedCsv {
  /** Rows of the copy: those that can be read, and in the place of each broken line one that says so. */
  readonly rows: number;
  readonly broken: number;
}

/** A line that is broken, counted from 1, with what is wrong. */
export interface BrokenLine {
  readonly line: number;
  readonly why: string;
}

/**
 * Copies a CSV file as UTF-8, under a header without quotes, to one in which every record can be read: each has two more
 * cells, empty for rows that are as they should be. In the place of a broken line stands a row of nulls, with
 * what is wrong and the line's text in these cells.
 *
 * Memory is bounded by the longest record. `undefined` where the dialect has quotes or escapes of more than
 * one ASCII character.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line for text that is not of the encoding, and for broken lines
 * that are longer than can be kept
 */
export async function sortCsv(
  file: string,
  copy: string,
  dialect: CsvDialect,
  options: CsvOptions,
): Promise<SortedCsv | undefined> {
  const target = await open(copy, "w");
  try {
    const sorter = new CsvSorter(file, target, dialect, options);
    // a header, because the engine takes a mark at the start of the copy for no part of its first cell
    await target.appendFile(`${plainHeader(dialect, dialect.names.length + 2)}\n`);
    for await (const block of utf8Blocks(file, options.encoding ?? "utf-8"))
      if (!(await sorter.add(block, false))) return undefined;
    return (await sorter.add(Buffer.alloc(0), true))
      ? { rows: sorter.rows, broken: sorter.broken }
      : undefined;
  } finally {
    await target.close();
  }
}

/** A first line of cells that need no quotes. */
export function plainHeader({ delimiter }: Pick<CsvDialect, "delimiter">, cells: number): string {
  const cell = delimiter.includes("a") ? "b" : "a";
  return new Array(cells).fill(cell).join(delimiter);
}

/**
 * The first broken line of a CSV file; `undefined` for none, and where quotes or escapes are of more than one
 * ASCII character. @throws as {@link sortCsv}
 */
export async function firstBrokenLine(
  file: string,
  dialect: CsvDialect,
  options: CsvOptions,
): Promise<BrokenLine | undefined> {
  const sorter = new CsvSorter(file, undefined, dialect, options);
  for await (const block of utf8Blocks(file, options.encoding ?? "utf-8"))
    if (!(await sorter.add(block, false)) || sorter.firstBroken !== undefined) return sorter.firstBroken;
  await sorter.add(Buffer.alloc(0), true);
  return sorter.firstBroken;
}

class CsvSorter {
  rows = 0;
  broken = 0;
  firstBroken: BrokenLine | undefined;
  readonly #file: string;
  readonly #target: FileHandle | undefined;
  readonly #dialect: CsvDialect;
  readonly #options: CsvOptions;
  #bytes: CsvBytes | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #line = 1;
  #headers: number;

  /** @param target is absent where only broken lines are looked for */
  constructor(file: string, target: FileHandle | undefined, dialect: CsvDialect, options: CsvOptions) {
    this.#file = file;
    this.#target = target;
    this.#dialect = dialect;
    this.#options = options;
    this.#headers = options.header === false ? 0 : 1;
  }

  /** Takes the next block of the file; false where its dialect cannot be taken apart. */
  async add(block: Buffer, isLast: boolean): Promise<boolean> {
    const text = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    this.#bytes ??= csvBytes(this.#dialect, this.#options);
    if (this.#bytes === undefined) return false;
    const written: Buffer[] = [];
    let from = 0;
    while (from < text.length) {
      const record = this.#next(text, from, this.#bytes, isLast);
      if (record === undefined) break;
      if (this.#headers > 0) this.#headers--;
      else this.#take(text.subarray(from, record.end), record, written);
      this.#line += countLineEnds(text, from, record.next);
      from = record.next;
    }
    this.#rest = text.subarray(from);
    if (written.length > 0) await this.#target?.appendFile(Buffer.concat(written));
    return true;
  }

  #next(text: Buffer, from: number, bytes: CsvBytes, isLast: boolean): CsvRecord | undefined {
    const record = csvRecord(text, from, bytes, isLast);
    if (record !== undefined || text.length - from <= maxRecordBytes) return record;
    const cut = csvRecord(text, from, bytes, true);
    if (cut === undefined || cut.end === text.length)
      throw this.#unreadable(`is longer than ${maxRecordBytes} bytes`);
    return cut;
  }

  #take(record: Buffer, { kind, why }: CsvRecord, written: Buffer[]): void {
    if (kind === "blank") return;
    if (!isUtf8(record))
      throw this.#unreadable(
        `is not ${this.#options.encoding ?? "utf-8"}; set the encoding to utf-8, utf-16 or latin-1`,
      );
    const { delimiter, names } = this.#dialect;
    this.rows++;
    if (why === undefined) {
      written.push(record, Buffer.from(`${delimiter}${delimiter}\n`));
      return;
    }
    this.broken++;
    this.firstBroken ??= { line: this.#line, why };
    const what = `line ${this.#line} ${why}`;
    if (record.length > maxBrokenBytes)
      throw this.#unreadable(`${why}, and is too long to set aside (more than ${maxBrokenBytes} bytes)`);
    const cells = [
      ...names.map(() => this.#options.nullText ?? ""),
      this.#quoted(what),
      this.#quoted(record.toString()),
    ];
    written.push(Buffer.from(`${cells.join(delimiter)}\n`));
  }

  #quoted(text: string): string {
    const { quote, escape: escaping } = this.#dialect;
    const escaped = escaping === quote ? text : text.replaceAll(escaping, () => escaping + escaping);
    return `${quote}${escaped.replaceAll(quote, () => escaping + quote)}${quote}`;
  }

  #unreadable(what: string): VarveError {
    const data = { file: this.#file, line: this.#line };
    return new VarveError(
      "SOURCE_UNREADABLE",
      `Line ${this.#line} of ${this.#file} ${what}. Nothing was written.`,
      data,
    );
  }
}

/**
 * A text file's bytes as UTF-8, without a byte order mark. @throws `SOURCE_UNREADABLE` for what is no UTF-16
 */
export async function* utf8Blocks(
  file: string,
  encoding: NonNullable<CsvOptions["encoding"]>,
): AsyncGenerator<Buffer> {
  if (encoding === "utf-16") {
    yield* utf16Blocks(file);
    return;
  }
  let isFirst = true;
  for await (const block of textBlocks(file)) {
    if (encoding === "latin-1") yield Buffer.from(block.toString("latin1"));
    else yield isFirst && block.subarray(0, 3).toString("hex") === "efbbbf" ? block.subarray(3) : block;
    isFirst = false;
  }
}

async function* utf16Blocks(file: string): AsyncGenerator<Buffer> {
  let decoder: TextDecoder | undefined;
  try {
    for await (const block of textBlocks(file)) {
      decoder ??= new TextDecoder(block[0] === 0xfe && block[1] === 0xff ? "utf-16be" : "utf-16le", {
        fatal: true,
      });
      yield Buffer.from(decoder.decode(block, { stream: true }));
    }
    if (decoder !== undefined) yield Buffer.from(decoder.decode());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `The file ${file} is not encoded in utf-16. Set the encoding to utf-8, utf-16 or latin-1.`,
      { file },
      error,
    );
  }
}
