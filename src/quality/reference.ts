import type { EngineColumn } from "../engine/contract.ts";
import { areAlike, columnsOfRelation } from "./column.ts";
import { duckdbDialect } from "./dialect-duckdb.ts";
import type { Reference } from "./expectation.ts";
import { invalidSuite } from "./invalid.ts";
import { findColumn } from "./plan.ts";
import type { Check } from "./suite.ts";

/** Holds a check to the columns of the table that it compares with, where that is there. @throws `SUITE_INVALID` */
export function refuseReference(check: Check, { table, param, pairs }: Reference, columns: readonly EngineColumn[] | undefined): void {
  if (columns === undefined) return;
  const there = columnsOfRelation(columns);
  const path = `${check.path}.params.${check.params[param] === undefined ? "table" : param}`;
  for (const { own, other } of pairs) {
    const found = findColumn(other, there, duckdbDialect);
    if (found === undefined)
      throw invalidSuite(
        path,
        `the table "${table}" has no column "${other}"`,
        `Its columns are ${there.map(({ name }) => name).join(", ")}`,
      );
    if (other !== own.name && !there.some(({ name }) => name.toLowerCase() === other.toLowerCase()))
      throw invalidSuite(path, `"${other}" is a nested field of "${table}"`, "Name a top-level column");
    if (areAlike(own.class, found.class)) continue;
    throw invalidSuite(
      path,
      `${own.name} (${own.type}) cannot be compared with ${other} (${found.type}) of "${table}"`,
      "Compare columns of one type",
    );
  }
}
