import { type AppendJob, appendBatch } from "./gated-append.ts";
import { changes, killBeforeChange } from "./io-killer.ts";

/** Appends the batch, unless the job's plan ends the process first; prints the changes that it counted. */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: AppendJob = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await appendBatch(job);
process.stdout.write(JSON.stringify(changes));
