import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Event, Job } from "./job.ts";

/** What the crew has been told by its processes. */
export interface Ledger {
  /** By batch: the version that was acknowledged first. */
  readonly acknowledged: Map<string, number>;
  readonly tried: Set<string>;
  readonly rejected: Set<string>;
  readonly givenUp: Set<string>;
  readonly reads: { readonly version: number; readonly digest: string }[];
  readonly counts: Map<string, number>;
  readonly findings: string[];
  newest: number;
}

export function emptyLedger(): Ledger {
  return {
    acknowledged: new Map(),
    tried: new Set(),
    rejected: new Set(),
    givenUp: new Set(),
    reads: [],
    counts: new Map(),
    findings: [],
    newest: 0,
  };
}

/** One process of the soak, started again whenever it is killed, until the soak is over. */
export class Member {
  readonly name: string;
  readonly #job: Job;
  readonly #ledger: Ledger;
  readonly #done: Promise<void>;
  #child: ChildProcess | undefined;
  #next = 0;
  #stopped = false;
  #floor = 0;
  #starts = 0;

  constructor(job: Job, ledger: Ledger) {
    this.name = job.name;
    this.#job = job;
    this.#ledger = ledger;
    this.#done = this.#live();
  }

  /** Ends the process as a power cut would; it starts again. */
  kill(): void {
    if (this.#child?.kill("SIGKILL")) count(this.#ledger, "kills");
  }

  /** Lets the process stand still for a while. */
  async pause(milliseconds: number): Promise<void> {
    const child = this.#child;
    if (!child?.kill("SIGSTOP")) return;
    count(this.#ledger, "pauses");
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    child.kill("SIGCONT");
  }

  /**
   * Lets the process finish what it is at, and kills it when that takes longer than `patience` milliseconds.
   */
  async end(patience: number): Promise<void> {
    this.#stopped = true;
    const timer = setTimeout(() => {
      count(this.#ledger, "ended by force");
      this.#child?.kill("SIGKILL");
    }, patience);
    await this.#done;
    clearTimeout(timer);
  }

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const job: Job = { ...this.#job, next: this.#next, seed: this.#job.seed + this.#starts++ * 1000 };
      const child = spawn(
        process.execPath,
        ["--no-warnings", "--import", import.meta.resolve("tsx"), workerFile, JSON.stringify(job)],
        {
          stdio: ["pipe", "pipe", "pipe"],
        },
      );
      this.#child = child;
      child.stdin.on("error", () => {
        // The process was killed before it read its answer.
      });
      let errors = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        errors += chunk;
      });
      const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
      for await (const line of createInterface({ input: child.stdout })) this.#hear(line, child);
      const code = await ended;
      if (code !== 0 && code !== null) {
        this.#ledger.findings.push(`${this.name} ended with ${code}: ${errors}`);
        return;
      }
    }
  }

  #hear(line: string, child: ChildProcess): void {
    const event = parse(line);
    if (event === undefined) return;
    const ledger = this.#ledger;
    switch (event.event) {
      case "ready":
        this.#floor = ledger.newest;
        child.stdin?.write(this.#stopped ? "stop\n" : `${this.#floor}\n`);
        break;
      case "try":
        ledger.tried.add(event.batch);
        break;
      case "done":
        this.#next++;
        count(ledger, event.repeated ? "batches landed already" : "batches committed");
        if (!ledger.acknowledged.has(event.batch)) ledger.acknowledged.set(event.batch, event.version);
        ledger.newest = Math.max(ledger.newest, event.version);
        break;
      case "rejected":
        this.#next++;
        ledger.rejected.add(event.batch);
        break;
      case "given-up":
        this.#next++;
        ledger.givenUp.add(event.batch);
        break;
      case "read":
        ledger.reads.push({ version: event.version, digest: event.digest });
        if (event.isNewest && event.version < this.#floor)
          ledger.findings.push(
            `${this.name} opened version ${event.version} after version ${this.#floor} had been acknowledged`,
          );
        break;
      case "worked":
        count(ledger, event.what, event.count);
        break;
      case "error":
        count(ledger, `error ${event.code}`);
        break;
      case "fault":
        ledger.findings.push(`${this.name}: ${event.message}`);
    }
  }
}

const workerFile = fileURLToPath(new URL("worker.ts", import.meta.url));

export function count(ledger: Ledger, what: string, by = 1): void {
  ledger.counts.set(what, (ledger.counts.get(what) ?? 0) + by);
}

/** `undefined` for a line that a kill cut off: what it said is not acknowledged then. */
function parse(line: string): Event | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
