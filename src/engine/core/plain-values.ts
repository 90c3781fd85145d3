import type * as NodeApi from "@duckdb/node-api";
import type { EngineValue } from "./contract.ts";
import type { Driver } from "./driver.ts";
import { unmarkedName } from "./marked-names.ts";
import { dateText, timestampText } from "./temporal-text.ts";

/**
 * Makes the converter from the driver's values to plain ones, as {@link EngineValue} says.
 *
 * Maps become arrays of `[key, value]`, because their keys may be of any type; temporal values ISO text with
 * six fraction digits.
 */
export function plainConverter({ api }: Driver): NodeApi.DuckDBValueConverter<EngineValue> {
  const convert = (value: NodeApi.DuckDBValue, type: NodeApi.DuckDBType): EngineValue => {
    if (value === null || value === undefined) return null;
    if (typeof value !== "object") return value;
    if (value instanceof api.DuckDBListValue || value instanceof api.DuckDBArrayValue) {
      const element =
        type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType ? type.valueType : api.ANY;
      return value.items.map((item) => convert(item, element));
    }
    if (value instanceof api.DuckDBStructValue) {
      const types = type instanceof api.DuckDBStructType ? type : undefined;
      const entries = Object.entries(value.entries);
      return Object.fromEntries(
        entries.map(([name, item], index) => [
          unmarkedName(name),
          convert(item, types?.entryTypes[index] ?? api.ANY),
        ]),
      );
    }
    if (value instanceof api.DuckDBMapValue) {
      const [keyType, valueType] =
        type instanceof api.DuckDBMapType ? [type.keyType, type.valueType] : [api.ANY, api.ANY];
      return value.entries.map((entry) => [convert(entry.key, keyType), convert(entry.value, valueType)]);
    }
    if (value instanceof api.DuckDBUnionValue) {
      const member = type instanceof api.DuckDBUnionType ? type.memberTags.indexOf(value.tag) : -1;
      const memberType = type instanceof api.DuckDBUnionType ? type.memberTypes[member] : undefined;
      return { [value.tag]: convert(value.value, memberType ?? api.ANY) };
    }
    if (value instanceof api.DuckDBBlobValue) return Uint8Array.from(value.bytes);
    if (value instanceof api.DuckDBDateValue) return dateText(value.days);
    if (value instanceof api.DuckDBTimestampTZValue) return timestampText(value.micros, "Z");
    if (value instanceof api.DuckDBTimestampValue) return timestampText(value.micros, "");
    if (value instanceof api.DuckDBTimestampMillisecondsValue) return timestampText(value.millis * 1000n, "");
    if (value instanceof api.DuckDBTimestampSecondsValue)
      return timestampText(value.seconds * 1_000_000n, "");
    return value.toString();
  };
  return convert;
}
