import { schemaOfEngine } from "../../dialects/engine-types.ts";
import type { EngineColumn, StagedRelation } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { SetAside } from "../../quality/gate/gate-context.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { sourceColumns } from "../plan/batch-target.ts";
import { readingProgress } from "../plan/reading-progress.ts";
import { isSnapshot, stageWriteSource } from "../plan/write-source.ts";
import { setMisfitsAside } from "../stages/misfits.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { rowBits } from "./merge-names.ts";
import type { MergePlan, MergeRun } from "./merge-plan.ts";

/** The source of a merge, whose rows can be read any number of times and told apart. */
export interface MergeSource {
  readonly columns: readonly EngineColumn[];
  readonly schema: StructType;
  readonly rows: number;
  /** Its columns, of the rows that are not set aside. */
  readonly sql: SqlSelect;
  /** All its rows as they came, with their numbers as places. */
  readonly whole: StagedRelation;
  /** Those that cannot be read, or have a cell of a wrong type, if the tests set such rows aside. */
  readonly misfits?: SetAside | undefined;
  /** SQL of the name of the file that all rows come from; null if they do not come from one file. */
  readonly file: SqlExpression;
  /** Its columns, and a number of each row, the same in each scan. */
  readonly numbered: (number: SqlExpression) => SqlSelect;
}

/**
 * Stages a merge's source before the session is fenced. Rows that may be other ones, or in another order, when
 * they are read again are copied; versions of tables and files of rows are read in place.
 *
 * @throws `SOURCE_UNREADABLE`, errors of the tables that are read, `CANCELLED`
 */
export async function stageMergeSource(
  room: WriteRoom,
  { source, target, evolves = false, fileNames, tests }: MergePlan,
  { signal, onProgress }: MergeRun,
): Promise<MergeSource> {
  const place = isVersion(source)
    ? `${freePrefix(source.schema.fields.map(({ name }) => name))}place`
    : undefined;
  const columns = sourceColumns(target, evolves);
  const keepsMisfits = tests?.suite.onMisfit === "quarantine";
  const staged = await stageWriteSource(room.session, source, {
    columns: columns.length === 0 ? undefined : columns,
    badCells: keepsMisfits ? "keep" : undefined,
    positions: place === undefined,
    place,
    fileNames,
    onProgress: readingProgress(onProgress),
    signal,
  });
  appendAll(room.readable, staged.files);
  const { relation } = staged;
  const [file] = staged.files;
  const isFile = file !== undefined && !["sql", "relation"].includes(staged.kind);
  const isMany = isFile && staged.files.length > 1;
  const name = isFile && !isMany ? (fileNames?.get(file) ?? file) : undefined;
  const fileSql = name === undefined ? sql`CAST(NULL AS VARCHAR)` : quoteText(name);
  const whole = numberedRows(relation, { place, isMany, file: fileSql });
  const { fitting, setAside } = keepsMisfits
    ? await setMisfitsAside(room.session, whole, { columns: [], checks: [] })
    : { fitting: whole, setAside: undefined };
  const items = whole.columns.map((column) => quoteName(column.name));
  const row = quoteName(whole.positionColumns.row);
  return {
    columns: whole.columns,
    schema: schemaOfEngine(whole.columns),
    rows: relation.rows ?? (await countRows(room, whole.sql)),
    whole,
    misfits: setAside,
    file: fileSql,
    sql: fitting.sql,
    numbered: (number) => sql`SELECT ${[...items, sql`${row} AS ${number}`]} FROM (${fitting.positionedSql})`,
  };
}

interface Numbering {
  readonly place: string | undefined;
  readonly isMany: boolean;
  readonly file: SqlExpression;
}

/** Staged rows whose places are the number of each and the one file. */
function numberedRows(relation: StagedRelation, { place, isMany, file }: Numbering): StagedRelation {
  const { badCells } = relation.positionColumns;
  const columns = relation.columns.filter(({ name }) => name !== place);
  const items = columns.map(({ name }) => quoteName(name));
  const [from, number] = numberOf(relation, { place, isMany });
  const prefix = freePrefix([...relation.columns.map(({ name }) => name), badCells ?? ""]);
  const names = { file: `${prefix}file`, row: `${prefix}row` };
  const position = [sql`${file} AS ${quoteName(names.file)}`, sql`${number} AS ${quoteName(names.row)}`];
  const cells = badCells === undefined ? [] : [quoteName(badCells)];
  return {
    columns,
    sql: sql`SELECT ${items} FROM (${relation.sql})`,
    positionedSql: sql`SELECT ${[...items, ...position, ...cells]} FROM (${from})`,
    positionColumns: { ...names, badCells },
  };
}

/** SQL of the rows, and of their numbers. */
function numberOf(
  { sql: select, positionedSql, positionColumns }: StagedRelation,
  { place, isMany }: Pick<Numbering, "place" | "isMany">,
): readonly [SqlSelect, SqlExpression] {
  if (place !== undefined) {
    const name = quoteName(place);
    return [select, sql`((CAST(${name}.file AS BIGINT) << ${rowBits}) + ${name}."row")`];
  }
  // The rows of several files are in the order of the files, each numbered from 0.
  return isMany
    ? [positionColumns.badCells === undefined ? select : positionedSql, sql`(row_number() OVER () - 1)`]
    : [positionedSql, sql`CAST(${quoteName(positionColumns.row)} AS BIGINT)`];
}

function isVersion(source: MergePlan["source"]): source is LogSnapshot {
  return typeof source === "object" && source !== null && isSnapshot(source);
}

async function countRows({ session }: WriteRoom, rows: SqlSelect): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${rows})`);
  return Number(row?.["n"] ?? 0);
}
