import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { refreshLog } from "../../src/log/snapshot/open-log.ts";
import { CommitOutcomeUnknownError } from "../../src/table/commit/commit-outcome.ts";
import type { CommitResult } from "../../src/table/commit/commit-request.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { checkpointTable } from "../../src/table/commit/log-maintenance.ts";
import { commitOrWithdraw, withdrawData } from "../../src/table/data-files/publish-data-files.ts";
import type { StagedData } from "../../src/table/data-files/write-data-files.ts";
import type { AppTransaction } from "../../src/table/idempotence/app-transaction.ts";
import { listsAtOnce } from "./faults.ts";
import { mistakenMaintenance } from "./log-mistakes.ts";
import { mistaken } from "./mistakes.ts";
import { Violation } from "./model-state.ts";
import { plan, type Wish } from "./operations.ts";
import { count, isTransient, openPatiently, type Run, type SimTable } from "./run-seed.ts";
import type { Process } from "./scheduler.ts";
import { dropStray } from "./strays.ts";
import { vectorPath } from "./vectors.ts";
import { restoreOne, vacuumTable } from "./verbs.ts";

/** A commit that its writer was told had landed. */
interface Acknowledged {
  readonly table: SimTable;
  readonly version: number;
  readonly txnId: string;
  readonly paths: readonly string[];
}

const hour = 60 * 60 * 1000;

/** Work on the log itself, without a commit. */
type Chore = "logCompaction" | "checkpoint" | "stray";

/** Verbs that run as they are: they need no engine. */
type Verb = "restore" | "vacuum";

const wishes: Readonly<Record<Wish | Chore | Verb, number>> = {
  append: 8,
  batch: 6,
  overwrite: 1,
  overwritePart: 2,
  deleteWhere: 3,
  count: 2,
  compact: 3,
  property: 1.5,
  suite: 1,
  column: 1,
  domain: 1,
  feature: 0.5,
  drop: 0.5,
  logCompaction: 1.5,
  checkpoint: 1,
  stray: 1,
  mark: 4,
  merge: 3,
  restore: 1,
  vacuum: 1.5,
};

/**
 * A process that writes; what it remembers beyond a crash is only what a careful application would have made
 * durable.
 */
export class Writer {
  readonly name: string;
  /**
   * The application whose batches it writes; two writers may be at the same ones, as when a job was started
   * twice.
   */
  readonly app: string;
  /** Commits that were acknowledged, by whatever incarnation. */
  readonly acknowledged: Acknowledged[] = [];
  /** Paths of files whose commit definitely failed. */
  readonly failed: { readonly table: SimTable; readonly paths: readonly string[] }[] = [];
  /** Batches that are done; their number is the progress of application `app`. */
  batchesDone = 0;
  readonly #run: Run;
  #left: number;
  #batchOpen = false;

  constructor(run: Run, name: string, app: string) {
    this.#run = run;
    this.name = name;
    this.app = app;
    this.#left = 1 + run.random.below(4);
  }

