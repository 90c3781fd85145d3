import { join } from "node:path";
import { recordRun } from "../../src/api/records/runs.ts";
import { changes, type KillPlan, killBeforeChange } from "./io-killer.ts";

/** Records a run of the table `t`, unless the plan ends the process first; prints the changes that it counted. */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: { readonly uri: string; readonly kill?: KillPlan } = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await recordRun(
  { runId: "r", inputs: join(job.uri, "t"), params: { a: 1 }, metrics: { error: 0.5 } },
  { runs: join(job.uri, "runs") },
);
process.stdout.write(JSON.stringify(changes));
