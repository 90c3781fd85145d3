import { VarveError } from "../../src/errors.ts";
import type {
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutIfAbsentOutcome,
} from "../../src/storage/contract/object-store.ts";
import type { Faults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Process, Scheduler } from "./scheduler.ts";

/** An object and when it came. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly modified: number;
  readonly created: number;
}

interface Listed extends Stored {
  readonly path: string;
}

/** What watches a store from outside. */
export interface StoreWitness {
  created(path: string, bytes: Uint8Array, modified: number, bucket: SimBucket): void;
  replaced(path: string, bytes: Uint8Array): void;
  deleted(path: string, stored: Stored, now: number, bucket: SimBucket): void;
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
    if (known) this.witness.replaced(path, bytes);
    else {
      this.keys.splice(this.#place(path), 0, path);
      this.witness.created(path, bytes, modified, this);
    }
  }

  delete(path: string, now: number): void {
    const found = this.objects.get(path);
    if (found === undefined) return;
    this.objects.delete(path);
    this.graveyard.push({ path, ...found, deleted: this.writes++ });
    this.keys.splice(this.#place(path), 1);
    this.witness.deleted(path, found, now, this);
  }

  /**
   * The objects whose paths begin with `prefix` and come after `after`, in order, as they were before write
   * number `seen`.
   */
  *asOf(seen: number, prefix: string, after: string): Generator<Listed> {
    const isMeant = (path: string) => path > after && path.startsWith(prefix);
    const gone =
      seen > this.writes
        ? []
        : this.graveyard.filter(
            ({ path, created, deleted }) => created < seen && deleted >= seen && isMeant(path),
          );
    gone.sort((a, b) => (a.path < b.path ? -1 : 1));
    for (let index = this.#place(after > prefix ? after : prefix); index < this.keys.length; index++) {
      const path = this.keys[index] ?? "";
      if (!isMeant(path)) {
        if (path > after) break;
        continue;
      }
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
  const cache: ListCache = new Map();
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
      return found === undefined
        ? undefined
        : { path, size: found.bytes.byteLength, modified: found.modified };
    },
    list: (prefix, options) =>
      listSim(bucket, prefix, options, { step, fail, random, faults, cache, now: () => scheduler.now }),
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
    delete: (path) => write(path, () => bucket.delete(path, scheduler.now)),
    stagingFolder: () => Promise.reject(new Error("the simulation writes no data files")),
  };
}

/** By what was asked for: the write before which the listing shows the store, and until when. */
type ListCache = Map<string, { readonly seen: number; readonly until: number }>;

interface ListTools {
  readonly step: () => Promise<void>;
  readonly fail: (what: string) => void;
  readonly now: () => number;
  readonly random: Random;
  readonly faults: Faults;
  readonly cache: ListCache;
}

async function* listSim(
  bucket: SimBucket,
  prefix: string,
  options: ListOptions | undefined,
  tools: ListTools,
): AsyncGenerator<ObjectInfo> {
  const { step, fail, random, faults, now } = tools;
  let after = options?.startAfter ?? "";
  await step();
  fail(prefix);
  const seen = seenBy(bucket, `${prefix} ${after}`, tools);
  for (;;) {
    const page: ObjectInfo[] = [];
    for (const { path, bytes, modified } of bucket.asOf(seen, prefix, after)) {
      after = path;
      if (now() - modified < faults.lateInList && random.chance(0.3)) continue;
      page.push({ path, size: bytes.byteLength, modified });
      if (page.length === faults.pageSize) break;
    }
    yield* page;
    if (page.length < faults.pageSize) return;
    await step();
  }
}

/**
 * The number of the write before which a listing shows the store; beyond all for one that shows it as it is.
 */
function seenBy(bucket: SimBucket, asked: string, { random, faults, cache, now }: ListTools): number {
  if (random.chance(faults.staleList)) return Math.max(1, bucket.writes - random.below(6));
  if (faults.cachedList === 0) return Number.POSITIVE_INFINITY;
  const known = cache.get(asked);
  if (known !== undefined && now() < known.until) return known.seen;
  cache.set(asked, { seen: bucket.writes, until: now() + random.below(faults.cachedList) });
  return Number.POSITIVE_INFINITY;
}

function unavailable(what: string): VarveError {
  return new VarveError("STORE_UNAVAILABLE", `simulated outage: ${what}`);
}
