import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import {
  type CheckpointHead,
  countCheckpointRows,
  readCheckpointFiles,
} from "../checkpoint/checkpoint-read.ts";
import type { FileLimits, LiveFiles, TableContext } from "../contract.ts";
import type { LogSchema } from "../pruning/file-test.ts";
import { type FileKeyer, fileKeyer } from "../segment/file-key.ts";
import type { LogSegment } from "../segment/segment.ts";
import { notReconciled, readFileActions, type TailPart } from "../segment/tail-read.ts";
import { EngineFiles } from "./engine-files.ts";
import { loadEngineBase } from "./engine-load.ts";
import { type FileMap, MemoryFiles, memoryFiles, replayInto } from "./memory-files.ts";

/** Sources of the live files of a version. */
export interface FileOrigin {
  readonly segment: LogSegment;
  readonly tail: readonly TailPart[];
  readonly head: CheckpointHead | undefined;
  readonly table: LogSchema;
}

/**
 * About 5,000 files each: above that, the engine, even if it must be started, is faster than making objects.
 */
const defaultFileLimits: FileLimits = Object.freeze({ checkpointRows: 5_000, jsonBytes: 2 * 1024 * 1024 });

/** Replays the files of a version. @throws `LOG_CORRUPT`, `CHECKPOINT_CORRUPT` */
export async function loadFiles(
  context: TableContext,
  origin: FileOrigin,
  limits = defaultFileLimits,
): Promise<LiveFiles> {
  const { segment, head } = origin;
  const keyOf = fileKeyer(context.store.uri);
  const checkpoint =
    segment.checkpoint === undefined || head === undefined ? undefined : { files: segment.checkpoint, head };
  const commitBytes = segment.tail.reduce((sum, { file }) => sum + file.size, 0);
  const jsonBytes =
    checkpoint?.files.format === "json"
      ? checkpoint.files.files.reduce((sum, file) => sum + file.size, 0)
      : 0;
  const bigCommits = commitBytes > limits.jsonBytes;
  const bigCheckpoint =
    checkpoint !== undefined &&
    (jsonBytes > limits.jsonBytes ||
      (await countCheckpointRows(context, checkpoint.files, checkpoint.head)) > limits.checkpointRows);
  if (bigCommits || bigCheckpoint) {
    const base = await loadEngineBase(context, { checkpoint, commits: bigCommits ? origin.tail : [] });
    const overlay: FileMap = new Map();
    if (!bigCommits) await replayTail(context, origin.tail, overlay, keyOf);
    return new EngineFiles(base, overlay, origin.table);
  }
  const map: FileMap = new Map();
  if (checkpoint !== undefined)
    replayInto(map, await readCheckpointFiles(context, checkpoint.files, checkpoint.head), keyOf);
  await replayTail(context, origin.tail, map, keyOf);
  return memoryFiles(map, new Map(), origin.table);
}

/** The files after further commits; `undefined` if it is cheaper to load them again. */
export async function advanceFiles(
  context: TableContext,
  before: LiveFiles,
  added: readonly TailPart[],
  table: LogSchema,
): Promise<LiveFiles | undefined> {
  if (!(before instanceof MemoryFiles || before instanceof EngineFiles)) return undefined;
  const keyOf = fileKeyer(context.store.uri);
  const actions: (AddAction | RemoveAction)[] = [];
  for (const part of added)
    for (const action of await readFileActions(context.store, part)) actions.push(action);
  return before.advance(actions, keyOf, table);
}

async function replayTail(
  context: TableContext,
  tail: readonly TailPart[],
  into: FileMap,
  keyOf: FileKeyer,
): Promise<void> {
  for (const part of tail) {
    const actions = await readFileActions(context.store, part);
    if (part.file.from !== part.file.to && new Set(actions.map(keyOf)).size !== actions.length)
      throw notReconciled(part.file);
    replayInto(into, actions, keyOf);
  }
}
