import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { checkEnd } from "./check-end.ts";
import {
  chooseClock,
  chooseDisturbances,
  chooseFaults,
  chooseFirstVersion,
  type Faults,
  listsAtOnce,
  noFaults,
} from "./faults.ts";
import { mistakenStore } from "./log-mistakes.ts";
import type { Mistake } from "./mistake-names.ts";
import { Model } from "./model.ts";
import { Violation } from "./model-state.ts";
import { Random } from "./random.ts";
import { Reader } from "./reader.ts";
import { type Process, Scheduler } from "./scheduler.ts";
import { SimBucket, simStore } from "./sim-store.ts";
import { createSimTable } from "./sim-table.ts";
import { Writer } from "./writer.ts";

/** A table of the run: its objects, and what they ought to be. */
export interface SimTable {
  readonly bucket: SimBucket;
  readonly model: Model;
}

/** Everything that one run shares. */
export interface Run {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly main: SimTable;
  readonly quarantine: SimTable;
  readonly counter: { value: number };
  readonly mistake: Mistake | undefined;
  readonly tally: Tally;
  /** Whether writers write checksum files. */
  readonly checksums: boolean;
  /** Stores of one identity are used by one process, whose transactions take turns. */
  identityOf(bucket: SimBucket): string | undefined;
  contextFor(process: Process, table: SimTable): TableContext;
}

/** What happened in a run, for the figures. */
export interface Tally {
  commits: number;
  conflicts: number;
  unknown: number;
  crashes: number;
  reads: number;
  checkpoints: number;
  cleaned: number;
  travels: number;
  strays: number;
  restores: number;
  vacuumed: number;
  withdrawn: number;
  ghosts: number;
  steps: number;
  errors: Record<string, number>;
}

/** Keeps the tables of one run apart from those of the next. */
let runs = 0;

/**
 * Runs one seed to its end and checks every invariant. @throws {@link Violation}, or whatever the code under
 * test should not have thrown
 */
export async function runSeed(seed: number, mistake?: Mistake): Promise<Tally> {
  runs++;
  const random = new Random(seed);
  const faults = chooseFaults(random);
  // Writers of one process die together, which is no different from one; so those that take turns do not die.
  const takesTurns = random.chance(0.3);
  const disturbances = { ...chooseDisturbances(random), ...(takesTurns ? { crash: 0 } : {}) };
  const tally: Tally = {
    commits: 0,
    conflicts: 0,
    unknown: 0,
    crashes: 0,
    reads: 0,
    checkpoints: 0,
    cleaned: 0,
    travels: 0,
    strays: 0,
    restores: 0,
    vacuumed: 0,
    withdrawn: 0,
    ghosts: 0,
    steps: 0,
    errors: {},
  };
  const restart = new Map<Process, () => void>();
  const contexts = new Map<Process, Map<SimBucket, TableContext>>();
  const scheduler = new Scheduler(random, { start: chooseClock(random), disturbances }, (process) => {
    tally.crashes++;
    restart.get(process)?.();
  });
  const firstVersion = chooseFirstVersion(random);
  const table = (name: string): SimTable => {
    const model = new Model(name, firstVersion);
    return { model, bucket: new SimBucket(model) };
  };
  const run: Run = {
    random,
    scheduler,
    faults,
    main: table("main"),
    quarantine: table("quarantine"),
    counter: { value: 0 },
    mistake,
    tally,
    checksums: random.chance(0.5),
    identityOf: (bucket) =>
      takesTurns ? `${runs} ${bucket === run.main.bucket ? "main" : "quarantine"}` : undefined,
    contextFor: (process, { bucket }) => {
      const known = contexts.get(process)?.get(bucket);
      if (known !== undefined) return known;
      const made = context(process, bucket, run, faults);
      contexts.set(process, (contexts.get(process) ?? new Map<SimBucket, TableContext>()).set(bucket, made));
      return made;
    },
  };
  for (const made of [run.main, run.quarantine])
    await createSimTable(random, made, (bucket) => calmContext(run, bucket));
  const writers = Array.from(
    { length: 2 + random.below(random.chance(0.3) ? 7 : 3) },
    (_, at) => new Writer(run, `w${at}`, at > 0 && random.chance(0.2) ? `w${at - 1}` : `w${at}`),
  );
  const readers = Array.from({ length: random.chance(0.8) ? 1 : 2 }, (_, at) => new Reader(run, `r${at}`));
  const launch = (actor: Writer | Reader): void => {
    const process: Process = { name: actor.name, alive: true };
    restart.set(process, () => launch(actor));
    scheduler.start(process, () => actor.work(process));
  };
  for (const actor of [...writers, ...readers]) launch(actor);
  try {
    await scheduler.run();
  } catch (error) {
    throw run.main.model.violation ?? run.quarantine.model.violation ?? error;
  }
  tally.steps = scheduler.steps;
  tally.ghosts = run.main.model.ghosts.length;
  tally.commits = run.main.model.commits.length + run.quarantine.model.commits.length;
  throwViolations(run);
  await checkEnd(run, writers, (bucket) => calmContext(run, bucket));
  throwViolations(run);
  return tally;
}

function throwViolations(run: Run): void {
  const violation = run.main.model.violation ?? run.quarantine.model.violation;
  if (violation !== undefined) throw violation;
}

function context(process: Process, bucket: SimBucket, run: Run, faults: Faults): TableContext {
  return {
    store: mistakenStore(
      run.mistake,
      simStore(bucket, process, run.scheduler, run.random, faults, run.identityOf(bucket)),
    ),
    world: run.scheduler.world(process),
    engine: () => Promise.reject(new Error("the simulation runs without the engine")),
    localFile: () => Promise.reject(new Error("the simulation has no data files")),
  };
}

/** A view of a table for before and after the run: no faults, and no steps to wait for. */
function calmContext(run: Run, bucket: SimBucket): TableContext {
  const process: Process = { name: "observer", alive: true };
  const instant = { gate: async () => undefined, now: run.scheduler.now };
  return {
    ...context(process, bucket, run, noFaults),
    store: simStore(bucket, process, instant as unknown as Scheduler, run.random, noFaults),
    world: { ...run.scheduler.world(process), sleep: async () => undefined },
  };
}

/**
 * Whether a failure says that nothing happened because of an outage, or because the log moved on or was not
 * shown whole: retried by any caller.
 */
export function isTransient(error: unknown, { faults, main }: Run): boolean {
  if (isVarveError(error, "STORE_UNAVAILABLE", "LOG_GAP", "COMMIT_RETRIES_EXHAUSTED")) return true;
  // A vacuum has deleted what an earlier version needs.
  if (isVarveError(error, "DATA_FILE_MISSING") && main.model.vacuumed.size > 0) return true;
  return (
    !listsAtOnce(faults) && isVarveError(error, "NOT_A_TABLE", "VERSION_NOT_FOUND", "CHECKPOINT_CORRUPT")
  );
}

/** Opens a table as a caller would: again after a passing failure. */
export async function openPatiently(context: TableContext, run: Run): Promise<LogSnapshot> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openLog(context);
    } catch (error) {
      if (!isTransient(error, run) || attempt > 50) throw error;
      count(run.tally, error);
      await context.world.sleep(100);
    }
  }
}

/** Counts an error by its code. */
export function count(tally: Tally, error: unknown): void {
  const code = isVarveError(error) ? error.code : "other";
  tally.errors[code] = (tally.errors[code] ?? 0) + 1;
}
