/** Delta schemas as JSON, and types as text. */
export { serializeSchema } from "../schema/schema-json.ts";
export { typeText } from "../schema/type-names.ts";
