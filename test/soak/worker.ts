import { createInterface } from "node:readline";
import { Snapshot } from "../../src/api/shared/snapshot.ts";
import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { alterTable } from "../../src/operations/alter/alter.ts";
import { setSuite } from "../../src/operations/alter/set-suite.ts";
import { append } from "../../src/operations/append.ts";
import { overwrite } from "../../src/operations/overwrite.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { resubmit } from "../../src/quarantine/resubmit.ts";
import { checkpointTable, cleanTableLog } from "../../src/table/commit/log-maintenance.ts";
import { realWorld } from "../../src/util/world.ts";
import type { WriteOutcome } from "../../src/write/plan/write-options.ts";
import { generator } from "../support/generator.ts";
import { openFast } from "./fast-time.ts";
import {
  batchName,
  digestOf,
  type Event,
  gate,
  isRejected,
  type Job,
  partsOf,
  relaxed,
  rowsOf,
  rowText,
} from "./job.ts";

/** Failures that a careful application answers by trying again. */
const passing = [
  "STORE_UNAVAILABLE",
  "LOG_GAP",
  "COMMIT_RETRIES_EXHAUSTED",
  "COMMIT_OUTCOME_UNKNOWN",
  "CONFLICT_METADATA_CHANGED",
  "CONFLICT_PROTOCOL_CHANGED",
  "CONFLICT_CONCURRENT_APPEND",
  "CONFLICT_CONCURRENT_DELETE_READ",
  "CONFLICT_CONCURRENT_DELETE_DELETE",
  "CONFLICT_CONCURRENT_TRANSACTION",
  "VERSION_NOT_FOUND",
] as const;

const job: Job = JSON.parse(process.argv[2] ?? "");
process.env["TMPDIR"] = job.temporary;
const random = generator(job.seed);
const below = (end: number): number => Math.floor(random() * end);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let stopping = false;

function tell(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/**
 * Says that the process is ready for its next piece of work; the answer is the floor for readers, or nothing
 * when it is time to end.
 */
async function next(): Promise<number | undefined> {
  tell({ event: "ready" });
  const line = await lines.next();
  stopping = line.done === true || line.value === "stop";
  return stopping ? undefined : Number(line.value);
}

async function main(): Promise<void> {
  const context = await openFast(job);
  let held: LogSnapshot | undefined;
  let number = job.next;
  for (let floor = await next(); floor !== undefined; floor = await next()) {
    try {
      held = held === undefined || random() < 0.2 ? await openLog(context) : await refreshLog(held);
      const finished = await work(context, held);
      if (finished) number++;
    } catch (error) {
      held = undefined;
      report(error, batchName(job.batches, number));
      if (isVarveError(error, "BATCH_REJECTED", "QUARANTINE_INVALID")) number++;
    }
  }

  async function work(table: TableContext, snapshot: LogSnapshot): Promise<boolean> {
    const batch = batchName(job.batches, number);
    switch (job.role) {
      case "appender":
        tell({ event: "try", batch });
        return done(batch, await append(snapshot, rowsOf(batch), { gate, batchId: batch }));
      case "overwriter":
        tell({ event: "try", batch });
        return done(batch, await replace(snapshot, batch));
      case "resubmitter": {
        const { landed } = await resubmit(snapshot, { gate: relaxed });
        tell({ event: "worked", what: "rows resubmitted", count: landed });
        break;
      }
      case "alterer":
        await change(snapshot);
        break;
      case "keeper":
        await keep(table, snapshot);
        break;
      case "reader":
        await read(table, snapshot);
    }
    await realWorld.sleep(below(400));
    return false;
  }
}

async function replace(snapshot: LogSnapshot, batch: string): Promise<WriteOutcome> {
  const parts = partsOf(batch);
  const how =
    parts.length > 1
      ? { dynamicPartitions: true }
      : { replaceWhere: `part IN (${parts.map((part) => `'${part}'`).join(", ")})` };
  return overwrite(snapshot, rowsOf(batch), { ...how, batchId: batch });
}

async function done(batch: string, result: WriteOutcome): Promise<boolean> {
  if (isRejected(batch))
    tell({ event: "fault", message: `${batch} was to be rejected, and is ${result.outcome}` });
  tell({ event: "done", batch, version: result.version, repeated: result.outcome === "alreadyApplied" });
  const maintenance = await result.maintenance;
  tell({ event: "worked", what: "log files cleaned up", count: maintenance?.cleanup?.deleted.length ?? 0 });
  for (const { cause, message } of maintenance?.warnings ?? []) {
    if (!isVarveError(cause, ...passing)) tell({ event: "fault", message });
  }
  return true;
}

async function change(snapshot: LogSnapshot): Promise<void> {
  const what = below(4);
  if (what === 0) {
    const set = {
      "delta.checkpointInterval": String(2 + below(9)),
      "delta.logRetentionDuration": `interval ${below(2)} hours`,
    };
    await alterTable(snapshot, { set });
  } else if (what === 1) await alterTable(snapshot, { set: { "soak.note": String(below(1000)) } });
  else if (what === 2) {
    const has = snapshot.metadata.configuration["delta.constraints.sane"] !== undefined;
    await alterTable(
      snapshot,
      has
        ? { dropConstraints: ["sane"] }
        : { addConstraints: { sane: "amount > -1000" }, upgradeProtocol: true },
    );
  } else {
    const watch: CheckJson = {
      kind: "expect_column_values_to_not_be_null",
      params: { column: "value" },
      onFail: "warn",
    };
    const suite = { name: `watch ${below(100)}`, checks: [watch] };
    await setSuite(snapshot, random() < 0.4 ? null : suite);
  }
  tell({ event: "worked", what: "alterations", count: 1 });
}

async function keep(context: TableContext, snapshot: LogSnapshot): Promise<void> {
  const what = below(3);
  if (what === 0) {
    await checkpointTable(snapshot);
    tell({ event: "worked", what: "checkpoints on demand", count: 1 });
  } else if (what === 1 && snapshot.version > 4) {
    await writeCompaction(context, snapshot.version - 1 - below(4), snapshot.version);
    tell({ event: "worked", what: "log compactions", count: 1 });
  } else {
    const { deleted } = await cleanTableLog(snapshot);
    tell({ event: "worked", what: "log files cleaned up", count: deleted.length });
  }
}

/** The newest version, or one of the past that can still be read. */
async function read(context: TableContext, newest: LogSnapshot): Promise<void> {
  const isNewest = random() < 0.5;
  const snapshot = isNewest
    ? newest
    : await openLog(context, { version: Math.max(0, newest.version - below(30)) });
  const rows: string[] = [];
  for await (const row of Snapshot.of(snapshot).rows()) rows.push(rowText(row));
  tell({ event: "read", version: snapshot.version, digest: digestOf(rows), isNewest });
}

function report(error: unknown, batch: string): void {
  if (isVarveError(error, "BATCH_REJECTED") && isRejected(batch)) tell({ event: "rejected", batch });
  else if (isVarveError(error, "QUARANTINE_INVALID") && job.role === "appender") {
    tell({ event: "given-up", batch });
    // By design where rows were resubmitted since: they may be in the table. A batch that comes again as it
    // was gives no other reason.
    if (!(Number(error.data["resolved"]) > 0)) tell({ event: "fault", message: error.message });
  } else if (isVarveError(error, ...passing)) tell({ event: "error", code: error.code });
  else
    tell({
      event: "fault",
      message: error instanceof Error ? `${error.stack}\ncause: ${String(error.cause)}` : String(error),
    });
}

await main();
process.exit(0);
