import type { TableContext } from "../../log/contract.ts";
import type { Action, AddAction } from "../../protocol/actions.ts";
import { deletionVectorPlace } from "../../protocol/deletion-vector.ts";
import { removeAction } from "../../protocol/remove-action.ts";
import { appendAll } from "../../util/append-all.ts";
import { sizeOf } from "../../util/bit-sets.ts";
import { type MarkedFile, publishVectors } from "../data-files/deletion-vector-files.ts";
import { type PublishedFiles, withdrawData } from "../data-files/publish-data-files.ts";
import type { CommitRequest } from "./commit-request.ts";
import type { ReadWriteSet } from "./read-write-set.ts";
import { physicalRows, type WinningMark, type WinningMarks } from "./winning-marks.ts";

/**
 * The request of a transaction, whose deletion vectors are united with those that winners gave the same files.
 * `spec/conflicts.md`, "Marked rows".
 */
export class UnitedVectors implements PublishedFiles {
  readonly #context: TableContext;
  readonly #transaction: ReadWriteSet;
  /** The files that the transaction marks too, as the last winner left them. */
  readonly #shared = new Map<string, WinningMark>();
  readonly #files: { readonly path: string }[] = [];
  #request: CommitRequest;
  #isCurrent = true;

  constructor(context: TableContext, transaction: ReadWriteSet) {
    this.#context = context;
    this.#transaction = transaction;
    this.#request = transaction.request;
  }

  /** The vectors that were written here, superseded ones included. */
  get files(): readonly { readonly path: string }[] {
    return this.#files;
  }

  /** Takes note of marks that came first, and that have no row in common with the transaction's. */
  note(marks: WinningMarks): void {
    for (const [key, mark] of marks) {
      if (!this.#transaction.marked.has(key)) continue;
      this.#shared.set(key, mark);
      this.#isCurrent = false;
    }
  }

  /**
   * The request to commit on the winners so far, whose vectors are in the table's folder.
   *
   * @throws `STORE_UNAVAILABLE`, `STORE_REFUSED`, `CANCELLED`
   */
  async request(): Promise<CommitRequest> {
    if (this.#isCurrent) return this.#request;
    const united = [...this.#shared].flatMap(([key, mark]) => {
      const own = this.#transaction.marked.get(key);
      return own === undefined ? [] : [{ key, file: unitedFile(own, mark) }];
    });
    const kept = united.filter(({ file }) => file.liveRows > sizeOf(file.rows));
    const vectors = await publishVectors(
      this.#context,
      kept.map(({ file }) => file),
      this.#transaction.request.signal,
    );
    appendAll(this.#files, vectors.files);
    const removes = new Map(united.map(({ key, file }) => [key, file.add]));
    const adds = new Map(kept.map(({ key }, index) => [key, vectors.adds[index]]));
    this.#request = this.#requestWith(removes, adds);
    this.#isCurrent = true;
    return this.#request;
  }

  #requestWith(
    removes: ReadonlyMap<string, AddAction>,
    adds: ReadonlyMap<string, AddAction | undefined>,
  ): CommitRequest {
    const { request, tools } = this.#transaction;
    const actions = request.actions.flatMap((action): readonly Action[] => {
      if (action.kind !== "remove" && action.kind !== "add") return [action];
      const key = tools.pathKey(action.path);
      const removed = removes.get(key);
      if (removed === undefined) return [action];
      if (action.kind === "remove")
        return [{ ...removeAction(removed, 0), deletionTimestamp: action.deletionTimestamp }];
      const added = adds.get(key);
      return added === undefined ? [] : [added];
    });
    return { ...request, actions };
  }

  /** Removes the vectors that the committed request does not name any more. This is best effort, as a vacuum does it too. */
  async withdrawSuperseded(): Promise<void> {
    if (this.#shared.size === 0) return;
    const first = vectorPaths(this.#transaction.request).filter((path) => !isNamed(path, this.#request));
    const later = this.#files.filter(({ path }) => !isNamed(path, this.#request));
    await withdrawData(this.#context, { files: [...first.map((path) => ({ path })), ...later] });
  }
}

/** What the transaction marks, in the file as a winner left it. */
function unitedFile(own: MarkedFile, { add, deleted }: WinningMark): MarkedFile {
  const liveRows = physicalRows(own) - (add.deletionVector?.cardinality ?? 0);
  return { add, rows: own.rows, before: deleted, liveRows };
}

/** Paths of the vector files that a request's new files name. */
function vectorPaths({ actions }: CommitRequest): string[] {
  return actions.flatMap((action) => {
    if (action.kind !== "add" || action.deletionVector === undefined) return [];
    const place = deletionVectorPlace(action.deletionVector);
    return place.kind === "file" ? [place.path] : [];
  });
}

function isNamed(path: string, request: CommitRequest): boolean {
  return vectorPaths(request).includes(path);
}
