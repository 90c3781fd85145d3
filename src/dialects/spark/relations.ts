import { VarveError } from "../../errors.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { foldName } from "../../schema/schema-json.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { padded, type Term, term } from "./term.ts";

/** One of the relations whose columns an expression sees. */
export interface SparkRelation {
  /** Names with which its columns may be qualified. */
  readonly names: readonly string[];
  readonly schema: StructType;
  /** What its columns are qualified with in the engine's SQL; absent: nothing. */
  readonly engineName?: string | undefined;
  /** CHAR columns are padded with spaces, as Spark reads them from a table. Default: as they are stored. */
  readonly padsChars?: boolean | undefined;
  /** Columns of text are padded where they are compared with CHAR columns. Default: as they are stored. */
  readonly padsBesideChars?: boolean | undefined;
}

/** A relation with its columns as terms, by their names in lower case. */
export interface ScopeRelation {
  readonly names: readonly string[];
  readonly columns: ReadonlyMap<string, Term>;
}

/** A relation as expressions see it. */
export function scopeRelation(relation: SparkRelation): ScopeRelation {
  const { names, schema, engineName, padsChars, padsBesideChars } = relation;
  const columns = schema.fields.map((field): [string, Term] => {
    const { name, type } = field;
    const column = term(type, engineName === undefined ? quoteName(name) : columnOf(engineName, name));
    const own = padsChars === true ? paddedColumn(field, column) : column;
    const isText = padsBesideChars === true && type === "string" && own.charLength === undefined;
    return [foldName(name), isText ? { ...own, padsBesideChar: true } : own];
  });
  return { names: names.map(foldName), columns: new Map(columns) };
}

function paddedColumn(field: StructField, column: Term): Term {
  const { charLength: limit } = columnMetadata(field);
  if (limit?.kind !== "char") return column;
  return { ...column, sql: sql`(${padded(column.sql, limit.length)})`, charLength: limit.length };
}

/** A column of a relation in the engine's SQL. */
export function columnOf(relation: string, column: string): SqlExpression {
  return sql`${quoteName(relation)}.${quoteName(column)}`;
}

/** The column that only one of the relations has. @throws `SQL_FAILED` */
export function oneOf(shown: string, relations: readonly ScopeRelation[], folded: string): Term | undefined {
  const owners = relations.filter(({ columns }) => columns.has(folded));
  if (owners.length > 1) throw ambiguous(shown, owners);
  return owners[0]?.columns.get(folded);
}

function ambiguous(name: string, owners: readonly ScopeRelation[]): VarveError {
  const names = owners.flatMap((owner) => owner.names.slice(0, 1));
  const advice = names.length === 0 ? "" : `, as in ${names.map((owner) => `${owner}.${name}`).join(" or ")}`;
  return new VarveError(
    "SQL_FAILED",
    `The name ${name} is ambiguous: ${names.join(" and ") || "both sides"} have such a column. Qualify it${advice}.`,
    { column: [name] },
  );
}
