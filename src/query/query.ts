import type { Engine, OpenSession, SessionOptions } from "../engine/core/contract.ts";
import { checkText } from "../engine/fence/sql-size.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { predicateFromNode } from "../table/scan/predicate-from-sql.ts";
import { planScan, type ScanReport } from "../table/scan/scan.ts";
import { appendAll } from "../util/append-all.ts";
import { handOver } from "../util/hand-over.ts";
import { isJsonObject, type JsonValue } from "../util/json.ts";
import { optionText } from "../util/option-text.ts";
import { type TableUse, tableUses } from "./pushdown.ts";
import { QueryResult } from "./query-result.ts";
import { rewriteTravelSql, type TravelPoint, type TravelSql } from "./time-travel-sql.ts";

/** Opens a table that a query names, at a point of its history or at the version that the caller passed. */
export type TableBinding = (point?: TravelPoint) => Promise<LogSnapshot>;

export interface QueryRequest {
  /** A caller's SQL: one SELECT, which may have time-travel clauses. */
  readonly sql: string;
  /**
   * A caller's condition that `sql` contains in parentheses; it is first checked to be one expression over
   * the columns of its own row.
   */
  readonly condition?: string | undefined;
  /** Tables by the names that the SQL may use, compared ignoring case. */
  readonly tables: Readonly<Record<string, TableBinding>>;
  /** The option by which the caller named {@link tables}, for messages; default: `tables`. */
  readonly tablesOption?: "tables" | "inputs" | undefined;
  readonly session?: SessionOptions | undefined;
  /** Add a column `_metadata` to every table, a struct of the stable `row_id` and `row_commit_version`. */
  readonly rowTracking?: boolean | undefined;
  /** Existing empty folder that {@link QueryResult.writeFile} may write to. */
  readonly exportFolder?: string | undefined;
  /** Cancels the query, including while it waits for the engine and while its result is consumed. */
  readonly signal?: AbortSignal | undefined;
}

interface BoundTable {
  /** The name in the rewritten SQL. */
  readonly view: string;
  readonly use: TableUse;
  readonly snapshot: LogSnapshot;
}

/**
 * Prepares a caller's query over tables at versions: only the tables that it names are opened, only files
 * that its conditions cannot exclude are fetched, and the session is fenced to those files before the SQL is
 * bound.
 *
 * @throws `SQL_FAILED` with the engine's message, also for unknown columns, and the position in the caller's
 * SQL; `SQL_REFUSED` for anything except one SELECT
 */
export async function prepareQuery(engine: Engine, request: QueryRequest): Promise<QueryResult> {
  checkText(request.sql);
  return handOver(await engine.open({ ...request.session, signal: request.signal }), async (session) => {
    if (request.condition !== undefined) await session.checkRowExpression(request.condition);
    const travel = rewriteTravelSql(request.sql);
    const uses = tableUses(await syntaxTree(session, travel));
    const bound = await bindAll(uses, travel, request);
    const files: string[] = [];
    const scans: Record<string, ScanReport> = {};
    for (const table of bound) {
      const predicate = predicateOf(table.use, table.snapshot);
      const scan = await planScan(session, table.snapshot, {
        predicate,
        rowTracking: request.rowTracking,
        signal: request.signal,
      });
      await session.execute(sql`CREATE VIEW ${quoteName(table.view)} AS ${scan.sql}`);
      appendAll(files, scan.files);
      scans[table.view] = scan.report;
    }
    const fenced = await session.fence({
      files,
      writableFolders: request.exportFolder === undefined ? undefined : [request.exportFolder],
    });
    const relation = await positioned(travel, () => fenced.callerQuery(travel.sql));
    return QueryResult.of(fenced, relation, scans, request);
  });
}

/** The engine's own parse of the SQL. SQL that it cannot parse, or that is not a SELECT, is an error here. */
async function syntaxTree(session: OpenSession, travel: TravelSql): Promise<JsonValue> {
  const tree = await session.syntaxTree(travel.sql);
  if (!isJsonObject(tree) || tree["error"] !== true) return tree;
  const message = String(tree["error_message"]);
  if (message.includes("Only SELECT statements")) {
    throw new VarveError(
      "SQL_REFUSED",
      "A query must be one SELECT statement. Statements that change tables run with runSql() or table.sql(text, {}), and on the command line with varve sql.",
      {
        sql: travel.sql,
      },
    );
  }
  const position = Number(tree["position"]);
  // The parser counts characters, not the units of a string.
  const { length } = [...travel.sql].slice(0, position).join("");
  const index = Number.isSafeInteger(position) ? travel.originalOffset(length) : undefined;
  throw new VarveError(
    "SQL_FAILED",
    `Cannot parse the query: ${message}${index === undefined ? "" : ` (at character ${index + 1})`}`,
    {
      position: index,
    },
  );
}

/** The tables that a query names, each name once, ignoring case. */
async function bindAll(
  uses: readonly TableUse[],
  travel: TravelSql,
  request: QueryRequest,
): Promise<BoundTable[]> {
  const bound = await Promise.all(uses.map((use) => bind(use, travel, request)));
  return bound.filter((table) => table !== undefined);
}

/** Names of tables that are meant as files. */
const fileName = /[/\\*]|\.(?:csv|tsv|txt|json|jsonl|ndjson|parquet|arrow|feather|gz)$/i;

/**
 * @returns `undefined` for a common table that has no table's name; the fence decides where it may be read
 */
async function bind(
  use: TableUse,
  travel: TravelSql,
  request: QueryRequest,
): Promise<BoundTable | undefined> {
  const reference = travel.references.find(
    (candidate) => candidate.view.toLowerCase() === use.name.toLowerCase(),
  );
  const wanted = reference?.table ?? use.name;
  const name = Object.keys(request.tables).find((key) => key.toLowerCase() === wanted.toLowerCase());
  const binding = name === undefined ? undefined : request.tables[name];
  if (binding === undefined) {
    if (use.isCommon) return undefined;
    const known = Object.keys(request.tables);
    const bound = known.length === 0 ? "no table is bound" : `bound are ${known.join(", ")}`;
    const advice = fileName.test(wanted)
      ? "A query reads tables, not files: write the file to a table first, e.g. with varve create --from."
      : `Bind it with ${optionText(request.tablesOption ?? "tables", ` ${wanted}=URI`)}.`;
    throw new VarveError("SQL_FAILED", `Unknown table ${wanted} in the query; ${bound}. ${advice}`, {
      table: wanted,
      bound: known,
    });
  }
  return { view: use.name, use, snapshot: await binding(reference?.point) };
}

function predicateOf(use: TableUse, snapshot: LogSnapshot): Predicate | undefined {
  if (use.conditions.length === 0) return undefined;
  return { op: "and", args: use.conditions.map((node) => predicateFromNode(node, snapshot.schema, "")) };
}

/** Maps the position of an engine error from the rewritten SQL to the caller's. */
async function positioned<T>(travel: TravelSql, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    const { line, column } = error.data;
    if (typeof line !== "number" || typeof column !== "number") throw error;
    const before = travel.sql.split("\n").slice(0, line - 1);
    const position = travel.originalOffset(before.reduce((sum, text) => sum + text.length + 1, column - 1));
    throw new VarveError(error.code, error.message, { ...error.data, position }, error.cause);
  }
}
