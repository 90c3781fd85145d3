import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { listsAtOnce } from "./faults.ts";
import { openAtTextTime } from "./log-mistakes.ts";
import type { Model } from "./model.ts";
import { modelFile, Violation } from "./model-state.ts";
import { count, isTransient, openPatiently, type Run } from "./run-seed.ts";
import type { Process } from "./scheduler.ts";

/** A process that opens the table again and again and compares what it sees with the model. */
export class Reader {
  readonly name: string;
  readonly #run: Run;
  #left: number;

  constructor(run: Run, name: string) {
    this.#run = run;
    this.name = name;
    this.#left = 1 + run.random.below(4);
  }

  /** Opens a version or a time of the past; what has been cleaned up may be refused. */
  async #travel(context: TableContext): Promise<void> {
    const { main, random, faults, tally, scheduler, mistake } = this.#run;
    const { model } = main;
    const oldest = model.commitOf(model.first)?.modified ?? 0;
    const timestamp = oldest + random.below(scheduler.now - oldest + 1);
    const version = model.first + random.below(model.commits.length);
    const byTime = random.chance(0.6);
    const before = versionsAt(model, timestamp);
    try {
      const openAt = mistake === "file-times-as-text" ? openAtTextTime : openAtTime;
      const snapshot = byTime ? await openAt(context, timestamp) : await openLog(context, { version });
      await compare(snapshot, model);
      tally.travels++;
      if (!byTime && snapshot.version !== version)
        throw new Violation(`version ${version} was asked for, ${snapshot.version} came`);
      const { high } = versionsAt(model, timestamp);
      const isRight = snapshot.version <= high && (snapshot.version >= before.low || !listsAtOnce(faults));
      // A commit put anew into the past has a time of its own, by which those after it are moved.
      if (byTime && !isRight && model.ghosts.length === 0)
        throw new Violation(
          `as of ${timestamp} came version ${snapshot.version}, not ${before.low} to ${high}`,
        );
    } catch (error) {
      const isGone = model.oldest > model.first || !listsAtOnce(faults);
      // Of a version whose commit was cleaned up, a torn checkpoint of another's may be all that is left.
      const isTorn =
        isVarveError(error, "CHECKPOINT_CORRUPT") && model.strays.has(String(error.data["path"]));
      if (!isGone || !(isTorn || isVarveError(error, "VERSION_NOT_FOUND", "TIMESTAMP_OUT_OF_RANGE")))
        throw error;
      count(tally, error);
    }
  }

  async work(process: Process): Promise<void> {
    const { main, random, faults, tally } = this.#run;
    const context = this.#run.contextFor(process, main);
    let held: LogSnapshot | undefined;
    while (this.#left-- > 0) {
      const known = main.model.latest;
      try {
        if (random.chance(0.5)) await this.#travel(context);
        const before = held;
        const refreshes = held !== undefined && random.chance(0.5);
        held =
          held === undefined || !refreshes ? await openPatiently(context, this.#run) : await refreshLog(held);
        if (listsAtOnce(faults) && held.version < known)
          throw new Violation(`version ${known} had landed, a later reader saw ${held.version}`);
        if (refreshes && before !== undefined && held.version < before.version)
          throw new Violation(`a refresh went from version ${before.version} back to ${held.version}`);
        await compare(held, main.model);
        tally.reads++;
      } catch (error) {
        if (!isTransient(error, this.#run)) throw error;
        count(tally, error);
        held = undefined;
      }
      await context.world.sleep(random.below(2000));
    }
  }
}

function openAtTime(context: TableContext, timestamp: number): Promise<LogSnapshot> {
  return openLog(context, { timestamp });
}

/**
 * The newest version committed at or before a time, as the model knows it: a range, for file times that are
 * equal are told apart by order only.
 */
function versionsAt(model: Model, timestamp: number): { readonly low: number; readonly high: number } {
  let [low, high, adjusted] = [model.first - 1, model.first - 1, Number.NEGATIVE_INFINITY];
  for (const { version, modified } of model.commits) {
    const state = model.stateOf(version);
    const own = state?.configuration["delta.enableInCommitTimestamps"] === "true" ? state.stamp : modified;
    adjusted = Math.max(own, adjusted + 1);
    if (adjusted <= timestamp) low = version;
    if (own <= timestamp) high = version;
  }
  return { low, high };
}

/** Compares a snapshot with the model of its version, whole. @throws {@link Violation} */
export async function compare(snapshot: LogSnapshot, model: Model): Promise<void> {
  const { version } = snapshot;
  const expected = model.stateOf(version);
  if (expected === undefined) throw new Violation(`a reader saw version ${version}, which never landed`);
  const demand = (what: string, seen: string, meant: string) => {
    if (seen !== meant)
      throw new Violation(`a reader of version ${version} saw other ${what}: ${seen} instead of ${meant}`);
  };
  const seen: string[] = [];
  for await (const chunk of (await snapshot.files()).all())
    for (const file of chunk) seen.push(describe(file.path, modelFile(file)));
  demand(
    "files",
    seen.sort().join(" "),
    [...expected.files]
      .map(([path, file]) => describe(path, file))
      .sort()
      .join(" "),
  );
  demand("columns", snapshot.metadata.schemaString, expected.schemaString);
  demand(
    "properties",
    JSON.stringify(snapshot.metadata.configuration),
    JSON.stringify(expected.configuration),
  );
  demand("features", String(snapshot.protocol.writerFeatures), String(expected.features));
  const txns = [...(await snapshot.appTransactions())].map(([appId, txn]) => `${appId}:${txn.version}`);
  demand(
    "progress",
    txns.sort().join(),
    [...expected.txns]
      .map(([appId, at]) => `${appId}:${at}`)
      .sort()
      .join(),
  );
  const domains = [...(await snapshot.domainMetadata())].map(
    ([domain, action]) => `${domain}=${action.configuration}`,
  );
  demand(
    "domains",
    domains.sort().join(),
    [...expected.domains]
      .map(([domain, value]) => `${domain}=${value}`)
      .sort()
      .join(),
  );
  // A cleanup that was cut short may leave the checkpoint of a version whose commit, and with it its time, is
  // gone.
  if (expected.configuration["delta.enableInCommitTimestamps"] === "true" && version >= model.oldest)
    demand("time", String(snapshot.timestamp), String(expected.stamp));
}

function describe(
  path: string,
  { part, physicalRows, vector, size, baseRowId, defaultRowCommitVersion }: ReturnType<typeof modelFile>,
): string {
  return `${path}[${part};${physicalRows.join("+")};${vector};${size};${baseRowId};${defaultRowCommitVersion}]`;
}
