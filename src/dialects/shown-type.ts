import { typeText } from "../schema/type-names.ts";
import { deltaNameOfEngine, type EngineType, parseEngineType } from "./engine-types.ts";

/**
 * The engine's type text in Delta's words, for messages and reports: `long` for BIGINT, `array<string>` for
 * VARCHAR[]. A type that Delta lacks keeps its name, in lower case; text that is in Delta's words stays.
 */
export function shownType(text: string): string {
  return /^[a-z]/.test(text) ? text : shown(parseEngineType(text));
}

function shown(type: EngineType): string {
  switch (type.kind) {
    case "scalar": {
      const name = deltaNameOfEngine(type.name);
      return name === undefined ? type.name.toLowerCase() : typeText(name);
    }
    case "decimal":
      return `decimal(${type.precision},${type.scale})`;
    case "list":
      return `array<${shown(type.element)}>`;
    case "map":
      return `map<${shown(type.key)}, ${shown(type.value)}>`;
    case "struct":
      return `struct<${type.fields.map((field) => `${field.name}: ${shown(field.type)}`).join(", ")}>`;
  }
}
