import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { seed } from "../support/seed.ts";

/** What is damaged: logs of tables, or sources of one format. */
export type FuzzTarget = "logs" | (typeof sourceTargets)[number];

const sourceTargets = ["arrow", "csv", "ndjson", "parquet"] as const;

/** A case that ended in anything but an answer or a typed error. */
export interface FuzzFailure {
  readonly number: number;
  readonly error: string;
  /** A copy of the damaged source. */
  readonly input?: string | undefined;
}

/** What a run of the fuzzer found. */
export interface FuzzReport {
  readonly target: FuzzTarget;
  readonly seed: number;
  readonly runs: number;
  answered: number;
  refused: number;
  readonly failures: FuzzFailure[];
}

const here = dirname(fileURLToPath(import.meta.url));
const casesPerProcess = 1000;
/** Milliseconds that a case may wait, far beyond what any takes, because other programs may have the machine. */
const hangMilliseconds = 600_000;
/** Seconds of processor time after which a case is killed. */
const mostSeconds = 30;

/** One run of the fuzzer. */
export interface FuzzRun {
  readonly target: FuzzTarget;
  readonly seed: number;
  readonly runs: number;
  readonly from?: number | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Runs cases in processes of their own, so that a crash of the engine and a hang are findings, not the end.
 * Inputs of findings are kept in a folder below the system's temporary folder.
 *
 * Every case has a number and is repeated by `--seed S --from N --runs 1`.
 */
export async function fuzz({
  target,
  seed,
  runs,
  from = 0,
  log = () => undefined,
}: FuzzRun): Promise<FuzzReport> {
  const report: FuzzReport = { target, seed, runs, answered: 0, refused: 0, failures: [] };
  const folder = mkdtempSync(join(tmpdir(), "varve-fuzz-"));
  const kept = `${folder}-findings`;
  let logged = 0;
  try {
    for (let next = from; next < from + runs; ) {
      const count = Math.min(casesPerProcess, from + runs - next);
      const work = join(folder, `from-${next}`);
      mkdirSync(work);
      const progress = join(folder, "progress");
      next = await runProcess(report, {
        seed,
        from: next,
        runs: count,
        target,
        folder: work,
        progress,
        kept,
      });
      rmSync(work, { recursive: true, force: true });
      for (const { number, error, input } of report.failures.slice(logged))
        log(`case ${number}: ${error}${input === undefined ? "" : ` (input: ${input})`}`);
      logged = report.failures.length;
      log(
        `${target}: ${next - from} of ${runs}: ${report.answered} answered, ${report.refused} refused, ${report.failures.length} findings`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

/** The cases of one process. */
export interface WorkerArguments {
  readonly seed: number;
  readonly from: number;
  readonly runs: number;
  readonly target: FuzzTarget;
  /** An empty folder for temporary files. */
  readonly folder: string;
  /** The file in which the process says which case is under way. */
  readonly progress: string;
  /** The folder for inputs of findings, which need not exist. */
  readonly kept: string;
}

/** Resolves to the number of the next case. */
function runProcess(report: FuzzReport, work: WorkerArguments): Promise<number> {
  return new Promise((done, failed) => {
    const options = ["--import", "tsx", "--max-old-space-size=1024"];
    const child = spawn(process.execPath, [...options, resolve(here, "worker.ts"), JSON.stringify(work)], {
      cwd: resolve(here, "../.."),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => output.push(piece));
    child.stderr.on("data", (piece: Buffer) => complaints.push(piece));
    const disarm = watch(work.progress, child.pid ?? 0, () => child.kill("SIGKILL"));
    child.on("error", failed);
    child.on("close", (code, signal) => {
      disarm();
      const text = Buffer.concat(output).toString();
      if (code === 0 && text !== "") {
        const found = JSON.parse(text) as Pick<FuzzReport, "answered" | "refused" | "failures">;
        report.answered += found.answered;
        report.refused += found.refused;
        report.failures.push(...found.failures);
        done(work.from + work.runs);
        return;
      }
      const number = Number(currentCase(work.progress) || work.from);
      const error = `the process ended with ${signal ?? code}: ${Buffer.concat(complaints).toString().slice(0, 2000)}`;
      report.failures.push({ number, error, input: keepInput(work, number) });
      done(number + 1);
    });
  });
}

/** Calls `stop` once where a case takes too much processor time, or waits for ever. */
function watch(progress: string, pid: number, stop: () => void): () => void {
  let last = { name: "", seconds: 0, waits: 0 };
  const period = 2000;
  const timer = setInterval(() => {
    const name = currentCase(progress);
    const seconds = processorSeconds(pid);
    if (name !== last.name) last = { name, seconds, waits: 0 };
    last.waits += period;
    if (last.waits > hangMilliseconds || seconds - last.seconds > mostSeconds) stop();
  }, period);
  return () => clearInterval(timer);
}

/** Processor time of a process so far, as Linux counts it: in hundredths of a second. */
function processorSeconds(pid: number): number {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return 0;
  const fields = readFileSync(stat, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Copies the source of a case whose process ended. */
function keepInput({ folder, kept }: WorkerArguments, number: number): string | undefined {
  const name = readdirSync(folder).find((entry) => entry.startsWith("source."));
  if (name === undefined) return undefined;
  mkdirSync(kept, { recursive: true });
  const input = join(kept, `${number}-${name}`);
  copyFileSync(join(folder, name), input);
  return input;
}

function currentCase(progress: string): string {
  return existsSync(progress) ? readFileSync(progress, "utf8") : "";
}

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

/** What the command line asks for: one target, all sources, or logs. */
function wantedTargets(): readonly FuzzTarget[] {
  if (process.argv.includes("--sources")) return sourceTargets;
  const wanted = sourceTargets.filter((target) => process.argv.includes(`--${target}`));
  return wanted.length === 0 ? ["logs"] : wanted;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const run = { seed: option("--seed", seed), runs: option("--runs", 1000), from: option("--from", 0) };
  let findings = 0;
  for (const target of wantedTargets()) {
    const report = await fuzz({ ...run, target, log: (line) => console.error(line) });
    console.log(JSON.stringify(report, null, 2));
    findings += report.failures.length;
  }
  process.exit(findings === 0 ? 0 : 1);
}
