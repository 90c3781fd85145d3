import { engineText } from "../dialects/statements/engine-text.ts";
import type { SelectStatement } from "../dialects/statements/syntax.ts";
import type { EngineRow } from "../engine/core/contract.ts";
import { prepareQuery } from "../query/query.ts";
import type { StatementContext, StatementResult } from "./contract.ts";
import { queryBindings } from "./query-tables.ts";

/** Runs a SELECT; its rows are collected, unless the caller takes them. */
export async function selectRows(
  { query }: SelectStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const text = engineText(query);
  const { engine, session, signal, onResult } = context;
  await using result = await prepareQuery(engine, {
    sql: text.sql,
    tables: queryBindings(text, context),
    session,
    // Row ids are read where the query names them.
    rowTracking: text.names.has("_metadata"),
    signal,
  });
  const { columns } = result;
  const read = { statement: "SELECT", outcome: "read", columns } as const;
  if (onResult !== undefined) {
    await onResult(read, result);
    return read;
  }
  const rows: EngineRow[] = [];
  for await (const row of result.rows()) rows.push(row);
  return { ...read, rows };
}
