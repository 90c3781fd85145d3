import { parseEngineType } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { fileList, quoteName, quoteText, textList } from "../../sql/sql-text.ts";
import { handOver } from "../../util/hand-over.ts";
import { type ActionRelation, describeActions, type EngineStruct } from "../checkpoint/action-sql.ts";
import { type CheckpointHead, guarded, parquetPaths } from "../checkpoint/checkpoint-read.ts";
import type { TableContext } from "../contract.ts";
import { pathKeyer } from "../segment/file-key.ts";
import type { CheckpointFiles } from "../segment/listing.ts";
import type { TailFile } from "../segment/segment.ts";
import { notReconciled } from "../segment/tail-read.ts";
import type { EngineBase, FileSource } from "./engine-files.ts";
import { addSpecialKeys, pathKeySql, vectorKeySql } from "./file-key-sql.ts";

/** Bytes that the engine may use for one table's files before it spills, where the caller allows as many. */
const usualLimit = 640 * 1024 * 1024;
/** The same where that does not suffice, and the caller did not say how many. */
const roomyLimit = 4 * 1024 ** 3;

const smallestBuffer = 4 * 1024 * 1024;

// A deletion vector stays JSON: most files have none, and the columns of a struct cost as much if it is null.
const addType =
  'STRUCT("path" VARCHAR, "partitionValues" JSON, "size" BIGINT, "modificationTime" BIGINT, "dataChange" BOOLEAN, "stats" VARCHAR, "tags" JSON, "deletionVector" JSON, "baseRowId" BIGINT, "defaultRowCommitVersion" BIGINT, "clusteringProvider" VARCHAR)';
const removeType =
  'STRUCT("path" VARCHAR, "deletionTimestamp" BIGINT, "dataChange" BOOLEAN, "extendedFileMetadata" BOOLEAN, "partitionValues" JSON, "size" BIGINT, "stats" VARCHAR, "tags" JSON, "deletionVector" JSON, "baseRowId" BIGINT, "defaultRowCommitVersion" BIGINT)';

/** Sources of a big table's live files. */
export interface EngineInput {
  readonly checkpoint: { readonly files: CheckpointFiles; readonly head: CheckpointHead } | undefined;
  /** Commits and compactions too big to be held as objects, in ascending order. */
  readonly commits: readonly CommitInput[];
}

/** A commit or compaction, and the length of its longest line. */
export interface CommitInput {
  readonly file: TailFile;
  readonly longestLine: number;
}

/**
 * Makes a big table's file actions available to the engine: checkpoints stay in their Parquet files, and
 * commits are read into a table. PROTOCOL.md "Action Reconciliation": action reconciliation in SQL.
 *
 * @throws `CHECKPOINT_CORRUPT` with `path`; `LOG_CORRUPT`, with `compaction` if reading without that file may
 * help
 */
export async function loadEngineBase(context: TableContext, input: EngineInput): Promise<EngineBase> {
  const memoryLimit = Math.min(usualLimit, context.memoryLimit ?? usualLimit);
  return handOver(await (await context.engine()).open({ memoryLimit }), async (session) => {
    await session.execute(sql`CREATE TABLE special_keys (path VARCHAR PRIMARY KEY, key VARCHAR)`);
    const { checkpoint } = input;
    const sources =
      checkpoint === undefined
        ? []
        : await guarded(checkpoint.files, () => checkpointSources(context, session, checkpoint));
    const json =
      checkpoint?.files.format === "json"
        ? checkpoint.files.files.map(
            (file): CommitInput => ({
              file: { from: checkpoint.files.version, to: checkpoint.files.version, file },
              longestLine: checkpoint.head.longestLine ?? file.size,
            }),
          )
        : [];
    const tail = await readCommits(context, session, [...json, ...input.commits]);
    let specials: Promise<number> | undefined;
    const hasSpecialKeys = async (): Promise<boolean> => {
      specials ??= specialKeys(context, session, sources);
      return (await specials) > 0;
    };
    const mostMemory = context.memoryLimit ?? roomyLimit;
    const base: EngineBase = { session, checkpoint: sources, tail, hasSpecialKeys, mostMemory };
    closeWhenForgotten.register(base, session);
    return base;
  });
}

