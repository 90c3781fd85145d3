import { createHash } from "node:crypto";
import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { AddAction, DeletionVectorDescriptor } from "../../protocol/actions.ts";
import { deletionVectorPlace } from "../../protocol/deletion-vector.ts";
import { vectorFilePlace } from "../../protocol/encode-deletion-vector.ts";
import { decodeLogPath, encodeLogPath, hiveFolder } from "../../schema/paths.ts";
import type { ObjectInfo, ObjectStore } from "../../storage/contract/object-store.ts";
import { copyBetween } from "../../storage/copy-between.ts";
import { LogPaths } from "../../table/scan/data-files.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { mapBounded } from "../../util/concurrency.ts";
import { sumOf } from "../../util/sum.ts";

/** How many files of a version were placed where another table reads them. */
export interface CloneProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Files of a version in the place where another table reads them. */
export interface PlacedFiles {
  readonly adds: AddAction[];
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** Files that got a second name there, which costs no bytes; absent where none was to be linked. */
  readonly filesLinked?: number | undefined;
  readonly bytesLinked?: number | undefined;
}

/** How files are placed. */
export interface PlacingOptions {
  /**
   * Keep paths and row ids, and link files where the store can, as for a pin; default: names that follow from what was
   * copied, and no row ids, as for a clone.
   */
  readonly asPin?: boolean | undefined;
  readonly onProgress?: ((progress: CloneProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const copiesUnderWay = 8;

/**
 * Copies the data files and deletion vectors of a version into a clone's folder, server-side where the store can.
 *
 * A copy's name follows from what was copied, and it appears only when it is complete: a second run finds those that
 * are there and copies the rest.
 *
 * @throws `DATA_FILE_MISSING`, `STORE_FORBIDDEN`, `STORE_REFUSED`, `STORE_UNAVAILABLE`, `CANCELLED`
 */
export async function copyFiles(
  source: LogSnapshot,
  context: TableContext,
  files: readonly AddAction[],
  { asPin = false, onProgress, signal }: PlacingOptions,
): Promise<PlacedFiles> {
  const copier = new Copier(source, context, { asPin, signal });
  const totals = { totalFiles: files.length, totalBytes: sumOf(files, ({ size }) => size) };
  let [done, bytes] = [0, 0];
  const adds = await mapBounded(files, copiesUnderWay, async (file) => {
    throwIfCancelled(signal, "copying files");
    const copy = await copier.place(file);
    [done, bytes] = [done + 1, bytes + file.size];
    onProgress?.({ files: done, bytes, ...totals });
    return copy;
  });
  const { copied, linked } = copier;
  const placed = { adds, filesCopied: copied.files, bytesCopied: copied.bytes };
  return asPin ? { ...placed, filesLinked: linked.files, bytesLinked: linked.bytes } : placed;
}

class Copier {
  readonly copied = { files: 0, bytes: 0 };
  readonly linked = { files: 0, bytes: 0 };
  readonly #paths: LogPaths;
  readonly #source: LogSnapshot;
  readonly #target: ObjectStore;
  readonly #asPin: boolean;
  readonly #signal: AbortSignal | undefined;
  /** One file may hold the vectors of many. */
  readonly #vectors = new Map<string, Promise<string | undefined>>();

  constructor(
    source: LogSnapshot,
    { store }: TableContext,
    { asPin, signal }: { readonly asPin: boolean; readonly signal: AbortSignal | undefined },
  ) {
    this.#paths = new LogPaths(source.context);
    this.#source = source;
    this.#target = store;
    this.#asPin = asPin;
    this.#signal = signal;
  }

  async place(add: AddAction): Promise<AddAction> {
    const { baseRowId, defaultRowCommitVersion, ...file } = add;
    const { deletionVector } = file;
    const path = await this.#place(add.path, (digest) => dataPath(add, digest));
    return {
      ...file,
      ...(this.#asPin ? { baseRowId, defaultRowCommitVersion } : {}),
      path: encodeLogPath(path),
      dataChange: true,
      deletionVector: deletionVector === undefined ? undefined : await this.#vector(deletionVector),
    };
  }

  async #vector(vector: DeletionVectorDescriptor): Promise<DeletionVectorDescriptor> {
    const place = deletionVectorPlace(vector);
    if (place.kind === "inline") return vector;
    const placing = this.#vectors.get(place.path) ?? this.#placeVectors(place.path);
    this.#vectors.set(place.path, placing);
    const id = await placing;
    return id === undefined ? vector : { ...vector, storageType: "u", pathOrInlineDv: id };
  }

  /** Places a file of vectors; returns its id as descriptors have it, `undefined` if it is the one it had. */
  async #placeVectors(logPath: string): Promise<string | undefined> {
    let id: string | undefined;
    await this.#place(logPath, (digest) => {
      const place = vectorFilePlace(uuidOf(digest));
      id = place.id;
      return place.path;
    });
    return id;
  }

