import type { EngineColumn, OpenSession, Relation } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { requireColumn } from "../schema/fields.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { joinSql, type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import { planFiles } from "../table/scan/scan.ts";

/** Numbers of rows that differ between two versions. */
export interface RowDifference {
  readonly added: number;
  readonly removed: number;
  /** Rows with the same key on both sides that differ elsewhere; they count neither as added nor as removed. */
  readonly changed?: number | undefined;
}

/** Name of the column that says on which side a row is: `removed`, `added`, `before` or `after`. */
const changeColumn = "_change";

/** Two versions of a table, with the live files that only one of them has. */
export interface ComparedVersions {
  readonly before: LogSnapshot;
  readonly after: LogSnapshot;
  readonly added: readonly AddAction[];
  readonly removed: readonly AddAction[];
}

/** The rows that only one of two versions has, in tables of a session. */
export interface StagedDifference {
  readonly columns: readonly EngineColumn[];
  readonly fields: readonly StructField[];
  /** Positions of the columns that tell which rows are the same one. */
  readonly key: readonly number[];
  readonly removed: SqlSelect;
  readonly added: SqlSelect;
}

/**
 * Finds the rows that only one of two versions has, as multisets, over the columns that both have with the same
 * type. Rows of files that both have cancel out, so only the others are read.
 *
 * @throws `COLUMN_NOT_FOUND` for an unknown column of the key, `INVALID_ARGUMENT` for one that cannot be compared,
 * or a key that several of the rows share; `SCHEMA_MISMATCH` if the versions have no column in common
 */
export async function stageDifference(
  session: OpenSession,
  { before, after, added, removed }: ComparedVersions,
  key: readonly string[] = [],
): Promise<StagedDifference> {
  const fields = comparable(before.schema, after.schema);
  const positions = keyPositions(key, fields, after.schema);
  const columns = fields.map(({ name }) => name);
  const old = await planFiles(session, before, removed, { columns });
  const now = await planFiles(session, after, added, { columns });
  const staged = async (rows: Relation, others: Relation): Promise<SqlSelect> => {
    const only = sql`FROM (${rows.sql}) EXCEPT ALL FROM (${others.sql})`;
    const relation = { sql: only, columns: rows.columns };
    return (await session.stage({ kind: "relation", relation }, { positions: true })).sql;
  };
  const difference = {
    columns: now.columns,
    fields,
    key: positions,
    removed: await staged(old, now),
    added: await staged(now, old),
  };
  if (positions.length > 0) await refuseSharedKeys(session, difference);
  return difference;
}

/** Counts the rows of a difference. */
export async function countDifference(
  session: OpenSession,
  difference: StagedDifference,
): Promise<RowDifference> {
  const [counts] = await session.rows(
    sql`SELECT count(*) FILTER (c0 = 'removed') AS removed, count(*) FILTER (c0 = 'added') AS added,
          count(*) FILTER (c0 = 'after') AS changed
        FROM (${bothSides(difference)})`,
  );
  const [removed, added, changed] = ["removed", "added", "changed"].map((name) => Number(counts?.[name]));
  const rows = { added: added ?? 0, removed: removed ?? 0 };
  return difference.key.length === 0 ? rows : { ...rows, changed };
}

/**
 * The rows of a difference with their side: `removed` or `added`; of two rows with one key, `before` and `after`.
 * They are in the order of the key, or else of all columns that have an order.
 */
export function differenceRows(difference: StagedDifference, limit: number | undefined): Relation {
  const { columns, fields, key } = difference;
  const sorted = key.length > 0 ? key : [...fields.keys()].filter((index) => hasOrder(fields[index]));
  const order = [...sorted.map(positional), sql`c0 IN ('added', 'after')`];
  const named = columns.map(({ name }, index) => sql`${positional(index)} AS ${quoteName(name)}`);
  const cut = limit === undefined ? sql`` : sql` LIMIT ${limit}`;
  return {
    sql: sql`SELECT c0 AS ${quoteName(changeColumn)}, ${named} FROM (${bothSides(difference)}) ORDER BY ${order}${cut}`,
    columns: [{ name: changeColumn, type: "VARCHAR" }, ...columns],
  };
}

/** Both sides, with the columns `c0` for the side, and `c1` and so on for those of the rows. */
function bothSides({ columns, key, removed, added }: StagedDifference): SqlSelect {
  const names = columns.map((_, index) => positional(index));
  const side = (rows: SqlSelect, others: SqlSelect, alone: string, paired: string): SqlSelect => {
    const same = key.map(positional).map((name) => sql`own.${name} IS NOT DISTINCT FROM other.${name}`);
    const isPaired = sql`EXISTS (FROM (${others}) AS other(${names}) WHERE ${joinSql(same, sql` AND `)})`;
    const name =
      key.length === 0
        ? quoteText(alone)
        : sql`CASE WHEN ${isPaired} THEN ${quoteText(paired)} ELSE ${quoteText(alone)} END`;
    return sql`SELECT ${name} AS c0, * FROM (${rows}) AS own(${names})`;
  };
  return sql`${side(removed, added, "removed", "before")} UNION ALL ${side(added, removed, "added", "after")}`;
}

function positional(index: number): SqlName {
  return plainName(`c${index + 1}`);
}

/** Variants and nested values are compared, but not sorted. */
function hasOrder(field: StructField | undefined): boolean {
  if (field === undefined) return false;
  return isPrimitive(field.type) ? field.type !== "variant" : field.type.type === "decimal";
}

function comparable(before: StructType, after: StructType): readonly StructField[] {
  const types = new Map(before.fields.map((field) => [field.name, typeText(field.type)]));
  const fields = after.fields.filter((field) => types.get(field.name) === typeText(field.type));
  if (fields.length > 0) return fields;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    "The versions have no column with the same name and type, so their rows cannot be compared. Compare them without rows.",
    { columns: after.fields.map(({ name }) => name) },
  );
}

function keyPositions(
  key: readonly string[],
  fields: readonly StructField[],
  schema: StructType,
): readonly number[] {
  if (!Array.isArray(key) || key.some((name) => typeof name !== "string"))
    throw new VarveError("INVALID_ARGUMENT", "key must be a list of column names.", { key });
  return key.map((name: string) => {
    const field = requireColumn(schema, name);
    const index = fields.indexOf(field);
    if (index >= 0 && hasOrder(field)) return index;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Column ${pathText([field.name])} cannot be part of a key: ${index < 0 ? "only one of the versions has it with this type" : `it is a ${typeText(field.type)}`}. Choose columns with simple values that both versions have.`,
      { column: [field.name] },
    );
  });
}

async function refuseSharedKeys(session: OpenSession, difference: StagedDifference): Promise<void> {
  const names = difference.columns.map((_, index) => positional(index));
  const keys = difference.key.map(positional);
  for (const rows of [difference.removed, difference.added]) {
    const [shared] = await session.rows(
      sql`SELECT count(*) AS n FROM (FROM (${rows}) AS own(${names}) SELECT ${keys} GROUP BY ${keys} HAVING count(*) > 1)`,
    );
    if (Number(shared?.["n"]) === 0) continue;
    const columns = difference.key.map((index) => difference.columns[index]?.name ?? "");
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Several rows have the same ${columns.map((name) => pathText([name])).join(", ")}, so this key does not say which rows changed. Add columns to the key, or leave it out.`,
      { key: columns },
    );
  }
}