/** Callers do not close snapshots, so their session is closed with the last of them. */
const closeWhenForgotten = new FinalizationRegistry<Session>((session) => {
  session.close().catch(() => undefined);
});

async function checkpointSources(
  context: TableContext,
  session: Session,
  { files, head }: NonNullable<EngineInput["checkpoint"]>,
): Promise<FileSource[]> {
  const sources: FileSource[] = [];
  for (const path of parquetPaths(files, head)) {
    const relation = await describeActions(session, [await context.localFile(path)]);
    const kinds = ["add", "remove"].filter((kind) => relation.columns.has(kind));
    if (kinds.length === 0) continue;
    const from = await numberedActions(session, relation, kinds, quoteName(`checkpoint_${sources.length}`));
    const [row] = await session.rows(sql`SELECT count(*) AS rows FROM ${relation.from}`);
    sources.push({
      from,
      rows: Number(row?.["rows"] ?? 0),
      columns: relation.columns,
      keyed: false,
      name: path,
    });
  }
  return sources;
}

/**
 * The actions of a checkpoint with their rows' ordinals; copied into a table if a column of the file hides
 * these.
 */
async function numberedActions(
  session: Session,
  { from, numbered, hidesOrdinals }: ActionRelation,
  kinds: readonly string[],
  table: SqlName,
): Promise<SqlExpression> {
  const actions = joinSql(kinds.map(quoteName));
  if (!hidesOrdinals) return sql`(SELECT ${actions}, file_row_number AS ordinal FROM ${numbered})`;
  await session.execute(sql`CREATE TABLE ${table} AS SELECT ${actions} FROM ${from}`);
  return sql`(SELECT ${actions}, rowid AS ordinal FROM ${table})`;
}

/** Reads commits into one table in which every logical file occurs once, with its newest action. */
async function readCommits(
  context: TableContext,
  session: Session,
  commits: readonly CommitInput[],
): Promise<FileSource | undefined> {
  if (commits.length === 0) return undefined;
  const files = commits.map(({ file }) => file);
  const columns = new Map<string, EngineStruct>([
    ["add", structOf(addType)],
    ["remove", structOf(removeType)],
  ]);
  const local: string[] = [];
  for (const { file } of files) local.push(await context.localFile(file.path));
  // The reader's buffers grow with this, so it is the length of the longest line.
  const longestLine = commits.reduce(
    (most, { longestLine }) => Math.max(most, longestLine + 1),
    smallestBuffer,
  );
  const from = sql`read_json(${fileList(local)}, format = 'newline_delimited', filename = true, hive_partitioning = false, maximum_object_size = ${longestLine}, columns = {add: ${quoteText(addType)}, remove: ${quoteText(removeType)}})`;
  try {
    await session.execute(
      sql`CREATE TABLE commits AS SELECT "add", "remove", ${keySql(columns)} AS key, ${fileNumberSql(local)} AS number FROM ${from} WHERE "add".path IS NOT NULL OR "remove".path IS NOT NULL`,
    );
  } catch (error) {
    throw damagedCommits(error, files);
  }
  await fillSpecialKeys(context, session, columns);
  await dropReplaced(session, files);
  const [row] = await session.rows(sql`SELECT coalesce(max(rowid) + 1, 0) AS rows FROM commits`);
  return {
    from: sql`(SELECT *, rowid AS ordinal FROM commits)`,
    rows: Number(row?.["rows"] ?? 0),
    columns,
    keyed: true,
    name: files[0]?.file.path ?? "",
  };
}

function keySql(columns: ReadonlyMap<string, EngineStruct>): SqlExpression {
  const of = (kind: string): SqlExpression => {
    const type = columns.get(kind);
    return type === undefined
      ? sql`NULL`
      : sql`(${pathKeySql(sql`${quoteName(kind)}.path`)} || ${vectorKeySql(quoteName(kind), type)})`;
  };
  return sql`CASE WHEN "add".path IS NOT NULL THEN ${of("add")} ELSE ${of("remove")} END`;
}