  async #place(logPath: string, nameOf: (digest: string) => string): Promise<string> {
    const { store, path } = await this.#paths.resolve(logPath);
    const info = await store.head(path, { signal: this.#signal });
    if (info === undefined) throw this.#missing(logPath);
    const isKept = this.#asPin && isOwnFile(logPath);
    const target = isKept ? path : nameOf(digestOf(store, info));
    try {
      await this.#bring(store, info, target);
    } catch (error) {
      // A vacuum may delete it between two requests.
      throw isVarveError(error, "OBJECT_NOT_FOUND") ? this.#missing(logPath, error) : error;
    }
    return target;
  }

  async #bring(store: ObjectStore, info: ObjectInfo, target: string): Promise<void> {
    const signal = this.#signal;
    if (this.#asPin && (await this.#target.linkFrom?.(store, info, target, { signal })) === true)
      return count(this.linked, info);
    const earlier = await this.#target.head(target, { signal });
    // A kept name says nothing about the content: a copy that is older than the file is one of another file.
    if (earlier?.size === info.size && (!this.#asPin || earlier.modified >= info.modified)) return;
    await copyBetween({ store, info }, { store: this.#target, path: target }, signal);
    count(this.copied, info);
  }

  #missing(path: string, cause?: unknown): VarveError {
    const { version, context } = this.#source;
    const { uri } = context.store;
    const [verb, nothing] = this.#asPin ? ["pinned", "No pin was made"] : ["cloned", "No table was made"];
    const action = this.#asPin ? "Pin" : "Clone";
    return new VarveError(
      "DATA_FILE_MISSING",
      `Version ${version} of ${uri} cannot be ${verb}: its file ${path} is gone, probably removed by a vacuum. ${nothing}. ${action} a later version, or put the file back.`,
      { version, path, store: uri, missing: [path] },
      cause,
    );
  }
}

function count(total: { files: number; bytes: number }, { size }: ObjectInfo): void {
  total.files++;
  total.bytes += size;
}

/** Whether a file may keep its path in a table of its own: it lies in the table's folder, and not among its log. */
function isOwnFile(logPath: string): boolean {
  const decoded = decodeLogPath(logPath);
  return decoded.kind === "relative" && !/^_delta_log\//i.test(decoded.path);
}

/** Differs for other files, and for another content of a file. */
function digestOf({ uri }: ObjectStore, { path, size, etag, modified }: ObjectInfo): string {
  return createHash("sha256")
    .update([uri, path, size, etag ?? modified].join("\0"))
    .digest("hex");
}

/** In the folder of the original, or in that of its partition if it is outside the source. */
function dataPath({ path, partitionValues }: AddAction, digest: string): string {
  const decoded = decodeLogPath(path);
  const whole = decoded.kind === "relative" ? decoded.path : decoded.uri;
  const folder =
    decoded.kind === "relative"
      ? whole.slice(0, Math.max(0, whole.lastIndexOf("/")))
      : hiveFolder(Object.entries(partitionValues));
  const [ending] = /(?:\.[a-z0-9]{1,12})?\.parquet$/.exec(whole) ?? [".parquet"];
  const name = `part-00000-${uuidOf(digest)}.c000${ending}`;
  return folder === "" ? name : `${folder}/${name}`;
}

/** Bits of a digest as a UUID, of the version that is for such (RFC 9562, version 8). */
function uuidOf(digest: string): string {
  return digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-8$3-8$4-$5");
}
