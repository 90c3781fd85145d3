import { sparkTypeText } from "../dialects/spark-type-text.ts";
import type { EngineRow } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { clusteringDomain } from "../protocol/domains.ts";
import { metadataKeys } from "../schema/column-metadata.ts";
import { fieldAt } from "../schema/fields.ts";
import { pathText } from "../schema/type-names.ts";
import type { StructField } from "../schema/types.ts";
import { logicalColumns } from "../table/definition/cluster-by.ts";

/**
 * The columns of a table as Spark's DESCRIBE TABLE shows them, then those that it is partitioned or clustered by; with
 * `extended`, also the table itself.
 */
export async function describeColumns(
  snapshot: LogSnapshot,
  { name, extended }: { readonly name: string; readonly extended: boolean },
): Promise<EngineRow[]> {
  const { schema, metadata, context } = snapshot;
  const partitions = metadata.partitionColumns.map((column) => [column]);
  const clustering = logicalColumns(snapshot, (await snapshot.domainMetadata()).get(clusteringDomain));
  const part = (title: string, paths: readonly (readonly string[])[]): EngineRow[] =>
    paths.length === 0
      ? []
      : [
          row(`# ${title}`),
          row("# col_name", "data_type", "comment"),
          ...paths.map((path) => columnRow(pathText(path), fieldAt(schema, path))),
        ];
  const columns = [
    ...schema.fields.map((field) => columnRow(field.name, field)),
    ...part("Partition Information", partitions),
    ...part("Clustering Information", clustering),
  ];
  if (!extended) return columns;
  const properties = Object.entries(metadata.configuration).map(([key, value]) => `${key}=${value}`);
  return [
    ...columns,
    row(""),
    row("# Detailed Table Information"),
    row("Name", name),
    ...(metadata.description === undefined ? [] : [row("Comment", metadata.description)]),
    row("Location", context.store.uri),
    row("Provider", "delta"),
    row("Table Properties", `[${properties.sort().join(",")}]`),
  ];
}

function columnRow(name: string, field: StructField | undefined): EngineRow {
  const comment = field?.metadata[metadataKeys.comment];
  return row(
    name,
    field === undefined ? "" : sparkTypeText(field),
    typeof comment === "string" ? comment : null,
  );
}

function row(name: string, type = "", comment: string | null = ""): EngineRow {
  return { col_name: name, data_type: type, comment };
}
