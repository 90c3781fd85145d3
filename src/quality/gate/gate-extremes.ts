import type { EngineColumn, Session, StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, sql } from "../../sql/sql.ts";
import { columnType, quoteText } from "../../sql/sql-text.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import { type CountContext, countRows, rowResult } from "./gate-counts.ts";
import { rowMask } from "./masks.ts";
import { resultOfMeasure } from "./result-object.ts";
import type { CheckResult } from "./verdict.ts";

/** Exact statistics of one top-level column from the files that hold a batch. */
export interface ColumnStatistics {
  /** Returns the number of values that are not null. */
  readonly present: () => Promise<number>;
  /**
   * The smallest and largest value of each file as the engine's text; absent if one is unknown, or a value is
   * NaN.
   */
  readonly extremes?: readonly string[] | undefined;
}

/** What is known about all rows of a batch once they are in files. */
export interface WrittenStatistics {
  readonly rows: number;
  column(name: string): Promise<ColumnStatistics>;
}

/** Results that follow from extremes without reading the rows. */
export interface ExtremesAnswer {
  readonly results: ReadonlyMap<string, CheckResult>;
  /** Checks that some extreme fails, so that some row must fail. */
  readonly refuted: ReadonlySet<string>;
}

/**
 * Evaluates the checks that the smallest and largest values decide for all others: ranges, and bounds of the
 * extremes themselves.
 *
 * Such a check is run unchanged over a relation of only the extremes, so that every type is compared as among
 * the rows.
 */
export async function answerFromExtremes(
  session: Session,
  planned: readonly PlannedCheck[],
  batch: StagedRelation,
  statistics: WrittenStatistics,
  context: CountContext,
): Promise<ExtremesAnswer> {
  const known = new Map<string, ColumnStatistics>();
  const answerable: PlannedCheck[] = [];
  for (const check of planned) {
    const name = columnOf(check, batch.columns);
    if (name === undefined) continue;
    const column = known.get(name) ?? (await statistics.column(name));
    if (column.extremes === undefined) continue;
    known.set(name, column);
    // the relation of the extremes is padded with nulls; nulls of the rows are counted separately
    answerable.push({ ...check, check: { ...check.check, onNull: "ignore" } });
  }
  const relation = await relationOf(session, batch, known);
  if (relation === undefined) return { results: new Map(), refuted: new Set() };
  const masks = answerable.flatMap((check) => rowMask(check) ?? []);
  const counted = await countRows(session, answerable, masks, relation, context);
  const results = new Map<string, CheckResult>();
  const refuted = new Set<string>();
  for (const check of planned) {
    const { id, onNull } = check.check;
    const result = counted.results.get(id);
    if (result === undefined) continue;
    const mask = rowMask(check);
    const present = async () => (await known.get(columnOf(check, batch.columns) ?? "")?.present()) ?? 0;
    if (mask === undefined)
      results.set(id, {
        ...result,
        result: resultOfMeasure(result.observed, statistics.rows, await present()),
      });
    else if (result.unexpected !== 0) refuted.add(id);
    else if (onNull !== "fail" || (await present()) === statistics.rows) {
      const considered = mask.considered === undefined ? statistics.rows : await present();
      results.set(id, rowResult(mask, { elements: statistics.rows, considered, unexpected: 0, repaired: 0 }));
    }
  }
  return { results, refuted };
}

/** The top-level column whose extremes decide for all rows that a check considers. */
function columnOf({ plan, scope }: PlannedCheck, columns: readonly EngineColumn[]): string | undefined {
  if (
    (plan.kind !== "row" && plan.kind !== "aggregate") ||
    scope !== undefined ||
    plan.byExtremes === undefined
  )
    return undefined;
  const { sql, class: kind } = plan.byExtremes;
  // statistics of text are cut, and those of booleans say no more than counting them
  if (kind === "string" || kind === "boolean") return undefined;
  return columns.find(({ name }) => duckdbDialect.identifier(name) === sql)?.name;
}

/**
 * The extremes as rows of the batch's types; `undefined` if there are none, or their text cannot be read
 * back.
 */
async function relationOf(
  session: Session,
  batch: StagedRelation,
  known: ReadonlyMap<string, ColumnStatistics>,
): Promise<StagedRelation | undefined> {
  const columns = batch.columns.filter(({ name }) => known.has(name));
  if (columns.length === 0) return undefined;
  const values = columns.map(({ name }) => known.get(name)?.extremes ?? []);
  const rows = Array.from(
    { length: values.reduce((most, texts) => Math.max(most, texts.length), 1) },
    (_, index) => index,
  );
  const cell = (column: number, row: number) => {
    const text = values[column]?.[row];
    const type = columnType(columns[column]?.type ?? "VARCHAR");
    return text === undefined ? sql`CAST(NULL AS ${type})` : sql`TRY_CAST(${quoteText(text)} AS ${type})`;
  };
  const tuples = rows.map((row) => sql`(${columns.map((_, column) => cell(column, row))})`);
  const names = columns.map(({ name }) => duckdbDialect.identifier(name));
  const select = sql`SELECT * FROM (VALUES ${joinSql(tuples)}) AS extremes(${joinSql(names)})`;
  const [read] = await session.rows(
    sql`SELECT ${joinSql(names.map((name, index) => sql`count(${name}) AS n${index}`))} FROM (${select})`,
  );
  if (values.some((texts, index) => Number(read?.[`n${index}`]) !== texts.length)) return undefined;
  const { file, row } = batch.positionColumns;
  const place = sql`CAST(NULL AS VARCHAR) AS ${duckdbDialect.identifier(file)}, CAST(NULL AS BIGINT) AS ${duckdbDialect.identifier(row)}`;
  return {
    sql: select,
    columns,
    positionedSql: sql`SELECT *, ${place} FROM (${select})`,
    positionColumns: batch.positionColumns,
  };
}
