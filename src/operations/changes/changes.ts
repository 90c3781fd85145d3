import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { LogListing } from "../../log/segment/listing.ts";
import { listLog } from "../../log/segment/listing.ts";
import { latestVersion, openLog } from "../../log/snapshot/open-log.ts";
import { fileTimes } from "../../log/snapshot/time-travel.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { feedClash, feedColumns } from "../../table/rules/feed-columns.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { mappingModeOf, scanColumns, scanFile } from "../../table/scan/scan.ts";
import type { ScanColumn, ScanFile } from "../../table/scan/scan-columns.ts";
import { type FileRelation, scanFiles } from "../../table/scan/scan-files.ts";
import { columnsThen, erasOf, shownSchema } from "./change-eras.ts";
import { type ChangedFile, changedFiles, type VersionDefinition } from "./change-files.ts";

/** A version, or the time of one. */
export type ChangePoint = number | Date;

/** Which changes to read: from the commit of `from` to that of `to`, both inclusive. */
export interface ChangesOptions {
  /** A version, or a time, which means the first version committed at or after it. */
  readonly from: ChangePoint;
  /**
   * A version, or a time, which means the last version committed at or before it. Default: the newest
   * version.
   */
  readonly to?: ChangePoint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Row changes as a relation of one session: the table's columns at version `to`, each with the widest type that it
 * had in the range, and the three columns of the feed.
 */
export interface ChangesRelation extends FileRelation {
  readonly from: number;
  readonly to: number;
}

/**
 * Makes the row changes of a range of versions a relation of `session`, in no particular order.
 *
 * For each version, the change files are read if the commit has any. Otherwise its adds and removes count as
 * inserts and deletes, or only the difference if a file's deletion vector changed. PROTOCOL.md "Reader
 * Requirements for AddCDCFile".
 *
 * @throws `CHANGES_RANGE_INVALID` for a range that is reversed or outside the table's versions;
 * `CHANGES_UNAVAILABLE` naming the version, if a commit is gone, was made without the feed, or has a schema
 * that the last one cannot show; and the errors of a scan
 */
export async function planChanges(
  session: Session,
  context: TableContext,
  options: ChangesOptions,
): Promise<ChangesRelation> {
  const { signal } = options;
  const { from, to, listing } = await resolveRange(context, options);
  const last = await openLog(context, { version: to });
  if (last.readObstacle !== undefined) throw last.readObstacle;
  checkColumnNames(last);
  const { files, definitions } = await changedFiles(last, from, listing, signal);
  const local = await locateFiles(
    context,
    files.map((file) => file.path),
    signal,
  );
  const eras = erasOf(definitions);
  const shown = shownSchema(definitions, eras);
  const parts: SqlSelect[] = [];
  for (const [index, era] of eras.entries()) {
    const then = definitions[era.last];
    const own = files.flatMap((file, number) =>
      file.definition >= era.first && file.definition <= era.last
        ? [{ file, local: local[number] ?? "" }]
        : [],
    );
    if (then === undefined || own.length === 0) continue;
    const columns = [
      ...columnsThen({ definitions, eras, shown }, index, own[0]?.file.version ?? then.version),
      ...feedNames,
    ];
    for (const relation of await scanEra(session, context, then, own))
      parts.push(sql`SELECT ${columns} FROM (${relation.sql})`);
  }
  const empty = await scanFiles(
    session,
    context,
    [...scanColumns({ ...last, schema: shown }, mappingModeOf(last), {}), ...feed(true)],
    [],
    mappingModeOf(last),
  );
  return {
    sql: parts.length === 0 ? empty.sql : parts.reduce((all, part) => sql`(${all}) UNION ALL (${part})`),
    columns: empty.columns,
    files: [...new Set(local)],
    from,
    to,
  };
}

interface LocalFile {
  readonly file: ChangedFile;
  readonly local: string;
}

/** The rows of files that are read under one definition, with the columns of the feed: stored and derived ones. */
async function scanEra(
  session: Session,
  context: TableContext,
  then: VersionDefinition,
  files: readonly LocalFile[],
): Promise<FileRelation[]> {
  const mode = mappingModeOf(then);
  const columns = scanColumns(then, mode, {});
  const relations: FileRelation[] = [];
  for (const derived of [false, true]) {
    const own = files.filter(({ file }) => (file.changeType !== undefined) === derived);
    if (own.length === 0) continue;
    const scanned = own.map(({ file, local }): ScanFile => changeFile(then, file, local));
    relations.push(await scanFiles(session, context, [...columns, ...feed(derived)], scanned, mode));
  }
  return relations;
}

/** The row changes of a range, oldest version first, as plain objects. @throws as {@link planChanges} */
export async function* readChanges(
  context: TableContext,
  options: ChangesOptions,
): AsyncGenerator<EngineRow> {
  await using session = await (await context.engine()).open({ signal: options.signal });
  const changes = await planChanges(session, context, options);
  yield* session.rowStream(ordered(changes), { signal: options.signal });
}

/** SQL of the changes, oldest version first. */
export function ordered(changes: ChangesRelation): SqlSelect {
  return sql`SELECT * FROM (${changes.sql}) ORDER BY _commit_version`;
}

const feedNames = feedColumns.map((name) => quoteName(name));

function feed(derived: boolean): ScanColumn[] {
  return [
    derived
      ? { kind: "constant", name: "_change_type", key: "_change_type", type: sql`VARCHAR` }
      : { kind: "extra", name: "_change_type" },
    { kind: "constant", name: "_commit_version", key: "_commit_version", type: sql`BIGINT` },
    {
      kind: "constant",
      name: "_commit_timestamp",
      key: "_commit_timestamp",
      type: sql`TIMESTAMP WITH TIME ZONE`,
    },
  ];
}

function changeFile(then: VersionDefinition, file: ChangedFile, local: string): ScanFile {
  const own = scanFile(then, mappingModeOf(then), { partitionValues: file.partitionValues }, local);
  const constants = {
    ...own.constants,
    _change_type: file.changeType ?? null,
    _commit_version: String(file.version),
    _commit_timestamp: new Date(file.timestamp).toISOString(),
  };
  return { ...own, constants, selection: file.selection };
}

function checkColumnNames(last: LogSnapshot): void {
  const clash = feedClash(last.schema);
  if (clash === undefined) return;
  const message = `Cannot read changes: the table's column ${clash} has the name of a column of the change data feed. Rename it.`;
  throw new VarveError("CHANGES_UNAVAILABLE", message, { column: [clash] });
}

interface ResolvedRange {
  readonly from: number;
  readonly to: number;
  readonly listing: LogListing;
}

async function resolveRange(
  context: TableContext,
  { from, to, signal }: ChangesOptions,
): Promise<ResolvedRange> {
  const options = { signal };
  const latest = await latestVersion(context, options);
  const listing = await listLog(context.store, 0, undefined, options);
  const first =
    typeof from === "number" ? checkVersion(from, "from") : await versionAfter(context, listing, from);
  const last =
    to === undefined
      ? latest
      : typeof to === "number"
        ? checkVersion(to, "to")
        : await versionBefore(context, latest, to);
  const data = { from: first, to: last, latest };
  if (first > latest || last > latest) {
    const bad = first > latest ? first : last;
    throw new VarveError(
      "CHANGES_RANGE_INVALID",
      `Version ${bad} does not exist yet; the latest is ${latest}. Choose a range up to ${latest}.`,
      data,
    );
  }
  if (first > last) {
    const message = `The range of changes is reversed: it starts at version ${first} and ends at version ${last}. Swap from and to.`;
    throw new VarveError("CHANGES_RANGE_INVALID", message, data);
  }
  return { from: first, to: last, listing };
}

function checkVersion(version: number, end: "from" | "to"): number {
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new VarveError(
    "CHANGES_RANGE_INVALID",
    `Invalid version ${version} for ${end}: a version must be a non-negative integer.`,
    {
      [end]: version,
    },
  );
}

/** The first version at or after a time, or one more than the newest if there is none. */
export async function versionAfter(context: TableContext, listing: LogListing, time: Date): Promise<number> {
  const timestamp = millisecondsOf(time, "from");
  try {
    const before = await openLog(context, { timestamp });
    return before.timestamp === timestamp ? before.version : before.version + 1;
  } catch (error) {
    if (!isVarveError(error, "TIMESTAMP_OUT_OF_RANGE")) throw error;
    const [oldest] = fileTimes(listing);
    return oldest !== undefined && timestamp <= (await openLog(context)).timestamp
      ? oldest.version
      : listing.latest + 1;
  }
}

async function versionBefore(context: TableContext, latest: number, time: Date): Promise<number> {
  const timestamp = millisecondsOf(time, "to");
  try {
    return (await openLog(context, { timestamp })).version;
  } catch (error) {
    if (!isVarveError(error, "TIMESTAMP_OUT_OF_RANGE")) throw error;
    if (timestamp >= (await openLog(context)).timestamp) return latest;
    const message = `No remaining version was committed at or before ${time.toISOString()}, the end of the range. Choose a later time.`;
    throw new VarveError("CHANGES_RANGE_INVALID", message, { to: timestamp, latest }, error);
  }
}

function millisecondsOf(time: Date, end: "from" | "to"): number {
  if (Number.isFinite(time.getTime())) return time.getTime();
  throw new VarveError("CHANGES_RANGE_INVALID", `Invalid date for ${end}. Pass a valid Date.`, {
    [end]: String(time),
  });
}
