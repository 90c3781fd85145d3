import { schemaOfEngine } from "../../dialects/engine-types.ts";
import type { EngineColumn, StagedRelation } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { sourceColumns } from "../plan/batch-target.ts";
import { readingProgress } from "../plan/reading-progress.ts";
import { isSnapshot, stageWriteSource } from "../plan/write-source.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { rowBits } from "./merge-names.ts";
import type { MergePlan, MergeRun } from "./merge-plan.ts";

/** The source of a merge, whose rows can be read any number of times and told apart. */
export interface MergeSource {
  readonly columns: readonly EngineColumn[];
  readonly schema: StructType;
  readonly rows: number;
  /** Its columns. */
  readonly sql: SqlSelect;
  /** The file that all rows come from, if it is one. */
  readonly file: string | undefined;
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
  { source, target, evolves = false, fileNames }: MergePlan,
  { signal, onProgress }: MergeRun,
): Promise<MergeSource> {
  const place = isVersion(source)
    ? `${freePrefix(source.schema.fields.map(({ name }) => name))}place`
    : undefined;
  const columns = sourceColumns(target, evolves);
  const staged = await stageWriteSource(room.session, source, {
    columns: columns.length === 0 ? undefined : columns,
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
  const own = relation.columns.filter(({ name }) => name !== place);
  const items = own.map(({ name }) => quoteName(name));
  const [from, value] = numberOf(relation, { place, isMany });
  const select = sql`SELECT ${items} FROM (${relation.sql})`;
  return {
    columns: own,
    schema: schemaOfEngine(own),
    rows: relation.rows ?? (await countRows(room, select)),
    file: isFile && !isMany ? (fileNames?.get(file) ?? file) : undefined,
    sql: select,
    numbered: (number) => sql`SELECT ${[...items, sql`${value} AS ${number}`]} FROM (${from})`,
  };
}

/** SQL of the rows, and of their numbers. */
function numberOf(
  { sql: select, positionedSql, positionColumns }: StagedRelation,
  { place, isMany }: { readonly place: string | undefined; readonly isMany: boolean },
): readonly [SqlSelect, SqlExpression] {
  if (place !== undefined) {
    const name = quoteName(place);
    return [select, sql`((CAST(${name}.file AS BIGINT) << ${rowBits}) + ${name}."row")`];
  }
  // The rows of several files are in the order of the files, each numbered from 0.
  return isMany
    ? [select, sql`(row_number() OVER () - 1)`]
    : [positionedSql, sql`CAST(${quoteName(positionColumns.row)} AS BIGINT)`];
}

function isVersion(source: MergePlan["source"]): source is LogSnapshot {
  return typeof source === "object" && source !== null && isSnapshot(source);
}

async function countRows({ session }: WriteRoom, rows: SqlSelect): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${rows})`);
  return Number(row?.["n"] ?? 0);
}
