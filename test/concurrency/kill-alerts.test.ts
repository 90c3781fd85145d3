import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { alertHistory } from "../../src/monitors/alerts/alert-events.ts";
import { readAlertEvents } from "../../src/monitors/alerts/alerts-store.ts";
import { settleAlerts } from "../../src/monitors/notify/settle-alerts.ts";
import type { MonitoredTable } from "../../src/monitors/stores/drift-store.ts";
import { schema } from "../../src/schema/builder.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { realWorld } from "../../src/util/world.ts";
import { addResults, monitorWith } from "../monitors/some-results.ts";
import { chosenSteps, runKilled } from "./kill-steps.ts";
import { startProcess, untilEnd } from "./writers.ts";

/** A table whose monitor saw drift of `age` in two versions. */
async function drifted(uri: string): Promise<void> {
  const { context, metadata } = (await createTable(uri, { schema: schema().long("id") })).snapshot().log;
  for (const version of [1, 2]) await addResults({ context, metadata }, version, { age: 0.2, town: 0 });
}

/** The table as a run sees it that comes after the claims of the killed one are over. */
async function later(uri: string): Promise<MonitoredTable> {
  const { context, metadata } = (await openTable(uri)).snapshot().log;
  const world = { ...realWorld, now: () => realWorld.now() + 300_000 };
  return { context: { ...context, world }, metadata };
}

interface Line {
  readonly id: string;
  readonly alerts: readonly { readonly column: string }[];
}

function linesOf(uri: string): Line[] {
  const file = join(uri, "_drift/sent.jsonl");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
}

describe("alerts of a run that is killed at every step", () => {
  it("are recorded once and sent once by the next run", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await drifted(join(folder, "base", "t"));
      const unharmed = await runKilled("alerts-process.ts", folder, "unharmed", Number.MAX_SAFE_INTEGER);
      const { changes } = JSON.parse(unharmed.output) as { readonly changes: readonly string[] };
      await mapBounded(chosenSteps([...changes.keys()]), 2, async (index) => {
        const step = `killed before ${changes[index] ?? ""}`;
        const { root, signal, errors } = await runKilled("alerts-process.ts", folder, `k${index}`, index + 1);
        expect(signal, `${step}: ${errors}`).toBe("SIGKILL");
        const table = await later(join(root, "t"));
        const monitor = monitorWith({ notify: [{ file: "sent.jsonl" }] });
        await settleAlerts(table, monitor);
        expect((await settleAlerts(table, monitor)).deliveries, step).toEqual([]);
        const { transitions, messages } = alertHistory(await readAlertEvents(table));
        const states = [...transitions.values()].flat().map(({ key, to }) => `${key.column} ${to}`);
        expect(states, step).toEqual(["age pending", "age firing"]);
        expect(messages, step).toHaveLength(1);
        const lines = linesOf(join(root, "t"));
        expect(lines, step).toMatchObject([{ id: messages[0]?.id, alerts: [{ column: "age" }] }]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("alerts of runs in several processes at once", () => {
  it("are recorded once, and sent by one of them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-alerts-"));
    try {
      await drifted(join(folder, "t"));
      const outputs = await Promise.all(
        [1, 2, 3, 4].map(async () => {
          const child = startProcess("alerts-process.ts", { uri: folder }, folder);
          const [output, { code, errors }] = await Promise.all([text(child.stdout), untilEnd(child)]);
          expect(code, errors).toBe(0);
          return JSON.parse(output) as { readonly deliveries: readonly { readonly outcome: string }[] };
        }),
      );
      const outcomes = outputs.flatMap(({ deliveries }) => deliveries.map(({ outcome }) => outcome));
      expect(outcomes.filter((outcome) => outcome === "sent")).toHaveLength(1);
      expect(outcomes).not.toContain("failed");
      const events = await readAlertEvents(await later(join(folder, "t")));
      expect(events.filter(({ event }) => event === "transition")).toHaveLength(2);
      expect(events.filter(({ event }) => event === "message")).toHaveLength(1);
      expect(linesOf(join(folder, "t"))).toHaveLength(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
