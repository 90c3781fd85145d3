/** Delta schemas as JSON, and their types in words. */
export { serializeSchema } from "../schema/schema-json.ts";
export { typeText } from "../schema/type-names.ts";
