import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { logFolder } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { restore } from "../../src/operations/restore.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { vacuum } from "../../src/vacuum/vacuum.ts";
import { checkVacuum } from "./check-vacuum.ts";
import type { OperationNote } from "./model-state.ts";
import { count, type Run } from "./run-seed.ts";

const hour = 60 * 60 * 1000;

function noted(note: OperationNote): { readonly userMetadata: string } {
  return { userMetadata: JSON.stringify(note) };
}

/** Restores one of the last versions, by the verb itself; what has been cleaned up may be refused. */
export async function restoreOne({ random, main, tally }: Run, snapshot: LogSnapshot): Promise<void> {
  const { model } = main;
  const version = Math.max(model.first, snapshot.version - 1 - random.below(6));
  if (version >= snapshot.version) return;
  try {
    const { maintenance } = await restore(snapshot, { version }, noted({ op: "restore", version }));
    await maintenance;
    tally.restores++;
  } catch (error) {
    const isGone = isVarveError(error, "VERSION_NOT_FOUND") && model.oldest > model.first;
    // Of a version whose commit was cleaned up, a torn checkpoint of another's may be all that is left.
    const isTorn = isVarveError(error, "CHECKPOINT_CORRUPT") && model.strays.has(String(error.data["path"]));
    if (!isGone && !isTorn) throw error;
    count(tally, error);
  }
}

/** Vacuums the table, by the verb itself, and judges each deletion before it happens. */
export async function vacuumTable(run: Run, { context }: LogSnapshot): Promise<void> {
  const { random, main, tally, scheduler, mistake } = run;
  const hours = random.pick([0.002, 0.02, 1]);
  let looked = scheduler.now;
  const store: ObjectStore = {
    ...context.store,
    list: (prefix, options) => {
      if (prefix.startsWith(logFolder)) looked = scheduler.now;
      return context.store.list(prefix, options);
    },
    deleteMany: async (paths) => {
      try {
        checkVacuum(main.model, main.bucket, { paths, looked, retention: hours * hour });
      } catch (error) {
        main.model.fail(error);
      }
      for (const path of paths) await context.store.delete(path);
      tally.vacuumed += paths.length;
    },
  };
  const { maintenance } = await vacuum(await openLog({ ...context, store }), {
    retainHours: mistake === "vacuum-without-retention" ? 0 : hours,
    retentionCheck: false,
    ...noted({ op: "vacuum" }),
  });
  await maintenance;
}
