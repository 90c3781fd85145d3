import type { Random } from "./random.ts";
import type { Disturbances } from "./scheduler.ts";

/** Chances of faults, each for one call. */
export interface Faults {
  /**
   * Any call but `putIfAbsent` fails for good (503s beyond the store's retries, timeouts); writes may have
   * landed.
   */
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
  /** A listing shows the store as it was some writes ago. */
  readonly staleList: number;
  /**
   * Milliseconds for which a process may be shown one and the same listing again, as by a cache; 0 for never.
   */
  readonly cachedList: number;
  /** Milliseconds for which each listing may leave out any new object, as weak stores do; 0 for never. */
  readonly lateInList: number;
  /** Objects of one page of a listing; other processes may act between pages. */
  readonly pageSize: number;
}

/** A store that does what it is told. */
export const noFaults: Faults = {
  unavailable: 0,
  lostBefore: 0,
  lostAfter: 0,
  late: 0,
  ownExists: 0,
  stallPut: 0,
  staleList: 0,
  cachedList: 0,
  lateInList: 0,
  pageSize: 1000,
};

/** Whether a listing shows everything that had been written before it. */
export function listsAtOnce({ staleList, cachedList, lateInList }: Faults): boolean {
  return staleList === 0 && cachedList === 0 && lateInList === 0;
}

/** The weather of one run. */
export function chooseFaults(random: Random): Faults {
  const often = () => (random.chance(0.5) ? 0 : random.next() * random.next() * 0.3);
  // Up to 20 minutes: what varve bears is less than half an hour, see spec/storage.md "Listings that lag".
  const lag = () =>
    random.chance(0.88) ? 0 : 1000 + random.below(random.chance(0.5) ? 20_000 : 20 * 60_000);
  return {
    unavailable: random.chance(0.5) ? 0 : random.next() * 0.05,
    lostBefore: often(),
    lostAfter: often(),
    late: often(),
    ownExists: random.chance(0.8) ? 0 : 0.2,
    stallPut: random.chance(0.8) ? 0 : 0.1,
    staleList: random.chance(0.85) ? 0 : 0.3,
    cachedList: lag(),
    lateInList: lag(),
    pageSize: random.chance(0.5) ? 1000 : 3,
  };
}

/** What happens to the processes of one run. */
export function chooseDisturbances(random: Random): Disturbances {
  return {
    crash: random.chance(0.4) ? 0 : random.next() * 0.01,
    pause: random.chance(0.5) ? 0 : random.next() * 0.05,
    stall: random.chance(0.7) ? 0 : random.next() * 0.02,
  };
}

/**
 * When the virtual clock starts: at midnight, shortly before it, or where the times of files gain a digit.
 */
export function chooseClock(random: Random): number {
  const midnight = Date.UTC(2026, 0, 1);
  const before = random.below(3_600_000);
  return random.pick([midnight, midnight - before, midnight - before, 1e12 - before]);
}

/**
 * The first version of the tables: 0, or one shortly before versions gain a digit, or 31, 32 or 53 bits end.
 */
export function chooseFirstVersion(random: Random): number {
  if (random.chance(0.7)) return 0;
  return random.pick([7, 98, 2 ** 31 - 3, 2 ** 31, 2 ** 32 - 5, 2 ** 40, Number.MAX_SAFE_INTEGER - 1000]);
}
