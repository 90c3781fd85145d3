import { vi } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { CliRun } from "./cli.ts";

/** Runs the command line from its source in this process: cheaper than a process, where none of its own is needed. */
export async function varveHere(...args: readonly string[]): Promise<Omit<CliRun, "bytes">> {
  const printed = { stdout: "", stderr: "" };
  const catching = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
      printed[stream] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      return true;
    }),
  );
  try {
    process.exitCode = undefined;
    return { code: await run(args), ...printed };
  } finally {
    process.exitCode = undefined;
    for (const spy of catching) spy.mockRestore();
  }
}
