import type { TableName } from "../../dialects/statements/syntax.ts";
import { VarveError } from "../../errors.ts";
import type { QueryResult } from "../../query/query-result.ts";
import type { StatementResult, StatementTable } from "../../statements/contract.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import { openContext, openLog } from "./lazy-log.ts";
import { tableAtPoint } from "./open-point.ts";
import { contextKeys } from "./option-keys.ts";
import type { ContextOptions } from "./options.ts";
import { Snapshot } from "./snapshot.ts";
import { statementTable } from "./statement-table.ts";
import type { OpenedTable } from "./table-options.ts";
import { TableState } from "./table-state.ts";
import { requireOptions, requireText, splitTableUri } from "./table-uri.ts";

/** A table of statements: an open table, one of its versions (read only), or a URI. */
export type StatementTableInput = OpenedTable | Snapshot | string;

/** What statements of SQL may name and do. */
export interface StatementOptions extends ContextOptions {
  /** Tables by the names that the statements use; a table of one version can be read only. */
  readonly tables?: Readonly<Record<string, StatementTableInput>> | undefined;
  /** INSERT OVERWRITE replaces only the partitions that its rows belong to; default: the whole table. */
  readonly dynamicPartitions?: boolean | undefined;
  /** INSERT and MERGE may add columns and widen types, as WITH SCHEMA EVOLUTION does. */
  readonly mergeSchema?: boolean | undefined;
  /**
   * Refuse a VACUUM that retains less than the table's `delta.deletedFileRetentionDuration`; default true. What Spark
   * calls `spark.databricks.delta.retentionDurationCheck.enabled`.
   */
  readonly retentionCheck?: boolean | undefined;
  /** RESTORE restores versions of which files are gone, too (`ignoreMissingFiles` of `Table.restore`). */
  readonly ignoreMissingFiles?: boolean | undefined;
  /**
   * Allow ALTER TABLE, and INSERT and MERGE that add columns, to add features to the protocol; older readers or
   * writers may lose access. Default: refuse, naming them.
   */
  readonly upgradeProtocol?: boolean | undefined;
  /**
   * Called after each statement, before the next, with its result, and for a SELECT with its rows, which are then
   * not collected in the result.
   */
  readonly onResult?: ((result: StatementResult, rows?: QueryResult) => Promise<void>) | undefined;
  /** Kept in the history of the versions that the statements commit. */
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const statementKeys = {
  ...contextKeys,
  tables: true,
  dynamicPartitions: true,
  mergeSchema: true,
  retentionCheck: true,
  ignoreMissingFiles: true,
  upgradeProtocol: true,
  onResult: true,
  userMetadata: true,
  signal: true,
} satisfies OptionKeys<StatementOptions>;

/**
 * Runs statements of Delta's SQL with semicolons between them, each a commit of its own: INSERT, DELETE,
 * UPDATE, MERGE, OPTIMIZE, VACUUM, RESTORE, CREATE TABLE … CLONE, CONVERT TO DELTA,
 * ALTER TABLE, DESCRIBE HISTORY, DETAIL and TABLE, SELECT (spec/statements.md). Tables are named as they
 * are bound, or by their path: delta.`./orders`.
 *
 * The whole text is read before anything is run, so that a mistake in it changes nothing.
 *
 * @throws `SQL_FAILED` with `line` and `column` for a text that cannot be read or a table that is not bound,
 * `UNSUPPORTED_FEATURE` naming a statement that varve does not support, and the errors of the verbs
 *
 * @example
 * ```ts
 * import { runSql } from "varve";
 *
 * const script = `
 *   INSERT INTO orders VALUES (9, 'acme', 12.5);
 *   SELECT count(*) AS n FROM orders`;
 * const [inserted, counted] = await runSql(script, { tables: { orders } });
 * console.log(inserted?.version, counted?.rows);
 * ```
 */
export async function runSql(text: string, options: StatementOptions = {}): Promise<StatementResult[]> {
  requireText(text, "The statements", "text");
  const known = knownOptions("runSql", options, statementKeys);
  const {
    tables = {},
    dynamicPartitions,
    mergeSchema,
    retentionCheck,
    ignoreMissingFiles,
    upgradeProtocol,
    onResult,
    userMetadata,
    signal,
    ...open
  } = known;
  requireOptions(tables, "tables of runSql()");
  const [{ duckdbEngine }, { runStatements }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../statements/run-statements.ts"),
  ]);
  const { memoryLimit, threads, temporaryFolder } = open;
  const named = new Map<string, StatementTableInput>(Object.entries(tables));
  const bound = new Map<string, Promise<StatementTable>>();
  const opened: TableState[] = [];
  const table = (name: TableName): Promise<StatementTable> => {
    const [key, input] = tableOf(name, named);
    const found = bound.get(key) ?? openedTable(key, input, open, opened);
    bound.set(key, found);
    return found;
  };
  try {
    return await runStatements(text, {
      engine: duckdbEngine,
      session: { memoryLimit, threads, temporaryFolder },
      get names() {
        return [...named.keys()];
      },
      table,
      place: (name, location) => placeOf(name, location, { named, table }),
      folder: async (name) => openContext(await placeOf(name, undefined, { named, table }), open),
      dynamicPartitions: dynamicPartitions === true,
      mergeSchema: mergeSchema === true,
      retentionCheck: retentionCheck !== false,
      ignoreMissingFiles: ignoreMissingFiles === true,
      upgradeProtocol: upgradeProtocol === true,
      onResult,
      userMetadata,
      signal,
    });
  } finally {
    for (const state of opened) await state.close();
  }
}

