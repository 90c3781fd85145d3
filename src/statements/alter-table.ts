import type { AlterChange, AlterStatement } from "../dialects/statements/syntax.ts";
import { type AlterOptions, alterTable as alter } from "../operations/alter/alter.ts";
import { constraintPrefix } from "../protocol/constraint-names.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** The changes that varve makes; the others are read, and refused by name. */
export const alterChanges: ReadonlySet<AlterChange["change"]> = new Set<AlterChange["change"]>([
  "SET TBLPROPERTIES",
  "UNSET TBLPROPERTIES",
  "ADD CONSTRAINT",
  "DROP CONSTRAINT",
  "DROP FEATURE",
]);

/** ALTER TABLE: properties, constraints and features. */
export async function alterTable(
  { kind, target, change }: AlterStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const options = alterOptions(change, snapshot.metadata.configuration);
  const { upgradeProtocol, userMetadata, signal } = context;
  const result = await alter(snapshot, { ...options, upgradeProtocol, userMetadata, signal });
  if (result.outcome === "committed") await table.committed(result);
  const { outcome, version } = result;
  return { statement: `${kind} ${change.change}`, outcome, table: tableText(target.table), version };
}

function alterOptions(
  change: AlterStatement["change"],
  configuration: Readonly<Record<string, string>>,
): AlterOptions {
  switch (change.change) {
    case "SET TBLPROPERTIES":
      return { set: change.properties };
    case "UNSET TBLPROPERTIES":
      return { unset: change.keys };
    case "ADD CONSTRAINT":
      return { addConstraints: { [change.name]: change.condition.text } };
    case "DROP CONSTRAINT": {
      const key = `${constraintPrefix}${change.name}`.toLowerCase();
      const exists = Object.keys(configuration).some((other) => other.toLowerCase() === key);
      return exists || !change.ifExists ? { dropConstraints: [change.name] } : {};
    }
    case "DROP FEATURE":
      return { dropFeatures: [change.feature] };
    default:
      throw new Error(`varve internal error: the change ${change.change} is run`);
  }
}
