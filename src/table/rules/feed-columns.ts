import { VarveError } from "../../errors.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";

/** Columns that the change data feed adds to those of the table. */
export const feedColumns = ["_change_type", "_commit_version", "_commit_timestamp"] as const;

/** Columns and properties of a table. */
export interface FedTable {
  readonly schema: StructType;
  readonly configuration: Readonly<Record<string, string>>;
}

/** The column of a table that has the name of one of the feed's. */
export function feedClash({ fields }: StructType): string | undefined {
  return fields.find(({ name }) => feedColumns.some((own) => own === foldName(name)))?.name;
}

/**
 * Refuses columns with the names of those of the change data feed while it is on.
 *
 * @param before the table before a change; what it has already is not refused
 * @throws `INVALID_ARGUMENT`
 */
export function requireFeedNames(table: FedTable, before?: FedTable | undefined): void {
  const isOn = ({ configuration }: FedTable) => propertyOf(configuration, "enableChangeDataFeed");
  const clash = feedClash(table.schema);
  if (clash === undefined || !isOn(table)) return;
  if (before !== undefined && isOn(before) && feedClash(before.schema) === clash) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The column ${pathText([clash])} has the name of a column of the change data feed (delta.enableChangeDataFeed). Choose another name.`,
    { column: [clash] },
  );
}