async function openedTable(
  name: string,
  table: StatementTableInput,
  options: ContextOptions,
  opened: TableState[],
): Promise<StatementTable> {
  if (table instanceof Snapshot) return readOnly(name, table);
  if (typeof table === "string") {
    const { context, point, pin } = await tableAtPoint(table, options);
    const log = await openLog(context, pin === undefined ? (point ?? {}) : { version: 0 });
    const state = new TableState(log, { pinned: point !== undefined || pin !== undefined, pin });
    opened.push(state);
    return statementTable(state);
  }
  if (isOwn(table)) return table.statementTable;
  throw new VarveError("INVALID_ARGUMENT", `${name} must be a table, a snapshot or a URI.`, { name });
}

/** Whether a table is one of varve's, maybe of another copy of the package. */
function isOwn(table: OpenedTable): table is OpenedTable & { readonly statementTable: StatementTable } {
  return typeof table === "object" && table !== null && "statementTable" in table;
}

/** The key under which a table is kept open, and the table. @throws `SQL_FAILED` */
function tableOf(
  name: TableName,
  tables: ReadonlyMap<string, StatementTableInput>,
): readonly [string, StatementTableInput] {
  if (name.kind === "path") {
    if (name.format === "delta") return [`delta.${name.path}`, name.path];
    throw new VarveError(
      "SQL_FAILED",
      `Cannot read ${name.format}.\`${name.path}\` as a table: only delta.\`PATH\` names one by its path.`,
      { table: name.path },
    );
  }
  const known = [...tables.keys()];
  const key = keyOf(name.name, tables);
  const table = key === undefined ? undefined : tables.get(key);
  if (key !== undefined && table !== undefined) return [key, table];
  const names = known.length === 0 ? "no table is bound" : `bound are ${known.join(", ")}`;
  throw new VarveError(
    "SQL_FAILED",
    `Unknown table ${name.name}; ${names}. Bind it in tables (--table ${name.name}=URI), or name it by its path: delta.\`./${name.name}\`.`,
    { table: name.name, bound: known, position: name.start },
  );
}

function keyOf(name: string, tables: ReadonlyMap<string, unknown>): string | undefined {
  return [...tables.keys()].find((candidate) => candidate.toLowerCase() === name.toLowerCase());
}

/** Where a statement makes a table; a name without a table is bound to the place. */
async function placeOf(
  name: TableName,
  location: string | undefined,
  {
    named,
    table,
  }: { named: Map<string, StatementTableInput>; table: (name: TableName) => Promise<StatementTable> },
): Promise<string> {
  if (name.kind === "path") return location ?? name.path;
  const key = keyOf(name.name, named);
  const input = key === undefined ? undefined : named.get(key);
  if (input === undefined) {
    if (location === undefined)
      throw new VarveError(
        "SQL_FAILED",
        `${name.name} has no place to be made in: add LOCATION 'PATH', or bind the name (--table ${name.name}=URI).`,
        { table: name.name, position: name.start },
      );
    named.set(name.name, location);
    return location;
  }
  const uri =
    typeof input === "string"
      ? splitTableUri(input).uri
      : (await (await table(name)).read()).context.store.uri;
  const { canonicalUri } = await import("../../storage/open-store.ts");
  if (location === undefined || canonicalUri(location) === canonicalUri(uri)) return uri;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${name.name} is bound to ${uri}, so it cannot be made at ${location}. Leave LOCATION out, or use another name.`,
    { name: name.name, uri, location },
  );
}

function readOnly(name: string, snapshot: Snapshot): StatementTable {
  return {
    writable: () => Promise.reject(pinned(name, snapshot, "be written")),
    read: (point) =>
      point === undefined
        ? Promise.resolve(snapshot.log)
        : Promise.reject(pinned(name, snapshot, "be read at another version")),
    committed: () => Promise.reject(pinned(name, snapshot, "be written")),
  };
}

function pinned(name: string, { version }: Snapshot, what: string): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `${name} is bound to version ${version}, so it cannot ${what}. Bind the table itself.`,
    { name, version },
  );
}
