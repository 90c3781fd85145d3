import type { Session } from "../../engine/core/contract.ts";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import { actionFromJson, readActions } from "../../protocol/action-json.ts";
import type { Action, AddAction, RemoveAction, SidecarAction } from "../../protocol/actions.ts";
import { logPathKey } from "../../schema/paths.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { ObjectInfo } from "../../storage/contract/object-store.ts";
import { isJsonObject, parseJson } from "../../util/json.ts";
import type { TableContext } from "../contract.ts";
import { type HeadAction, type HeadReader, isHead } from "../segment/commit-lines.ts";
import { pathKeyer } from "../segment/file-key.ts";
import { sidecarFolder } from "../segment/file-names.ts";
import type { CheckpointFiles } from "../segment/listing.ts";
import { withLogSession } from "../segment/log-session.ts";
import { fileActions, pieceBytes, readHeadInPieces } from "../segment/tail-read.ts";
import { type ActionRelation, actionJsonSql, describeActions, headKinds } from "./action-sql.ts";

/** The actions of a checkpoint that are not about files, and the sidecars that hold the file actions. */
export interface CheckpointHead {
  readonly actions: readonly HeadAction[];
  /** Paths of sidecars, relative to the table's root. */
  readonly sidecars: readonly string[];
  /** Upper bound of the bytes of the longest line of a JSON checkpoint. */
  readonly longestLine?: number | undefined;
  /** The file actions of a small checkpoint, which was read as a whole. */
  readonly files?: readonly (AddAction | RemoveAction)[] | undefined;
}

/** How to read a checkpoint. */
export interface CheckpointReadOptions {
  /** Has the engine read even a small one: it refuses a file for damage in what nothing is read of. */
  readonly byEngine?: boolean | undefined;
}

/**
 * Reads what is needed to open a snapshot: every action of a checkpoint that is not about files. PROTOCOL.md
 * "V2 Spec" and "Sidecar Files": the top level of a V2 checkpoint.
 *
 * @throws `CHECKPOINT_CORRUPT` with `path`, the checkpoint's first file, if files are damaged or gone;
 * `PATH_OUTSIDE_TABLE` for a sidecar elsewhere
 */
export async function readCheckpointHead(
  context: TableContext,
  checkpoint: CheckpointFiles,
  { byEngine = false }: CheckpointReadOptions = {},
): Promise<CheckpointHead> {
  const { actions, longestLine, files } = await guarded(checkpoint, async () => {
    const [file] = checkpoint.files;
    if (checkpoint.format === "json" && file !== undefined)
      return { ...(await readJsonHead(context, checkpoint, file)), files: undefined };
    const { readSmallCheckpoint } = await import("./small-checkpoint.ts");
    const small = byEngine ? undefined : await readSmallCheckpoint(context, checkpoint);
    if (small !== undefined)
      return { actions: small.filter(isHead), longestLine: undefined, files: fileActions(small) };
    const rows = await withLogSession(context, async (session) => {
      const relation = await checkpointRelation(
        context,
        session,
        checkpoint.files.map((file) => file.path),
      );
      return readHeadRows(session, relation, file?.path ?? "");
    });
    return { actions: rows, longestLine: undefined, files: undefined };
  });
  if (!actions.some((action) => action.kind === "protocol" || action.kind === "metaData"))
    throw incomplete(checkpoint);
  const sidecars = actions.filter((action): action is SidecarAction => action.kind === "sidecar");
  const paths = sidecars.map((sidecar) => sidecarPath(context, sidecar.path));
  return { actions, sidecars: paths, longestLine, files };
}

/** Reads the file actions of a small checkpoint as objects. @throws as {@link readCheckpointHead} */
export async function readCheckpointFiles(
  context: TableContext,
  checkpoint: CheckpointFiles,
  head: CheckpointHead,
): Promise<readonly (AddAction | RemoveAction)[]> {
  if (head.files !== undefined) return head.files;
  return guarded(checkpoint, async () => {
    const actions =
      checkpoint.format === "json" ? fileActions(await readJsonCheckpoint(context, checkpoint)) : [];
    const paths = parquetPaths(checkpoint, head);
    if (paths.length === 0) return actions;
    return withLogSession(context, async (session) => {
      const relation = await checkpointRelation(context, session, paths);
      return [...actions, ...(await readFileRows(session, relation, checkpoint.files[0]?.path ?? ""))];
    });
  });
}

/**
 * Upper bound of the number of file actions of a checkpoint: its actions, or rows by the footers of its Parquet files.
 *
 * @throws as {@link readCheckpointHead}
 */
export async function countCheckpointRows(
  context: TableContext,
  checkpoint: CheckpointFiles,
  head: CheckpointHead,
): Promise<number> {
  if (head.files !== undefined) return head.files.length + head.actions.length;
  const paths = parquetPaths(checkpoint, head);
  if (paths.length === 0) return 0;
  return guarded(checkpoint, () =>
    withLogSession(context, async (session) => {
      const { from } = await checkpointRelation(context, session, paths);
      const [row] = await session.rows(sql`SELECT count(*) AS rows FROM ${from}`);
      return Number(row?.["rows"] ?? 0);
    }),
  );
}

/** The Parquet files that hold a checkpoint's file actions, relative to the table's root. */
export function parquetPaths(checkpoint: CheckpointFiles, head: CheckpointHead): string[] {
  return [
    ...(checkpoint.format === "parquet" ? checkpoint.files.map((file) => file.path) : []),
    ...head.sidecars,
  ];
}

