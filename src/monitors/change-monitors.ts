import { assertInternal, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { monitorsProperty } from "../protocol/monitors-property.ts";
import { requireWritable } from "../protocol/obstacles.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { requireBaseline } from "./baseline-side.ts";
import {
  type CarriedMonitor,
  carriedMonitors,
  monitorNamed,
  monitorsOf,
  monitorsText,
} from "./definition/carried-monitors.ts";
import { requireColumns } from "./definition/column-names.ts";
import type { MonitorJson } from "./definition/monitor-json.ts";
import { parseMonitor } from "./definition/parse-definition.ts";

/** How a monitor is created. */
export interface CreateMonitorOptions extends SideTableOptions {
  /** Takes the place of a monitor of the same name; its results stay. */
  readonly replace?: boolean | undefined;
}

/** A change of the monitors of a table. */
export interface MonitorsChange {
  /** The version of the commit. */
  readonly version: number;
  readonly monitors: readonly string[];
}

/** A {@link MonitorsChange}, with the maintenance that follows. */
export interface MonitorsOutcome extends MonitorsChange {
  readonly maintenance: Promise<MaintenanceOutcome>;
}

/**
 * Adds a monitor to those that a table carries, in one metadata commit.
 *
 * @throws `MONITOR_INVALID` naming the path, `MONITOR_EXISTS`, `BASELINE_UNREADABLE`, `PIN_NOT_FOUND`, `CONFLICT_…`
 */
export async function createMonitor(
  snapshot: LogSnapshot,
  json: MonitorJson,
  { replace = false, signal }: CreateMonitorOptions = {},
): Promise<MonitorsOutcome> {
  const definition = parseMonitor(json);
  requireColumns(definition, snapshot.schema);
  const present = carriedMonitors(snapshot.metadata.configuration);
  const { name } = definition;
  const index = present.findIndex((monitor) => monitor.definition.name === name);
  if (index >= 0 && !replace)
    throw new VarveError(
      "MONITOR_EXISTS",
      `${snapshot.context.store.uri} has a monitor ${name} already. Choose another name, or replace it.`,
      { uri: snapshot.context.store.uri, name },
    );
  await requireBaseline(snapshot, definition.baseline);
  const created = { json, definition };
  const monitors = index < 0 ? [...present, created] : present.with(index, created);
  return setMonitors(snapshot, monitors, signal);
}

/** Takes a monitor off a table, in one metadata commit; its results stay. @throws `MONITOR_NOT_FOUND`, `CONFLICT_…` */
export async function removeMonitor(
  snapshot: LogSnapshot,
  name: string,
  { signal }: SideTableOptions = {},
): Promise<MonitorsOutcome> {
  monitorNamed(snapshot, name);
  const present = carriedMonitors(snapshot.metadata.configuration);
  return setMonitors(
    snapshot,
    present.filter(({ definition }) => definition.name !== name),
    signal,
  );
}

async function setMonitors(
  snapshot: LogSnapshot,
  monitors: readonly CarriedMonitor[],
  signal: AbortSignal | undefined,
): Promise<MonitorsOutcome> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  const text = monitorsText(monitors);
  monitorsOf(JSON.parse(text), monitorsProperty);
  const { [monitorsProperty]: _, ...others } = snapshot.metadata.configuration;
  const configuration = monitors.length === 0 ? others : { ...others, [monitorsProperty]: text };
  const names = monitors.map(({ definition }) => definition.name);
  const base = { context: snapshot.context, snapshot };
  const result = await commitChange(base, {
    operation: "SET TBLPROPERTIES",
    operationParameters: { properties: JSON.stringify({ [monitorsProperty]: names.join(", ") }) },
    definition: [{ ...snapshot.metadata, configuration }],
    reads: {},
    signal,
  });
  assertInternal(result.outcome === "committed", "a commit without an application id was applied already");
  return {
    version: result.version,
    monitors: names,
    maintenance: maintainLog(snapshot.context, result, { base: snapshot }),
  };
}
