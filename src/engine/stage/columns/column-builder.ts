import { isEmptyObject, type ValueType } from "../../core/value-type.ts";
import type { BuilderOf, BuilderOptions, ColumnBuilder } from "../shared/builder-contract.ts";
import { parseDate, parseTimestamp } from "../shared/parse-values.ts";
import { emptyObjectBuilder, listBuilder, mapBuilder, structBuilder } from "./nested-builders.ts";
import {
  bigintBuilder,
  decimalBuilder,
  fixedBuilder,
  floatBuilder,
  integerBuilder,
  putInteger,
} from "./scalar-builders.ts";
import { binaryBuilder, textBuilder } from "./text-builders.ts";
import { variantBuilder } from "./variant-builder.ts";

/** Makes the builder of a type. */
export function columnBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const builderOf: BuilderOf = (below) => columnBuilder(options, below);
  switch (type.kind) {
    case "null":
      return fixedBuilder(options, type, 4, () => undefined);
    case "boolean":
      return fixedBuilder(options, type, 1, (data) => (row, value) => {
        if (typeof value !== "boolean") return false;
        data.bytes[row] = value ? 1 : 0;
        return true;
      });
    case "integer":
      return type.bits === 64 ? bigintBuilder(options, type) : integerBuilder(options, type, type.bits);
    case "float":
    case "double":
      return floatBuilder(options, type);
    case "decimal":
      return decimalBuilder(options, type);
    case "date":
      return fixedBuilder(options, type, 4, (data) => (row, value) => {
        const days = parseDate(value);
        if (days === undefined) return false;
        data.view.setInt32(row * 4, days, true);
        return true;
      });
    case "timestamp":
      return fixedBuilder(options, type, 8, (data) => (row, value) => {
        if (value instanceof Date) return putInteger(data.view, row * 8, value.getTime() * 1000);
        const micros = parseTimestamp(value, type.zoned);
        if (micros === undefined) return false;
        data.view.setBigInt64(row * 8, micros, true);
        return true;
      });
    case "text":
      return textBuilder(options, type);
    case "binary":
      return binaryBuilder(options, type);
    case "variant":
      return variantBuilder(options, type, builderOf);
    case "struct":
      if (isEmptyObject(type)) return emptyObjectBuilder(options.driver, type, builderOf);
      return structBuilder(options.driver, type, builderOf);
    case "list":
      return listBuilder(options.driver, type, builderOf);
    case "map":
      return mapBuilder(options.driver, type, builderOf);
  }
}
