import { rm } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../../../errors.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../../sql/sql.ts";
import { plainName, quoteFile, quoteName, quoteText } from "../../../sql/sql-text.ts";
import type { CsvOptions, EngineSource, StagedRelation, StageOptions } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import { sqlType, stagedType, type ValueType } from "../../core/value-type.ts";
import { givenTypes } from "../rows/stage-rows.ts";
import { badCellsType } from "../shared/bad-cells.ts";
import { besideStored, positionNames, storedName } from "../shared/position.ts";
import { assertFilled } from "../shared/source-file.ts";
import { fileAndRow } from "../shared/stage-files.ts";
import { type TextCompression, textCompression } from "../shared/text-blocks.ts";
import { type CsvDialect, readCsvHeader } from "./csv-header.ts";
import { lineOfRow } from "./csv-lines.ts";
import { sortCsv } from "./csv-sort.ts";
import { readNestedCells } from "./nested-cells.ts";
import { exactCast, inferTextTypes } from "./text-cells.ts";

/**
 * Stages CSV files: all cells first as text, then as the given or inferred types; columns are united by name.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line for anything except CSV; `SCHEMA_MISMATCH` naming row and column
 * for a cell that is not of its given type (unless `badCells` is `keep`, when neither cells nor single lines are
 * refused)
 */
export async function stageCsv(
  core: EngineCore,
  source: Extract<EngineSource, { kind: "csv" }>,
  options: StageOptions,
): Promise<StagedRelation> {
  if (source.files.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "No CSV file was given. Pass at least one.", {});
  // What a variant holds is left to the cells: nobody says of text that it is JSON.
  const typed = [...(await givenTypes(core, options))].filter(
    ([, type]) => sqlType(type) === sqlType(stagedType(type)),
  );
  const declared = new Map(typed.map(([name, type]) => [name.toLowerCase(), type]));
  const raw = core.freshName("text");
  const table = core.freshName("staged");
  let nestedTable: SqlName | undefined;
  try {
    const { names, starts, hasBroken } = await loadText(core, raw, source, options);
    const columns = names.map((name, index) => ({
      name,
      stored: storedName(index),
      type: declared.get(name.toLowerCase()),
    }));
    const inferred = await inferTextTypes(
      core,
      raw,
      columns.filter(({ type }) => type === undefined).map(({ stored }) => stored),
    );
    const cells = columns.map(({ name, stored, type }): CsvColumn => {
      return { name, stored, type: type ?? inferred.get(stored) ?? { kind: "text" } };
    });
    const nested = cells.filter(({ type }) => isNested(type));
    if (nested.length > 0) nestedTable = await readNestedCells(core, raw, nested, options.signal);
    await castCells(core, { raw, nestedTable }, table, cells, hasBroken);
    const keepsBad = options.badCells === "keep";
    if (!keepsBad) await refuseBadCells(core, table, starts, source.options ?? {});
    return relationOf(table, cells, starts, keepsBad);
  } catch (error) {
    if (!core.closed) await core.run(sql`DROP TABLE IF EXISTS ${table}`);
    throw error;
  } finally {
    for (const read of [raw, nestedTable])
      if (read !== undefined && !core.closed) await core.run(sql`DROP TABLE IF EXISTS ${read}`);
  }
}

interface LoadedText {
  readonly names: readonly string[];
  readonly starts: readonly CsvStart[];
  /**
   * Whether the table has the columns `why` and `text` of {@link besideStored}: of a row that stands for a
   * line that could not be read.
   */
  readonly hasBroken: boolean;
}

interface CsvColumn {
  readonly name: string;
  /** What the engine's tables call it. */
  readonly stored: SqlName;
  readonly type: ValueType;
}

/** Where a file's rows begin among all, and how it is to be read. */
interface CsvStart {
  readonly file: string;
  readonly from: number;
  readonly dialect: CsvDialect;
}

