import type { OpenSession } from "../engine/core/contract.ts";
import { isVarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { openPin } from "../pins/reading/open-pin.ts";
import type { Pin } from "../pins/reading/pin-record.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { mapBounded } from "../util/concurrency.ts";

/** The versions that a lineage is about, under the ids by which runs and predictions name them. */
export interface VersionNames {
  readonly tableId: string;
  /** Only this version; default: all. */
  readonly version?: number | undefined;
  /** Pins that keep such versions, by their ids as tables of their own: a program may have read a pin's folder. */
  readonly pins: readonly PinTable[];
}

interface PinTable {
  readonly id: string;
  readonly version: number;
}

const readsUnderWay = 8;

/** The ids of pins as tables; without pins whose logs are damaged, which `pin check` reports. */
export async function pinTables(context: TableContext, pins: readonly Pin[]): Promise<PinTable[]> {
  const opened = await mapBounded(pins, readsUnderWay, async ({ name, version }) => {
    try {
      return { id: (await openPin(context, name)).log.metadata.id, version };
    } catch (error) {
      if (isVarveError(error, "LOG_CORRUPT", "LOG_GAP", "PIN_NOT_FOUND", "NOT_A_TABLE")) return undefined;
      throw error;
    }
  });
  return opened.filter((pin) => pin !== undefined);
}

/** The names as a relation of a session. */
export async function namedVersions(
  session: OpenSession,
  {
    tableId,
    version = null,
    pins,
  }: Omit<VersionNames, "version"> & { readonly version?: number | null | undefined },
): Promise<SqlSelect> {
  const rows = [
    { id: tableId, version, pinned: null },
    ...pins.map((pin) => ({ id: pin.id, version: 0, pinned: pin.version })),
  ];
  const columns = [
    { name: "id", type: "VARCHAR" },
    { name: "version", type: "BIGINT" },
    { name: "pinned", type: "BIGINT" },
  ];
  return (await session.stage({ kind: "rows", rows }, { columns })).sql;
}

/** Most ids by which rows are left out before their JSON is parsed. */
const mostSearched = 20;

/**
 * The rows of `rows` whose JSON array in `column` names one of the versions: the columns `kept`, and `version`. A row
 * that names two versions is there twice, but one that names a version twice is not.
 */
export function rowsNaming(
  rows: SqlSelect,
  column: SqlExpression,
  {
    names,
    named,
    kept,
  }: { readonly names: VersionNames; readonly named: SqlSelect; readonly kept: readonly SqlExpression[] },
): SqlSelect {
  const ids = [names.tableId, ...names.pins.map(({ id }) => id)];
  const isSearched = ids.length <= mostSearched && ids.every((id) => /^[A-Za-z0-9-]+$/.test(id));
  const searched = isSearched
    ? joinSql(
        ids.map((id) => sql`contains(${column}, ${quoteText(id)})`),
        sql` OR `,
      )
    : sql`true`;
  const parsed = sql`from_json(TRY_CAST(${column} AS JSON), '[{"tableId":"VARCHAR","version":"BIGINT"}]')`;
  return sql`SELECT DISTINCT ${kept.map((name) => sql`r.${name}`)}, coalesce(n.pinned, r.named."version") AS "version" FROM (SELECT ${kept}, unnest(${parsed}) AS named FROM (${rows}) WHERE ${searched}) AS r JOIN (${named}) AS n ON r.named."tableId" = n.id AND (n."version" IS NULL OR r.named."version" = n."version")`;
}
