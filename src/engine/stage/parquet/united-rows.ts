import { engineTypeText } from "../../../dialects/engine-types.ts";
import { shownType } from "../../../dialects/shown-type.ts";
import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlText, sql } from "../../../sql/sql.ts";
import { columnType, quoteName, quoteText } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import { shownColumns, shownValue } from "../../core/shown-value.ts";
import { badCellsType } from "../shared/bad-cells.ts";
import { type FileShape, scanOf } from "./file-shapes.ts";
import { firstByName, fold, type UnitedColumn } from "./united-columns.ts";

/** A column of files that may hold a value which the column's type does not. */
interface DoubtfulColumn {
  readonly column: UnitedColumn;
  readonly path: readonly string[];
  readonly expected: string;
  readonly found: string;
  readonly value: SqlExpression;
  readonly violated: SqlExpression;
}

/** The columns of one shape of files, each as SQL over a scan of them. */
export interface ShapeRows {
  readonly shape: FileShape;
  readonly selected: readonly SqlText[];
  readonly doubtful: readonly DoubtfulColumn[];
}

/** How the files of each shape give the united columns. */
export function shapeRows(shapes: readonly FileShape[], united: readonly UnitedColumn[]): ShapeRows[] {
  return shapes.map((shape, number) => {
    const doubtful: DoubtfulColumn[] = [];
    const indexOf = firstByName(shape.columns, (_, index) => index);
    const selected = united.map((column) => {
      const { name, type } = column;
      const [value, conversion] = [shape.values[indexOf.get(fold(name)) ?? -1], column.conversions[number]];
      if (value === undefined || conversion === undefined)
        return sql`CAST(NULL AS ${columnType(type)}) AS ${quoteName(name)}`;
      const lossy = conversion.checks.filter(({ kind }) => kind === "lossy");
      if (column.target === undefined || lossy.length === 0)
        return sql`${conversion.convert(value)} AS ${quoteName(name)}`;
      for (const { path, expected, found, violated } of lossy)
        doubtful.push({ column, path, expected, found, value, violated: violated(value) });
      const misfit = joinSql(
        lossy.map((check) => sql`coalesce(${check.violated(value)}, false)`),
        sql` OR `,
      );
      return sql`CASE WHEN NOT (${misfit}) THEN ${conversion.convert(value)} END AS ${quoteName(name)}`;
    });
    return { shape, selected, doubtful };
  });
}

/** Names of what a scan gives in addition to the columns: its places, if no column hides them. */
export interface RowPlaces {
  readonly place?: { readonly file: SqlName; readonly row: SqlName } | undefined;
  readonly badCells?: SqlName | undefined;
}

/** SQL of places, to be added to a scan's columns. */
export function placesSql({ place }: RowPlaces): SqlText {
  return place === undefined ? sql`` : sql`, filename AS ${place.file}, file_row_number AS ${place.row}`;
}

/** The files one after the other; those of one shape that follow each other are one scan. */
export function unitedSql(
  files: readonly string[],
  shapes: readonly ShapeRows[],
  places?: RowPlaces,
): SqlText {
  const runs: { readonly rows: ShapeRows; readonly files: string[] }[] = [];
  for (const file of files) {
    const rows = shapes.find(({ shape }) => shape.files.has(file));
    const last = runs.at(-1);
    if (last !== undefined && last.rows === rows) last.files.push(file);
    else if (rows !== undefined) runs.push({ rows, files: [file] });
  }
  return joinSql(
    runs.map(
      (run) => sql`SELECT ${run.rows.selected}${placeSql(run.rows, places)} FROM ${scanOf(run.files)}`,
    ),
    sql` UNION ALL `,
  );
}

function placeSql({ doubtful }: ShapeRows, places: RowPlaces | undefined): SqlText {
  if (places === undefined) return sql``;
  const place = placesSql(places);
  if (places.badCells === undefined) return place;
  if (doubtful.length === 0) return sql`${place}, NULL::${badCellsType} AS ${places.badCells}`;
  const cells = doubtful.map(({ path, value, violated, column }) => {
    const expected = column.target === undefined ? columnType(column.type) : engineTypeText(column.target);
    const cell = sql`{"column": ${quoteText(pathText(path))}, "text": CAST(${value} AS VARCHAR), "expected": ${quoteText(shownType(expected))}}`;
    return sql`CASE WHEN ${violated} THEN ${cell} END`;
  });
  const list = sql`list_filter([${cells}], lambda cell: cell IS NOT NULL)`;
  const bad = sql`CASE WHEN len(${list}) > 0 THEN CAST(${list} AS ${badCellsType}) END`;
  return sql`${place}, ${bad} AS ${places.badCells}`;
}

/**
 * Looks for a value that its column cannot hold. @throws `SCHEMA_MISMATCH` naming file, row, column and value
 */
export async function refuseLossy(
  core: EngineCore,
  { shape, doubtful }: ShapeRows,
  hasPlaces: boolean,
): Promise<void> {
  const place = hasPlaces ? sql`filename AS file, file_row_number AS row` : sql`NULL AS file, NULL AS row`;
  for (const { value, violated, path, expected, found } of doubtful) {
    const select = sql`SELECT ${place}, ${shownColumns(value)} FROM ${scanOf([...shape.files])} WHERE ${violated} LIMIT 1`;
    const [bad] = await core.rows(select);
    if (bad === undefined) continue;
    const file = String(bad["file"] ?? shape.file);
    const shown = shownValue(bad);
    const row = bad["row"] === null ? undefined : Number(bad["row"]);
    const where = row === undefined ? file : `row ${row} of ${file}`;
    const text = `Column ${pathText(path)} is a ${expected}, which cannot hold the ${found} value ${shown} (${where}) without loss. Nothing was written. Correct the source, or set such rows aside with a gate.`;
    throw new VarveError("SCHEMA_MISMATCH", text, {
      column: [...path],
      expected,
      found: shown,
      row,
      file,
    });
  }
}
