import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isVarveError, VarveError } from "../../../errors.ts";
import { type SqlExpression, type SqlName, type SqlStatement, sql } from "../../../sql/sql.ts";
import { quoteFile, quoteText } from "../../../sql/sql-text.ts";
import type { CsvOptions, EngineSource, StageOptions } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import { besideStored, storedName } from "../shared/position.ts";
import { readMeter } from "../shared/read-meter.ts";
import { assertFilled } from "../shared/source-file.ts";
import { type TextCompression, textCompression } from "../shared/text-blocks.ts";
import { type CsvDialect, readCsvHeader } from "./csv-header.ts";
import { copyPlain, hasOtherLineEnds, mayHideBrokenQuote, needsCopy } from "./csv-plain.ts";
import { firstBrokenLine, sortCsv } from "./csv-sort.ts";

/** The cells of files as text, all in one table. */
export interface LoadedText {
  readonly names: readonly string[];
  readonly starts: readonly CsvStart[];
  /**
   * Whether the table has the columns `why` and `text` of {@link besideStored}: of a row that stands for a
   * line that could not be read.
   */
  readonly hasBroken: boolean;
}

/** Where a file's rows begin among all, and how it is to be read. */
export interface CsvStart {
  readonly file: string;
  readonly from: number;
  readonly dialect: CsvDialect;
}

/**
 * Loads all cells of files as text into a new table `raw`, columns united by name.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line for what is not CSV, unless `badCells` is `keep`, when such lines become
 * rows that say so
 */
export async function loadText(
  core: EngineCore,
  raw: SqlName,
  source: Extract<EngineSource, { kind: "csv" }>,
  options: StageOptions,
): Promise<LoadedText> {
  const headers: { readonly file: string; readonly dialect: CsvDialect }[] = [];
  const names = new Map<string, string>();
  for (const file of source.files) {
    await assertFilled(file);
    const dialect = await readCsvHeader(file, source.options ?? {});
    for (const name of dialect.names) if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), name);
    headers.push({ file, dialect });
  }
  const all = [...names.values()];
  const stored = new Map([...names.keys()].map((name, index) => [name, storedName(index)]));
  const storedOf = (dialect: CsvDialect) => ({
    ...dialect,
    names: dialect.names.map((name) => stored.get(name.toLowerCase()) ?? name),
  });
  await core.run(sql`CREATE TABLE ${raw} (${all.map((_, index) => sql`${storedName(index)} VARCHAR`)})`);
  const starts: CsvStart[] = [];
  let rows = 0;
  let hasBroken = false;
  const meter = await readMeter(source.files, options.onProgress);
  for (const [index, { file, dialect }] of headers.entries()) {
    assertNotAborted(options.signal);
    meter.report(index, 0);
    starts.push({ file, from: rows, dialect });
    const start = { file, from: rows, dialect: storedOf(dialect) };
    try {
      const run = (statement: SqlStatement) =>
        core.runFollowed(statement, meter.shares(index), options.signal);
      await loadFile({ core, run, raw }, start, source.options ?? {});
    } catch (error) {
      if (options.badCells !== "keep") throw await csvFailure(start, error, source.options ?? {}, keepHint);
      const failure = await csvFailure(start, error, source.options ?? {});
      await loadSorted(core, raw, start, source.options ?? {}, failure);
      hasBroken = true;
    }
    rows = await countRows(core, raw);
    meter.end(index, rows);
  }
  return { names: all, starts, hasBroken };
}

interface TextTarget {
  readonly core: EngineCore;
  /** Runs a statement while its progress is followed. */
  readonly run: (statement: SqlStatement) => Promise<void>;
  readonly raw: SqlName;
}

/** Loads a file as it is, or a copy of one that the engine would misread. */
async function loadFile(
  { core, run, raw }: TextTarget,
  { file, dialect }: CsvStart,
  options: CsvOptions,
): Promise<void> {
  const load = (scan: SqlExpression) => run(sql`INSERT INTO ${raw} BY NAME SELECT * FROM ${scan}`);
  const copy = join(core.folder, `${core.freshName("plain")}.csv`);
  try {
    await refuseHiddenQuotes(file, dialect, options);
    if (needsCopy(dialect, options)) {
      await copyPlain(file, copy, dialect, options);
      await load(csvScan(copy, dialect, { ...options, header: true, encoding: "utf-8" }, "none"));
      return;
    }
    // a blank line is a row there, and the engine finds two where its end is of two kinds
    if (dialect.names.length === 1 && (await hasOtherLineEnds(file, dialect))) {
      const broken = await firstBrokenLine(file, dialect, options);
      if (broken !== undefined) throw brokenLine(file, broken.line, broken.why);
    }
    await load(csvScan(file, dialect, options, await textCompression(file)));
  } finally {
    await rm(copy, { force: true });
  }
}

/** Broken quotes are refused by the engine, but not all of them. */
async function refuseHiddenQuotes(file: string, dialect: CsvDialect, options: CsvOptions): Promise<void> {
  if (!(await mayHideBrokenQuote(file, dialect, options))) return;
  const broken = await firstBrokenLine(file, dialect, options);
  if (broken !== undefined) throw brokenLine(file, broken.line, broken.why);
}

