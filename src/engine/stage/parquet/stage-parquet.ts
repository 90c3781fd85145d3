import { VarveError } from "../../../errors.ts";
import { type SqlText, sql } from "../../../sql/sql.ts";
import { quoteFile, quoteName } from "../../../sql/sql-text.ts";
import { unhashed } from "../../../sql/unhashed.ts";
import type {
  EngineColumn,
  EngineSource,
  NarrowRows,
  StagedRelation,
  StageOptions,
} from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { badCellsType } from "../shared/bad-cells.ts";
import { positionNames } from "../shared/position.ts";
import { assertFilled } from "../shared/source-file.ts";
import { type FileStart, fileAndRow, numberedCopy } from "../shared/stage-files.ts";
import { refuseOtherTypes } from "./chunk-types.ts";
import { refuseFaultyVariants } from "./faulty-variants.ts";
import { type FileShape, fileShapes, scanOf } from "./file-shapes.ts";
import { type CutRows, cutNanoseconds, withCutRows } from "./nanoseconds.ts";
import { readParquetSchemas, unreadableParquet } from "./parquet-schema.ts";
import { refuseBrokenLevels } from "./sound-levels.ts";
import { explainFailures } from "./source-failure.ts";
import { uniteColumns } from "./united-columns.ts";
import { placesSql, type RowPlaces, refuseLossy, shapeRows, unitedSql } from "./united-rows.ts";

/**
 * A view of Parquet files, columns united by name; nothing is copied but rows of files with a column that
 * hides where the engine says they are.
 *
 * @throws `SOURCE_UNREADABLE` naming the file; `SCHEMA_MISMATCH` naming file and column for names and types
 * that the engine would change, and for types of several files that no type holds exactly
 */
export async function stageParquet(
  core: EngineCore,
  { files }: Extract<EngineSource, { kind: "parquet" }>,
  options: StageOptions,
): Promise<StagedRelation> {
  if (files.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "No Parquet file was given. Pass at least one.", {});
  for (const file of files) await assertFilled(file);
  const schemas = await readParquetSchemas(core, files);
  const shapes = await fileShapes(core, schemas);
  explainFailures(core, files, shapes);
  const keeps = options.badCells === "keep";
  const cuts: CutRows[] = [];
  for (const schema of schemas) {
    await refuseOtherTypes(core, schema);
    await refuseBrokenLevels(core, schema, options.signal);
    const cut = await cutNanoseconds(core, schema, { keeps, signal: options.signal });
    if (cut !== undefined) cuts.push(cut);
    const shape = shapes.find(({ files: same }) => same.has(schema.file));
    if (shape !== undefined) await refuseFaultyVariants(core, schema, shape, options.signal);
  }
  const relation = await unitedRows(core, { files, shapes }, options);
  return cuts.length === 0 ? relation : withCutRows(relation, cuts);
}

/** The rows of files, whose columns are those of their shapes. */
async function unitedRows(
  core: EngineCore,
  { files, shapes }: { readonly files: readonly string[]; readonly shapes: readonly FileShape[] },
  options: StageOptions,
): Promise<StagedRelation> {
  const { signal } = options;
  const united = uniteColumns(shapes, options.columns ?? []);
  const columns = united.map(({ name, type }) => ({ name, type }));
  if (!shapes.some(({ isMended }) => isMended) && united.every(({ target }) => target === undefined))
    return placedRows(core, files, {
      columns,
      signal,
      select: (places = {}) => sql`SELECT ${allOf(columns)}${placesSql(places)} FROM ${scanOf(files)}`,
      some: (names) => {
        const wanted = columns.filter(({ name }) => names.has(name));
        return sql`SELECT ${allOf(wanted.length === 0 ? columns.slice(0, 1) : wanted)} FROM ${scanOf(files)}`;
      },
    });
  const rows = shapeRows(shapes, united);
  const keepsBad = options.badCells === "keep" && rows.some(({ doubtful }) => doubtful.length > 0);
  if (!keepsBad) for (const part of rows) await refuseLossy(core, part, !hidesPlaces(columns));
  const select = (places?: RowPlaces) => unitedSql(files, rows, places);
  return placedRows(core, files, { columns, select, keepsBad, signal });
}

/** The columns as they are read, each by its name: the engine takes minutes for a long `* REPLACE` list. */
function allOf(columns: readonly EngineColumn[]): SqlText {
  const values = columns.map(({ name, type }) => {
    const column = quoteName(name);
    const value = unhashed(column, type);
    return value === column ? column : sql`${value} AS ${column}`;
  });
  return sql`${values}`;
}

/** A view of a file that holds the result of varve's own query, whose rows come from no file. */
export async function stageResult(
  core: EngineCore,
  file: string,
  signal?: AbortSignal,
): Promise<StagedRelation> {
  const select = sql`SELECT * FROM ${scanOf([file])}`;
  const columns = await core.describe(select);
  if (columns.some(({ name }) => name.toLowerCase() === "file_row_number"))
    return numberedCopy(core, { sql: select, columns }, { signal });
  const { file: fileName, row } = positionNames(columns.map(({ name }) => name));
  return {
    sql: select,
    columns,
    positionedSql: sql`SELECT *, NULL::VARCHAR AS ${fileName}, file_row_number AS ${row} FROM ${scanOf([file])}`,
    positionColumns: { file: fileName, row },
  };
}

/** Whether a column hides where the engine says rows are. */
function hidesPlaces(columns: readonly EngineColumn[]): boolean {
  return columns.some(({ name }) => ["filename", "file_row_number"].includes(name.toLowerCase()));
}

/** Rows of files, as SQL with their places or without. */
interface FileRows {
  readonly columns: readonly EngineColumn[];
  readonly select: (places?: RowPlaces) => SqlText;
  readonly some?: NarrowRows["select"] | undefined;
  readonly keepsBad?: boolean | undefined;
  readonly signal: AbortSignal | undefined;
}

async function placedRows(
  core: EngineCore,
  files: readonly string[],
  { columns, select, some, keepsBad = false, signal }: FileRows,
): Promise<StagedRelation> {
  const { file, row, badCells } = positionNames(columns.map(({ name }) => name));
  const positions = keepsBad ? { file, row, badCells } : { file, row };
  if (!hidesPlaces(columns)) {
    const places = { place: { file, row }, badCells: positions.badCells };
    const all = select();
    const narrow = some === undefined ? undefined : { of: all, select: some };
    return { sql: all, narrow, columns, positionedSql: select(places), positionColumns: positions };
  }
  const options = { place: fileAndRow(await fileStarts(core, files)), signal };
  if (!keepsBad) return numberedCopy(core, { sql: select(), columns }, options);
  const bad = { name: badCells, type: badCellsType };
  const copy = await numberedCopy(core, { sql: select({ badCells }), columns: [...columns, bad] }, options);
  const names = columns.map(({ name }) => quoteName(name));
  return {
    ...copy,
    sql: sql`SELECT ${names} FROM (${copy.sql})`,
    columns,
    positionColumns: { ...copy.positionColumns, badCells },
  };
}

async function fileStarts(core: EngineCore, files: readonly string[]): Promise<FileStart[]> {
  const starts: FileStart[] = [];
  let from = 0;
  for (const file of files) {
    starts.push({ file, from });
    const [row] = await core
      .rows(sql`SELECT num_rows AS n FROM parquet_file_metadata(${quoteFile(file)})`)
      .catch((error: unknown) => {
        throw unreadableParquet(file, error);
      });
    from += Number(row?.["n"]);
  }
  return starts;
}
