import type * as NodeApi from "@duckdb/node-api";
import type { EngineRow, EngineValue } from "./contract.ts";

/** The one name that an assignment to an object takes for something else than a property. */
const special = "__proto__";

/**
 * Makes what turns a result's rows, as arrays of values, into objects by its columns' names, `__proto__`
 * included.
 */
export function rowMaker(
  result: NodeApi.DuckDBResult,
): (values: readonly (EngineValue | null)[]) => EngineRow {
  const names = result.deduplicatedColumnNames();
  const plain = !names.includes(special);
  return (values) => {
    const row: Record<string, EngineValue> = {};
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? "";
      const value = values[index] ?? null;
      if (plain || name !== special) row[name] = value;
      else
        Object.defineProperty(row, special, { value, enumerable: true, configurable: true, writable: true });
    }
    return row;
  };
}
