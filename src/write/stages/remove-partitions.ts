import type { StagedRelation } from "../../engine/core/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { physicalName } from "../../schema/column-mapping.ts";
import { requireColumn } from "../../schema/fields.ts";
import { decodePartitionValue, partitionText } from "../../schema/partition-values.ts";
import type { StructField } from "../../schema/types.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { StagedData } from "../../table/data-files/write-data-files.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { RemovedFiles } from "./batch-stages.ts";

/** A partition column, with its name in the log. */
interface PartitionField {
  readonly field: StructField;
  readonly physical: string;
}

/** The partition columns of a table. */
export function partitionFields({ metadata, schema, requirements }: BatchTarget): PartitionField[] {
  return metadata.partitionColumns.map((name) => {
    const field = requireColumn(schema, name);
    return { field, physical: physicalName(field, requirements.columnMapping) };
  });
}

/** The table's rows that are in none of the partitions of a batch's rows. */
export function rowsOfOtherPartitions(
  target: BatchTarget,
  table: StagedRelation,
  batch: StagedRelation,
): StagedRelation {
  const same = partitionFields(target).map(
    ({ field }) => sql`b.${quoteName(field.name)} IS NOT DISTINCT FROM h.${quoteName(field.name)}`,
  );
  return rowsWhere(
    table,
    sql`NOT EXISTS (SELECT 1 FROM (${batch.sql}) AS b WHERE ${joinSql(same, sql` AND `)})`,
  );
}

/** The rows of a relation that meet a condition, in which they have the alias `h`. */
export function rowsWhere(relation: StagedRelation, condition: SqlExpression): StagedRelation {
  const of = (rows: SqlSelect) => sql`SELECT * FROM (${rows}) AS h WHERE ${condition}`;
  return {
    ...relation,
    sql: of(relation.sql),
    positionedSql: of(relation.positionedSql),
  };
}

/** The live files of the partitions that new files fall into. */
export function partitionsOf(
  target: BatchTarget,
  live: readonly AddAction[],
  data: StagedData,
): RemovedFiles {
  const { predicates, includes } = partitionsWith(target, data.files);
  const files = live.filter(includes);
  return { files, reads: { predicates, files: files.map((file) => file.path) } };
}

/** Some partitions of a table. */
export interface Partitions {
  /** One for each of them. */
  readonly predicates: readonly Predicate[];
  /** Whether a file of the table is in one of them. */
  readonly includes: (file: Pick<AddAction, "partitionValues">) => boolean;
}

/** The partitions that files are in. */
export function partitionsWith(
  target: BatchTarget,
  files: readonly Pick<AddAction, "partitionValues">[],
): Partitions {
  const fields = partitionFields(target);
  const keyOf = ({ partitionValues }: Pick<AddAction, "partitionValues">) =>
    JSON.stringify(
      fields.map(({ field, physical }) => {
        const value = decodePartitionValue(field.type, partitionText(partitionValues, physical), [
          field.name,
        ]);
        // A text may read "null".
        return value === null ? null : String(value);
      }),
    );
  const partitions = new Map(files.map((file) => [keyOf(file), file.partitionValues]));
  return {
    predicates: [...partitions.values()].map((values) => partitionPredicate(fields, values)),
    includes: (file) => partitions.has(keyOf(file)),
  };
}

/** SQL that selects the partition of a file, for the history. */
export function partitionCondition(
  target: BatchTarget,
  { partitionValues }: Pick<AddAction, "partitionValues">,
): string {
  const terms = partitionFields(target).map(({ field, physical }) => {
    const text = partitionText(partitionValues, physical);
    const column = quoteName(field.name);
    return text === null || text === "" ? `${column} IS NULL` : `${column} = ${quoteText(text)}`;
  });
  return terms.length === 1 ? terms.join("") : `(${terms.join(" AND ")})`;
}

type PartitionValues = Readonly<Record<string, string | null>>;

function partitionPredicate(fields: readonly PartitionField[], values: PartitionValues): Predicate {
  const args = fields.map(({ field, physical }): Predicate => {
    const value = decodePartitionValue(field.type, partitionText(values, physical), [field.name]);
    if (value === null) return { op: "isNull", column: [field.name] };
    return value instanceof Uint8Array
      ? { op: "unknown" }
      : { op: "eq", column: [field.name], value: { type: field.type, value } };
  });
  return { op: "and", args };
}
