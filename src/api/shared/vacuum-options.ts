import type { VacuumRequest, VacuumSettings } from "../../vacuum/contract.ts";
import { knownOptions } from "./known-options.ts";
import { vacuumKeys } from "./option-keys.ts";
import { toWriteSource } from "./source.ts";
import type { Source } from "./table-options.ts";

/** How a vacuum finds files, which it deletes, and what it tells of. */
export interface VacuumOptions extends VacuumSettings {
  /**
   * Look only at these files instead of listing the table: rows with a `path`, relative to the table or below its URI,
   * as of a storage inventory. Rows with a true `isDir` are left out; sizes and times are the store's.
   */
  readonly inventory?: Source | undefined;
}

/** Checks a caller's options. @throws `INVALID_ARGUMENT` */
export function toVacuumRequest(options: VacuumOptions): VacuumRequest {
  const { inventory, ...known } = knownOptions("vacuum", options, vacuumKeys);
  return { ...known, inventory: inventory === undefined ? undefined : toWriteSource(inventory) };
}
