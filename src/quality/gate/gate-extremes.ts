import type { EngineColumn, Session, StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, sql } from "../../sql/sql.ts";
import { columnType, quoteText } from "../../sql/sql-text.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import { type CountContext, countRows, rowResult } from "./gate-counts.ts";
import { rowMask } from "./masks.ts";
import type { CheckResult } from "./verdict.ts";

/** What the files that hold a batch say, exactly, of one of its top-level columns. */
export interface ColumnFacts {
  /** Gives the number of values that are not null. */
  readonly present: () => Promise<number>;
  /**
   * The smallest and largest value of each file as the engine's text; absent where one is not known, or a
   * value is NaN.
   */
  readonly extremes?: readonly string[] | undefined;
}

/** What is known of all rows of a batch once they are in files. */
export interface WrittenFacts {
  readonly rows: number;
  column(name: string): Promise<ColumnFacts>;
}

/** What extremes tell without a look at the rows. */
export interface ExtremesAnswer {
  readonly results: ReadonlyMap<string, CheckResult>;
  /** Checks that some extreme fails, so that some row must. */
  readonly refuted: ReadonlySet<string>;
}

/**
 * Answers the checks for which the smallest and largest values speak for all others: ranges, and bounds of
 * the extremes themselves.
 *
 * Such a check is run as it is over a relation of the extremes alone, so that every type compares as it does
 * among the rows.
 */
export async function answerFromExtremes(
  session: Session,
  planned: readonly PlannedCheck[],
  batch: StagedRelation,
  facts: WrittenFacts,
  context: CountContext,
): Promise<ExtremesAnswer> {
  const known = new Map<string, ColumnFacts>();
  const answerable: PlannedCheck[] = [];
  for (const check of planned) {
    const name = columnOf(check, batch.columns);
    if (name === undefined) continue;
    const column = known.get(name) ?? (await facts.column(name));
    if (column.extremes === undefined) continue;
    known.set(name, column);
    // nulls fill up the relation of the extremes; those of the rows are looked at apart
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
    if (mask === undefined) results.set(id, result);
    else if (result.unexpected !== 0) refuted.add(id);
    else if (onNull !== "fail" || (await present()) === facts.rows) {
      const considered = mask.considered === undefined ? facts.rows : await present();
      results.set(id, rowResult(mask, { considered, unexpected: 0, repaired: 0 }));
    }
  }
  return { results, refuted };
}

/** The top-level column whose extremes speak for all rows that a check looks at. */
function columnOf({ plan, scope }: PlannedCheck, columns: readonly EngineColumn[]): string | undefined {
  if (
    (plan.kind !== "row" && plan.kind !== "aggregate") ||
    scope !== undefined ||
    plan.byExtremes === undefined
  )
    return undefined;
  const { sql, class: kind } = plan.byExtremes;
  // statistics of texts are cut, those of truth values tell nothing that counting them does not
  if (kind === "string" || kind === "boolean") return undefined;
  return columns.find(({ name }) => duckdbDialect.identifier(name) === sql)?.name;
}

/**
 * The extremes as rows of the batch's types; `undefined` where there are none, or their text does not read
 * back.
 */
async function relationOf(
  session: Session,
  batch: StagedRelation,
  known: ReadonlyMap<string, ColumnFacts>,
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
