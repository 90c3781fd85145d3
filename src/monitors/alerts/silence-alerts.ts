import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { nearestName } from "../../util/nearest-name.ts";
import { monitorNamed } from "../definition/carried-monitors.ts";
import { columnNamesOf } from "../definition/column-names.ts";
import { alertHistory } from "./alert-events.ts";
import { type Alert, alertList } from "./alert-list.ts";
import { namedRules } from "./alert-rule.ts";
import { isOpen } from "./alert-states.ts";
import { readAlertEvents, recordAlertEvents } from "./alerts-store.ts";
import { isAbout, type Silence, type SilenceEnd, sliceText } from "./silence.ts";
import { newestVersion } from "./update-alerts.ts";

/** Which alerts of a monitor are meant; default: all. */
export interface AlertSelection {
  /** Name of the rule, such as `drift` or `performance roc_auc`. */
  readonly rule?: string | undefined;
  /** The column, or the metric of a rule on performance. */
  readonly column?: string | undefined;
  /** The slice, such as `country=DE`, or the name of one with a condition. */
  readonly slice?: string | undefined;
}

/** What a person says of alerts. */
export interface SilenceRequest extends AlertSelection {
  readonly kind: Silence["kind"];
  readonly monitor: string;
  readonly by: string;
  readonly reason: string;
  readonly until: SilenceEnd;
}

/** The alerts of a table's monitors, or of one, as they are now; only open ones unless `all`. */
export async function listAlerts(
  table: LogSnapshot,
  { monitor, all = false }: { readonly monitor?: string | undefined; readonly all?: boolean | undefined },
  options: SideTableOptions = {},
): Promise<Alert[]> {
  if (monitor !== undefined) monitorNamed(table, monitor);
  const history = alertHistory(await readAlertEvents(table, options));
  const names = [
    ...new Set([...history.transitions.values()].flatMap(([first]) => first?.key.monitor ?? [])),
  ];
  const now = table.context.world.now();
  const lists = await Promise.all(
    names
      .filter((name) => monitor === undefined || name === monitor)
      .map(async (name) => {
        const version = await newestVersion(table, name, options);
        return alertList(history, { now, version }).filter((alert) => alert.monitor === name);
      }),
  );
  return lists.flat().filter(({ status }) => all || isOpen(status));
}

/**
 * Mutes or acknowledges alerts of a monitor.
 *
 * @throws `MONITOR_NOT_FOUND`; `INVALID_ARGUMENT` for a rule or column that the monitor does not have, for an end that
 * has passed, and where nothing is open that could be acknowledged
 */
export async function silenceAlerts(
  table: LogSnapshot,
  request: SilenceRequest,
  options: SideTableOptions = {},
): Promise<Silence> {
  const { kind, monitor, by, reason, until } = request;
  requireKnown(table, monitor, request);
  const { world } = table.context;
  requireComing(until, world.now(), await newestVersion(table, monitor, options));
  const silence: Silence = {
    id: world.uuid(),
    kind,
    monitor,
    rule: request.rule ?? null,
    column: request.column ?? null,
    slice: request.slice ?? null,
    by,
    reason,
    at: new Date(world.now()),
    until,
  };
  if (kind === "acknowledge") await requireOpen(table, silence, options);
  await recordAlertEvents(table, () => [{ event: "silence", silence }], options);
  return silence;
}

/**
 * Takes back the mutes and acknowledgements of a monitor that name these alerts; without a selection, all.
 *
 * @returns those that it took back, which may have been over already
 * @throws `MONITOR_NOT_FOUND`, `INVALID_ARGUMENT`
 */
export async function unsilenceAlerts(
  table: LogSnapshot,
  { monitor, by, ...selection }: AlertSelection & { readonly monitor: string; readonly by: string },
  options: SideTableOptions = {},
): Promise<Silence[]> {
  requireKnown(table, monitor, selection);
  let taken: Silence[] = [];
  await recordAlertEvents(
    table,
    (events) => {
      taken = alertHistory(events)
        .silences.map(({ silence }) => silence)
        .filter((silence) => silence.monitor === monitor && isNamedBy(silence, selection));
      return taken.map(({ id }) => ({ event: "unsilenced" as const, monitor, silence: id, by }));
    },
    options,
  );
  return taken;
}

function isNamedBy(silence: Silence, { rule, column, slice }: AlertSelection): boolean {
  return (
    (rule === undefined || silence.rule === rule) &&
    (column === undefined || silence.column === column) &&
    (slice === undefined || silence.slice === slice)
  );
}

/** @throws `MONITOR_NOT_FOUND`; `INVALID_ARGUMENT` naming the nearest rule or column */
function requireKnown(table: LogSnapshot, monitor: string, { rule, column }: AlertSelection): void {
  const { definition } = monitorNamed(table, monitor);
  const rules = namedRules(definition.alerts).map(({ name }) => name);
  if (rule !== undefined && !rules.includes(rule)) throw unknown("rule", rule, rules, monitor);
  const columns = [...columnNamesOf(table.schema), ...(definition.performance?.metrics ?? [])];
  if (column !== undefined && !columns.some((name) => foldName(name) === foldName(column)))
    throw unknown("column", column, columns, monitor);
}

function unknown(what: string, name: string, known: readonly string[], monitor: string): VarveError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : ` Did you mean ${JSON.stringify(nearest)}?`;
  const list = known.length === 0 ? "it has none" : `known are ${known.slice(0, 20).join(", ")}`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `Monitor ${monitor} has no alerts of the ${what} ${JSON.stringify(name)}; ${list}.${hint}`,
    { name, nearest, known },
  );
}

function requireComing(until: SilenceEnd, now: number, newest: number): void {
  if (until.kind === "version" && until.version <= newest)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The monitor has looked at version ${newest} already, so ${until.version} cannot be the version until which its alerts are silent. Name a later one.`,
      { option: "until", version: until.version },
    );
  if (until.kind === "time" && !(until.time.getTime() > now))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${until.time.toISOString()} has passed, so it cannot be the time until which alerts are silent. Name a later one.`,
      { option: "until", timestamp: until.time.toISOString() },
    );
}

async function requireOpen(table: LogSnapshot, silence: Silence, options: SideTableOptions): Promise<void> {
  const open = await listAlerts(table, { monitor: silence.monitor }, options);
  if (open.some((alert) => isAbout(silence, alert))) return;
  const known = open.map(({ rule, column, slice }) =>
    [rule, column, sliceText(slice)].filter((part) => part !== null),
  );
  const list =
    known.length === 0
      ? "none are open"
      : `open are ${known
          .slice(0, 10)
          .map((parts) => parts.join(" "))
          .join(", ")}`;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Monitor ${silence.monitor} has no such open alert to acknowledge; ${list}. To silence alerts that may come, mute them.`,
    { name: silence.monitor, known },
  );
}
