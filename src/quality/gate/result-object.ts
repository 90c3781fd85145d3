import { defined } from "../../util/defined.ts";
import type { JsonValue } from "../../util/json.ts";
import type { GreatExpectationsResult, SampleRow } from "./verdict.ts";

/** Numbers of rows from a check that names failing rows. */
export interface TestedRows {
  /** Rows that `where` selects. */
  readonly elements: number;
  readonly considered: number;
  readonly unexpected: number;
  /** Whether the check is about nulls itself, so that no row is missing from it. */
  readonly testsNulls: boolean;
}

/** The counts of a check that names rows, as Great Expectations has them. */
export function resultOfRows({
  elements,
  considered,
  unexpected,
  testsNulls,
}: TestedRows): GreatExpectationsResult {
  const missing = elements - considered;
  const ofConsidered = percent(unexpected, elements === 0 ? 0 : considered);
  const counts = { element_count: elements, unexpected_count: unexpected, unexpected_percent: ofConsidered };
  if (testsNulls) return counts;
  return {
    ...counts,
    missing_count: missing,
    missing_percent: percent(missing, elements),
    unexpected_percent_total: percent(unexpected, elements),
    unexpected_percent_nonmissing: ofConsidered,
  };
}

/** What an aggregate check measured, and of how many rows, where that is known. */
export function resultOfMeasure(
  observed: JsonValue,
  elements: number | undefined,
  present: number | undefined,
): GreatExpectationsResult {
  const missing = elements === undefined || present === undefined ? undefined : elements - present;
  return defined({
    element_count: elements,
    missing_count: missing,
    missing_percent: missing === undefined ? undefined : percent(missing, elements ?? 0),
    observed_value: observed,
  });
}

/** The result with the tested values of the failing rows. */
export function withUnexpectedList(
  kind: string,
  result: GreatExpectationsResult,
  sample: readonly SampleRow[],
): GreatExpectationsResult {
  if (result.unexpected_count === undefined) return result;
  return { ...result, partial_unexpected_list: sample.map(({ values }) => listed(kind, values)) };
}

function listed(kind: string, values: SampleRow["values"]): JsonValue {
  const cells = Object.values(values);
  if (kind.startsWith("expect_column_pair_")) return cells;
  return cells.length === 1 ? (cells[0] ?? null) : values;
}

function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : (part / whole) * 100;
}
