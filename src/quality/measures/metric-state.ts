import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import type { StructType } from "../../schema/types.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { columnsOfRelation, isNumeric } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";
import {
  type DistinctSketch,
  estimateDistinct,
  mergeDistinct,
  sketchDistinct,
  sketchDistinctTogether,
} from "./distinct-sketch.ts";
import { largestSquared } from "./measures.ts";
import {
  estimateQuantile,
  interpolatedQuantile,
  mergeQuantiles,
  type QuantileSketch,
  sketchQuantiles,
  sketchQuantilesTogether,
} from "./quantile-sketch.ts";
import {
  mergeFrequencies,
  mostFrequencies,
  type ValueFrequency,
  valueFrequencies,
} from "./value-frequencies.ts";

/**
 * Measurements of one column over some rows, in a form that can be merged: the state of two sets of rows is
 * computed from the states of each.
 */
export interface ColumnState {
  readonly name: string;
  /** Rows with a value. */
  readonly present: number;
  /**
   * Number of finite numbers. The other fields cover only these; without any, `count` is 0 and the rest is
   * null. A value that is too large to compute is null.
   */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Sum of squared distances from the mean. */
  readonly squares: number | null;
  /**
   * Sketch of the distinct values; `null` for nested columns, and in states that were recorded before there
   * were sketches.
   */
  readonly distinct: DistinctSketch | null;
  /** Sketch of the finite numbers; `null` as above, and for columns that are not numeric. */
  readonly quantiles: QuantileSketch | null;
  /**
   * The finite numbers and how often each occurs, in ascending order, for up to 100 different ones; `null` for
   * more, for columns that do not hold numbers, and in states recorded before they were kept.
   */
  readonly frequencies: readonly ValueFrequency[] | null;
}

/** Measurements of some rows, in a form that can be merged. */
export interface MetricState {
  readonly rows: number;
  readonly columns: readonly ColumnState[];
}

/** Columns of the metrics table: one row for each version and scope (spec/quality-formats.md). */
export const metricsSchema: StructType = schema()
  .long("version", { nullable: false })
  .timestamp("committed_at")
  .string("scope", {
    nullable: false,
    comment: "batch: the rows that the version brought; table: all rows of the version",
  })
  .long("rows", { nullable: false })
  .column(
    "columns",
    arrayOf(
      schema()
        .string("name")
        .long("present")
        .long("count")
        .double("min")
        .double("max")
        .double("mean")
        .double("squares")
        .string("distinct", { comment: "HyperLogLog registers, 1,024 bytes in base64" })
        .column("quantiles", arrayOf(schema().integer("sign").integer("index").long("count")), {
          comment: "DDSketch buckets",
        })
        .column("frequencies", arrayOf(schema().double("value").long("count")), {
          comment: "the numbers, where there are at most 100 different ones",
        }),
    ),
  )
  .column("checks", arrayOf(schema().string("id").boolean("success").long("unexpected")), {
    comment: "what the gate of the version said",
  })
  .string("table_id", { comment: "id of the table's metadata: the folder may outlive a table" })
  .build();

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** Measures a relation: one pass for all counts and moments, and one over each column for each sketch. */
export async function measureState(
  session: Session,
  relation: { readonly sql: SqlSelect; readonly columns: Parameters<typeof columnsOfRelation>[0] },
): Promise<MetricState> {
  const columns = columnsOfRelation(relation.columns);
  const aggregates = columns.flatMap((column, index) => {
    const name = duckdbDialect.identifier(column.name);
    const few = column.class === "nested" ? [] : [sql`approx_count_distinct(${name}) AS c${index}_distinct`];
    if (!isNumeric(column.class)) return [sql`count(${name}) AS c${index}_present`, ...few];
    const value = sql`CASE WHEN isfinite(CAST(${name} AS DOUBLE)) THEN CAST(${name} AS DOUBLE) END`;
    return [
      ...few,
      sql`count(${name}) AS c${index}_present`,
      sql`count(${value}) AS c${index}_count`,
      sql`min(${value}) AS c${index}_min`,
      sql`max(${value}) AS c${index}_max`,
      sql`avg(${value}) AS c${index}_mean`,
      sql`var_pop(CASE WHEN abs(${value}) <= ${largestSquared} THEN ${value} END) AS c${index}_variance`,
    ];
  });
  const [row = {}] = await session.rows(
    sql`SELECT ${joinSql([sql`count(*) AS n`, ...aggregates])} FROM (${relation.sql})`,
  );
  const rows = toNumber(row["n"]) ?? 0;
  const plain = columns.flatMap((column, index) => (column.class === "nested" ? [] : [{ ...column, index }]));
  const few = (index: number) => (toNumber(row[`c${index}_distinct`]) ?? 0) < rows / 4;
  const sketchOne = (column: (typeof plain)[number]) =>
    sketchDistinct(session, relation.sql, column.name, few(column.index));
  const distinct = await sketched(rows, plain, sketchOne, (names) =>
    sketchDistinctTogether(session, relation.sql, names),
  );
  const quantiles = await sketched(
    rows,
    plain.filter((column) => isNumeric(column.class)),
    ({ name }) => sketchQuantiles(session, relation.sql, name),
    (names) => sketchQuantilesTogether(session, relation.sql, names),
  );
  const small = plain.filter(
    (column) =>
      isNumeric(column.class) && (toNumber(row[`c${column.index}_distinct`]) ?? 0) <= 2 * mostFrequencies,
  );
  const frequencies = await valueFrequencies(
    session,
    relation.sql,
    small.map(({ name }) => name),
  );
  const exact = new Map(small.map((column, place) => [column.index, frequencies[place] ?? null]));
  const states = columns.map(({ name }, index) => ({
    ...columnState(name, row, `c${index}_`),
    distinct: distinct.get(index) ?? null,
    quantiles: quantiles.get(index) ?? null,
    frequencies: exact.get(index) ?? null,
  }));
  return { rows, columns: states };
}

