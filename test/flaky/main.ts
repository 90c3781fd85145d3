import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const usage = `npm run flaky -- [--repeat 5] [--spinners N] [test files or folders...]

Runs the tests again and again, alone and beside N processes that do nothing but keep the processors busy,
and names each test that failed in any run. Exit 1 where one did.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeat: { type: "string", default: "5" },
    spinners: { type: "string", default: String(2 * availableParallelism()) },
    help: { type: "boolean", default: false },
  },
});

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

if (values.help) console.log(usage);
else process.exitCode = await findFlaky(Number(values.repeat), Number(values.spinners));

async function findFlaky(repeat: number, spinners: number): Promise<number> {
  const failures = new Map<string, number>();
  for (const busy of [0, spinners]) {
    const processes = Array.from({ length: busy }, () =>
      spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
    );
    try {
      for (let run = 1; run <= repeat; run++) {
        const report = await runTests();
        const failed = failuresOf(report);
        for (const [test, message] of failed) {
          const key = `${test} (${busy === 0 ? "alone" : `beside ${busy} busy processes`})`;
          failures.set(key, (failures.get(key) ?? 0) + 1);
          console.log(`failed: ${key}\n${message}`);
        }
        console.log(
          `${busy} busy processes, run ${run} of ${repeat}: ${report.numTotalTests} tests, ${failed.size} failed`,
        );
      }
    } finally {
      for (const spinner of processes) await stop(spinner);
    }
  }
  for (const [test, times] of failures) console.log(`${times} of ${repeat}: ${test}`);
  console.log(
    failures.size === 0 ? `No test failed in ${2 * repeat} runs.` : `${failures.size} failed at least once.`,
  );
  return failures.size === 0 ? 0 : 1;
}

/** @throws Error where vitest leaves no report */
async function runTests(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "varve-flaky-"));
  const file = join(folder, "report.json");
  try {
    const vitest = spawn(
      "npx",
      ["vitest", "run", "--reporter=json", `--outputFile=${file}`, ...positionals],
      {
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    await new Promise((done, failed) => vitest.on("error", failed).on("close", done));
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Failed tests with their messages; a file that could not be loaded counts as one. */
function failuresOf({ testResults }: Report): Map<string, string> {
  const failed = testResults.flatMap(({ name, status, message, assertionResults }): [string, string][] => {
    const tests = assertionResults.filter((test) => test.status === "failed");
    if (tests.length === 0) return status === "failed" ? [[name, message]] : [];
    return tests.map((test) => [`${name}: ${test.fullName}`, test.failureMessages?.join("\n") ?? ""]);
  });
  return new Map(failed);
}

function stop(child: ChildProcess): Promise<unknown> {
  const closed = new Promise((done) => child.once("close", done));
  child.kill("SIGKILL");
  return closed;
}
