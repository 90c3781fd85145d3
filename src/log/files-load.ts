import type { StructType } from "../schema/types.ts";
import type { CheckpointHead } from "./checkpoint-read.ts";
import { readCheckpointFiles } from "./checkpoint-read.ts";
import type { LiveFiles, TableContext } from "./contract.ts";
import { fileKeyer } from "./file-key.ts";
import { type FileMap, MemoryFiles, memoryFiles, replayInto } from "./memory-files.ts";
import type { LogSegment } from "./segment.ts";
import { readFileActions, type TailPart } from "./tail-read.ts";

/** What the live files of a version are made from. */
export interface FileSource {
  readonly segment: LogSegment;
  readonly tail: readonly TailPart[];
  readonly head: CheckpointHead | undefined;
  readonly schema: StructType;
}

/** Replays the files of a version. @throws `LOG_CORRUPT`, `CHECKPOINT_CORRUPT` */
export async function loadFiles(context: TableContext, source: FileSource): Promise<LiveFiles> {
  const keyOf = fileKeyer(context.store.uri);
  const map: FileMap = new Map();
  if (source.segment.checkpoint !== undefined && source.head !== undefined) {
    replayInto(map, await readCheckpointFiles(context, source.segment.checkpoint, source.head), keyOf);
  }
  for (const part of source.tail) replayInto(map, await readFileActions(context.store, part), keyOf);
  return memoryFiles(map, new Map(), source.schema);
}

/** The files after further commits. */
export async function advanceFiles(
  context: TableContext,
  before: LiveFiles,
  added: readonly TailPart[],
  schema: StructType,
): Promise<LiveFiles> {
  if (!(before instanceof MemoryFiles)) throw new TypeError("varve internal error: unknown kind of live files");
  const keyOf = fileKeyer(context.store.uri);
  let files = before;
  for (const part of added) files = files.advance(await readFileActions(context.store, part), keyOf, schema);
  return files;
}
