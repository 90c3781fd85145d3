/** Prefix of the properties that hold a table's CHECK constraints (PROTOCOL.md "CHECK Constraints"). */
export const constraintPrefix = "delta.constraints.";

/** Prefix of the names of constraints that belong to the suite that the table carries. */
export const suiteConstraintPrefix = "varve_";

/** Names of the CHECK constraints among a table's properties. */
export function constraintNames(configuration: Readonly<Record<string, string>>): string[] {
  return Object.keys(configuration).flatMap((key) =>
    key.startsWith(constraintPrefix) ? [key.slice(constraintPrefix.length)] : [],
  );
}
