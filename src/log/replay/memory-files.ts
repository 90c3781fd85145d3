import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { pathsOf } from "../../protocol/named-paths.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import type { LiveFiles, PrunedFiles } from "../contract.ts";
import type { LogSchema } from "../pruning/file-test.ts";
import { mayMatchFile } from "../pruning/pruning.ts";
import type { FileKeyer } from "../segment/file-key.ts";

/** The newest file action of each logical file, by its key. */
export type FileMap = Map<string, AddAction | RemoveAction>;

/** Number of files per chunk of {@link LiveFiles.all} and {@link LiveFiles.tombstones}. */
export const filesPerChunk = 2048;

/**
 * Applies file actions in order and keeps the newest of each logical file. PROTOCOL.md "Action
 * Reconciliation": action reconciliation in memory, with deletion vectors.
 */
export function replayInto(
  map: FileMap,
  actions: Iterable<AddAction | RemoveAction>,
  keyOf: FileKeyer,
): void {
  for (const action of actions) map.set(keyOf(action), action);
}

/**
 * Live files of a table that is small enough to be held as objects: a base shared between versions, and the
 * newer actions over it.
 *
 * Both maps belong to it from now on and must not be changed.
 */
export function memoryFiles(
  base: ReadonlyMap<string, AddAction | RemoveAction>,
  overlay: ReadonlyMap<string, AddAction | RemoveAction>,
  table: LogSchema,
): MemoryFiles {
  return new MemoryFiles(base, overlay, table);
}

/** See {@link memoryFiles}. */
export class MemoryFiles implements LiveFiles {
  readonly #base: ReadonlyMap<string, AddAction | RemoveAction>;
  readonly #overlay: ReadonlyMap<string, AddAction | RemoveAction>;
  readonly #table: LogSchema;

  constructor(
    base: ReadonlyMap<string, AddAction | RemoveAction>,
    overlay: ReadonlyMap<string, AddAction | RemoveAction>,
    table: LogSchema,
  ) {
    this.#base = base;
    this.#overlay = overlay;
    this.#table = table;
  }

  /** The files after further actions; the cost depends only on these until they outgrow the base. */
  advance(actions: Iterable<AddAction | RemoveAction>, keyOf: FileKeyer, table: LogSchema): MemoryFiles {
    const overlay: FileMap = new Map(this.#overlay);
    replayInto(overlay, actions, keyOf);
    if (overlay.size < 1000 || overlay.size < this.#base.size)
      return new MemoryFiles(this.#base, overlay, table);
    return new MemoryFiles(new Map([...this.#base, ...overlay]), new Map(), table);
  }

  async totals(): Promise<{ files: number; bytes: number }> {
    let files = 0;
    let bytes = 0;
    for (const action of this.#actions()) {
      if (action.kind !== "add") continue;
      files++;
      bytes += action.size;
    }
    return { files, bytes };
  }

  async *all(): AsyncIterable<readonly AddAction[]> {
    yield* chunks(this.#actions(), (action): action is AddAction => action.kind === "add");
  }

  async *paths(): AsyncIterable<readonly string[]> {
    for await (const chunk of this.all()) yield chunk.map((add) => add.path);
  }

  async *references(kind: "add" | "remove", since?: number): AsyncIterable<readonly string[]> {
    yield* references(this.#actions(), kind, since);
  }

  async prune(predicate: Predicate): Promise<PrunedFiles> {
    const mayMatch = mayMatchFile(predicate, this.#table);
    const files: AddAction[] = [];
    let listed = 0;
    for (const action of this.#actions()) {
      if (action.kind !== "add") continue;
      listed++;
      if (mayMatch(action)) files.push(action);
    }
    return { files, listed, skipped: listed - files.length };
  }

  async *tombstones(): AsyncIterable<readonly RemoveAction[]> {
    yield* chunks(this.#actions(), (action): action is RemoveAction => action.kind === "remove");
  }

  *#actions(): Iterable<AddAction | RemoveAction> {
    for (const [key, action] of this.#base) if (!this.#overlay.has(key)) yield action;
    yield* this.#overlay.values();
  }
}

/** See {@link LiveFiles.references}. */
export function* references(
  actions: Iterable<AddAction | RemoveAction>,
  kind: "add" | "remove",
  since = -Infinity,
): Iterable<readonly string[]> {
  const wanted = (action: AddAction | RemoveAction): action is AddAction | RemoveAction =>
    action.kind === kind && (action.kind === "add" || (action.deletionTimestamp ?? 0) >= since);
  for (const chunk of chunks(actions, wanted)) yield chunk.flatMap(pathsOf);
}

function* chunks<T extends AddAction | RemoveAction>(
  actions: Iterable<AddAction | RemoveAction>,
  wanted: (action: AddAction | RemoveAction) => action is T,
): Iterable<readonly T[]> {
  let chunk: T[] = [];
  for (const action of actions) {
    if (!wanted(action)) continue;
    chunk.push(action);
    if (chunk.length < filesPerChunk) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
