import type { DeltaType } from "../../schema/types.ts";
import { definition } from "./parse-alter.ts";
import { StatementReader } from "./statement-reader.ts";
import type { ColumnDefinition } from "./syntax.ts";

/**
 * Reads a column as ADD COLUMNS defines it: `a.b INT COMMENT 'text' AFTER c`.
 *
 * @throws `SQL_FAILED` with the position
 */
export function parseColumnDefinition(text: string): ColumnDefinition {
  return whole(text, "the column definition", definition);
}

/**
 * Reads a type: `BIGINT`, `decimal(10,2)`, `varchar(20)`.
 *
 * @throws `SQL_FAILED` with the position
 */
export function parseColumnType(text: string): { readonly type: DeltaType; readonly typeText: string } {
  return whole(text, "the type", (reader) => reader.type());
}

function whole<T>(text: string, subject: string, read: (reader: StatementReader) => T): T {
  const reader = new StatementReader(text, subject);
  const value = read(reader);
  if (reader.peek().kind !== "end") throw reader.unexpected("the end");
  return value;
}