  /** Works until its jobs are done; a new incarnation takes up an unfinished batch again. */
  async work(process: Process): Promise<void> {
    const { random, main } = this.#run;
    const context = this.#run.contextFor(process, main);
    let held: LogSnapshot | undefined;
    while (this.#left > 0) {
      const wish = this.#batchOpen ? "batch" : random.weighted(wishes);
      try {
        held = await this.#open(context, held);
        if (wish === "logCompaction") await this.#compactLog(context, held);
        else if (wish === "checkpoint") await this.#checkpoint(held);
        else if (wish === "stray") dropStray(this.#run);
        else if (wish === "restore") await restoreOne(this.#run, held);
        else if (wish === "vacuum") await this.#vacuum(held);
        else if (wish === "batch") await this.#batch(process, held);
        else await this.#commit(main, held, wish);
      } catch (error) {
        if (
          !isTransient(error, this.#run) &&
          !(error instanceof ConflictError) &&
          !isVarveError(error, "COMMIT_OUTCOME_UNKNOWN")
        )
          throw error;
        count(this.#run.tally, error);
        held = undefined;
      }
      this.#left--;
      await context.world.sleep(random.below(random.chance(0.15) ? 3 * hour : 3000));
    }
  }

  /** Opens the table, or refreshes what it has; now and then it goes on from that as it is, however old. */
  async #open(context: TableContext, held: LogSnapshot | undefined): Promise<LogSnapshot> {
    const { random } = this.#run;
    if (held === undefined || random.chance(0.35)) return openPatiently(context, this.#run);
    return random.chance(0.25) ? held : refreshLog(held);
  }

  /** As on demand, of whatever version is in hand. */
  async #checkpoint(held: LogSnapshot): Promise<void> {
    await checkpointTable(held, { inlineLimit: 1_000_000 });
    this.#run.tally.checkpoints++;
  }

  /** Only where listings show what there is: a vacuum believes them. */
  async #vacuum(held: LogSnapshot): Promise<void> {
    if (listsAtOnce(this.#run.faults)) await vacuumTable(this.#run, held);
  }

  async #compactLog(context: TableContext, { version }: LogSnapshot): Promise<void> {
    const from = Math.max(0, version - 1 - this.#run.random.below(4));
    if (from >= version) return;
    try {
      await writeCompaction(context, from, version);
    } catch (error) {
      if (!isVarveError(error, "VERSION_NOT_FOUND")) throw error;
    }
  }

  /**
   * One batch of an application: its bad rows to quarantine, then its good rows; repeated with the same
   * progress until both are there.
   */
  async #batch(process: Process, main: LogSnapshot): Promise<void> {
    this.#batchOpen = true;
    const txn: AppTransaction = { appId: this.app, version: BigInt(this.batchesDone + 1) };
    const { quarantine } = this.#run;
    const other = await openPatiently(this.#run.contextFor(process, quarantine), this.#run);
    const bad = await this.#commit(quarantine, other, "batch", txn);
    const good = bad ? await this.#commit(this.#run.main, main, "batch", txn) : false;
    if (!good) return;
    this.batchesDone++;
    this.#batchOpen = false;
  }

  /** Whether the wish is now part of the table. */
  async #commit(table: SimTable, snapshot: LogSnapshot, wish: Wish, txn?: AppTransaction): Promise<boolean> {
    const { random, counter, scheduler, mistake } = this.#run;
    const request = await plan(wish, snapshot, { random, counter, now: scheduler.now }, txn);
    if (request === undefined) return false;
    const removed = new Set(
      request.actions.flatMap((action) => (action.kind === "remove" ? [action.path] : [])),
    );
    const added = request.actions.filter((action) => action.kind === "add");
    const paths = added.map(({ path }) => path).filter((path) => !removed.has(path));
    const vectors = added.map(vectorPath).filter((path) => path !== undefined);
    const commit = mistaken(mistake, this.#run);
    const { context } = snapshot;
    const data = stagedData([...paths, ...vectors]);
    // Some batches take hours to write.
    if (random.chance(0.05)) await context.world.sleep(random.below(6 * hour));
    try {
      await publish(context, data, paths);
      const result = await this.#resolve(() =>
        this.#withFiles(context, data, () => commit(snapshot, request)),
      );
      this.#note(table, result, paths, txn);
      if (result.outcome === "alreadyApplied") await withdrawData(context, data);
      if (result.outcome === "committed") await this.#maintenance(snapshot, result);
      return true;
    } catch (error) {
      if (isVarveError(error, "COMMIT_OUTCOME_UNKNOWN")) throw error;
      if (error instanceof ConflictError) this.#run.tally.conflicts++;
      this.failed.push({ table, paths });
      throw error;
    }
  }

  /** Takes the files of a commit back that certainly did not happen, as every verb does. */
  async #withFiles(
    context: TableContext,
    data: StagedData,
    commit: () => Promise<CommitResult>,
  ): Promise<CommitResult> {
    try {
      return await commitOrWithdraw(context, data, commit);
    } catch (error) {
      if (this.#run.mistake === "withdraw-after-unknown") await withdrawData(context, data);
      throw error;
    }
  }

  /** Recovers from unknown outcomes a few times, then leaves the commit in doubt. */
  async #resolve(commit: () => Promise<CommitResult>): Promise<CommitResult> {
    let next = commit;
    for (let attempt = 0; ; attempt++) {
      try {
        return await next();
      } catch (error) {
        if (!(error instanceof CommitOutcomeUnknownError) || attempt > 3) throw error;
        this.#run.tally.unknown++;
        next = error.recoverCommit;
      }
    }
  }

  #note(
    table: SimTable,
    result: CommitResult,
    paths: readonly string[],
    txn: AppTransaction | undefined,
  ): void {
    if (result.outcome === "committed") {
      this.acknowledged.push({ table, version: result.version, txnId: result.txnId, paths });
      return;
    }
    this.failed.push({ table, paths });
    const held = table.model.stateOf(result.version)?.txns.get(result.appId);
    if (txn === undefined || held === undefined || held < txn.version) {
      throw new Violation(
        `${this.name} was told that ${result.appId} ${txn?.version} is in version ${result.version}, which holds ${held}`,
      );
    }
  }

  async #maintenance(
    base: LogSnapshot,
    result: Extract<CommitResult, { outcome: "committed" }>,
  ): Promise<void> {
    const { tally, random } = this.#run;
    const work = mistakenMaintenance(this.#run.mistake)(base.context, result, {
      base,
      checkpoint: { inlineLimit: 1_000_000 },
      skip: this.#run.checksums ? [] : ["checksum"],
    }).then((report) => {
      if (report.checkpoint !== undefined) tally.checkpoints++;
      tally.cleaned += report.cleanup?.deleted.length ?? 0;
      for (const { cause, message } of report.warnings) {
        if (!isTransient(cause, this.#run) && !isVarveError(cause, "VERSION_NOT_FOUND"))
          throw new Violation(`maintenance: ${message}`);
      }
      if (report.cleanup?.reason !== undefined)
        tally.errors[`cleanup: ${report.cleanup.reason.replaceAll(/[0-9a-f-]{4,}|\d+/g, "N").slice(0, 60)}`] =
          1;
    });
    if (random.chance(0.5)) await work;
    else work.catch((error: unknown) => this.#run.main.model.fail(error));
  }
}

function stagedData(paths: readonly string[]): StagedData {
  const written = { file: "", rows: 0, bytes: 0, partitionValues: [], columns: [] };
  const files = paths.map((path) => ({ written, path, partitionValues: {}, stats: "" }));
  return { files, rows: 0, bytes: 0, discard: async () => undefined };
}

/** Puts data files where the commit will name them, or takes them back. */
async function publish({ store }: TableContext, data: StagedData, paths: readonly string[]): Promise<void> {
  try {
    await Promise.all(paths.map((path) => store.put(path, new TextEncoder().encode(path))));
  } catch (error) {
    await withdrawData({ store } as TableContext, data);
    throw error;
  }
}
