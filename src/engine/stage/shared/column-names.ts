import { VarveError } from "../../../errors.ts";
import { nameFault } from "../../../schema/schema-json.ts";

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
  const seen = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    const fault = nameFault(name);
    const what =
      name === ""
        ? `field ${index} has no name`
        : fault !== undefined
          ? `the name ${JSON.stringify(name)} holds ${fault}`
          : twin !== undefined
            ? `${JSON.stringify(twin)} and ${JSON.stringify(name)} are one name, because Delta ignores case`
            : undefined;
    if (what === undefined) continue;
    const column = parent === undefined ? name : `${parent}.${name}`;
    throw new VarveError("SCHEMA_MISMATCH", `In ${where}, ${what}. Rename it.`, { column, file });
  }
}
