import { changes, killBeforeChange } from "./io-killer.ts";
import { type ResubmitJob, resubmitAll } from "./resubmit-job.ts";

/**
 * Resubmits the quarantine's rows, unless the job's plan ends the process first; prints the changes that it
 * counted.
 */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: ResubmitJob = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await resubmitAll(job.uri);
process.stdout.write(JSON.stringify(changes));
