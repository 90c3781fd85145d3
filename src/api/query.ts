import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { QueryRequest, TableBinding } from "../query/query.ts";
import type { QueryResult } from "../query/query-result.ts";
import { openTable } from "./open-table.ts";
import { knownOptions, type OptionKeys } from "./shared/known-options.ts";
import { openPoint } from "./shared/open-point.ts";
import { openKeys } from "./shared/option-keys.ts";
import type { OpenOptions } from "./shared/options.ts";
import { Snapshot } from "./shared/snapshot.ts";
import { requireOptions, requireText } from "./shared/table-uri.ts";
import { Table } from "./table.ts";

/** A table of a query: an open table, one of its versions, or a URI with or without `@v12`. */
export type QueryTable = Table | Snapshot | string;

/** The tables of a query, and how tables given by URI are opened. */
export interface QueryOptions extends OpenOptions {
  /** Tables by the names that the SQL uses. */
  readonly tables: Readonly<Record<string, QueryTable>>;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the query, including while it waits for the engine and while its result is consumed. */
  readonly signal?: AbortSignal | undefined;
}

const queryKeys = {
  ...openKeys,
  tables: true,
  exportFolder: true,
  signal: true,
} satisfies OptionKeys<QueryOptions>;

/**
 * Runs one SELECT over tables, each at any of its versions. The SQL selects a version by `VERSION AS OF n`,
 * `TIMESTAMP AS OF '…'` or `AT (VERSION => n)`, and a pin by its name in place of `n`, in quotes.
 *
 * The SQL can read those tables and nothing else.
 *
 * @throws `SQL_FAILED` with the engine's message and the position, `SQL_REFUSED` for anything except one
 * SELECT over the given tables
 *
 * @example
 * ```ts
 * import { query } from "varve";
 *
 * const sql = "SELECT now.id FROM orders now ANTI JOIN orders VERSION AS OF 0 old USING (id)";
 * const added = await query(sql, { tables: { orders } });
 * for await (const row of added.rows()) console.log(row["id"]);
 * ```
 */
export async function query(sql: string, options: QueryOptions): Promise<QueryResult> {
  requireText(sql, "A query", "sql");
  const { tables, exportFolder, signal, ...open } = knownOptions("query", options, queryKeys);
  requireOptions(tables, "tables of query()");
  const [{ duckdbEngine }, { prepareQuery }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../query/query.ts"),
  ]);
  const opened: LogSnapshot[] = [];
  const request: QueryRequest = {
    sql,
    tables: Object.fromEntries(
      Object.entries(tables).map(([name, table]) => [
        name,
        async (point) => {
          const log = await binding(name, table, open)(point);
          opened.push(log);
          return log;
        },
      ]),
    ),
    session: sessionOptions(open),
    signal,
    exportFolder,
  };
  try {
    return await prepareQuery(duckdbEngine, request);
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING")) throw error;
    const { readError } = await import("../pins/pins-instead.ts");
    throw await readError(error, opened);
  }
}

function binding(name: string, table: QueryTable, open: OpenOptions): TableBinding {
  if (typeof table !== "string" && !(table instanceof Table) && !(table instanceof Snapshot))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The table ${name} of a query must be a table, one of its versions, or a URI as text.`,
      { name },
    );
  return async (point) => {
    const target = typeof table === "string" ? await openTable(table, open) : table;
    if (point === undefined) return target instanceof Table ? target.snapshot().log : target.log;
    if (target instanceof Snapshot || (typeof table === "string" && target.pinned)) {
      throw new VarveError(
        "SQL_FAILED",
        `${name} is bound to one version, so the query cannot select another. Bind the table itself.`,
        { name },
      );
    }
    return openPoint(target.snapshot().log.context, point);
  };
}

function sessionOptions({ memoryLimit, threads, temporaryFolder }: OpenOptions) {
  return {
    memoryLimit,
    threads,
    temporaryFolder,
  };
}
