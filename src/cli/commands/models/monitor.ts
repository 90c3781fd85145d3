import type { Command } from "commander";
import { addMonitorAlerts } from "./monitor-alerts.ts";
import { addMonitorVerbs } from "./monitor-verbs.ts";

/** `varve monitor`: monitors of tables, and their alerts. */
export function addMonitor(program: Command): void {
  const group = program
    .command("monitor")
    .summary("watch the versions of a table, and its alerts")
    .description(
      "Watch the versions of a table: each is compared with a baseline by bins that are stored, so that two recorded versions are compared without reading a row, and alerts follow from what is found (spec/monitors.md).",
    );
  addMonitorVerbs(group);
  addMonitorAlerts(group);
  group.addHelpText("afterAll", examples);
}

const examples = `
Examples:
  $ varve monitor create ./flights delays --baseline v1 --exclude id
  $ varve monitor create ./flights quiet --baseline v1 --threshold 0.2 --alert drift,broken --on-commit
  $ varve monitor list ./flights
  $ varve monitor run ./flights delays
  $ varve monitor backfill ./flights delays --from v2
  $ varve monitor show ./flights delays --format json
  $ varve monitor show ./flights delays --version v4
  $ varve monitor show ./flights delays --html delays.html
  $ varve monitor alerts ./flights
  $ varve monitor alerts ./flights --all --format json
  $ varve monitor alerts ./flights --history --format jsonl
  $ varve monitor mute ./flights delays --until 2035-01-01 --reason "new airports"
  $ varve monitor unmute ./flights delays
  $ varve monitor rebaseline ./flights delays --baseline v2..v3
  $ varve monitor remove ./flights delays`;
