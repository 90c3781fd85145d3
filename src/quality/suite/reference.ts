import type { EngineColumn } from "../../engine/core/contract.ts";
import { areAlike, columnsOfRelation } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { Reference } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check } from "../model/suite.ts";
import { findColumn } from "./plan.ts";

/**
 * Validates a check against the columns of the table that it compares with, if there is one. @throws
 * `SUITE_INVALID`
 */
export function refuseReference(
  check: Check,
  { table, param, pairs }: Reference,
  columns: readonly EngineColumn[] | undefined,
): void {
  if (columns === undefined) return;
  const there = columnsOfRelation(columns);
  const path = `${check.path}.params.${check.params[param] === undefined ? "table" : param}`;
  for (const { own, other } of pairs) {
    const column = findColumn(other, there, duckdbDialect);
    if (column === undefined)
      throw invalidSuite(
        path,
        `the table "${table}" has no column "${other}"`,
        `Its columns are ${there.map(({ name }) => name).join(", ")}`,
      );
    if (other !== own.name && !there.some(({ name }) => name.toLowerCase() === other.toLowerCase()))
      throw invalidSuite(path, `"${other}" is a nested field of "${table}"`, "Use a top-level column");
    if (areAlike(own.class, column.class)) continue;
    throw invalidSuite(
      path,
      `${own.name} (${own.type}) cannot be compared with ${other} (${column.type}) of "${table}"`,
      "Compare columns of the same type",
    );
  }
}
