import { evidentlyColumnQuality, evidentlyTableQuality } from "../../../src/drift/peers/evidently-quality.ts";
import type { PeerValue } from "../../../src/drift/peers/peer-column.ts";
import type { JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";
import { compareNannymlQuality } from "./nannyml.ts";

/** Kind `data_quality`: missing and unseen values, ranges and summaries. */
export const qualityKinds: Readonly<Record<string, CompareCase>> = {
  data_quality: (item, series) => {
    if (item.method === "evidently_column") compareColumn(item, series);
    else if (item.method === "evidently_dataset") compareTable(item, series);
    else compareNannymlQuality(item, series);
  },
};

function compareColumn({ inputs, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const wanted = objectOf(expected, "expected");
  const column = {
    type: wanted["mean"] === undefined ? ("categorical" as const) : ("numeric" as const),
    baseline: series(inputs["reference"]),
    current: series(inputs["current"]),
  };
  const { missing, inBaseline, numbers, values } = evidentlyColumnQuality(column);
  const present = column.current.length - missing.count;
  const outside = present - inBaseline.count;
  const byValue = (of: (value: (typeof values)[number]) => number | null, none: number) => ({
    ...Object.fromEntries(values.flatMap((value) => namesOf(value.value).map((name) => [name, of(value)]))),
    // the peer lists missing values of either side among the categories, and counts none of them
    ...Object.fromEntries(["None", "null", "nan", "NaN"].map((name) => [name, none])),
  });
  const got = {
    missing,
    ...numbers,
    in_range_of_reference: inBaseline,
    in_list_of_reference: inBaseline,
    out_of_list: { count: outside, share: outside / present },
    unique: { counts: byValue(({ count }) => count, 0), shares: byValue(({ share }) => share, 0) },
  };
  expectClose(got, expected, tolerance);
}

/** A category's name as JSON, Python or a column of doubles has it. */
function namesOf(value: PeerValue): string[] {
  if (typeof value === "boolean") return [String(value), value ? "True" : "False"];
  return Number.isInteger(value) ? [String(value), `${String(value)}.0`] : [String(value)];
}

function compareTable({ inputs, expected, right, tolerance }: DriftCase, series: SeriesByName): void {
  const table = Object.fromEntries(
    Object.entries(objectOf(inputs["rows"], "rows")).map(([name, values]): [string, readonly PeerValue[]] => [
      name,
      series(values as JsonValue),
    ]),
  );
  const quality = evidentlyTableQuality(table);
  const got = {
    rows: quality.rows,
    columns: quality.columns,
    duplicated_rows: quality.duplicatedRows,
    duplicated_columns: quality.duplicatedColumns,
    almost_duplicated_columns: quality.almostDuplicatedColumns,
    almost_constant: quality.almostConstant,
    empty_rows: quality.emptyRows,
    empty_columns: quality.emptyColumns,
    constant: quality.constant,
    // the peer divides cells by rows
    missing: { count: quality.missingCells, share: quality.missingCells / quality.rows },
  };
  expectClose(got, expected, tolerance);
  const share = quality.missingCells / (quality.rows * quality.columns);
  if (right !== undefined) expectClose({ missing_cells_share: share }, right, tolerance, "right");
}
