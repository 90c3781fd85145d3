import { createHash } from "node:crypto";
import { VarveError } from "../../errors.ts";
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

/** How much of a deep clone is copied. */
export interface CloneProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Files of a version in the place where a clone reads them. */
export interface PlacedFiles {
  readonly adds: AddAction[];
  readonly filesCopied: number;
  readonly bytesCopied: number;
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
  {
    onProgress,
    signal,
  }: {
    readonly onProgress?: ((progress: CloneProgress) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<PlacedFiles> {
  const copier = new Copier(source, context, signal);
  const totals = { totalFiles: files.length, totalBytes: sumOf(files, ({ size }) => size) };
  let [done, bytes] = [0, 0];
  const adds = await mapBounded(files, copiesUnderWay, async (file) => {
    throwIfCancelled(signal, "copying files");
    const copy = await copier.copied(file);
    [done, bytes] = [done + 1, bytes + file.size];
    onProgress?.({ files: done, bytes, ...totals });
    return copy;
  });
  return { adds, filesCopied: copier.files, bytesCopied: copier.bytes };
}

class Copier {
  /** Data files that were copied, and bytes of all that was. */
  files = 0;
  bytes = 0;
  readonly #paths: LogPaths;
  readonly #source: LogSnapshot;
  readonly #target: ObjectStore;
  readonly #signal: AbortSignal | undefined;
  /** One file may hold the vectors of many. */
  readonly #vectors = new Map<string, Promise<string>>();

  constructor(source: LogSnapshot, { store }: TableContext, signal: AbortSignal | undefined) {
    this.#paths = new LogPaths(source.context);
    this.#source = source;
    this.#target = store;
    this.#signal = signal;
  }

  async copied(add: AddAction): Promise<AddAction> {
    const { baseRowId: _, defaultRowCommitVersion: __, ...file } = add;
    const { deletionVector } = file;
    const path = await this.#copy(add.path, (digest) => dataPath(add, digest));
    return {
      ...file,
      path: encodeLogPath(path),
      dataChange: true,
      deletionVector: deletionVector === undefined ? undefined : await this.#vector(deletionVector),
    };
  }

  async #vector(vector: DeletionVectorDescriptor): Promise<DeletionVectorDescriptor> {
    const place = deletionVectorPlace(vector);
    if (place.kind === "inline") return vector;
    const copying = this.#vectors.get(place.path) ?? this.#copyVectors(place.path);
    this.#vectors.set(place.path, copying);
    return { ...vector, storageType: "u", pathOrInlineDv: await copying };
  }

  /** Copies a file of vectors; returns its id as descriptors have it. */
  async #copyVectors(logPath: string): Promise<string> {
    let id = "";
    await this.#copy(logPath, (digest) => {
      const place = vectorFilePlace(uuidOf(digest));
      id = place.id;
      return place.path;
    });
    return id;
  }

  async #copy(logPath: string, nameOf: (digest: string) => string): Promise<string> {
    const { store, path } = await this.#paths.resolve(logPath);
    const info = await store.head(path, { signal: this.#signal });
    if (info === undefined) throw this.#missing(logPath);
    const target = nameOf(digestOf(store, info));
    const earlier = await this.#target.head(target, { signal: this.#signal });
    if (earlier?.size === info.size) return target;
    await copyBetween({ store, info }, { store: this.#target, path: target }, this.#signal);
    this.files++;
    this.bytes += info.size;
    return target;
  }

  #missing(path: string): VarveError {
    const { version, context } = this.#source;
    const { uri } = context.store;
    return new VarveError(
      "DATA_FILE_MISSING",
      `Version ${version} of ${uri} cannot be cloned: its file ${path} is gone, probably removed by a vacuum. No table was made. Clone a later version, or put the file back.`,
      { version, path, store: uri, missing: [path] },
    );
  }
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
