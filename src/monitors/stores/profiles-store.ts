import type { Counts } from "../../drift/profile/bins.ts";
import type { ValueClass } from "../../drift/profile/leaves.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type {
  Profile,
  ProfiledMeasure,
  ProfiledPart,
  RecordedBins,
  RecordedMeasure,
} from "../profiles/profile.ts";
import { appendOnce, type DriftStore, type MonitoredTable, readStore } from "./drift-store.ts";
import {
  itemsOf,
  numberOrNull,
  numbersOf,
  type PlainRow,
  type PlainValue,
  structOrNull,
  textOrNull,
} from "./stored-row.ts";

/** One row for all rows of a version's batch or table, and one for each slice or window of them. */
const profilesStore: DriftStore = {
  folder: "profiles",
  description: "Counts of the versions of the table above in the bins of its monitors",
  indexed: "table_id,monitor,bins_id,version,scope",
  isBulky: true,
  columns: schema()
    .string("table_id", { nullable: false })
    .string("monitor", { nullable: false })
    .string("bins_id", { nullable: false })
    .timestamp("at", { nullable: false })
    .long("version", { comment: "null: the baseline that the bins were made of" })
    .string("scope", { nullable: false, comment: "baseline, batch or table" })
    .long("position", { nullable: false, comment: "0: all rows" })
    .struct("slice", schema().string("key").string("value"))
    .string("window")
    .long("rows", { nullable: false })
    .column("leaves", arrayOf(schema().string("name").string("class").boolean("is_empty")))
    .column(
      "columns",
      arrayOf(
        schema()
          .string("column")
          .string("part")
          .long("rows")
          .long("nulls")
          .long("nans")
          .column("cells", arrayOf("long"), { comment: "rows below, in and above the fine cells" })
          .column("values", arrayOf("long"), { comment: "rows of each category" })
          .long("rare")
          .long("singles")
          .long("unseen")
          .long("distinct", {
            comment: "different values of a category; null where they were not counted together",
          })
          .double("min")
          .double("max")
          .double("mean")
          .double("sd")
          .column("quantiles", arrayOf("double"))
          .double("distinct_share")
          .column("span", arrayOf("long"), { comment: "first and last moment in microseconds" }),
      ),
    )
    .build(),
};

/** Which rows a profile counts: those that a version brought, all of it, or those that bins were made of. */
export interface ProfileKey {
  readonly monitor: string;
  readonly version: number | null;
  readonly scope: "baseline" | "batch" | "table";
}

/** Records a profile once. @returns whether it landed */
export function writeProfile(
  table: MonitoredTable,
  { monitor, version, scope }: ProfileKey,
  bins: RecordedBins,
  { leaves, parts }: Profile,
  options: SideTableOptions = {},
): Promise<boolean> {
  const at = new Date(table.context.world.now());
  const head = { monitor, bins_id: bins.id, at, version, scope };
  const rows = parts.map(({ slice, window, rows: count, measures }, position) => ({
    ...head,
    position,
    slice,
    window,
    rows: count,
    leaves:
      position === 0
        ? leaves.map(({ name, class: kind, isEmpty }) => ({ name, class: kind, is_empty: isEmpty }))
        : null,
    columns: bins.measures.flatMap((measure, index) => storedMeasure(measure, measures[index])),
  }));
  return appendOnce(table, profilesStore, { key: [monitor, bins.id, version, scope], rows }, options);
}

function storedMeasure({ leaf, part }: RecordedMeasure, measure: ProfiledMeasure | undefined): object[] {
  if (measure === undefined) return [];
  const { counts, distinctShare, span } = measure;
  const { form: _, ...fields } = counts;
  // Undefined ends are null in the list: an empty list is no span.
  return [
    { column: leaf.name, part, ...fields, distinct_share: distinctShare, span: span?.map(longOf) ?? null },
  ];
}

const largestLong = 2n ** 63n - 1n;

