import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What is damaged: logs of tables, or Arrow files and streams. */
export type FuzzTarget = "logs" | "arrow";

/** What a run of the fuzzer found. */
export interface FuzzReport {
  readonly seed: number;
  readonly runs: number;
  answered: number;
  refused: number;
  readonly failures: { readonly number: number; readonly error: string }[];
}

const here = dirname(fileURLToPath(import.meta.url));
const casesPerProcess = 2500;
/** Far beyond what any case takes, because other programs may have the machine. */
const hangMilliseconds = 600_000;

/**
 * Runs cases in processes of their own, so that a crash of the engine and a hang are findings, not the end.
 *
 * Every case has a number and is repeated by `--seed S --from N --runs 1`.
 */
export async function fuzz(
  seed: number,
  runs: number,
  from = 0,
  log: (line: string) => void = () => undefined,
  target: FuzzTarget = "logs",
): Promise<FuzzReport> {
  const report: FuzzReport = { seed, runs, answered: 0, refused: 0, failures: [] };
  const folder = mkdtempSync(join(tmpdir(), "varve-fuzz-"));
  let told = 0;
  try {
    for (let next = from; next < from + runs; ) {
      const count = Math.min(casesPerProcess, from + runs - next);
      next = await runProcess(report, {
        progress: join(folder, "progress"),
        from: next,
        runs: count,
        target,
      });
      for (const { number, error } of report.failures.slice(told)) log(`case ${number}: ${error}`);
      told = report.failures.length;
      log(
        `${next - from} of ${runs}: ${report.answered} answered, ${report.refused} refused, ${report.failures.length} findings`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

/** The cases of one process, and the file in which it says which one is under way. */
interface ProcessCases {
  readonly progress: string;
  readonly from: number;
  readonly runs: number;
  readonly target: FuzzTarget;
}

/** Resolves to the number of the next case. */
function runProcess(report: FuzzReport, { progress, from, runs, target }: ProcessCases): Promise<number> {
  return new Promise((done, failed) => {
    const worker = resolve(here, "worker.ts");
    const child = spawn(
      process.execPath,
      [
        "--import",
        "tsx",
        "--max-old-space-size=1024",
        worker,
        String(report.seed),
        String(from),
        String(runs),
        progress,
        target,
      ],
      {
        cwd: resolve(here, "../.."),
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const output: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => output.push(piece));
    child.stderr.on("data", (piece: Buffer) => complaints.push(piece));
    let last = "";
    const watch = setInterval(() => {
      const now = currentCase(progress);
      if (now === last) child.kill("SIGKILL");
      last = now;
    }, hangMilliseconds);
    child.on("error", failed);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      const text = Buffer.concat(output).toString();
      if (code === 0 && text !== "") {
        const found = JSON.parse(text) as Pick<FuzzReport, "answered" | "refused" | "failures">;
        report.answered += found.answered;
        report.refused += found.refused;
        report.failures.push(...found.failures);
        done(from + runs);
        return;
      }
      const number = Number(currentCase(progress) || from);
      const error = `the process ended with ${signal ?? code}: ${Buffer.concat(complaints).toString().slice(0, 2000)}`;
      report.failures.push({ number, error });
      done(number + 1);
    });
  });
}

function currentCase(progress: string): string {
  return existsSync(progress) ? readFileSync(progress, "utf8") : "";
}

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const seed = option("--seed", 1);
  const target = process.argv.includes("--arrow") ? "arrow" : "logs";
  const log = (line: string) => console.error(line);
  const report = await fuzz(seed, option("--runs", 1000), option("--from", 0), log, target);
  console.log(JSON.stringify(report, null, 2));
  process.exit(report.failures.length === 0 ? 0 : 1);
}
