import { hiveNull } from "../../schema/paths.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";

/** A text as Spark writes it to a partition column: an empty one, and Hive's name for null, are null. */
export function sparkPartitionText(text: SqlExpression): SqlExpression {
  return sql`nullif(nullif(${text}, ''), ${quoteText(hiveNull)})`;
}
