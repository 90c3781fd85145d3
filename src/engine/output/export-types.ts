import type { DuckDBType } from "@duckdb/node-api";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import type { TypedColumn } from "../core/core.ts";
import type { Driver } from "../core/driver.ts";
import {
  sqlType,
  type ValueField,
  type ValueType,
  type ValueTypeOptions,
  valueType,
} from "../core/value-type.ts";

/** A query whose columns are all of types that Arrow and Delta share, and those types. */
export interface ExportedQuery {
  readonly sql: SqlSelect;
  readonly fields: readonly ValueField[];
}

/**
 * Casts columns of types that only the engine has: sums (HUGEINT) become DECIMAL(38,0), unsigned integers the
 * next larger signed ones, and texts the rest (times, intervals, UUIDs, enumerations; variants unless they
 * are kept).
 */
export function exportedQuery(
  driver: Driver,
  select: SqlSelect,
  columns: readonly TypedColumn[],
  options: ValueTypeOptions = {},
): ExportedQuery {
  const names = uniqueNames(columns.map((column) => column.name));
  const fields = columns.map(({ type }, index) => ({
    name: names[index] ?? "",
    type: exportType(driver, type, options),
  }));
  const isPlain = columns.every(({ type }) => valueType(driver, type, options) !== undefined);
  if (isPlain) return { sql: select, fields };
  const positional = names.map((_, index) => plainName(`c${index}`));
  const casts = fields.map(({ name, type }, index) => {
    const column = columns[index];
    const value = plainName(`c${index}`);
    const asIs = column === undefined || valueType(driver, column.type, options) !== undefined;
    return sql`${asIs ? value : sql`CAST(${value} AS ${sqlType(type)})`} AS ${quoteName(name)}`;
  });
  return { sql: sql`SELECT ${casts} FROM (${select}) AS exported(${positional})`, fields };
}

function exportType(driver: Driver, type: DuckDBType, options: ValueTypeOptions): ValueType {
  const { api } = driver;
  const known = valueType(driver, type, options);
  if (known !== undefined) return known;
  if (type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType) {
    return { kind: "list", element: exportType(driver, type.valueType, options) };
  }
  if (type instanceof api.DuckDBMapType) {
    return {
      kind: "map",
      key: exportType(driver, type.keyType, options),
      value: exportType(driver, type.valueType, options),
    };
  }
  if (type instanceof api.DuckDBStructType) {
    return {
      kind: "struct",
      fields: type.entryNames.map((name, index) => ({
        name,
        type: exportType(driver, type.entryTypes[index] ?? api.VARCHAR, options),
      })),
    };
  }
  const id = api.DuckDBTypeId;
  if (type.typeId === id.HUGEINT || type.typeId === id.UHUGEINT)
    return { kind: "decimal", width: 38, scale: 0 };
  if (type.typeId === id.UBIGINT) return { kind: "decimal", width: 20, scale: 0 };
  if (type.typeId === id.UINTEGER) return { kind: "integer", bits: 64 };
  if (type.typeId === id.USMALLINT) return { kind: "integer", bits: 32 };
  if (type.typeId === id.UTINYINT) return { kind: "integer", bits: 16 };
  if (type.typeId === id.TIMESTAMP_S || type.typeId === id.TIMESTAMP_MS)
    return { kind: "timestamp", zoned: false };
  return { kind: "text" };
}

function uniqueNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 1; seen.has(unique); number++) unique = `${name}_${number}`;
    seen.add(unique);
    return unique;
  });
}
