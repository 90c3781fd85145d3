import type { EngineRow, Session } from "../engine/contract.ts";
import { arrayOf, schema } from "../schema/builder.ts";
import type { StructType } from "../schema/types.ts";
import { columnsOfRelation, isNumeric } from "./column.ts";
import { duckdbDialect } from "./dialect-duckdb.ts";
import { toNumber } from "./expectation.ts";

/** What some rows say of one column, in a form that adds up: the state of two sets of rows is made from the states of each. */
export interface ColumnState {
  readonly name: string;
  /** Rows with a value. */
  readonly present: number;
  /** The other fields look at finite numbers only; without any, `count` is 0 and the rest null. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Sum of squared distances from the mean. */
  readonly squares: number | null;
}

export interface MetricState {
  readonly rows: number;
  readonly columns: readonly ColumnState[];
}

/** Columns of the metrics table: one row for each version and scope (spec/quality-formats.md). */
export const metricsSchema: StructType = schema()
  .long("version", { nullable: false })
  .timestamp("committed_at")
  .string("scope", { nullable: false, comment: "batch: the rows that the version added; table: all rows of the version" })
  .long("rows", { nullable: false })
  .column(
    "columns",
    arrayOf(schema().string("name").long("present").long("count").double("min").double("max").double("mean").double("squares")),
  )
  .column("checks", arrayOf(schema().string("id").boolean("success").long("unexpected")), { comment: "what the gate of the version said" })
  .build();

/** Measures a relation in one pass. */
export async function measureState(
  session: Session,
  relation: { readonly sql: string; readonly columns: Parameters<typeof columnsOfRelation>[0] },
): Promise<MetricState> {
  const columns = columnsOfRelation(relation.columns);
  const aggregates = columns.flatMap((column, at) => {
    const name = duckdbDialect.identifier(column.name);
    if (!isNumeric(column.class)) return [`count(${name}) AS c${at}_present`];
    const value = `CASE WHEN isfinite(CAST(${name} AS DOUBLE)) THEN CAST(${name} AS DOUBLE) END`;
    return [
      `count(${name}) AS c${at}_present`,
      `count(${value}) AS c${at}_count`,
      `min(${value}) AS c${at}_min`,
      `max(${value}) AS c${at}_max`,
      `avg(${value}) AS c${at}_mean`,
      `var_pop(${value}) AS c${at}_variance`,
    ];
  });
  const [row = {}] = await session.rows(`SELECT ${["count(*) AS n", ...aggregates].join(", ")} FROM (${relation.sql})`);
  return { rows: toNumber(row["n"]) ?? 0, columns: columns.map((column, at) => columnState(column.name, row, `c${at}_`)) };
}

function columnState(name: string, row: EngineRow, prefix: string): ColumnState {
  const read = (field: string) => toNumber(row[`${prefix}${field}`]);
  const count = read("count") ?? 0;
  const variance = read("variance");
  return {
    name,
    present: read("present") ?? 0,
    count,
    min: read("min"),
    max: read("max"),
    mean: read("mean"),
    squares: variance === null ? null : variance * count,
  };
}

/** The state of all rows from those of two parts (Chan's rule for the squares); a column that one part lacks has no values there. */
export function mergeStates(one: MetricState, other: MetricState): MetricState {
  const names = [...new Set([...one.columns, ...other.columns].map((column) => column.name))];
  const find = (state: MetricState, name: string) => state.columns.find((column) => column.name === name);
  return { rows: one.rows + other.rows, columns: names.map((name) => mergeColumns(name, find(one, name), find(other, name))) };
}

function mergeColumns(name: string, a: ColumnState | undefined, b: ColumnState | undefined): ColumnState {
  const present = (a?.present ?? 0) + (b?.present ?? 0);
  if (a === undefined || a.mean === null)
    return { ...(b ?? a ?? { count: 0, min: null, max: null, mean: null, squares: null }), name, present };
  if (b === undefined || b.mean === null) return { ...a, name, present };
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  return {
    name,
    present,
    count,
    min: Math.min(a.min ?? Infinity, b.min ?? Infinity),
    max: Math.max(a.max ?? -Infinity, b.max ?? -Infinity),
    mean: a.mean + (delta * b.count) / count,
    squares: (a.squares ?? 0) + (b.squares ?? 0) + (delta ** 2 * a.count * b.count) / count,
  };
}

/** The value of a metric by its name (`row_count`, `mean(delay)`); `null` where the state does not tell. */
export function metricValue(state: MetricState, metric: string): number | null {
  if (metric === "row_count") return state.rows;
  const [, measure, name] = /^(\w+)\((.*)\)$/.exec(metric) ?? [];
  const column = state.columns.find((candidate) => candidate.name === name);
  if (column === undefined) return null;
  switch (measure) {
    case "completeness":
      return state.rows === 0 ? null : column.present / state.rows;
    case "min":
      return column.min;
    case "max":
      return column.max;
    case "range":
      return column.min === null || column.max === null ? null : column.max - column.min;
    case "mean":
      return column.mean;
    case "sum":
      return column.mean === null ? null : column.mean * column.count;
    case "stdev":
      return column.squares === null || column.count < 2 ? null : Math.sqrt(column.squares / (column.count - 1));
    case "stdev_population":
      return column.squares === null || column.count === 0 ? null : Math.sqrt(column.squares / column.count);
    default:
      return null;
  }
}

const columnMetrics = ["completeness", "min", "max", "mean", "stdev"] as const;

/** Every metric that a state tells, by name, rows first. */
export function metricValues(state: MetricState): Readonly<Record<string, number>> {
  const names = state.columns.flatMap(({ name }) => columnMetrics.map((measure) => `${measure}(${name})`));
  return Object.fromEntries(
    ["row_count", ...names].flatMap((name) => {
      const value = metricValue(state, name);
      return value === null ? [] : [[name, value]];
    }),
  );
}
