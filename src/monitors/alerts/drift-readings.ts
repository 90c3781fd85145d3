import type { DriftVerdict } from "../../drift/comparison/drift-record.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import { newestGeneration, type StoreSelect } from "../stores/drift-store.ts";
import { numberOrNull, type PlainRow, textOrNull } from "../stores/stored-row.ts";
import type { AlertKey } from "./alert-key.ts";
import { looksAt, type NamedRule } from "./alert-rule.ts";
import { type ComparedColumn, driftSign, type Reading, type Sign } from "./reading.ts";

/** The results of one column, in one slice, by version. */
export interface ColumnResults {
  readonly column: string;
  readonly slice: AlertKey["slice"];
  readonly results: readonly ColumnResult[];
}

interface ColumnResult extends ComparedColumn {
  readonly version: number;
  readonly window: string | null;
  readonly bins: string | null;
  readonly text: string;
}

/**
 * The newest result of each version or window, for the columns and slices that any rule may find something in. Those
 * that were quiet in all versions are left out by the engine, before it reads all that is said of them.
 */
export function columnResultsQuery({ name }: MonitorDefinition, rules: readonly NamedRule[]): StoreSelect {
  const least = rules.map(({ effect = 1 }) => effect).reduce((a, b) => Math.min(a, b), 1);
  const where = sql`monitor = ${quoteText(name)} AND "column" IS NOT NULL AND verdict IS NOT NULL`;
  const select = (rows: SqlSelect) => {
    const fields = sql`version, "window", "column", struct_extract(slice, 'key') AS slice_key, struct_extract(slice, 'value') AS slice_value, verdict, effect, threshold, struct_extract(test, 'p_adjusted') AS p_adjusted, struct_extract(test, 'alpha') AS alpha, bins_id, text`;
    const loud = sql`verdict IN ('drift', 'broken') OR effect > 0.5 * threshold OR effect >= ${least}`;
    const chosen = sql`SELECT DISTINCT "column" FROM (${rows}) WHERE ${loud}`;
    const newest = sql`SELECT ${fields} FROM (${rows}) WHERE "column" IN (${chosen}) QUALIFY row_number() OVER (PARTITION BY "column", part, slice, coalesce("window", CAST(version AS VARCHAR)) ORDER BY as_of_version DESC, ${newestGeneration}, "at" DESC, run_id DESC) = 1`;
    return sql`SELECT * FROM (${newest}) QUALIFY bool_or(${loud}) OVER (PARTITION BY "column", slice_key, slice_value) ORDER BY "column", slice_key, slice_value, version`;
  };
  return { where, select };
}

/** The answer to {@link columnResultsQuery}. */
export function columnResultsOf(rows: readonly PlainRow[]): ColumnResults[] {
  const found = new Map<string, ColumnResults & { readonly results: ColumnResult[] }>();
  for (const row of rows) {
    const column = String(row["column"]);
    const [key, value] = [textOrNull(row["slice_key"]), textOrNull(row["slice_value"])];
    const name = JSON.stringify([column, key, value]);
    let one = found.get(name);
    if (one === undefined) {
      one = { column, slice: key === null ? null : { key, value }, results: [] };
      found.set(name, one);
    }
    one.results.push(resultOf(row));
  }
  return [...found.values()];
}

function resultOf(row: PlainRow): ColumnResult {
  const [p_adjusted, alpha] = [numberOrNull(row["p_adjusted"]), numberOrNull(row["alpha"])];
  return {
    version: numberOrNull(row["version"]) ?? 0,
    window: textOrNull(row["window"]),
    bins: textOrNull(row["bins_id"]),
    verdict: String(row["verdict"]) as DriftVerdict,
    effect: numberOrNull(row["effect"]),
    threshold: numberOrNull(row["threshold"]) ?? 0,
    test: p_adjusted === null || alpha === null ? null : { p_adjusted, alpha },
    text: String(row["text"] ?? ""),
  };
}

const loudness: Readonly<Record<Sign, number>> = { urgent: 4, hit: 3, between: 2, quiet: 1, blind: 0 };

/** How a rule reads the results of a column; of several parts of one (hour, weekday), the loudest counts. */
export function readingsOf(
  rule: NamedRule,
  { column, results }: ColumnResults,
  rules: readonly NamedRule[],
): Reading[] {
  const breaksApart = rules.some((other) => other.when === "broken" && looksAt(other, column));
  const byPlace = new Map<number | string, Reading>();
  for (const result of results) {
    const { version, window, bins, text } = result;
    const reading = { version, window, bins, text, ...driftSign(rule, result, breaksApart) };
    const place = window ?? version;
    const before = byPlace.get(place);
    if (before === undefined || isLouder(reading, before)) byPlace.set(place, reading);
  }
  return [...byPlace.values()];
}

function isLouder(one: Reading, other: Reading): boolean {
  const difference = loudness[one.sign] - loudness[other.sign];
  return difference > 0 || (difference === 0 && (one.effect ?? 0) > (other.effect ?? 0));
}
