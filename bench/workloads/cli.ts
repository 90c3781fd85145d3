import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTable } from "../../src/index.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export const cliWorkloads: readonly Workload[] = [{ name: "cli-history", run: coldHistory }];

/** `varve history` of a small table from a cold start, against Node starting and doing nothing; needs the build. */
async function coldHistory({ folder, runs }: BenchContext): Promise<Figure[]> {
  const table = await createTable(join(folder, "table"), { source: [{ id: 1 }] });
  for (let id = 2; id < 6; id++) await table.append([{ id }]);
  await table.close();
  const seconds = await contest(Math.max(runs, 7), {
    subject: () => started([program, "history", join(folder, "table")]),
    baseline: () => started(["-e", "0"]),
  });
  return [
    {
      what: "varve history, cold",
      seconds: seconds.subject,
      baseline: { what: "node -e 0, and 0.2 s", seconds: seconds.baseline + 0.2 },
      limit: { atMost: 1 },
      note: `node -e 0: ${seconds.baseline.toFixed(3)} s`,
    },
  ];
}

function started(parameters: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`node ${parameters.join(" ")} ended with exit code ${code}`));
    });
  });
}
