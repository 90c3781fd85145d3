import { VarveError } from "../../errors.ts";
import { physicalName } from "../../schema/column-mapping.ts";
import { fieldAt } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, parsePath, pathText, typeText } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
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
  const columns = names.map((name) => layoutColumn(target, parsePath(name), "zorderBy"));
  const twice = columns.find(({ name }, index) => columns.findIndex((other) => other.name === name) < index);
  if (twice !== undefined)
    throw refused("zorderBy", twice.path, "it is named twice", "Name each column once.");
  return columns;
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

/**
 * A column by which rows can be laid out, for an option that names it.
 *
 * @throws as {@link zOrderColumns}
 */
function layoutColumn(target: BatchTarget, path: readonly string[], option: string): LayoutColumn {
  const found = path.map((_, depth) => fieldAt(target.schema, path.slice(0, depth + 1)));
  const field = found.at(-1);
  if (field === undefined || path.length === 0)
    throw new VarveError(
      "COLUMN_NOT_FOUND",
      `Unknown column ${pathText(path)}. The columns are: ${target.schema.fields.map(({ name }) => pathText([name])).join(", ")}.`,
      {
        column: [...path],
        option,
      },
    );
  const own = path.map((name, depth) => found[depth]?.name ?? name);
  const partitions = target.metadata.partitionColumns;
  if (partitions.some((name) => foldName(name) === foldName(own[0] ?? "")))
    throw refused(
      option,
      own,
      "it partitions the table",
      "Its files hold one value each already: leave it out.",
    );
  const { type } = field;
  const isOrdered = isPrimitive(type) ? type !== "variant" && type !== "void" : type.type === "decimal";
  if (!isOrdered)
    throw refused(
      option,
      own,
      `its type ${typeText(type)} has no order`,
      "Name a field of a primitive type.",
    );
  const source = dataTarget(target);
  const physical = physicalOf(target.schema, own, source.mode);
  if (!indexedColumns(source).some((column) => JSON.stringify(column.path) === JSON.stringify(physical)))
    throw refused(
      option,
      own,
      "the table keeps no statistics of it, so no file could be skipped by it",
      "Add it to delta.dataSkippingStatsColumns, or raise delta.dataSkippingNumIndexedCols, and write the files again.",
    );
  return named(own);
}

function physicalOf(
  schema: StructType,
  path: readonly string[],
  mode: Parameters<typeof physicalName>[1],
): string[] {
  return path.map((name, depth) => {
    const field = fieldAt(schema, path.slice(0, depth + 1));
    return field === undefined ? name : physicalName(field, mode);
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

function refused(option: string, path: readonly string[], why: string, advice: string): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Rows cannot be laid out by column ${pathText(path)}: ${why}. ${advice}`,
    { option, column: [...path] },
  );
}
