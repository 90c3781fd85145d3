import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a run of the command line printed and how it ended. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came, for the binary formats. */
  readonly bytes: Buffer;
}

/** The built program. */
export const mainFile = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Runs the built command line as its users do, in a process of its own. */
export function varve(...args: readonly string[]): Promise<CliRun> {
  return ended(startVarve(args, { stdin: "ignore" }));
}

/** The same with something to read on standard input. */
export function varveReading(input: string, ...args: readonly string[]): Promise<CliRun> {
  const child = startVarve(args, { stdin: "pipe" });
  child.stdin?.end(input);
  return ended(child);
}

/** How the command line is started. */
export interface StartOptions {
  readonly stdin: "ignore" | "pipe";
  /** Folder for its temporary files. */
  readonly folder?: string;
  /** Makes it take standard error for a terminal of this many columns. */
  readonly terminalWidth?: number;
}

/** Starts the built command line. */
export function startVarve(args: readonly string[], options: StartOptions): ChildProcess {
  if (!existsSync(mainFile))
    throw new Error("The command line is not built: run npm run build first (npm test does).");
  const env = options.folder === undefined ? process.env : { ...process.env, TMPDIR: options.folder };
  const terminal =
    options.terminalWidth === undefined ? [] : ["--import", terminalModule(options.terminalWidth)];
  return spawn(process.execPath, [...terminal, mainFile, ...args], {
    stdio: [options.stdin, "pipe", "pipe"],
    env,
  });
}

function terminalModule(columns: number): string {
  const code = `Object.assign(process.stderr, { isTTY: true, columns: ${columns} });`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** What a started command line printed, once it has ended. */
export function ended(child: ChildProcess): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const bytes = Buffer.concat(out);
      resolve({
        code: code ?? -1,
        stdout: bytes.toString("utf8"),
        stderr: Buffer.concat(err).toString("utf8"),
        bytes,
      });
    });
  });
}
