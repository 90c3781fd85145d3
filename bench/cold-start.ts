import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const recorder = fileURLToPath(new URL("./processor-time.cjs", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs of Node that are compared: parameters by name. */
export type Programs<Name extends string> = Readonly<Record<Name, readonly string[]>>;

/**
 * The least processor seconds, of all threads, that whole processes of Node took, in turns: a busy machine
 * only ever adds to them.
 *
 * @throws Error for a process that fails
 */
export async function leastProcessorSeconds<Name extends string>(
  runs: number,
  programs: Programs<Name>,
): Promise<Record<Name, number>> {
  const least = Object.fromEntries(
    Object.keys(programs).map((name) => [name, Number.POSITIVE_INFINITY]),
  ) as Record<Name, number>;
  for (let run = 0; run < runs; run++) {
    for (const name of Object.keys(programs) as Name[])
      least[name] = Math.min(least[name], await processorSeconds(programs[name]));
  }
  return least;
}

async function processorSeconds(parameters: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--require", recorder, ...parameters], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const recorded: Buffer[] = [];
  (child.stdio[3] as Readable).on("data", (chunk: Buffer) => recorded.push(chunk));
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`node ${parameters.join(" ")} ended with exit code ${String(code)}`);
  return Number(Buffer.concat(recorded).toString("utf8")) / 1e6;
}
