import { changes, killBeforeChange } from "./io-killer.ts";
import { type OperationJob, runOperation } from "./operation-job.ts";

/** Runs an operation, unless the job's plan ends the process first; prints the changes that it counted. */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: OperationJob = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await runOperation(job.uri, job.operation);
process.stdout.write(JSON.stringify(changes));
