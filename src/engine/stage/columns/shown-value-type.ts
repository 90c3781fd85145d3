import { shownType } from "../../../dialects/shown-type.ts";
import { sqlType, type ValueType } from "../../core/value-type.ts";

/** A type in Delta's words, for messages. */
export function shownValueType(type: ValueType): string {
  return shownType(sqlType(type));
}
