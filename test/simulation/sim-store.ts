import { VarveError } from "../../src/errors.ts";
import type { ListOptions, ObjectInfo, ObjectStore, PutIfAbsentOutcome } from "../../src/storage/object-store.ts";
import type { Random } from "./random.ts";
import type { Process, Scheduler } from "./scheduler.ts";

/** Chances of faults, each for one call. */
export interface Faults {
  /** Any call but `putIfAbsent` fails for good (503s beyond the store's retries, timeouts); writes may have landed. */
  readonly unavailable: number;
  /** `putIfAbsent` answers `unknown` (timeout, reset, 409) and has not landed. */
  readonly lostBefore: number;
  /** …and has landed. */
  readonly lostAfter: number;
  /** …and lands at any later time, if nobody else's object is there by then. */
  readonly late: number;
  /** A retry inside the client meets its own object: `exists` (412) for what we created. */
  readonly ownExists: number;
  /** A commit stands still for hours before its put is sent. */
  readonly stallPut: number;
  /** A listing shows the store as it was some steps ago. */
  readonly staleList: number;
  /** Objects of one page of a listing; other processes may act between pages. */
  readonly pageSize: number;
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly modified: number;
  readonly created: number;
}

interface Listed extends Stored {
  readonly path: string;
}

/** What watches a store from outside. */
export interface StoreWitness {
  created(path: string, bytes: Uint8Array, modified: number): void;
  replaced(path: string): void;
}

/** The objects of one table. */
export class SimBucket {
  readonly objects = new Map<string, Stored>();
  readonly keys: string[] = [];
  readonly witness: StoreWitness;
  /** Writes and deletions so far. */
  writes = 0;
  /** Deleted objects, as stale listings still show them. */
  readonly graveyard: (Listed & { readonly deleted: number })[] = [];

  constructor(witness: StoreWitness) {
    this.witness = witness;
  }

  write(path: string, bytes: Uint8Array, modified: number): void {
    const known = this.objects.has(path);
    this.objects.set(path, { bytes, modified, created: this.writes++ });
    if (known) this.witness.replaced(path);
    else {
      this.keys.splice(this.#place(path), 0, path);
      this.witness.created(path, bytes, modified);
    }
  }

  delete(path: string): void {
    const found = this.objects.get(path);
    if (found === undefined) return;
    this.objects.delete(path);
    this.graveyard.push({ path, ...found, deleted: this.writes++ });
    this.keys.splice(this.#place(path), 1);
  }

  /** The objects in order of their paths, as they were before write number `seen`. */
  *asOf(seen: number): Generator<Listed> {
    const gone = seen > this.writes ? [] : this.graveyard.filter(({ created, deleted }) => created < seen && deleted >= seen);
    gone.sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const path of this.keys) {
      const stored = this.objects.get(path);
      while (gone[0] !== undefined && gone[0].path <= path) {
        const ghost = gone.shift();
        if (ghost !== undefined && ghost.path !== path) yield ghost;
      }
      if (stored !== undefined && stored.created < seen) yield { path, ...stored };
    }
    yield* gone;
  }

  /** Index of the first key that is not before `path`. */
  #place(path: string): number {
    let [low, high] = [0, this.keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.keys[middle] ?? "") < path) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A process's view of a bucket: each call is at least one step, and may fail as the faults say. */
export function simStore(
  bucket: SimBucket,
  process: Process,
  scheduler: Scheduler,
  random: Random,
  faults: Faults,
  identity?: string,
): ObjectStore {
  const network: Process = { name: "network", alive: true };
  const step = () => scheduler.gate(process);
  const fail = (what: string) => {
    if (random.chance(faults.unavailable)) throw unavailable(what);
  };
  const write = async (path: string, change: () => void) => {
    await step();
    const failing = random.chance(faults.unavailable);
    if (!failing || random.chance(0.5)) change();
    if (failing) throw unavailable(path);
  };
  const find = (path: string): Stored => {
    const found = bucket.objects.get(path);
    if (found === undefined) throw new VarveError("OBJECT_NOT_FOUND", `${path} does not exist`, { path });
    return found;
  };
  const create = (path: string, bytes: Uint8Array): PutIfAbsentOutcome => {
    if (bucket.objects.has(path)) return "exists";
    bucket.write(path, bytes, scheduler.now);
    return "created";
  };
  return {
    ...(identity === undefined ? {} : { identity }),
    uri: "sim://table",
    get: async (path) => {
      await step();
      fail(path);
      return find(path).bytes;
    },
    getRange: async (path, start, length) => {
      await step();
      fail(path);
      return find(path).bytes.slice(start, start + length);
    },
    head: async (path) => {
      await step();
      fail(path);
      const found = bucket.objects.get(path);
      return found === undefined ? undefined : { path, size: found.bytes.byteLength, modified: found.modified };
    },
    list: (prefix, options) => listSim(bucket, prefix, options, { step, fail, random, faults }),
    put: (path, bytes) => write(path, () => bucket.write(path, bytes, scheduler.now)),
    putFile: () => Promise.reject(new Error("the simulation writes no data files")),
    putIfAbsent: async (path, bytes) => {
      await scheduler.gate(process, random.chance(faults.stallPut) ? random.below(48) * 3_600_000 : 0);
      if (random.chance(faults.lostBefore)) return "unknown";
      if (random.chance(faults.late)) {
        void scheduler.gate(network, random.below(3000)).then(() => create(path, bytes));
        return "unknown";
      }
      const outcome = create(path, bytes);
      await step();
      if (random.chance(faults.lostAfter)) return "unknown";
      return outcome === "created" && random.chance(faults.ownExists) ? "exists" : outcome;
    },
    delete: (path) => write(path, () => bucket.delete(path)),
    stagingFolder: () => Promise.reject(new Error("the simulation writes no data files")),
  };
}

interface ListTools {
  readonly step: () => Promise<void>;
  readonly fail: (what: string) => void;
  readonly random: Random;
  readonly faults: Faults;
}

async function* listSim(bucket: SimBucket, prefix: string, options: ListOptions | undefined, tools: ListTools): AsyncGenerator<ObjectInfo> {
  const { step, fail, random, faults } = tools;
  let after = options?.startAfter ?? "";
  await step();
  fail(prefix);
  const seen = random.chance(faults.staleList) ? Math.max(1, bucket.writes - random.below(6)) : Number.POSITIVE_INFINITY;
  for (;;) {
    const page: ObjectInfo[] = [];
    for (const { path, bytes, modified } of bucket.asOf(seen)) {
      if (path <= after || !path.startsWith(prefix)) continue;
      after = path;
      page.push({ path, size: bytes.byteLength, modified });
      if (page.length === faults.pageSize) break;
    }
    yield* page;
    if (page.length < faults.pageSize) return;
    await step();
  }
}

function unavailable(what: string): VarveError {
  return new VarveError("STORE_UNAVAILABLE", `simulated outage: ${what}`);
}
