/**
 * What one run of Stryker is to do; handed to its processes through the environment, which is all they share.
 */
export interface StrykerRun {
  readonly group: string;
  /** Files or globs to mutate. */
  readonly sources: readonly string[];
  /** Mutants to run at most, drawn by `seed`. */
  readonly sample: number;
  readonly seed: number;
  /** Only these mutants, by id, where they are named. */
  readonly only?: readonly string[] | undefined;
  /** File of JSON lines, one a {@link RunLine}. */
  readonly results: string;
  /** Folder for the copy of the repository that is mutated, relative to its root. */
  readonly sandbox: string;
}

/** How a mutant ended, in Stryker's words. */
export type MutantEnd = "Killed" | "Survived" | "NoCoverage" | "Timeout" | "RuntimeError";

/** A mutant that was run. */
export interface TestedMutant {
  readonly kind: "mutant";
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly mutator: string;
  readonly before: string;
  readonly after: string;
  readonly status: MutantEnd;
}

/** How many mutants there are, and how many of these were drawn. */
export interface RunPlan {
  readonly kind: "plan";
  readonly mutants: number;
  readonly drawn: number;
  /** Mutants of code that runs once, when a file is loaded, and of the words of errors. */
  readonly ignored: number;
}

export type RunLine = TestedMutant | RunPlan;

const variable = "VARVE_MUTATION_RUN";

export function strykerRun(): StrykerRun {
  const text = process.env[variable];
  if (text === undefined) throw new Error(`${variable} is not set: start this through "npm run mutate".`);
  return JSON.parse(text) as StrykerRun;
}

/** The environment for a process that is to do `run`. */
export function strykerEnvironment(run: StrykerRun): NodeJS.ProcessEnv {
  return { ...process.env, [variable]: JSON.stringify(run) };
}
