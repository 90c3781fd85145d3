import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { monitorsProperty } from "../../protocol/monitors-property.ts";
import { jsonFaultPlace, parseRoundedJson, stringifyJson, toJsonValue } from "../../util/json.ts";
import { nearestName } from "../../util/nearest-name.ts";
import type { MonitorDefinition } from "./definition.ts";
import { invalidMonitor, listOf } from "./fields.ts";
import type { MonitorJson } from "./monitor-json.ts";
import { parseMonitor } from "./parse-definition.ts";

/** A monitor as it was given, and with its defaults. */
export interface CarriedMonitor {
  readonly json: MonitorJson;
  readonly definition: MonitorDefinition;
}

/** Monitors of one table at most. */
const mostMonitors = 100;

/** The monitors that a table carries. @throws `MONITOR_INVALID` with the path in the property */
export function carriedMonitors(configuration: Readonly<Record<string, string>>): CarriedMonitor[] {
  const text = configuration[monitorsProperty];
  return text === undefined ? [] : monitorsOf(jsonOf(text, monitorsProperty), monitorsProperty);
}

/** JSON of monitors. @throws `MONITOR_INVALID` for text that is none */
function jsonOf(text: string, path: string): unknown {
  try {
    return parseRoundedJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Neither the text nor the parser's message, which quotes it: addresses of webhooks may hold secrets.
    const place = jsonFaultPlace(text);
    throw invalidMonitor(
      { path, value: undefined },
      `is not valid JSON${place === undefined ? "" : ` (${place})`}`,
      "Write it as JSON",
    );
  }
}

/** A list of monitors with different names. @throws `MONITOR_INVALID` */
export function monitorsOf(json: unknown, path: string): CarriedMonitor[] {
  const monitors = listOf(
    { path, value: json },
    (item) => ({ json: item.value as MonitorJson, definition: parseMonitor(item.value, item.path) }),
    mostMonitors,
  );
  for (const [index, { definition }] of monitors.entries())
    if (monitors.slice(0, index).some((other) => other.definition.name === definition.name))
      throw invalidMonitor(
        { path: `${path}[${index}].name`, value: definition.name },
        "repeats the name of another monitor",
        "Choose another name",
      );
  return monitors;
}

/** Monitors as the value of the property. */
export function monitorsText(monitors: readonly CarriedMonitor[]): string {
  return stringifyJson(toJsonValue(monitors.map(({ json }) => json)));
}

/** The monitor of a name. @throws `MONITOR_NOT_FOUND` with the nearest name */
export function monitorNamed(
  { context, metadata }: Pick<LogSnapshot, "context" | "metadata">,
  name: string,
): CarriedMonitor {
  const monitors = carriedMonitors(metadata.configuration);
  const found = monitors.find(({ definition }) => definition.name === name);
  if (found !== undefined) return found;
  const names = monitors.map(({ definition }) => definition.name);
  const { uri } = context.store;
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  const known =
    names.length === 0 ? "it has no monitors" : `its monitors are ${names.slice(0, 20).join(", ")}`;
  throw new VarveError(
    "MONITOR_NOT_FOUND",
    `${uri} has no monitor ${JSON.stringify(name)}; ${known}.${hint} Create one with monitors.create() or varve monitor create.`,
    { uri, name, nearest, monitors: names },
  );
}
