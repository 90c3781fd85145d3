import { VarveError } from "../../../errors.ts";
import { nameFault } from "../../../schema/schema-json.ts";
import { pathText } from "../../../schema/type-names.ts";
import type { ValueType } from "../../core/value-type.ts";

/** Whose columns, or fields of a struct, are named. */
export interface NamedPlace {
  /** What the message says of it, e.g. `the Arrow source`. */
  readonly source: string;
  /** Path of the struct whose fields these are; absent for columns. */
  readonly parent?: readonly string[] | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  /** What else can be done than to rename. */
  readonly hint?: string | undefined;
}

/**
 * Makes sure that names are those of a table's columns. @throws `SCHEMA_MISMATCH` for a name that is empty,
 * that UTF-8 or the engine cannot hold, or that is another's, ignoring case
 */
export function assertNames(
  names: readonly string[],
  { source, parent, file, line, hint }: NamedPlace,
): void {
  const where = parent === undefined ? source : `column ${pathText(parent)} of ${source}`;
  const fault = namesFault(names);
  if (fault === undefined) return;
  const column = [...(parent ?? []), fault.name];
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `In ${where}, ${fault.what}. Rename it.${hint === undefined ? "" : ` ${hint}.`}`,
    { column, file, line },
  );
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

/** A name that no field may have, by its path below a column. */
export interface NestedNameFault {
  readonly path: readonly string[];
  readonly what: string;
}

/** What is wrong with the name of a field anywhere in a type; undefined where a table can have all of them. */
export function nestedNameFault(type: ValueType): NestedNameFault | undefined {
  switch (type.kind) {
    case "list":
      return below("element", type.element);
    case "map":
      return below("key", type.key) ?? below("value", type.value);
    case "struct": {
      const fault = namesFault(type.fields.map(({ name }) => name));
      if (fault !== undefined) return { path: [fault.name], what: fault.what };
      for (const field of type.fields) {
        const nested = below(field.name, field.type);
        if (nested !== undefined) return nested;
      }
      return undefined;
    }
    default:
      return undefined;
  }
}

function below(name: string, type: ValueType): NestedNameFault | undefined {
  const fault = nestedNameFault(type);
  return fault === undefined ? undefined : { path: [name, ...fault.path], what: fault.what };
}
