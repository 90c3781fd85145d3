import { openTable } from "../../src/api/open-table.ts";
import { changes, type KillPlan, killBeforeChange } from "./io-killer.ts";

/**
 * Vacuums a table, unless the job's plan ends the process first; prints the changes that it counted.
 */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: { readonly uri: string; readonly mode: "full" | "lite"; readonly kill?: KillPlan } = JSON.parse(
  process.argv[2] ?? "",
);
if (job.kill !== undefined) killBeforeChange(job.kill);
await using table = await openTable(job.uri, { threads: 1 });
await table.vacuum({ mode: job.mode, retainHours: 0, retentionCheck: false });
process.stdout.write(JSON.stringify(changes));