function fileNumberSql(files: readonly string[]): SqlExpression {
  return files.length === 1 ? sql`0` : sql`list_position(${textList(files)}, filename) - 1`;
}

async function fillSpecialKeys(
  context: TableContext,
  session: Session,
  columns: ReadonlyMap<string, EngineStruct>,
): Promise<void> {
  const paths = sql`SELECT coalesce("add".path, "remove".path) AS path FROM commits WHERE key IS NULL`;
  if ((await addSpecialKeys(session, "special_keys", paths, pathKeyer(context.store.uri))) === 0) return;
  const vector = (kind: string): SqlExpression =>
    vectorKeySql(quoteName(kind), structOf(columns.has(kind) ? addType : removeType));
  const end = sql`CASE WHEN "add".path IS NOT NULL THEN ${vector("add")} ELSE ${vector("remove")} END`;
  await session.execute(
    sql`UPDATE commits SET key = special_keys.key || ${end} FROM special_keys WHERE commits.key IS NULL AND special_keys.path = coalesce("add".path, "remove".path)`,
  );
}

async function dropReplaced(session: Session, files: readonly TailFile[]): Promise<void> {
  // Few keys repeat, if any: hashes find those that may, and only their texts are compared.
  await session.execute(
    sql`CREATE TABLE suspects AS SELECT hash FROM (SELECT hash(key) AS hash FROM commits) GROUP BY hash HAVING count(*) > 1`,
  );
  await session.execute(
    sql`CREATE TABLE repeated AS SELECT key, max(rowid) AS last FROM commits WHERE hash(key) IN (SELECT hash FROM suspects) GROUP BY key HAVING count(*) > 1`,
  );
  const compactions = files.flatMap(({ from, to }, number) => (from === to ? [] : [number]));
  if (compactions.length > 0) {
    const unreconciled = sql`SELECT number FROM commits WHERE number IN (${compactions}) AND key IN (SELECT key FROM repeated) GROUP BY number, key HAVING count(*) > 1 LIMIT 1`;
    const [row] = await session.rows(unreconciled);
    const file = row === undefined ? undefined : files[Number(row["number"])];
    if (file !== undefined) throw notReconciled(file);
  }
  await session.execute(
    sql`DELETE FROM commits USING repeated WHERE commits.key = repeated.key AND commits.rowid < repeated.last`,
  );
  await session.execute(sql`DROP TABLE repeated; DROP TABLE suspects`);
}

async function specialKeys(
  context: TableContext,
  session: Session,
  sources: readonly FileSource[],
): Promise<number> {
  let count = 0;
  for (const source of sources) {
    for (const kind of ["add", "remove"]) {
      if (!source.columns.has(kind)) continue;
      count += await addSpecialKeys(
        session,
        "special_keys",
        sql`SELECT ${quoteName(kind)}.path AS path FROM ${source.from}`,
        pathKeyer(context.store.uri),
      );
    }
  }
  return count;
}

function damagedCommits(error: unknown, files: readonly TailFile[]): unknown {
  if (!isVarveError(error, "SQL_FAILED", "DATA_FILE_CORRUPT", "ENGINE_FAILED", "DATA_FILE_MISSING"))
    return error;
  const named = files.find(({ file }) => error.message.includes(file.path)) ?? files[0];
  const compaction = files.find(({ from, to }) => from !== to);
  return new VarveError(
    "LOG_CORRUPT",
    `Cannot read the commits from ${named?.file.path ?? ""} onward: ${error.message} The log is damaged or was written by a faulty program.`,
    compaction === undefined
      ? { path: named?.file.path }
      : { path: named?.file.path, compaction: compaction.file.path },
    error,
  );
}

function structOf(text: string): EngineStruct {
  const type = parseEngineType(text);
  assertInternal(type.kind === "struct", `${text} is no struct type`);
  return type;
}
