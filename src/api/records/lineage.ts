import { VarveError } from "../../errors.ts";
import type { Lineage, LineageRequest } from "../../lineage/lineage.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { pinOfFolder } from "../../pins/reading/pin-name.ts";
import type { Pin } from "../../pins/reading/pin-record.ts";
import { knownOptions, type OptionKeys, requireCount } from "../shared/known-options.ts";
import { openContext, openLog } from "../shared/lazy-log.ts";
import { tableAtPoint } from "../shared/open-point.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import type { OpenedTable } from "../shared/table-options.ts";
import { requireText, splitTableUri } from "../shared/table-uri.ts";

/** Where records of a table's use are, and how much of them is listed. */
export interface LineageOptions extends ContextOptions {
  /**
   * Folders or URIs of runs tables. The one below the table (`_runs`) is always looked at, and those beside the table
   * that its pins name.
   */
  readonly runs?: string | readonly string[] | undefined;
  /** Folders or URIs of prediction ledgers. */
  readonly ledgers?: string | readonly string[] | undefined;
  /** Most commits, pins, runs and, of each ledger, ids that are listed; the numbers count all. Default: 20. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const lineageKeys = {
  ...contextKeys,
  runs: true,
  ledgers: true,
  limit: true,
  signal: true,
} satisfies Record<keyof LineageOptions, unknown>;

const usualLimit = 20;

/**
 * Says what made a version of a table and what came of it: the commits and batches, the suites that judged them, the
 * pins that keep it, the runs that read or wrote it, and the predictions that were made from its rows or by models of
 * those runs. Of a table that is not opened at a version, that of all its versions.
 *
 * Reads the log, runs tables and ledgers, but no data of the table.
 *
 * @param table a folder or URI, with `@v12`, a time or the name of a pin for one version; or an open table or version
 *
 * @throws `NOT_A_TABLE` also for runs and ledgers that are not there; `SCHEMA_MISMATCH` for tables that are not such;
 * `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, `PIN_NOT_FOUND`, `INVALID_ARGUMENT`, `CANCELLED`
 *
 * @example
 * ```ts
 * import { createLedger, lineage } from "varve";
 *
 * const ledger = await createLedger("./made-of-orders");
 * await ledger.record({ predictionId: "a", inputs: { table: orders.uri, version: 0, key: { id: 1 } }, output: 2 });
 * const { commits, suites, pins, runs, predictions } = await lineage(`${orders.uri}@v0`, { ledgers: ledger.uri });
 * console.log(commits[0]?.batchId, suites, pins, runs, predictions[0]?.fromRows.ids); // … ["a"]
 * ```
 */
export async function lineage(
  table: (OpenedTable & { readonly pinned: boolean }) | Snapshot | string,
  options: LineageOptions = {},
): Promise<Lineage> {
  const keys = lineageKeys as OptionKeys<LineageOptions>;
  const { runs, ledgers, limit = usualLimit, signal, ...open } = knownOptions("lineage", options, keys);
  requireCount("lineage", "limit", limit);
  const target = typeof table === "string" ? await targetOfUri(table, open) : await targetOfOpen(table, open);
  const [{ readLineage }, { runsAt, runsBelow }] = await Promise.all([
    import("../../lineage/lineage.ts"),
    import("../../runs/runs-table.ts"),
  ]);
  const named = await Promise.all(
    placesOf(runs, "runs").map(async (uri) => runsAt(await openContext(uri, open))),
  );
  const contexts = placesOf(ledgers, "ledgers").map((uri) => openContext(uri, open));
  const unique = new Map((await Promise.all(contexts)).map((context) => [context.store.uri, context]));
  return readLineage({
    ...target,
    runs: { below: runsBelow(target.context), named, open: (uri) => openContext(uri, open) },
    ledgers: [...unique.values()],
    limit,
    signal,
  });
}

/** Texts of an option that takes one or several. @throws `INVALID_ARGUMENT` also for a version */
function placesOf(option: string | readonly string[] | undefined, name: string): readonly string[] {
  const uris = typeof option === "string" ? [option] : (option ?? []);
  if (!Array.isArray(uris))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option ${name} of lineage must be text or an array of texts.`,
      {
        option: name,
      },
    );
  return uris.map((uri) => {
    requireText(uri, `A member of the option ${name} of lineage`, name);
    if (splitTableUri(uri).point === undefined) return uri;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option ${name} of lineage reads newest versions: ${uri}. Leave the suffix out.`,
      { option: name, uri },
    );
  });
}

type Target = Pick<LineageRequest, "context" | "table" | "scope">;

async function targetOfUri(uri: string, options: ContextOptions): Promise<Target> {
  const { context, point, pin } = await tableAtPoint(uri, options);
  if (pin !== undefined) return targetOfPin(await openContext(tableOfPin(pin.uri), options), pin);
  const log = await openLog(context, point ?? {});
  return targetOfLog(log, point === undefined ? "table" : "version");
}

async function targetOfOpen(
  table: (OpenedTable & { readonly pinned: boolean }) | Snapshot,
  options: ContextOptions,
): Promise<Target> {
  const isVersion = table instanceof Snapshot;
  if (!isVersion && !isOpenTable(table))
    throw new VarveError(
      "INVALID_ARGUMENT",
      "lineage takes a table, one of its versions, or a URI as text.",
      { name: "table" },
    );
  const { log } = isVersion ? table : table.snapshot();
  const { uri } = log.context.store;
  if (tableOfPin(uri) === uri) return targetOfLog(log, isVersion || table.pinned ? "version" : "table");
  return targetOfUri(uri, options);
}

function isOpenTable(value: unknown): value is OpenedTable & { readonly pinned: boolean } {
  return typeof value === "object" && value !== null && "pinned" in value && "snapshot" in value;
}

function targetOfLog({ context, metadata, version, timestamp }: LogSnapshot, scope: Target["scope"]): Target {
  const { id, name } = metadata;
  return {
    context,
    scope,
    table: { uri: context.store.uri, id, name, version, timestamp: new Date(timestamp) },
  };
}

/** The version that a pin keeps, which the table's log may not reach back to. */
function targetOfPin(context: TableContext, { tableId: id, version, timestamp }: Pin): Target {
  return { context, scope: "version", table: { uri: context.store.uri, id, version, timestamp } };
}

/** URI of the table that a pin with a URI belongs to. */
function tableOfPin(uri: string): string {
  return pinOfFolder(uri)?.table ?? uri;
}
