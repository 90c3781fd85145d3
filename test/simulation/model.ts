import { lastCheckpointPath, parseLogPath } from "../../src/log/segment/file-names.ts";
import { parseActions } from "../../src/protocol/action-json.ts";
import { checkCommit } from "./check-commit.ts";
import { checkDeletion } from "./check-deletion.ts";
import { type ModelCommit, type ModelState, type OperationNote, replay, Violation } from "./model-state.ts";
import type { SimBucket, Stored, StoreWitness } from "./sim-store.ts";
import { vectorPath } from "./vectors.ts";

/**
 * Sees every commit the moment it lands, keeps it for good, and checks what must hold for it on its own:
 * versions grow by one, nothing is ever replaced, each commit is what its operation would have done alone,
 * and nothing is deleted that is still needed.
 */
export class Model implements StoreWitness {
  /** The version that the table began with. */
  readonly first: number;
  readonly commits: ModelCommit[] = [];
  readonly #states: ModelState[] = [];
  /**
   * Commits written anew into versions that had been cleaned up: never part of the table, never to be
   * acknowledged.
   */
  readonly ghosts: ModelCommit[] = [];
  /** Paths of ghosts that are in the log now. */
  readonly ghostPaths = new Set<string>();
  /** Paths of every file that a commit ever added. */
  readonly named = new Set<string>();
  /** Files that a vacuum deleted, as it may. */
  readonly vacuumed = new Set<string>();
  /** Versions of which a whole checkpoint was ever written. */
  readonly checkpointed = new Set<number>();
  /** Log files that no writer of ours wrote. */
  readonly strays = new Set<string>();
  /** The oldest version whose commit has not been cleaned up. */
  oldest: number;
  violation: Violation | undefined;
  readonly #name: string;

  constructor(name: string, first: number) {
    this.#name = name;
    this.first = first;
    this.oldest = first;
  }

  created(path: string, bytes: Uint8Array, modified: number, bucket: SimBucket): void {
    if (path === lastCheckpointPath) this.#guard(() => this.#checkHint(bytes));
    const name = this.strays.has(path) ? undefined : parseLogPath(path);
    if (name?.kind === "checkpoint") this.checkpointed.add(name.version);
    if (name?.kind === "commit")
      this.#guard(() => this.#land(path, { version: name.version, bytes, modified, bucket }));
  }

  replaced(path: string, bytes: Uint8Array): void {
    if (path === lastCheckpointPath) this.#guard(() => this.#checkHint(bytes));
    if (parseLogPath(path)?.kind === "commit" || path.endsWith(".crc")) {
      this.#guard(() => {
        throw new Violation(`${path} was replaced`);
      });
    }
  }

  deleted(path: string, stored: Stored, now: number, bucket: SimBucket): void {
    this.#guard(() => checkDeletion(this, { path, stored, now, keys: bucket.keys }));
  }

  /** Keeps the first failure of work that nobody waits for. */
  fail(error: unknown): void {
    this.violation ??= error instanceof Violation ? error : new Violation(`unexpected: ${String(error)}`);
  }

  get latest(): number {
    return this.first + this.commits.length - 1;
  }

  commitOf(version: number): ModelCommit | undefined {
    return this.commits[version - this.first];
  }

  stateOf(version: number): ModelState | undefined {
    return this.#states[version - this.first];
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation ??= new Violation(`${this.#name}: ${error.message}`);
    }
  }

  #land(path: string, { version, bytes, modified, bucket }: Landing): void {
    const actions = parseActions(bytes, String(version));
    const info = actions[0]?.kind === "commitInfo" ? actions[0].info : undefined;
    if (info === undefined) throw new Violation(`version ${version} does not begin with commitInfo`);
    const { userMetadata } = info;
    // Verbs that run as they are have no other place for it.
    const note: unknown =
      info["sim"] ?? (typeof userMetadata === "string" ? JSON.parse(userMetadata) : undefined);
    const txnId = info["txnId"];
    if (!isNote(note) || typeof txnId !== "string")
      throw new Violation(`version ${version} has no note or txnId`);
    const commit: ModelCommit = { version, actions, info, note, txnId, modified };
    const next = this.latest + 1;
    if (version < next) {
      this.ghosts.push(commit);
      this.ghostPaths.add(path);
      return;
    }
    if (version > next) throw new Violation(`version ${version} landed before version ${next}`);
    const twin = this.commits.find((other) => other.txnId === txnId);
    if (twin !== undefined)
      throw new Violation(`transaction ${txnId} landed as version ${twin.version} and again as ${version}`);
    const before = this.#states.at(-1);
    const after = replay(before, commit, bucket.objects);
    this.commits.push(commit);
    this.#states.push(after);
    for (const action of actions) {
      if (action.kind !== "add") continue;
      for (const file of [action.path, vectorPath(action)])
        if (file !== undefined) this.#addFile(file, version, bucket);
    }
    if (before !== undefined) checkCommit(this, commit, before, after);
  }

  #addFile(path: string, version: number, bucket: SimBucket): void {
    this.named.add(path);
    if (!bucket.objects.has(path) && !this.vacuumed.has(path))
      throw new Violation(`version ${version} names ${path}, which is not in the store`);
  }

  /**
   * The hint comes last: a reader that follows it finds a checkpoint, or one was there and has been cleaned
   * up.
   */
  #checkHint(bytes: Uint8Array): void {
    const { version } = JSON.parse(new TextDecoder().decode(bytes)) as { version: number };
    if (!this.checkpointed.has(version))
      throw new Violation(`the hint names version ${version}, of which there never was a checkpoint`);
  }
}

interface Landing {
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly modified: number;
  readonly bucket: SimBucket;
}

function isNote(value: unknown): value is OperationNote {
  return typeof value === "object" && value !== null && "op" in value;
}
