import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { compareUtf8 } from "../../storage/contract/paths.ts";
import { type Comparable, compare } from "./comparable.ts";
import { type ColumnStatistics, FileStatistics } from "./file-statistics.ts";
import { type FileTest, fileTest, type LogSchema } from "./file-test.ts";

/**
 * Makes a test of whether a file may hold a row for which `predicate` is true.
 *
 * The test is false only if partition values or statistics prove that no row matches (PROTOCOL.md "Per-file
 * Statistics").
 */
export function mayMatchFile(predicate: Predicate, table: LogSchema): (add: AddAction) => boolean {
  return testOfFiles(fileTest(predicate, table));
}

/** Like {@link mayMatchFile}, for a test that is already compiled. */
export function testOfFiles(test: FileTest): (add: AddAction) => boolean {
  return (add) => holds(test, new FileStatistics(add));
}

function holds(test: FileTest, statistics: FileStatistics): boolean {
  switch (test.op) {
    case "always":
      return true;
    case "never":
      return false;
    case "and":
      return test.args.every((arg) => holds(arg, statistics));
    case "or":
      return test.args.some((arg) => holds(arg, statistics));
    default:
      return holdsOfColumn(test, statistics.of(test.column));
  }
}

function holdsOfColumn(test: Extract<FileTest, { column: unknown }>, statistics: ColumnStatistics): boolean {
  if (test.op === "hasNull") return statistics.nulls !== "none";
  if (statistics.nulls === "all") return false;
  switch (test.op) {
    case "hasValue":
      return true;
    case "below":
      return reachesDown(statistics.lower, test.value, test.orEqual);
    case "above":
      // Statistics may omit NaN, which is above everything.
      if (test.nan && (test.column.type === "float" || test.column.type === "double")) return true;
      return reachesUp(statistics, test.value, test.orEqual);
    case "hasPrefix":
      return mayHavePrefix(statistics, test.prefix);
    case "lacksPrefix":
      return !(startsWith(statistics.lower, test.prefix) && startsWith(statistics.upper, test.prefix));
  }
}

function reachesDown(lower: Comparable | undefined, value: Comparable, orEqual: boolean): boolean {
  const order = lower === undefined ? undefined : compare(lower, value);
  return order === undefined || (orEqual ? order <= 0 : order < 0);
}

function reachesUp({ upper, exact }: ColumnStatistics, value: Comparable, orEqual: boolean): boolean {
  if (upper === undefined) return true;
  if (!exact && upper.kind === "text" && value.kind === "text" && value.value.startsWith(upper.value))
    return true;
  const order = compare(upper, value);
  return order === undefined || (orEqual ? order >= 0 : order > 0);
}

function mayHavePrefix(statistics: ColumnStatistics, prefix: string): boolean {
  const { lower } = statistics;
  if (lower?.kind === "text" && compareUtf8(lower.value.slice(0, prefix.length), prefix) > 0) return false;
  return reachesUp(statistics, { kind: "text", value: prefix }, true);
}

function startsWith(value: Comparable | undefined, prefix: string): boolean {
  return value?.kind === "text" && value.value.startsWith(prefix);
}
