import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { compareUtf8 } from "../../storage/contract/paths.ts";
import { type Comparable, compare } from "./comparable.ts";
import { type ColumnFacts, FileFacts } from "./file-facts.ts";
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
  return (add) => holds(test, new FileFacts(add));
}

function holds(test: FileTest, facts: FileFacts): boolean {
  switch (test.op) {
    case "always":
      return true;
    case "never":
      return false;
    case "and":
      return test.args.every((arg) => holds(arg, facts));
    case "or":
      return test.args.some((arg) => holds(arg, facts));
    default:
      return holdsOfColumn(test, facts.of(test.column));
  }
}

function holdsOfColumn(test: Extract<FileTest, { column: unknown }>, facts: ColumnFacts): boolean {
  if (test.op === "hasNull") return facts.nulls !== "none";
  if (facts.nulls === "all") return false;
  switch (test.op) {
    case "hasValue":
      return true;
    case "below":
      return reachesDown(facts.lower, test.value, test.orEqual);
    case "above":
      // Statistics may omit NaN, which is above everything.
      if (test.nan && (test.column.type === "float" || test.column.type === "double")) return true;
      return reachesUp(facts, test.value, test.orEqual);
    case "hasPrefix":
      return mayHavePrefix(facts, test.prefix);
    case "lacksPrefix":
      return !(startsWith(facts.lower, test.prefix) && startsWith(facts.upper, test.prefix));
  }
}

function reachesDown(lower: Comparable | undefined, value: Comparable, orEqual: boolean): boolean {
  const order = lower === undefined ? undefined : compare(lower, value);
  return order === undefined || (orEqual ? order <= 0 : order < 0);
}

function reachesUp({ upper, exact }: ColumnFacts, value: Comparable, orEqual: boolean): boolean {
  if (upper === undefined) return true;
  if (!exact && upper.kind === "text" && value.kind === "text" && value.value.startsWith(upper.value))
    return true;
  const order = compare(upper, value);
  return order === undefined || (orEqual ? order >= 0 : order > 0);
}

function mayHavePrefix(facts: ColumnFacts, prefix: string): boolean {
  const { lower } = facts;
  if (lower?.kind === "text" && compareUtf8(lower.value.slice(0, prefix.length), prefix) > 0) return false;
  return reachesUp(facts, { kind: "text", value: prefix }, true);
}

function startsWith(value: Comparable | undefined, prefix: string): boolean {
  return value?.kind === "text" && value.value.startsWith(prefix);
}