async function loadText(
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
  for (const { file, dialect } of headers) {
    assertNotAborted(options.signal);
    starts.push({ file, from: rows, dialect });
    const scan = csvScan(file, storedOf(dialect), source.options ?? {}, await textCompression(file));
    try {
      await core.run(sql`INSERT INTO ${raw} BY NAME SELECT * FROM ${scan}`);
    } catch (error) {
      const failure = csvFailure(file, error, options.badCells !== "keep");
      if (options.badCells !== "keep") throw failure;
      await loadSorted(
        core,
        raw,
        { file, from: rows, dialect: storedOf(dialect) },
        source.options ?? {},
        failure,
      );
      hasBroken = true;
    }
    rows = await countRows(core, raw);
    options.onProgress?.(rows);
  }
  return { names: all, starts, hasBroken };
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
      { ...dialect, names },
      { ...options, header: false, encoding: "utf-8" },
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

const keepHint = ', or set such lines aside with a suite that says "onMisfit": "quarantine"';

function csvFailure(file: string, error: unknown, mayBeKept: boolean): unknown {
  if (!(error instanceof VarveError)) return error;
  const message = String(error.data["engineMessage"] ?? error.message);
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  const why = message
    .split(/\n\s*Possible (?:fixes|Solution)|\n\n\s*file = /)[0]
    ?.replace(/CSV Error on Line: \d+\n/, "")
    .replace(/Original Line: [^\n]*\n(?=Expected)/, "")
    .replaceAll(/\s*\n\s*/g, "; ")
    .trim();
  const place = line === undefined ? `The file ${file}` : `Line ${line} of ${file}`;
  const text = `${place} cannot be read as CSV: ${why}. Check delimiter, quotes, line ends and encoding (utf-8, utf-16 or latin-1)${mayBeKept && line !== undefined ? keepHint : ""}.`;
  return new VarveError(
    "SOURCE_UNREADABLE",
    text,
    { file, line: line === undefined ? undefined : Number(line) },
    error,
  );
}

async function castCells(
  core: EngineCore,
  { raw, nestedTable }: { readonly raw: SqlName; readonly nestedTable: SqlName | undefined },
  table: SqlName,
  columns: readonly CsvColumn[],
  hasBroken: boolean,
): Promise<void> {
  const nested = columns.filter(({ type }) => isNested(type)).map(({ stored }) => stored);
  const cells = columns.map(({ name, stored, type }) => {
    const cast = isNested(type) ? nestedName(stored) : exactCast(stored, type);
    return { name, column: stored, type, cast: type.kind === "null" ? sql`NULL::INTEGER` : cast };
  });
  const beside = nested.map((stored, index) => sql`${storedName(index)} AS ${nestedName(stored)}`);
  const read =
    nestedTable === undefined
      ? raw
      : sql`${raw} POSITIONAL JOIN (SELECT ${beside} FROM ${nestedTable}) AS nested`;
  const doubtful = cells.filter(({ type }) => type.kind !== "text" && type.kind !== "null");
  const isBad = ({ column, cast }: (typeof cells)[number]) =>
    sql`(${column} IS NOT NULL AND (${cast}) IS NULL)`;
  const failures = doubtful.map((cell) => {
    const fields = sql`{"column": ${quoteText(cell.name)}, "text": ${cell.column}, "expected": ${quoteText(sqlType(cell.type))}}`;
    return sql`CASE WHEN ${isBad(cell)} THEN ${fields} END`;
  });
  const badCells =
    doubtful.length === 0
      ? sql`NULL::${badCellsType}`
      : sql`CASE WHEN ${joinSql(doubtful.map(isBad), sql` OR `)} THEN list_filter([${failures}], lambda cell: cell IS NOT NULL) END`;
  const broken = sql`[{"column": NULL::VARCHAR, "text": ${besideStored.text}, "expected": ${besideStored.why}}]`;
  // where nulls have a text, the cell of a line that is as it should be is empty and not null
  const bad = hasBroken
    ? sql`CASE WHEN ${besideStored.why} <> '' THEN ${broken} ELSE ${badCells} END`
    : badCells;
  const selected = cells.map(({ cast, column }) => sql`${cast} AS ${column}`);
  await core.run(
    sql`CREATE TABLE ${table} AS SELECT ${selected}, ${bad} AS ${besideStored.badCells} FROM ${read}`,
  );
}

const isNested = ({ kind }: ValueType): boolean => kind === "struct" || kind === "list" || kind === "map";

/** The column of a nested value beside the column of its text. */
const nestedName = (stored: SqlName): SqlName => plainName(`nested_${stored}`);

async function refuseBadCells(
  core: EngineCore,
  table: SqlName,
  starts: LoadedText["starts"],
  options: CsvOptions,
): Promise<void> {
  const [file, row] = fileAndRow(starts);
  const [badCell] = await core.rows(
    sql`SELECT ${file} AS file, ${row} AS row, c."column" AS "column", c."text" AS "text", c.expected AS expected
     FROM (SELECT ${besideStored.badCells}[1] AS c, rowid FROM ${table} WHERE ${besideStored.badCells} IS NOT NULL LIMIT 1)`,
  );
  if (badCell === undefined) return;
  const { column, text, expected } = badCell;
  const row0 = Number(badCell["row"]);
  const start = starts.find((candidate) => candidate.file === badCell["file"]);
  const line = start === undefined ? undefined : await lineOfRow(start.file, start.dialect, options, row0);
  const data = { file: badCell["file"], line, row: row0, column, expected, found: text };
  const place = line === undefined ? "" : `line ${line}, `;
  const message = `Column ${column} of ${place}row ${data.row} (counted from 0) of ${data.file} holds the text ${JSON.stringify(text)}, expected ${expected}.`;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `${message} Correct the file, or set such rows aside with a suite that has "onMisfit": "quarantine".`,
    data,
  );
}

function relationOf(
  table: SqlName,
  cells: readonly CsvColumn[],
  starts: LoadedText["starts"],
  keepsBad: boolean,
): StagedRelation {
  const selected = cells.map(
    ({ name, stored, type }) => sql`${type.kind === "null" ? sql`NULL` : stored} AS ${quoteName(name)}`,
  );
  const [file, row] = fileAndRow(starts);
  const names = positionNames(cells.map(({ name }) => name));
  const bad = keepsBad ? sql`, ${besideStored.badCells} AS ${names.badCells}` : sql``;
  const place = { file: names.file, row: names.row };
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns: cells.map(({ name, type }) => ({ name, type: sqlType(type) })),
    positionedSql: sql`SELECT ${selected}, ${file} AS ${names.file}, ${row} AS ${names.row}${bad} FROM ${table}`,
    positionColumns: keepsBad ? { ...place, badCells: names.badCells } : place,
  };
}
