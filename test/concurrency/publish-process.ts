import { changes, killBeforeChange } from "./io-killer.ts";
import { type PublishJob, publishAll } from "./publish-job.ts";

/**
 * Publishes the staged batch, unless the job's plan ends the process first; prints the changes that it
 * counted.
 */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: PublishJob = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await publishAll(job.uri);
process.stdout.write(JSON.stringify(changes));
