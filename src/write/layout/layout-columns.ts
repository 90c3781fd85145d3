import { VarveError } from "../../errors.ts";
import { placedType } from "../../schema/change-fields.ts";
import { physicalName, physicalPath } from "../../schema/column-mapping.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, parsePath, pathText, typeText } from "../../schema/type-names.ts";
import type { StructField } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { indexedColumns } from "../../table/data-files/file-statistics.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";

/** A column, or a field of structs, by which rows are laid out. */
export interface LayoutColumn {
  /** Logical names, as the schema spells them. */
  readonly path: readonly string[];
  /** The path as one text, as the log names it: `address.city`. */
  readonly name: string;
  /** Its value in a row of the table. */
  readonly value: SqlExpression;
}

/**
 * The columns of a Z-order.
 *
 * @param names paths of columns, as `parsePath` reads them
 * @throws `COLUMN_NOT_FOUND`; `INVALID_ARGUMENT` for a column that partitions the table, one without statistics, one
 * that has no order, and one that is named twice
 */
export function zOrderColumns(target: BatchTarget, names: readonly string[]): LayoutColumn[] {
  const columns = names.map((name) => zOrderColumn(target, parsePath(name)));
  const twice = columns.find(({ name }, index) => columns.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw refused(twice.path, "it is named twice", "Name each column once.");
  return columns;
}

function zOrderColumn(target: BatchTarget, path: readonly string[]): LayoutColumn {
  const { schema, metadata } = target;
  const { owner, below, type } = placedType(schema, path);
  const own = [...owner, ...below];
  if (metadata.partitionColumns.some((name) => foldName(name) === foldName(own[0] ?? "")))
    throw refused(own, "it partitions the table", "Its files hold one value each already: leave it out.");
  const isOrdered = isPrimitive(type) ? type !== "variant" && type !== "void" : type.type === "decimal";
  if (!isOrdered || below.length > 0)
    throw refused(
      own,
      below.length > 0 ? "it is inside a list or map" : `its type ${typeText(type)} has no order`,
      "Name a column, or a field of structs, of a primitive type.",
    );
  const source = dataTarget(target);
  const physical = JSON.stringify(physicalPath(schema, own, source.mode));
  if (!indexedColumns(source).some((column) => JSON.stringify(column.path) === physical))
    throw refused(
      own,
      "the table keeps no statistics of it, so no file could be skipped by it",
      "Add it to delta.dataSkippingStatsColumns, or raise delta.dataSkippingNumIndexedCols, and write the files again.",
    );
  return named(own);
}

/**
 * The clustering columns of a table, which the log names by their physical paths.
 *
 * @throws `COLUMN_NOT_FOUND` for a column that the schema does not have
 */
export function clusteringLayout({ schema, requirements }: BatchTarget): LayoutColumn[] {
  const { clusteringColumns, columnMapping } = requirements;
  return clusteringColumns.map((physical) => {
    const path: string[] = [];
    let fields: readonly StructField[] = schema.fields;
    for (const name of physical) {
      const field = fields.find((other) => physicalName(other, columnMapping) === name);
      if (field === undefined)
        throw new VarveError(
          "COLUMN_NOT_FOUND",
          `The table is clustered by ${pathText(physical)}, which its schema does not have. Cluster it by other columns.`,
          { column: [...physical] },
        );
      path.push(field.name);
      fields = isPrimitive(field.type) || field.type.type !== "struct" ? [] : field.type.fields;
    }
    return named(path);
  });
}

function named(path: readonly string[]): LayoutColumn {
  return {
    path,
    // As Spark writes the names of columns to the log.
    name: path.map((part) => (part.includes(".") ? `\`${part}\`` : part)).join("."),
    value: joinSql(path.map(quoteName), sql`.`),
  };
}

function refused(path: readonly string[], why: string, advice: string): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Rows cannot be laid out by column ${pathText(path)}: ${why}. ${advice}`,
    { option: "zorderBy", column: [...path] },
  );
}
