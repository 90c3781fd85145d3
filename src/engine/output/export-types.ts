import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { TypedColumn } from "../core/core.ts";
import { exceedsDigits, widestDecimal } from "../core/decimal-digits.ts";
import type { Driver } from "../core/driver.ts";
import { unfitValue } from "../core/failure.ts";
import { sqlType, type ValueField, type ValueType } from "../core/value-type.ts";
import {
  changedValue,
  columnType,
  nanosecondsText,
  type OutputType,
  outputType,
  type ValueChange,
  variantJson,
} from "./output-types.ts";

/** A query whose columns are all of types that Arrow and Delta share, and those types. */
export interface ExportedQuery {
  readonly sql: SqlSelect;
  readonly fields: readonly ValueField[];
}

/** What is done with types that only the engine has. */
export interface ExportOptions {
  /**
   * Leave variants and integers of 128 bits as they are, for rows that a table's own rules look at; by
   * default they become JSON and decimals.
   */
  readonly staged?: "variants" | "variants and wide integers" | undefined;
}

/**
 * Casts columns of types that only the engine has: integers of 128 bits (sums) become DECIMAL(38,0), unsigned
 * integers the next larger signed ones, unions structs, variants JSON, and texts the rest (times, intervals,
 * UUIDs, enumerations).
 *
 * The query fails with `LIMIT_EXCEEDED`, naming column and value, where a number has more digits than a
 * DECIMAL(38) may have.
 */
export function exportedQuery(
  driver: Driver,
  select: SqlSelect,
  columns: readonly TypedColumn[],
  options: ExportOptions = {},
): ExportedQuery {
  const names = uniqueNames(columns.map((column) => column.name));
  const types = columns.map(({ type }) => outputType(driver, type));
  const fields = types.map((type, index) => ({ name: names[index] ?? "", type: columnType(type) }));
  const parts = types.map((type, index) =>
    changedValue(plainName(`c${index}`), type, columnChange(names[index] ?? "", options)),
  );
  if (parts.every((part) => part === undefined)) return { sql: select, fields };
  const positional = names.map((_, index) => plainName(`c${index}`));
  const items = names.map(
    (name, index) => sql`${parts[index] ?? plainName(`c${index}`)} AS ${quoteName(name)}`,
  );
  return { sql: sql`SELECT ${items} FROM (${select}) AS exported(${positional})`, fields };
}

function columnChange(column: string, { staged }: ExportOptions): ValueChange {
  const leaf: ValueChange["leaf"] = (value, type) => {
    switch (type.kind) {
      case "whole":
        if (type.mayExceed && staged === "variants and wide integers") return undefined;
        return columnOfWhole(value, type, column);
      case "decimal":
        return staged !== undefined || type.width < widestDecimal
          ? undefined
          : checkedDigits(value, type, column);
      case "words":
      case "digits":
        return sql`CAST(${value} AS VARCHAR)`;
      case "nanoseconds":
        return nanosecondsText(value);
      case "variant":
        return staged === undefined ? variantJson(value) : undefined;
      default:
        return undefined;
    }
  };
  return { leaf, columnar: true };
}

function columnOfWhole(
  value: SqlExpression,
  { column: type, mayExceed }: Extract<OutputType, { kind: "whole" }>,
  column: string,
): SqlExpression {
  const cast = sql`CAST(${value} AS ${sqlType(type)})`;
  if (!mayExceed) return cast;
  const exceeds = sql`${value} IS NOT NULL AND TRY_CAST(${value} AS ${sqlType(type)}) IS NULL`;
  return sql`CASE WHEN ${exceeds} THEN ${refusal(value, type, column)} ELSE ${cast} END`;
}

/**
 * The engine's sums of decimals may have a digit more than their type: such a value is refused before it is
 * written as what it is not.
 */
function checkedDigits(
  value: SqlExpression,
  type: Extract<ValueType, { kind: "decimal" }>,
  column: string,
): SqlExpression {
  return sql`CASE WHEN ${exceedsDigits(value, type.scale)} THEN ${refusal(value, type, column)} ELSE ${value} END`;
}

function refusal(value: SqlExpression, type: ValueType, column: string): SqlExpression {
  return sql`error(${quoteText(unfitValue(column, sqlType(type)))} || ${value}::VARCHAR)`;
}

/** Names that are all different: a repeated one gets a number. */
export function uniqueNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 1; seen.has(unique); number++) unique = `${name}_${number}`;
    seen.add(unique);
    return unique;
  });
}
