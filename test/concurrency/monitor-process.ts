import { join } from "node:path";
import { openTable } from "../../src/api/open-table.ts";
import { changes, type KillPlan, killBeforeChange } from "./io-killer.ts";

/** Backfills the monitor `m` of the table `t`, unless the plan ends the process first; prints the changes that it counted. */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: { readonly uri: string; readonly kill?: KillPlan } = JSON.parse(process.argv[2] ?? "");
if (job.kill !== undefined) killBeforeChange(job.kill);
await using table = await openTable(join(job.uri, "t"));
await table.monitors.backfill("m");
process.stdout.write(JSON.stringify(changes));
