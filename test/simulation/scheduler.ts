import type { World } from "../../src/util/world.ts";
import type { Random } from "./random.ts";

/** One incarnation of a process: dead ones never run on. */
export interface Process {
  readonly name: string;
  alive: boolean;
}

interface Gate {
  readonly process: Process;
  readonly due: number;
  readonly open: () => void;
}

/** How the scheduler treats processes. */
export interface Disturbances {
  /** Chance that a process dies at a step. */
  readonly crash: number;
  /** Chance that the whole world stands still for minutes to hours before a step. */
  readonly pause: number;
  /** Chance that one process stands still for as long, at a step, while the others go on. */
  readonly stall: number;
}

/**
 * Runs processes one step at a time: each I/O call and each wait is a gate, and the seed decides which gate
 * opens next.
 *
 * Time is virtual. Between two gates a process runs alone, so a seed replays exactly.
 */
export class Scheduler {
  now: number;
  steps = 0;
  readonly #random: Random;
  readonly #disturbances: Disturbances;
  readonly #gates: Gate[] = [];
  readonly #onCrash: (process: Process) => void;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    random: Random,
    { start, disturbances }: { readonly start: number; readonly disturbances: Disturbances },
    onCrash: (process: Process) => void,
  ) {
    this.now = start;
    this.#random = random;
    this.#disturbances = disturbances;
    this.#onCrash = onCrash;
  }

  /** Starts a process; failures of its work end the run. */
  start(process: Process, work: () => Promise<void>): void {
    this.gate(process)
      .then(work)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      });
  }

  /** Waits until the seed lets this process go on; for a dead process, for ever. */
  gate(process: Process, delay = 0): Promise<void> {
    return new Promise((open) => {
      this.#gates.push({ process, due: this.now + delay, open });
    });
  }

  /** Time, ids and randomness of a process. */
  world(process: Process): World {
    return {
      now: () => this.now,
      uuid: () => this.#random.uuid(),
      random: () => this.#random.next(),
      sleep: (milliseconds) => this.gate(process, milliseconds),
    };
  }

  /** Runs until every process is done. @throws the first failure of a process */
  async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (this.#failure !== undefined) throw this.#failure.error;
      const gate = this.#next();
      if (gate === undefined) return;
      this.steps++;
      if (this.steps > 200_000) throw new Error(`no end after ${this.steps} steps`);
      this.now += this.#random.below(40);
      if (this.#random.chance(this.#disturbances.pause)) this.now += (5 + this.#random.below(600)) * 60_000;
      if (this.#random.chance(this.#disturbances.stall)) {
        this.#gates.push({ ...gate, due: this.now + this.#random.below(400) * 60_000 });
        continue;
      }
      if (gate.process.name !== "network" && this.#random.chance(this.#disturbances.crash)) {
        gate.process.alive = false;
        this.#onCrash(gate.process);
        continue;
      }
      gate.open();
    }
  }

  #next(): Gate | undefined {
    for (;;) {
      let ready = 0;
      let earliest = Number.POSITIVE_INFINITY;
      for (let at = this.#gates.length - 1; at >= 0; at--) {
        const gate = this.#gates[at];
        if (gate === undefined || !gate.process.alive) {
          this.#gates.splice(at, 1);
          continue;
        }
        if (gate.due <= this.now) ready++;
        earliest = Math.min(earliest, gate.due);
      }
      if (this.#gates.length === 0) return undefined;
      if (ready === 0) {
        this.now = earliest;
        continue;
      }
      let chosen = this.#random.below(ready);
      for (let at = 0; at < this.#gates.length; at++) {
        const gate = this.#gates[at];
        if (gate === undefined || gate.due > this.now || chosen-- > 0) continue;
        this.#gates.splice(at, 1);
        return gate;
      }
    }
  }
}
