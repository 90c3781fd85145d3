import type { DriftSide } from "../drift/comparison/drift-record.ts";
import { isVarveError, VarveError } from "../errors.ts";
import { stateFingerprint } from "../fingerprint/state-fingerprint.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { listPins } from "../pins/reading/list-pins.ts";
import { openPin } from "../pins/reading/open-pin.ts";
import type { AddAction } from "../protocol/actions.ts";
import { appendAll } from "../util/append-all.ts";
import type { MonitorBaseline } from "./definition/definition.ts";
import type { WantedRows } from "./opened-rows.ts";
import { rowsOfVersion } from "./version-rows.ts";

/** A baseline that no later version moves. */
export type FixedBaseline = Exclude<MonitorBaseline, { readonly kind: "previous" | "lag" }>;

/** Whether a baseline is the same for every version. */
export function isFixed(baseline: MonitorBaseline): baseline is FixedBaseline {
  return baseline.kind !== "previous" && baseline.kind !== "lag";
}

/** A baseline's rows, and what reports say of them. */
export interface BaselineRows {
  readonly wanted: WantedRows;
  readonly side: Omit<DriftSide, "rows">;
}

/**
 * Refuses a baseline that the table does not have: a version that is not committed yet, or a pin or run by a name that
 * nothing has. Reads no rows.
 *
 * @throws `BASELINE_UNREADABLE`, `PIN_NOT_FOUND`
 */
export async function requireBaseline(snapshot: LogSnapshot, baseline: MonitorBaseline): Promise<void> {
  switch (baseline.kind) {
    case "version":
      return requireCommitted(snapshot, baseline.version);
    case "versions":
      return requireCommitted(snapshot, baseline.last);
    case "pin":
      await openPin(snapshot.context, baseline.pin);
      return;
    case "runs":
      await pinOfRun(snapshot, baseline.id);
      return;
    case "previous":
    case "lag":
      return;
  }
}

function requireCommitted({ context, version: newest }: LogSnapshot, version: number): void {
  if (version <= newest) return;
  const { uri } = context.store;
  throw new VarveError(
    "BASELINE_UNREADABLE",
    `Version ${version} of ${uri} cannot be the baseline of a monitor: it does not exist yet. The newest version is ${newest}.`,
    { uri, version, newest },
  );
}

/** The rows of a fixed baseline. @throws `BASELINE_UNREADABLE`, `PIN_NOT_FOUND` */
export async function baselineRows(snapshot: LogSnapshot, baseline: FixedBaseline): Promise<BaselineRows> {
  await requireBaseline(snapshot, baseline);
  switch (baseline.kind) {
    case "version": {
      const { version } = baseline;
      const log = await readable(snapshot, version, () => openLog(snapshot.context, { version }));
      const fingerprint = await stateFingerprint(log);
      return {
        wanted: { snapshot: log, committedAt: log.timestamp },
        side: sideOf(`version ${version}`, { version, fingerprint }),
      };
    }
    case "pin":
      return pinned(snapshot.context, baseline.pin);
    case "runs":
      return pinned(snapshot.context, await pinOfRun(snapshot, baseline.id));
    case "versions":
      return ofVersions(snapshot, baseline.first, baseline.last);
  }
}

function sideOf(
  source: string,
  about: Partial<Pick<DriftSide, "version" | "pin" | "fingerprint" | "scope">>,
) {
  return {
    source,
    version: null,
    pin: null,
    fingerprint: null,
    scope: "table",
    window: null,
    ...about,
  } as const;
}

async function pinned(context: TableContext, name: string): Promise<BaselineRows> {
  const { pin, log } = await openPin(context, name);
  const { version, fingerprint } = pin;
  return {
    wanted: { snapshot: log, committedAt: pin.timestamp.getTime() },
    side: sideOf(`pin ${name} (version ${version})`, { version, pin: name, fingerprint }),
  };
}

/** The pin by which a run keeps the version of this table that it read. */
async function pinOfRun({ context, metadata, version }: LogSnapshot, id: string): Promise<string> {
  const pins = await listPins(context);
  const found = pins.find(({ run, tableId }) => run?.id === id && tableId === metadata.id);
  if (found !== undefined) return found.name;
  const { uri } = context.store;
  throw new VarveError(
    "BASELINE_UNREADABLE",
    `No version of ${uri} is pinned for the run ${JSON.stringify(id)}: the run did not read this table, or its pin was removed. Name a pin or a version instead.`,
    { uri, version, pins: pins.map(({ name }) => name).slice(0, 20) },
  );
}

/** The rows that versions brought, in the columns of the last of them. */
async function ofVersions(snapshot: LogSnapshot, first: number, last: number): Promise<BaselineRows> {
  const { context } = snapshot;
  const adds: AddAction[] = [];
  const log = await readable(snapshot, last, () => openLog(context, { version: last }));
  for (let version = first; version <= last; version++) {
    const rows = await rowsOfVersion(context, version);
    if (rows.kind === "gone") throw await unreadable(snapshot, version);
    if (rows.kind === "batch") appendAll(adds, rows.adds);
  }
  return {
    wanted: { snapshot: log, adds },
    side: sideOf(`rows of versions ${first} to ${last}`, { version: last, scope: "batch" }),
  };
}

/** Runs work that reads the baseline; what is gone becomes the error that names the pins. */
export async function readable<T>(
  snapshot: LogSnapshot,
  version: number | null,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP")) throw error;
    throw await unreadable(snapshot, version, error);
  }
}

async function unreadable(
  { context }: LogSnapshot,
  version: number | null,
  cause?: VarveError,
): Promise<VarveError> {
  const { uri } = context.store;
  const pins = (await listPins(context)).map(({ name }) => name).slice(0, 20);
  const choice =
    pins.length === 0
      ? "The table has no pins: pin a version that must stay comparable"
      : `Pins keep their files: ${pins.join(", ")}`;
  return new VarveError(
    "BASELINE_UNREADABLE",
    `Cannot read version ${version ?? "?"} of ${uri} as the baseline of a monitor: files of it are gone, or its log. ${choice}, or choose a newer version.`,
    { uri, version, pins },
    cause,
  );
}
