/** Prefix of the properties that hold a table's CHECK constraints (PROTOCOL.md "CHECK Constraints"). */
export const constraintPrefix = "delta.constraints.";

/** Prefix of the names of constraints that belong to the suite that the table carries. */
export const suiteConstraintPrefix = "varve_";

/** The CHECK constraints among a table's properties: each name with its expression. */
export function constraintsOf(
  configuration: Readonly<Record<string, string>>,
): readonly (readonly [name: string, expression: string])[] {
  return Object.entries(configuration).flatMap(([key, expression]) =>
    key.startsWith(constraintPrefix) ? [[key.slice(constraintPrefix.length), expression] as const] : [],
  );
}

/** Names of the CHECK constraints among a table's properties. */
export function constraintNames(configuration: Readonly<Record<string, string>>): string[] {
  return constraintsOf(configuration).map(([name]) => name);
}
