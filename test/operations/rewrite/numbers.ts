import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";

/** Properties that enable deletion vectors. */
export const vectors = { "delta.enableDeletionVectors": "true" };
/** Properties that enable the change feed. */
export const feed = { "delta.enableChangeDataFeed": "true" };

/** A table of two batches of numbered rows, in two files. */
export async function numbers(
  folder: string,
  properties: Readonly<Record<string, string>> = {},
): Promise<Table> {
  const table = await createTable(folder, {
    schema: schema().long("id").string("name").double("n"),
    properties,
  });
  await table.append([
    { id: 1, name: "a", n: 1 },
    { id: 2, name: "b", n: null },
    { id: 3, name: "c", n: 3 },
  ]);
  await table.append([
    { id: 4, name: "d", n: 4 },
    { id: 5, name: "e", n: 5 },
  ]);
  return table;
}
