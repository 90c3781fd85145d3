import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { propertyKey } from "../protocol/properties.ts";
import { schema } from "../schema/builder.ts";
import { requireOwnTypes } from "../sidetables/own-columns.ts";
import type { SideTable } from "../sidetables/side-table.ts";
import { createEmpty } from "../table/definition/create-empty.ts";

/** The prediction ledger in a folder of its own (`spec/ledger.md`). */
export function ledgerOf(context: TableContext): SideTable {
  return {
    context,
    name: "prediction ledger",
    description: "Predictions, with the versions of the tables that they were made from",
    columns: ledgerColumns,
    // Statistics of JSON would make the log large, and skip no file.
    properties: { [propertyKey("dataSkippingStatsColumns")]: "prediction_id,model_version,at,recorded_at" },
  };
}

/** Creates a ledger without predictions. @throws `TABLE_EXISTS` and as `createEmpty` */
export async function createLedgerTable(context: TableContext): Promise<void> {
  const { columns: schema, description, properties } = ledgerOf(context);
  await createEmpty(context, { schema, description, properties });
}

/** @throws `SCHEMA_MISMATCH` for a table that is no ledger */
export function requireLedgerTable(snapshot: LogSnapshot): void {
  const names = new Set(snapshot.schema.fields.map(({ name }) => name));
  const { uri } = snapshot.context.store;
  if (!["prediction_id", "digest", "inputs", "output"].every((name) => names.has(name)))
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The table at ${uri} is not a prediction ledger: it lacks columns of one. Create a ledger in another folder, with createLedger or varve ledger create.`,
      { uri },
    );
  requireOwnTypes(ledgerOf(snapshot.context), snapshot.schema);
}

/** The columns of a ledger. */
export const ledgerColumns = schema()
  .string("prediction_id", { nullable: false })
  .string("digest", { nullable: false, comment: "SHA-256 of what was recorded, as canonical JSON" })
  .string("inputs", { nullable: false, comment: "JSON: an array of inputs, with rows and fingerprint" })
  .string("features", { comment: "JSON; null if none were given" })
  .string("output", { nullable: false, comment: "JSON" })
  .string("model", { comment: "JSON; null if none was given" })
  .string("model_name")
  .string("model_version")
  .string("code", { comment: "JSON; null if none was given" })
  .timestamp("at", { nullable: false, comment: "When the prediction was made" })
  .timestamp("recorded_at", { nullable: false })
  .build();