/** The relation of Parquet files of a checkpoint. @throws `OBJECT_NOT_FOUND` */
async function checkpointRelation(
  context: TableContext,
  session: Session,
  paths: readonly string[],
): Promise<ActionRelation> {
  const files: string[] = [];
  for (const path of paths) files.push(await context.localFile(path));
  return describeActions(session, files);
}

/**
 * Runs a read of a checkpoint, and converts errors caused by damage to `CHECKPOINT_CORRUPT` with its `path`.
 */
export async function guarded<T>(checkpoint: CheckpointFiles, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isVarveError(error) || !damageCodes.has(error.code)) throw error;
    const path = checkpoint.files[0]?.path ?? "";
    const message = `Cannot read the checkpoint ${path}: ${error.message} Trying other checkpoints and commits instead.`;
    throw new VarveError("CHECKPOINT_CORRUPT", message, { path, version: checkpoint.version }, error);
  }
}

/**
 * A checkpoint holds the whole state of its version: one with neither protocol nor metadata was truncated or
 * is not a checkpoint. One that has only one of the two is complete but from a faulty writer; the commits
 * before it may be no better, so opening fails.
 */
function incomplete(checkpoint: CheckpointFiles): VarveError {
  const path = checkpoint.files[0]?.path ?? "";
  const message = `Cannot read the checkpoint ${path}: it has no protocol and no metaData action. Trying other checkpoints and commits instead.`;
  return new VarveError("CHECKPOINT_CORRUPT", message, { path, version: checkpoint.version });
}

/** Errors that a damaged file may cause; `MEMORY_LIMIT_TOO_SMALL` says nothing about the file. */
const damageCodes: ReadonlySet<string> = new Set([
  "LOG_CORRUPT",
  "LIMIT_EXCEEDED",
  "OBJECT_NOT_FOUND",
  "DATA_FILE_MISSING",
  "DATA_FILE_CORRUPT",
  "SQL_FAILED",
  "ENGINE_FAILED",
  "SCHEMA_INVALID",
]);

/** A checkpoint that is not big is read whole, so that damage anywhere in it is found immediately. */
async function readJsonHead(
  context: TableContext,
  checkpoint: CheckpointFiles,
  file: ObjectInfo,
): Promise<Pick<HeadReader, "actions" | "longestLine">> {
  if (file.size > pieceBytes) return readHeadInPieces(context.store, file);
  return { actions: (await readJsonCheckpoint(context, checkpoint)).filter(isHead), longestLine: file.size };
}

async function readJsonCheckpoint(context: TableContext, checkpoint: CheckpointFiles): Promise<Action[]> {
  const path = checkpoint.files[0]?.path ?? "";
  return readActions(await context.store.get(path), path);
}

async function readHeadRows(
  session: Session,
  relation: ActionRelation,
  source: string,
): Promise<HeadAction[]> {
  const kinds = headKinds.filter((kind) => relation.columns.has(kind));
  if (kinds.length === 0) return [];
  const columns = kinds.map((kind) => sql`${jsonOf(relation, kind)} AS ${quoteName(kind)}`);
  const present = joinSql(
    kinds.map((kind) => sql`${quoteName(kind)} IS NOT NULL`),
    sql` OR `,
  );
  const rows = await session.rows(
    sql`SELECT ${columns} FROM (SELECT ${kinds.map(quoteName)} FROM ${relation.from}) WHERE ${present}`,
  );
  return rows.flatMap((row) => kinds.flatMap((kind) => readJson(kind, row[kind], source)).filter(isHead));
}

async function readFileRows(
  session: Session,
  relation: ActionRelation,
  source: string,
): Promise<(AddAction | RemoveAction)[]> {
  const kinds = (["add", "remove"] as const).filter((kind) => relation.columns.has(kind));
  if (kinds.length === 0) return [];
  const columns = kinds.map((kind) => sql`${jsonOf(relation, kind)} AS ${quoteName(kind)}`);
  const present = joinSql(
    kinds.map((kind) => sql`${quoteName(kind)} IS NOT NULL`),
    sql` OR `,
  );
  const rows = await session.rows(
    sql`SELECT * FROM (SELECT ${columns} FROM ${relation.from}) WHERE ${present}`,
  );
  return rows.flatMap((row) => fileActions(kinds.flatMap((kind) => readJson(kind, row[kind], source))));
}

function jsonOf(relation: ActionRelation, kind: string): SqlExpression {
  const type = relation.columns.get(kind);
  assertInternal(type !== undefined, `a checkpoint is asked for its column ${kind}, which it does not have`);
  return actionJsonSql(kind, type);
}

/** Parses an action from the engine's JSON text. */
function readJson(kind: Action["kind"], text: unknown, source: string): Action[] {
  if (text === null || text === undefined) return [];
  const body = typeof text === "string" ? parseJson(text) : undefined;
  if (!isJsonObject(body))
    throw new VarveError("LOG_CORRUPT", `${source}: ${kind} must be an object.`, { path: source });
  return [actionFromJson(kind, body, source)];
}

/** Sidecars live in one folder, whatever their path says more (PROTOCOL.md "Sidecar File Information"). */
function sidecarPath(context: TableContext, written: string): string {
  const key = pathKeyer(context.store.uri)(written);
  const name = key.startsWith(`${sidecarFolder}/`) ? key.slice(sidecarFolder.length + 1) : key;
  if (name !== "" && !name.includes("/") && name !== "." && name !== "..") return `${sidecarFolder}/${name}`;
  throw new VarveError(
    "PATH_OUTSIDE_TABLE",
    `A checkpoint refers to the sidecar ${JSON.stringify(logPathKey(written))}, which is not in the table's ${sidecarFolder}.`,
    {
      path: written,
    },
  );
}
