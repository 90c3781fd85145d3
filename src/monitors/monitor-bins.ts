import { assertInternal, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { type BaselineRows, baselineRows, isFixed, readable } from "./baseline-side.ts";
import { binsChanged } from "./bins-head.ts";
import { requireColumns } from "./definition/column-names.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { binsHash } from "./definition/parse-definition.ts";
import { withOwnRows } from "./opened-rows.ts";
import { countProfile } from "./profiles/count-profile.ts";
import { makeBins } from "./profiles/make-bins.ts";
import type { Profile, RecordedBins } from "./profiles/profile.ts";
import { openBins, readBins, writeBins } from "./stores/bins-store.ts";
import { readProfiles, writeProfile } from "./stores/profiles-store.ts";

/** Bins of a monitor, with the counts of the rows that they were made of. */
export interface MonitorBins {
  readonly bins: RecordedBins;
  readonly baseline: Profile;
}

/**
 * The bins of a monitor as they are recorded; undefined if there are none yet.
 *
 * @throws `BINS_CHANGED` if they belong to another baseline, condition, window, slices or columns than the definition has
 */
export async function recordedBins(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions,
): Promise<MonitorBins | undefined> {
  const { name } = definition;
  const opened = await openBins(snapshot, options);
  if (opened === undefined) return undefined;
  // The next run finds them in memory, unless the table of bins has changed.
  const state = JSON.stringify([name, snapshot.metadata.id, opened.metadata.id, opened.version]);
  const known = lastRead.get(snapshot.context);
  if (known?.state === state && known.found.bins.hash === binsHash(definition)) return known.found;
  const bins = await readBins(snapshot, name, { ...options, opened });
  if (bins === undefined) return undefined;
  if (bins.hash !== binsHash(definition)) throw binsChanged(snapshot, name, bins);
  const profiles = await readProfiles(snapshot, { monitor: name, scope: "baseline" }, bins, null, options);
  const baseline = profiles.get(null);
  if (baseline === undefined) return undefined;
  const found = { bins, baseline };
  if (bins.measures.length * baseline.parts.length <= mostKept)
    lastRead.set(snapshot.context, { state, found });
  return found;
}

/** Measures, of all slices, of bins that stay in memory: some megabytes. */
const mostKept = 1_000;

/** The bins that were read last of each open table, and of which state of the store. */
const lastRead = new WeakMap<TableContext, { readonly state: string; readonly found: MonitorBins }>();

/** Whether ages of times are measured: rows that a table keeps, and rows of past windows, grow older by nature. */
export function measuresAges({ scope, window }: MonitorDefinition): boolean {
  return scope === "batch" && window === undefined;
}

/** The error for a moving baseline of which no bins can be made. */
export function noRowsForBins(snapshot: LogSnapshot): VarveError {
  const { uri } = snapshot.context.store;
  return new VarveError(
    "BASELINE_UNREADABLE",
    `${uri} has no version with rows that bins could be made of. Write rows first, or name another baseline.`,
    { uri, version: snapshot.version },
  );
}

/** The bins of a monitor, made of its baseline if there are none. */
export async function ensureBins(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions,
): Promise<MonitorBins> {
  const recorded = await recordedBins(snapshot, definition, options);
  if (recorded !== undefined) return recorded;
  if (!isFixed(definition.baseline))
    throw new Error("varve internal error: bins of a moving baseline need its rows. Please report this.");
  return renewBins(snapshot, definition, await baselineRows(snapshot, definition.baseline), options);
}

/**
 * Makes bins of the rows of a baseline, as the next generation of the monitor. Of several processes that do so at
 * once, all get those of the first.
 *
 * @throws `BASELINE_UNREADABLE`, `MONITOR_INVALID` for columns that the table never had
 */
export async function renewBins(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  { wanted, side }: BaselineRows,
  options: SideTableOptions,
): Promise<MonitorBins> {
  const { name } = definition;
  // A property that was written by hand was never checked; a column may have gone since the baseline.
  requireColumns(definition, [snapshot.schema, wanted.snapshot.schema]);
  const generation = ((await readBins(snapshot, name, options))?.generation ?? 0) + 1;
  const made = await readable(snapshot, side.version, () =>
    withOwnRows(
      [measuresAges(definition) ? wanted : { ...wanted, committedAt: undefined }],
      definition.where,
      async (own, [rows]) => {
        assertInternal(rows !== undefined, "the rows of a baseline were not opened");
        // Whatever comes later would be unlike bins of nothing.
        if (rows.rows === 0 && !isFixed(definition.baseline)) throw noRowsForBins(snapshot);
        const parts = await makeBins(own.session, rows, definition);
        const bins: RecordedBins = {
          id: `${generation}-${snapshot.context.world.uuid()}`,
          generation,
          hash: binsHash(definition),
          baseline: { ...side, rows: rows.rows },
          ...parts,
        };
        const { slices } = definition;
        const baseline = await countProfile(own, rows, bins, { slices }, undefined);
        return { bins, baseline };
      },
      options,
    ),
  );
  // The counts come first: bins that are recorded always have those of their baseline.
  const key = { monitor: name, version: null, scope: "baseline" } as const;
  await writeProfile(snapshot, key, made.bins, made.baseline, options);
  if (await writeBins(snapshot, name, made.bins, options)) return made;
  return (await recordedBins(snapshot, definition, options)) ?? made;
}
