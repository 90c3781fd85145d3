import { openTable } from "../../src/api/open-table.ts";
import type { SelectOptions } from "../../src/api/shared/options.ts";
import type { Snapshot } from "../../src/api/shared/snapshot.ts";
import type { QueryResult } from "../../src/query/query-result.ts";
import type { StructType } from "../../src/schema/types.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../src/util/json.ts";
import { canonicalRow } from "../conformance/canonical.ts";

/** Texts that are equal exactly when the rows are, sorted: two lists of them compare as multisets. */
export function canonicalRows(rows: readonly JsonObject[], schema: StructType): string[] {
  return rows.map((row) => canonicalRow(schema, row)).sort();
}

/** The newest version of a table, as varve sees it. */
export async function latestVersion(path: string): Promise<number> {
  await using table = await openTable(path);
  return table.snapshot().version;
}

/** Rows in the lossless JSON encoding, with the schema of the version that they are of. */
export interface VarveRows {
  readonly rows: readonly JsonObject[];
  readonly schema: StructType;
}

/** Every row of one version. */
export async function versionRows(path: string, version: number): Promise<VarveRows> {
  await using table = await openTable(path);
  return await rowsOf(await table.at(version), {});
}

/** Rows of the newest version that meet a condition. */
export async function matchingRows(path: string, where: string): Promise<VarveRows> {
  await using table = await openTable(path);
  return await rowsOf(table.snapshot(), { where });
}

/** The change feed of a range of versions, both included, without the commits' timestamps. */
export async function changedRows(path: string, from: number, to: number): Promise<VarveRows> {
  await using table = await openTable(path);
  const { fields } = (await table.at(to)).schema;
  const feed = (name: string, type: "string" | "long") => ({ name, type, nullable: false, metadata: {} });
  const rows = await rowsOfResult(await table.changes({ from, to }));
  return {
    rows,
    schema: {
      type: "struct",
      fields: [...fields, feed("_change_type", "string"), feed("_commit_version", "long")],
    },
  };
}

/** Rows of a version that is open already. */
export async function rowsOf(version: Snapshot, options: SelectOptions): Promise<VarveRows> {
  return { rows: await rowsOfResult(await version.select(options)), schema: version.schema };
}

async function rowsOfResult(result: QueryResult): Promise<JsonObject[]> {
  const rows: JsonObject[] = [];
  for await (const lines of result.jsonLines()) {
    for (const line of lines.trimEnd().split("\n")) {
      const row = parseJson(line);
      if (!isJsonObject(row)) throw new TypeError(`a row is no object: ${line}`);
      rows.push(row);
    }
  }
  return rows;
}
