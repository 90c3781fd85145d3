import { isVarveError, VarveError } from "../../errors.ts";
import { readActions } from "../../protocol/action-json.ts";
import type { Action, AddAction, RemoveAction } from "../../protocol/actions.ts";
import type { ObjectInfo, ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { mapBounded, Turnstile } from "../../util/concurrency.ts";
import { type HeadAction, HeadReader, parseHeadActions } from "./commit-lines.ts";
import { commitPath } from "./file-names.ts";
import { recallCommit } from "./known-commits.ts";
import type { TailFile } from "./segment.ts";

/**
 * A commit or compaction whose head actions were read; `bytes` is kept if it is small, for reading its file
 * actions later.
 */
export interface TailPart {
  readonly file: TailFile;
  readonly head: readonly HeadAction[];
  readonly bytes?: Uint8Array | undefined;
  /** Upper bound of the bytes of its longest line. */
  readonly longestLine: number;
}

/** Bytes of commits that a snapshot keeps between opening and its first look at files. */
const keptBytes = 48 * 1024 * 1024;
/** Files of the log with more bytes than this are read piece by piece. */
export const pieceBytes = 8 * 1024 * 1024;
const parallelReads = 16;
const parallelBigReads = 2;

/**
 * Reads the head actions of commits and compactions, several at a time, in their order. PROTOCOL.md "Log
 * Compaction Files" and "Delta Log Entries".
 *
 * @throws `LOG_CORRUPT`; a compaction's error has `compaction`, its path, so that the caller can read without
 * it; `LOG_GAP` if a file vanished since it was listed
 */
export async function readTail(
  store: ObjectStore,
  files: readonly TailFile[],
  options: ReadOptions = {},
): Promise<TailPart[]> {
  let total = 0;
  for (const { file } of files) total += file.size;
  const keep = total <= keptBytes;
  // A big file needs memory for two pieces and its longest line.
  const bigReads = new Turnstile(parallelBigReads);
  return mapBounded(files, parallelReads, async (file) => {
    try {
      if (file.file.size > pieceBytes) {
        const { actions, longestLine } = await bigReads.run(() =>
          readHeadInPieces(store, file.file, options),
        );
        return { file, head: checked(file, actions), longestLine };
      }
      const bytes = recallCommit(store, file.file) ?? (await getListed(store, file, options));
      return {
        file,
        head: checked(file, parseHeadActions(bytes, file.file.path)),
        longestLine: bytes.length,
        bytes: keep ? bytes : undefined,
      };
    } catch (error) {
      throw tailError(file, error);
    }
  });
}

/** The head actions of parts, in order. */
export function headsOf(parts: readonly TailPart[]): HeadAction[] {
  return parts.flatMap((part) => part.head);
}

/**
 * A file with another size than when it was listed is another file, put late into a version that was cleaned
 * up since.
 */
async function getListed(
  store: ObjectStore,
  { from, file }: TailFile,
  options: ReadOptions,
): Promise<Uint8Array> {
  const bytes = await store.get(file.path, options);
  if (bytes.length !== file.size) throw resized(file, bytes.length, from);
  return bytes;
}

function resized(
  { path, size }: Pick<ObjectInfo, "path" | "size">,
  bytes: number,
  missing?: number,
): VarveError {
  const message = `${path} has ${bytes} bytes but had ${size} when it was listed: the log was cleaned up or changed by hand in between. Open the table again.`;
  return new VarveError("LOG_GAP", message, { missing, path });
}

/** The file actions of one commit or compaction, in order. @throws as {@link readTail} */
export async function readFileActions(
  store: ObjectStore,
  part: TailPart,
  options: ReadOptions = {},
): Promise<(AddAction | RemoveAction)[]> {
  try {
    const bytes = part.bytes ?? (await getListed(store, part.file, options));
    return fileActions(await readActions(bytes, part.file.file.path));
  } catch (error) {
    throw tailError(part.file, error);
  }
}

/** The adds and removes among actions, in order. */
export function fileActions(actions: readonly Action[]): (AddAction | RemoveAction)[] {
  return actions.filter(
    (action): action is AddAction | RemoveAction => action.kind === "add" || action.kind === "remove",
  );
}

/**
 * All actions of one commit.
 *
 * @throws `VERSION_NOT_FOUND` if there is no such commit file, `LOG_CORRUPT`
 */
export async function readCommit(
  store: ObjectStore,
  version: number,
  options: ReadOptions = {},
): Promise<Action[]> {
  const path = commitPath(version);
  try {
    return await readActions(await store.get(path, options), path);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
    const message = `The commit of version ${version} (${path}) does not exist: it was cleaned up, or never written. List the versions to see which exist.`;
    throw new VarveError("VERSION_NOT_FOUND", message, { version }, error);
  }
}

/**
 * Reads the head actions of a commit, compaction or JSON checkpoint piece by piece, scanning one while the
 * next is being fetched.
 *
 * @throws `LOG_CORRUPT`, `LIMIT_EXCEEDED`, `OBJECT_NOT_FOUND`; `LOG_GAP` for a file that is shorter than when
 * it was listed
 */
export async function readHeadInPieces(
  store: ObjectStore,
  file: Pick<ObjectInfo, "path" | "size">,
  options: ReadOptions = {},
): Promise<HeadReader> {
  const reader = new HeadReader(file.path);
  let next: Promise<Uint8Array> | undefined;
  for (let offset = 0; offset < file.size; offset += pieceBytes) {
    const piece = await (next ?? store.getRange(file.path, offset, pieceBytes, options));
    const expected = Math.min(pieceBytes, file.size - offset);
    if (piece.length !== expected) throw resized(file, offset + piece.length);
    const following = offset + pieceBytes;
    next = following < file.size ? store.getRange(file.path, following, pieceBytes, options) : undefined;
    // A failure is handled when its piece is awaited, or not at all if this piece fails first.
    next?.catch(() => undefined);
    reader.push(piece);
  }
  reader.finish();
  return reader;
}

/**
 * A compaction that is not reconciled holds several states of one key, and only the commits show which is the
 * newest.
 */
function checked(file: TailFile, head: HeadAction[]): HeadAction[] {
  if (file.from === file.to) return head;
  const subjects = head.map((action) => {
    if (action.kind === "txn") return `txn ${action.appId}`;
    return action.kind === "domainMetadata" ? `domainMetadata ${action.domain}` : action.kind;
  });
  if (new Set(subjects).size !== subjects.length) throw notReconciled(file);
  return head;
}

/** The error for a compaction that holds several actions with one key. */
export function notReconciled(file: TailFile): VarveError {
  const { path } = file.file;
  return new VarveError(
    "LOG_CORRUPT",
    `The log compaction ${path} cannot replace the commits ${file.from} to ${file.to}: it contains several actions with the same key, which the protocol forbids.`,
    { compaction: path },
  );
}

function tailError(file: TailFile, error: unknown): unknown {
  if (isVarveError(error, "OBJECT_NOT_FOUND")) {
    const message = `${file.file.path} disappeared after it was listed: the log is being cleaned up or was changed by hand. Open the table again.`;
    return new VarveError("LOG_GAP", message, { missing: file.from, path: file.file.path }, error);
  }
  if (!isVarveError(error, "LOG_CORRUPT", "LIMIT_EXCEEDED") || file.from === file.to) return error;
  return new VarveError("LOG_CORRUPT", error.message, { ...error.data, compaction: file.file.path }, error);
}
