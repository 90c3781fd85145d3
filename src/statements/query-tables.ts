import { type EngineText, engineText } from "../dialects/statements/engine-text.ts";
import type { SqlSlice, TableName } from "../dialects/statements/syntax.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { TableBinding } from "../query/query.ts";
import { rewriteTravelSql } from "../query/time-travel-sql.ts";
import type { SqlWriteSource } from "../write/plan/write-source.ts";
import type { StatementContext } from "./contract.ts";

/** The tables of a statement's query by the names that its text uses, each opened when it is needed. */
export function queryBindings(
  query: EngineText,
  context: StatementContext,
): Readonly<Record<string, TableBinding>> {
  const bound = context.names.map((name): [string, TableName] => [name, { kind: "bound", name, start: 0 }]);
  return Object.fromEntries(
    [...bound, ...tableNames(query, context)].map(([name, table]): [string, TableBinding] => [
      name,
      async (point) => (await context.table(table)).read(point),
    ]),
  );
}

/**
 * A statement's query as a source of rows: its tables are opened at the versions that it names, and their newest
 * ones.
 */
export async function querySource(
  slice: SqlSlice,
  context: StatementContext,
): Promise<SqlWriteSource & { readonly tables: Readonly<Record<string, LogSnapshot>> }> {
  const query = engineText(slice);
  const travel = rewriteTravelSql(query.sql);
  const tables: Record<string, LogSnapshot> = {};
  const names = tableNames(query, context);
  for (const { table, view, point } of travel.references) {
    const name = [...names.keys()].find((key) => key.toLowerCase() === table.toLowerCase());
    const bound = name === undefined ? undefined : names.get(name);
    if (bound !== undefined) tables[view] = await (await context.table(bound)).read(point);
  }
  for (const [name, table] of names) tables[name] = await (await context.table(table)).read();
  return { sql: travel.sql, tables };
}

/** The tables that a query may name; its own common tables may have the same names, and come first. */
export function tableNames({ names, paths }: EngineText, context: StatementContext): Map<string, TableName> {
  const tables = new Map<string, TableName>();
  for (const name of context.names)
    if (names.has(name.toLowerCase())) tables.set(name, { kind: "bound", name, start: 0 });
  for (const { name, path } of paths) tables.set(name, { kind: "path", format: "delta", path, start: 0 });
  return tables;
}
