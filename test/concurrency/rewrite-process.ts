import { changes, killBeforeChange } from "./io-killer.ts";
import { moveEvenIds, type RewriteJob } from "./rewrite-job.ts";

/**
 * Updates the rows, unless the job's plan ends the process first; prints the changes that it counted.
 */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: RewriteJob = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await moveEvenIds(job.uri);
process.stdout.write(JSON.stringify(changes));
