import type { Bins, CategoryValue, DriftKind } from "../../drift/profile/bins.ts";
import type { Leaf, Part } from "../../drift/profile/leaves.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type { RecordedBins, RecordedMeasure } from "../profiles/profile.ts";
import {
  appendOnce,
  type DriftStore,
  type MonitoredTable,
  openStore,
  readStore,
  type StoreReadOptions,
} from "./drift-store.ts";
import { sideColumns, sideOf } from "./side-columns.ts";
import { itemsOf, numberOrNull, numbersOf, type PlainRow, textOrNull } from "./stored-row.ts";

/** One row for each measure of a baseline's columns, and some for what else belongs to the baseline. */
const binsStore: DriftStore = {
  folder: "bins",
  description: "Bins of the baselines of the monitors of the table above",
  indexed: "table_id,monitor,bins_id,entry",
  columns: schema()
    .string("table_id", { nullable: false })
    .string("monitor", { nullable: false })
    .string("bins_id", { nullable: false })
    .long("generation", { nullable: false, comment: "counts the baselines of the monitor from 1" })
    .string("bins_hash", { nullable: false, comment: "of what bins depend on in the definition" })
    .timestamp("at", { nullable: false })
    .long("position", { nullable: false })
    .string("entry", { nullable: false, comment: "baseline, column, excluded or slicing" })
    .struct("baseline", sideColumns())
    .string("column")
    .string("part")
    .string("kind")
    .string("class")
    .string("type")
    .boolean("is_whole")
    .boolean("is_float")
    .boolean("has_hour")
    .string("edges", { comment: "exact or sampled; null for categories" })
    .column("quantiles", arrayOf("double"), { comment: "edges of 260 cells" })
    .column("points", arrayOf("double"), { comment: "values with a bin of their own" })
    .column("values", arrayOf("string"), { comment: "categories, or values of a slicing" })
    .boolean("is_number", { comment: "categories are numbers" })
    .column("known", arrayOf("string"), { comment: "rare; null if there are too many to be kept" })
    .column("singles", arrayOf("string"), { comment: "values that one row of the baseline has" })
    .column("labels", arrayOf("string"))
    .build(),
};

/**
 * Records bins, once for each generation of a monitor.
 *
 * @returns whether these landed; else those of another process are the ones to read
 */
export function writeBins(
  table: MonitoredTable,
  monitor: string,
  bins: RecordedBins,
  options: SideTableOptions = {},
): Promise<boolean> {
  const { id, generation, hash, baseline, measures, excluded, slicings } = bins;
  const at = new Date(table.context.world.now());
  const head = { monitor, bins_id: id, generation, bins_hash: hash, at };
  const rows = [
    { ...head, entry: "baseline", baseline },
    ...measures.map((measure) => ({ ...head, entry: "column", ...storedMeasure(measure) })),
    ...excluded.map((column) => ({ ...head, entry: "excluded", column })),
    ...slicings.map(({ key, values }) => ({ ...head, entry: "slicing", column: key, values })),
  ];
  const placed = rows.map((row, position) => ({ ...row, position }));
  return appendOnce(table, binsStore, { key: [monitor, generation], rows: placed }, options);
}

function storedMeasure({ leaf, part, kind, bins }: RecordedMeasure): object {
  const { name, class: valueClass, type, isWhole, isFloat, hasHour } = leaf;
  const about = { column: name, part, kind, class: valueClass, type };
  const flags = { is_whole: isWhole, is_float: isFloat, has_hour: hasHour };
  if (bins.form === "numeric") {
    const { quantiles, points, edges } = bins;
    return { ...about, ...flags, quantiles, points, edges };
  }
  const { values, known, singles, isNumber, labels } = bins;
  return {
    ...about,
    ...flags,
    values: values.map(String),
    known: known?.map(String) ?? null,
    singles: singles.map(String),
    is_number: isNumber,
    labels: labels ?? null,
  };
}

/** The newest version of the bins of a table's monitors; undefined if there are none. */
export function openBins(
  table: MonitoredTable,
  options: SideTableOptions = {},
): Promise<LogSnapshot | undefined> {
  return openStore(table, binsStore, options);
}

/** Which bins are the newest ones of a monitor. */
export type BinsHead = Pick<RecordedBins, "id" | "generation" | "hash" | "baseline">;

/** The newest bins of a monitor without what they hold; undefined if there are none. */
export async function readBinsHead(
  table: MonitoredTable,
  monitor: string,
  options: StoreReadOptions = {},
): Promise<BinsHead | undefined> {
  const where = [
    { column: "monitor", oneOf: [monitor] },
    { column: "entry", oneOf: ["baseline"] },
  ];
  const columns = ["bins_id", "generation", "bins_hash", "baseline"];
  const [head] = await readStore(
    table,
    binsStore,
    { columns, where, newest: "generation", order: [] },
    options,
  );
  return head === undefined ? undefined : headOf(head);
}

function headOf(row: PlainRow): BinsHead {
  return {
    id: String(row["bins_id"]),
    generation: numberOrNull(row["generation"]) ?? 1,
    hash: String(row["bins_hash"]),
    baseline: sideOf(row["baseline"]),
  };
}

/** The newest bins of a monitor; undefined if there are none. */
export async function readBins(
  table: MonitoredTable,
  monitor: string,
  options: StoreReadOptions = {},
): Promise<RecordedBins | undefined> {
  const where = [{ column: "monitor", oneOf: [monitor] }];
  const query = { where, newest: "generation", order: ["position"] };
  const rows = await readStore(table, binsStore, query, options);
  const head = rows.find(({ entry }) => entry === "baseline");
  if (head === undefined) return undefined;
  const of = (entry: string) => rows.filter((row) => row["entry"] === entry);
  return {
    ...headOf(head),
    measures: of("column").map(measureOf),
    excluded: of("excluded").map(({ column }) => String(column)),
    slicings: of("slicing").map(({ column, values }) => ({ key: String(column), values: textsOf(values) })),
  };
}

function textsOf(value: PlainRow[string] | undefined): string[] {
  return itemsOf(value).map(String);
}

function measureOf(row: PlainRow): RecordedMeasure {
  return {
    leaf: {
      name: String(row["column"]),
      path: String(row["column"]).split("."),
      class: String(row["class"]) as Leaf["class"],
      type: String(row["type"]),
      isWhole: row["is_whole"] === true,
      isFloat: row["is_float"] === true,
      hasHour: row["has_hour"] === true,
    },
    part: textOrNull(row["part"]) as Part,
    kind: String(row["kind"]) as DriftKind,
    bins: binsOf(row),
  };
}

function binsOf(row: PlainRow): Bins {
  const edges = textOrNull(row["edges"]);
  if (edges !== null)
    return {
      form: "numeric",
      quantiles: numbersOf(row["quantiles"]),
      points: numbersOf(row["points"]),
      edges: edges === "sampled" ? "sampled" : "exact",
    };
  const isNumber = row["is_number"] === true;
  const valuesOf = (value: PlainRow[string] | undefined): CategoryValue[] =>
    isNumber ? textsOf(value).map(Number) : textsOf(value);
  const { labels = null, known = null } = row;
  return {
    form: "category",
    values: valuesOf(row["values"]),
    known: known === null ? null : valuesOf(known),
    singles: valuesOf(row["singles"]),
    isNumber,
    ...(labels === null ? {} : { labels: textsOf(labels) }),
  };
}
