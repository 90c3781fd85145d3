import type { Command } from "commander";
import { addMonitorAlerts } from "./monitor-alerts.ts";

/** `varve monitor`: monitors of tables, and their alerts. */
export function addMonitor(program: Command): void {
  const group = program
    .command("monitor")
    .summary("watch the versions of a table, and its alerts")
    .description(
      "Watch the versions of a table: what its monitors found, and their alerts (spec/monitors.md).",
    );
  addMonitorAlerts(group);
  group.addHelpText("afterAll", examples);
}

const examples = `
Examples:
  $ varve monitor alerts ./flights
  $ varve monitor alerts ./flights --all --format json
  $ varve monitor alerts ./flights --history --format jsonl`;
