import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { readHistory } from "../operations/history.ts";
import { soundPins } from "../pins/reading/list-pins.ts";
import type { Pin } from "../pins/reading/pin-record.ts";
import { type LineageCommit, type LineageSuite, lineageCommit, suitesOf } from "./lineage-commits.ts";
import { type LineagePredictions, ledgerPredictions, type MadeModel } from "./lineage-predictions.ts";
import { type LineageRun, type LineageRuns, type RunsRequest, runsOfVersions } from "./lineage-runs.ts";
import { pinTables } from "./version-names.ts";

/** What a version of a table came from, and what came of it; or all versions of a table up to one. */
export interface Lineage {
  readonly table: LineageTable;
  /** `version`: only that version; `table`: all versions up to it. */
  readonly scope: "version" | "table";
  /** The commits that made it, newest first, at most as many as the limit; `commitCount` is their number in all. */
  readonly commits: readonly LineageCommit[];
  readonly commitCount: number;
  /** The suites that judged these commits. */
  readonly suites: readonly LineageSuite[];
  /** The pins that keep the version or versions, oldest first, at most as many as the limit. */
  readonly pins: readonly Pin[];
  readonly pinCount: number;
  /** The runs that read or wrote it, newest first, at most as many as the limit. */
  readonly runs: readonly LineageRun[];
  /** Number of runs that read, and that wrote, a version. */
  readonly readerCount: number;
  readonly writerCount: number;
  /** URIs of the runs tables in which runs were looked for. */
  readonly runsTables: readonly string[];
  /** URIs of runs tables that pins name, elsewhere than beside the table; they are read if the caller names them. */
  readonly otherRunsTables: readonly string[];
  /** What came of it, by ledger. */
  readonly predictions: readonly LineagePredictions[];
}

export interface LineageTable {
  readonly uri: string;
  readonly id: string;
  readonly name?: string | undefined;
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
}

/** Where runs are looked for. */
export interface RunsPlaces {
  /** The runs table below the table, if there is one. */
  readonly below: TableContext;
  /** Those that a caller named, which must be there. */
  readonly named: readonly TableContext[];
  /** Opens one that a pin names. */
  readonly open: (uri: string) => Promise<TableContext>;
}

/** The table, and where records of its use are. */
export interface LineageRequest {
  readonly context: TableContext;
  readonly table: LineageTable;
  readonly scope: Lineage["scope"];
  readonly runs: RunsPlaces;
  readonly ledgers: readonly TableContext[];
  /** Most commits, pins, runs, and ids of predictions. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** @throws `NOT_A_TABLE` and `SCHEMA_MISMATCH` for what is no ledger or no runs table; errors of damaged tables */
export async function readLineage(request: LineageRequest): Promise<Lineage> {
  const { context, table, scope, runs, ledgers, limit, signal } = request;
  const { version } = table;
  const entries = await readHistory(context, { to: version, limit, checkFiles: false, signal });
  const commits = entries.map(lineageCommit);
  const pins = (await soundPins(context, { signal })).filter(
    (pin) =>
      pin.tableId === table.id && (scope === "table" ? pin.version <= version : pin.version === version),
  );
  const names = {
    tableId: table.id,
    version: scope === "version" ? version : undefined,
    pins: await pinTables(context, pins),
  };
  const pinned = runsOfPins(table.uri, pins);
  const found = await runsIn(runs, pinned.beside, { names, limit, signal });
  const models: readonly MadeModel[] = found.flatMap(({ result }) => result.models);
  const predictions: LineagePredictions[] = [];
  for (const ledger of ledgers)
    predictions.push(await ledgerPredictions(ledger, { names, models, limit, signal }));
  const count = (of: "readers" | "writers") => found.reduce((sum, { result }) => sum + result[of], 0);
  return {
    table,
    scope,
    commits,
    commitCount: version + 1,
    suites: suitesOf(commits),
    pins: pins.slice(0, limit),
    pinCount: pins.length,
    runs: found
      .flatMap(({ result }) => result.listed)
      .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())
      .slice(0, limit),
    readerCount: count("readers"),
    writerCount: count("writers"),
    runsTables: found.map(({ uri }) => uri),
    otherRunsTables: pinned.elsewhere.filter((each) => found.every(({ uri }) => uri !== each)),
    predictions,
  };
}

interface FoundRuns {
  readonly uri: string;
  readonly result: LineageRuns;
}

/**
 * The runs tables that pins name. What is written in a table's folder does not decide what else is read, so only
 * those in the folder that the table is in are.
 */
function runsOfPins(
  table: string,
  pins: readonly Pin[],
): { readonly beside: readonly string[]; readonly elsewhere: readonly string[] } {
  const uris = [...new Set(pins.flatMap(({ run }) => run?.runs ?? []))];
  const folder = table.replace(/[^/]*\/*$/, "");
  const isBeside = (uri: string) =>
    uri.startsWith(folder) &&
    /^[^/]/.test(uri.slice(folder.length)) &&
    !/(^|\/)\.{1,2}(\/|$)|%2[ef]/i.test(uri);
  return { beside: uris.filter(isBeside), elsewhere: uris.filter((uri) => !isBeside(uri)) };
}

async function runsIn(
  { below, named, open }: RunsPlaces,
  beside: readonly string[],
  request: RunsRequest,
): Promise<FoundRuns[]> {
  const contexts = new Map([below, ...named].map((context) => [context.store.uri, context]));
  for (const uri of beside) if (!contexts.has(uri)) contexts.set(uri, await open(uri));
  const found: FoundRuns[] = [];
  for (const [uri, context] of contexts) {
    const result = await runsOfVersions(context, request);
    if (result !== undefined) found.push({ uri, result });
    else if (named.includes(context)) throw noRuns(uri);
  }
  return found;
}

function noRuns(uri: string): VarveError {
  return new VarveError(
    "NOT_A_TABLE",
    `There is no runs table at ${uri}. Name the one that varve run --runs or recordRun wrote to.`,
    { uri },
  );
}