/** Up to this many rows, a pass costs more than the work in it, so columns share one. */
const fewRows = 100_000;
/** Number of columns that share a pass; each row is held once for each of them. */
const sharing = 50;

/** Sketches of columns by their indices: one pass each, or shared passes if there are few rows. */
async function sketched<T, C extends { readonly index: number; readonly name: string }>(
  rows: number,
  columns: readonly C[],
  sketchOne: (column: C) => Promise<T>,
  sketchTogether: (names: readonly string[]) => Promise<T[]>,
): Promise<Map<number, T>> {
  const byPosition = new Map<number, T>();
  if (rows > fewRows) {
    for (const column of columns) byPosition.set(column.index, await sketchOne(column));
    return byPosition;
  }
  for (let from = 0; from < columns.length; from += sharing) {
    const some = columns.slice(from, from + sharing);
    const sketches = await sketchTogether(some.map(({ name }) => name));
    for (const [index, sketch] of sketches.entries()) byPosition.set(some[index]?.index ?? -1, sketch);
  }
  return byPosition;
}

function columnState(
  name: string,
  row: EngineRow,
  prefix: string,
): Omit<ColumnState, "distinct" | "quantiles" | "frequencies"> {
  const read = (field: string) => toNumber(row[`${prefix}${field}`]);
  const count = read("count") ?? 0;
  const [min, max] = [read("min"), read("max")];
  const squarable = Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0)) <= largestSquared;
  return {
    name,
    present: read("present") ?? 0,
    count,
    min,
    max,
    mean: finite(read("mean")),
    squares: squarable ? finite((read("variance") ?? Number.NaN) * count) : null,
  };
}

/**
 * Merges the states of two parts (by Chan's rule for the squares); a column that one part lacks has no values
 * there.
 */
export function mergeStates(a: MetricState, b: MetricState): MetricState {
  const names = [...new Set([...a.columns, ...b.columns].map((column) => column.name))];
  const find = (state: MetricState, name: string) => state.columns.find((column) => column.name === name);
  return {
    rows: a.rows + b.rows,
    columns: names.map((name) => mergeColumns(name, find(a, name), find(b, name))),
  };
}

function mergeColumns(name: string, a: ColumnState | undefined, b: ColumnState | undefined): ColumnState {
  if (a === undefined || b === undefined) return { ...nothing, ...a, ...b, name };
  const present = a.present + b.present;
  const sketches = {
    distinct: a.distinct === null || b.distinct === null ? null : mergeDistinct(a.distinct, b.distinct),
    quantiles: a.quantiles === null || b.quantiles === null ? null : mergeQuantiles(a.quantiles, b.quantiles),
    frequencies:
      a.frequencies === null || b.frequencies === null
        ? null
        : mergeFrequencies(a.frequencies, b.frequencies),
  };
  if (a.count === 0) return { ...b, name, present, ...sketches };
  if (b.count === 0) return { ...a, name, present, ...sketches };
  const count = a.count + b.count;
  const delta = (b.mean ?? Number.NaN) - (a.mean ?? Number.NaN);
  return {
    name,
    present,
    count,
    min: Math.min(a.min ?? Infinity, b.min ?? Infinity),
    max: Math.max(a.max ?? -Infinity, b.max ?? -Infinity),
    mean: finite((a.mean ?? Number.NaN) + (delta * b.count) / count),
    squares: finite(
      (a.squares ?? Number.NaN) + (b.squares ?? Number.NaN) + (delta ** 2 * a.count * b.count) / count,
    ),
    ...sketches,
  };
}

const nothing: Omit<ColumnState, "name"> = {
  present: 0,
  count: 0,
  min: null,
  max: null,
  mean: null,
  squares: null,
  distinct: null,
  quantiles: null,
  frequencies: null,
};

/**
 * Whether a state has the sketches that it should have. States that were recorded before there were sketches
 * do not, and cannot be merged.
 */