/** Microseconds as a whole number of 64 bits: those of far years are no safe numbers, and the last rounds beyond it. */
function longOf(microseconds: number | null): bigint | null {
  if (microseconds === null) return null;
  const whole = BigInt(microseconds);
  return whole > largestLong ? largestLong : whole;
}

/** Reads profiles of a monitor by its present bins, by version; null is the baseline. */
export async function readProfiles(
  table: MonitoredTable,
  { monitor, scope }: Pick<ProfileKey, "monitor" | "scope">,
  bins: RecordedBins,
  versions: readonly number[] | null,
  options: SideTableOptions = {},
): Promise<ReadonlyMap<number | null, Profile>> {
  if (versions?.length === 0) return new Map();
  const where = [
    { column: "monitor", oneOf: [monitor] },
    { column: "bins_id", oneOf: [bins.id] },
    { column: "scope", oneOf: [scope] },
    { column: "version", oneOf: versions ?? [null] },
  ];
  const rows = await readStore(table, profilesStore, { where, order: ["version", "position"] }, options);
  const found = new Map<number | null, PlainRow[]>();
  for (const row of rows) {
    const version = numberOrNull(row["version"]);
    found.set(version, [...(found.get(version) ?? []), row]);
  }
  return new Map([...found].map(([version, parts]) => [version, profileOf(parts, bins)]));
}

function profileOf(rows: readonly PlainRow[], bins: RecordedBins): Profile {
  const leaves = itemsOf(rows[0]?.["leaves"]).flatMap((item) => {
    const leaf = structOrNull(item);
    if (leaf === null) return [];
    const [name, kind] = [String(leaf["name"]), String(leaf["class"]) as ValueClass];
    return [{ name, class: kind, isEmpty: leaf["is_empty"] === true }];
  });
  return { leaves, parts: rows.map((row) => partOf(row, bins)) };
}

function partOf(row: PlainRow, { measures }: RecordedBins): ProfiledPart {
  const columns = new Map(
    itemsOf(row["columns"]).flatMap((item) => {
      const column = structOrNull(item);
      return column === null ? [] : [[keyOf(String(column["column"]), column["part"]), column] as const];
    }),
  );
  const slice = structOrNull(row["slice"]);
  const key = textOrNull(slice?.["key"]);
  return {
    slice: key === null ? null : { key, value: textOrNull(slice?.["value"]) },
    window: textOrNull(row["window"]),
    rows: numberOrNull(row["rows"]) ?? 0,
    measures: measures.map((measure) => {
      const column = columns.get(keyOf(measure.leaf.name, measure.part));
      return column === undefined ? undefined : measureOf(column, measure);
    }),
  };
}

function keyOf(column: string, part: PlainValue | undefined): string {
  return JSON.stringify([column, part ?? null]);
}

function measureOf(column: PlainRow, { bins }: RecordedMeasure): ProfiledMeasure {
  const span = itemsOf(column["span"]);
  return {
    counts: countsOf(column, bins.form),
    distinctShare: numberOrNull(column["distinct_share"]),
    span: span.length === 0 ? null : [numberOrNull(span[0]), numberOrNull(span[1])],
  };
}

function countsOf(column: PlainRow, form: Counts["form"]): Counts {
  const count = (name: string) => numberOrNull(column[name]) ?? 0;
  const head = { rows: count("rows"), nulls: count("nulls"), nans: count("nans") };
  const moments = { mean: numberOrNull(column["mean"]), sd: numberOrNull(column["sd"]) };
  if (form === "category")
    return {
      form,
      ...head,
      values: numbersOf(column["values"]),
      rare: count("rare"),
      singles: count("singles"),
      unseen: count("unseen"),
      distinct: numberOrNull(column["distinct"]),
      ...moments,
    };
  const quantiles = column["quantiles"] ?? null;
  return {
    form,
    ...head,
    cells: numbersOf(column["cells"]),
    min: numberOrNull(column["min"]),
    max: numberOrNull(column["max"]),
    ...moments,
    quantiles: quantiles === null ? null : numbersOf(quantiles),
  };
}
