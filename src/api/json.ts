import { VarveError } from "../errors.ts";
import { type JsonValue, parseJson as parse, stringifyJson as stringify } from "../util/json.ts";
import { requireText } from "./shared/table-uri.ts";

/** JSON as varve writes it: 64-bit integers keep every digit, dates are ISO text, bytes base64. */
export { isJsonObject, type JsonObject, type JsonValue, jsonPieces, toJsonValue } from "../util/json.ts";

/**
 * Parses JSON and keeps integers exact: safe integers and fractions become `number`, larger integers
 * `bigint`.
 *
 * @throws SyntaxError if `text` is not JSON, or nests deeper than 1,000 levels; `INVALID_ARGUMENT` if it is not
 * text
 */
export function parseJson(text: string): JsonValue {
  requireText(text, "JSON", "json");
  return parse(text);
}

/**
 * Writes JSON with `bigint` as plain digits, indented by `space` columns if given. The counterpart of
 * {@link parseJson}.
 *
 * @throws `INVALID_ARGUMENT` for `undefined`, functions and symbols, which JSON does not have
 */
export function stringifyJson(value: JsonValue, space?: number): string {
  const kind = typeof (value as unknown);
  if (kind === "undefined" || kind === "function" || kind === "symbol")
    throw new VarveError("INVALID_ARGUMENT", `JSON has no value for ${kind}. Pass null, or leave it out.`, {
      given: kind,
    });
  return stringify(value, space);
}