export function isSketched(state: MetricState): boolean {
  return state.columns.every(
    ({ present, count, distinct, quantiles }) =>
      (count > 0 ? quantiles : present > 0 ? distinct : "none") !== null,
  );
}

/** A column's state as stored in the metrics table. */
export function storedColumn({ distinct, ...state }: ColumnState): Readonly<Record<string, unknown>> {
  return { ...state, distinct: distinct === null ? null : Buffer.from(distinct).toString("base64") };
}

/** The counterpart of {@link storedColumn}. */
export function loadedColumn(
  stored: Omit<ColumnState, "distinct" | "frequencies"> & {
    readonly distinct?: string | null | undefined;
    readonly frequencies?: ColumnState["frequencies"] | undefined;
  },
): ColumnState {
  const { distinct, quantiles, frequencies, ...state } = stored;
  return {
    ...state,
    distinct: typeof distinct === "string" ? Uint8Array.from(Buffer.from(distinct, "base64")) : null,
    quantiles: quantiles ?? null,
    frequencies: frequencies ?? null,
  };
}

/** Parses a metric's name: `mean(delay)` is the `mean` of column `delay`; `row_count` has no column. */
export function metricParts(metric: string): {
  readonly measure: string;
  readonly column?: string | undefined;
} {
  const [, measure, column] = /^(\w+)\((.*)\)$/s.exec(metric) ?? [];
  return measure === undefined || column === undefined ? { measure: metric } : { measure, column };
}

/**
 * The value of a metric by its name (`row_count`, `mean(delay)`); `null` if the state does not have it, or it
 * is not a finite number.
 */
export function metricValue(state: MetricState, metric: string): number | null {
  const { measure, column: name } = metricParts(metric);
  if (name === undefined) return measure === "row_count" ? state.rows : null;
  const column = state.columns.find((candidate) => candidate.name === name);
  const value = column === undefined ? null : columnMetric(state, column, measure);
  return value === null || !Number.isFinite(value) ? null : value;
}

function columnMetric(state: MetricState, column: ColumnState, measure: string): number | null {
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
      return column.squares === null || column.count < 2
        ? null
        : Math.sqrt(column.squares / (column.count - 1));
    case "stdev_population":
      return column.squares === null || column.count === 0 ? null : Math.sqrt(column.squares / column.count);
    case "approximate_distinct":
      return column.distinct === null ? null : estimateDistinct(column.distinct);
    case "median":
      return exactQuantile(column, 0.5);
    case "interquartile_range":
      return difference(exactQuantile(column, 0.25), exactQuantile(column, 0.75));
    case "approximate_median":
      return anyQuantile(column, 0.5);
    case "approximate_interquartile_range":
      return difference(anyQuantile(column, 0.25), anyQuantile(column, 0.75));
    default:
      return null;
  }
}

function difference(low: number | null, high: number | null): number | null {
  return low === null || high === null ? null : high - low;
}

/** By linear interpolation; `null` unless every number is kept. */
function exactQuantile({ frequencies }: ColumnState, share: number): number | null {
  return frequencies === null ? null : interpolatedQuantile(frequencies, share);
}

/** The exact quantile, or an estimate within the values that occur. */
function anyQuantile(column: ColumnState, share: number): number | null {
  const { quantiles, min, max } = column;
  const exact = exactQuantile(column, share);
  const estimate = exact ?? (quantiles === null ? null : estimateQuantile(quantiles, share));
  return estimate === null ? null : Math.min(Math.max(estimate, min ?? estimate), max ?? estimate);
}

/** Metrics of columns that have a history. */
export const columnMetrics = [
  "completeness",
  "approximate_distinct",
  "min",
  "max",
  "range",
  "mean",
  "sum",
  "stdev",
  "stdev_population",
  "median",
  "interquartile_range",
] as const;

/** Estimates that are listed where the metric itself is not known. */
const estimates: Readonly<Record<string, string>> = {
  approximate_median: "median",
  approximate_interquartile_range: "interquartile_range",
};

/** The metrics of a column that are listed, without those that can be derived from others. */
export const shownMetrics = [
  ...columnMetrics.filter((name) => !["range", "sum", "stdev_population"].includes(name)),
  ...Object.keys(estimates),
];

/** The metrics of a state by name, row count first; metrics that can be derived from others are left out. */
export function metricValues(state: MetricState): Readonly<Record<string, number>> {
  const names = state.columns.flatMap(({ name }) =>
    shownMetrics.flatMap((measure) => {
      const exact = estimates[measure];
      const isKnown = exact !== undefined && metricValue(state, `${exact}(${name})`) !== null;
      return isKnown ? [] : [`${measure}(${name})`];
    }),
  );
  return Object.fromEntries(
    ["row_count", ...names].flatMap((name) => {
      const value = metricValue(state, name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** The value of a metric for a comparison over versions: its estimate where it is not known exactly. */
export function comparedValue(state: MetricState, metric: string): number | null {
  return metricValue(state, metric) ?? metricValue(state, `approximate_${metric}`);
}
