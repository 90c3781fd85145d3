import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { settleAlerts } from "../../src/monitors/notify/settle-alerts.ts";
import { addResults, monitorWith } from "../monitors/some-results.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { varveHere as varve } from "../support/cli-here.ts";

it("alerts are listed, muted and acknowledged, with exit code 4 while one is unattended", async () => {
  const folder = join(freshFolder(), "t\nu");
  const hostile = "age\u001b[31m";
  await using table = await createTable(folder, { source: [{ id: 1, age: 2, [hostile]: 3 }] });
  await table.monitors.create({
    name: "inputs",
    baseline: { version: 0 },
    alerts: [{ when: "drift" }, { when: "broken" }],
  });
  const { context, metadata } = table.snapshot().log;
  const settle = () => settleAlerts({ context, metadata }, monitorWith());
  expect(await varve("monitor", "alerts", folder)).toMatchObject({ code: 0, stdout: "nothing to show\n" });
  await addResults({ context, metadata }, 1, { age: 0.2, [hostile]: "broken" });
  await addResults({ context, metadata }, 2, { age: 0.2, [hostile]: 0 });
  await settle();

  const listed = await varve("monitor", "alerts", folder);
  expect(listed.code).toBe(4);
  expect(listed.stdout).toMatch(/inputs +drift +age +warning +firing +2 +1 +0\.20 +age moved\./);
  expect(listed.stdout).not.toContain("\u001b[31m");
  const json = await varve("monitor", "alerts", folder, "--monitor", "inputs", "--format", "json");
  expect(JSON.parse(json.stdout)).toMatchObject([
    { rule: "drift", column: "age", status: "firing", version: 2, since: 1, unattended: true },
    { rule: "broken", column: hostile, status: "firing", severity: "critical" },
  ]);
  expect(await varve("monitor", "alerts", folder, "--monitor", "input")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Did you mean inputs?"),
  });

  const muted = await varve(
    "monitor",
    "mute",
    folder,
    "inputs",
    "--column",
    hostile,
    "--until",
    "v9",
    "--reason",
    "new",
  );
  expect(muted).toMatchObject({ code: 0, stdout: "muted age\\u001b[31m of inputs until version 9\n" });
  expect(await varve("monitor", "alerts", folder)).toMatchObject({ code: 4 });
  const acknowledged = await varve(
    ...["monitor", "acknowledge", folder, "inputs", "--rule", "drift"],
    ...["--reason", "ticket 12", "--by", "ann", "--json"],
  );
  expect(JSON.parse(acknowledged.stdout)).toMatchObject({
    kind: "acknowledge",
    by: "ann",
    reason: "ticket 12",
  });
  const quiet = await varve("monitor", "alerts", folder);
  expect(quiet).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("ann: ticket 12 (unt"),
  });

  expect(await varve("monitor", "unmute", folder, "inputs", "--rule", "drift")).toMatchObject({
    code: 0,
    stdout: "took back 1 mute or acknowledgement\n",
  });
  expect(await varve("monitor", "alerts", folder)).toMatchObject({ code: 4 });
  expect(await varve("monitor", "unmute", folder, "inputs", "--rule", "drift")).toMatchObject({
    stdout: "nothing was muted or acknowledged\n",
  });

  for (const version of [3, 4]) await addResults({ context, metadata }, version, { age: 0, [hostile]: 0 });
  await settle();
  expect(await varve("monitor", "alerts", folder)).toMatchObject({ code: 0, stdout: "nothing to show\n" });
  const history = await varve("monitor", "alerts", folder, "--history", "--format", "csv");
  expect(history.stdout).toMatch(/^monitor,rule,column,slice,severity,from,to,version,/);
  expect(history.stdout).toContain("inputs,drift,age,,warning,firing,resolved,4,");
  const all = await varve("monitor", "alerts", folder, "--all", "--format", "jsonl");
  expect(all.stdout.trim().split("\n")).toHaveLength(2);
  const refusals: readonly (readonly [readonly string[], string])[] = [
    [["mute", "--until", "v2", "--reason", "x"], "has looked at version 4 already"],
    [["mute", "--until", "2001-01-01", "--reason", "x"], "has passed"],
    [["mute", "--until", "soon", "--reason", "x"], "is not a time"],
    [["mute", "--rule", "drifts", "--reason", "x"], 'Did you mean "drift"?'],
    [["mute", "--column", "ages", "--reason", "x"], 'Did you mean "age"?'],
    [["mute", "--reason", " "], "0 characters"],
    [["mute"], "--reason"],
    [["acknowledge", "--reason", "x"], "none are open"],
  ];
  for (const [[verb = "", ...flags], text] of refusals)
    expect({ flags, ...(await varve("monitor", verb, folder, "inputs", ...flags)) }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(text),
    });
});
