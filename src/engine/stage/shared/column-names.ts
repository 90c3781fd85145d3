import { VarveError } from "../../../errors.ts";
import { nameFault } from "../../../schema/schema-json.ts";
import type { ValueType } from "../../core/value-type.ts";

/** Whose columns, or fields of a struct, are named. */
export interface NamedPlace {
  /** What the message says of it, e.g. `the Arrow source`. */
  readonly source: string;
  /** Path of the struct whose fields these are; absent for columns. */
  readonly parent?: string | undefined;
  readonly file?: string | undefined;
}

/**
 * Makes sure that names are those of a table's columns. @throws `SCHEMA_MISMATCH` for a name that is empty,
 * that UTF-8 or the engine cannot hold, or that is another's, ignoring case
 */
export function assertNames(names: readonly string[], { source, parent, file }: NamedPlace): void {
  const where = parent === undefined ? source : `column ${parent} of ${source}`;
  const fault = namesFault(names);
  if (fault === undefined) return;
  const column = parent === undefined ? fault.name : `${parent}.${fault.name}`;
  throw new VarveError("SCHEMA_MISMATCH", `In ${where}, ${fault.what}. Rename it.`, { column, file });
}

interface NameFault {
  readonly name: string;
  readonly what: string;
}

/** What is wrong with the names of one struct, or of a source's columns; undefined for names that a table can have. */
function namesFault(names: readonly string[]): NameFault | undefined {
  const seen = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    const fault = nameFault(name);
    if (name === "") return { name, what: `field ${index} has no name` };
    if (fault !== undefined) return { name, what: `the name ${JSON.stringify(name)} holds ${fault}` };
    if (twin !== undefined)
      return {
        name,
        what: `${JSON.stringify(twin)} and ${JSON.stringify(name)} are one name, because Delta ignores case`,
      };
  }
  return undefined;
}

/** What is wrong with the name of a field anywhere in a type; undefined where a table can have all of them. */
export function nestedNameFault(type: ValueType): string | undefined {
  switch (type.kind) {
    case "list":
      return nestedNameFault(type.element);
    case "map":
      return nestedNameFault(type.key) ?? nestedNameFault(type.value);
    case "struct": {
      const fault = namesFault(type.fields.map(({ name }) => name));
      if (fault !== undefined) return fault.what;
      for (const field of type.fields) {
        const below = nestedNameFault(field.type);
        if (below !== undefined) return below;
      }
      return undefined;
    }
    default:
      return undefined;
  }
}
