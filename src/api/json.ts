/** JSON as varve writes it: 64-bit integers keep every digit, dates are ISO text, bytes base64. */
export {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  stringifyJson,
  toJsonValue,
} from "../util/json.ts";
