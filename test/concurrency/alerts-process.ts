import { join } from "node:path";
import { openTable } from "../../src/api/open-table.ts";
import { settleAlerts } from "../../src/monitors/notify/settle-alerts.ts";
import { monitorWith } from "../monitors/some-results.ts";
import { changes, type KillPlan, killBeforeChange } from "./io-killer.ts";

/**
 * Brings the alerts of the table `t` up to date and sends what is due to a file below it, unless the plan ends the
 * process first; prints the changes that it counted.
 */
process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
const job: { readonly uri: string; readonly kill?: KillPlan } = JSON.parse(process.argv[2] ?? "");
const { context, metadata } = (await openTable(join(job.uri, "t"))).snapshot().log;
if (job.kill !== undefined) killBeforeChange(job.kill);
const { deliveries } = await settleAlerts(
  { context, metadata },
  monitorWith({ notify: [{ file: "sent.jsonl" }] }),
);
process.stdout.write(JSON.stringify({ changes, deliveries }));
