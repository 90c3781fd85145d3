import type { LogSnapshot } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { carryOut } from "./carry-out.ts";
import type { VacuumOutcome, VacuumRequest, VacuumResult } from "./contract.ts";
import { planVacuum } from "./plan-vacuum.ts";
import { stagedFiles } from "./referenced-files.ts";

/**
 * Deletes files that no version of the retention needs: files and deletion vectors that were removed longer ago, change
 * files that are older, and files that no version names and that were not modified since.
 *
 * The newest version's files, staged batches, and everything whose name begins with an underscore or a dot stay
 * (except partitions and change files), as do tables below this one. Files outside the table's root are never touched.
 *
 * @throws `INVALID_ARGUMENT` for a retention below the table's own, and for a clone to forget that is still there; `VACUUM_LITE_UNAVAILABLE`;
 * `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL`, `SOURCE_UNREADABLE`, `CONFLICT_…`, `CANCELLED` (files that were
 * deleted before stay deleted, and another vacuum deletes the rest)
 */
export async function vacuum(opened: LogSnapshot, request: VacuumRequest = {}): Promise<VacuumOutcome> {
  // A batch that is published meanwhile is found either here or in the version.
  const staged = await stagedFiles(opened.context);
  const snapshot = await refreshLog(opened, { signal: request.signal });
  const work = await planVacuum(snapshot, staged, request);
  const { plan } = work;
  const done = (outcome: VacuumResult["outcome"]): VacuumResult => ({ outcome, ...plan, foldersRemoved: 0 });
  if (request.dryRun === true) return done("dryRun");
  const changes = plan.files.length > 0 || plan.forgottenClones.length > 0;
  if (changes && request.confirm !== undefined && (await request.confirm(plan)) !== true)
    return done("declined");
  return carryOut(snapshot, work);
}
