import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { binsHash } from "./definition/parse-definition.ts";
import { type BinsHead, readBinsHead } from "./stores/bins-store.ts";

/**
 * Which bins a monitor has, without what they hold: enough to find what was compared by them.
 *
 * @throws `BINS_CHANGED` if they belong to another baseline, condition, window, slices or columns than the definition has
 */
export async function recordedBinsHead(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions,
): Promise<BinsHead | undefined> {
  const { name } = definition;
  const head = await readBinsHead(snapshot, name, options);
  if (head !== undefined && head.hash !== binsHash(definition)) throw binsChanged(snapshot, name, head);
  return head;
}

/** The error for bins of another definition. */
export function binsChanged(
  { context }: LogSnapshot,
  name: string,
  { generation, baseline }: BinsHead,
): VarveError {
  const { uri } = context.store;
  return new VarveError(
    "BINS_CHANGED",
    `The bins of the monitor ${name} of ${uri} belong to another definition (${baseline.source}, generation ${generation}): its baseline, columns, slices, window or condition have changed since. Make bins of the new baseline with monitors.rebaseline() or varve monitor rebaseline; earlier results stay.`,
    { uri, name, generation, baseline: baseline.source },
  );
}
