/** One figure of a workload: what was measured, beside what it is measured against. */
export interface Figure {
  readonly what: string;
  /** Median seconds of the thing itself. */
  readonly seconds: number;
  /** What it is compared with, and that one's median seconds. */
  readonly baseline?: { readonly what: string; readonly seconds: number };
  /** What the comparison must hold; `times slower` at most, or `times faster` at least. */
  readonly limit?: { readonly atMost: number } | { readonly atLeast: number };
  /**
   * Processor seconds of both, all threads of this process: what is left to compare on a machine that is busy
   * with other things.
   */
  readonly processor?: { readonly seconds: number; readonly baseline: number };
  /** Anything worth a word, e.g. `2,000,000 rows`. */
  readonly note?: string;
}

/** What a workload gets: a folder of its own, removed afterwards, and how many times to run. */
export interface BenchContext {
  readonly folder: string;
  readonly runs: number;
}

/** A workload runs in a process of its own, so that its peak memory is its own. */
export interface Workload {
  /** Short and with dashes; `--only` takes it, or a part of it. */
  readonly name: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export interface Contest {
  readonly subject: (run: number) => Promise<unknown>;
  readonly baseline: (run: number) => Promise<unknown>;
  /** Waits for what either has left running; not measured. */
  readonly afterwards?: () => Promise<unknown>;
}

/** Median seconds of `runs` runs, after one that does not count. */
export async function medianSeconds(runs: number, work: (run: number) => Promise<unknown>): Promise<number> {
  await work(-1);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await secondsOf(() => work(run)));
  return median(times);
}

/** Medians of wall and processor seconds of two things. */
export interface ContestResult {
  readonly subject: number;
  readonly baseline: number;
  readonly processor: { readonly seconds: number; readonly baseline: number };
}

/** Medians of two things that take turns, so that whatever else the machine does falls on both. */
export async function contest(
  runs: number,
  { subject, baseline, afterwards }: Contest,
): Promise<ContestResult> {
  await baseline(-1);
  await subject(-1);
  await afterwards?.();
  const times = { subject: [] as number[], baseline: [] as number[] };
  const processor = { subject: [] as number[], baseline: [] as number[] };
  for (let run = 0; run < runs; run++) {
    const started = process.cpuUsage();
    times.baseline.push(await secondsOf(() => baseline(run)));
    processor.baseline.push(processorSeconds(started));
    await afterwards?.();
    const between = process.cpuUsage();
    times.subject.push(await secondsOf(() => subject(run)));
    processor.subject.push(processorSeconds(between));
    await afterwards?.();
  }
  return {
    subject: median(times.subject),
    baseline: median(times.baseline),
    processor: { seconds: median(processor.subject), baseline: median(processor.baseline) },
  };
}

function processorSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** How many times as long as the baseline it took (`atMost`), or how many times faster it was (`atLeast`). */
export function ratioOf({ seconds, baseline, limit }: Figure): number | undefined {
  if (baseline === undefined) return undefined;
  return limit !== undefined && "atLeast" in limit ? baseline.seconds / seconds : seconds / baseline.seconds;
}

/** The same of processor seconds; undefined where they were not measured. */
export function processorRatioOf({ processor, limit }: Figure): number | undefined {
  if (processor === undefined) return undefined;
  const ratio = processor.seconds / processor.baseline;
  return limit !== undefined && "atLeast" in limit ? 1 / ratio : ratio;
}

/** Whether the figure holds its limit; undefined without one. */
export function holds(figure: Figure): boolean | undefined {
  const ratio = ratioOf(figure);
  if (ratio === undefined || figure.limit === undefined) return undefined;
  return "atMost" in figure.limit ? ratio <= figure.limit.atMost : ratio >= figure.limit.atLeast;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