function brokenLine(file: string, line: number, why: string): VarveError {
  const text = `Line ${line} of ${file} cannot be read as CSV: it ${why}. Correct it${keepHint}.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file, line });
}

async function countRows(core: EngineCore, table: SqlName): Promise<number> {
  const [count] = await core.rows(sql`SELECT count(*) AS n FROM ${table}`);
  return Number(count?.["n"]);
}

/**
 * Loads a file that the engine refused, with its broken lines as rows that say so. @throws `failure` where
 * that is not what is wrong
 */
async function loadSorted(
  core: EngineCore,
  raw: SqlName,
  { file, from, dialect }: CsvStart,
  options: CsvOptions,
  failure: unknown,
) {
  const copy = join(core.folder, `${core.freshName("sorted")}.csv`);
  try {
    const sorted = await sortCsv(file, copy, dialect, options);
    if (sorted === undefined || sorted.broken === 0) throw failure;
    for (const name of [besideStored.why, besideStored.text])
      await core.run(sql`ALTER TABLE ${raw} ADD COLUMN IF NOT EXISTS ${name} VARCHAR`);
    const names = [...dialect.names, besideStored.why, besideStored.text];
    const scan = csvScan(
      copy,
      { ...dialect, names, lineEnd: "\n" },
      { ...options, header: true, encoding: "utf-8" },
      "none",
    );
    await core.run(sql`INSERT INTO ${raw} BY NAME SELECT * FROM ${scan}`).catch(() => {
      throw failure;
    });
    if ((await countRows(core, raw)) !== from + sorted.rows) throw failure;
  } finally {
    await rm(copy, { force: true });
  }
}

/** Every option is set, because the engine may guess differently for the next file. */
function csvScan(
  file: string,
  dialect: CsvDialect,
  options: CsvOptions,
  compression: TextCompression,
): SqlExpression {
  const columns = dialect.names.map((name) => sql`${quoteText(name)}: 'VARCHAR'`);
  const settings = [
    sql`auto_detect = false`,
    sql`compression = ${quoteText(compression)}`,
    ...newLine(dialect),
    sql`header = ${options.header === false ? sql`false` : sql`true`}`,
    sql`columns = {${columns}}`,
    sql`delim = ${quoteText(dialect.delimiter)}`,
    sql`quote = ${quoteText(dialect.quote)}`,
    sql`escape = ${quoteText(dialect.escape)}`,
    sql`nullstr = ${quoteText(options.nullText ?? "")}`,
    sql`allow_quoted_nulls = false`,
    sql`encoding = ${quoteText(options.encoding ?? "utf-8")}`,
    sql`strict_mode = true`,
    sql`null_padding = false`,
    sql`ignore_errors = false`,
  ];
  return sql`read_csv(${quoteFile(file)}, hive_partitioning = false, ${settings})`;
}

/** The engine takes no name for CRLF, and finds that by itself. */
function newLine({ lineEnd }: CsvDialect): SqlExpression[] {
  return lineEnd === "\r\n" ? [] : [sql`new_line = ${quoteText(lineEnd === "\n" ? "\\n" : "\\r")}`];
}

const keepHint = ', or set such lines aside with a suite that says "onMisfit": "quarantine"';

/** Codes of what the engine says of text that is not CSV; others are of memory, disks and signals. */
const complaintsOfText: ReadonlySet<string> = new Set(["SQL_FAILED", "ENGINE_FAILED", "DATA_FILE_CORRUPT"]);

async function csvFailure(
  { file, dialect }: CsvStart,
  error: unknown,
  options: CsvOptions,
  hint = "",
): Promise<unknown> {
  if (!isVarveError(error) || !complaintsOfText.has(error.code)) return error;
  const message = String(error.data["engineMessage"] ?? error.message);
  const why = message
    .split(/\n\s*Possible (?:fixes|Solution)|\n\n\s*file = /)[0]
    ?.replace(/CSV Error on Line: \d+\n/, "")
    .replace(/Original Line: [^\n]*\n(?=Expected)/, "")
    .replaceAll(/\s*\n\s*/g, "; ")
    .trim();
  const [, record] = /CSV Error on Line: (\d+)/.exec(message) ?? [];
  const line =
    (await lineOfFailure(file, dialect, options)) ?? (record === undefined ? undefined : Number(record));
  const place = line === undefined ? `The file ${file}` : `Line ${line} of ${file}`;
  const text = `${place} cannot be read as CSV: ${why}. Check delimiter, quotes, line ends and encoding (utf-8, utf-16 or latin-1)${line === undefined ? "" : hint}.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file, line }, error);
}

/** The line at fault. The engine counts records, or names none. */
async function lineOfFailure(
  file: string,
  dialect: CsvDialect,
  options: CsvOptions,
): Promise<number | undefined> {
  try {
    return (await firstBrokenLine(file, dialect, options))?.line;
  } catch (error) {
    if (!isVarveError(error, "SOURCE_UNREADABLE")) throw error;
    const { line } = error.data;
    return typeof line === "number" ? line : undefined;
  }
}
