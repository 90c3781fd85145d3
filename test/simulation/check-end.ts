import type { TableContext } from "../../src/log/contract.ts";
import { parseLogPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { parseJson } from "../../src/util/json.ts";
import type { Model } from "./model.ts";
import { Violation } from "./model-state.ts";
import { compare } from "./reader.ts";
import type { Run, SimTable } from "./run-seed.ts";
import type { SimBucket } from "./sim-store.ts";
import type { Writer } from "./writer.ts";

/** What must hold when everybody is done. @throws {@link Violation} */
export async function checkEnd(
  run: Run,
  writers: readonly Writer[],
  calm: (bucket: SimBucket) => TableContext,
): Promise<void> {
  for (const table of [run.main, run.quarantine]) {
    checkAcknowledged(table, writers);
    checkFailed(table, writers);
    checkBatches(table, writers);
    checkChecksums(table);
    checkDataFiles(table);
    await checkReadable(run, table, calm(table.bucket));
  }
}

/**
 * An acknowledged commit is the one that landed first in its version. Its twin, a request that was given up,
 * may land once more after the version was cleaned up; so may one that lost the version to another. Neither
 * is a contradiction: only what the writer was told counts.
 */
function checkAcknowledged({ model }: SimTable, writers: readonly Writer[]): void {
  for (const writer of writers) {
    for (const { table, version, txnId } of writer.acknowledged) {
      if (table.model !== model) continue;
      if (model.commitOf(version)?.txnId !== txnId)
        throw new Violation(`${writer.name} was told that ${txnId} is version ${version}; it is not`);
    }
  }
}

function checkFailed({ model }: SimTable, writers: readonly Writer[]): void {
  const landed = new Set(
    model.commits.flatMap(({ actions }) =>
      actions.flatMap((action) => (action.kind === "add" ? [action.path] : [])),
    ),
  );
  for (const writer of writers) {
    for (const { table, paths } of writer.failed) {
      const path = table.model === model ? paths.find((one) => landed.has(one)) : undefined;
      if (path !== undefined)
        throw new Violation(`${writer.name} was told that the commit of ${path} failed; it is in the table`);
    }
  }
}

function checkBatches({ model }: SimTable, writers: readonly Writer[]): void {
  const landed = new Map<string, number>();
  for (const { actions } of model.commits) {
    for (const action of actions) {
      if (action.kind !== "txn") continue;
      const key = `${action.appId}:${action.version}`;
      landed.set(key, (landed.get(key) ?? 0) + 1);
    }
  }
  for (const [batch, times] of landed)
    if (times > 1) throw new Violation(`batch ${batch} is in the table ${times} times`);
  for (const { app, batchesDone } of writers) {
    for (let batch = 1; batch <= batchesDone; batch++) {
      if (landed.get(`${app}:${batch}`) !== 1)
        throw new Violation(`batch ${app}:${batch} is done but not in the table`);
    }
  }
}

function checkDataFiles({ bucket, model }: SimTable): void {
  for (const path of model.named)
    if (!bucket.objects.has(path) && !model.vacuumed.has(path))
      throw new Violation(`${path} is gone, though a commit names it`);
}

function checkChecksums({ bucket, model }: SimTable): void {
  for (const path of bucket.keys) {
    const name = parseLogPath(path);
    if (name?.kind !== "checksum") continue;
    const value = parseJson(new TextDecoder().decode(bucket.objects.get(path)?.bytes)) as Record<
      string,
      unknown
    >;
    const state = model.stateOf(name.version);
    if (state === undefined) throw new Violation(`${path} is of a version that never landed`);
    const bytes = [...state.files.values()].reduce((sum, { size }) => sum + size, 0);
    if (value["numFiles"] !== state.files.size || value["tableSizeBytes"] !== bytes) {
      throw new Violation(
        `${path} says ${value["numFiles"]} files of ${value["tableSizeBytes"]} bytes; there are ${state.files.size} of ${bytes}`,
      );
    }
    const txns = value["setTransactions"];
    if (Array.isArray(txns) && txns.length !== state.txns.size)
      throw new Violation(`${path} lists ${txns.length} applications of ${state.txns.size}`);
    const domains = value["domainMetadata"];
    if (Array.isArray(domains) && domains.length !== state.domains.size)
      throw new Violation(`${path} lists ${domains.length} domains of ${state.domains.size}`);
  }
}

async function checkReadable(run: Run, { model, bucket }: SimTable, context: TableContext): Promise<void> {
  const latest = await openLog(context);
  if (latest.version !== model.latest)
    throw new Violation(`the table ends at version ${latest.version}; version ${model.latest} landed`);
  await compare(latest, model);
  if (run.random.chance(0.5)) return;
  const oldest = oldestReadable(bucket, model);
  await compare(
    await openLog(context, { version: oldest + run.random.below(model.latest - oldest + 1) }),
    model,
  );
}

/**
 * The oldest version from which on every version must be readable: the first that a checkpoint or an unbroken
 * log covers.
 */
function oldestReadable(bucket: SimBucket, model: Model): number {
  const commits = new Set<number>();
  const checkpoints: number[] = [];
  for (const path of bucket.keys) {
    const name = parseLogPath(path);
    if (name?.kind === "commit") commits.add(name.version);
    if (name?.kind === "checkpoint" && !model.strays.has(path)) checkpoints.push(name.version);
  }
  let start = model.latest;
  while (commits.has(start)) start--;
  if (start < 0) return 0;
  // A cleanup that was cut short may leave a checkpoint whose commit, and with it the commit's own time, is
  // gone.
  const base = checkpoints.find((version) => version > start);
  if (base === undefined)
    throw new Violation(`versions up to ${start} are gone and no checkpoint stands for them`);
  return base;
}
