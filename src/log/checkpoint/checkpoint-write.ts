import { VarveError } from "../../errors.ts";
import { serializeActions } from "../../protocol/action-json.ts";
import type { Action, SidecarAction } from "../../protocol/actions.ts";
import { writerLists } from "../../protocol/features.ts";
import { type MaintenanceProperties, maintenanceProperties } from "../../protocol/maintenance-properties.ts";
import { appendAll } from "../../util/append-all.ts";
import { defined } from "../../util/defined.ts";
import type { JsonObject } from "../../util/json.ts";
import { stringifyJson } from "../../util/json.ts";
import type { LogSnapshot, TableContext } from "../contract.ts";
import {
  checkpointPath,
  lastCheckpointPath,
  sidecarFolder,
  uuidCheckpointPath,
} from "../segment/file-names.ts";
import { hintChecksum, readHint } from "../segment/last-checkpoint.ts";
import { checkpointFiles, checkpointHead } from "./checkpoint-content.ts";
import { type ParquetPart, writeCheckpointParquet } from "./checkpoint-parquet.ts";

/** Layout of a checkpoint. */
export interface CheckpointOptions {
  /**
   * Default: by the property `delta.checkpointPolicy`; `v2` only if the table supports the feature
   * v2Checkpoint.
   */
  readonly kind?: "classic" | "v2" | undefined;
  /**
   * V2: up to this many file actions are in the checkpoint itself, as JSON; more go to Parquet sidecars.
   * Default 200.
   */
  readonly inlineLimit?: number | undefined;
}

/** A written checkpoint. */
export interface CheckpointSummary {
  readonly version: number;
  readonly path: string;
  readonly kind: "classic" | "v2";
  /** Actions in the checkpoint and its sidecars. */
  readonly actions: number;
  readonly adds: number;
  /** Size of the checkpoint and its sidecars. */
  readonly bytes: number;
  readonly sidecars: readonly string[];
}

/**
 * Writes a checkpoint of a snapshot and then, last, the hint `_last_checkpoint` (PROTOCOL.md "Checkpoints").
 *
 * The caller ensures that varve supports the table's protocol as a writer. Two writers of the same version do
 * no harm, because both write the same content.
 *
 * @throws `INVALID_ARGUMENT` for kind `v2` on a table without the feature; `UNSUPPORTED_FEATURE` for a table
 * that cannot be read
 */
export async function writeCheckpoint(
  snapshot: LogSnapshot,
  options: CheckpointOptions = {},
): Promise<CheckpointSummary> {
  const properties = maintenanceProperties(snapshot.metadata);
  const supported = writerLists(snapshot.protocol, "v2Checkpoint");
  const kind = options.kind ?? (supported ? properties.checkpointPolicy : "classic");
  if (kind === "v2" && !supported) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Cannot write a V2 checkpoint: the table does not have the feature v2Checkpoint. Enable it first.",
    );
  }
  const now = snapshot.context.world.now();
  const summary =
    kind === "v2"
      ? await writeV2(snapshot, properties, now, options.inlineLimit ?? 200)
      : await writeClassic(snapshot, properties, now);
  await writeHint(snapshot.context, summary);
  return summary;
}

/** PROTOCOL.md "V1 Spec" and "Classic checkpoint". */
async function writeClassic(
  snapshot: LogSnapshot,
  properties: MaintenanceProperties,
  now: number,
): Promise<CheckpointSummary> {
  const head = await checkpointHead(snapshot, properties, now);
  const path = checkpointPath(snapshot.version);
  const written = await writeCheckpointParquet(snapshot, path, {
    head,
    files: checkpointFiles(snapshot, properties, now),
    properties,
  });
  return {
    version: snapshot.version,
    path,
    kind: "classic",
    actions: written.actions,
    adds: written.adds,
    bytes: written.bytes,
    sidecars: [],
  };
}

/**
 * PROTOCOL.md "V2 Spec", "V2 Checkpoint Table Feature" and "Checkpoint Metadata": the top level of a V2
 * checkpoint.
 */
async function writeV2(
  snapshot: LogSnapshot,
  properties: MaintenanceProperties,
  now: number,
  inlineLimit: number,
): Promise<CheckpointSummary> {
  const { context, version } = snapshot;
  const head = await checkpointHead(snapshot, properties, now);
  const files = checkpointFiles(snapshot, properties, now);
  const first: Action[] = [];
  for await (const chunk of { [Symbol.asyncIterator]: () => withoutReturn(files) }) {
    appendAll(first, chunk);
    if (first.length > inlineLimit) break;
  }
  const inline = first.length <= inlineLimit;
  const sidecar = inline ? undefined : await writeSidecar(snapshot, chain(first, files), properties);
  const adds = sidecar?.part.adds ?? first.filter((action) => action.kind === "add").length;
  const tags = defined({
    numOfAddFiles: String(adds),
    sidecarNumActions: sidecar === undefined ? undefined : String(sidecar.part.actions),
    sidecarSizeInBytes: sidecar === undefined ? undefined : String(sidecar.part.bytes),
  });
  const content: Action[] = [
    { kind: "checkpointMetadata", version, tags },
    ...head,
    ...(sidecar === undefined ? first : [sidecar.action]),
  ];
  const bytes = serializeActions(content);
  const path = uuidCheckpointPath(version, context.world.uuid(), "json");
  await context.store.put(path, bytes);
  return {
    version,
    path,
    kind: "v2",
    actions: content.length + (sidecar?.part.actions ?? 0),
    adds,
    bytes: bytes.byteLength + (sidecar?.part.bytes ?? 0),
    sidecars: sidecar === undefined ? [] : [sidecar.path],
  };
}

interface WrittenSidecar {
  readonly path: string;
  readonly action: SidecarAction;
  readonly part: ParquetPart;
}

/** PROTOCOL.md "Sidecar Files" and "Sidecar File Information". */
async function writeSidecar(
  snapshot: LogSnapshot,
  files: AsyncIterable<readonly Action[]>,
  properties: MaintenanceProperties,
): Promise<WrittenSidecar> {
  const name = `${snapshot.context.world.uuid()}.parquet`;
  const path = `${sidecarFolder}/${name}`;
  const part = await writeCheckpointParquet(snapshot, path, { files, properties });
  return {
    path,
    part,
    action: {
      kind: "sidecar",
      path: name,
      sizeInBytes: part.bytes,
      modificationTime: snapshot.context.world.now(),
    },
  };
}

/**
 * Writes the hint for a checkpoint, unless it already names a newer one. PROTOCOL.md "Last Checkpoint File
 * Schema".
 */
async function writeHint(context: TableContext, summary: CheckpointSummary): Promise<void> {
  const known = await readHint(context.store);
  if (known !== undefined && known > summary.version) return;
  const hint: JsonObject = {
    version: summary.version,
    size: summary.actions,
    sizeInBytes: summary.bytes,
    numOfAddFiles: summary.adds,
  };
  const text = stringifyJson(defined({ ...hint, checksum: hintChecksum(hint) }));
  await context.store.put(lastCheckpointPath, new TextEncoder().encode(text));
}

/** Wraps an iterator so that leaving a loop early does not end it. */
function withoutReturn<T>(iterator: AsyncGenerator<T>): AsyncIterator<T> {
  return { next: () => iterator.next() };
}

async function* chain(
  first: readonly Action[],
  rest: AsyncIterable<readonly Action[]>,
): AsyncGenerator<readonly Action[]> {
  yield first;
  yield* rest;
}
