import type * as NodeApi from "@duckdb/node-api";
import { VarveError } from "../../errors.ts";
import type { EngineRow, EngineValue } from "./contract.ts";
import type { Driver } from "./driver.ts";

/** The one name that an assignment to an object takes for something else than a property. */
const special = "__proto__";

/**
 * Makes what turns a result's rows, as arrays of values, into objects by its columns' names, `__proto__`
 * included.
 *
 * @throws `LIMIT_EXCEEDED` for a struct with a field `__proto__`, which the driver loses: such columns can be
 * had as Arrow or JSON lines
 */
export function rowMaker(
  { api }: Driver,
  result: NodeApi.DuckDBResult,
): (values: readonly (EngineValue | null)[]) => EngineRow {
  const names = result.deduplicatedColumnNames();
  result.columnTypes().forEach((type, index) => {
    if (!holdsSpecial(api, type)) return;
    const column = names[index] ?? "";
    const message = `Column ${column} has a nested field ${special}, which row objects cannot hold. Read it as Arrow or JSON lines, or leave the column out.`;
    throw new VarveError("LIMIT_EXCEEDED", message, { column: [column] });
  });
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

function holdsSpecial(api: Driver["api"], type: NodeApi.DuckDBType): boolean {
  if (type instanceof api.DuckDBStructType)
    return (
      type.entryNames.includes(special) || type.entryTypes.some((entryType) => holdsSpecial(api, entryType))
    );
  if (type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType)
    return holdsSpecial(api, type.valueType);
  return (
    type instanceof api.DuckDBMapType &&
    (holdsSpecial(api, type.keyType) || holdsSpecial(api, type.valueType))
  );
}
