import type { ParquetRow, ValueForms } from "../../parquet/read-rows.ts";
import type { Literal, Predicate } from "../../protocol/predicate.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { compareUtf8 } from "../../storage/contract/paths.ts";
import type { PlainRow, PlainValue } from "./stored-row.ts";

/** Rows of a store, as data: the engine answers it, or, of small files, the process itself. */
export interface StoreQuery {
  /** Default: all columns of the store. Times are milliseconds since 1970-01-01 UTC. */
  readonly columns?: readonly string[] | undefined;
  readonly where: readonly StoreCondition[];
  /** Only rows with the largest number in this column. */
  readonly newest?: string | undefined;
  /** Columns by which the rows are in ascending order, nulls first. */
  readonly order: readonly string[];
}

type StoredValue = string | number;

/** What a row must have in a column: one of some values, or a number of a range. */
export interface StoreCondition {
  readonly column: string;
  /** Null stands for a row without a value. */
  readonly oneOf?: readonly (StoredValue | null)[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** The columns that a query reads, for its answer and to find it. */
export function queriedFields(columns: StructType, query: StoreQuery): StructField[] {
  const needed = [...query.where.map(({ column }) => column), ...query.order];
  const wanted = new Set([
    ...(query.columns ?? []),
    ...needed,
    ...(query.newest === undefined ? [] : [query.newest]),
  ]);
  return columns.fields.filter(({ name }) => query.columns === undefined || wanted.has(name));
}

/** SELECT of a query's answer over the rows of a store. */
export function querySql(columns: StructType, query: StoreQuery, rows: SqlSelect): SqlSelect {
  const { where, newest, order } = query;
  const items = queriedFields(columns, query).map(({ name, type }) =>
    type === "timestamp" ? sql`epoch_ms(${quoteName(name)}) AS ${quoteName(name)}` : quoteName(name),
  );
  const conditions = joinSql([sql`true`, ...where.map(conditionSql)], sql` AND `);
  const best =
    newest === undefined ? sql`` : sql` QUALIFY ${quoteName(newest)} = max(${quoteName(newest)}) OVER ()`;
  const keys = order.map((name) => sql`${quoteName(name)} NULLS FIRST`);
  const sorted = order.length === 0 ? sql`` : sql` ORDER BY ${keys}`;
  return sql`SELECT ${items} FROM (${rows}) WHERE ${conditions}${best}${sorted}`;
}

function conditionSql({ column, oneOf, from, to }: StoreCondition): SqlExpression {
  const name = quoteName(column);
  const parts: SqlExpression[] = [];
  if (from !== undefined) parts.push(sql`${name} >= ${from}`);
  if (to !== undefined) parts.push(sql`${name} <= ${to}`);
  if (oneOf !== undefined) {
    const values = oneOf.flatMap((value) => (value === null ? [] : [valueSql(value)]));
    const any = values.length === 0 ? sql`false` : sql`${name} IN (${values})`;
    parts.push(oneOf.includes(null) ? sql`(${name} IS NULL OR ${any})` : any);
  }
  return joinSql([sql`true`, ...parts], sql` AND `);
}

function valueSql(value: StoredValue): SqlExpression {
  return typeof value === "string" ? quoteText(value) : sql`${value}`;
}

/** What the statistics of files are held against. */
export function queryPredicate(columns: StructType, { where }: StoreQuery): Predicate {
  const args = where.flatMap(({ column, oneOf, from, to }): Predicate[] => {
    const type = columns.fields.find(({ name }) => name === column)?.type ?? "string";
    const literal = (value: StoredValue): Literal => ({ type, value: String(value) });
    const path = [column];
    const values = oneOf?.flatMap((value) => (value === null ? [] : [literal(value)])) ?? [];
    const some: Predicate = { op: "in", column: path, values };
    return [
      ...(from === undefined ? [] : [{ op: "ge", column: path, value: literal(from) } as const]),
      ...(to === undefined ? [] : [{ op: "le", column: path, value: literal(to) } as const]),
      ...(oneOf === undefined
        ? []
        : oneOf.includes(null)
          ? [{ op: "or", args: [{ op: "isNull", column: path }, some] } as const]
          : [some]),
    ];
  });
  return { op: "and", args };
}

/** How values of files become those that the engine's answers have: whole numbers are numbers, times milliseconds. */
export const storedForms: ValueForms = {
  wide: Number,
  // As the engine's epoch_ms() has it.
  time: (microseconds) => Number(microseconds / 1000n),
};

/** The answer of a query from the rows of a store's files by {@link storedForms}, as {@link querySql} gives it. */
export function queriedRows({ where, newest, order }: StoreQuery, rows: readonly ParquetRow[]): PlainRow[] {
  const plain: readonly PlainRow[] = rows as readonly PlainRow[];
  const found = plain.filter((row) =>
    where.every((condition) => meets(row[condition.column] ?? null, condition)),
  );
  const chosen = newest === undefined ? found : found.filter(isNewest(newest, found));
  return chosen.sort((one, other) => inOrder(one, other, order));
}

function meets(value: PlainValue, { oneOf, from, to }: StoreCondition): boolean {
  if (oneOf !== undefined && !oneOf.some((one) => one === value)) return false;
  if (from === undefined && to === undefined) return true;
  return typeof value === "number" && value >= (from ?? value) && value <= (to ?? value);
}

function isNewest(column: string, rows: readonly PlainRow[]): (row: PlainRow) => boolean {
  let most = Number.NEGATIVE_INFINITY;
  for (const { [column]: value } of rows) if (typeof value === "number" && value > most) most = value;
  return ({ [column]: value }) => value === most;
}

function inOrder(one: PlainRow, other: PlainRow, order: readonly string[]): number {
  for (const name of order) {
    const [a = null, b = null] = [one[name], other[name]];
    if (a === b) continue;
    if (a === null || b === null) return a === null ? -1 : 1;
    const difference =
      typeof a === "number" && typeof b === "number" ? a - b : compareUtf8(String(a), String(b));
    if (difference !== 0) return difference;
  }
  return 0;
}
