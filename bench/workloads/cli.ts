import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTable } from "../../src/index.ts";
import { leastProcessorSeconds } from "../cold-start.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export const cliWorkloads: readonly Workload[] = [
  { name: "cli-history", run: coldHistory },
  { name: "cold-start", run: coldStarts },
];

/**
 * `varve history` of a small table from a cold start, against Node starting and doing nothing; needs the
 * build.
 */
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

/** What loading costs before anything is done, in processor time of whole processes; needs the build. */
async function coldStarts({ folder, runs }: BenchContext): Promise<Figure[]> {
  const table = await createTable(join(folder, "table"), {
    source: Array.from({ length: 1000 }, (_, id) => ({ id, name: `name ${id}` })),
  });
  await table.close();
  const module = (text: string): string[] => ["--input-type=module", "-e", text];
  const least = await leastProcessorSeconds(Math.max(runs, 9), {
    nothing: ["-e", "0"],
    library: module('import "varve"'),
    version: [program, "--version"],
    engine: module(`import { DuckDBInstance } from "@duckdb/node-api";
      const connection = await (await DuckDBInstance.create()).connect();
      const rows = await (await connection.run(${JSON.stringify(`SELECT * FROM read_parquet('${join(folder, "table")}/*.parquet') WHERE id = 7`)})).getRowObjects();
      if (rows.length !== 1) throw new Error("not one row");`),
    point: module(`import { openTable } from "varve";
      const table = await openTable(${JSON.stringify(join(folder, "table"))});
      let count = 0;
      for await (const row of table.snapshot().rows({ where: "id = 7" })) count += row.id === 7n ? 1 : 0;
      if (count !== 1) throw new Error("not one row");
      await table.close();`),
  });
  return [
    surplus('import "varve"', least.library, { what: "node -e 0", seconds: least.nothing }, 0.06),
    surplus("varve --version", least.version, { what: "node -e 0", seconds: least.nothing }, 0.04),
    surplus("first point query", least.point, { what: "the engine's own", seconds: least.engine }, 0.25),
  ];
}

/** Processor seconds beside another's and what may be spent on top of them. */
function surplus(
  what: string,
  seconds: number,
  baseline: { readonly what: string; readonly seconds: number },
  allowed: number,
): Figure {
  return {
    what: `${what}, cold, processor`,
    seconds,
    baseline: { what: `${baseline.what}, and ${allowed} s`, seconds: baseline.seconds + allowed },
    limit: { atMost: 1 },
    note: `${Math.round((seconds - baseline.seconds) * 1000)} ms over ${baseline.what} (${Math.round(baseline.seconds * 1000)} ms)`,
  };
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
